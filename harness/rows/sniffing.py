"""The first bytes of a file -> nothing, or one line that says what it is instead of UTF-8 JSON and how to mend it.

A record in another encoding is set aside; a file in another encoding is a mistake that one command mends, so it is refused whole.
The two are told apart by how the bytes lie: of a file in another encoding nearly all text is no UTF-8, from its beginning to its
end, while damage leaves most of it as it was.
"""

from __future__ import annotations

import codecs
import json
from pathlib import Path
from typing import Final

from harness.errors import DataError

SAMPLE: Final = 64 * 1024
"""Bytes looked at."""
_KINDS: Final = (
    (b"PK\x03\x04", "a zip archive; unpack it first (unzip)"),
    (b"\x1f\x8b", "gzip-compressed; unpack it first (gunzip)"),
    (b"(\xb5/\xfd", "zstd-compressed; unpack it first (unzstd)"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
    (
        b"PAR1",
        "a Parquet file; write its rows as JSON Lines first (pandas: read_parquet, then to_json(lines=True))",
    ),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; get the file with git lfs pull"),
    *((mark, "a web page or XML, not JSON; the download was probably refused") for mark in (b"<!", b"<?xml", b"<html", b"<HTML")),
)
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_FEWEST: Final = 8
"""Characters outside ASCII below which nothing is said of an encoding."""
_DENSE: Final = 0.05
"""Share of bytes above 127 from which on a text is not mostly ASCII."""
_BY_CHANCE: Final = 0.5
"""Characters that are UTF-8 by chance, to one byte that is none: 0.18 to 0.31 in GB18030 of Chinese instruction data."""


def refuse_other_kinds(sample: bytes, path: Path) -> None:
    """Nothing, if this can be the beginning of UTF-8 JSON.

    Args:
        sample: up to `SAMPLE` bytes from the beginning.
        path: for the error.

    Raises:
        DataError: it is empty, an archive, a web page, or in another encoding; says which and how to mend it.
    """
    if not sample.strip().removeprefix(codecs.BOM_UTF8).strip():
        raise DataError("is empty, holds no rows", file=path, line=1)
    kind = next((kind for mark, kind in _KINDS if sample.lstrip(b" \t\r\n").startswith(mark)), None)
    if kind is not None and not has_record_lines(sample):
        raise DataError(f"is {kind}", file=path)
    if (encoding := _encoding(sample)) is not None:
        raise DataError(_convert(encoding, path), file=path)


def has_record_lines(sample: bytes) -> bool:
    """Whether some whole line is a JSON object: then this is JSON Lines, whatever its first bytes were damaged to."""
    lines = sample.removeprefix(codecs.BOM_UTF8).split(b"\n")
    for line in lines[:-1] if len(sample) == SAMPLE else lines:
        stripped = line.strip()
        if stripped.startswith(b"{") and stripped.endswith(b"}"):
            try:
                json.loads(stripped.decode())
            except (ValueError, RecursionError):
                continue
            return True
    return False


def _convert(encoding: str, path: Path) -> str:
    if not encoding:
        return "is not UTF-8, nor any encoding known here; find out which and convert it: iconv -f ENCODING -t UTF-8"
    return f"is not UTF-8 but looks like {encoding}; convert it: iconv -f {encoding} -t UTF-8 '{path.name}' > utf8-'{path.name}'"


def _encoding(sample: bytes) -> str | None:
    """The encoding of the whole, '' if it is none known, None if it is UTF-8 or may be damaged UTF-8."""
    for mark, name in _MARKS:
        if sample.startswith(mark) and not has_record_lines(sample):
            return name
    if (wide := _utf16(sample)) is not None:
        return wide
    try:
        codecs.utf_8_decode(sample, "strict", len(sample) < SAMPLE)
    except UnicodeDecodeError:
        return _other(sample)
    return None


def _utf16(sample: bytes) -> str | None:
    """UTF-16 without a mark: every quotation mark of JSON has a zero byte beside it, always on the same side."""
    pairs = list(zip(sample[::2], sample[1::2], strict=False))
    little, big = pairs.count((ord('"'), 0)), pairs.count((0, ord('"')))
    if max(little, big) < 4 or min(little, big) > max(little, big) / 4:
        return None
    return "UTF-16LE" if little > big else "UTF-16BE"


def _other(sample: bytes) -> str | None:
    text, _ = codecs.utf_8_decode(sample, "surrogateescape", True)
    bad = [place for place, char in enumerate(text) if "\udc80" <= char <= "\udcff"]
    good = sum(char > "\x7f" for char in text) - len(bad)
    spread = bad[0] < len(text) / 2 < bad[-1]
    if len(bad) < _FEWEST or good > _BY_CHANCE * len(bad) or len(bad) < _DENSE * len(sample) or not spread:
        return None
    for name, low, high in (("GB18030", "\u4e00", "\u9fff"), ("BIG5", "\u4e00", "\u9fff"), ("SHIFT_JIS", "\u3040", "\u9fff")):
        found = _decoded(sample, name)
        foreign = [char for char in found if char > "\x7f"]
        if len(foreign) >= _FEWEST / 2 and sum(low <= char <= high for char in foreign) > 0.6 * len(foreign):
            return name
    return ""


def _decoded(sample: bytes, encoding: str) -> str:
    """The text, or '' if it is not so encoded; a character cut by the end of the sample does not count."""
    for cut in range(4):
        try:
            return sample[: len(sample) - cut].decode(encoding)
        except UnicodeDecodeError:
            continue
    return ""
