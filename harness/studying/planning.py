"""Study -> the steps that its arms need, each once: what two arms have in common is one step.

    extend ─> warm up ─┐
    draw ──────────────┴> train ─> train ─> measure

A step's name ends with a hash of all that decides what it makes: the step before it, the rows wanted and what identifies their
sources, the recipe with what is set anew, the seed. So `knowledge` and `knowledge, safety` share the first training of each seed,
and another study with the same step finds its checkpoint under the same name.

A vocabulary is extended and warmed up once, whatever the seeds are: it is part of what is compared, like the base. What it owes
to chance is in no interval of the result, which says so.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from harness import catalog
from harness.culture import load
from harness.errors import DataError
from harness.rows import benchmarks
from harness.rows.sources import is_built_in
from harness.runs.write import canonical
from harness.schema import Culture, Frozen
from harness.schema.study import BASE_VOCABULARY, Study, StudyArm, StudyStep, StudyStepKind
from harness.studying.choices import hyper_of, measured, seeds_of
from harness.studying.pools import measuring, pool_identity, pool_plan
from harness.studying.vocabularies import is_text, other_texts, pools_of, text_path
from harness.vocabulary import texts

VERSION: Final = 1
"""Of how rows are drawn and models are made; part of every name."""
TEXT_ROWS: Final = 200_000
"""Rows of a pool that new tokens are learnt from, at most; a pool that is a file of its own is read whole."""
DEMO_ROWS: Final = 10_000
"""The same of a pool that the demo world draws, which has no end."""
TEXT_SEED: Final = 0
"""Of the order in which they are drawn, and of a warm-up."""
_HARMLESS: Final = frozenset({"recompute_layers", "save_steps", "keep_checkpoints"})
"""Fields of a recipe that decide memory and disk, never a weight."""
_DIGITS: Final = 8
_LONGEST: Final = 90
"""Characters of a checkpoint's name."""

Unknown = Callable[[str, DataError], None]
"""(pool or text, why): told of what is not known yet, where that is no error."""


class PlannedStep(Frozen):
    """A step, and all that doing it needs to know."""

    step: StudyStep
    decides: dict[str, Any]
    """What its name's hash is of."""
    parent: str | None = None
    """Model that it begins with."""
    phase: str | None = None
    vocabulary: str | None = None
    mixes: tuple[str, ...] = ()
    """Names of the drawn rows that it is made from."""
    pools: dict[str, int] = Field(default_factory=dict)
    """Of a draw: pool -> rows wanted."""
    text: bool = False
    """Of a draw: plain text is wanted, a line a row."""

    @property
    def digest(self) -> str:
        """Short, as it stands in names."""
        return self.step.id.rpartition(" ")[2]


@dataclass(frozen=True)
class Leaf:
    """What an arm comes to with one seed."""

    arm: str
    seed: int | None
    model: str
    """Name of the checkpoint, or the base."""
    chain: tuple[str, ...]
    """Ids of the trainings behind it, in order."""
    measure: str
    """Id of the step that measures it."""


@dataclass(frozen=True)
class StudyPlan:
    """All steps, each after those that it needs; and what the arms come to."""

    steps: tuple[PlannedStep, ...]
    leaves: tuple[Leaf, ...]

    @cached_property
    def by_id(self) -> Mapping[str, PlannedStep]:
        """Id -> step."""
        return {one.step.id: one for one in self.steps}


def plan_study(study: Study) -> tuple[StudyStep, ...]:
    """The steps of a study, each after those that it needs.

    Raises:
        DataError: a file of a pool is missing or broken.
    """
    return tuple(one.step for one in plan(study).steps)


def plan(study: Study, unknown: Unknown | None = None) -> StudyPlan:
    """The steps with all that doing them needs.

    Args:
        study: what is compared.
        unknown: told of files that are not here, with which names are only for show; None: they are errors.

    Raises:
        DataError: a file of a pool is missing or broken.
    """
    return _Planner(study, load(study.culture), unknown).planned()


class _Planner:
    def __init__(self, study: Study, culture: Culture, unknown: Unknown | None) -> None:
        self.study, self.culture, self._unknown = study, culture, unknown
        self._steps: dict[str, PlannedStep] = {}
        self._pools: dict[tuple[str, bool], Any] = {}
        self._base = base_identity(study.base)
        self._short = short_name(study.base)
        self._benchmarks = benchmarks.identity(measuring(study, culture), catalog.read())
        self._tasks = measured(study, culture)

    def planned(self) -> StudyPlan:
        leaves = [self._leaf(name, arm, seed) for name, arm in self.study.arms.items() for seed in seeds_of(self.study, arm)]
        return StudyPlan(_in_order(self._steps), tuple(leaves))

    def _leaf(self, name: str, arm: StudyArm, seed: int | None) -> Leaf:
        before = self._vocabulary(arm.vocabulary, name)
        chain = [] if before is None else [*before.step.needs, before.step.id]
        for number, phase in enumerate(arm.phases, 1):
            before = self._train(phase, arm.phases[:number], seed, before, name, arm.vocabulary)
            chain.append(before.step.id)
        chain = [one for one in chain if self._steps[one].step.kind in ("train", "warm up")]
        measure = self._measure(before, seed if arm.phases else None, name)
        return Leaf(name, seed, self.study.base if before is None else before.step.name, tuple(chain), measure.step.id)

    def _train(
        self, phase: str, path: tuple[str, ...], seed: int | None, before: PlannedStep | None, arm: str, vocabulary: str
    ) -> PlannedStep:
        said = self.study.phases[phase]
        rows = self._draw(phase, dict(said.data), seed, arm)
        decides = {
            "version": VERSION,
            "parent": self._after(before),
            "rows": rows.decides,
            "trainer": said.trainer,
            "hyper": _deciding(phase, self.study),
            "stage": said.stage,
            "seed": seed,
        }
        head = self._short if vocabulary == BASE_VOCABULARY else f"{self._short}+{vocabulary}"
        return self._step(
            "train",
            f"{'.'.join(path)}/s{seed}",
            decides,
            seed,
            arm,
            name=f"{head}.{'.'.join(path)}.s{seed}",
            needs=(rows, before),
            parent=self.study.base if before is None else before.step.name,
            phase=phase,
            mixes=(rows.step.name,),
        )

    def _draw(self, what: str, pools: dict[str, int], seed: int | None, arm: str, *, text: bool = False) -> PlannedStep:
        decides = {
            "version": VERSION,
            "text": text,
            "pools": {pool: [rows, self._pool(pool, text)] for pool, rows in pools.items()},
            "benchmarks": self._benchmarks,
            "seed": seed,
        }
        label = "" if seed is None else f"/s{seed}"
        name = f"{self.culture.name}.{what}{label.replace('/', '.')}"
        return self._step("draw", f"{what}{label}", decides, seed, arm, name=name, pools=pools, text=text)

    def _vocabulary(self, name: str, arm: str) -> PlannedStep | None:
        if name == BASE_VOCABULARY:
            return None
        said = self.study.vocabularies[name]
        pools = pools_of(self.study, said)
        wanted = {pool: self._text_rows(pool) for pool in pools}
        text = self._draw(f"text-{name}", wanted, None, arm, text=True) if pools else None
        decides = {
            "version": VERSION,
            "parent": self._base,
            "rows": text.decides if text else None,
            "text": {one: self._text(one) for one in other_texts(self.study, said)},
            "size": said.size,
        }
        head = f"{self._short}+{name}"
        extended = self._step(
            "extend",
            name,
            decides,
            None,
            arm,
            name=head,
            needs=(text,),
            parent=self.study.base,
            vocabulary=name,
            mixes=(text.step.name,) if text else (),
        )
        return extended if said.warmup is None else self._warmup(name, said.warmup, extended, arm)

    def _warmup(self, vocabulary: str, phase: str, extended: PlannedStep, arm: str) -> PlannedStep:
        rows = self._draw(phase, dict(self.study.phases[phase].data), None, arm, text=True)
        decides = {
            "version": VERSION,
            "parent": self._after(extended),
            "rows": rows.decides,
            "hyper": _deciding(phase, self.study),
            "seed": TEXT_SEED,
        }
        return self._step(
            "warm up",
            f"{vocabulary}.{phase}",
            decides,
            None,
            arm,
            name=f"{self._short}+{vocabulary}.{phase}",
            needs=(rows, extended),
            parent=extended.step.name,
            phase=phase,
            vocabulary=vocabulary,
            mixes=(rows.step.name,),
        )

    def _measure(self, before: PlannedStep | None, seed: int | None, arm: str) -> PlannedStep:
        model = self.study.base if before is None else before.step.name
        decides = {
            "model": self._after(before),
            "tasks": list(self._tasks),
            "judge": self.study.judge,
            "generation": self.study.generation,
        }
        label = self._short if before is None else before.step.id.split(" ")[-2]
        return self._step("measure", label, decides, seed, arm, name=model, needs=(before,), parent=model, whole=True)

    def _step(
        self,
        kind: StudyStepKind,
        label: str,
        decides: dict[str, Any],
        seed: int | None,
        arm: str,
        *,
        name: str,
        needs: tuple[PlannedStep | None, ...] = (),
        whole: bool = False,
        **more: Any,
    ) -> PlannedStep:
        """The step that makes this, for one arm more."""
        digest = _digest(decides)
        id_ = f"{kind} {label} {digest}"
        known = self._steps.get(id_)
        first = tuple(one.step.id for one in needs if one is not None)
        arms = () if known is None else known.step.arms
        step = StudyStep(
            id=id_,
            kind=kind,
            name=name if whole else f"{name[: _LONGEST - _DIGITS]}-{digest}",
            seed=seed,
            needs=first if known is None else known.step.needs,
            arms=arms if arm in arms else (*arms, arm),
        )
        self._steps[id_] = PlannedStep(step=step, decides=decides, **more)
        return self._steps[id_]

    def _after(self, before: PlannedStep | None) -> str:
        """What identifies the model that a step begins with."""
        return self._base if before is None else before.digest

    def _pool(self, name: str, text: bool) -> Any:
        """What identifies what a pool holds: rows, or lines of text."""
        key = (name, text and is_text(self.study.data[name]))
        if key not in self._pools:
            self._pools[key] = self._text(text_path(self.study, self.study.data[name])) if key[1] else self._rows(name)
        return self._pools[key]

    def _rows(self, pool: str) -> Any:
        try:
            return pool_identity(pool_plan(self.study, self.culture, pool), only_look=self._unknown is not None)
        except DataError as error:
            return self._missing(pool, error)

    def _text(self, text: str) -> str:
        try:
            return texts.find([text])[0].sha256
        except DataError as error:
            return self._missing(text, error)

    def _text_rows(self, pool: str) -> int:
        sources = [source for want in pool_plan(self.study, self.culture, pool).wants for source in want.sources]
        return DEMO_ROWS if any(map(is_built_in, sources)) else TEXT_ROWS

    def _missing(self, what: str, error: DataError) -> str:
        if self._unknown is None:
            raise error
        self._unknown(what, error)
        return "not known"


def base_identity(name: str) -> str:
    """What identifies the base, without loading it: a model that is built at first use is what builds it.

    Raises:
        UsageError: nothing goes by that name.
        ModelError: it is not there.
    """
    from harness.fingerprint import folder_digest
    from harness.models import resolve

    found = resolve(name)
    if found.build is not None:
        return f"{found.build}|{found.name}"
    if Path(found.source).is_dir():
        return folder_digest(Path(found.source))
    return f"{found.source}@{found.args.get('revision', 'main')}"


def short_name(base: str) -> str:
    """Of a model, as it stands in names of checkpoints."""
    from harness.models import resolve

    return re.sub(r"[^A-Za-z0-9._-]+", "-", resolve(base).name).strip("-._")[:30] or "base"


def _deciding(phase: str, study: Study) -> dict[str, Any]:
    """What of a phase's recipe decides weights."""
    return hyper_of(study.phases[phase]).model_dump(mode="json", exclude=set(_HARMLESS))


def _digest(decides: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(decides).encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


_ORDER: Final[tuple[StudyStepKind, ...]] = ("draw", "extend", "warm up", "train", "measure")


def _in_order(steps: Mapping[str, PlannedStep]) -> tuple[PlannedStep, ...]:
    """Each after those that it needs: by how many trainings stand before it, then by kind; otherwise as they were met."""
    depths: dict[str, int] = {}
    for id_, one in steps.items():
        depths[id_] = 1 + max((depths[need] for need in one.step.needs), default=0)
    return tuple(sorted(steps.values(), key=lambda one: (depths[one.step.id], _ORDER.index(one.step.kind))))
