"""A served model answers, and nothing of it outlives whoever asked for it. vLLM itself: tests/vllm."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import ModelError, UsageError
from harness.lm.server import flags, serve
from harness.processes import supervised
from tests.processes import alive, within

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

ROOT = Path(__file__).parents[2]
WORKER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
PARENT = f"""
import os, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", {WORKER!r}])
open(sys.argv[1] + ".part", "w").write(f"{{os.getpid()}} {{worker.pid}}")
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(600)
"""
"""Like vLLM: a parent that ends on SIGTERM, and a worker that does not."""
ASKER = """
import os, sys, time
sys.path.insert(0, {root!r})
from harness.processes import supervised
with supervised([sys.executable, "-c", {parent!r}, sys.argv[1]]) as (process, log):
    if {forks} and os.fork() == 0:
        time.sleep(30)
        os._exit(0)
    print(process.pid, flush=True)
    time.sleep(600)
"""
VLLM = """
import http.server, os, sys, time
print("starting with", *sys.argv[1:], "meeting at", os.environ["VLLM_HOST_IP"], flush=True)
if "--broken" in sys.argv:
    print("(APIServer pid=1) WARNING 11-21 12:37:12 [limits.py:25] This can cause `OSError: [Errno 24]`")
    print("(EngineCore pid=2) ERROR 11-21 12:37:12 [core.py:126] ValueError: head size 24 is not supported")
    sys.exit("RuntimeError: engine core failed to start")
if "--slow" in sys.argv:
    time.sleep(600)
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(" ".join(sys.argv[1:]).encode())
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Health).serve_forever()
"""
"""In the place of `vllm.entrypoints.cli.main`: answers /health with its own command line."""

Family = tuple[int, int]
Born = Callable[[], Family]
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def born(tmp_path: Path) -> Born:
    """Waits for the parent and its worker and gives their ids."""

    def read() -> Family:
        assert within(20, (tmp_path / "pids").is_file)
        parent, worker = (tmp_path / "pids").read_text().split()
        return int(parent), int(worker)

    return read


@pytest.fixture
def asker(tmp_path: Path) -> Iterator[Start]:
    """Starts a process that asks for the family; it prints the supervisor's id."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*, forks: bool = False) -> subprocess.Popen[bytes]:
        script = ASKER.format(root=str(ROOT), parent=PARENT, forks=forks)
        command = [sys.executable, "-c", script, str(tmp_path / "pids")]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


@pytest.fixture
def vllm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package named `vllm` that stands before any other."""
    package = tmp_path / "fake" / "vllm" / "entrypoints" / "cli"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()
    (package / "main.py").write_text(VLLM)
    monkeypatch.syspath_prepend(str(tmp_path / "fake"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fake"))


def test_a_worker_that_ignores_sigterm_does_not_outlive_the_block(tmp_path: Path, born: Born) -> None:
    with supervised([sys.executable, "-c", PARENT, str(tmp_path / "pids")]) as (process, _):
        family = (*born(), process.pid)
        assert alive(family) == list(family)
    assert within(5, lambda: not alive(family))


@pytest.mark.parametrize("forks", [False, True], ids=["alone", "with a forked child that holds the pipe"])
def test_nothing_outlives_a_killed_asker(asker: Start, born: Born, forks: bool) -> None:
    process = asker(forks=forks)
    family = born()
    process.kill()
    assert within(15, lambda: not alive(family))


def test_nothing_outlives_a_killed_command(asker: Start, born: Born) -> None:
    asker()
    parent, worker = born()
    os.kill(parent, signal.SIGKILL)
    assert within(15, lambda: not alive([worker]))


def test_the_command_is_told_when_the_supervisor_is_killed(asker: Start, born: Born) -> None:
    process = asker()
    parent, worker = born()
    assert process.stdout
    os.kill(int(process.stdout.readline()), signal.SIGKILL)
    assert within(15, lambda: not alive([parent]))
    os.kill(worker, signal.SIGKILL)


def test_the_supervisor_ends_as_its_command_did() -> None:
    with supervised([sys.executable, "-c", "raise SystemExit(7)"]) as (process, _):
        assert process.wait(20) == 7


def test_the_log_stays_where_it_was_asked_for(tmp_path: Path) -> None:
    with supervised([sys.executable, "-c", "print('你好')"], log=tmp_path / "log") as (process, _):
        process.wait(20)
    assert (tmp_path / "log").read_text().strip() == "你好"


def test_the_block_starts_when_the_server_answers(vllm: None, tmp_path: Path) -> None:
    with serve(tmp_path / "some-model", timeout=30, max_model_len=512) as server:
        with urllib.request.urlopen(server.url) as reply:
            said = reply.read().decode().split()
        assert server.name == "some-model"
    assert said[:4] == ["serve", str(tmp_path / "some-model"), "--served-model-name", "some-model"]
    assert said[-2:] == ["--max-model-len", "512"]
    assert not server.log.exists()


def test_a_server_that_ends_is_an_error_with_its_first_cause(vllm: None, tmp_path: Path) -> None:
    with (
        pytest.raises(ModelError, match="head size 24 is not supported") as caught,
        serve("m", log=tmp_path / "log", broken=True),
    ):
        pass
    assert str(tmp_path / "log") in str(caught.value)


def test_a_server_that_does_not_answer_in_time_is_an_error(vllm: None, tmp_path: Path) -> None:
    with (
        pytest.raises(ModelError, match="within 2 s; its last line: starting with serve m"),
        serve("m", timeout=2, log=tmp_path / "log", slow=True),
    ):
        pass


def test_the_servers_processes_meet_on_the_loopback(vllm: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_HOST_IP", raising=False)
    with serve("m", log=tmp_path / "log", timeout=30):
        pass
    assert (tmp_path / "log").read_text().endswith("meeting at 127.0.0.1\n")


def test_a_taken_port_is_refused_before_anything_starts(vllm: None) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is taken"), serve("m", port=port):
            pass


@pytest.mark.skipif((Path(sys.prefix) / "bin" / "vllm").exists(), reason="vLLM is installed here")
def test_without_vllm_the_message_says_what_to_install() -> None:
    with pytest.raises(ModelError, match="pip install"), serve("m"):
        pass


def test_options_become_flags() -> None:
    options = {"max_model_len": 512, "enforce_eager": True, "prefix_caching": False, "seed": None, "overrides": {"a": 1}}
    assert flags(options) == ["--max-model-len", "512", "--enforce-eager", "--no-prefix-caching", "--overrides", '{"a": 1}']
