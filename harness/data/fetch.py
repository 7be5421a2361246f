"""DataFile -> path of a file with exactly the published bytes: the user's own copy, the cache, or the network, in that order.

A benchmark without a licence cannot travel with the package, so its task names the file by URL and SHA-256. Whatever the way
it came, the hash is checked at every use (all files are below 1 MB): no run ever rests on a truncated or edited file.
"""

from __future__ import annotations

import http.client
import os
import threading
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
from harness.data.files import MAX_BYTES, read_bytes, sha256
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

    Tried in order: `$HARNESS_DATA/<path>`, `$HARNESS_DATA/<file name>`, `<cache>/data/<path>`, download of the URL into the
    cache. The first that exists must be right: a wrong copy is an error, never silently passed over. Several processes may
    download at once; each writes its own `.part` file and the last rename wins, with the same bytes.

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
        raw = _download(file, progress)
        _check(raw, file, file.url, "upstream changed or the connection altered it")
        _store(raw, found)
    else:
        _check(read_bytes(found, file.max_bytes), file, found, f"replace it with {file.url}, or delete it")
    return found


def _cached(file: DataFile) -> Path:
    return folders.cache_dir() / "data" / file.path


def _places(file: DataFile) -> tuple[Path, ...]:
    own = folders.data_dir()
    if own is None:
        return (_cached(file),)
    if not own.is_dir():
        raise UsageError(f"HARNESS_DATA names '{own}', which is not a folder")
    return (own / file.path, own / PurePosixPath(file.path).name, _cached(file))


def _exists(place: Path) -> bool:
    try:
        return place.exists()
    except OSError as error:
        raise DataError(f"cannot be looked up: {error.strerror or error}", file=place) from error


def _check(raw: bytes, file: DataFile, origin: Path | str, remedy: str) -> None:
    found = sha256(raw)
    if found != file.sha256:
        raise DataError(
            f"wrong file: SHA-256 is {found} ({len(raw)} bytes), expected {file.sha256}; {remedy}",
            file=origin,
        )


def _store(raw: bytes, target: Path) -> None:
    part = target.with_name(f"{target.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(raw)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        why = f"cannot be written: {error.strerror or error}; set HARNESS_CACHE to a writable folder"
        raise DataError(why, file=target) from error


def _download(file: DataFile, progress: bool) -> bytes:
    if os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in {"1", "true", "yes", "on"}:
        raise _missing(file, "HF_HUB_OFFLINE is set")
    request = urllib.request.Request(file.url, headers={"User-Agent": "culture-harness"})  # noqa: S310  the scheme was checked
    try:
        with _opener(file.url).open(request, timeout=TIMEOUT_S) as response, _bar(file, progress) as show:
            return _body(response, show, file.max_bytes)
    except urllib.error.HTTPError as error:
        error.close()
        raise _missing(file, f"the server answered {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        raise _missing(file, f"no connection ({error.reason})") from error
    except (OSError, http.client.HTTPException) as error:
        raise _missing(file, f"the download broke off ({error or type(error).__name__})") from error


def _missing(file: DataFile, why: str) -> DataError:
    own = folders.data_dir()
    places = f"$HARNESS_DATA/{file.path} (HARNESS_DATA is {'not set' if own is None else own}) or {_cached(file)}"
    return DataError(f"data file {file.path} is not here and {why}; get it from {file.url} and put it at {places}")


class _Readable(Protocol):
    headers: HTTPMessage

    def read(self, amount: int, /) -> bytes: ...


class _Show(Protocol):
    def __call__(self, done: int, total: int | None) -> None: ...


def _body(response: _Readable, show: _Show, limit: int) -> bytes:
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else None
    body = bytearray()
    while chunk := response.read(_CHUNK):
        body += chunk
        if len(body) > limit:
            raise OSError(f"more than {limit // 2**20} MiB")
        show(len(body), total)
    if total is not None and len(body) < total:
        raise OSError(f"{len(body)} of {total} bytes came")
    return bytes(body)


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
