"""A sheet <-> a review: the same answers, labelled on the page instead of in a spreadsheet, and back as a sheet for audits.

What people see is what the sheet shows. Its order is kept, because it is random: who stops half-way has labelled a sample.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from harness import catalog
from harness.auditing.answers import INVALID
from harness.auditing.labels import read_cells
from harness.auditing.sheet import write_sheet
from harness.errors import DataError, UsageError
from harness.judging.rubric import load_rubric
from harness.judging.text import compatible
from harness.schema import Decision, Message, ReviewItem, SheetRow

GUIDANCE: Final = (
    "Read question and answer, and say what the answer is: of refusals its degree, of scores 0-100, of choices the letter that "
    "the answer chose (not the right one), or invalid. You do not see what the judge said; say what you read."
)
_OPTION: Final = re.compile(r"^([A-Z])\. ")
_COLUMNS: Final = ("question", "response")


def items(file: Path) -> list[ReviewItem]:
    """The rows of a sheet, in its order.

    Raises:
        DataError: with file and line: not a sheet, or a row's task has no rubric and the question no options.
        UsageError: a task is not known here.
    """
    rows = list(_rows(file))
    return [_item(row, file, line, 1 - place / len(rows)) for place, (line, row) in enumerate(rows)]


def digest(file: Path) -> str:
    """What a review of this sheet is of: the answers in it, whatever labels it holds."""
    marks = "\n".join(row.hash for _, row in _rows(file))
    return f"sheet:{hashlib.sha256(marks.encode()).hexdigest()[:16]}"


def write_filled(file: Path, decisions: Mapping[str, Sequence[Decision]], out: Path) -> int:
    """The sheet with people's labels, one row a label; answers that nobody has labelled stay empty. Gives the number of labels.

    Args:
        file: the sheet that the review was made from.
        decisions: item -> what stands of each person.
        out: .csv or .jsonl; must not exist.

    Raises:
        UsageError: it exists, or is neither.
        DataError: the sheet cannot be read, or `out` not be written.
    """
    filled, labels = [], 0
    for _, row in _rows(file):
        said = [one for one in decisions.get(_name(row), ()) if one.action == "label" and one.round == "annotation"]
        labels += len(said)
        filled += [row.model_copy(update={"label": one.label, "annotator": one.annotator}) for one in said]
        if not said:
            filled.append(row.model_copy(update={"label": "", "annotator": ""}))
    write_sheet(filled, out)
    return labels


def labels_in(file: Path, review: Mapping[str, ReviewItem]) -> Iterator[tuple[int, ReviewItem, str, str]]:
    """(line, item, label, annotator) of each row of a filled sheet; the label is empty where nobody gave one.

    Raises:
        DataError: with file and line: a row is of no item, or its label none of the item's.
    """
    for line, row in _rows(file):
        item = review.get(_name(row))
        if item is None:
            raise DataError(f"no answer '{_name(row)[:80]}' in this review", file=file, line=line)
        yield line, item, _label(row, item, file, line) if row.label.strip() else "", row.annotator.strip() or file.stem


def _label(row: SheetRow, item: ReviewItem, file: Path, line: int) -> str:
    said = compatible(row.label).strip().casefold()
    degrees = dict(_degrees(row.task) or {})
    for label in item.labels:
        if said == compatible(label).casefold() or (label in degrees and said == str(degrees[label])):
            return label
    raise DataError(f"'{row.label.strip()[:40]}' is none of {', '.join(item.labels)[:200]}", file=file, line=line)


def _item(row: SheetRow, file: Path, line: int, doubt: float) -> ReviewItem:
    labels, options = _labels(row, file, line)
    return ReviewItem(
        id=_name(row),
        digest="",
        kind="label",
        messages=(Message(role="user", content=row.question),),
        options=options,
        response=row.response,
        reference=row.reference,
        labels=labels,
        about=row.task,
        # The queue goes by doubt, which is not shown here: it keeps the sheet's own, random order.
        doubt=doubt,
        stratum=row.stratum,
    )


def _labels(row: SheetRow, file: Path, line: int) -> tuple[tuple[str, ...], dict[str, str]]:
    try:
        degrees = _degrees(row.task)
    except UsageError as error:
        raise DataError(str(error), file=file, line=line) from error
    if degrees is not None:
        return tuple(name for name, _ in degrees) or tuple(str(score) for score in range(101)), {}
    letters = _letters(row.question)
    if len(letters) < 2:
        raise DataError(f"task {row.task} has no rubric, and the question no options to choose from", file=file, line=line)
    return (*letters, INVALID), {}


def _letters(question: str) -> list[str]:
    """Of the options that a sheet puts at the end of a question, which may name them once more itself (`A. yes B. no`)."""
    found = [match[1] for text in question.split("\n") if (match := _OPTION.match(text))]
    letters = found[max((place for place, letter in enumerate(found) if letter == "A"), default=0) :]
    return letters if letters == sorted(set(letters)) else []


@cache
def _degrees(task: str) -> tuple[tuple[str, int], ...] | None:
    """Published label and degree, worst first, of a task that is judged by labels; empty for scores; None for choices."""
    entry = catalog.read().find(task)
    if "rubric" not in entry.metadata:
        return None
    named = entry.metadata["rubric"]
    if not isinstance(named, str):
        return ()  # a rubric for each topic: scores
    rubric = load_rubric((entry.path.parent / named).resolve())
    return tuple(sorted(rubric.labels.items(), key=lambda label: label[1]))


def _rows(file: Path) -> Iterator[tuple[int, SheetRow]]:
    seen = False
    for line, cells in read_cells(file):
        seen = True
        if lacking := [name for name in _COLUMNS if name not in cells]:
            raise DataError(f"is no sheet to be shown: it has no {' and no '.join(lacking)}", file=file, line=line)
        yield line, SheetRow(**{name: cells.get(name, "") for name in SheetRow.model_fields})
    if not seen:
        raise DataError("has no rows", file=file)


def _name(row: SheetRow) -> str:
    return f"{row.task.strip()}/{row.id.strip()}/{row.hash.strip()}"
