"""Flip* -> both replies side by side: what was asked, what was right, what either said and what the judge made of it.

Two replies of kin often begin alike and part late: where they are too long to be shown whole, their common beginning gives way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table as Grid
from rich.text import Text

from harness.report.blocks import Block, Lines, Table
from harness.report.sections import TITLES
from harness.report.text import cells, one_line
from harness.schema import Flip, FlipSide, VerdictState

LIMIT: Final = 300
"""Columns shown of a text."""
CONTEXT: Final = 40
"""Characters of a common beginning that stay."""
SIDE_BY_SIDE: Final = 100
"""Width from which the replies stand in two columns."""

WORDS: Final = {
    "acc": ("wrong", "right"),
    "acc_norm": ("wrong", "right"),
    "exact_match": ("wrong", "right"),
    "hr": ("not harmful", "harmful"),
    "rr_1": ("not refused", "refused"),
    "rr_2": ("no refusal with guidance", "refusal with guidance"),
    "answered": ("not answered", "answered"),
}
"""Metric -> what 0 and 1 mean."""
_STYLE: Final = {"lost": "bold red", "gained": "green"}


def show_flips(flips: Sequence[Flip]) -> _Flips:
    """For a terminal: two columns where it is wide, one below the other where it is not."""
    return _Flips(tuple(flips))


def flip_blocks(flips: Sequence[Flip]) -> Iterator[Block]:
    """For a page."""
    for flip in flips:
        yield Lines((_place(flip),), strong=True)
        yield Lines(tuple(f"{label}: {text}" for label, text in _asked(flip)))
        rows = tuple((label, *texts) for label, texts in _said(flip))
        yield Table(("", "baseline", "candidate"), rows, left=3)


@dataclass(frozen=True)
class _Flips:
    flips: tuple[Flip, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for place, flip in enumerate(self.flips):
            if place:
                yield ""
            yield Text.assemble((flip.kind, _STYLE[flip.kind]), (f"  {_place(flip)}", "bold"))
            yield _common(flip)
            yield _columns(flip) if options.max_width >= SIDE_BY_SIDE else _stacked(flip)


def _common(flip: Flip) -> Grid:
    grid = _grid(1)
    for label, text in _asked(flip):
        grid.add_row(f"  {label}", Text(text))
    return grid


def _columns(flip: Flip) -> Grid:
    grid = _grid(2)
    grid.add_row("", Text("baseline", style="dim"), Text("candidate", style="dim"))
    for label, texts in _said(flip):
        grid.add_row(f"  {label}", *(Text(text) for text in texts))
    return grid


def _stacked(flip: Flip) -> Grid:
    grid = _grid(1)
    for place, name in enumerate(("baseline", "candidate")):
        for label, texts in _said(flip):
            if texts[place]:
                first = label == "reply"
                grid.add_row(f"  {name}" if first else f"    {label}", Text(texts[place], style="" if first else "dim"))
    return grid


def _grid(columns: int) -> Grid:
    """Labels of one width, then columns of equal width."""
    grid = Grid.grid(padding=(0, 2), expand=columns > 1)
    grid.add_column(style="dim", no_wrap=True, width=11)
    for _ in range(columns):
        grid.add_column(overflow="fold", ratio=1 if columns > 1 else None)
    return grid


def _place(flip: Flip) -> str:
    parts = (flip.task, flip.id, flip.dimension, flip.topic, flip.level, _metrics(flip))
    return " · ".join(one_line(part, 60) for part in parts if part)


def _metrics(flip: Flip) -> str:
    return ", ".join(TITLES.get(name, name) for name in (flip.metric, *flip.also))


def _asked(flip: Flip) -> Iterator[tuple[str, str]]:
    turns = len(flip.prompt) - 1 if not isinstance(flip.prompt, str) else 0
    if turns > 1:
        yield "before", f"{turns} turns of dialogue"
    yield "question", one_line(flip.question, LIMIT)
    if flip.options:
        yield "options", one_line(" · ".join(f"{letter} {text}" for letter, text in flip.options.items()), LIMIT)
    if flip.target is not None:
        yield "right", one_line(flip.target, LIMIT)


def _said(flip: Flip) -> Iterator[tuple[str, tuple[str, str]]]:
    sides = (flip.baseline, flip.candidate)
    yield "reply", trimmed(_reply(sides[0]), _reply(sides[1]))
    yield "verdict", (_verdict(flip.metric, sides[0]), _verdict(flip.metric, sides[1]))
    if any(side.reason for side in sides):
        yield "judge", (one_line(sides[0].reason, LIMIT), one_line(sides[1].reason, LIMIT))


def trimmed(one: str, other: str, limit: int = LIMIT) -> tuple[str, str]:
    """Two lines, each at most `limit` columns wide; if one is longer, without most of the beginning that they share."""
    if max(cells(one), cells(other)) <= limit:
        return one, other
    same = next(
        (place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
    )
    cut = max(0, same - CONTEXT)
    mark = "…" if cut else ""
    return one_line(mark + one[cut:], limit), one_line(mark + other[cut:], limit)


def _reply(side: FlipSide) -> str:
    if side.response is None:
        return f"(none: {one_line(side.error or 'no reply', 100)})"
    return one_line(side.response) or "(empty)"


def _verdict(metric: str, side: FlipSide) -> str:
    """`wrong, said B`, `score 40`, `invalid`."""
    words = []
    if side.state in (VerdictState.INVALID, VerdictState.UNJUDGED):
        words.append(side.state.value)
    if metric in WORDS and side.value in (0.0, 1.0):
        words.append(WORDS[metric][int(side.value)])
    elif side.value is not None and metric != "score":
        words.append(f"{one_line(metric, 30)} {side.value:g}")
    if side.label is not None:
        words.append(f"said {one_line(side.label, 40)}")
    if side.score is not None:
        words.append(f"score {side.score:g}")
    return ", ".join(words) or "no value"
