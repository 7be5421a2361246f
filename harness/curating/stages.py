"""Steps -> stages, and one shard × a stage -> the next stage's shard: the part that runs in the workers.

Row steps that follow one another share a pass; a whole step ends it. What a whole step decided is done by the pass after it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from harness.curating.contract import Context, Drop, RowStep, Ruled, StepSettings, WholeStep
from harness.curating.shards import Counting, Shard, ShardCounts
from harness.schema import DataRow, DroppedRow


@dataclass(frozen=True)
class Numbered:
    """A step and its place in the pipeline, from 1."""

    place: int
    settings: StepSettings

    @property
    def name(self) -> str:
        """`3 length`."""
        return f"{self.place} {self.settings.use}"


@dataclass(frozen=True)
class Stage:
    """One pass over all shards."""

    folder: Path
    """Where its shards lie."""
    before: Path
    """Where the shards lie that it reads."""
    decided: Numbered | None
    """The whole step whose decisions it carries out first."""
    rows: tuple[Numbered, ...]
    whole: Numbered | None
    """The whole step it makes sketches for, last."""


Pass = tuple[Numbered | None, tuple[Numbered, ...], Numbered | None]
"""(whole step decided before, row steps, whole step at the end)."""


def split(steps: Sequence[Numbered]) -> list[Pass]:
    """The passes over the shards that these steps need."""
    passes: list[Pass] = []
    decided: Numbered | None = None
    rows: list[Numbered] = []
    for step in steps:
        if not step.settings.whole:
            rows.append(step)
            continue
        passes.append((decided, tuple(rows), step))
        decided, rows = step, []
    return [*passes, (decided, tuple(rows), None)]


class Worker:
    """The steps of one stage, built once a process."""

    def __init__(self, stage: Stage, contexts: Mapping[int, Context]) -> None:
        self.stage = stage
        self._rows = [(step, cast(RowStep, step.settings.build(contexts[step.place]))) for step in stage.rows]
        whole = stage.whole
        self._whole = None if whole is None else cast(WholeStep, whole.settings.build(contexts[whole.place]))

    def run(self, number: int) -> None:
        """Work on one shard."""
        shard = Shard(self.stage.folder, number)
        before = Shard(self.stage.before, number)
        work = _Work(before.read_rows())
        if self.stage.decided is not None:
            work.carry_out(self.stage.decided, before.dropping)
        for numbered, step in self._rows:
            work.apply(numbered, step)
        if self._whole is not None:
            temp = shard.sketch.with_suffix(".part")
            self._whole.sketch(work.rows, temp)
            temp.replace(shard.sketch)
        shard.store(work.rows, work.drops, work.counted())


class _Work:
    """Rows of one shard on their way through one stage."""

    def __init__(self, rows: list[DataRow]) -> None:
        self.rows = rows
        self.drops: list[DroppedRow] = []
        self._counts: dict[int, Counting] = {}

    def apply(self, numbered: Numbered, step: RowStep) -> None:
        self._take(numbered, step.rule(self.rows) if self.rows else [])

    def carry_out(self, numbered: Numbered, decided: Path) -> None:
        going = {int(place): found for place, found in json.loads(decided.read_bytes()).items()}
        text = numbered.settings.writes_text
        rulings: list[Ruled] = list(self.rows)
        for place, (why, detail) in going.items():
            rulings[place] = Drop(self.rows[place], why, detail, text=text)
        self._take(numbered, rulings)

    def _take(self, numbered: Numbered, rulings: list[Ruled]) -> None:
        count = self._counts.setdefault(numbered.place, Counting())
        kept: list[DataRow] = []
        for before, ruled in zip(self.rows, rulings, strict=True):
            count.seen += 1
            if isinstance(ruled, Drop):
                count.reasons[ruled.why] += 1
                if (ruled.action or numbered.settings.action) == "flag":
                    count.changed += 1
                    kept.append(ruled.flagged())
                else:
                    count.dropped += 1
                    self.drops.append(_dropped(numbered, ruled))
                continue
            count.changed += ruled is not before
            kept.append(ruled)
        self.rows = kept

    def counted(self) -> ShardCounts:
        return ShardCounts(rows=len(self.rows), steps={place: count.done() for place, count in sorted(self._counts.items())})


def _dropped(numbered: Numbered, drop: Drop) -> DroppedRow:
    return DroppedRow(
        step=numbered.name,
        why=drop.why,
        detail=drop.detail,
        source=drop.row.source,
        source_id=drop.row.source_id,
        row=drop.row if drop.text else None,
    )
