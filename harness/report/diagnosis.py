"""Diagnosis, Culture* -> tables for a terminal, and as GitHub markdown: the same cells, and every state a word.

One table is one benchmark by one metric. Where the terminal is narrow, the lesser columns give way, never a number's end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from harness.report.markdown import escape
from harness.report.sections import TITLES
from harness.report.text import count, one_line
from harness.schema import Culture, Diagnosis, Finding, State, TopicEstimate

Rows = list[tuple[str, ...]]

HALF: Final = (
    "Read: the dev half of the run. The test half stays unseen, so that it can show later whether training mended what is weak."
)
LEGEND: Final = (
    "Percent, with one-sided 95% bounds. weak: the upper bound lies below the standard; strong: the lower bound reaches it; "
    "undecided: neither. for all: what holds for all findings together (Holm). gap: distance to the standard on its wrong side, "
    "corrected for guessing. needed: dev items that would decide with 80% power at this gap."
)
TOPIC_LEGEND: Final = (
    "Topics: shrunk toward what they have in common, with 95% of the posterior. They have too few items for a verdict."
)
FINDING: Final = ("dimension", "state", "value", "bounds", "standard", "gap", "n", "needed", "for all", "chance")
WORDS: Final = 2
"""Columns of words, before those of numbers."""
NARROWER: Final = ("chance", "for all", "gap", "needed", "n")
"""Columns that give way, in this order; what holds for all is said below the tables too."""
TOPIC: Final = ("dimension", "topic", "n", "value", "shrunk", "95%")
MOST_SHOWN: Final = 100_000

_STYLE: Final[dict[State, str]] = {"weak": "bold red", "strong": "green", "undecided": "yellow"}
_STATES: Final[tuple[State, ...]] = ("weak", "undecided", "strong")


def show_diagnosis(diagnosis: Diagnosis, *, topics: bool = False) -> RenderableType:
    """States by benchmark and metric, then what they add up to, notes and how to read it."""
    parts: list[RenderableType] = [Text(line, style="bold" if not i else "dim") for i, line in enumerate(_head(diagnosis))]
    parts.append(_FindingTables(tuple(_tables(diagnosis))))
    if topics:
        for title, estimates in _topic_tables(diagnosis):
            parts += ["", Text(title, style="bold"), _topic_table(estimates)]
    parts += ["", *(Text.assemble((f"{state}: ", _STYLE[state]), areas) for state, areas in _summary(diagnosis))]
    if diagnosis.notes:
        parts += ["", Text("Notes", style="bold"), *(Text(f"· {one_line(note)}") for note in diagnosis.notes)]
    return Group(*parts, "", *(Text(line, style="dim") for line in _legends(diagnosis, topics)))


def diagnosis_markdown(diagnosis: Diagnosis, *, topics: bool = False) -> str:
    """The same as GitHub markdown."""
    return "\n".join(_markdown(diagnosis, topics)) + "\n"


def culture_list(cultures: Sequence[Culture]) -> RenderableType:
    """The cultures, what each measures and retains, and how its stages are trained."""
    if not cultures:
        return Text("No culture: no tasks/*/culture.toml in any home.", style="dim")
    return Group(*(part for one in cultures for part in _culture(one)))


def _culture(one: Culture) -> Iterator[RenderableType]:
    yield Text.assemble((one_line(one.name), "bold"), (f"  {one_line(one.title)}, {one_line(one.language)}", "dim"))
    lines = Table.grid(padding=(0, 2))
    lines.add_column(style="dim", no_wrap=True)
    lines.add_column(overflow="fold")
    lines.add_row("  measures", Text(one_line(", ".join(one.benchmarks))))
    lines.add_row("  retains", Text(one_line(", ".join(one.retained) or "–")))
    for name, plan in one.stages.items():
        replay = "".join(f", {100 * share:g}% {kept}" for kept, share in plan.replay.items())
        lines.add_row(f"  {name}", Text(one_line(f"recipe {plan.recipe}, {count(plan.rows, 'row')}{replay}")))
    yield lines


@dataclass(frozen=True)
class _FindingTables:
    """All tables of findings, with the same columns, as many as fit the width they are drawn in."""

    tables: tuple[tuple[str, list[Finding]], ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.update(width=10_000)
        for dropped in range(len(NARROWER) + 1):
            drawn = [_finding_table(findings, NARROWER[:dropped]) for _, findings in self.tables]
            if max(Measurement.get(console, wide, table).maximum for table in drawn) <= options.max_width:
                break
        for (title, _), table in zip(self.tables, drawn, strict=True):
            yield ""
            yield Text(title, style="bold")
            yield table


def _finding_table(findings: Sequence[Finding], without: Sequence[str]) -> Table:
    kept = [place for place, title in enumerate(FINDING) if title not in without]
    table = _plain([FINDING[place] for place in kept], 0)
    for finding, row in zip(findings, _rows(findings), strict=True):
        table.add_row(*(_cell(finding, place, row[place]) for place in kept))
    return table


def _cell(finding: Finding, place: int, text: str) -> Text:
    if FINDING[place] == "state":
        return Text(text, style=_STYLE[finding.state])
    return Text(text, style="dim" if FINDING[place] in {"bounds", "n", "chance"} else "")


def _plain(titles: Sequence[str], folds: int) -> Table:
    """Two columns of words, one of which (`folds`) may break where there is no room, then numbers."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    for place, title in enumerate(titles):
        table.add_column(title, justify="left" if place < WORDS else "right", no_wrap=place != folds, overflow="fold")
    return table


def _topic_table(estimates: Sequence[TopicEstimate]) -> Table:
    table = _plain(TOPIC, 1)
    for row in _topic_rows(estimates):
        table.add_row(*map(Text, row))
    return table


def _head(diagnosis: Diagnosis) -> tuple[str, ...]:
    standard = f"against run {one_line(diagnosis.reference)}" if diagnosis.reference else f"culture {one_line(diagnosis.culture)}"
    return one_line(diagnosis.model), f"run {one_line(diagnosis.run)} · {standard}"


def _tables(diagnosis: Diagnosis) -> Iterator[tuple[str, list[Finding]]]:
    for benchmark, metric in dict.fromkeys((one.benchmark, one.metric) for one in diagnosis.findings):
        found = [one for one in diagnosis.findings if (one.benchmark, one.metric) == (benchmark, metric)]
        yield f"{_title(benchmark, metric)}, {found[0].stage}{', less is better' if found[0].ceiling else ''}", found


def _topic_tables(diagnosis: Diagnosis) -> Iterator[tuple[str, list[TopicEstimate]]]:
    for benchmark, metric in dict.fromkeys((one.benchmark, one.metric) for one in diagnosis.topics):
        found = [one for one in diagnosis.topics if (one.benchmark, one.metric) == (benchmark, metric)]
        yield f"{_title(benchmark, metric)}, topics", found


def _title(benchmark: str, metric: str) -> str:
    return f"{one_line(benchmark)} · {TITLES.get(metric, one_line(metric))}"


def _rows(findings: Sequence[Finding]) -> Rows:
    return [
        (
            one_line(one.dimension, 40),
            one.state,
            _percent(one.value),
            f"{_percent(one.interval.low)}–{_percent(one.interval.high)}",
            f"{'≤' if one.ceiling else '≥'} {_percent(one.standard)}",
            _percent(one.gap),
            f"{one.n:,}",
            _needed(one.needed),
            one.claim if one.claim != "undecided" else "–",
            _percent(one.chance) if one.chance else "–",
        )
        for one in findings
    ]


def _topic_rows(estimates: Sequence[TopicEstimate]) -> Rows:
    return [
        (
            one_line(one.dimension, 20),
            one_line(one.topic, 40),
            f"{one.n:,}",
            _percent(one.value),
            _percent(one.shrunk),
            f"{_percent(one.interval.low)}–{_percent(one.interval.high)}",
        )
        for one in estimates
    ]


def _needed(items: int | None) -> str:
    if items is None:
        return "–"
    return f"{items:,}" if items <= MOST_SHOWN else f"> {MOST_SHOWN:,}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _summary(diagnosis: Diagnosis) -> Iterator[tuple[State, str]]:
    total = len({one.area for one in diagnosis.findings})
    for state in _STATES:
        areas = diagnosis.areas(state)
        sure = sorted({one.area for one in diagnosis.findings if one.claim == state} & {*areas})
        yield (
            state,
            f"{len(areas)} of {total} areas{_listed(areas)}{_listed(sure, '; for all: ') if state != 'undecided' else ''}",
        )


def _listed(areas: Sequence[str], lead: str = ": ") -> str:
    return lead + ", ".join(map(one_line, areas)) if areas else ""


def _legends(diagnosis: Diagnosis, topics: bool) -> list[str]:
    return [HALF, LEGEND, *([TOPIC_LEGEND] if topics and diagnosis.topics else [])]


def _markdown(diagnosis: Diagnosis, topics: bool) -> Iterator[str]:
    head, place = _head(diagnosis)
    yield from (f"## {escape(head)}", "", escape(place))
    for title, findings in _tables(diagnosis):
        yield from ("", f"### {escape(title)}", "", *_markdown_table(FINDING, _rows(findings)))
    for title, estimates in _topic_tables(diagnosis) if topics else ():
        yield from ("", f"### {escape(title)}", "", *_markdown_table(TOPIC, _topic_rows(estimates)))
    yield ""
    yield from (f"- **{state}**: {escape(areas)}" for state, areas in _summary(diagnosis))
    if diagnosis.notes:
        yield from ("", "### Notes", "", *(f"- {escape(note)}" for note in diagnosis.notes))
    for line in _legends(diagnosis, topics):
        yield from ("", line)


def _markdown_table(titles: Sequence[str], rows: Rows) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{'|'.join('---' if place < WORDS else '---:' for place in range(len(titles)))}|"
    yield from (f"| {' | '.join((*map(escape, row[:WORDS]), *row[WORDS:]))} |" for row in rows)
