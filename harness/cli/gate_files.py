"""GateReport, or why there is none -> the files that CI reads: JUnit, comment, badge, JSON and the step summary.

Whether they can be written is asked before anything is measured, which may take hours. They are written before the command ends,
whatever it ends with: a gate that could not rule says so in the same places. One that was killed leaves none: older ones are
removed first, so that no earlier PASS is taken for its answer.
"""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import UsageError
from harness.report.text import escaped
from harness.runs import write
from harness.schema import GateRefusal, GateReport

STEP_SUMMARY: Final = "GITHUB_STEP_SUMMARY"
SUMMARY_LIMIT: Final = 1 << 20
"""Bytes that GitHub takes a step; of more it shows nothing."""


@dataclass(frozen=True)
class GateFiles:
    """Where to write what; None: nowhere."""

    junit: Path | None = None
    comment: Path | None = None
    badge: Path | None = None
    out: Path | None = None
    summary: Path | None = None
    """Appended to."""

    @property
    def wanted(self) -> bool:
        """Any file at all."""
        return any(file is not None for _, file in self._named())

    def prepare(self, reads: Mapping[str, Path] | None = None) -> None:
        """Make the folders, see that every file can be written, and remove what earlier gates wrote (but no step summary).

        Args:
            reads: what the gate itself reads -> its file; none of them may be written.

        Raises:
            DataError: one cannot.
            UsageError: two are the same.
        """
        found = {_real(file): what for what, file in (reads or {}).items()}
        for option, file in self._named():
            if file is None:
                continue
            if (other := found.setdefault(_real(file), option)) != option:
                raise UsageError(f"{other} and {option} are the same file: {file}")
            write.make_folder(_real(file).parent)
            with write.naming(file):
                _probe(_real(file))
        for _, file in self._named():
            if file is not None and file != self.summary:
                write.remove(_real(file))

    def write(self, report: GateReport, *, strict: bool) -> None:
        """Write all that was asked for.

        Raises:
            DataError: a file cannot be written.
        """
        from harness.report.badge import badge
        from harness.report.comment import comment_markdown
        from harness.report.gate import gate_markdown
        from harness.report.junit import junit

        self._put(
            junit=junit(report, strict=strict),
            badge=_json(badge(report)),
            out=_json(report.model_dump(mode="json")),
            comment=comment_markdown(report),
            page=gate_markdown(report),
        )

    def refuse(self, refusal: GateRefusal) -> None:
        """Say in the same files that nothing was ruled.

        Raises:
            DataError: a file cannot be written.
        """
        from harness.report.badge import refusal_badge
        from harness.report.comment import refusal_comment
        from harness.report.gate import refusal_markdown
        from harness.report.junit import refusal_junit

        self._put(
            junit=refusal_junit(refusal),
            badge=_json(refusal_badge(refusal)),
            out=_json(refusal.model_dump(mode="json")),
            comment=refusal_comment(refusal),
            page=refusal_markdown(refusal),
        )

    def _named(self) -> Iterator[tuple[str, Path | None]]:
        yield from (("--junit", self.junit), ("--comment", self.comment), ("--badge", self.badge), ("--out", self.out))
        yield STEP_SUMMARY, self.summary

    def _put(self, *, junit: bytes, badge: bytes, out: bytes, comment: str, page: str) -> None:
        said = ((self.junit, junit), (self.badge, badge), (self.out, out), (self.comment, comment.encode()))
        for file, content in said:
            if file is not None:
                write.write_whole(_real(file), [content])
        if self.summary is not None:
            _append(self.summary, page, comment)


def summary_file(wanted: bool | None) -> Path | None:
    """The step summary's file: by default where GitHub names one.

    Raises:
        UsageError: it is wanted and not named.
    """
    named = os.environ.get(STEP_SUMMARY)
    if wanted and not named:
        raise UsageError(f"--summary needs ${STEP_SUMMARY}, which GitHub Actions sets; elsewhere use --markdown")
    return Path(named) if named and wanted is not False else None


def _append(file: Path, page: str, short: str) -> None:
    """The page, or the short one where there is no room for it; nothing where there is none for either."""
    room = SUMMARY_LIMIT - (file.stat().st_size if file.is_file() else 0)
    for text in (page, short):
        if len(text.encode()) < room:
            write.append_line(file, text)
            return


def _real(file: Path) -> Path:
    """Where a link leads to, so that the link stays."""
    return Path(os.path.realpath(file))


def _probe(file: Path) -> None:
    write.check_replaceable(file)
    with tempfile.TemporaryFile(dir=file.parent):
        pass
    if file.exists() and not os.access(file, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _json(value: object) -> bytes:
    return escaped(json.dumps(value, ensure_ascii=False, indent=1)).encode() + b"\n"
