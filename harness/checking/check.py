"""A culture's folder -> CultureCheck: every problem at once. Nothing is downloaded, written or asked of a model."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harness import catalog, culture, folders
from harness.catalog import yaml_files
from harness.checking import asking, planning, teaching
from harness.checking.findings import Findings
from harness.errors import DataError, HarnessError, UsageError
from harness.judging.scripts import SCRIPTS
from harness.schema import Culture
from harness.schema.checking import CultureCheck, Problem, TaskLook

TEXTS: Final = frozenset({".toml", ".yaml", ".md", ".jsonl", ".txt", ".json", ""})
"""Files of a culture in which something may be left to do."""
LARGEST: Final = 1 << 20
"""Bytes of such a file at most."""
_TODO: Final = re.compile(r"\bTODO\b:?[ \t]*([^\n\"\\]{0,120})")


def check(name_or_folder: str) -> CultureCheck:
    """Look at all files of a culture.

    Args:
        name_or_folder: a culture's name, or its folder (`HOME/tasks/NAME`), which need not be in a home yet.

    Raises:
        UsageError: there is no such culture or folder.
    """
    folder = _folder(name_or_folder)
    with folders.another_home(folder.parent.parent):
        return _checked(folder)


def _folder(name_or_folder: str) -> Path:
    path = Path(name_or_folder).expanduser()
    if os.sep in name_or_folder or name_or_folder.startswith(".") or name_or_folder.endswith(".toml"):
        folder = path.parent if path.name == culture.FILE else path
        if not (folder / culture.FILE).is_file():
            raise UsageError(
                f"there is no culture at '{name_or_folder}'; give its name, or the folder that holds its {culture.FILE}"
            )
        folder = folder.resolve()
        if folder.parent.name != "tasks":
            raise UsageError(
                f"'{name_or_folder}' is found by nobody: a culture lies at HOME/tasks/NAME, with HOME in $HARNESS_PATH"
            )
        return folder
    found: Path = culture.place(name_or_folder).parent
    return found


def _checked(folder: Path) -> CultureCheck:
    findings = Findings(folder)
    for file, line, what in _todos(folder):
        findings.error("to do", file, f"TODO: {what}" if what else "TODO", line)
    found = _read(folder, findings)
    if found is None:
        return _result(folder, None, findings)
    if found.language not in SCRIPTS:
        findings.warning(
            "language", culture.FILE, f"language '{found.language}' is not known, so nobody looks whether texts are in it"
        )
    known = catalog.read()
    asked = asking.tasks(found, known, findings)
    asking.look(found, asked, findings)
    rows, overlap = teaching.check(found, asked, findings)
    planning.check(found, known, asked, findings)
    looks = tuple(_look(found, one) for one in asked)
    return _result(folder, found, findings).model_copy(update={"tasks": looks, "sources": rows, "overlap": overlap})


def _read(folder: Path, findings: Findings) -> Culture | None:
    """The culture as far as its files can be read; None if a task file is broken, for then nothing it names can be looked up."""
    for file in sorted(folder.rglob("*.yaml")):
        try:
            yaml_files.own_entry(file)
        except DataError as error:
            findings.objection("tasks", file, error)
    try:
        known = catalog.read()
        found, objections = culture.examine(folder, known=known)
    except HarnessError as error:
        findings.objection("tasks", culture.FILE, error)
        for one in culture.broken(folder, (culture.FILE, culture.SOURCES)):
            findings.objection("culture", culture.FILE, one)
        return None
    for objection in objections:
        findings.objection("culture", culture.FILE, objection)
    return found


def _look(found: Culture, asked: asking.Asked) -> TaskLook:
    dev, test = asking.halves(asked)
    return TaskLook(
        task=asked.entry.name,
        benchmark=asked.benchmark,
        dimension=asked.dimension,
        dev=dev,
        test=test,
        language=asked.language,
        share=asking.share_of(found, asked),
        deciding=planning.deciding(found, asked.benchmark, asked.dimension, dev),
    )


def _result(folder: Path, found: Culture | None, findings: Findings) -> CultureCheck:
    return CultureCheck(
        culture=found.name if found else folder.name,
        folder=str(folder),
        language=found.language if found else "",
        problems=tuple(sorted(findings.problems, key=_order)),
    )


def _order(problem: Problem) -> tuple[bool, bool, str, int, str]:
    """Errors first, what is left to do last among them."""
    return problem.level == "warning", problem.topic == "to do", problem.file, problem.line or 0, problem.what


def _todos(folder: Path) -> Iterator[tuple[Path, int, str]]:
    """The first of each file; a file that holds many says how many."""
    for file in sorted(folder.rglob("*")):
        if file.suffix not in TEXTS or not file.is_file() or file.stat().st_size > LARGEST:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        marks = list(_TODO.finditer(text))
        if marks:
            first, more = marks[0], f" (and {len(marks) - 1} more)" if len(marks) > 1 else ""
            yield file, text.count("\n", 0, first.start()) + 1, f"{first[1].strip()}{more}".strip()
