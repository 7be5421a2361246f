from __future__ import annotations

import json
import shutil
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from harness.errors import DataError, ModelError
from harness.fingerprint import cached_commit, fingerprint, folder_digest
from harness.schema import ModelRef
from tests.runs.made import finished

COMMIT = "8cde5ca8380496c9a6cc7ef3a8b46a0372a1d920"


def weights(path: Path, tensors: int = 2, size: int = 64) -> None:
    """A safetensors file of zeros; sparse, so that large ones cost no disk."""
    names = {f"t{i}": {"dtype": "U8", "shape": [size], "data_offsets": [i * size, (i + 1) * size]} for i in range(tensors)}
    header = json.dumps(names).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        file.truncate(8 + len(header) + tensors * size)


def poke(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\x01")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    (made / "config.json").write_text('{"hidden_size": 64}')
    (made / "tokenizer.json").write_text("{}")
    weights(made / "model.safetensors")
    return made


def local(folder: Path, **args: object) -> ModelRef:
    return ModelRef(name="m", backend="hf", source=str(folder), args=args)


def test_moving_and_renaming_a_folder_changes_nothing(folder: Path, tmp_path: Path) -> None:
    before = fingerprint(local(folder))
    shutil.copytree(folder, tmp_path / "elsewhere")
    assert fingerprint(local(tmp_path / "elsewhere").model_copy(update={"name": "other"})) == before


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "chat_template.jinja", "generation_config.json", "merges.txt"])
def test_any_file_that_shapes_answers_counts(folder: Path, name: str) -> None:
    before = folder_digest(folder)
    (folder / name).write_text('{"changed": 1}')
    assert folder_digest(folder) != before


@pytest.mark.parametrize(
    "name", ["README.md", "training_args.bin", "optimizer.pt", "trainer_state.json", "checkpoint.json", ".cache"]
)
def test_files_that_shape_no_answer_do_not_count(folder: Path, name: str) -> None:
    before = folder_digest(folder)
    (folder / name).write_text("anything")
    assert folder_digest(folder) == before


def test_every_byte_of_small_weights_counts(folder: Path) -> None:
    seen = {folder_digest(folder)}
    start = (folder / "model.safetensors").stat().st_size - 128
    for offset in range(start, start + 128):
        poke(folder / "model.safetensors", offset)
        seen.add(folder_digest(folder))
    assert len(seen) == 129


def test_two_shards_swapped_are_another_model(folder: Path) -> None:
    weights(folder / "a.safetensors")
    weights(folder / "b.safetensors")
    poke(folder / "a.safetensors", (folder / "a.safetensors").stat().st_size - 1)
    before = folder_digest(folder)
    (folder / "a.safetensors").rename(folder / "c")
    (folder / "b.safetensors").rename(folder / "a.safetensors")
    (folder / "c").rename(folder / "b.safetensors")
    assert folder_digest(folder) != before


def test_a_change_in_the_middle_of_any_tensor_of_large_weights_is_seen(folder: Path) -> None:
    file, size = folder / "model.safetensors", 3 << 20
    weights(file, tensors=40, size=size)
    start = file.stat().st_size - 40 * size
    seen = {folder_digest(folder)}
    for i in range(40):
        poke(file, start + i * size + size // 2)
        seen.add(folder_digest(folder))
    assert len(seen) == 41


def test_sixteen_gigabytes_take_less_than_a_second(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    for i in range(4):
        weights(folder / f"model-{i}.safetensors", tensors=73, size=56_000_000)
    began = time.process_time()
    folder_digest(folder)
    assert time.process_time() - began < 1


@pytest.mark.parametrize("content", [b"", b"\x00" * 4, struct.pack("<Q", 10**12) + b"{}", struct.pack("<Q", 0)])
def test_a_file_that_is_no_safetensors_is_named(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.safetensors' is not a whole safetensors file"):
        folder_digest(folder)


def test_large_weights_with_a_broken_header_are_named(folder: Path) -> None:
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", 4) + b"null")
        file.truncate(100 << 20)
    with pytest.raises(ModelError, match="is not a whole safetensors file"):
        folder_digest(folder)


def test_pickled_weights_alone_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled weights only, which can run code when loaded; convert them to safetensors"):
        fingerprint(local(folder))


def test_a_folder_that_is_gone_or_not_built_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not at"):
        fingerprint(local(tmp_path / "gone"))
    with pytest.raises(ModelError, match="yet: it is built at first use"):
        fingerprint(local(tmp_path / "gone").model_copy(update={"build": "m:f"}))


@pytest.mark.parametrize("name", ["batch_size", "device", "num_concurrent", "gpu_memory_utilization", "pretrained"])
def test_arguments_that_cannot_change_an_answer_do_not_count(folder: Path, name: str) -> None:
    assert fingerprint(local(folder, **{name: 7})) == fingerprint(local(folder))


@pytest.mark.parametrize("name", ["dtype", "max_length", "load_in_4bit", "quantization", "enable_thinking", "invented_tomorrow"])
def test_every_other_argument_counts(folder: Path, name: str) -> None:
    assert fingerprint(local(folder, **{name: 7})) != fingerprint(local(folder))


def test_the_backend_counts(folder: Path) -> None:
    assert fingerprint(local(folder).model_copy(update={"backend": "vllm"})) != fingerprint(local(folder))


def test_an_adapter_counts_by_content_not_by_place(folder: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for adapter in (one, two):
        adapter.mkdir()
        weights(adapter / "adapter_model.safetensors")
    assert fingerprint(local(folder, peft=str(one))) == fingerprint(local(folder, peft=str(two)))
    poke(two / "adapter_model.safetensors", (two / "adapter_model.safetensors").stat().st_size - 1)
    assert fingerprint(local(folder, peft=str(one))) != fingerprint(local(folder, peft=str(two)))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local hub cache that holds org/name at `COMMIT` as main."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    repo = tmp_path / "hub" / "models--org--name"
    (repo / "snapshots" / COMMIT).mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMIT)
    return tmp_path / "hub"


def on_hub(source: str, **args: object) -> ModelRef:
    return ModelRef(name="name", backend="hf", source=source, args=args)


def test_a_downloaded_hub_model_is_its_commit(hub: Path) -> None:
    assert fingerprint(on_hub("org/name")).startswith(f"hf|org/name@{COMMIT}|")
    assert fingerprint(on_hub("org/name", revision=COMMIT)) == fingerprint(on_hub("org/name", revision="main"))


def test_the_cache_is_found_where_the_environment_says(hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert cached_commit("org/name") == COMMIT


def test_a_reference_without_its_snapshot_is_not_downloaded(hub: Path) -> None:
    (hub / "models--org--name" / "refs" / "next").write_text("0" * 40)
    assert cached_commit("org/name", "next") is None
    assert cached_commit("org/other") is None


def test_offline_a_hub_model_that_is_not_downloaded_is_its_revision(hub: Path) -> None:
    assert fingerprint(on_hub("org/other", revision="v2")).startswith("hf|org/other@v2|")


class _Hub(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        found = self.path.startswith("/org/fresh/resolve/main/")
        self.send_response(200 if found else 404)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[str]:
    """A loopback hub that knows org/fresh."""
    http = HTTPServer(("127.0.0.1", 0), _Hub)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.mark.parametrize(("name", "said"), [("org/fresh", COMMIT), ("org/gone", "main")])
def test_online_the_hub_is_asked_so_that_the_first_run_and_the_next_agree(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    code = "from tests.test_fingerprint import *; import sys; print(fingerprint(on_hub(sys.argv[1])))"
    command = [sys.executable, "-c", code, name]
    out = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True).stdout
    assert out.startswith(f"hf|{name}@{said}|")


def test_an_endpoint_is_its_address_and_name() -> None:
    ref = ModelRef(name="x", backend="openai", source="http://h/v1", args={"model": "qwen", "timeout": 5})
    assert fingerprint(ref).startswith("openai|http://h/v1#qwen|")
    assert fingerprint(ref) == fingerprint(ref.model_copy(update={"name": "y", "args": {"model": "qwen"}}))
    assert fingerprint(ref.model_copy(update={"args": {"model": "qwen", "revision": "r2"}})).startswith(
        "openai|http://h/v1#qwen@r2|"
    )


def test_a_replayed_file_is_its_content(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("one")
    ref = ModelRef(name="a", backend="replay", source=str(file))
    before = fingerprint(ref)
    file.write_text("two")
    assert fingerprint(ref) != before
    with pytest.raises(DataError, match="cannot be replayed"):
        fingerprint(ref.model_copy(update={"source": str(tmp_path / "gone.jsonl")}))


def test_a_replayed_run_is_its_record(tmp_path: Path) -> None:
    finished(tmp_path / "runs", "r1")
    finished(tmp_path / "runs", "r2")
    one, two = (ModelRef(name="r", backend="replay", source=str(tmp_path / "runs" / name)) for name in ("r1", "r2"))
    assert fingerprint(one) != fingerprint(two)
