"""What `--mix` says -> the rows file, checked, and where it came from.

A mix is a folder with `mix.json` and `rows.jsonl`; a bare `rows.jsonl` of one's own will do too, but then nothing is known of
what asked for it. A line is a conversation, `{"messages": […]}`, of which the assistant's turns are learnt, or plain text,
`{"text": "…"}`, all of which is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError

from harness.errors import DataError, UsageError, unknown
from harness.schema import Mix, Role, TrainedStage

MANIFEST: Final = "mix.json"
ROWS: Final = "rows.jsonl"
MAX_ROW: Final = 16 << 20
"""Bytes of one line."""
_ROLES: Final = get_args(Role)

Entry = list[dict[str, str]] | str
"""A conversation or a plain text."""


@dataclass(frozen=True)
class Rows:
    """A file of rows to train on."""

    path: Path
    sha256: str
    count: int
    mix: str | None
    """Mix id; None for a bare file."""
    stage: TrainedStage | None
    diagnosis: str | None
    """Run whose diagnosis asked for the mix."""
    texts: int = 0
    """Rows that are plain text."""

    @property
    def name(self) -> str:
        """How it is called in a line."""
        return self.mix or self.path.name


def find_rows(mix: str | Path | Mix, mixes: Path) -> Rows:
    """The rows a mix stands for, every line checked.

    Args:
        mix: id, folder, rows file, or the noun itself.
        mixes: folder of the mixes.

    Raises:
        UsageError: there is no such mix.
        DataError: its manifest or a row is wrong, or the rows are not those of the manifest.
    """
    path = _place(mix.id if isinstance(mix, Mix) else str(mix), mixes)
    manifest = path.parent / MANIFEST if path.name == ROWS else None
    known = _manifest(manifest) if manifest is not None and manifest.is_file() else None
    count, digest, texts = checked(path)
    if known is not None and digest != known.rows_sha256:
        raise DataError(
            f"changed since mix '{known.id}' was made (sha256 {digest[:12]}…, made {known.rows_sha256[:12]}…)", file=path
        )
    if known is None:
        return Rows(path, digest, count, None, None, None, texts)
    return Rows(path, digest, count, known.id, known.stage, known.diagnosis, texts)


def entries(path: Path) -> Iterator[Entry]:
    """The rows of a file, in order: conversations, and plain texts.

    Raises:
        DataError: a line is no row.
    """
    for number, line in enumerate(_lines(path), start=1):
        yield _entry(line, path, number)


def messages(path: Path) -> Iterator[list[dict[str, str]]]:
    """The conversations of a rows file, in order, without its plain texts.

    Raises:
        DataError: a line is no row.
    """
    return (one for one in entries(path) if not isinstance(one, str))


def check(path: Path) -> tuple[int, str]:
    """Number of rows and SHA-256 of a rows file, every line checked.

    Raises:
        DataError: a line is no row, or there is none.
    """
    return checked(path)[:2]


def checked(path: Path) -> tuple[int, str, int]:
    """As `check`, and the number of rows that are plain text."""
    digest, count, texts = hashlib.sha256(), 0, 0
    for count, line in enumerate(_lines(path), start=1):
        digest.update(line)
        texts += isinstance(_entry(line, path, count), str)
    if not count:
        raise DataError("holds no rows", file=path)
    return count, digest.hexdigest(), texts


def _place(spec: str, mixes: Path) -> Path:
    """The rows file of an id, a folder or a file."""
    given = Path(spec).expanduser()
    for folder in (mixes / spec, given):
        if (folder / MANIFEST).is_file() or (folder / ROWS).is_file():
            return (folder / ROWS).resolve()
    if given.is_file():
        return given.resolve()
    if given.is_dir():
        raise UsageError(f"'{spec}' is no mix: it holds neither {MANIFEST} nor {ROWS}")
    known = sorted(file.parent.name for file in mixes.glob(f"*/{MANIFEST}"))
    raise UsageError(f"{unknown('mix', spec, known)}; or a folder with {ROWS}, or a JSONL file of rows")


def _manifest(file: Path) -> Mix:
    try:
        return Mix.model_validate_json(file.read_bytes())
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        raise DataError(f"is no mix ({'.'.join(map(str, detail['loc']))}: {detail['msg']})", file=file) from None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while line := file.readline(MAX_ROW + 1):
                if len(line) > MAX_ROW:
                    raise DataError(f"a row of more than {MAX_ROW:,} bytes", file=path)
                yield line
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=path) from None


def _entry(line: bytes, path: Path, number: int) -> Entry:
    try:
        row = json.loads(line)
        if "text" in row and "messages" not in row:
            return _text(row["text"], path, number)
        found = [{"role": turn["role"], "content": turn["content"]} for turn in row["messages"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        shapes = '{"messages": [{"role": …, "content": …}, …]} or {"text": …}'
        raise DataError(f"not a row: {shapes}", file=path, line=number) from None
    wrong = _wrong(found)
    if wrong:
        raise DataError(wrong, file=path, line=number)
    return found


def _text(said: Any, path: Path, number: int) -> str:
    if not isinstance(said, str) or not said.strip():
        raise DataError("text must be a text that is not empty", file=path, line=number)
    return said


def _wrong(turns: list[dict[str, Any]]) -> str | None:
    if any(turn["role"] not in _ROLES or not isinstance(turn["content"], str) for turn in turns):
        return f"a message needs a role ({', '.join(_ROLES)}) and a text as content"
    if not turns or turns[-1]["role"] != "assistant":
        return "the last message must be the assistant's"
    return None if turns[-1]["content"].strip() else "the assistant's last message is empty"
