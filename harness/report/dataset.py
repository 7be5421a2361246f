"""DataSet -> what a terminal shows of it: what each step removed, and why."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.report.text import one_line
from harness.schema import DataSet


def show_dataset(made: DataSet, folder: Path) -> Group:
    """The steps, one a line, and what is left."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("step", "seen", "changed", "dropped", "why"):
        table.add_column(name, justify="left" if name in ("step", "why") else "right")
    for step in made.steps:
        why = ", ".join(
            f"{one_line(name)} {count:,}" for name, count in sorted(step.reasons.items(), key=lambda r: (-r[1], r[0]))
        )
        table.add_row(Text(step.step), f"{step.seen:,}", f"{step.changed:,}", f"{step.dropped:,}", Text(why))
    return Group(
        Text(f"{made.name}: {made.rows:,} rows in {one_line(str(folder))}, {made.dropped:,} dropped", style="bold"), table
    )
