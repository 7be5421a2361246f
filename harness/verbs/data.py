"""Culture -> its sources: which there are and whether they are here, getting those with an address, what is in one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from harness import culture as cultures
from harness.errors import HarnessError, UsageError, unknown
from harness.rows import sources
from harness.rows.formats import FORMATS
from harness.rows.guessing import AUTO, guess
from harness.rows.summing import sum_up
from harness.schema import Culture, Source
from harness.schema.sources import SourceState, SourceSummary

CULTURE: Final = "zh_cn"
"""Whose sources are meant where none is named."""


def listed(culture: str = CULTURE) -> tuple[SourceState, ...]:
    """Every declared source, by name. Nothing is hashed, read or downloaded.

    Raises:
        HarnessError: there is no such culture, or it is broken.
    """
    loaded = cultures.load(culture)
    return tuple(_state(loaded, name) for name in sorted(loaded.sources))


def fetched(
    names: Iterable[str], culture: str = CULTURE, *, everything: bool = False, said: Callable[[str], None] | None = None
) -> tuple[SourceState, ...]:
    """The same, of some sources, after those that have an address were downloaded and checked.

    Args:
        names: of sources.
        culture: whose.
        everything: all of them, whatever is named.
        said: called with one line for each that could not be had.

    Raises:
        UsageError: nothing is named, or no source has that name.
    """
    loaded = cultures.load(culture)
    wanted = sorted(loaded.sources) if everything else list(dict.fromkeys(names))
    if not wanted:
        raise UsageError("name the sources to get, or --all (harness data list shows them)")
    for name in wanted:
        if name not in loaded.sources:
            raise unknown(f"source in culture '{loaded.name}'", name, loaded.sources)
    return tuple(_fetched(loaded, name, said) for name in wanted)


def _fetched(culture: Culture, name: str, said: Callable[[str], None] | None) -> SourceState:
    try:
        found = sources.find(culture, name)
    except HarnessError as error:
        if said:
            said(str(error))
        state = _state(culture, name)
        # A file that is there and not the right one is as good as none.
        return state.model_copy(update={"state": "missing"})
    return _state(culture, name, found)


def _state(culture: Culture, name: str, found: Path | None = None) -> SourceState:
    source = culture.sources[name]
    places = sources.places(source, culture.folder)
    found = found or next((place for place in places if place.is_file()), None)
    return SourceState(
        name=name,
        format=source.format,
        licence=source.licence,
        language=source.language or "",
        rows=source.rows,
        state="here" if found else "downloadable" if source.url and source.sha256 else "missing",
        file=str(found) if found else None,
        size=found.stat().st_size if found else None,
        wanted=tuple(str(place) for place in places),
        get=source.url or source.about,
        traps=source.traps,
        areas=source.areas,
    )


def show(target: str, culture: str = CULTURE, *, samples: int = 3) -> SourceSummary:
    """What is in the file of a source, or in any file.

    Args:
        target: name of a source, or `FORMAT:PATH`; the format `auto` is told by the first record.
        culture: whose sources.
        samples: rows kept.

    Raises:
        UsageError: there is no such source, format or file.
        DataError: the file is not here, cannot be read, or holds no rows.
    """
    if sources.is_built_in(target):
        raise UsageError(f"'{target}' is drawn by the demo world; there is no file to look into")
    form, colon, place = target.partition(":")
    if not colon:
        loaded = cultures.load(culture)
        if target not in loaded.sources and Path(target).expanduser().is_file():
            raise UsageError(f"'{target}' is no source but a file; say auto:{target}, or its format instead of auto")
        return sum_up(target, loaded.sources.get(target) or _none(loaded, target), sources.find(loaded, target), samples=samples)
    if form not in (AUTO, *FORMATS):
        raise unknown("format", form, (AUTO, *FORMATS))
    path = Path(place).expanduser()
    if not path.is_file():
        raise UsageError(f"'{path}' is no plain file" if path.exists() else f"there is no file '{path}'")
    known = guess(path) if form == AUTO else form
    source = Source.model_validate({"path": path.name, "format": known})
    return sum_up(path.stem or path.name, source, path, samples=samples, guessed=form == AUTO)


def _none(culture: Culture, name: str) -> Source:
    raise unknown(f"source in culture '{culture.name}'", name, culture.sources)
