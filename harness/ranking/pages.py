"""A page's text between its markers -> a file, or whether the file is what it would be.

Only what stands between the markers is the program's; what somebody wrote around them stays. The same board gives the same bytes,
so that a page is fresh exactly if writing it would change nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from harness.errors import DataError
from harness.runs.write import make_folder, write_whole

BEGIN: Final = "<!-- harness:leaderboard:begin -->"
END: Final = "<!-- harness:leaderboard:end -->"


def page(file: Path, body: str, around: tuple[str, str]) -> bytes:
    """The whole file as it should be.

    Args:
        file: where it lies, if it does.
        body: what belongs between the markers.
        around: what stands before and after them in a new file.

    Raises:
        DataError: the file cannot be read, or its markers are not one pair in this order.
    """
    before, after = _around(file) or around
    text = f"{BEGIN}\n{body.strip()}\n{END}"
    return f"{before}{text.replace(chr(10), _line_end(file))}{after}".encode()


def is_fresh(file: Path, content: bytes) -> bool:
    """Whether a file is there and has this content."""
    return file.is_file() and file.read_bytes() == content


def save(file: Path, content: bytes) -> bool:
    """Write a page; returns whether that changed anything.

    Raises:
        DataError: it cannot be written.
    """
    if is_fresh(file, content):
        return False
    make_folder(file.parent)
    write_whole(file, [content])
    return True


def _line_end(file: Path) -> str:
    """As the page has them: on some systems git turns them when it checks a file out, which makes no page stale."""
    return "\r\n" if file.is_file() and f"{BEGIN}\r\n".encode() in file.read_bytes() else "\n"


def _around(file: Path) -> tuple[str, str] | None:
    if not file.is_file():
        return None
    try:
        text = file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error})", file=file) from None
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise DataError(f"needs one '{BEGIN}' and after it one '{END}', between which the page stands", file=file)
    before, _, rest = text.partition(BEGIN)
    return before, rest.partition(END)[2]
