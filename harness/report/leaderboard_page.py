"""Leaderboard -> headings, tables, lines and figures: what stands on the page and in which order, whatever it is written as.

Measured models come first, ranked where they may be; then published rows, which never are. Figures are asked for here and drawn
where they can be shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from harness.report.blocks import Block, Heading, Lines, Table
from harness.report.plots import Dot, Step
from harness.report.sections import TITLES
from harness.report.text import count, interval_text, is_share, number, one_line
from harness.schema import (
    Average,
    BaselineRow,
    BoardGroup,
    BoardRow,
    BoardScore,
    BoardTable,
    KeyRef,
    Leaderboard,
    Place,
    PublishedCell,
    PublishedRow,
)

ABSENT: Final = "–"
MADE: Final = ("coverage", "key", "judge")
"""How a row came about: a column of its own where rows differ, else a line below the table."""
MISPRINT: Final = "†"
AS_MACRO: Final = "‡"
MOST_NAMED: Final = 12
"""Models that are named above the tables."""
STAGES: Final = ("base", "knowledge", "safety")

READ: Final = "Percent with 95% intervals. micro: over all items. macro: the mean of the dimensions, each weighing the same."
HOW: Final = (
    "rank: the ranks a model may have, right for all models of a table at once with 95% (Mogstad, Romano, Shaikh & Wilhelm 2024; "
    "McNemar statistics of all pairs on the same items, stepwise). 1–3 means: first, second or third, the items cannot say.",
    "tier: goes on until a model comes that is significantly worse than the tier's first. Members of a tier are not shown to be "
    "equal, and each table is judged for itself: of twenty, one may be wrong somewhere.",
    "behind the first: the micro score of the first less this one's on the same items, in points, more being better. Its "
    "interval speaks of this pair alone, so that it may leave out 0 where rank and tier, which speak of all pairs at once, do "
    "not decide.",
    "Ranked together are only models that were measured with the same judge, rubric, answer key, items, task versions, "
    "generation settings and chat template.",
)
PUBLISHED: Final = (
    "Published rows stand as their sources print them. They were made with other judges, other prompts and other answer keys "
    "than measured ones, so they are never ranked, neither with those nor among themselves; their order is that of the sources."
)


@dataclass(frozen=True)
class Figure:
    """A picture to be drawn."""

    kind: Literal["intervals", "slopes", "heat"]
    title: str
    dots: tuple[Dot, ...] = ()
    marks: Mapping[str, float] | None = None
    steps: tuple[Step, ...] = ()
    rows: tuple[tuple[str, tuple[float | None, ...]], ...] = ()
    columns: tuple[str, ...] = ()
    ceiling: bool = False


Part = Block | Figure


def page(board: Leaderboard) -> Iterator[Part]:
    """The whole page."""
    yield Heading(f"Leaderboard: {board.title or board.culture}", 1)
    yield Lines((_who(board),), strong=True)
    there = any(table.published for section in board.sections for table in section.tables)
    yield Lines((READ, *(HOW if board.entries else ()), *((PUBLISHED,) if there else ())))
    for section in board.sections:
        yield Heading(section.title, 2)
        if section.unmeasured:
            yield Lines((f"No measured model yet: {', '.join(section.unmeasured)}.",))
        for table in section.tables:
            yield from _table(table)
    if board.misprints:
        yield Heading("Misprints", 2)
        yield Lines((f"{MISPRINT} marks a printed number that disagrees with its source's own counts:",), strong=True)
        yield Lines(board.misprints)
    if board.notes:
        yield Heading("Notes of the runs", 2)
        yield Lines(board.notes)


def _who(board: Leaderboard) -> str:
    if len(board.entries) > MOST_NAMED:
        return f"{len(board.entries):,} measured models."
    if board.entries:
        return f"{count(len(board.entries), 'measured model')}: {', '.join(board.entries)}."
    return "No measured model yet: every number on this page is a published one, and nothing is ranked."


def _table(table: BoardTable) -> Iterator[Part]:
    title = f"{table.title}: {_metric(table)}{' (less is better)' if table.ceiling else ''}"
    yield Heading(title, 3)
    for place, group in enumerate(table.groups):
        yield from _group(table, group, title, place)
    if table.published:
        yield Lines(("Published, never ranked:",), strong=True)
        yield _published(table)
        footnotes = (*_footnotes(table), *table.remarks)
        if footnotes:
            yield Lines(footnotes)
        yield from _published_figures(table, title)


def _metric(table: BoardTable) -> str:
    return TITLES.get(table.metric, one_line(table.metric.replace("_", " ")))


# --- measured ---------------------------------------------------------------------------------------------------------------


def _group(table: BoardTable, group: BoardGroup, title: str, place: int) -> Iterator[Part]:
    if place:
        yield Lines((f"Not comparable with the models above, so ranked apart: other {', '.join(group.differs)}.",), strong=True)
    macro = any("macro" in row.overall and len(row.dimensions) > 1 for row in group.rows)
    columns = ("tier", "rank", "model", "stage", "after", "micro", *(("macro",) if macro else ()), "behind the first")
    made = [_made(row) for row in group.rows]
    told = [name for place, name in enumerate(MADE) if len({one[place] for one in made}) > 1]
    rows = [(*_row(table, row, macro), *_told(one, told)) for row, one in zip(group.rows, made, strict=True)]
    rows += [(*_baseline(table, row, macro), *(ABSENT for _ in told)) for row in group.baselines]
    first = len(columns) + len(table.dimensions)
    words = frozenset(first + place for place, name in enumerate(told) if name != "coverage")
    yield Table((*columns, *table.dimensions, *told), tuple(rows), left=5, words=words)
    alike = [f"{name} {value}" for name, value in zip(MADE, made[0], strict=True) if name not in told and value != ABSENT]
    if alike:
        yield Lines((" · ".join(alike),))
    named = title if not place else f"{title}, group {place + 1}"
    yield from _figures(table, group, named)


def _made(row: BoardRow) -> tuple[str, str, str]:
    """How a row came about: `MADE`."""
    return (
        f"{row.judged:,} of {row.asked:,}",
        ", ".join(_key(key) for key in row.keys.values()) or ABSENT,
        ", ".join(row.judge) or ABSENT,
    )


def _told(made: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(value for name, value in zip(MADE, made, strict=True) if name in names)


def _row(table: BoardTable, row: BoardRow, macro: bool) -> tuple[str, ...]:
    micro = row.overall["micro"]
    return (
        str(row.place.tier) if row.place else ABSENT,
        ranks(row.place),
        row.name,
        row.stage or ABSENT,
        row.parent or ABSENT,
        _score(micro, table.metric),
        *((_score(row.overall.get("macro"), table.metric),) if macro else ()),
        _behind(row.place),
        *(_value(row.dimensions.get(name), table.metric) for name in table.dimensions),
    )


def _baseline(table: BoardTable, row: BaselineRow, macro: bool) -> tuple[str, ...]:
    return (
        ABSENT,
        ABSENT,
        row.name,
        "baseline",
        ABSENT,
        _share(row.overall.get("micro"), table.metric),
        *((_share(row.overall.get("macro"), table.metric),) if macro else ()),
        ABSENT,
        *(_share(row.dimensions.get(name), table.metric) for name in table.dimensions),
    )


def ranks(place: Place | None) -> str:
    """`1–3`, `2`, or a dash where there is nothing to be ranked among."""
    if place is None:
        return ABSENT
    return str(place.low) if place.low == place.high else f"{place.low}–{place.high}"


def _key(key: KeyRef) -> str:
    sure = f", at least {key.min_confidence}" if key.min_confidence else ""
    return f"{key.version}{sure}{'' if key.reviewed else ' (drafted, not reviewed)'}"


def _behind(place: Place | None) -> str:
    if place is None or place.behind is None or place.behind.interval is None:
        return ABSENT
    ends = place.behind.interval
    return f"{_points(place.behind.value)} ({_points(ends.low)} to {_points(ends.high)})"


def _points(share: float) -> str:
    text = f"{100 * share:.1f}"
    return "0.0" if text == "-0.0" else text


def _score(score: BoardScore | None, metric: str) -> str:
    if score is None:
        return ABSENT
    ends = interval_text(score.interval, metric)
    return number(score.value, metric) + (f" ({ends})" if ends else "")


def _value(score: BoardScore | None, metric: str) -> str:
    return ABSENT if score is None else number(score.value, metric)


def _share(value: float | None, metric: str) -> str:
    return ABSENT if value is None else number(value, metric)


# --- published --------------------------------------------------------------------------------------------------------------


def _published(table: BoardTable) -> Table:
    averages: tuple[Average, ...] = tuple(how for how in ("micro", "macro") if any(how in row.counted for row in table.published))
    by = "recomputed" if any(row.means for row in table.published) else "by its counts"
    told = any(row.factors for row in table.published)
    columns = ("model", *(("factor",) if told else ()), "source", "printed overall", *(f"{how}, {by}" for how in averages))
    rows = [_published_row(table, row, averages, told) for row in table.published]
    if table.options is not None:
        known = table.options
        parts = (_share(known.dimensions.get(name), table.metric) for name in table.dimensions)
        guessed = (_share(known.overall[how], table.metric) for how in averages)
        rows.append((known.name, *((ABSENT,) if told else ()), "number of options", ABSENT, *guessed, *parts))
    return Table((*columns, *table.dimensions), tuple(rows), left=3 if told else 2)


def _published_row(table: BoardTable, row: PublishedRow, averages: Sequence[Average], told: bool) -> tuple[str, ...]:
    return (
        row.model,
        *((", ".join(row.factors) or ABSENT,) if told else ()),
        row.source,
        _overall(row),
        *(_recomputed(row, row.counted.get(how), table.metric) for how in averages),
        *(_cell(row.dimensions.get(name)) for name in table.dimensions),
    )


def _recomputed(row: PublishedRow, score: BoardScore | None, metric: str) -> str:
    """Of means no finer than they are printed."""
    if score is None or not row.means or row.overall is None:
        return _score(score, metric)
    return f"{100 * score.value:.{row.overall.decimals}f}"


def _overall(row: PublishedRow) -> str:
    if row.overall is None or row.overall.printed is None:
        return ABSENT
    return _cell(row.overall) + (AS_MACRO if row.printed_as == "macro" else "")


def _cell(cell: PublishedCell | None) -> str:
    if cell is None:
        return ABSENT
    if cell.printed is None:
        return ABSENT if cell.given is None else f"{cell.given:.{cell.decimals}f}"
    return f"{cell.printed:.{cell.decimals}f}{MISPRINT if cell.misprint else ''}"


def _footnotes(table: BoardTable) -> Iterator[str]:
    cells = [cell for row in table.published for cell in (row.overall, *row.dimensions.values()) if cell]
    if any(cell.misprint for cell in cells):
        yield f"{MISPRINT} disagrees with the counts of the same row: see Misprints below."
    macros = [row for row in table.published if row.printed_as == "macro" and row.overall and "micro" in row.counted]
    if any(row.means for row in macros):
        yield (
            f"{AS_MACRO} a macro average, each category weighing the same; its source prints means of scores and no counts, so "
            "there are no intervals, and what is recomputed from its printed categories is as exact as those are."
        )
        yield f"items: {', '.join(f'{name} {n:,}' for name, n in _sizes(table))}"
    for row in (one for one in macros if not one.means):
        given = number(row.counted["micro"].value, table.metric)
        yield (
            f"{AS_MACRO} {row.source}, {row.model}: the printed {_cell(row.overall)} is a macro average; as a micro average, "
            f"which the benchmark's own papers print, the same counts give {given}."
        )
    if any(row.overall and row.overall.printed is None for row in table.published):
        yield "Rows without a printed number were read from charts, as counts."


def _sizes(table: BoardTable) -> Iterator[tuple[str, int]]:
    """Items of each category of the printed means."""
    row = next(row for row in table.published if row.means)
    yield from ((name, row.dimensions[name].n) for name in table.dimensions if name in row.dimensions)
    if row.overall is not None:
        yield "in all", row.overall.n


# --- figures ----------------------------------------------------------------------------------------------------------------


def _figures(table: BoardTable, group: BoardGroup, title: str) -> Iterator[Figure]:
    if not all(is_share(table.metric, row.overall["micro"].value) for row in group.rows):
        return
    marks = {row.name: 100 * row.overall["micro"] for row in group.baselines if "micro" in row.overall}
    dots = tuple(_dot(row.name, row.overall["micro"], row.place) for row in group.rows)
    yield Figure("intervals", f"{title}, micro", dots=dots, marks=marks)
    steps = tuple(_steps([(row.name, row.stage, row.parent, row.overall["micro"]) for row in group.rows]))
    if steps:
        yield Figure("slopes", f"{title}, by stage", steps=steps)
    if table.dimensions:
        rows = tuple((row.name, tuple(_hundred(row.dimensions.get(d)) for d in table.dimensions)) for row in group.rows)
        yield Figure("heat", f"{title}, by dimension", rows=rows, columns=table.dimensions, ceiling=table.ceiling)


def _published_figures(table: BoardTable, title: str) -> Iterator[Figure]:
    counted = [row for row in table.published if "micro" in row.counted and not row.means]
    means = [row for row in table.published if row.means and row.overall and row.overall.printed is not None]
    if means:
        dots = tuple(Dot(_labelled(row, means), row.overall.printed) for row in means if row.overall and row.overall.printed)
        yield Figure("intervals", f"{title}, published, {means[0].printed_as} as printed", dots=dots)
    if counted:
        dots = tuple(_dot(_labelled(row, counted), row.counted["micro"]) for row in counted)
        marks = {table.options.name: 100 * table.options.overall["micro"]} if table.options else None
        yield Figure("intervals", f"{title}, published, micro by counts", dots=dots, marks=marks)
    steps = tuple(_steps([(row.model, row.stage, row.parent, row.counted["micro"]) for row in counted if row.stage]))
    if steps:
        yield Figure("slopes", f"{title}, published, by stage", steps=steps)
    if table.dimensions:
        rows = tuple((_labelled(row, table.published), _given(row, table.dimensions)) for row in table.published)
        title = f"{title}, published, by dimension"
        yield Figure("heat", title, rows=rows, columns=table.dimensions, ceiling=table.ceiling)


def _given(row: PublishedRow, dimensions: Sequence[str]) -> tuple[float | None, ...]:
    """What the counts give."""
    return tuple(cell.given if (cell := row.dimensions.get(name)) else None for name in dimensions)


def _labelled(row: PublishedRow, among: Sequence[PublishedRow]) -> str:
    """The model; with its source where another row has the same name."""
    twins = sum(other.model == row.model for other in among)
    return row.model if twins == 1 else f"{row.model}, {row.source}"


def _dot(name: str, score: BoardScore, place: Place | None = None) -> Dot:
    low, high = (100 * score.interval.low, 100 * score.interval.high) if score.interval else (None, None)
    note = f"tier {place.tier}, rank {ranks(place)}" if place else ""
    return Dot(name, 100 * score.value, low, high, place.tier if place else None, note)


def _steps(rows: Sequence[tuple[str, str | None, str | None, BoardScore]]) -> Iterator[Step]:
    """Models that were trained from one another; nothing, if none of them was trained from another that is here."""
    names = {name for name, *_ in rows}
    linked = {name for name, stage, parent, _ in rows if parent in names and stage}
    parents = {parent for name, _, parent, _ in rows if name in linked}
    for name, stage, parent, score in rows:
        if stage in STAGES and name in linked | parents:
            dot = _dot(name, score)
            yield Step(name, STAGES.index(stage), dot.value, dot.low, dot.high, parent)


def _hundred(score: BoardScore | None) -> float | None:
    return None if score is None else 100 * score.value
