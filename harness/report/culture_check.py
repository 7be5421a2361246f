"""CultureCheck, Culture -> what a terminal shows of them. All text of a file is shown as text, never as markup."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from harness.report.blocks import Block, Heading, Lines, Table, blocks_console
from harness.report.text import count, one_line
from harness.schema import Culture
from harness.schema.checking import CultureCheck, Problem

WIDTH = 300
"""Columns of a problem, which is a line."""


def show_check(found: CultureCheck) -> RenderableType:
    """Every problem on a line, errors first; then what was looked at."""
    lines = [Text(_line(one), style={"error": "red", "warning": "yellow"}[one.level]) for one in found.problems]
    errors, warnings = count(len(found.errors), "error"), count(len(found.warnings), "warning")
    items = sum(one.dev + one.test for one in found.tasks)
    here = sum(rows is not None for rows in found.sources.values())
    looked = f"{count(len(found.tasks), 'task')}, {count(items, 'item')}, {here} of {count(len(found.sources), 'source')} here"
    return Group(*lines, Text(f"{one_line(found.culture)}: {errors}, {warnings} ({looked})", style="bold"))


def show_culture(culture: Culture) -> RenderableType:
    """What a culture wants and what teaches it, dimension by dimension."""
    return blocks_console(_page(culture))


def _line(problem: Problem) -> str:
    where = problem.file if problem.line is None else f"{problem.file}:{problem.line}"
    return one_line(f"{problem.level}: {where}: {problem.what}", WIDTH)


def _page(culture: Culture) -> Iterator[Block]:
    yield Heading(f"{one_line(culture.name)}: {one_line(culture.title)} ({one_line(culture.language)})", 1)
    yield Lines((one_line(culture.folder),))
    for name, benchmark in culture.benchmarks.items():
        yield Heading(f"{one_line(name)}, {benchmark.stage} stage")
        dimensions = dict.fromkeys([d for by in benchmark.standards.values() for d in by] + list(benchmark.sources))
        rows = tuple(
            (
                one_line(dimension),
                *(_share(by.get(dimension)) for by in benchmark.standards.values()),
                _names(benchmark.sources.get(dimension)),
            )
            for dimension in dimensions
        )
        heads = tuple(f"{'at most ' if metric == 'hr' else ''}{one_line(metric)}" for metric in benchmark.standards)
        yield Table(("dimension", *heads, "sources"), rows, left=1, words=frozenset({1 + len(heads)}))
    if culture.retained:
        yield Heading("Retained")
        kept = tuple(
            (one_line(name), one_line(one.metric), _share(one.margin), _names(one.sources))
            for name, one in culture.retained.items()
        )
        yield Table(("task", "metric", "loss accepted", "sources"), kept, left=2, words=frozenset({3}))
    yield Heading("Stages")
    stages = tuple(
        (
            stage,
            one_line(plan.recipe),
            f"{plan.rows:,}",
            ", ".join(f"{share:.0%} {one_line(name)}" for name, share in plan.replay.items()),
        )
        for stage, plan in culture.stages.items()
    )
    yield Table(("stage", "recipe", "rows", "replay"), stages, left=2, words=frozenset({3}))


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:g}%"


def _names(names: tuple[str, ...] | None) -> str:
    return one_line(", ".join(names)) if names else "–"
