"""What was asked -> what it would do and cost, before anything is measured: `harness adapt --dry-run`.

No model is loaded: the base's config, tokenizer and the headers of its weights are enough. What is weak is not known yet, so
tokens are those of some rows of every source that a stage could draw from, in the shares it has if all its areas are weak.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import Field

from harness.adapting.asked import Asked, Places, checkpoint_name, stages_of
from harness.adapting.checks import check, hyper_of, model_of
from harness.adapting.folder import RECORD, adaptation_id, read_steps
from harness.adapting.machine import steps as all_steps
from harness.errors import HarnessError
from harness.folders import adaptations_dir
from harness.mixing.datasets import TaggedSet, is_data, open_sets
from harness.mixing.plan import Teachers
from harness.report.blocks import Block, Heading, Lines, Table
from harness.report.text import duration
from harness.rows.dataset import read_rows
from harness.schema import Culture, Frozen, Hyper, ModelRef, TrainedStage

if TYPE_CHECKING:
    from harness.training.estimate import Estimate

SAMPLED: Final = 256
"""Rows a stage's tokens are estimated from, about."""
_GIB: Final = 1 << 30


class StageOutlook(Frozen):
    """One stage to come."""

    stage: TrainedStage
    checkpoint: str
    recipe: str
    areas: tuple[str, ...]
    """What it would mend if it is weak."""
    rows: int
    """At most."""
    replay: dict[str, float]
    epochs: float
    instances_per_step: int
    steps: int
    """Optimizer steps, at most."""
    tokens: int | None = None
    """Trained on, all epochs."""
    seconds: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """Where -> shortest and longest."""
    memory: tuple[int, int] | None = None
    """Bytes on one device: with every layer recomputed, with none."""
    notes: tuple[str, ...] = ()


class Outlook(Frozen):
    """What an adaptation would do."""

    id: str
    model: str
    culture: str
    tasks: tuple[str, ...]
    """Of every evaluation."""
    evaluations: int
    """At most, the fresh baselines among them."""
    steps: int
    """At most."""
    done: int
    """Of them, recorded already."""
    finished: bool
    stages: tuple[StageOutlook, ...]


def outlook(asked: Asked, culture: Culture, places: Places | None = None) -> Outlook:
    """What `adapt` would do.

    Raises:
        UsageError: it would be refused.
        DataError: a recipe, a trainer.toml or a step of this adaptation is wrong.
    """
    check(asked, culture)
    model, where = model_of(asked), places or Places()
    name = adaptation_id(asked.name or asked.model, culture.name, asked.plan(culture))
    folder = adaptations_dir(where.adaptations) / name
    stages = stages_of(culture)
    return Outlook(
        id=name,
        model=model.name,
        culture=culture.name,
        tasks=culture.tasks,
        evaluations=1 + len(stages) * (1 + asked.max_rounds),
        steps=all_steps(culture, asked.max_rounds),
        done=len(read_steps(folder)),
        finished=(folder / RECORD).is_file(),
        stages=tuple(_stage(asked, culture, stage, model) for stage in stages),
    )


def outlook_blocks(found: Outlook) -> Iterator[Block]:
    """The page that shows it."""
    yield Heading(f"{found.model} → {found.culture}: what would be done", 1)
    state = "finished" if found.finished else f"{found.done} of at most {found.steps} steps done"
    yield Lines(
        (
            f"adaptation {found.id}: {state}",
            f"up to {found.evaluations} evaluations of {', '.join(found.tasks)}",
        )
    )
    columns = ("stage", "checkpoint", "recipe", "rows at most", "epochs", "steps", "tokens", "memory of a device")
    yield Table(columns, tuple(_row(stage) for stage in found.stages), left=3)
    for stage in found.stages:
        replay = ", ".join(f"{name} {100 * share:g}%" for name, share in stage.replay.items()) or "nothing"
        yield Heading(stage.stage, 3)
        times = (f"{where}: {duration(low)} to {duration(high)}" for where, (low, high) in stage.seconds.items())
        yield Lines((f"mends, if weak: {', '.join(stage.areas)}", f"replays {replay}", *times, *stage.notes))


def _row(stage: StageOutlook) -> tuple[str, ...]:
    tokens = "–" if stage.tokens is None else f"{stage.tokens:,}"
    memory = "–" if stage.memory is None else " to ".join(dict.fromkeys(_size(n) for n in stage.memory))
    numbers = f"{stage.rows:,}", f"{stage.epochs:g}", f"{stage.steps:,}", tokens, memory
    return stage.stage, stage.checkpoint, stage.recipe, *numbers


def _size(number: int) -> str:
    return f"{number / _GIB:.1f} GiB" if number >= _GIB // 10 else f"{number / (1 << 20):.0f} MiB"


def _stage(asked: Asked, culture: Culture, stage: TrainedStage, model: ModelRef) -> StageOutlook:
    from harness.training.estimate import steps

    preset, hyper = hyper_of(asked, culture, stage)
    wish, plan = asked.wish(stage), culture.stages[stage]
    rows = wish.rows or plan.rows
    replay = {name: share for name, share in {**plan.replay, **wish.replay}.items() if share}
    known = StageOutlook(
        stage=stage,
        checkpoint=checkpoint_name(wish.name or asked.name or model.name, stage, 1),
        recipe=preset,
        areas=_areas(culture, stage, asked.without),
        rows=rows,
        replay=replay,
        epochs=hyper.epochs,
        instances_per_step=hyper.instances_per_step,
        steps=steps(rows, hyper),
    )
    try:
        found = _estimate(model, _sample(culture, stage, replay, asked), rows, hyper)
    except HarnessError as error:
        return known.model_copy(update={"notes": (f"tokens, time and memory are not known yet: {error}",)})
    return known.model_copy(
        update={
            "tokens": found.trained_tokens,
            "seconds": {time.where: time.seconds for time in found.times},
            "memory": (found.memory.least, found.memory.total),
            "notes": (f"estimated from {found.counted} rows of its sources", *found.notes),
        }
    )


def _areas(culture: Culture, stage: TrainedStage, without: Iterable[str]) -> tuple[str, ...]:
    from harness.adapting.freeze import left_out

    found = {
        f"{name}/{dimension}": None
        for name, benchmark in culture.benchmarks.items()
        if benchmark.stage == stage
        for standards in benchmark.standards.values()
        for dimension in standards
    }
    return tuple(area for area in found if not left_out(area, tuple(without)))


def _estimate(model: ModelRef, talks: list[list[dict[str, str]]], rows: int, hyper: Hyper) -> Estimate:
    """What a stage would cost.

    Raises:
        HarnessError: the base is not on this machine, or says too little of itself.
    """
    from harness.errors import ModelError
    from harness.training.estimate import estimated, places, read_shape
    from harness.training.lengths import lengths

    base = Path(model.source)
    if not base.is_dir():
        raise ModelError(f"'{model.name}' is not on this machine yet ({model.source})")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.jsonl"
        file.write_text("".join(json.dumps({"messages": talk}) + "\n" for talk in talks), encoding="utf-8")
        return estimated(read_shape(base), lengths(base, file), rows, hyper, places(hyper))


def _sample(culture: Culture, stage: TrainedStage, replay: dict[str, float], asked: Asked) -> list[list[dict[str, str]]]:
    """Some rows of each source, about as many as its share of the mix.

    Raises:
        DataError: a source's file is not here.
    """
    sets = open_sets(asked.data, culture)
    teachers = Teachers(sets, asked.data_only)
    weak = [
        sources
        for name, benchmark in culture.benchmarks.items()
        if benchmark.stage == stage and name not in asked.without
        for sources in _sources(culture, name, teachers)
    ]
    wanted = [(sources, (1 - sum(replay.values())) / len(weak)) for sources in weak]
    for name, share in replay.items():
        kept = culture.retained[name].sources if name in culture.retained else _all_sources(culture, name, teachers)
        wanted.append((kept, share))
    found: list[list[dict[str, str]]] = []
    for sources, share in wanted:
        for source in sources:
            number = max(1, round(SAMPLED * share / len(sources)))
            found += _tagged(sets, source, number) if is_data(source) else _rows(culture, source, number, asked.seed)
    return found


def _sources(culture: Culture, benchmark: str, teachers: Teachers) -> list[tuple[str, ...]]:
    """Of each dimension that anything teaches."""
    declared = culture.benchmarks[benchmark].sources.items()
    named = [teachers.of(f"{benchmark}/{dimension}", sources) for dimension, sources in declared]
    return [sources for sources in named if sources]


def _all_sources(culture: Culture, benchmark: str, teachers: Teachers) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for sources in _sources(culture, benchmark, teachers) for name in sources))


def _tagged(sets: Sequence[TaggedSet], source: str, number: int) -> list[list[dict[str, str]]]:
    """The first rows of a data set that are tagged with an area."""
    name, _, area = source.partition("#")
    found = (row for one in sets if one.name == name for row in read_rows(one.folder) if area in row.areas)
    return [[turn.model_dump() for turn in row.messages] for row in itertools.islice(found, number)]


def _rows(culture: Culture, source: str, number: int, seed: int) -> list[list[dict[str, str]]]:
    from harness.demo import lessons
    from harness.errors import DataError
    from harness.rows.formats import READERS
    from harness.rows.sources import family_or_part, is_built_in, places

    if is_built_in(source):
        items = lessons.rows(family_or_part(source), number, seed)
        return [[{"role": "user", "content": one.question}, {"role": "assistant", "content": one.answer}] for one in items]
    declared = culture.sources[source]
    file = next((place for place in places(declared, culture.folder) if place.is_file()), None)
    if file is None:
        raise DataError(f"source '{source}' is not here ({declared.path})")
    sound = (read for read in READERS[declared.format](file) if read.trouble is None)
    return [[turn.model_dump() for turn in read.messages] for read in itertools.islice(sound, number)]
