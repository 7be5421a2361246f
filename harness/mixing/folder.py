"""`mixes/<id>/`: what was asked -> its name; a mix -> its files and back.

rows.jsonl      one TrainingRow a line
dropped.jsonl   what was left out and why; never the text of a benchmark
mix.json        the Mix, written last and by rename: a folder without it never happened
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from harness.errors import DataError, UsageError
from harness.mixing.pools import Dropped
from harness.runs import write
from harness.schema import Diagnosis, Mix, TrainingRow

Noun = TypeVar("Noun", Mix, Diagnosis)

ROWS: Final = "rows.jsonl"
DROPPED: Final = "dropped.jsonl"
MIX: Final = "mix.json"


def mix_id(model: str, stage: str, asked: Mapping[str, Any]) -> str:
    """`<model>-<stage>-<8 hex>`: the same for the same question, safe as a folder's name."""
    digest = hashlib.sha256(write.canonical(asked).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    name = re.sub(r"[^A-Za-z0-9._+]+", "-", model).strip("-._+")[:60].rstrip("-._+")
    return f"{name or 'model'}-{stage}-{digest}"


def row_lines(rows: Iterable[TrainingRow]) -> list[bytes]:
    """One line each."""
    return [row.model_dump_json().encode() + b"\n" for row in rows]


def sha256_of(lines: Iterable[bytes]) -> str:
    """Of the file that these lines make."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line)
    return digest.hexdigest()


def store(folder: Path, mix: Mix, lines: Iterable[bytes], dropped: Iterable[Dropped]) -> None:
    """Write all three files, `mix.json` last.

    Raises:
        DataError: one cannot be written.
    """
    write.make_folder(folder)
    write.drop_leftovers(folder)
    write.write_whole(folder / ROWS, lines)
    write.write_whole(folder / DROPPED, dropped_lines(dropped))
    text = json.dumps(mix.model_dump(mode="json"), ensure_ascii=False, indent=1)
    write.write_whole(folder / MIX, [text.encode() + b"\n"])


def read_mix(path: Path) -> Mix:
    """The mix in a folder (or in its `mix.json`); its rows are still what it says.

    Raises:
        UsageError: there is no mix.
        DataError: a file is broken, or the rows were changed.
    """
    file = path / MIX if path.is_dir() or path.name != MIX else path
    if not file.is_file():
        raise UsageError(f"there is no mix at '{path}' (a folder with {MIX})")
    mix = _parsed(Mix, file)
    rows = file.parent / ROWS
    try:
        with rows.open("rb") as opened:
            has = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=rows) from None
    if has != mix.rows_sha256:
        raise DataError(f"changed since the mix was written (SHA-256 {has}, not {mix.rows_sha256}); remove its folder", file=rows)
    return mix


def read_diagnosis(file: Path) -> Diagnosis:
    """A diagnosis from its JSON file.

    Raises:
        UsageError: there is no such file.
        DataError: it is no diagnosis.
    """
    if not file.is_file():
        raise UsageError(f"there is no diagnosis at '{file}'")
    return _parsed(Diagnosis, file)


def _parsed(noun: type[Noun], file: Path) -> Noun:
    try:
        return noun.model_validate_json(file.read_bytes())
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(f"is no {noun.__name__.lower()}: {where}: {first['msg']}", file=file) from None


def dropped_lines(dropped: Iterable[Dropped]) -> list[bytes]:
    """One line each, never with text of a benchmark."""
    return [_dropped_line(one) for one in dropped]


def _dropped_line(one: Dropped) -> bytes:
    said: dict[str, Any] = {"source": one.source, "source_id": one.id, "reason": one.reason}
    if one.hit is not None:
        said |= {"benchmark": one.hit.benchmark, "item": one.hit.item, "rule": one.hit.rule, "share": one.hit.share}
    return json.dumps(said, ensure_ascii=False).encode() + b"\n"
