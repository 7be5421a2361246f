"""What there is -> rich tables: tasks, models, answer keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from harness.models import ModelSummary


def task_table(rows: Sequence[Mapping[str, Any]], *, whole: bool) -> Table:
    """Groups with their number of tasks, or (`whole`) one entry with the names of its tasks.

    Args:
        rows: name, alias, kind, tasks, version, path; where known also output_type, dataset and published_generation.
        whole: Show tasks and paths too.
    """
    table = _table("name", "what", "tasks")
    for row in rows:
        if whole:
            table.add_row(row["name"], escape(row["alias"]), "\n".join(row["tasks"]))
            facts = (row["kind"], row.get("output_type"), row.get("dataset"))
            table.add_row("", f"[dim]{escape(' · '.join(filter(None, facts)))}[/]", "")
            table.add_row("", f"[dim]{escape(row['path'])}[/]", "")
            if published := row.get("published_generation"):
                table.add_row("", f"[dim]published with {escape(gen_words(published))}[/]", "")
        elif row["kind"] == "group":
            table.add_row(row["name"], escape(row["alias"]), str(len(row["tasks"])))
    return table


def gen_words(settings: Mapping[str, Any]) -> str:
    """Generation settings as they are typed: `--gen do_sample=true,temperature=0.001`."""
    return f"--gen {','.join(f'{name}={json.dumps(value)}' for name, value in sorted(settings.items()))}"


def model_table(models: Iterable[ModelSummary]) -> Table:
    """Aliases and checkpoints, whether they can be used, and where they come from."""
    table = _table("model", "stage", "parent", "ready", "from")
    for model in models:
        ready = {True: "[green]yes[/]", False: "[yellow]no[/]", None: "[dim]asks[/]"}[model.ready]
        if model.kind == "build" and not model.ready:
            ready = "[cyan]built at first use[/]"
        table.add_row(escape(model.name), model.stage or "", escape(model.parent or ""), ready, escape(model.source))
    return table


def key_table(keys: Iterable[Any]) -> Table:
    """Answer keys with their provenance and confidence counts."""
    table = _table("benchmark", "key", "entries", "confidence", "provenance")
    for key in keys:
        counts = ", ".join(f"{n} {name}" for name, n in key.confidence.items())
        table.add_row("\n".join(key.benchmarks), escape(key.ref.version), str(key.entries), counts, escape(key.ref.provenance))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
