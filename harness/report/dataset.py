"""DataSet -> what a terminal shows of it: what each step removed, and why; what is left, by source and area."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report.text import one_line
from harness.schema import DataSet, StepReport

SHOWN: Final = 12
"""Reasons, sources or areas that are listed; the manifest has all."""


def show_dataset(made: DataSet, folder: Path) -> Group:
    """The steps, one a line, and what is left."""
    parts: list[RenderableType] = [
        Text(f"{made.name}: {made.rows:,} rows in {one_line(str(folder))}, {made.dropped:,} dropped", style="bold"),
        _steps(made.steps),
    ]
    parts += [Text(f"by {name}: {_listed(found)}") for name, found in (("source", made.by_source), ("area", made.by_area))]
    if made.contamination:
        compared = len(made.contamination)
        parts.append(
            Text(f"repeat a benchmark: {sum(made.contamination.values()):,} rows, of {compared} benchmarks compared with")
        )
    if made.unchecked:
        parts.append(Text(f"not compared with: {one_line(', '.join(made.unchecked))}"))
    notes = [*made.notes, *(f"{step.step}: {note}" for step in made.steps for note in step.notes)]
    parts += [Text(f"note: {one_line(note)}") for note in notes]
    return Group(*parts)


def _steps(steps: Sequence[StepReport]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("step", "seen", "changed", "dropped", "why"):
        table.add_column(name, justify="left" if name in ("step", "why") else "right", overflow="fold")
    for step in steps:
        why = _listed(step.reasons)
        table.add_row(Text(step.step), f"{step.seen:,}", f"{step.changed:,}", f"{step.dropped:,}", Text(why))
    return table


def _listed(counts: Mapping[str, int]) -> str:
    """The most frequent first."""
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    more = f", and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
    return ", ".join(f"{one_line(name)} {count:,}" for name, count in ordered[:SHOWN]) + more


def show_pipelines(pipelines: Sequence[tuple[str, str, Sequence[str]]]) -> Table:
    """(name, what it is about, its steps), one a line."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("pipeline", "about", "steps"):
        table.add_column(name, overflow="fold")
    for name, about, steps in pipelines:
        table.add_row(Text(one_line(name)), Text(one_line(about)), Text(" → ".join(steps)))
    return table
