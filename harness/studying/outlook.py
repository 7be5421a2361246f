"""study.toml -> what running it would do and cost, before anything is done: `harness study --dry-run`.

No model is loaded: the base's config, tokenizer and the headers of its weights are enough. Rows that are drawn already are
counted as they are; of others some rows of every source stand for all. What cannot be known here, because a base or a source is
not on this machine, is said to be not known, and the rest is shown all the same.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field

from harness.checkpoints import REGISTERED
from harness.errors import DataError, HarnessError, ModelError
from harness.report.blocks import Block, Heading, Lines, Table
from harness.report.text import duration
from harness.rows.sources import is_built_in
from harness.schema import Frozen, ModelRef
from harness.schema.study import Study
from harness.studying.checking import notes
from harness.studying.choices import hyper_of, measured, seeds_of
from harness.studying.drawing import MANIFEST
from harness.studying.folder import RESULT, read_done, study_id
from harness.studying.places import Places
from harness.studying.planning import PlannedStep, StudyPlan, plan
from harness.studying.pools import PoolPlan, place_of, pool_plan
from harness.studying.reading import read_study
from harness.studying.vocabularies import is_text, text_path
from harness.vocabulary import texts

if TYPE_CHECKING:
    from harness.training.estimate import Estimate, Shape

SAMPLED: Final = 256
"""Rows a phase's tokens are estimated from, about."""
_GIB: Final = 1 << 30


class PhaseOutlook(Frozen):
    """One training of a phase, whatever the seed."""

    phase: str
    recipe: str
    rows: int
    """At most."""
    epochs: float
    steps: int
    """Optimizer steps."""
    devices: int
    tokens: int | None = None
    """Trained on, all epochs."""
    seconds: dict[str, tuple[float, float]] = Field(default_factory=dict)
    """Where -> shortest and longest."""
    memory: tuple[int, int] | None = None
    """Bytes on one device: with every layer recomputed, with none."""
    notes: tuple[str, ...] = ()


class StepOutlook(Frozen):
    """One step to come."""

    id: str
    kind: str
    name: str
    phase: str | None
    arms: tuple[str, ...]
    rows: int | None
    done: bool
    """Here, or as part of another study."""


class Total(Frozen):
    """All trainings together."""

    trainings: int
    rows: int
    tokens: int | None
    steps: int
    seconds: dict[str, tuple[float, float]]
    """Where -> device-seconds, shortest and longest."""


class StudyOutlook(Frozen):
    """What a study would do."""

    id: str
    title: str
    arms: dict[str, tuple[str, ...]]
    """Arm -> vocabulary, phases, trainings and evaluations."""
    tasks: tuple[str, ...]
    phases: tuple[PhaseOutlook, ...]
    steps: tuple[StepOutlook, ...]
    shared: Total
    """As it would be run: what arms have in common once."""
    unshared: Total
    """If every arm were trained from the base."""
    left: Total
    """Of `shared`, what is not done yet."""
    finished: bool
    jobs: int
    not_known: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def outlook(path: Path | str, places: Places, jobs: int = 1) -> StudyOutlook:
    """What `harness study` would do.

    Raises:
        UsageError: there is no such file.
        DataError: the study is wrong.
    """
    study = read_study(path)
    missing: dict[str, str] = {}

    def unknown(what: str, error: DataError) -> None:
        missing[what] = str(error)

    planned = plan(study, unknown)
    where = places.studies / study_id(study, planned)
    done = {one.id for one in read_done(where)}
    steps = tuple(_step(one, places, done, bool(missing)) for one in planned.steps)
    looker = _Looker(study, places, planned)
    phases = {name: looker.phase(name) for name in study.phases if any(one.phase == name for one in planned.steps)}
    trained = {one.step.id: one.phase or "" for one in planned.steps if one.step.kind in ("train", "warm up")}
    left = [phase for id_, phase in trained.items() if not next(one.done for one in steps if one.id == id_)]
    return StudyOutlook(
        id=where.name,
        title=study.title or study.name,
        arms={name: _arm(study, planned, name) for name in study.arms},
        tasks=measured(study, looker.culture),
        phases=tuple(phases.values()),
        steps=steps,
        shared=_total(phases[phase] for phase in trained.values()),
        unshared=_total(phases[trained[id_]] for leaf in planned.leaves for id_ in leaf.chain),
        left=_total(phases[phase] for phase in left),
        finished=(where / RESULT).is_file(),
        jobs=jobs,
        not_known=(*(f"{what}: {why}" for what, why in missing.items()), *looker.not_known),
        notes=notes(study),
    )


def _arm(study: Study, planned: StudyPlan, name: str) -> tuple[str, ...]:
    arm = study.arms[name]
    factors = ", ".join(f"{factor} {level}" for factor, level in arm.factors.items())
    seeds = sum(seed is not None for seed in seeds_of(study, arm))
    own = [leaf for leaf in planned.leaves if leaf.arm == name]
    alone = sum(planned.by_id[id_].step.arms == (name,) for leaf in own for id_ in leaf.chain)
    trainings = sum(len(leaf.chain) for leaf in own)
    return arm.vocabulary, ", then ".join(arm.phases) or "–", factors or "–", str(seeds or "–"), str(trainings), str(alone)


def _step(one: PlannedStep, places: Places, done: set[str], uncertain: bool) -> StepOutlook:
    return StepOutlook(
        id=one.step.id,
        kind=one.step.kind,
        name=one.step.name,
        phase=one.phase,
        arms=one.step.arms,
        rows=sum(one.pools.values()) if one.step.kind == "draw" else None,
        done=not uncertain and _stands(one, places, done),
    )


def _stands(one: PlannedStep, places: Places, done: set[str]) -> bool:
    if one.step.kind == "draw":
        return (places.mixes / one.step.name / MANIFEST).is_file()
    if one.step.kind == "measure":
        return one.step.id in done
    return (places.checkpoints / one.step.name / REGISTERED).is_file()


def _total(phases: Iterable[PhaseOutlook]) -> Total:
    found = list(phases)
    tokens = [phase.tokens for phase in found if phase.tokens is not None]
    where = [name for phase in found for name in phase.seconds]
    seconds = {
        name: tuple(sum(phase.devices * phase.seconds[name][end] for phase in found if name in phase.seconds) for end in (0, 1))
        for name in dict.fromkeys(where)
    }
    return Total(
        trainings=len(found),
        rows=sum(phase.rows for phase in found),
        tokens=sum(tokens) if len(tokens) == len(found) else None,
        steps=sum(phase.steps for phase in found),
        seconds={name: (low, high) for name, (low, high) in seconds.items()},
    )


class _Looker:
    """Looks at each phase once."""

    def __init__(self, study: Study, places: Places, planned: StudyPlan) -> None:
        from harness.culture import load

        self.study, self.places, self.planned = study, places, planned
        self.culture = load(study.culture)
        self._warmups = {one.warmup for one in study.vocabularies.values()}
        self.not_known: list[str] = []
        self._base: Path | None = None
        self._shape: Shape | None = None
        try:
            self._base, self._shape = _base(study)
        except HarnessError as error:
            self.not_known.append(f"tokens, time and memory: {error}")

    def phase(self, name: str) -> PhaseOutlook:
        """What one training of a phase takes."""
        from harness.training.estimate import steps

        said, hyper = self.study.phases[name], hyper_of(self.study.phases[name])
        rows = sum(said.data.values())
        known = PhaseOutlook(
            phase=name,
            recipe=said.recipe,
            rows=rows,
            epochs=hyper.epochs,
            steps=steps(rows, hyper),
            devices=hyper.processes,
        )
        try:
            found = self._estimate(name, rows)
        except HarnessError as error:
            self.not_known.append(f"tokens, time and memory of phase '{name}': {error}")
            return known
        if found is None:
            return known
        return known.model_copy(
            update={
                "tokens": found.trained_tokens,
                "seconds": {time.where: time.seconds for time in found.times},
                "memory": (found.memory.least, found.memory.total),
                "notes": found.notes,
            }
        )

    def _estimate(self, name: str, rows: int) -> Estimate | None:
        from harness.training.estimate import estimated, places
        from harness.training.lengths import lengths

        if self._base is None or self._shape is None:
            return None
        hyper = hyper_of(self.study.phases[name])
        with tempfile.TemporaryDirectory() as folder:
            file = self._drawn(name) or _written(Path(folder) / "rows.jsonl", self._sample(name))
            counted = lengths(self._base, file, 4 * SAMPLED, hyper.max_length)
            return estimated(self._shape, counted, rows, hyper, places(hyper))

    def _drawn(self, phase: str) -> Path | None:
        """Rows of the phase that are drawn already, with any seed."""
        mixes = (mix for one in self.planned.steps if one.phase == phase for mix in one.mixes)
        folders = (self.places.mixes / mix for mix in mixes)
        return next((folder / "rows.jsonl" for folder in folders if (folder / MANIFEST).is_file()), None)

    def _sample(self, phase: str) -> list[dict[str, Any]]:
        """Some rows of each source, about as many as its share."""
        data, warms = self.study.phases[phase].data, phase in self._warmups
        found: list[dict[str, Any]] = []
        for pool, rows in data.items():
            if warms and is_text(self.study.data[pool]):
                lines = texts.find([text_path(self.study, self.study.data[pool])])[0]
                found += [{"text": line} for line in itertools.islice(lines, SAMPLED)]
                continue
            planned = pool_plan(self.study, self.culture, pool)
            for want in planned.wants:
                for source in want.sources:
                    share = rows / sum(data.values()) * want.share / len(want.sources)
                    found += [{"messages": talk} for talk in _rows(planned, source, max(1, round(SAMPLED * share)))]
        return found


def _base(study: Study) -> tuple[Path, Shape]:
    """Folder and sizes of the base.

    Raises:
        HarnessError: it is not on this machine, or says too little of itself.
    """
    from harness.models import resolve
    from harness.training.estimate import read_shape

    ref: ModelRef = resolve(study.base)
    if not Path(ref.source).is_dir():
        yet = " yet: it is built at first use" if ref.build else f" ({ref.source})"
        raise ModelError(f"'{ref.name}' is not on this machine{yet}")
    return Path(ref.source), read_shape(Path(ref.source))


def _written(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def _rows(planned: PoolPlan, source: str, number: int) -> list[list[dict[str, str]]]:
    """The first rows of a source that serve the pool.

    Raises:
        DataError: its file is not here.
    """
    from harness.demo import lessons
    from harness.rows.formats import READERS
    from harness.rows.sources import family_or_part

    if is_built_in(source):
        items = lessons.rows(family_or_part(source), number, 0)
        return [[{"role": "user", "content": one.question}, {"role": "assistant", "content": one.answer}] for one in items]
    declared = planned.culture.sources[source]
    file = place_of(planned, source)
    if file is None:
        raise DataError(f"source '{source}' is not here ({declared.path})")
    keep = planned.keep
    sound = (read for read in READERS[declared.format](file) if read.trouble is None and (keep is None or keep(source, read)))
    return [[turn.model_dump() for turn in read.messages] for read in itertools.islice(sound, number)]


def outlook_blocks(found: StudyOutlook) -> Iterator[Block]:
    """The page that shows it."""
    done = sum(step.done for step in found.steps)
    yield Heading(f"{found.title}: what would be done", 1)
    state = "finished" if found.finished else f"{done} of {len(found.steps)} steps done"
    measures = sum(step.kind == "measure" for step in found.steps)
    yield Lines((f"study {found.id}: {state}", f"{measures} evaluations of {', '.join(found.tasks)}"))
    columns = ("arm", "vocabulary", "phases", "factors", "seeds", "trainings", "not shared")
    yield Table(columns, tuple((name, *cells) for name, cells in found.arms.items()), left=4)
    yield Heading("One training of each phase")
    yield _phase_table(found.phases)
    yield from (Lines(tuple(f"{phase.phase}: {note}" for note in phase.notes)) for phase in found.phases if phase.notes)
    yield Heading("Steps")
    yield _step_table(found.steps)
    yield Heading("All together")
    yield _totals(found)
    if found.not_known:
        yield Lines(tuple(f"not known: {what}" for what in found.not_known), strong=True)
    if found.notes:
        yield Lines(found.notes)


def _phase_table(phases: Iterable[PhaseOutlook]) -> Table:
    columns = ("phase", "recipe", "rows", "epochs", "steps", "tokens", "memory of a device", "time")
    return Table(columns, tuple(_phase_row(phase) for phase in phases), left=2, words=frozenset({7}))


def _phase_row(phase: PhaseOutlook) -> tuple[str, ...]:
    memory = "–" if phase.memory is None else " to ".join(dict.fromkeys(_size(n) for n in phase.memory))
    times = "; ".join(f"{where}: {duration(low)} to {duration(high)}" for where, (low, high) in phase.seconds.items())
    numbers = f"{phase.rows:,}", f"{phase.epochs:g}", f"{phase.steps:,}", _number(phase.tokens), memory
    return phase.phase, phase.recipe, *numbers, times or "–"


def _step_table(steps: Iterable[StepOutlook]) -> Table:
    rows = tuple((step.kind, step.name, ", ".join(step.arms), _number(step.rows), "yes" if step.done else "") for step in steps)
    return Table(("step", "makes", "for", "rows", "done"), rows, left=3)


def _totals(found: StudyOutlook) -> Table:
    where = tuple(found.shared.seconds)
    parts: tuple[tuple[str, Total], ...] = (
        ("each from the base", found.unshared),
        ("shared once", found.shared),
        ("still to do", found.left),
    )
    columns = ("", "trainings", "rows", "steps", "tokens", *(f"device-hours, {name}" for name in where))
    return Table(columns, tuple(_total_row(label, total, where) for label, total in parts))


def _total_row(label: str, total: Total, where: Iterable[str]) -> tuple[str, ...]:
    hours = (_hours(total.seconds.get(one)) for one in where)
    return label, str(total.trainings), f"{total.rows:,}", f"{total.steps:,}", _number(total.tokens), *hours


def _hours(seconds: tuple[float, float] | None) -> str:
    return "–" if seconds is None else " to ".join(f"{end / 3600:,.2f}" for end in seconds)


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _size(number: int) -> str:
    return f"{number / _GIB:.1f} GiB" if number >= _GIB // 10 else f"{number / (1 << 20):.0f} MiB"
