"""DataSet | sheet of a judge's audit | review folder -> a review that people decide, and their decisions as files and counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from harness.auditing import reviewed
from harness.errors import DataError, UsageError
from harness.reviewing import label_studio, spreadsheet
from harness.reviewing.checking import annotator_name
from harness.reviewing.exchange import Entry, Imported, chosen, keep, now
from harness.reviewing.page import serve
from harness.reviewing.rows import GUIDANCE, queue
from harness.reviewing.status import status as status_of
from harness.reviewing.store import MANIFEST, Review, create
from harness.rows import dataset
from harness.schema import Decision, ReviewFolder, ReviewStatus

FOLDER: Final = "review"
SHEETS: Final = (".csv", ".jsonl")
SAMPLE: Final = 100


def review(
    target: Path,
    *,
    people: int | None = None,
    overlap: float | None = None,
    everything: bool = False,
    sample: int | None = None,
    seed: int = 0,
) -> tuple[Path, ReviewFolder]:
    """Find the review of something, or begin it; gives its folder and manifest.

    Args:
        target: a data set, a review folder, or a sheet of `judge-audit --sheet`.
        people: how many decide an item; 1 by default. Of a review that is there, only what it was begun with.
        overlap: share of the items that all of them decide; 1 by default.
        everything: of a data set, all rows; else those with flags and a sample of those without.
        sample: how many rows without a flag; 100 by default.
        seed: of the sample.

    Raises:
        UsageError: there is nothing to review, or a review that was begun otherwise or of something else.
        DataError: a file is broken.
    """
    folder = folder_of(target)
    source = _source(target)
    if (folder / MANIFEST).is_file():
        made = Review(folder).about
        _check_same(made, folder, source, people, overlap, everything=everything, sample=sample)
        return folder, made
    if source is None:
        raise UsageError(f"'{target}' holds no review (it has no {MANIFEST})")
    if target.is_dir():
        chosen_rows = queue(
            dataset.read_rows(target), everything=everything, sample=SAMPLE if sample is None else sample, seed=seed
        )
        if not chosen_rows.items:
            raise UsageError(f"no row of '{target}' is flagged; review all of them with --all, or some with --sample N")
        title = f"{dataset.read_dataset(target).name}: {_chosen(len(chosen_rows.items), chosen_rows.rows)}"
        items, guidance = list(chosen_rows.items), GUIDANCE
    else:
        items, guidance, title = reviewed.items(target), reviewed.GUIDANCE, f"Answers of {target.name}"
    made = create(
        folder,
        items,
        title=title,
        of=source,
        kind=items[0].kind,
        people=people or 1,
        overlap=1.0 if overlap is None else overlap,
        guidance=guidance,
    )
    return folder, made


def folder_of(target: Path) -> Path:
    """Where the review of something lies: in a data set, beside a sheet, or the folder itself.

    Raises:
        UsageError: it is none of these.
    """
    if (target / MANIFEST).is_file():
        return target
    if (target / dataset.MANIFEST).is_file():
        return target / FOLDER
    if target.is_file() and target.suffix in SHEETS:
        return target.with_suffix(".review")
    what = "is not there" if not target.exists() else "is none of them"
    raise UsageError(
        f"'{target}' {what}; a review is of a data set (a folder with {dataset.MANIFEST}), a sheet of judge-audit (.csv, "
        f".jsonl), or a folder with {MANIFEST}"
    )


def show(
    folder: Path,
    *,
    annotators: Sequence[str],
    adjudicate: bool = False,
    port: int = 0,
    open_browser: bool = True,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """The page, until Ctrl-C.

    Raises:
        UsageError: there is no review, the port is taken, or the web packages are not installed.
        DataError: the review is broken.
    """
    serve(folder, annotator=annotators, adjudicate=adjudicate, port=port, open_browser=open_browser, on_ready=on_ready)


def status(target: Path) -> ReviewStatus:
    """How far the review of something is.

    Raises:
        UsageError: there is none.
        DataError: it is broken.
    """
    return status_of(Review(folder_of(target)))


def export(target: Path, file: Path, annotator: str | None = None) -> int:
    """Write items and decisions: .csv for spreadsheets, .json for Label Studio; of a sheet .csv and .jsonl are filled sheets.

    Args:
        target: what is reviewed.
        file: must not exist.
        annotator: this person's decisions only, so that nobody sees another's; of a random sample nothing else either.

    Returns:
        Rows, tasks, or (of a sheet) labels.

    Raises:
        UsageError: the file exists or is of another kind, or there is no review.
        DataError: something cannot be read or written.
    """
    opened = Review(folder_of(target))
    if target.is_file() and file.suffix in SHEETS:
        _check_sheet(target, opened.about)
        return reviewed.write_filled(target, dict(chosen(opened, annotator)), file)
    if file.suffix == ".csv":
        return spreadsheet.write(opened, file, annotator)
    if file.suffix == ".json":
        return label_studio.write(opened, file, annotator)
    raise UsageError(f"decisions go to a .csv, or to a .json for Label Studio; got '{file.name}'")


def import_(target: Path, file: Path, annotator: str | None = None) -> Imported:
    """Keep decisions that were made elsewhere: all of a file's, or none.

    Args:
        target: what is reviewed.
        file: a .csv that people filled in, Label Studio's .json, or of a sheet the filled sheet.
        annotator: whose they are, where the file does not say.

    Raises:
        UsageError: there is no review, or the file is of another kind.
        DataError: with file and line: what is wrong with it.
    """
    opened = Review(folder_of(target))
    name = annotator_name(annotator) if annotator else None
    if target.is_file() and file.suffix in SHEETS:
        return _from_sheet(opened, file, name)
    if file.suffix == ".csv":
        return spreadsheet.read(opened, file, name)
    if file.suffix == ".json":
        return label_studio.read(opened, file, name)
    raise UsageError(f"decisions are read from a .csv, or from Label Studio's .json; got '{file.name}'")


def label_config(target: Path) -> str:
    """The labelling configuration of a Label Studio project for this review.

    Raises:
        UsageError: there is no review.
        DataError: it is broken.
    """
    return label_studio.config(Review(folder_of(target)))


def _from_sheet(opened: Review, file: Path, annotator: str | None) -> Imported:
    entries, empty = [], 0
    for line, item, label, who in reviewed.labels_in(file, opened.items):
        if not label:
            empty += 1
            continue
        said = Decision(item=item.id, digest=item.digest, annotator=annotator or who, at=now(), action="label", label=label)
        entries.append(Entry(line, said))
    return keep(opened, entries, empty, file)


def _source(target: Path) -> str | None:
    """What a review of this is of; None of a review folder, which says so itself."""
    if (target / MANIFEST).is_file() or not (target.is_file() or (target / dataset.MANIFEST).is_file()):
        return None
    return reviewed.digest(target) if target.is_file() else f"dataset:{dataset.read_dataset(target).digest}"


def _check_sheet(target: Path, made: ReviewFolder) -> None:
    if reviewed.digest(target) != made.of:
        raise DataError("is not the sheet that its review was begun with", file=target)


def _check_same(
    made: ReviewFolder,
    folder: Path,
    source: str | None,
    people: int | None,
    overlap: float | None,
    *,
    everything: bool,
    sample: int | None,
) -> None:
    if source is not None and source != made.of:
        raise UsageError(
            f"'{folder}' is a review of {made.of[:24]}…, and this is {source[:24]}…; move the review away to begin another"
        )
    if people not in (None, made.people) or overlap not in (None, made.overlap):
        raise UsageError(
            f"'{folder}' was begun with --people {made.people} --overlap {made.overlap:g}; that cannot be changed in a review"
        )
    if everything or sample is not None:
        raise UsageError(f"'{folder}' has its {made.items:,} items already; --all and --sample are for beginning a review")


def _chosen(items: int, rows: int) -> str:
    return f"all {rows:,} rows" if items == rows else f"{items:,} of {rows:,} rows"
