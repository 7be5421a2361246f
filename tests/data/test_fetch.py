"""DataFile -> path of a file with exactly the published bytes; downloads from a real server on loopback."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from harness.data import fetch
from harness.data.fetch import DataFile, locate
from harness.errors import DataError, UsageError
from tests.data.conftest import Web

BODY = "[1, 2, 三]".encode() * 100
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback is not the internet."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "data"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder with published files."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("HARNESS_DATA", str(folder))
    return folder


def file_at(url: str, path: str = "bench/v1/items.json") -> DataFile:
    return DataFile(path=path, url=url, sha256=SHA)


def put(path: Path, body: bytes = BODY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def test_a_file_is_downloaded_into_the_cache(web: Web, cache: Path) -> None:
    found = locate(file_at(web.serve("/items.json", BODY)))
    assert found == cache / "bench/v1/items.json"
    assert found.read_bytes() == BODY


def test_a_cached_file_is_not_asked_for_again(web: Web) -> None:
    file = file_at(web.serve("/items.json", BODY))
    assert locate(file) == locate(file)
    assert web.asked == ["/items.json"]


def test_the_users_own_copy_comes_before_the_cache_and_the_network(web: Web, own: Path, cache: Path) -> None:
    put(cache / "bench/v1/items.json")
    mine = put(own / "bench/v1/items.json")
    assert locate(file_at(web.serve("/items.json", BODY))) == mine
    assert web.asked == []


def test_the_bare_name_will_do_in_the_users_folder(web: Web, own: Path) -> None:
    mine = put(own / "items.json")
    assert locate(file_at(web.url)) == mine


def test_a_folder_of_benchmarks_in_the_users_folder_will_do_as_well(web: Web, own: Path) -> None:
    mine = put(own / "benchmarks/bench/v1/items.json")
    assert locate(file_at(web.url)) == mine


def test_a_users_folder_without_the_file_leads_on_to_the_download(web: Web, own: Path, cache: Path) -> None:
    assert locate(file_at(web.serve("/items.json", BODY))).is_relative_to(cache)


def test_a_users_folder_that_is_not_there_is_a_usage_error(web: Web, own: Path) -> None:
    own.rmdir()
    with pytest.raises(UsageError, match=r"HARNESS_DATA names '.*own', which is not a folder"):
        locate(file_at(web.serve("/items.json", BODY)))


def test_a_wrong_copy_of_the_user_is_an_error_not_passed_over(web: Web, own: Path) -> None:
    put(own / "bench/v1/items.json", BODY[:-1])
    put(own / "items.json")
    with pytest.raises(DataError) as caught:
        locate(file_at(web.serve("/items.json", BODY)))
    message = str(caught.value)
    assert str(own / "bench/v1/items.json") in message
    assert SHA in message
    assert hashlib.sha256(BODY[:-1]).hexdigest() in message
    assert "\n" not in message


def test_a_cached_file_is_checked_at_every_use(web: Web) -> None:
    file = file_at(web.serve("/items.json", BODY))
    locate(file).write_bytes(BODY + b" ")
    with pytest.raises(DataError, match=r"wrong file: SHA-256 is .* expected .* or delete it"):
        locate(file)


def test_a_download_with_the_wrong_hash_is_not_kept(web: Web, cache: Path) -> None:
    with pytest.raises(DataError, match=r"http://127.*/items\.json: wrong file: SHA-256 is "):
        locate(file_at(web.serve("/items.json", b"<html>sorry</html>")))
    assert not list(cache.rglob("*.*"))


def test_a_download_that_breaks_off_is_not_kept(web: Web, cache: Path) -> None:
    with pytest.raises(DataError, match=f"the download broke off \\({len(BODY)} of {len(BODY) + 9} bytes came"):
        locate(file_at(web.serve("/items.json", BODY, length=len(BODY) + 9)))
    assert not list(cache.rglob("*.*"))


def test_a_page_that_is_not_there_names_code_file_and_places(web: Web, cache: Path) -> None:
    with pytest.raises(DataError) as caught:
        locate(file_at(web.url + "/none.json"))
    message = str(caught.value)
    assert "the server answered 404" in message
    assert web.url + "/none.json" in message
    assert "$HARNESS_DATA/bench/v1/items.json (HARNESS_DATA is not set)" in message
    assert str(cache / "bench/v1/items.json") in message
    assert "\n" not in message


def test_a_refused_connection_says_where_to_put_the_file(own: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match=f"no connection .*refused.*HARNESS_DATA is {own}"):
        locate(file_at(f"http://127.0.0.1:{port}/items.json"))


def test_a_server_that_falls_silent_is_given_up(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT_S", 0.1)
    web.pages["/items.json"] = lambda request: time.sleep(0.5)
    with pytest.raises(DataError, match="timed out"):
        locate(file_at(web.url + "/items.json"))


def test_words_that_are_not_http_are_an_error(web: Web) -> None:
    web.pages["/items.json"] = lambda request: request.wfile.write(b"hello\r\n\r\n") and None
    with pytest.raises(DataError, match="the download broke off"):
        locate(file_at(web.url + "/items.json"))


def test_a_download_without_end_is_cut(web: Web) -> None:
    small = dataclasses.replace(file_at(web.serve("/items.json", b"x" * (2**20 + 1))), max_bytes=2**20)
    with pytest.raises(DataError, match=r"broke off \(more than 1 MiB\)"):
        locate(small)


@pytest.mark.parametrize("value", ["1", "true", "YES"])
def test_offline_asks_nobody(value: str, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    with pytest.raises(DataError, match=r"is not here and HF_HUB_OFFLINE is set; get it from http"):
        locate(file_at(web.serve("/items.json", BODY)))
    assert web.asked == []


def test_offline_reads_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    cached = put(cache / "bench/v1/items.json")
    assert locate(file_at("https://example.org/items.json")) == cached


def test_a_redirect_within_loopback_is_followed(web: Web) -> None:
    target = web.serve("/new.json", BODY)
    web.pages["/old.json"] = lambda request: redirect(request, target)
    assert locate(file_at(web.url + "/old.json")).read_bytes() == BODY


@pytest.mark.parametrize("target", ["http://example.org/items.json", "file:///etc/hostname", "https://example.org/items.json"])
def test_a_redirect_elsewhere_is_refused(target: str, web: Web) -> None:
    web.pages["/old.json"] = lambda request: redirect(request, target)
    with pytest.raises(DataError, match="is not here and"):
        locate(file_at(web.url + "/old.json"))


def redirect(request: BaseHTTPRequestHandler, target: str) -> None:
    request.send_response(302)
    request.send_header("Location", target)
    request.send_header("Content-Length", "0")
    request.end_headers()


def test_a_cache_that_cannot_be_written_is_named(web: Web, cache: Path) -> None:
    put(cache, b"a file where the folder should be")
    with pytest.raises(DataError, match=r"cannot be written: .* set HARNESS_CACHE"):
        locate(file_at(web.serve("/items.json", BODY)))


def test_two_processes_may_download_at_once(web: Web, cache: Path) -> None:
    meeting = threading.Barrier(2, timeout=60)
    page = web.serve("/items.json", BODY)
    answer = web.pages["/items.json"]

    def when_both_ask(request: BaseHTTPRequestHandler) -> None:
        meeting.wait()
        answer(request)

    web.pages["/items.json"] = when_both_ask
    code = f"from harness.data.fetch import *; print(locate(DataFile('bench/v1/items.json', {page!r}, {SHA!r})))"
    both = [
        subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ), stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    found = [Path(process.communicate(timeout=120)[0].strip()) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert found == [cache / "bench/v1/items.json"] * 2
    assert [path.name for path in cache.rglob("*.*")] == ["items.json"]


def test_threads_may_download_at_once(web: Web, cache: Path) -> None:
    file = file_at(web.serve("/items.json", BODY))
    failures: list[BaseException] = []

    def work() -> None:
        try:
            locate(file)
        except DataError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [path.name for path in cache.rglob("*.*")] == ["items.json"]


def slow(web: Web) -> str:
    """A page that takes longer than the wait for the bar."""

    def page(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(BODY)))
        request.end_headers()
        request.wfile.write(BODY[:10])
        request.wfile.flush()
        time.sleep(0.2)
        request.wfile.write(BODY[10:])

    web.pages["/slow.json"] = page
    return web.url + "/slow.json"


@pytest.mark.parametrize(("terminal", "progress", "shown"), [("1", True, True), ("0", True, False), ("1", False, False)])
def test_a_slow_download_shows_a_bar_on_a_terminal_only(
    terminal: str, progress: bool, shown: bool, web: Web, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetch, "_BAR_AFTER_S", 0.1)
    monkeypatch.setenv("TTY_COMPATIBLE", terminal)
    locate(file_at(slow(web)), progress=progress)
    assert ("bench/v1/items.json" in capsys.readouterr().err) == shown


def test_a_fast_download_shows_nothing(web: Web, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    locate(file_at(web.serve("/items.json", BODY)))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("path", ["/etc/items.json", "../items.json", "a/../../b.json", "", "a\\b.json", "c:/x.json"])
def test_a_path_that_leaves_its_folder_is_refused(path: str) -> None:
    with pytest.raises(DataError, match="must be relative"):
        file_at("https://example.org/items.json", path)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x",
        "file:///etc/hostname",
        "ftp://example.org/x",
        "https://",
        "https://[x",
        "http://127.0.0.1.example.org/x",
    ],
)
def test_an_address_that_is_not_https_is_refused(url: str) -> None:
    with pytest.raises(DataError, match="must start with https://"):
        file_at(url)


@pytest.mark.parametrize("digest", ["", "abc", "Z" * 64, SHA.upper(), SHA + "0"])
def test_a_digest_that_is_none_is_refused(digest: str) -> None:
    with pytest.raises(DataError, match="must be 64 lower-case hex digits"):
        DataFile("a.json", "https://example.org/a.json", digest)


LARGE = bytes(range(256)) * 12 * 1024
"""3 MiB."""


@dataclass
class Ranged:
    """A page that knows ranges, and breaks off after some bytes of the first answers."""

    body: bytes
    breaks: list[int]
    knows: bool = True
    ranges: list[str | None] = field(default_factory=list)

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.knows else 0
        if asked and self.knows and start >= len(self.body):
            request.send_error(416)
            return
        request.send_response(206 if asked and self.knows else 200)
        request.send_header("Content-Length", str(len(self.body) - start))
        if asked and self.knows:
            request.send_header("Content-Range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        request.end_headers()
        end = start + self.breaks.pop(0) if self.breaks else len(self.body)
        request.wfile.write(self.body[start:end])


def large_at(web: Web, page: Ranged) -> DataFile:
    web.pages["/large.json"] = page
    return DataFile("large.json", web.url + "/large.json", hashlib.sha256(LARGE).hexdigest())


def test_a_large_download_that_broke_off_goes_on_where_it_stopped(web: Web, cache: Path) -> None:
    page = Ranged(LARGE, [2 * 2**20, 2**19])
    file = large_at(web, page)
    for _ in range(2):
        with pytest.raises(DataError, match="the download broke off"):
            locate(file)
        assert [path.suffix for path in cache.iterdir()] == [".part"]
    assert locate(file).read_bytes() == LARGE
    assert page.ranges == [None, "bytes=2097152-", "bytes=2621440-"]
    assert [path.name for path in cache.iterdir()] == ["large.json"]


def test_a_server_that_knows_no_ranges_is_asked_for_all_of_it(web: Web) -> None:
    page = Ranged(LARGE, [2 * 2**20], knows=False)
    file = large_at(web, page)
    with pytest.raises(DataError, match="2097152 of 3145728 bytes came"):
        locate(file)
    assert locate(file).read_bytes() == LARGE
    assert page.ranges == [None, "bytes=2097152-"]


@pytest.mark.parametrize("rest", [b"x" * 2**20, b"x" * (3 * 2**20), b"x" * (4 * 2**20)], ids=["shorter", "as long", "longer"])
def test_a_part_of_another_file_is_not_gone_on_with_for_ever(web: Web, cache: Path, rest: bytes) -> None:
    page = Ranged(LARGE, [])
    file = large_at(web, page)
    put(cache / f"large.json.{file.sha256[:12]}.part", rest)
    assert locate(file).read_bytes() == LARGE
    assert page.ranges == [f"bytes={len(rest)}-", None]


def test_a_part_that_another_process_writes_is_left_to_it(web: Web, cache: Path) -> None:
    page = Ranged(LARGE, [])
    file = large_at(web, page)
    part = put(cache / f"large.json.{file.sha256[:12]}.part", LARGE[: 2**20])
    with part.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert locate(file).read_bytes() == LARGE
    assert page.ranges == [None]
    assert part.read_bytes() == LARGE[: 2**20]


def test_a_download_is_never_held_in_memory(web: Web) -> None:
    file = large_at(web, Ranged(LARGE, []))
    tracemalloc.start()
    try:
        locate(file)
        assert tracemalloc.get_traced_memory()[1] < 2 * 2**20
    finally:
        tracemalloc.stop()
