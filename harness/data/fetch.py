"""DataFile -> path of a file with exactly the published bytes: the user's own copy, the cache, or the network, in that order.

A benchmark without a licence cannot travel with the package, so its task names the file by URL and SHA-256. Whatever the way
it came, the hash is checked at every use: no run ever rests on a truncated or edited file. Downloads go to disk as they come, and
a large one that broke off goes on where it stopped, if the server can.
"""

from __future__ import annotations

import hashlib
import http
import http.client
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Protocol

from harness import folders
from harness.data.files import MAX_BYTES, read_bytes
from harness.data.parts import Part, part_of
from harness.errors import DataError, UsageError

if TYPE_CHECKING:
    from http.client import HTTPMessage

TIMEOUT_S: Final = 30.0
"""Longest silence of a server, in seconds."""

_CHUNK: Final = 64 * 1024
_BAR_AFTER_S: Final = 1.0


@dataclass(frozen=True)
class DataFile:
    """A published file: where it lies, where it comes from, and which bytes it must have."""

    path: str
    """Relative, with forward slashes, e.g. `chisafetybench/v1/mcq.json`."""
    url: str
    """https; plain http only to 127.0.0.1."""
    sha256: str
    """64 hex digits."""
    max_bytes: int = MAX_BYTES
    """A longer answer of the server is not the file."""

    def __post_init__(self) -> None:
        parts = PurePosixPath(self.path)
        if not parts.name or parts.is_absolute() or ".." in parts.parts or "\\" in self.path or ":" in self.path:
            raise DataError(f"data file path '{self.path}' must be relative, with forward slashes and without '..'")
        if not _allowed(self.url):
            raise DataError(f"data file {self.path}: url '{self.url}' must start with https:// (or http://127.0.0.1 for tests)")
        if len(self.sha256) != 64 or not set(self.sha256) <= set("0123456789abcdef"):
            raise DataError(f"data file {self.path}: sha256 '{self.sha256}' must be 64 lower-case hex digits")


def locate(file: DataFile, progress: bool = True) -> Path:
    """Find or fetch `file`; the bytes behind the returned path had the right SHA-256 a moment ago.

    Tried in order: `$HARNESS_DATA/<path>`, `$HARNESS_DATA/benchmarks/<path>`, `$HARNESS_DATA/<file name>`, `<cache>/data/<path>`,
    download of the URL into the cache. The first that exists must be right: a wrong copy is an error, never silently passed over.
    Several processes may download at once; each writes its own `.part` file and the last rename wins, with the same bytes
    (`harness.data.parts`).

    Args:
        file: what to find.
        progress: show a bar on a terminal when a download takes more than about a second.

    Raises:
        DataError: a copy has the wrong hash; or there is none and it cannot be downloaded (says which file to put where).
        UsageError: `$HARNESS_DATA` is not a folder.
    """
    found = next((place for place in _places(file) if _exists(place)), None)
    if found is None:
        found = _cached(file)
        _download(file, found, progress)
    else:
        _check(*_digest(found, file.max_bytes), file, found, f"replace it with {file.url}, or delete it")
    return found


def is_here(file: DataFile) -> bool:
    """Whether a copy lies on this machine, right or wrong; nothing is downloaded."""
    return any(_exists(place) for place in _places(file))


def _cached(file: DataFile) -> Path:
    return folders.cache_dir() / "data" / file.path


def _places(file: DataFile) -> tuple[Path, ...]:
    own = folders.data_dir()
    if own is None:
        return (_cached(file),)
    if not own.is_dir():
        raise UsageError(f"HARNESS_DATA names '{own}', which is not a folder")
    return (own / file.path, own / "benchmarks" / file.path, own / PurePosixPath(file.path).name, _cached(file))


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except OSError as error:
        raise DataError(f"cannot be looked up: {error.strerror or error}", file=place) from error


def _digest(path: Path, limit: int) -> tuple[str, int]:
    """SHA-256 and size of a file."""
    try:
        size = path.stat().st_size
        if not path.is_file() or size > limit:
            read_bytes(path, limit)
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest(), size
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=path) from error


def _check(found: str, size: int, file: DataFile, origin: Path | str, remedy: str) -> None:
    if found != file.sha256:
        raise DataError(
            f"wrong file: SHA-256 is {found} ({size} bytes), expected {file.sha256}; {remedy}",
            file=origin,
        )


def _download(file: DataFile, target: Path, progress: bool) -> None:
    if os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in {"1", "true", "yes", "on"}:
        raise _missing(file, "HF_HUB_OFFLINE is set")
    with part_of(target, file.sha256) as part, _bar(file, progress) as show:
        went_on = part.size > 0
        _receive(file, part, show)
        if went_on and part.digest != file.sha256:
            # What came before was of another version, or damaged.
            part.restart()
            _receive(file, part, show)
        try:
            _check(part.digest, part.size, file, file.url, "upstream changed or the connection altered it")
        except DataError:
            part.restart()
            raise
        part.finish()


def _receive(file: DataFile, part: Part, show: _Show) -> None:
    """The rest of a file."""
    try:
        with _asked(file, part) as response:
            if response.status != http.HTTPStatus.PARTIAL_CONTENT or not _begins_at(response.headers, part.size):
                part.restart()
            _body(response, part, show, file.max_bytes)
    except urllib.error.HTTPError as error:
        error.close()
        raise _missing(file, f"the server answered {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _missing(file, f"no connection ({error.reason})") from error
    except (OSError, http.client.HTTPException) as error:
        raise _missing(file, f"the download broke off ({error or type(error).__name__})") from error


def _asked(file: DataFile, part: Part) -> http.client.HTTPResponse:
    """The answer to a request for what is still to come; for all of it, if the server does not know such a range."""
    request = urllib.request.Request(file.url, headers={"User-Agent": "culture-harness"})  # noqa: S310  the scheme was checked
    if part.size:
        request.add_header("Range", f"bytes={part.size}-")
    try:
        response: http.client.HTTPResponse = _opener(file.url).open(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not part.size:
            raise
        error.close()
        part.restart()
        return _asked(file, part)
    return response


def _begins_at(headers: HTTPMessage, size: int) -> bool:
    return headers.get("Content-Range", "").startswith(f"bytes {size}-")


def _missing(file: DataFile, why: str) -> DataError:
    own = folders.data_dir()
    places = f"$HARNESS_DATA/{file.path} (HARNESS_DATA is {'not set' if own is None else own}) or {_cached(file)}"
    return DataError(f"data file {file.path} is not here and {why}; get it from {file.url} and put it at {places}")


class _Show(Protocol):
    def __call__(self, done: int, total: int | None) -> None: ...


def _body(response: http.client.HTTPResponse, part: Part, show: _Show, limit: int) -> None:
    length = response.headers.get("Content-Length", "")
    total = part.size + int(length) if length.isdecimal() else None
    while chunk := response.read(_CHUNK):
        if part.size + len(chunk) > limit:
            part.restart()
            raise OSError(f"more than {limit // 2**20} MiB")
        part.add(chunk)
        show(part.size, total)
    if total is not None and part.size < total:
        raise OSError(f"{part.size} of {total} bytes came")


@contextmanager
def _bar(file: DataFile, progress: bool) -> Iterator[_Show]:
    """A bar that appears only once the download has lasted a second, and only on a terminal."""
    started = time.monotonic()
    with ExitStack() as stack:
        bars: list[tuple[Any, Any]] = []

        def show(done: int, total: int | None) -> None:
            if progress and not bars and time.monotonic() - started > _BAR_AFTER_S:
                bars.append(_start_bar(file, stack))
            for bar, task in bars:
                bar.update(task, completed=done, total=total)

        yield show


def _start_bar(file: DataFile, stack: ExitStack) -> tuple[Any, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    bar = stack.enter_context(Progress(*columns, console=console, transient=True, disable=not console.is_terminal))
    return bar, bar.add_task(file.path, total=None)


def _scheme_and_host(url: str) -> tuple[str, str]:
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.hostname or ""


def _loopback(url: str) -> bool:
    return _scheme_and_host(url) == ("http", "127.0.0.1")


def _allowed(url: str) -> bool:
    scheme, host = _scheme_and_host(url)
    return _loopback(url) or (scheme == "https" and host != "")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects only to where the first request could have gone."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if not _allowed(newurl) or _loopback(newurl) != _loopback(req.full_url):
            raise urllib.error.URLError(f"redirected to {newurl}, where no file of ours may come from")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Proxies as the environment says, but never for loopback."""
    proxies = [urllib.request.ProxyHandler({})] if _loopback(url) else []
    return urllib.request.build_opener(_SafeRedirects, *proxies)
