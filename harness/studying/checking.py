"""Study × culture × catalog -> nothing, or one line that says which of its words is wrong; and notes on what is only odd."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from harness import catalog
from harness.catalog import Catalog
from harness.culture import dimensions_of, metrics_of
from harness.errors import DataError, UsageError, unknown
from harness.schema import Culture, Hyper
from harness.schema.study import BASE_VOCABULARY, Study, StudyContrast, StudyData, StudyOutcome
from harness.stats.aggregate import MACRO_END, is_alias
from harness.studying.choices import hyper_of, measured
from harness.studying.parts import check_interference, interference_notes
from harness.studying.pools import check_pool

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", re.ASCII)
_LONGEST: Final = 60
"""Characters of an arm's name, or of anything else that is a column or a row of a table."""
_TOLERANCE: Final = 1e-9


def check(study: Study) -> Culture:
    """Refuse what cannot work; returns the study's culture.

    Raises:
        UsageError: a name is unknown.
        DataError: what it says contradicts itself, or its culture or a recipe is broken.
    """
    from harness.culture import load

    known = catalog.read()
    culture = load(study.culture, known=known)
    _check_names(study)
    _check_seeds(study)
    _check_base(study)
    _check_judge(study)
    for name in measured(study, culture):
        known.find(name)
    for name, pool in study.data.items():
        check_pool(study, culture, name, pool)
    _check_phases(study)
    _check_vocabularies(study)
    _check_arms(study)
    for name, outcome in study.outcomes.items():
        _check_outcome(f"outcomes.{name}", outcome, measured(study, culture), known)
    for name, contrast in study.contrasts.items():
        _check_contrast(f'contrasts."{name}"', contrast, study)
    if study.interference is not None:
        check_interference(study, study.interference)
    _check_cases(study, culture, known)
    return culture


def notes(study: Study) -> tuple[str, ...]:
    """What is no mistake, and what a reader of the result must know all the same."""
    found = [*_unused(study), *_factor_notes(study)]
    if study.interference is not None:
        found += interference_notes(study, study.interference)
    return tuple(found)


def _check_names(study: Study) -> None:
    """Names that become part of folders' names, or of tables."""
    for kind, names in (("data", study.data), ("vocabularies", study.vocabularies), ("phases", study.phases)):
        for name in names:
            if not _NAME.fullmatch(name):
                raise DataError(f"{kind}.{name}: a name is up to 40 letters, digits, _ and -, a letter or digit first")
    for kind, shown in (("arms", study.arms), ("outcomes", study.outcomes), ("contrasts", study.contrasts)):
        for name in shown:
            if not name.strip() or not name.isprintable() or len(name) > _LONGEST:
                raise DataError(f"{kind}: '{name[:_LONGEST]}' is no name for a table: up to {_LONGEST} characters that print")
    if not study.arms or not study.outcomes:
        raise DataError(f"has no [{'outcomes' if study.arms else 'arms'}.NAME]: there is nothing to compare")


def _check_seeds(study: Study) -> None:
    if not study.seeds:
        raise DataError("seeds: there are none; three or more allow claims, one is described only")
    twice = next((seed for seed in study.seeds if study.seeds.count(seed) > 1), None)
    if twice is not None:
        raise DataError(f"seeds: {twice} stands there twice; the same training again says nothing new")
    wrong = next((seed for seed in study.seeds if not 0 <= seed < 2**31), None)
    if wrong is not None:
        raise DataError(f"seeds: {wrong} is no seed; they are whole numbers from 0 to {2**31 - 1}")


def _check_base(study: Study) -> None:
    from harness.models import resolve

    found = resolve(study.base)
    if found.backend in ("openai", "replay"):
        what = "an endpoint" if found.backend == "openai" else "a run that is replayed"
        raise UsageError(
            f"base: '{study.base}' is {what} and has no weights to train; name a checkpoint, alias, folder or hub id"
        )


def _check_judge(study: Study) -> None:
    if study.judge != "rules" and not study.judge.startswith("openai:"):
        raise DataError(f"judge: '{study.judge}' is none; say rules or openai:MODEL")


def _check_phases(study: Study) -> None:
    for name, phase in study.phases.items():
        where = f"phases.{name}"
        if not phase.data:
            raise DataError(f"{where}.data: names no pool; write data = {{ POOL = ROWS }}")
        for pool, rows in phase.data.items():
            if pool not in study.data:
                raise UsageError(f"{where}.data: {unknown('pool', pool, study.data)}")
            if rows < 1:
                raise DataError(f"{where}.data.{pool}: {rows} rows cannot be trained on")
        _hyper(study, where, name)


def _hyper(study: Study, where: str, phase: str) -> Hyper:
    try:
        return hyper_of(study.phases[phase])
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from None


def _check_vocabularies(study: Study) -> None:
    from harness.studying.vocabularies import check_text

    for name, vocabulary in study.vocabularies.items():
        where = f"vocabularies.{name}"
        if name == BASE_VOCABULARY:
            raise DataError(f"{where}: '{BASE_VOCABULARY}' is the name of the base's own vocabulary; choose another")
        check_text(study, where, vocabulary)
        if vocabulary.warmup is None:
            continue
        if vocabulary.warmup not in study.phases:
            raise UsageError(f"{where}.warmup: {unknown('phase', vocabulary.warmup, study.phases)}")
        if _hyper(study, where, vocabulary.warmup).trainable != "embeddings":
            raise DataError(
                f"{where}.warmup: phase '{vocabulary.warmup}' (recipe {study.phases[vocabulary.warmup].recipe}) trains all "
                'weights; a warm-up trains embeddings only: set = { trainable = "embeddings" }'
            )


def _check_arms(study: Study) -> None:
    seen: dict[tuple[str, tuple[str, ...]], str] = {}
    for name, arm in study.arms.items():
        where = f'arms."{name}"'
        for phase in arm.phases:
            if phase not in study.phases:
                raise UsageError(f"{where}.phases: {unknown('phase', phase, study.phases)}")
        if arm.vocabulary not in (BASE_VOCABULARY, *study.vocabularies):
            known = (BASE_VOCABULARY, *study.vocabularies)
            raise UsageError(f"{where}.vocabulary: {unknown('vocabulary', arm.vocabulary, known)}")
        for factor, level in arm.factors.items():
            if not factor.strip() or not level.strip():
                raise DataError(f"{where}.factors: a factor and its level are words, not '{factor}' = '{level}'")
        same = seen.setdefault((arm.vocabulary, arm.phases), name)
        if same != name:
            raise DataError(f"{where}: is the same training as arm '{same}', so they cannot be compared")


def _check_outcome(where: str, outcome: StudyOutcome, tasks: Iterable[str], known: Catalog) -> None:
    names = _measured_names(tasks, known)
    if outcome.benchmark not in names:
        raise UsageError(f"{where}.benchmark: {unknown('benchmark or task that the study measures', outcome.benchmark, names)}")
    entries = [known.find(leaf) for leaf in known.leaves(outcome.benchmark)]
    metrics = {metric for entry in entries for metric in metrics_of(entry)}
    if outcome.metric not in metrics:
        raise UsageError(f"{where}.metric: {unknown(f'metric of {outcome.benchmark}', outcome.metric, metrics)}")
    if is_alias(outcome.metric):
        plain = outcome.metric.removesuffix(MACRO_END)
        raise DataError(f"{where}.metric: '{outcome.metric}' is lm-eval's copy; write metric = '{plain}', aggregation = 'macro'")
    dimensions = dimensions_of(entries)
    for dimension in outcome.dimensions:
        if dimensions and dimension not in dimensions:
            raise UsageError(f"{where}.dimensions: {unknown(f'dimension of {outcome.benchmark}', dimension, dimensions)}")
    if outcome.metric == "hr" and not outcome.ceiling:
        raise DataError(f"{where}: of hr (harm) less is better; write ceiling = true")


def _measured_names(tasks: Iterable[str], known: Catalog) -> set[str]:
    found = set()
    for task in tasks:
        found |= {task, *known.groups_under(task), *known.leaves(task)}
    return found


def _check_contrast(where: str, contrast: StudyContrast, study: Study) -> None:
    for arm, weight in contrast.weights.items():
        if arm not in study.arms:
            raise UsageError(f"{where}.weights: {unknown('arm', arm, study.arms)}")
        if not math.isfinite(weight) or weight == 0:
            raise DataError(f"{where}.weights: arm '{arm}' has weight {weight:g}; leave it out, or give it one")
    total = math.fsum(contrast.weights.values())
    if not contrast.weights or abs(total) > _TOLERANCE:
        raise DataError(f"{where}.weights: sum to {total:g}; the weights of a contrast are a difference, so they sum to 0")
    _check_all("outcome", f"{where}.outcomes", contrast.outcomes, study.outcomes)
    if contrast.factor:
        _check_factor(where, contrast, study)


def _check_factor(where: str, contrast: StudyContrast, study: Study) -> None:
    factors = {factor for arm in study.arms.values() for factor in arm.factors}
    if contrast.factor not in factors:
        raise UsageError(f"{where}.factor: {unknown('factor of the arms', contrast.factor, factors)}")
    without = next((arm for arm in contrast.weights if contrast.factor not in study.arms[arm].factors), None)
    if without is not None:
        raise DataError(f"{where}: arm '{without}' names no level of '{contrast.factor}'; give it one in its factors")


def _check_all(kind: str, where: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise UsageError(f"{where}: {unknown(kind, name, known)}")


def _check_cases(study: Study, culture: Culture, known: Catalog) -> None:
    if study.cases is None:
        return
    _check_all("task that the study measures", "cases.tasks", study.cases.tasks, _measured_names(measured(study, culture), known))
    if study.cases.each < 1:
        raise DataError(f"cases.each: {study.cases.each} questions of each task are none")
    if study.cases.seed is not None and study.cases.seed not in study.seeds:
        raise DataError(f"cases.seed: {study.cases.seed} is none of the seeds ({', '.join(map(str, study.seeds))})")


def _unused(study: Study) -> Iterator[str]:
    phases = {phase for arm in study.arms.values() for phase in arm.phases}
    phases |= {vocabulary.warmup for vocabulary in study.vocabularies.values() if vocabulary.warmup}
    pools = {pool for name in phases for pool in study.phases[name].data}
    pools |= {text for vocabulary in study.vocabularies.values() for text in vocabulary.text}
    vocabularies = {arm.vocabulary for arm in study.arms.values()}
    parts: tuple[tuple[str, Mapping[str, object] | Mapping[str, StudyData], set[str]], ...] = (
        ("phase", study.phases, phases),
        ("pool", study.data, pools),
        ("vocabulary", study.vocabularies, vocabularies),
    )
    for kind, declared, used in parts:
        yield from (f"{kind} '{name}' is used by no arm" for name in declared if name not in used)


def _factor_notes(study: Study) -> Iterator[str]:
    levels: dict[str, set[str]] = {}
    for arm in study.arms.values():
        for factor, level in arm.factors.items():
            levels.setdefault(factor, set()).add(level)
    yield from (
        f"factor '{factor}' has only one level, {next(iter(found))}" for factor, found in levels.items() if len(found) == 1
    )
    for name, contrast in study.contrasts.items():
        others = sorted(_differing(study, contrast) - {contrast.factor})
        if contrast.factor and others:
            yield f"contrast '{name}': its arms differ in {', '.join(others)} too, not in {contrast.factor} alone"


def _differing(study: Study, contrast: StudyContrast) -> set[str]:
    """Factors of which both sides of a contrast name levels, and not the same."""
    sides: list[dict[str, set[str]]] = [{}, {}]
    for arm, weight in contrast.weights.items():
        for factor, level in study.arms[arm].factors.items():
            sides[weight > 0].setdefault(factor, set()).add(level)
    return {factor for factor in sides[0].keys() & sides[1] if sides[0][factor] != sides[1][factor]}
