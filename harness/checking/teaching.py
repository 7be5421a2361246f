"""Culture -> what teaches it: sources for every dimension, their files, licences, languages, and rows that repeat an item."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Final

from harness.checking.asking import OWN_SCRIPT, TODO, Asked
from harness.checking.findings import Findings
from harness.culture import ANY, SOURCES
from harness.demo import lessons
from harness.errors import HarnessError
from harness.judging.scripts import SCRIPTS, share
from harness.rows import sources
from harness.rows.contamination import BenchmarkItem, Index
from harness.rows.reading import read_rows
from harness.schema import Culture, DataRow, Source

READ: Final = 20_000
"""Rows of a source that are compared with the items; a mix compares all."""
LISTED: Final = 300
"""Rows whose replies' script is looked at."""
CULTURE: Final = "culture.toml"


def check(culture: Culture, found: Sequence[Asked], findings: Findings) -> tuple[dict[str, int | None], dict[str, int]]:
    """Say what is wrong.

    Returns:
        Source -> rows in its file (None: not here), and source -> rows that repeat an item of the culture's benchmarks.
    """
    _covered(culture, found, findings)
    _built_in(culture, findings)
    items = [BenchmarkItem(one.benchmark, sample.id, (sample.question,)) for one in found for sample in one.samples or ()]
    index, rows, overlap = Index(items), dict[str, int | None](), dict[str, int]()
    for name in sorted(culture.sources):
        rows[name], repeated = _source(culture, name, index, findings)
        if repeated:
            overlap[name] = repeated
    _unused(culture, findings)
    return rows, overlap


def _covered(culture: Culture, found: Sequence[Asked], findings: Findings) -> None:
    """Every dimension has a standard by some metric, and a source: what is weak and has none stops the loop."""
    for name, benchmark in culture.benchmarks.items():
        dimensions = dict.fromkeys(one.dimension or ANY for one in found if one.benchmark == name)
        standards = {dimension for by in benchmark.standards.values() for dimension in by}
        for dimension in dimensions:
            if not {dimension, ANY} & standards:
                what = f"benchmarks.{name}: dimension '{dimension}' has no standard, so it is never weak; add it to standards"
                findings.error("standards", CULTURE, what)
            elif benchmark.stage in culture.stages and not (benchmark.sources.get(dimension) or benchmark.sources.get(ANY)):
                what = f"benchmarks.{name}: no source teaches '{dimension}', so nothing can mend it; add it to sources"
                findings.error("sources", CULTURE, what)
    for name, kept in culture.retained.items():
        if not kept.sources:
            findings.warning(
                "sources", CULTURE, f"retained.{name}: has no sources, so it cannot be replayed while something is trained"
            )


def _used(culture: Culture) -> set[str]:
    taught = {source for one in culture.benchmarks.values() for those in one.sources.values() for source in those}
    return taught | {source for one in culture.retained.values() for source in one.sources}


def _built_in(culture: Culture, findings: Findings) -> None:
    for name in sorted(filter(sources.is_built_in, _used(culture))):
        try:
            lessons.parts(sources.family_or_part(name))
        except HarnessError as error:
            findings.objection("sources", CULTURE, error)


def _source(culture: Culture, name: str, index: Index, findings: Findings) -> tuple[int | None, int]:
    """Its rows and how many of them repeat an item; (None, 0) if its file is not here."""
    source = culture.sources[name]
    declared = Path(culture.folder) / (SOURCES if (Path(culture.folder) / SOURCES).is_file() else CULTURE)
    if source.licence.strip().lower() in ("", "unknown"):
        findings.error("sources", declared, f'{name}: states no licence; write licence = "…" (data without one may not be used)')
    if not any(place.is_file() for place in sources.places(source, culture.folder)):
        if name in _used(culture):
            _absent(culture, name, source, declared, findings)
        return None, 0
    try:
        file = sources.find(culture, name)
        return _read(culture, name, file, index, findings)
    except HarnessError as error:
        findings.objection("sources", declared, error)
        return None, 0


def _absent(culture: Culture, name: str, source: Source, declared: Path, findings: Findings) -> None:
    """A file that others must get is no mistake; one that was to lie beside the culture is."""
    if source.url and source.sha256:
        findings.warning(
            "sources", declared, f"{name}: {source.path} is not here; harness data fetch {name} --culture {culture.name}"
        )
    elif source.about:
        findings.warning("sources", declared, f"{name}: {source.path} is not here; its 'about' says where to get it")
    else:
        what = f"{name}: {source.path} is nowhere, nor is said where to get it: put it there, or say url and sha256, or about"
        findings.error("sources", declared, what)


def _read(culture: Culture, name: str, file: Path, index: Index, findings: Findings) -> tuple[int, int]:
    source, rows, dropped = culture.sources[name], 0, 0
    first: list[DataRow] = []
    texts: list[list[str]] = []
    for read in read_rows(name, source, file):
        if not isinstance(read, DataRow):
            dropped += 1
            continue
        rows += 1
        if len(first) < LISTED:
            first.append(read)
        if len(texts) < READ:
            texts.append([turn.content for turn in read.messages])
    if source.rows is not None and source.rows != rows + dropped:
        findings.warning("sources", file, f"{name}: says {source.rows:,} rows, its file has {rows + dropped:,}; correct 'rows'")
    if dropped:
        findings.warning(
            "sources",
            file,
            f"{name}: {dropped:,} of {rows + dropped:,} records teach nothing (harness data show {name} --troubles)",
        )
    repeated = sum(hit is not None for hit in index.find_rows(texts))
    if repeated:
        level = findings.error if 2 * repeated > len(texts) else findings.warning
        level(
            "overlap",
            file,
            f"{name}: {repeated:,} of {len(texts):,} rows repeat an item of the benchmarks; every mix leaves them out",
        )
    _language(culture, name, source, first, file, findings)
    return rows, repeated


def _language(culture: Culture, name: str, source: Source, rows: Sequence[DataRow], file: Path, findings: Findings) -> None:
    """Replies in the language that the source says, or else the culture's."""
    if source.language is None:
        findings.warning("sources", file, f'{name}: says no language; write language = "{culture.language}", or what it is')
    language = source.language or culture.language
    shares = [share(row.messages[-1].content, language) for row in rows if TODO not in row.messages[-1].content]
    known = [value for value in shares if value is not None]
    if language in SCRIPTS and known and fmean(known) < OWN_SCRIPT:
        what = f"{name}: {fmean(known):.0%} of the letters of its replies are in the script of '{language}'; is it that file?"
        findings.warning("language", file, what)


def _unused(culture: Culture, findings: Findings) -> None:
    taught, tagged = _used(culture), {name for name, one in culture.sources.items() if one.areas}
    for name in sorted(culture.sources.keys() - taught - tagged):
        if culture.sources[name].path and not culture.sources[name].about:
            findings.warning("sources", CULTURE, f"{name}: is declared, teaches no dimension and says nothing about itself")
