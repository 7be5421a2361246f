"""vLLM's engine and worker outlive an API server that is killed; under `serve` they do not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import ModelError
from harness.lm.server import serve
from tests.processes import group, within
from tests.vllm.conftest import ON_CPU

pytestmark = pytest.mark.vllm

ASKER = """
import sys, time
sys.path.insert(0, {root!r})
from harness.lm.server import serve
with serve({model!r}, kv_cache_memory_bytes="64M", **{options!r}) as server:
    print(server.pid, flush=True)
    time.sleep(600)
"""


def names(pids: list[int]) -> str:
    return " ".join(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode() for pid in pids)


def test_nothing_of_vllm_outlives_a_killed_asker(tiny_model: Path) -> None:
    script = ASKER.format(root=str(Path(__file__).parents[2]), model=str(tiny_model), options=ON_CPU)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as asker:
        assert asker.stdout
        family = int(asker.stdout.readline())
        running = names(group(family))
        asker.kill()
    assert "VLLM::EngineCore" in running
    assert "VLLM::Worker" in running
    assert within(15, lambda: not group(family))


def test_nothing_of_vllm_outlives_its_killed_api_server_or_the_block(tiny_model: Path) -> None:
    with serve(tiny_model, kv_cache_memory_bytes="64M", **ON_CPU) as server:
        api = min(pid for pid in group(server.pid) if pid != server.pid and "serve" in names([pid]))
        os.kill(api, signal.SIGKILL)
        assert within(15, lambda: not group(server.pid))


def test_a_checkpoint_vllm_does_not_know_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "abacus", "architectures": ["AbacusForCausalLM"]}')
    with pytest.raises(ModelError, match=r"(?i)abacus"), serve(tmp_path, name="tiny", log=tmp_path / "log", **ON_CPU):
        pass
