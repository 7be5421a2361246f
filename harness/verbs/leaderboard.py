"""BoardEntry* × RunRecord* × published rows -> Leaderboard -> `leaderboards/<culture>.md` and `.html`.

A page is made from what is committed: small entries and published tables, so that anybody can make it again, byte by byte, and CI
can say when it is stale. Runs given by name are shown as if they had been added, for a look before they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness import catalog, folders
from harness import culture as cultures
from harness.errors import DataError, Refused, UsageError
from harness.pairs import Run
from harness.ranking import published
from harness.ranking.board import build
from harness.ranking.entries import entry_of, held_whole, keep, place_of
from harness.ranking.pages import is_fresh, page, save
from harness.ranking.reading import kept
from harness.report.leaderboard_html import around, leaderboard_html
from harness.report.leaderboard_markdown import leaderboard_markdown
from harness.runs import find_run, load_run
from harness.schema import BoardEntry, Culture, Leaderboard

MARKDOWN: Final = ".md"
HTML: Final = ".html"


@dataclass(frozen=True)
class Page:
    """A file of a leaderboard, and whether it is what it should be."""

    file: Path
    content: bytes
    fresh: bool


@dataclass(frozen=True)
class Added:
    """An entry that was written."""

    entry: BoardEntry
    file: Path
    replaced: str | None
    """Fingerprint of the model whose entry stood there before."""
    before: str | None = None
    """Its run."""


def leaderboard(
    runs: Sequence[str] = (), *, culture: str | None = None, folder: Path = Path("leaderboards"), root: Path | None = None
) -> tuple[Leaderboard, ...]:
    """What the pages of a folder say.

    Args:
        runs: finished runs that are shown too, each in place of an entry of the same name.
        culture: name; default: every culture that has an entry, a published table or a page here.
        folder: of the leaderboards; where it has no published tables, those that come with this package are shown.
        root: where runs are kept.

    Raises:
        NotComparable: a run is limited.
        IncompleteRun: a run lacks responses or verdicts.
        HarnessError: with one line that says what to mend.
    """
    known, tables = catalog.read(), published.read(folder)
    opened = [_opened(name, root, known) for name in runs]
    wanted = [cultures.load(culture, known=known)] if culture else list(_cultures(folder, tables, opened, known))
    if not wanted:
        raise UsageError(f"there is no leaderboard in '{folder}'; begin one with harness leaderboard --add RUN")
    shown = tables if tables.cultures() else published.read(folders.home() / "leaderboards")
    return tuple(
        build(one, known, _entries(one, folder, [run for run in opened if culture or held_here(run, one, known)], known), shown)
        for one in wanted
    )


def add(
    runs: Sequence[str],
    *,
    name: str | None = None,
    culture: str | None = None,
    folder: Path = Path("leaderboards"),
    root: Path | None = None,
) -> tuple[Added, ...]:
    """Keep what is needed of runs to rank them.

    Args:
        runs: finished, whole, not limited.
        name: as shown, of a single run; default: the model's.
        culture: whose leaderboard; default: the one whose benchmarks the run holds.
        folder: of the leaderboards.
        root: where runs are kept.

    Raises:
        NotComparable: a run is limited.
        IncompleteRun: a run lacks responses or verdicts.
        HarnessError: with one line that says what to mend.
    """
    if name is not None and len(runs) != 1:
        raise UsageError(f"--as names one run; {len(runs)} were given")
    known = catalog.read()
    opened = [_opened(one, root, known) for one in runs]
    entries = [entry_of(run, _culture(culture, run, known), known, name) for run in opened]
    _check_names(entries)
    return tuple(_added(entry, folder) for entry in entries)


def pages(board: Leaderboard, folder: Path = Path("leaderboards"), *, html: bool = False) -> tuple[Page, ...]:
    """The files of a board as they should be: markdown, and HTML if it is asked for or already there.

    Raises:
        DataError: a file that is there has no markers.
    """
    found = [_page(folder / f"{board.culture}{MARKDOWN}", leaderboard_markdown(board), ("", "\n"))]
    file = folder / f"{board.culture}{HTML}"
    if html or file.is_file():
        found.append(_page(file, leaderboard_html(board), around(board)))
    return tuple(found)


def write(found: Sequence[Page]) -> tuple[Path, ...]:
    """Write pages; returns the files that changed."""
    return tuple(one.file for one in found if save(one.file, one.content))


def check(found: Sequence[Page], folder: Path, culture: str | None = None) -> None:
    """Refuse pages that are not what they should be.

    Args:
        found: of all boards.
        folder: of the leaderboards, for what the error says.
        culture: likewise.

    Raises:
        Refused: a page is missing or stale.
    """
    stale = [one for one in found if not one.fresh]
    if stale:
        files = ", ".join(f"'{one.file}' {'is stale' if one.file.is_file() else 'is missing'}" for one in stale)
        words = [f"--culture {culture}"] * (culture is not None)
        words += [f"--folder {folder}"] * (folder != Path("leaderboards"))
        words += ["--html"] * any(one.file.suffix == HTML for one in stale)
        raise Refused(f"{files}; run: {' '.join(['harness leaderboard', *words])}")


def held_here(run: Run, culture: Culture, known: catalog.Catalog) -> bool:
    """Whether a run holds a benchmark of a culture whole: one that it wants measured, or one in its folder (`belle`)."""
    held = held_whole(run, culture, known)
    return any(name in culture.benchmarks or known.find(name).path.is_relative_to(culture.folder) for name in held)


def _page(file: Path, body: str, outside: tuple[str, str]) -> Page:
    content = page(file, body, outside)
    return Page(file, content, is_fresh(file, content))


def _opened(name: str, root: Path | None, known: catalog.Catalog) -> Run:
    place = find_run(name, folders.runs_dir(root))
    above = place.parent if place.is_dir() else place.parent.parent
    return Run(load_run(place, above), above, known)


def _entries(culture: Culture, folder: Path, runs: Sequence[Run], known: catalog.Catalog) -> tuple[BoardEntry, ...]:
    shown = [entry_of(run, culture, known) for run in runs]
    _check_names(shown)
    names = {entry.name for entry in shown}
    return (*(entry for entry in kept(folder, culture.name) if entry.name not in names), *shown)


def _check_names(entries: Sequence[BoardEntry]) -> None:
    seen: dict[tuple[str, str], str] = {}
    for entry in entries:
        other = seen.setdefault((entry.culture, entry.name), entry.run)
        if other != entry.run:
            raise UsageError(f"runs '{other}' and '{entry.run}' are both of '{entry.name}'; add them one by one, with --as")


def _cultures(folder: Path, tables: published.Published, runs: Sequence[Run], known: catalog.Catalog) -> Iterator[Culture]:
    """Those of the runs; without runs, those that have something in the folder."""
    for name in cultures.names():
        one = cultures.load(name, known=known)
        there = name in tables.cultures() or any((folder / name).glob("*.json")) or (folder / f"{name}{MARKDOWN}").is_file()
        if any(held_here(run, one, known) for run in runs) if runs else there:
            yield one


def _culture(name: str | None, run: Run, known: catalog.Catalog) -> Culture:
    if name is not None:
        return cultures.load(name, known=known)
    every = [cultures.load(one, known=known) for one in cultures.names()]
    found = [one for one in every if held_here(run, one, known)]
    if len(found) == 1:
        return found[0]
    said = ", ".join(one.name for one in found or every)
    what = "benchmarks of several cultures" if found else "no benchmark of any culture whole"
    raise UsageError(f"run '{run.record.id}' holds {what}: {said}; choose with --culture")


def _added(entry: BoardEntry, folder: Path) -> Added:
    file = place_of(folder, entry.culture, entry.name)
    was, run = None, None
    if file.is_file():
        try:
            was, run = next(
                ((one.fingerprint, one.run) for one in kept(folder, entry.culture) if one.name == entry.name), (None, None)
            )
        except DataError:
            was = "unreadable"
    return Added(entry, keep(entry, folder), was, run)
