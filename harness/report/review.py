"""ReviewStatus -> what a terminal shows of it."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report.text import count, one_line
from harness.schema import ReviewPair, ReviewStatus

LEGEND = (
    "raw: share of the items that both decided on which they said the same word (the action, or the label). kappa: the same "
    "beyond what chance would give (Cohen); where both used one word only it does not exist."
)


def show_review(found: ReviewStatus) -> Group:
    """Counts, people, and how far they agree."""
    parts: list[RenderableType] = [Text(one_line(found.title), style="bold"), Text(_states(found))]
    if found.actions:
        parts.append(Text("what holds: " + ", ".join(f"{one_line(name)} {n:,}" for name, n in found.actions.items())))
    if found.stale:
        parts.append(Text(f"{count(found.stale, 'decision')} on a text that its item no longer has; they count for nothing"))
    if found.own:
        parts.append(Text(f"{count(found.own, 'item')} settled by somebody who was one of those who differed"))
    if found.people:
        parts += ["", _people(found)]
    if found.pairs:
        parts += ["", _pairs(found.pairs), Text(_alpha(found), style="dim"), Text(LEGEND, style="dim")]
    return Group(*parts)


def _states(found: ReviewStatus) -> str:
    counts = ", ".join(f"{n:,} {state}" for state, n in found.states.items() if n)
    return f"{count(found.items, 'item')}: {counts or 'nothing'}; {count(found.decisions, 'decision')} written"


def _people(found: ReviewStatus) -> Table:
    table = _table("who", "items", "s each", "said")
    for one in found.people:
        said = ", ".join(f"{one_line(name)} {n:,}" for name, n in one.actions.items())
        table.add_row(
            Text(one_line(one.name)), f"{one.decided:,}", "–" if one.seconds is None else f"{one.seconds:.0f}", Text(said)
        )
    return table


def _pairs(pairs: tuple[ReviewPair, ...]) -> Table:
    table = _table("who", "items", "raw", "95%", "kappa")
    for one in pairs:
        table.add_row(
            Text(f"{one_line(one.one)}, {one_line(one.other)}"),
            f"{one.items:,}",
            f"{100 * one.raw:.1f}",
            f"{100 * one.interval.low:.1f}–{100 * one.interval.high:.1f}",
            "–" if one.kappa is None else f"{one.kappa:.2f}",
        )
    return table


def _alpha(found: ReviewStatus) -> str:
    return "Krippendorff's alpha over all: " + ("–" if found.alpha is None else f"{found.alpha:.2f}")


def _table(*names: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name, justify="left" if name in ("who", "said") else "right")
    return table
