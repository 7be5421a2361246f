"""Fixtures of this room: the bundled taxonomies and keys, a writer of small files, a loopback web server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from harness import folders
from harness.data.taxonomy import Taxonomy, load_taxonomy

# Time limits per example fail on a busy machine; pytest-timeout watches the whole test.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")

BENCHMARKS = folders.home() / "tasks" / "zh_cn"


@pytest.fixture(scope="session")
def a_eval_taxonomy() -> Taxonomy:
    return load_taxonomy(BENCHMARKS / "a_eval" / "taxonomy.json")


@pytest.fixture(scope="session")
def chi_taxonomy() -> Taxonomy:
    return load_taxonomy(BENCHMARKS / "chisafetybench" / "taxonomy.json")


@pytest.fixture(scope="session")
def bundled_keys() -> dict[str, Path]:
    """Benchmark -> its drafted key."""
    return {name: BENCHMARKS / name / "keys" / "drafted-v1.jsonl" for name in ("a_eval", "chisafetybench")}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a value as JSON (or text or bytes as they are) to a new file."""

    def write(value: Any, name: str = "items.json") -> Path:
        path = tmp_path / name
        if isinstance(value, bytes):
            path.write_bytes(value)
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
            path.write_text(text, encoding="utf-8", newline="")
        return path

    return write


@dataclass
class Web:
    """What a loopback server answers, and what it was asked."""

    url: str
    pages: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def serve(self, path: str, body: bytes, length: int | None = None) -> str:
        """Answer 200 with `body`, announcing `length` bytes; the URL."""

        def page(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", str(len(body) if length is None else length))
            request.end_headers()
            request.wfile.write(body)

        self.pages[path] = page
        return self.url + path


@pytest.fixture
def web() -> Iterator[Web]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append(self.path)
            page = served.pages.get(self.path)
            if page is None:
                self.send_error(404, "Not Found")
            else:
                page(self)

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr: tests read it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Web(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()
