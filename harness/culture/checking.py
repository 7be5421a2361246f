"""Culture × catalog -> what is wrong with it: names of nothing, shares that are none, replay that leaves no room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.catalog import Catalog, Entry
from harness.culture.dimensions import NO_STANDARD, metrics_of, said_by_lm_eval
from harness.culture.objections import Objections
from harness.culture.sources import BUILT_IN, SOURCES, check_source
from harness.culture.spelling import known_in, leaves
from harness.errors import unknown
from harness.schema import Culture, CultureBenchmark, Retained, Source
from harness.schema.adaptation import StagePlan


def check(culture: Culture, declared_beside: Mapping[str, Source], catalog: Catalog, objections: Objections) -> None:
    """Tell the objections everything that is wrong.

    Args:
        culture: as it was built.
        declared_beside: of its sources, those that `sources.toml` declares.
        catalog: what can be evaluated.
        objections: told.
    """
    checks = _Checks(culture, catalog, objections)
    for name, benchmark in culture.benchmarks.items():
        checks.benchmark(name, benchmark)
    for name, retained in culture.retained.items():
        checks.retained(name, retained)
    for name, source in culture.sources.items():
        file = objections.file.with_name(SOURCES) if name in declared_beside else objections.file
        where = name if name in declared_beside else f"sources.{name}"
        check_source(name, source, where, file, objections)
        checks.areas(source, where, file)
    checks.stages()


class _Checks:
    """One culture that is looked at."""

    def __init__(self, culture: Culture, catalog: Catalog, objections: Objections) -> None:
        self.culture, self.catalog, self.objections = culture, catalog, objections

    def benchmark(self, name: str, benchmark: CultureBenchmark) -> None:
        where = f"benchmarks.{name}"
        entries = leaves(self.catalog, name, self.culture.retained, self.objections)
        known = known_in(self.catalog, name, entries)
        if not benchmark.standards:
            self.objections.add(f"{where}: has no standards; without one nothing can be weak")
        self._standards(f"{where}.standards", benchmark, entries, known)
        if benchmark.margin is not None:
            self._margin(where, benchmark.margin)
        for dimension, sources in benchmark.sources.items():
            self._dimension(f"{where}.sources", dimension, known)
            self._named(f"{where}.sources.{dimension}", sources)

    def retained(self, name: str, retained: Retained) -> None:
        where = f"retained.{name}"
        if name in self.catalog.entries:
            found = [self.catalog.find(leaf) for leaf in self.catalog.leaves(name)]
            metrics = {metric for entry in found for metric in metrics_of(entry)} - {"invalid", "unjudged"}
            if retained.metric not in metrics:
                self.objections.add(f"{where}.metric: {unknown('metric', retained.metric, metrics)}")
        self._margin(where, retained.margin)
        self._named(f"{where}.sources", retained.sources)

    def areas(self, source: Source, where: str, file: Path) -> None:
        for category, areas in source.areas.items():
            for area in areas:
                if wrong := self._wrong_area(area):
                    self.objections.add(f"{where}.areas.{category}: {wrong}", file)

    def stages(self) -> None:
        keeps = {name: any(one.sources.values()) for name, one in self.culture.benchmarks.items()}
        keeps |= {name: bool(one.sources) for name, one in self.culture.retained.items()}
        for name, plan in self.culture.stages.items():
            self._stage(f"stages.{name}", plan, keeps)

    def _standards(self, where: str, benchmark: CultureBenchmark, entries: Sequence[Entry], known: Sequence[str]) -> None:
        metrics = {metric for entry in entries for metric in metrics_of(entry)} - NO_STANDARD
        for metric, standards in benchmark.standards.items():
            if metric not in metrics and not said_by_lm_eval(metric, metrics, entries):
                self.objections.add(f"{where}: {unknown('metric to set a standard for', metric, metrics)}")
            for dimension, standard in standards.items():
                self._dimension(f"{where}.{metric}", dimension, known)
                if not 0 <= standard <= 1:
                    self.objections.add(f"{where}.{metric}.{dimension}: {standard:g} is no share; write 0.75 for 75%")

    def _dimension(self, where: str, dimension: str, known: Sequence[str]) -> None:
        if known and dimension not in known:
            self.objections.add(f"{where}: {unknown('dimension', dimension, known)}")

    def _margin(self, where: str, margin: float) -> None:
        if not 0 <= margin <= 1:
            self.objections.add(f"{where}.margin: {margin:g} is no share; write 0.02 for two points")

    def _named(self, where: str, sources: Sequence[str]) -> None:
        for source in sources:
            if not source.startswith(BUILT_IN) and source not in {*self.culture.sources, *self.objections.spoilt}:
                what = unknown("source", source, self.culture.sources)
                self.objections.add(f"{where}: {what} ([sources] declares them)")

    def _wrong_area(self, area: str) -> str:
        """What is wrong with a `benchmark/dimension`; nothing if it is right."""
        benchmark, _, dimension = area.partition("/")
        if benchmark in self.objections.spoilt:
            return ""
        if benchmark not in self.culture.benchmarks:
            return str(unknown("benchmark of the culture", benchmark, self.culture.benchmarks))
        known = known_in(self.catalog, benchmark, leaves(self.catalog, benchmark, self.culture.retained, self.objections))
        return str(unknown("dimension", dimension, known)) if known and dimension not in known else ""

    def _stage(self, where: str, plan: StagePlan, keeps: Mapping[str, bool]) -> None:
        """A stage; `keeps` says of each benchmark and retained task whether it has sources to be replayed from."""
        if plan.rows < 1:
            self.objections.add(f"{where}.rows: {plan.rows} rows cannot be trained on; write at least 1")
        for replayed, share in plan.replay.items():
            if replayed in self.objections.spoilt:
                continue
            if replayed not in keeps:
                self.objections.add(f"{where}.replay: {unknown('benchmark or retained task', replayed, keeps)}")
                continue
            if not keeps[replayed]:
                self.objections.add(f"{where}.replay: '{replayed}' has no sources to be replayed from")
            if not 0 < share < 1:
                self.objections.add(f"{where}.replay.{replayed}: {share:g} is no share; write a number between 0 and 1")
        if (total := sum(plan.replay.values())) >= 1:
            self.objections.add(f"{where}.replay: the shares sum to {total:g}, which leaves no room for what is weak")
