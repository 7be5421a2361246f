"""Diagnosis × Culture -> what a mix is to hold: the weak areas of a stage and what is replayed, each with its sources.

Only what is weak is taught. What is strong gets nothing but its part of the replay; what is undecided waits for more items,
unless it is asked for. An area that nothing can teach ends the matter: a mix that leaves out in silence what is weak would look
like one that mends it. Data sets go before the culture's own sources wherever they hold a row of an area.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.culture import ANY
from harness.errors import Refused, UsageError, unknown
from harness.mixing.datasets import TaggedSet, teaching
from harness.schema import Culture, Diagnosis, Finding, StagePlan, State, TrainedStage


@dataclass(frozen=True)
class WeakArea:
    """An area that is to be taught."""

    area: str
    state: State
    findings: tuple[Finding, ...]
    """Those that call for teaching: weak ones, or undecided ones where these are asked for."""
    sources: tuple[str, ...]

    @property
    def worst(self) -> Finding:
        """The finding with the largest shortfall: the area goes by it."""
        return max(self.findings, key=lambda finding: finding.shortfall)

    @property
    def shortfall(self) -> float:
        """0-1."""
        return self.worst.shortfall


@dataclass(frozen=True)
class Replay:
    """What is kept, and from which sources."""

    name: str
    """Benchmark or retained task."""
    share: float
    """Of the mix's rows."""
    sources: tuple[tuple[str, ...], ...]
    """One entry a dimension, each with the same part of the share; a retained task has one."""
    by: str
    """Who asks for it, in words."""
    areas: tuple[str, ...] = ()
    """What each entry of `sources` keeps: `benchmark/dimension`, or a retained task. Empty: nobody asks for tags."""

    @property
    def parts(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Area and sources of each entry."""
        return tuple(zip(self.areas or (self.name,) * len(self.sources), self.sources, strict=True))


@dataclass(frozen=True)
class Plan:
    """All that a mix is to hold."""

    stage: TrainedStage
    weak: tuple[WeakArea, ...]
    """By area."""
    replay: tuple[Replay, ...]
    """By name."""
    notes: tuple[str, ...]

    @property
    def kept(self) -> float:
        """Share of the rows that is replay."""
        return sum(part.share for part in self.replay)

    @property
    def sources(self) -> tuple[str, ...]:
        """All sources, sorted."""
        weak = {source for area in self.weak for source in area.sources}
        return tuple(sorted(weak | {source for part in self.replay for names in part.sources for source in names}))

    @property
    def areas(self) -> frozenset[str]:
        """Every area that rows are drawn for."""
        return frozenset({one.area for one in self.weak} | {area for part in self.replay for area, _ in part.parts})


@dataclass(frozen=True)
class Teachers:
    """What teaches an area: data sets that hold rows of it, else what the culture declares."""

    sets: Sequence[TaggedSet] = ()
    data_only: bool = False
    """Never the culture's own sources. Retained tasks keep theirs: tags are of benchmarks."""

    def of(self, area: str, declared: tuple[str, ...]) -> tuple[str, ...]:
        """Its sources; `declared` are the culture's."""
        return teaching(self.sets, area) or (() if self.data_only else declared)

    def kept(self, retained: str, declared: tuple[str, ...]) -> tuple[str, ...]:
        """Sources of a retained task."""
        return teaching(self.sets, retained) or declared


def stage_plan(culture: Culture, stage: str) -> StagePlan:
    """How the culture trains a stage.

    Raises:
        UsageError: it does not.
    """
    for name, found in culture.stages.items():
        if name == stage:
            return found
    raise unknown(f"stage in culture '{culture.name}'", stage, culture.stages)


def plan(
    diagnosis: Diagnosis,
    culture: Culture,
    stage: TrainedStage,
    *,
    replay: Mapping[str, float] | None = None,
    keep_undecided: bool = False,
    without: Sequence[str] = (),
    sets: Sequence[TaggedSet] = (),
    data_only: bool = False,
) -> Plan:
    """What a mix for this stage is to hold.

    Args:
        diagnosis: Of the model that will be trained.
        culture: Whose benchmarks were diagnosed.
        stage: Only areas that this stage mends are taught.
        replay: Benchmark or retained task -> share, over what the culture says; 0 leaves one out.
        keep_undecided: Teach undecided areas too.
        without: Areas, or benchmarks with all their areas, that are left out on purpose; those of other stages change nothing.
        sets: Data sets whose tagged rows go before the culture's sources.
        data_only: Benchmarks are taught by these alone.

    Raises:
        UsageError: the culture is another one, something is named that it does not have, or there is no data set to keep to.
        Refused: nothing is weak, or something that is has no source.
    """
    _check(diagnosis, culture)
    if data_only and not sets:
        raise UsageError("--data-only needs a data set; name one with --data FOLDER")
    teachers = Teachers(sets, data_only)
    asked = stage_plan(culture, stage)
    wanted = _wanted(diagnosis, stage, keep_undecided)
    left_out = _left_out(diagnosis, culture, without)
    areas = sorted(wanted.keys() - left_out)
    if not areas:
        raise _nothing_weak(diagnosis, stage, sorted(wanted))
    weak = tuple(_weak_area(diagnosis, culture, stage, area, wanted[area], teachers) for area in areas)
    _check_sources(weak, culture, teachers)
    parts, notes = _replayed(culture, stage, asked.replay, replay or {}, teachers)
    return Plan(stage, weak, parts, (*_left_notes(diagnosis, stage, wanted, left_out), *notes))


def _check(diagnosis: Diagnosis, culture: Culture) -> None:
    if diagnosis.culture != culture.name:
        raise UsageError(f"the diagnosis of run {diagnosis.run} is of culture '{diagnosis.culture}', not of '{culture.name}'")
    for finding in diagnosis.findings:
        if finding.benchmark not in culture.benchmarks:
            raise unknown(f"benchmark in culture '{culture.name}'", finding.benchmark, culture.benchmarks)


def _wanted(diagnosis: Diagnosis, stage: TrainedStage, keep_undecided: bool) -> dict[str, State]:
    states: tuple[State, ...] = ("weak", "undecided") if keep_undecided else ("weak",)
    return {area: state for state in states for area in diagnosis.areas(state, stage)}


def _left_out(diagnosis: Diagnosis, culture: Culture, without: Sequence[str]) -> set[str]:
    """Of all stages: who adapts in two stages says once what both leave out."""
    known: dict[str, set[str]] = {name: set() for name in culture.benchmarks}
    for finding in diagnosis.findings:
        known.setdefault(finding.area, set()).add(finding.area)
        known[finding.benchmark].add(finding.area)
    for name in without:
        if name not in known:
            raise unknown("area", name, known)
    return {area for name in without for area in known[name]}


def _weak_area(
    diagnosis: Diagnosis, culture: Culture, stage: TrainedStage, area: str, state: State, teachers: Teachers
) -> WeakArea:
    findings = tuple(f for f in diagnosis.findings if f.area == area and f.stage == stage and f.state == state)
    declared = culture.benchmarks[findings[0].benchmark].sources
    return WeakArea(area, state, findings, teachers.of(area, declared.get(findings[0].dimension, declared.get(ANY, ()))))


def _nothing_weak(diagnosis: Diagnosis, stage: TrainedStage, left_out: Sequence[str]) -> Refused:
    strong, undecided = (diagnosis.areas(state, stage) for state in ("strong", "undecided"))
    if left_out:
        return Refused(f"nothing is left to train on: {', '.join(left_out)} is all the {stage} stage would mend")
    hint = "; --keep-undecided trains on what is undecided" if undecided else ""
    return Refused(
        f"nothing is weak in the {stage} stage of {diagnosis.model} (run {diagnosis.run}): "
        f"{len(strong)} areas strong, {len(undecided)} undecided{hint}"
    )


def _check_sources(weak: Sequence[WeakArea], culture: Culture, teachers: Teachers) -> None:
    bare = [area.area for area in weak if not area.sources]
    if bare and teachers.data_only:
        raise Refused(
            f"no row of {', '.join(one.name for one in teachers.sets)} is tagged with {', '.join(bare)}; tag some, let the "
            f"culture's sources teach it (no --data-only), or leave out on purpose: {' '.join(f'--without {a}' for a in bare)}"
        )
    if bare:
        raise Refused(
            f"culture '{culture.name}' names no source for {', '.join(bare)}; "
            f"declare one in {culture.folder}/culture.toml, or leave out on purpose: {' '.join(f'--without {a}' for a in bare)}"
        )


def _replayed(
    culture: Culture, stage: TrainedStage, planned: Mapping[str, float], asked: Mapping[str, float], teachers: Teachers
) -> tuple[tuple[Replay, ...], list[str]]:
    for name, share in asked.items():
        if name not in culture.benchmarks and name not in culture.retained:
            raise unknown("benchmark or retained task to replay", name, {*culture.benchmarks, *culture.retained})
        if not 0 <= share < 1:
            raise UsageError(f"replay {name}={share:g} is no share of the rows; write a number from 0 to below 1")
    shares = {name: share for name, share in sorted({**planned, **asked}.items()) if share > 0}
    if (total := sum(shares.values())) >= 1:
        raise UsageError(f"replay takes {total:g} of the rows ({', '.join(shares)}), which leaves none for what is weak")
    notes = [] if shares else ["nothing is replayed: what the model knows today may be lost"]
    parts = []
    for name, share in shares.items():
        sources, bare = _sources_of(culture, name, teachers)
        if not sources:
            who = "no data set" if teachers.data_only else f"culture '{culture.name}'"
            raise Refused(f"{who} names no source to replay {name} from; --replay {name}=0 leaves it out")
        if bare:
            notes.append(f"replay of {name} leaves out {', '.join(bare)}, which have no source")
        by = "as asked" if name in asked else f"as {culture.name} plans its {stage} stage"
        parts.append(Replay(name, share, tuple(sources.values()), by, tuple(sources)))
    return tuple(parts), notes


def _sources_of(culture: Culture, name: str, teachers: Teachers) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Area -> its sources, and the dimensions that have none."""
    if name in culture.retained:
        found = teachers.kept(name, culture.retained[name].sources)
        return ({name: found} if found else {}), []
    benchmark = culture.benchmarks[name]
    known = dict.fromkeys(d for standards in benchmark.standards.values() for d in standards) | dict.fromkeys(benchmark.sources)
    named = {
        d: teachers.of(f"{name}/{d}", benchmark.sources.get(d, benchmark.sources.get(ANY, ())))
        for d in known
        if d != ANY or len(known) == 1
    }
    return {f"{name}/{d}": found for d, found in named.items() if found}, [d for d, found in named.items() if not found]


def _left_notes(diagnosis: Diagnosis, stage: TrainedStage, wanted: Mapping[str, State], left_out: set[str]) -> list[str]:
    undecided = [area for area in diagnosis.areas("undecided", stage) if area not in wanted]
    notes = []
    if undecided:
        notes.append(f"undecided, so not trained on: {', '.join(undecided)} (--keep-undecided does)")
    if dropped := sorted(wanted.keys() & left_out):
        notes.append(f"weak, and left out on purpose: {', '.join(dropped)}")
    return notes
