"""[interference] × arms -> are they what they claim: knowledge alone, safety alone, one after the other, both at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from harness.errors import DataError, UsageError, unknown
from harness.schema.study import Study, StudyInterference

_ROLES: Final = ("base", "knowledge", "safety", "knowledge_safety", "safety_knowledge", "mixed")


def check_interference(study: Study, parts: StudyInterference) -> None:
    """Refuse arms that do not play the parts they are given.

    Raises:
        UsageError: an arm or outcome is unknown.
        DataError: an arm is not what its part says.
    """
    roles = _arms(parts)
    for role, arm in roles.items():
        if arm not in study.arms:
            raise UsageError(f"interference.{role}: {unknown('arm', arm, study.arms)}")
    for name in ("knowledge_outcomes", "safety_outcomes"):
        if not getattr(parts, name):
            raise DataError(f"interference.{name}: names no outcome")
        for outcome in getattr(parts, name):
            if outcome not in study.outcomes:
                raise UsageError(f"interference.{name}: {unknown('outcome', outcome, study.outcomes)}")
    vocabularies = {study.arms[arm].vocabulary for arm in roles.values()}
    if len(vocabularies) > 1:
        raise DataError(f"interference: its arms have different vocabularies ({', '.join(sorted(vocabularies))})")
    _check_phases(study, roles)


def interference_notes(study: Study, parts: StudyInterference) -> Iterator[str]:
    """A mixed arm that is not trained on what both phases together are."""
    if parts.mixed is None:
        return
    before = len(study.arms[parts.base].phases)
    both = _rows(study, (*study.arms[parts.knowledge].phases[before:], *study.arms[parts.safety].phases[before:]))
    mixed = _rows(study, study.arms[parts.mixed].phases[before:])
    if both != mixed:
        yield f"interference: arm '{parts.mixed}' draws {_said(mixed)}, and knowledge and safety together {_said(both)}"


def _arms(parts: StudyInterference) -> dict[str, str]:
    found = {role: getattr(parts, role) for role in _ROLES}
    return {role: arm for role, arm in found.items() if arm is not None}


def _check_phases(study: Study, roles: dict[str, str]) -> None:
    phases = {role: study.arms[arm].phases for role, arm in roles.items()}
    base = phases["base"]
    for role, own in phases.items():
        if role != "base" and (own[: len(base)] != base or len(own) == len(base)):
            raise DataError(f"interference.{role}: arm '{roles[role]}' ({_chain(own)}) is not {_chain(base)} and something more")
    knowledge, safety = phases["knowledge"][len(base) :], phases["safety"][len(base) :]
    wanted = {"knowledge_safety": (*base, *knowledge, *safety), "safety_knowledge": (*base, *safety, *knowledge)}
    for role, should in wanted.items():
        if role in phases and phases[role] != should:
            raise DataError(f"interference.{role}: arm '{roles[role]}' is {_chain(phases[role])}, and should be {_chain(should)}")
    twice = Counter(roles.values()).most_common(1)[0]
    if twice[1] > 1:
        raise DataError(f"interference: arm '{twice[0]}' plays two parts")


def _chain(phases: tuple[str, ...]) -> str:
    return ", then ".join(phases) or "the base"


def _rows(study: Study, phases: tuple[str, ...]) -> Counter[str]:
    """Pool -> rows of some phases."""
    found: Counter[str] = Counter()
    for phase in phases:
        found.update(study.phases[phase].data)
    return found


def _said(rows: Counter[str]) -> str:
    return f"{rows.total():,} rows ({', '.join(f'{pool} {n:,}' for pool, n in sorted(rows.items()))})"
