"""Replayed answers, and what a broken replay file says."""

from __future__ import annotations

from pathlib import Path

import pytest
from lm_eval.api.instance import Instance

from harness.errors import DataError, ModelError
from harness.lm.backends import ChatBackend, ReplayBackend, replay_file
from harness.lm.datasets import dataset
from harness.schema import Response, Sample

SAMPLE = Sample(id="7", hash="00ff", question="几点了？", dimension="X", options={"A": "一", "B": "二"}, target="B")


def request(kind: str = "generate_until", idx: int = 0) -> Instance:
    return Instance(kind, dataset([SAMPLE])["test"][0], ("几点了？", {}), idx, metadata=("clock", 0, 1))


def said(backend: ReplayBackend) -> Response:
    got: list[Response] = []
    backend.generate([request()], lambda _i, response: got.append(response))
    return got[0]


@pytest.mark.parametrize("key", ['"hash": "00ff"', '"task": "clock", "id": "7"', '"question": " 几点了？ "'])
def test_an_answer_is_found_by_hash_by_task_and_id_or_by_question(tmp_path: Path, key: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{{key}, "response": "三点"}}\n', encoding="utf-8")
    assert said(replay_file(path)).text == "三点"


def test_a_sample_without_an_answer_is_an_error_of_that_sample(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"hash": "other", "response": "x"}\n')
    assert said(replay_file(path)) == Response(text=None, finish_reason="error", error="not among the replayed responses")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"response": "x"', "Expecting"),
        ('{"hash": "1"}', "missing 'response'"),
        ('{"response": "x"}', "missing 'task'"),
        ("[1]", "indices"),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str, what: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"hash": "1", "response": "x"}}\n{line}\n')
    with pytest.raises(DataError, match=f"a.jsonl:2: not a replayable answer .*{what}"):
        replay_file(path)


def test_stored_log_likelihoods_come_back_by_letter() -> None:
    backend = ReplayBackend({"clock/00ff": Response(text='{"A": -1.5, "B": -0.5}')})
    got: list[str | None] = []
    backend.loglikelihood([request("loglikelihood", 1), request("loglikelihood", 0)], lambda _i, r: got.append(r.text))
    assert got == ["[-0.5, false]", "[-1.5, false]"]


def test_a_likelihood_task_on_an_endpoint_says_what_to_use_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.endpoint import resolve

    monkeypatch.setenv("HARNESS_MODEL_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(ModelError, match=r"likelihood tasks \(clock\) need --backend hf or vllm"):
        ChatBackend(resolve("m", role="model"), 1).loglikelihood([request("loglikelihood")], lambda _i, _r: None)
