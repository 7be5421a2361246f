"""culture.toml -> Culture. A culture is data: what it names must exist, and what it does not know is refused.

A file lies at `tasks/<folder>/culture.toml` of any home; its `name` is the culture's name, once over all homes. Benchmarks must
be in the catalog; a retained task may also be one that lm-eval brings along, which the catalog does not know. Two shorthands are
spelled out here, so that no reader of a Culture meets them: one number as the standard of every dimension, and one list as the
sources of every dimension. Where the task YAML states no dimensions they stand under `*`.

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
from harness.catalog import Catalog, Entry
from harness.catalog import read as read_catalog
from harness.errors import DataError, UsageError, unknown
from harness.schema import Culture, CultureBenchmark, Retained, Source

FILE: Final = "culture.toml"
SOURCES: Final = "sources.toml"
_WORDS: Final = frozenset({"about", "traps", "rows", "url"})
"""What a source says of itself that decides no row: it may be reworded without the culture being another."""
ANY: Final = "*"
"""Stands for every dimension, where the task YAML does not say which there are."""
BUILT_IN: Final = "demo:"
"""Sources that begin so are made by the demo world, not declared."""
NO_STANDARD: Final = frozenset({"acc_macro", "invalid", "unjudged"})
"""Metrics of a task that say nothing of a dimension: copies of others, and trouble counted."""


def names(search: Iterable[Path] | None = None) -> tuple[str, ...]:
    """Names of all cultures, sorted; `search` is as for `load`.

    Raises:
        DataError: a file cannot be read, or two have the same name.
    """
    return tuple(sorted(_found(search)))


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


def mended(catalog: Catalog, benchmark: str, retained: Iterable[str]) -> tuple[str, ...]:
    """The tasks of a benchmark without those that are retained, by themselves or with a group."""
    kept = {leaf for name in retained if name in catalog.entries for leaf in catalog.leaves(name)}
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
        for name, benchmark in found.benchmarks.items():
            self._check_benchmark(found, name, benchmark)
        for name, retained in found.retained.items():
            self._check_retained(found, name, retained)
        for name, source in found.sources.items():
            self._check_source(name, source, self.file.with_name(SOURCES) if name in beside else self.file)
            self._check_areas(found, name, source, self.file.with_name(SOURCES) if name in beside else self.file)
        self._check_stages(found)
        return found

    def _error(self, message: str) -> DataError:
        return DataError(message, file=self.file)

    def _built(self, said: Mapping[str, Any], beside: Mapping[str, Source]) -> Culture:
        digest = hashlib.sha256(self.raw + _deciding(beside)).hexdigest()
        try:
            found = Culture.model_validate({**said, "folder": str(self.file.parent.resolve()), "digest": digest})
        except ValidationError as error:
            raise self._error(_complaint(error)) from None
        return found.model_copy(update={"sources": {**found.sources, **beside}})

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
                        standards[metric] = dict.fromkeys(dimensions_of(having) or (ANY,), value)
            if isinstance(benchmark.get("sources"), list):
                benchmark["sources"] = dict.fromkeys(dimensions_of(entries) or (ANY,), benchmark["sources"])

    def _leaves(self, benchmark: str, retained: Iterable[str]) -> list[Entry]:
        """Its tasks that are there to be mended: not those that are retained for themselves."""
        if benchmark not in self.catalog.entries:
            raise self._error(f"benchmarks.{benchmark}: {unknown('task or group', benchmark, self.catalog.entries)}")
        found = mended(self.catalog, benchmark, retained)
        if not found:
            raise self._error(f"benchmarks.{benchmark}: is retained too; what is mended cannot be retained at once")
        return [self.catalog.find(leaf) for leaf in found]

    def _check_benchmark(self, culture: Culture, name: str, benchmark: CultureBenchmark) -> None:
        where = f"benchmarks.{name}"
        entries = self._leaves(name, culture.retained)
        metrics = {metric for entry in entries for metric in metrics_of(entry)} - NO_STANDARD
        if not benchmark.standards:
            raise self._error(f"{where}: has no standards; without one nothing can be weak")
        for metric, standards in benchmark.standards.items():
            if metric not in metrics:
                raise self._error(f"{where}.standards: {unknown('metric to set a standard for', metric, metrics)}")
            for dimension, standard in standards.items():
                self._check_dimension(f"{where}.standards.{metric}", dimension, entries)
                if not 0 <= standard <= 1:
                    raise self._error(f"{where}.standards.{metric}.{dimension}: {standard:g} is no share; write 0.75 for 75%")
        if benchmark.margin is not None:
            self._check_margin(where, benchmark.margin)
        for dimension, sources in benchmark.sources.items():
            self._check_dimension(f"{where}.sources", dimension, entries)
            self._check_named(f"{where}.sources.{dimension}", sources, culture)

    def _check_dimension(self, where: str, dimension: str, entries: Sequence[Entry]) -> None:
        known = dimensions_of(entries)
        if known and dimension not in known:
            raise self._error(f"{where}: {unknown('dimension', dimension, known)}")

    def _check_retained(self, culture: Culture, name: str, retained: Retained) -> None:
        where = f"retained.{name}"
        if name in self.catalog.entries:
            leaves = [self.catalog.find(leaf) for leaf in self.catalog.leaves(name)]
            metrics = {metric for entry in leaves for metric in metrics_of(entry)} - {"invalid", "unjudged"}
            if retained.metric not in metrics:
                raise self._error(f"{where}.metric: {unknown('metric', retained.metric, metrics)}")
        self._check_margin(where, retained.margin)
        self._check_named(f"{where}.sources", retained.sources, culture)

    def _check_margin(self, where: str, margin: float) -> None:
        if not 0 <= margin <= 1:
            raise self._error(f"{where}.margin: {margin:g} is no share; write 0.02 for two points")

    def _check_named(self, where: str, sources: Sequence[str], culture: Culture) -> None:
        for source in sources:
            if not source.startswith(BUILT_IN) and source not in culture.sources:
                raise self._error(f"{where}: {unknown('source', source, culture.sources)} ([sources] declares them)")

    def _check_source(self, name: str, source: Source, file: Path) -> None:
        where = name if file.name == SOURCES else f"sources.{name}"
        if name.startswith(BUILT_IN):
            raise DataError(f"{where}: names that begin with '{BUILT_IN}' are built in", file=file)
        if not source.url:
            return
        if source.sha256 is None or len(source.sha256) != 64:
            raise DataError(f"{where}: a url needs the sha256 (64 hex digits) of what it gives", file=file)
        path = PurePosixPath(source.path)
        if path.is_absolute() or ".." in path.parts:
            what = f"'{source.path}' is where a download is put; write a relative path without '..'"
            raise DataError(f"{where}.path: {what}", file=file)

    def _check_areas(self, culture: Culture, name: str, source: Source, file: Path) -> None:
        for category, areas in source.areas.items():
            for area in areas:
                benchmark, _, dimension = area.partition("/")
                place = f"{name if file.name == SOURCES else f'sources.{name}'}.areas.{category}"
                if benchmark not in culture.benchmarks:
                    raise DataError(f"{place}: {unknown('benchmark of the culture', benchmark, culture.benchmarks)}", file=file)
                known = dimensions_of(self._leaves(benchmark, culture.retained))
                if known and dimension not in known:
                    raise DataError(f"{place}: {unknown('dimension', dimension, known)}", file=file)

    def _check_stages(self, culture: Culture) -> None:
        keeps: dict[str, bool] = {name: any(one.sources.values()) for name, one in culture.benchmarks.items()}
        keeps |= {name: bool(one.sources) for name, one in culture.retained.items()}
        for name, plan in culture.stages.items():
            where = f"stages.{name}"
            if plan.rows < 1:
                raise self._error(f"{where}.rows: {plan.rows} rows cannot be trained on; write at least 1")
            for replayed, share in plan.replay.items():
                if replayed not in keeps:
                    raise self._error(f"{where}.replay: {unknown('benchmark or retained task', replayed, keeps)}")
                if not keeps[replayed]:
                    raise self._error(f"{where}.replay: '{replayed}' has no sources to be replayed from")
                if not 0 < share < 1:
                    raise self._error(f"{where}.replay.{replayed}: {share:g} is no share; write a number between 0 and 1")
            if (total := sum(plan.replay.values())) >= 1:
                raise self._error(f"{where}.replay: the shares sum to {total:g}, which leaves no room for what is weak")


def _beside(file: Path) -> dict[str, Source]:
    """The tables of a `sources.toml`; none where there is no such file."""
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
            raise DataError(f"{name}.{_complaint(error)}".replace(".:", ":"), file=file) from None
    return found


def _deciding(beside: Mapping[str, Source]) -> bytes:
    """What of a `sources.toml` decides rows; nothing where there is none."""
    if not beside:
        return b""
    plain = {name: source.model_dump(mode="json", exclude=set(_WORDS)) for name, source in beside.items()}
    return json.dumps(plain, sort_keys=True, ensure_ascii=False).encode()


def _complaint(error: ValidationError) -> str:
    # A misspelt name makes two errors, one of them misleading: that the right one is missing.
    details = error.errors(include_url=False, include_input=False)
    detail = min(details, key=lambda one: one["type"] != "extra_forbidden")
    place = ".".join(str(part) for part in detail["loc"] if part != "[key]")
    return f"{place}: {'no such setting' if detail['type'] == 'extra_forbidden' else detail['msg']}"


def dimensions_of(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Dimensions of tasks, in their order; empty if one of them does not say its own."""
    found = [entry.metadata.get("dimension") for entry in entries]
    return tuple(dict.fromkeys(str(name) for name in found)) if all(found) else ()


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
