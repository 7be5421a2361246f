"""Study -> its named contrasts: those it names itself, those of interference, and each factor's levels against the first.

    safety's effect on knowledge   Y(K→S) - Y(K)                      on knowledge outcomes
    knowledge's effect on safety   Y(S→K) - Y(S)                      on safety outcomes
    interaction                    Y(K→S) - Y(K) - Y(S) + Y(base)     on both
    order                          Y(K→S) - Y(S→K)                    on both
    phasing                        Y(K→S) - Y(mixed)                  on both

An outcome that is neither knowledge nor safety has none of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Final

from harness.errors import UsageError, unknown
from harness.schema.study import Study, StudyArm, StudyInterference

ON_KNOWLEDGE: Final = "safety's effect on knowledge"
ON_SAFETY: Final = "knowledge's effect on safety"
INTERACTION: Final = "interaction"
ORDER: Final = "order"
PHASING: Final = "phasing"
_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Asked:
    """One contrast, not yet reckoned."""

    name: str
    weights: dict[str, float]
    outcomes: tuple[str, ...]
    factor: str = ""


def asked(study: Study) -> list[Asked]:
    """All contrasts of a study; of two with one name the study's own.

    Raises:
        UsageError: an arm or outcome is not known, or weights do not sum to 0.
    """
    found: dict[str, Asked] = {}
    for one in (*_own(study), *_interference(study), *_factors(study)):
        found.setdefault(one.name, one)
    return list(found.values())


def hypothesis(weights: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    """What a contrast asks, whatever it is called and whichever side stands first."""
    used = sorted((arm, weight) for arm, weight in weights.items() if weight)
    sign = 1.0 if used and used[0][1] > 0 else -1.0
    return tuple((arm, sign * weight) for arm, weight in used)


def kin(study: Study) -> frozenset[tuple[str, str]]:
    """Pairs of arms whose runs of one seed begin with the same training, in the study's order."""
    trained = {name: arm for name, arm in study.arms.items() if arm.phases}
    return frozenset(
        (one, other)
        for one, other in combinations(trained, 2)
        if (trained[one].vocabulary, trained[one].phases[0]) == (trained[other].vocabulary, trained[other].phases[0])
    )


def trade_offs(study: Study) -> Iterator[tuple[str, dict[str, float], str, str]]:
    """(name, weights, knowledge outcome, safety outcome): each trained arm of the interference part against its base."""
    parts = study.interference
    if parts is None:
        return
    arms = (parts.knowledge, parts.safety, parts.knowledge_safety, parts.safety_knowledge, parts.mixed)
    for knowledge, safety in product(parts.knowledge_outcomes, parts.safety_outcomes):
        for arm in dict.fromkeys(arm for arm in arms if arm is not None):
            yield arm, {arm: 1.0, parts.base: -1.0}, knowledge, safety


def differs_elsewhere(first: StudyArm, arm: StudyArm, factor: str) -> tuple[str, ...]:
    """Factors, but this one, in which two arms differ: their difference is not this factor's alone."""
    names = dict.fromkeys((*first.factors, *arm.factors))
    return tuple(name for name in names if name != factor and first.factors.get(name) != arm.factors.get(name))


def _own(study: Study) -> Iterator[Asked]:
    for name, contrast in study.contrasts.items():
        yield _checked(study, Asked(name, contrast.weights, contrast.outcomes or tuple(study.outcomes), contrast.factor))


def _interference(study: Study) -> Iterator[Asked]:
    parts = study.interference
    if parts is None:
        return
    both = tuple(dict.fromkeys((*parts.knowledge_outcomes, *parts.safety_outcomes)))
    for name, weights, outcomes in _parts(parts, both):
        yield _checked(study, Asked(name, weights, outcomes))


def _parts(parts: StudyInterference, both: tuple[str, ...]) -> Iterator[tuple[str, dict[str, float], tuple[str, ...]]]:
    two, one, other, base = parts.knowledge_safety, parts.knowledge, parts.safety, parts.base
    yield ON_KNOWLEDGE, {two: 1.0, one: -1.0}, parts.knowledge_outcomes
    if parts.safety_knowledge is not None:
        yield ON_SAFETY, {parts.safety_knowledge: 1.0, other: -1.0}, parts.safety_outcomes
    yield INTERACTION, {two: 1.0, one: -1.0, other: -1.0, base: 1.0}, both
    if parts.safety_knowledge is not None:
        yield ORDER, {two: 1.0, parts.safety_knowledge: -1.0}, both
    if parts.mixed is not None:
        yield PHASING, {two: 1.0, parts.mixed: -1.0}, both


def _factors(study: Study) -> Iterator[Asked]:
    """Each arm of a factor's block against the block's first."""
    for factor in dict.fromkeys(name for arm in study.arms.values() for name in arm.factors):
        first, *others = (name for name, arm in study.arms.items() if factor in arm.factors)
        for arm in others:
            yield Asked(f"{factor}: {arm} - {first}", {arm: 1.0, first: -1.0}, tuple(study.outcomes), factor)


def _checked(study: Study, one: Asked) -> Asked:
    for arm in one.weights:
        if arm not in study.arms:
            raise unknown(f"arm (contrast '{one.name}')", arm, study.arms)
    for outcome in one.outcomes:
        if outcome not in study.outcomes:
            raise unknown(f"outcome (contrast '{one.name}')", outcome, study.outcomes)
    if not any(one.weights.values()) or abs(sum(one.weights.values())) > _ROUNDING:
        total = sum(one.weights.values())
        raise UsageError(f"contrast '{one.name}': the weights must sum to 0, and not all be 0; they sum to {total:g}")
    return one
