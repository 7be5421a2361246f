"""ArmRun* -> each outcome's values: arm -> training runs -> the same items, in one order, more being better.

One run is in memory at a time. An item that some run has no value for (not judged, no reply) is left out of all of them, so that
every arm is measured by the same items; how many there are is kept. An item that occurs twice counts once, by its mean; of a
macro average once in each of its dimensions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Final

from harness import catalog
from harness.errors import IncompleteRun, NotComparable, UsageError, unknown
from harness.pairs import Run, check_comparable, differing, value_of
from harness.runs import find_run, load_run
from harness.schema import RunRecord, Target
from harness.schema.study import ArmRun, Study, StudyOutcome

Key = tuple[str, str]
"""Task and sample id."""
_CARRIED: Final = ("answer key", "judged by rules", "not judged")
"""Beginnings of a run's notes that hold for the study too."""


@dataclass(frozen=True)
class Measured:
    """One outcome of all arms."""

    arms: dict[str, list[list[float]]]
    """Arm -> runs in the order of the seeds -> values, one for each item of different content."""
    dropped: int
    """Items without a value in some run."""
    repeated: int
    """Items of the same content as another."""
    strata: tuple[str, ...] = ()
    """Dimension of each item, of a macro average."""
    lost: tuple[str, ...] = ()
    """Dimensions of a macro average that are left with no item."""


@dataclass(frozen=True)
class Reading:
    """What the runs of a study hold."""

    outcomes: dict[str, Measured]
    fixed: frozenset[str]
    """Arms that no seed changes."""
    notes: tuple[str, ...]
    """What the runs themselves say of their numbers."""


@dataclass
class _Seen:
    """One run's values, outcome by outcome."""

    arm: str
    values: dict[str, dict[Key, float | None]]


def in_order(study: Study, runs: Sequence[ArmRun]) -> dict[str, list[ArmRun]]:
    """The runs of each arm, in the order of the study's arms and seeds.

    Raises:
        UsageError: a run is of an arm that the study has not, or two are of one arm and seed.
        IncompleteRun: an arm has no run.
    """
    places = {seed: place for place, seed in enumerate(study.seeds)}
    found: dict[str, list[ArmRun]] = {arm: [] for arm in study.arms}
    for run in runs:
        if run.arm not in found:
            raise unknown(f"arm in study '{study.name}'", run.arm, study.arms)
        if any(other.seed == run.seed for other in found[run.arm]):
            raise UsageError(f"arm '{run.arm}' has two runs of seed {run.seed}")
        found[run.arm].append(run)
    if empty := [arm for arm, its in found.items() if not its]:
        raise IncompleteRun(f"study '{study.name}': arm '{empty[0]}' has no finished run")
    return {arm: sorted(its, key=lambda run: (places.get(run.seed or 0, len(places)), run.run)) for arm, its in found.items()}


def read(study: Study, runs: Sequence[ArmRun], runs_dir: Path) -> Reading:
    """The values of every outcome.

    Raises:
        NotComparable: runs were measured differently, lack a task, or hold different items under one name.
        IncompleteRun: an arm has no run, or a run is not finished.
        UsageError: there is no such benchmark, task or metric, or no item that all runs have a value for.
        DataError: a sample file is missing or changed, or a value is out of range.
    """
    known, ordered = catalog.read(), in_order(study, runs)
    targets = {name: _target(outcome) for name, outcome in study.outcomes.items()}
    tasks = frozenset(task for target in targets.values() for task in known.leaves(target.benchmark))
    hashes: dict[Key, str] = {}
    places: dict[Key, str] = {}
    first: RunRecord | None = None
    seen: list[_Seen] = []
    notes: dict[str, None] = {}
    for run in (one for its in ordered.values() for one in its):
        opened = _opened(run.run, runs_dir, known)
        notes |= dict.fromkeys(_said(first or opened.record, opened.record, tasks))
        first = first or opened.record
        seen.append(_Seen(run.arm, {name: _values(opened, target, hashes, places) for name, target in targets.items()}))
    measured = {name: _measured(name, study.outcomes[name], seen, hashes, places) for name in targets}
    fixed = frozenset(arm for arm, its in ordered.items() if all(run.seed is None for run in its))
    return Reading(measured, fixed, tuple(notes))


def _target(outcome: StudyOutcome) -> Target:
    return Target(
        benchmark=outcome.benchmark,
        dimensions=outcome.dimensions,
        metric=outcome.metric,
        ceiling=outcome.ceiling,
        subset="all",
    )


def _opened(name: str, runs_dir: Path, known: catalog.Catalog) -> Run:
    folder = find_run(name, runs_dir)
    return Run(load_run(folder, runs_dir), runs_dir, known, folder)


def _said(first: RunRecord, record: RunRecord, tasks: frozenset[str]) -> list[str]:
    """Checks that a run may be compared with the first; returns what its notes say of the numbers."""
    check_comparable(first, record, tasks)
    found = [note for note in record.notes if note.startswith(_CARRIED)]
    if differing(first, record, tasks, ("chat_template",)):
        found.append("chat templates differ between arms: a part of a difference may be theirs")
    if not record.complete:
        found.append(f"{record.id} is incomplete: responses or verdicts are missing")
    return found


def _values(run: Run, target: Target, hashes: dict[Key, str], places: dict[Key, str]) -> dict[Key, float | None]:
    """Task and id -> value of every sample that the target speaks of; notes the content and the dimension of each."""
    found: dict[Key, float | None] = {}
    for result in run.chosen(target):
        key = (result.task, result.sample.id)
        if hashes.setdefault(key, result.sample.hash) != result.sample.hash:
            raise NotComparable(f"sample {key[1]} of task {key[0]} is not the same in all runs: '{run.record.id}' has another")
        places.setdefault(key, result.sample.dimension)
        found[key] = value_of(result, target)
    if not found:
        raise NotComparable(f"run '{run.record.id}' has no sample of '{target.name}'")
    return found


def _measured(
    name: str, outcome: StudyOutcome, seen: Sequence[_Seen], hashes: Mapping[Key, str], places: Mapping[Key, str]
) -> Measured:
    valued: dict[Key, int] = defaultdict(int)
    for one in seen:
        for key, value in one.values[name].items():
            valued[key] += value is not None
    keys = sorted(key for key, runs in valued.items() if runs == len(seen))
    if not keys:
        whole = sum(map(bool, valued.values()))
        raise UsageError(
            f"outcome '{name}': no item of '{outcome.benchmark}' has a value of '{outcome.metric}' in every run"
            f" ({whole:,} have one in some; harness judge gives a run its verdicts)"
        )
    macro = outcome.aggregation == "macro"
    units: dict[tuple[str, str], list[Key]] = defaultdict(list)
    for key in keys:
        units[places[key] if macro else "", hashes[key]].append(key)
    arms: dict[str, list[list[float]]] = defaultdict(list)
    for one in seen:
        values = one.values[name]
        arms[one.arm].append([fmean(values[key] or 0.0 for key in group) for group in units.values()])
    strata = tuple(place for place, _ in units) if macro else ()
    lost = {places[key] for key, runs in valued.items() if runs}.difference(strata) if macro else ()
    return Measured(dict(arms), sum(map(bool, valued.values())) - len(keys), len(keys) - len(units), strata, tuple(sorted(lost)))
