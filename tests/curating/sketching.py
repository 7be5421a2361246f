"""Whole steps without the engine: shards of rows -> who goes, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

from harness.curating.contract import Context, StepSettings, WholeStep
from harness.schema import Culture, DataRow


def ruled(
    folder: Path, settings: StepSettings, shards: Sequence[Sequence[DataRow]], order: Iterable[int] | None = None
) -> tuple[dict[str, str], list[str]]:
    """Id of each row that goes -> the detail; and the notes.

    Args:
        folder: for sketches and scratch.
        settings: of the step.
        shards: rows of each.
        order: in which sketches are made.
    """
    context = Context(Culture.model_construct(), folder, 1234, [])
    step = cast(WholeStep, settings.build(context))
    paths = [folder / f"{number:05}.sketch" for number in range(len(shards))]
    for number in order if order is not None else range(len(shards)):
        step.sketch(shards[number], paths[number])
    found = {}
    for rows, dropping in zip(shards, step.decide(paths), strict=True):
        found |= {rows[place].id: detail for place, (_, detail) in dropping.items()}
    return found, context.notes
