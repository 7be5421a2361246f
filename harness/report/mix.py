"""Mix -> rich tables for a terminal: what it holds and why, what was left out, what a reader must know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report.text import count, one_line
from harness.schema import Mix, Share

_KINDS: Final = {"weak": "yellow", "replay": "cyan"}


def show_mix(mix: Mix, *, stored: bool = True) -> RenderableType:
    """A mix, part by part.

    Args:
        mix: What to show.
        stored: False where it was only tried out.
    """
    head = Text(one_line(mix.id), style="bold")
    if not stored:
        head.append("  tried out, not written", style="not bold yellow")
    what = f"{count(mix.rows, 'row')} for the {mix.stage} stage of {one_line(mix.model)}, by run {one_line(mix.diagnosis)}"
    parts: list[RenderableType] = [head, Text(what, style="dim"), "", _shares(mix), "", *_reasons(mix)]
    if mix.dropped:
        parts += ["", Text("Left out", style="bold"), *(Text(f"  {n:>7,}  {one_line(why)}") for why, n in mix.dropped.items())]
    compared = ", ".join(f"{n:,} of {one_line(name)}" for name, n in mix.checked.items())
    parts += ["", Text(f"No row repeats an item of a benchmark: compared with {compared}.", style="dim")]
    if mix.notes:
        parts += ["", Text("Notes", style="bold"), *(_marked(note) for note in mix.notes)]
    return Group(*parts)


def show_held(held: Mapping[str, Mapping[str, int]]) -> RenderableType:
    """What data sets hold: area -> data set -> rows, weak or not."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    table.add_column("area", overflow="fold")
    for name in dict.fromkeys(name for sets in held.values() for name in sets):
        table.add_column(Text(one_line(name)), justify="right", overflow="fold")
    for area, sets in held.items():
        table.add_row(Text(one_line(area)), *(Text(f"{rows:,}", style="" if rows else "dim") for rows in sets.values()))
    return Group("", Text("What the data sets hold", style="bold"), table)


def _shares(mix: Mix) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    table.add_column("area", overflow="fold")
    table.add_column("kind", no_wrap=True)
    for title in ("share", "90%", "rows", "different", "repeats"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("sources", overflow="fold", style="dim")
    for i, share in enumerate(mix.shares):
        last_weak = i + 1 < len(mix.shares) and share.kind == "weak" and mix.shares[i + 1].kind == "replay"
        table.add_row(*_cells(share), end_section=last_weak)
    return table


def _cells(share: Share) -> tuple[Text, ...]:
    interval = "" if share.low is None or share.high is None else f"{100 * share.low:.1f}–{100 * share.high:.1f}"
    return (
        Text(one_line(share.area)),
        Text(share.kind, style=_KINDS[share.kind]),
        Text(f"{100 * share.share:.1f}%"),
        Text(interval, style="dim"),
        Text(f"{share.rows:,}"),
        Text(f"{share.available:,}", style="dim"),
        Text(f"{share.repeats:.2f}", style="dim"),
        Text(one_line(", ".join(source.removesuffix(f"#{share.area}") for source in share.sources))),
    )


def _reasons(mix: Mix) -> list[RenderableType]:
    """Why each part is as large as it is: below the table, for they are sentences."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", overflow="fold")
    grid.add_column(overflow="fold")
    for share in mix.shares:
        grid.add_row(Text(one_line(share.area)), Text(one_line(share.reason)))
    return [Text("Why", style="bold"), grid] if mix.shares else []


def _marked(note: str) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="yellow", no_wrap=True)
    grid.add_column()
    grid.add_row("·", Text(one_line(note)))
    return grid
