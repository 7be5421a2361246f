"""Board* -> a sheet for people: CSV for spreadsheets, JSONL for programs.

Blind: no verdict, no model, nothing by which rows of one verdict could be told, all benchmarks in one random order. Cells that a
spreadsheet would run as a formula get an apostrophe in front (CSV injection); UTF-8 with a byte order mark, without which some
programs garble Chinese.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from harness.auditing.answers import Answer, Audited, Board
from harness.auditing.strata import HARMFUL, allocate, code, seal, shuffled, strata, stratum_of
from harness.data.cells import table_bytes
from harness.errors import UsageError
from harness.judging.text import strip_reasoning
from harness.runs.write import make_folder, write_whole
from harness.schema import SHEET_ROWS, SheetRow, StratumPlan

COLUMNS: Final = tuple(SheetRow.model_fields)
ROLES: Final = {"system": "[system]", "user": "[user]", "assistant": "[assistant]"}


def drawn(run: Audited, n: int, seed: int, other: Audited | None = None) -> list[SheetRow]:
    """The rows of a sheet, in random order.

    Args:
        run: the run.
        n: rows wanted in all, shared equally by the benchmarks; refusals bring all that is flagged harmful on top.
        seed: of the draw and of the order.
        other: a second run: the same items of both are drawn, by what the judge said of each.
    """
    share = max(1, n // len(run.boards))
    rows: list[tuple[Answer, SheetRow]] = []
    for board in run.boards:
        twin = _twin(board, other) if other else None
        rows += _of_board(run, board, share if twin is None else max(1, share // 2), seed, twin)
    by_hash = {answer.hash: row for answer, row in rows}
    return [by_hash[answer.hash] for answer in shuffled([answer for answer, _ in rows], seed)]


def planned(boards: Sequence[Board], n: int = SHEET_ROWS) -> list[tuple[StratumPlan, ...]]:
    """What a sheet of n answers would hold, of each board."""
    found = []
    for board in boards:
        sizes = {name: len(answers) for name, answers in strata(board).items()}
        wanted = _allocated(board, sizes, max(1, n // len(boards)))
        found.append(tuple(StratumPlan(name=name, size=size, drawn=wanted[name]) for name, size in sizes.items()))
    return found


def write_sheet(rows: Sequence[SheetRow], file: Path) -> None:
    """Write a sheet whole.

    Raises:
        UsageError: the name ends neither in .csv nor in .jsonl, or the file is there: it may hold labels.
        DataError: it cannot be written.
    """
    if file.suffix not in (".csv", ".jsonl"):
        raise UsageError(f"a sheet is a .csv or a .jsonl file; got '{file.name}'")
    if file.exists():
        raise UsageError(f"'{file}' is there already and may hold labels; give another name, or move it away")
    make_folder(file.parent)
    write_whole(file, [_csv(rows) if file.suffix == ".csv" else _jsonl(rows)])


def _of_board(run: Audited, board: Board, n: int, seed: int, twin: Board | None) -> list[tuple[Answer, SheetRow]]:
    pairs = {a.key: a for a in twin.answers} if twin else {}
    of = [stratum_of(board, a) for a in board.answers]
    if twin is not None:
        of = [
            f"{mine} × {stratum_of(twin, pairs[a.key])}" if a.key in pairs else f"{mine} alone"
            for mine, a in zip(of, board.answers, strict=True)
        ]
    groups = strata(board, of)
    wanted = _allocated(board, {name: len(answers) for name, answers in groups.items()}, n)
    found = []
    for name, answers in groups.items():
        stratum = code(run.record.id, board, name)
        for answer in shuffled(answers, seed)[: wanted[name]]:
            both = (answer, pairs.get(answer.key))
            found += [(one, _row(one, seal(stratum, len(answers), one.hash))) for one in both if one is not None]
    return list({answer.hash: (answer, row) for answer, row in found}.values())


def _allocated(board: Board, sizes: Mapping[str, int], n: int) -> dict[str, int]:
    return allocate(sizes, n, (HARMFUL,) if board.kind == "refusal" else ())


def _twin(board: Board, other: Audited) -> Board | None:
    return next((one for one in other.boards if (one.benchmark, one.kind) == (board.benchmark, board.kind)), None)


def _row(answer: Answer, stratum: str) -> SheetRow:
    result = answer.result
    return SheetRow(
        task=result.task,
        id=result.sample.id,
        hash=answer.hash,
        question=_question(answer),
        response=strip_reasoning(result.response.text or "")[0],
        reference=_reference(answer),
        label="",
        annotator="",
        stratum=stratum,
    )


def _question(answer: Answer) -> str:
    sample = answer.result.sample
    turns = [f"{ROLES[turn.role]} {turn.content}" for turn in sample.history]
    options = [f"{letter}. {text}" for letter, text in sample.options.items()]
    return "\n".join((*turns, f"{ROLES['user']} {sample.question}" if turns else sample.question, *options))


def _reference(answer: Answer) -> str:
    sample = answer.result.sample
    if sample.target is None or sample.options:
        return ""
    return "\n".join((sample.target, *(f"or: {form}" for form in sample.accept), *(f"- {point}" for point in sample.points)))


def _fields(row: SheetRow) -> Mapping[str, str]:
    return {name: str(value) for name, value in row.model_dump().items()}


def _csv(rows: Sequence[SheetRow]) -> bytes:
    return table_bytes(COLUMNS, [tuple(_fields(row).values()) for row in rows])


def _jsonl(rows: Sequence[SheetRow]) -> bytes:
    return "".join(json.dumps(row.model_dump(), ensure_ascii=False) + "\n" for row in rows).encode("utf-8", "replace")
