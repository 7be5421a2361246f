"""[data.NAME] × culture -> which sources a pool draws from, what identifies them, and a culture that knows where they lie.

A pool is a few **wants**: of `areas` one for each dimension of each area, of `sources` one for each source, of `path` one. Each
area or source has the same part of the rows as its fellows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness import catalog
from harness.culture import ANY
from harness.errors import DataError, UsageError, unknown
from harness.judging.text import han_share
from harness.rows.formats import OTHER_LANGUAGE, Read
from harness.rows.sources import family_or_part, identities, is_built_in, places
from harness.runs.write import canonical
from harness.schema import Culture, Retained, Source
from harness.schema.study import Study, StudyData

ROWS: Final = "rows"
_KINDS: Final = ("areas", "sources", "path")
_OWN: Final = "own file"
"""Name of the source that a pool's own file is."""


@dataclass(frozen=True)
class Want:
    """A part of a pool."""

    area: str
    """What its rows are drawn for."""
    share: float
    """Of the pool; the shares sum to 1."""
    sources: tuple[str, ...]


@dataclass(frozen=True)
class PoolPlan:
    """Where a pool's rows come from."""

    name: str
    wants: tuple[Want, ...]
    culture: Culture
    """The study's, with the pool's own file and everything that the study measures."""
    untagged: frozenset[str] = frozenset()
    """Sources all of whose rows serve, whatever they are tagged with."""
    curate: str | None = None
    language: str | None = None
    written_by: dict[str, str] = field(default_factory=dict)
    """Source -> name that its rows bear, where a curated file holds the rows of several sources."""

    @property
    def sources(self) -> tuple[str, ...]:
        """All, sorted."""
        return tuple(sorted({source for want in self.wants for source in want.sources}))

    @property
    def keep(self) -> Callable[[str, Read], bool] | None:
        """Which rows of a file serve; None: all."""
        if self.language is None and not self.written_by:
            return None
        return self._kept

    def _kept(self, source: str, read: Read) -> bool:
        own = self.written_by.get(source)
        if own is not None and (read.row is None or read.row.source != own):
            return False
        return self.language is None or language_of(read, self.culture.sources[source].language) == self.language


def check_pool(study: Study, culture: Culture, name: str, pool: StudyData) -> None:
    """Refuse a pool that says too little, too much, or what does not exist.

    Raises:
        UsageError: an area, source or pipeline is unknown.
        DataError: it says more or less than one of areas, sources, path, or what does not go together.
    """
    where = f"data.{name}"
    said = [kind for kind in _KINDS if getattr(pool, kind)]
    if len(said) != 1:
        what = f"says {' and '.join(said)}" if said else "says nothing of where its rows come from"
        raise DataError(f"{where}: {what}; one of {', '.join(_KINDS)} it is")
    for want in _wants(where, culture, pool):
        for source in want.sources:
            _check_source(where, culture, pool, source)
    if pool.curate is not None:
        from harness.curating import pipeline

        try:
            pipeline.load(_beside(study, pool.curate))
        except UsageError as error:
            raise UsageError(f"{where}.curate: {error}") from None


def _check_source(where: str, culture: Culture, pool: StudyData, source: str) -> None:
    if is_built_in(source):
        from harness.demo import lessons

        lessons.parts(family_or_part(source))
        what = "curate" if pool.curate else "language" if pool.language else None
        if what:
            raise DataError(f"{where}.{what}: '{source}' is drawn by the demo world, so there is no file to choose rows of")
    elif source != _OWN and source not in culture.sources:
        raise UsageError(f"{where}.sources: {unknown(f'source of culture {culture.name}', source, culture.sources)}")


def pool_plan(study: Study, culture: Culture, name: str, curated: Path | None = None) -> PoolPlan:
    """Where the rows of a pool come from.

    Args:
        study: whose pool it is.
        culture: the study's.
        name: of the pool.
        curated: rows file that its pipeline has made, once it has.

    Raises:
        DataError: its own file is not there.
    """
    pool = study.data[name]
    wants = tuple(_wants(f"data.{name}", culture, pool))
    wider = measuring(study, culture)
    own = {_OWN: _own_source(study, name, pool.path)} if pool.path else {}
    wider = wider.model_copy(update={"sources": {**wider.sources, **own}})
    names = {source for want in wants for source in want.sources}
    plain = frozenset(names if not pool.areas else {one for one in names if _format(wider, one) != ROWS})
    plan = PoolPlan(name, wants, wider, plain, pool.curate and _beside(study, pool.curate), pool.language)
    return plan if curated is None else _from_curated(plan, curated)


def pool_identity(plan: PoolPlan, *, only_look: bool = False) -> dict[str, Any]:
    """All that decides which rows a pool holds, as JSON values; the files are read.

    Args:
        plan: of the pool.
        only_look: fetch nothing; a file that is not here is what the culture says it should be.

    Raises:
        DataError: a file is not here, or is not what the culture says.
    """
    return {
        "wants": [[want.area, round(want.share, 12), list(want.sources)] for want in plan.wants],
        "sources": {name: (_declared(plan.culture, name), found) for name, found in _identities(plan, only_look).items()},
        "language": plan.language,
        "curate": None if plan.curate is None else _pipeline(plan.curate),
    }


def language_of(read: Read, declared: str | None) -> str:
    """What a row says of itself, or else its source; or else, by the letters of its replies, `zh` or `en`."""
    said = read.language or (read.row.language if read.row else "") or declared
    if said:
        return said
    share = han_share("\n".join(turn.content for turn in read.messages if turn.role == "assistant"))
    return "" if share is None else "en" if share < OTHER_LANGUAGE else "zh"


def given(plan: PoolPlan) -> tuple[str, ...]:
    """The pool's sources as `harness curate` takes them."""
    own = plan.culture.sources.get(_OWN)
    return tuple(f"{own.format}:{own.path}" if own and name == _OWN else name for name in plan.sources)


def _wants(where: str, culture: Culture, pool: StudyData) -> Iterator[Want]:
    if pool.path:
        yield Want(where.partition(".")[2], 1.0, (_OWN,))
    for source in pool.sources:
        yield Want(where.partition(".")[2], 1 / len(pool.sources), (source,))
    for area in pool.areas:
        parts = _taught(where, culture, area)
        yield from (Want(name, 1 / len(pool.areas) / len(parts), sources) for name, sources in parts)


def _taught(where: str, culture: Culture, area: str) -> list[tuple[str, tuple[str, ...]]]:
    """Areas and sources behind a benchmark, a retained task, or `benchmark/dimension`.

    Raises:
        UsageError: the culture knows no such area.
        DataError: nothing teaches it.
    """
    benchmark, slash, dimension = area.partition("/")
    if not slash and benchmark in culture.retained:
        found = [(area, culture.retained[benchmark].sources)]
    elif benchmark in culture.benchmarks:
        declared = culture.benchmarks[benchmark].sources
        if slash and dimension not in declared and ANY not in declared:
            raise UsageError(f"{where}.areas: {unknown(f'dimension of {benchmark} with sources', dimension, declared)}")
        names = [dimension if dimension in declared else ANY] if slash else list(declared)
        found = [(f"{benchmark}/{name}", declared[name]) for name in names]
    else:
        known = {*culture.benchmarks, *culture.retained}
        raise UsageError(f"{where}.areas: {unknown('benchmark or retained task', benchmark, known)}")
    if not any(sources for _, sources in found):
        raise DataError(f"{where}.areas: culture '{culture.name}' declares no source that teaches '{area}'")
    return [(name, sources) for name, sources in found if sources]


def measuring(study: Study, culture: Culture) -> Culture:
    """The culture with every task of the study: what no row may repeat."""
    known = catalog.read()
    covered = {leaf for task in culture.tasks if task in known.entries for leaf in known.leaves(task)}
    more = [task for task in study.tasks if task not in culture.tasks and not set(known.leaves(task)) <= covered]
    return culture.model_copy(update={"retained": culture.retained | {task: Retained() for task in more}})


def _own_source(study: Study, pool: str, said: str) -> Source:
    """A pool's own file, or the rows of its data set.

    Raises:
        DataError: it is not there, or in no format that is known.
    """
    from harness.rows import dataset
    from harness.rows.guessing import guess

    path = Path(study.folder) / Path(said).expanduser()
    if (path / dataset.MANIFEST).is_file():
        dataset.check_rows(path, dataset.read_dataset(path))
        return Source(path=str(path / dataset.ROWS), format=ROWS)
    if not path.is_file():
        raise DataError(f"data.{pool}.path: there is no file and no data set of harness curate at '{path}'")
    return Source.model_validate({"path": str(path), "format": guess(path)})


def _beside(study: Study, said: str) -> str:
    """A pipeline's file, relative to the study's; a name without `.toml` is that of a preset."""
    return str(Path(study.folder) / Path(said).expanduser()) if said.endswith(".toml") else said


def _from_curated(plan: PoolPlan, rows: Path) -> PoolPlan:
    """The same wants, served by what the pipeline left of each source."""
    file_name = {_OWN: Path(plan.culture.sources[_OWN].path).stem} if _OWN in plan.culture.sources else {}
    sources = {name: Source(path=str(rows), format=ROWS, language=plan.culture.sources[name].language) for name in plan.sources}
    return PoolPlan(
        plan.name,
        plan.wants,
        plan.culture.model_copy(update={"sources": {**plan.culture.sources, **sources}}),
        plan.untagged,
        None,
        plan.language,
        {name: file_name.get(name, name) for name in plan.sources} if len(plan.sources) > 1 else {},
    )


def _format(culture: Culture, source: str) -> str:
    return "demo" if is_built_in(source) else culture.sources[source].format


def _identities(plan: PoolPlan, only_look: bool) -> dict[str, str]:
    absent = {name for name in plan.sources if only_look and not is_built_in(name) and place_of(plan, name) is None}
    return identities(plan.culture, (name for name in plan.sources if name not in absent)) | {
        name: _as_declared(plan.culture, name) for name in absent
    }


def place_of(plan: PoolPlan, source: str) -> Path | None:
    """Where the file of a declared source lies; None if it is not on this machine."""
    return next((place for place in places(plan.culture.sources[source], plan.culture.folder) if place.is_file()), None)


def _as_declared(culture: Culture, source: str) -> str:
    """The hash that a source should have.

    Raises:
        DataError: the culture does not say it.
    """
    declared = culture.sources[source]
    if declared.sha256 is None:
        raise DataError(f"source '{source}' is not here ({declared.path})")
    return declared.sha256


def _declared(culture: Culture, source: str) -> dict[str, Any]:
    """What of a source's declaration decides its rows; not where it lies."""
    if is_built_in(source):
        return {}
    return culture.sources[source].model_dump(mode="json", include={"format", "language", "areas"})


def _pipeline(name: str) -> str:
    from harness.curating import pipeline

    loaded = pipeline.with_contamination(pipeline.load(name))
    return hashlib.sha256(canonical([loaded.culture, loaded.seed, pipeline.canonical(loaded)]).encode()).hexdigest()
