"""culture.toml -> Culture. A culture is data: what it names must exist, and what it does not know is refused.

A file lies at `tasks/<folder>/culture.toml` of any home; its `name` is the culture's name, once over all homes. A benchmark is a
task or group of the task folders, or one that lm-eval brings along; so is a retained task, of which lm-eval's are not looked up
(that takes 0.7 s). Two shorthands are spelled out here, so that no reader of a Culture meets them: one number as the standard of
every dimension, and one list as the sources of every dimension. Where the task YAML states no dimensions they stand under `*`;
the dimensions of lm-eval's own are those of `Catalog.places`.

Training sources are tables of `[sources]`, or of `sources.toml` beside it, where each table is one source.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

from pydantic import ValidationError

from harness import folders
from harness.catalog import Catalog, Entry, Place
from harness.catalog import read as read_catalog
from harness.errors import DataError, HarnessError, UsageError, unknown
from harness.schema import Culture, CultureBenchmark, Retained, Source

FILE: Final = "culture.toml"
SOURCES: Final = "sources.toml"
_WORDS: Final = frozenset({"about", "traps", "rows", "url"})
"""What a source says of itself that decides no row: it may be reworded without the culture being another."""
ANY: Final = "*"
"""Stands for every dimension, where the task YAML does not say which there are."""
BUILT_IN: Final = "demo:"
"""Sources that begin so are made by the demo world, not declared."""
NO_STANDARD: Final = frozenset({"acc_macro", "rating_macro", "invalid", "unjudged"})
"""Metrics of a task that say nothing of a dimension: copies of others, and trouble counted."""


def names(search: Iterable[Path] | None = None) -> tuple[str, ...]:
    """Names of all cultures, sorted; `search` is as for `load`.

    Raises:
        DataError: a file cannot be read, or two have the same name.
    """
    return tuple(sorted(_found(search)))


def place(name_or_path: str | Path, search: Iterable[Path] | None = None) -> Path:
    """The `culture.toml` of a name, a folder or such a file.

    Raises:
        UsageError: there is none.
        DataError: a file is no TOML, or has no name.
    """
    return _file(name_or_path, tuple(search) if search is not None else folders.task_folders())


def load(name_or_path: str | Path, search: Iterable[Path] | None = None, *, known: Catalog | None = None) -> Culture:
    """One culture, checked.

    Args:
        name_or_path: a name; or the path of a folder that holds `culture.toml`, or of such a file.
        search: folders whose subfolders may hold a culture (and whose YAML is the catalog); default: all homes' `tasks/`.
        known: the catalog, where it has been read already.

    Raises:
        UsageError: there is no culture of that name or path.
        DataError: the file is broken, or names something that does not exist.
    """
    places = tuple(search) if search is not None else folders.task_folders()
    file = _file(name_or_path, places)
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None
    return _Reader(file, raw, known or read_catalog(places)).culture()


def examine(
    name_or_path: str | Path, search: Iterable[Path] | None = None, *, known: Catalog | None = None
) -> tuple[Culture | None, tuple[DataError, ...]]:
    """One culture and everything that is wrong with its files; None where there is too little left of it.

    Args: as of `load`.

    Raises:
        UsageError: there is no culture of that name or path.
        DataError: it cannot be read, or a task file is broken.
    """
    places = tuple(search) if search is not None else folders.task_folders()
    file = _file(name_or_path, places)
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None
    found, objections = _Reader(file, raw, known or read_catalog(places)).examined()
    return found, tuple(objections)


def mended(catalog: Catalog, benchmark: str, retained: Iterable[str]) -> tuple[str, ...]:
    """The tasks of a benchmark without those that are retained, by themselves or with a group."""
    own = benchmark in catalog.entries
    kept = {leaf for name in retained if name in catalog.entries or not own for leaf in catalog.leaves(name)}
    return tuple(leaf for leaf in catalog.leaves(benchmark) if leaf not in kept)


def _file(name_or_path: str | Path, places: Sequence[Path]) -> Path:
    path = Path(name_or_path).expanduser()
    if isinstance(name_or_path, Path) or os.sep in name_or_path or name_or_path.endswith(".toml"):
        file = path / FILE if path.is_dir() else path
        if not file.is_file():
            raise UsageError(f"there is no culture at '{name_or_path}'; give its name, its folder or its {FILE}")
        return file
    found = _found(places)
    if name_or_path not in found:
        raise unknown("culture", name_or_path, found)
    return found[name_or_path]


def _found(search: Iterable[Path] | None) -> dict[str, Path]:
    """Name -> file."""
    found: dict[str, Path] = {}
    for folder in search if search is not None else folders.task_folders():
        for file in sorted(folder.glob(f"*/{FILE}")):
            name = _parse(file, file.read_bytes()).get("name")
            if not isinstance(name, str):
                raise DataError('has no name = "…"', file=file)
            if name in found:
                raise DataError(f"culture '{name}' is already defined in {found[name]}", file=file)
            found[name] = file
    return found


def _parse(file: Path, raw: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"not TOML ({error})", file=file) from None


class _Reader:
    """One file on its way to a Culture."""

    def __init__(self, file: Path, raw: bytes, catalog: Catalog) -> None:
        self.file, self.raw, self.catalog = file, raw, catalog
        self.objections: list[DataError] | None = None
        """Where what is wrong is collected; None: the first is raised."""

    def examined(self) -> tuple[Culture | None, list[DataError]]:
        """Everything that is wrong, and the culture without what could not be built."""
        self.objections = []
        try:
            said = _parse(self.file, self.raw)
            beside = _beside(self.file.with_name(SOURCES), self.objections)
        except DataError as error:
            return None, [error]
        for name in {"folder", "digest"} & said.keys():
            self._object(self._error(f"'{name}' is not for the file to say"))
            del said[name]
        self._without_unknown(said)
        found = self._mostly_built(said, beside)
        if found is not None:
            self._check(found, beside)
        return found, list({str(error): error for error in self.objections}.values())

    def _without_unknown(self, said: dict[str, Any]) -> None:
        """Spell out benchmark by benchmark; one that there is not goes."""
        tables = said.get("benchmarks")
        if not isinstance(tables, dict):
            return
        for name in list(tables):
            try:
                self._spell_out({"benchmarks": {name: tables[name]}, "retained": said.get("retained")})
            except HarnessError as error:
                self._object(error if isinstance(error, DataError) else self._error(f"benchmarks.{name}: {error}"))
                del tables[name]

    def _mostly_built(self, said: dict[str, Any], beside: Mapping[str, Source]) -> Culture | None:
        """What is left once every setting that is not valid has been said and its table taken out."""
        while True:
            try:
                return _model(said, self.file, self.raw, beside)
            except ValidationError as error:
                places = {detail["loc"][:2] for detail in error.errors(include_url=False)}
                for place in sorted(places, key=str):
                    self._object(self._error(_complaint(error, place)))
                if not all(_taken_out(said, place) for place in places):
                    return None

    def _object(self, error: DataError) -> None:
        """Say that something is wrong.

        Raises:
            DataError: it, unless all that is wrong is wanted.
        """
        if self.objections is None:
            raise error
        self.objections.append(error)

    def culture(self) -> Culture:
        """Spell out, build, check."""
        said = _parse(self.file, self.raw)
        for name in ("folder", "digest"):
            if name in said:
                raise self._error(f"'{name}' is not for the file to say")
        self._spell_out(said)
        beside = _beside(self.file.with_name(SOURCES))
        own = said.get("sources", {})
        if twice := sorted(beside.keys() & own if isinstance(own, dict) else ()):
            raise self._error(f"sources.{twice[0]}: {SOURCES} declares it too; leave one of them")
        found = self._built(said, beside)
        self._check(found, beside)
        return found

    def _check(self, found: Culture, beside: Mapping[str, Source]) -> None:
        for name, benchmark in found.benchmarks.items():
            self._check_benchmark(found, name, benchmark)
        for name, retained in found.retained.items():
            self._check_retained(found, name, retained)
        for name, source in found.sources.items():
            self._check_source(name, source, self.file.with_name(SOURCES) if name in beside else self.file)
            self._check_areas(found, name, source, self.file.with_name(SOURCES) if name in beside else self.file)
        self._check_stages(found)

    def _error(self, message: str) -> DataError:
        return DataError(message, file=self.file)

    def _built(self, said: Mapping[str, Any], beside: Mapping[str, Source]) -> Culture:
        try:
            return _model(said, self.file, self.raw, beside)
        except ValidationError as error:
            raise self._error(_complaint(error)) from None

    def _spell_out(self, said: Mapping[str, Any]) -> None:
        """Numbers and lists that stand for all dimensions become tables."""
        benchmarks, retained = said.get("benchmarks"), said.get("retained")
        for name, benchmark in benchmarks.items() if isinstance(benchmarks, dict) else ():
            if not isinstance(benchmark, dict):
                continue
            entries = self._leaves(name, retained if isinstance(retained, dict) else ())
            standards = benchmark.get("standards")
            if isinstance(standards, dict):
                for metric, value in standards.items():
                    if isinstance(value, int | float) and not isinstance(value, bool):
                        having = [entry for entry in entries if metric in metrics_of(entry)] or entries
                        standards[metric] = dict.fromkeys(self._dimensions(name, having) or (ANY,), value)
            if isinstance(benchmark.get("sources"), list):
                benchmark["sources"] = dict.fromkeys(self._dimensions(name, entries) or (ANY,), benchmark["sources"])

    def _leaves(self, benchmark: str, retained: Iterable[str]) -> list[Entry]:
        """Its tasks that are there to be mended: not those that are retained for themselves."""
        try:
            found = mended(self.catalog, benchmark, retained)
        except UsageError as error:
            raise self._error(f"benchmarks.{benchmark}: {error}") from None
        if not found:
            raise self._error(f"benchmarks.{benchmark}: is retained too; what is mended cannot be retained at once")
        return [self.catalog.find(leaf) for leaf in found]

    def _dimensions(self, benchmark: str, entries: Sequence[Entry]) -> tuple[str, ...]:
        return dimensions_of(entries, places_in(self.catalog, benchmark, entries))

    def _check_benchmark(self, culture: Culture, name: str, benchmark: CultureBenchmark) -> None:
        where = f"benchmarks.{name}"
        entries = self._leaves(name, culture.retained)
        known = self._dimensions(name, entries)
        metrics = {metric for entry in entries for metric in metrics_of(entry)} - NO_STANDARD
        if not benchmark.standards:
            self._object(self._error(f"{where}: has no standards; without one nothing can be weak"))
        for metric, standards in benchmark.standards.items():
            if metric not in metrics and not _said_by_lm_eval(metric, metrics, entries):
                self._object(self._error(f"{where}.standards: {unknown('metric to set a standard for', metric, metrics)}"))
            for dimension, standard in standards.items():
                self._check_dimension(f"{where}.standards.{metric}", dimension, known)
                if not 0 <= standard <= 1:
                    what = f"{where}.standards.{metric}.{dimension}: {standard:g} is no share; write 0.75 for 75%"
                    self._object(self._error(what))
        if benchmark.margin is not None:
            self._check_margin(where, benchmark.margin)
        for dimension, sources in benchmark.sources.items():
            self._check_dimension(f"{where}.sources", dimension, known)
            self._check_named(f"{where}.sources.{dimension}", sources, culture)

    def _check_dimension(self, where: str, dimension: str, known: Sequence[str]) -> None:
        if known and dimension not in known:
            self._object(self._error(f"{where}: {unknown('dimension', dimension, known)}"))

    def _check_retained(self, culture: Culture, name: str, retained: Retained) -> None:
        where = f"retained.{name}"
        if name in self.catalog.entries:
            leaves = [self.catalog.find(leaf) for leaf in self.catalog.leaves(name)]
            metrics = {metric for entry in leaves for metric in metrics_of(entry)} - {"invalid", "unjudged"}
            if retained.metric not in metrics:
                self._object(self._error(f"{where}.metric: {unknown('metric', retained.metric, metrics)}"))
        self._check_margin(where, retained.margin)
        self._check_named(f"{where}.sources", retained.sources, culture)

    def _check_margin(self, where: str, margin: float) -> None:
        if not 0 <= margin <= 1:
            self._object(self._error(f"{where}.margin: {margin:g} is no share; write 0.02 for two points"))

    def _check_named(self, where: str, sources: Sequence[str], culture: Culture) -> None:
        for source in sources:
            if not source.startswith(BUILT_IN) and source not in culture.sources:
                self._object(self._error(f"{where}: {unknown('source', source, culture.sources)} ([sources] declares them)"))

    def _check_source(self, name: str, source: Source, file: Path) -> None:
        where = name if file.name == SOURCES else f"sources.{name}"
        if name.startswith(BUILT_IN):
            self._object(DataError(f"{where}: names that begin with '{BUILT_IN}' are built in", file=file))
        if not source.url:
            return
        if source.sha256 is None or len(source.sha256) != 64:
            self._object(DataError(f"{where}: a url needs the sha256 (64 hex digits) of what it gives", file=file))
        path = PurePosixPath(source.path)
        if path.is_absolute() or ".." in path.parts:
            what = f"'{source.path}' is where a download is put; write a relative path without '..'"
            self._object(DataError(f"{where}.path: {what}", file=file))

    def _check_areas(self, culture: Culture, name: str, source: Source, file: Path) -> None:
        for category, areas in source.areas.items():
            for area in areas:
                benchmark, _, dimension = area.partition("/")
                place = f"{name if file.name == SOURCES else f'sources.{name}'}.areas.{category}"
                if benchmark not in culture.benchmarks:
                    what = f"{place}: {unknown('benchmark of the culture', benchmark, culture.benchmarks)}"
                    self._object(DataError(what, file=file))
                    continue
                known = self._dimensions(benchmark, self._leaves(benchmark, culture.retained))
                if known and dimension not in known:
                    self._object(DataError(f"{place}: {unknown('dimension', dimension, known)}", file=file))

    def _check_stages(self, culture: Culture) -> None:
        keeps: dict[str, bool] = {name: any(one.sources.values()) for name, one in culture.benchmarks.items()}
        keeps |= {name: bool(one.sources) for name, one in culture.retained.items()}
        for name, plan in culture.stages.items():
            where = f"stages.{name}"
            if plan.rows < 1:
                self._object(self._error(f"{where}.rows: {plan.rows} rows cannot be trained on; write at least 1"))
            for replayed, share in plan.replay.items():
                if replayed not in keeps:
                    self._object(self._error(f"{where}.replay: {unknown('benchmark or retained task', replayed, keeps)}"))
                    continue
                if not keeps[replayed]:
                    self._object(self._error(f"{where}.replay: '{replayed}' has no sources to be replayed from"))
                if not 0 < share < 1:
                    self._object(self._error(f"{where}.replay.{replayed}: {share:g} is no share; write a number between 0 and 1"))
            if (total := sum(plan.replay.values())) >= 1:
                self._object(self._error(f"{where}.replay: the shares sum to {total:g}, which leaves no room for what is weak"))


def _model(said: Mapping[str, Any], file: Path, raw: bytes, beside: Mapping[str, Source]) -> Culture:
    digest = hashlib.sha256(raw + _deciding(beside)).hexdigest()
    found = Culture.model_validate({**said, "folder": str(file.parent.resolve()), "digest": digest})
    return found.model_copy(update={"sources": {**found.sources, **beside}})


def _taken_out(said: dict[str, Any], place: Sequence[int | str]) -> bool:
    """Take out the table or setting that a complaint is about; False if it is not there."""
    inside = said if len(place) == 1 else said.get(str(place[0]))
    return isinstance(inside, dict) and inside.pop(str(place[-1]), None) is not None


def _beside(file: Path, objections: list[DataError] | None = None) -> dict[str, Source]:
    """The tables of a `sources.toml`; none where there is no such file. Wrong ones go to `objections`, where there are such."""
    if not file.is_file():
        return {}
    try:
        tables = _parse(file, file.read_bytes())
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None
    found = {}
    for name, table in tables.items():
        try:
            found[name] = Source.model_validate(table)
        except ValidationError as error:
            objection = DataError(f"{name}.{_complaint(error)}".replace(".:", ":"), file=file)
            if objections is None:
                raise objection from None
            objections.append(objection)
    return found


def _deciding(beside: Mapping[str, Source]) -> bytes:
    """What of a `sources.toml` decides rows; nothing where there is none."""
    if not beside:
        return b""
    plain = {name: source.model_dump(mode="json", exclude=set(_WORDS)) for name, source in beside.items()}
    return json.dumps(plain, sort_keys=True, ensure_ascii=False).encode()


def _complaint(error: ValidationError, within: Sequence[str | int] = ()) -> str:
    # A misspelt name makes two errors, one of them misleading: that the right one is missing.
    details = error.errors(include_url=False, include_input=False)
    details = [one for one in details if one["loc"][: len(within)] == tuple(within)] or details
    detail = min(details, key=lambda one: one["type"] != "extra_forbidden")
    place = ".".join(str(part) for part in detail["loc"] if part != "[key]")
    return f"{place}: {'no such setting' if detail['type'] == 'extra_forbidden' else detail['msg']}"


def places_in(catalog: Catalog, benchmark: str, entries: Iterable[Entry]) -> dict[str, Place]:
    """Task of lm-eval's own among the tasks of a benchmark -> where its samples stand."""
    foreign = {entry.name for entry in entries if entry.origin == "lm-eval"}
    return {leaf: place for leaf, place in catalog.places((benchmark,)).items() if leaf in foreign} if foreign else {}


def dimensions_of(entries: Iterable[Entry], places: Mapping[str, Place] | None = None) -> tuple[str, ...]:
    """Dimensions of tasks, in their order; empty if one of them does not say its own.

    Args:
        entries: tasks.
        places: of those that are lm-eval's own, as `places_in` finds them.
    """
    found = [
        places[entry.name].dimension if places and entry.name in places else entry.metadata.get("dimension") for entry in entries
    ]
    return tuple(dict.fromkeys(str(name) for name in found)) if all(found) else ()


def _said_by_lm_eval(metric: str, listed: Iterable[str], entries: Iterable[Entry]) -> bool:
    """Whether a metric may be one of lm-eval's own tasks: their code may give more than they list, by several filters."""
    if any(entry.origin != "lm-eval" for entry in entries):
        return False
    return not listed or any(metric.startswith(f"{name}_") for name in listed)


def metrics_of(entry: Entry) -> frozenset[str]:
    """Metrics that a task's YAML lists."""
    return frozenset(_listed(entry.path))


def _listed(path: Path) -> Iterator[str]:
    """From the file, or else from what it includes (the catalog has read all of them before)."""
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    config = yaml.load(path.read_bytes(), Loader=loader)  # noqa: S506 - makes nothing but texts, lists and mappings
    if listed := config.get("metric_list"):
        yield from (str(one["metric"]) for one in listed if isinstance(one, dict) and "metric" in one)
        return
    included = config.get("include", [])
    for name in included if isinstance(included, list) else [included]:
        yield from _listed((path.parent / name).resolve())
