"""StoredLM: nothing is asked twice, and a resumed run asks in the same batches as one in one go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from lm_eval.api.instance import Instance

from harness.lm.backends import ChatLM, Deliver
from harness.lm.store import ResponseStore
from harness.lm.stored import StoredLM
from harness.schema import Response

SETTINGS = {"until": [], "max_gen_toks": 4}


class CountingBackend:
    """Answers with the batch it was asked in, as a model whose numerics depend on the batch does."""

    stored = True

    def __init__(self, unit: int | None, die_after: int | None = None) -> None:
        self.lm = ChatLM()
        self.unit = unit
        self.asked: list[list[str]] = []
        self._left = die_after

    def generate(self, requests: Sequence[Instance], deliver: Deliver) -> None:
        batch = [str(r.args[0]) for r in requests]
        self.asked.append(batch)
        for i, request in enumerate(requests):
            if self._left == 0:
                raise KeyboardInterrupt
            self._left = None if self._left is None else self._left - 1
            deliver(i, Response(text=f"{request.args[0]} in {'|'.join(batch) if self.unit else 'one'}"))

    loglikelihood = generate

    def prompt(self, request: Instance) -> str:
        return str(request.args[0])


def requests(*prompts: str) -> list[Instance]:
    return [Instance("generate_until", {}, (p, dict(SETTINGS)), 0, metadata=("task", i, 1)) for i, p in enumerate(prompts)]


def store(tmp_path: Path) -> ResponseStore:
    return ResponseStore(tmp_path / "s.sqlite")


def test_equal_requests_are_asked_once(tmp_path: Path) -> None:
    backend = CountingBackend(None)
    answers = StoredLM(backend, store(tmp_path), "m").generate_until(requests("a", "b", "a"))
    assert backend.asked == [["a", "b"]]
    assert answers == ["a in one", "b in one", "a in one"]


def test_a_second_run_asks_nothing(tmp_path: Path) -> None:
    StoredLM(CountingBackend(2), store(tmp_path), "m").generate_until(requests("a", "b", "c"))
    backend = CountingBackend(2)
    lm = StoredLM(backend, store(tmp_path), "m")
    lm.generate_until(requests("a", "b", "c"))
    assert (backend.asked, lm.generated) == ([], 0)


def test_another_model_asks_everything(tmp_path: Path) -> None:
    StoredLM(CountingBackend(2), store(tmp_path), "m").generate_until(requests("a", "b"))
    backend = CountingBackend(2)
    StoredLM(backend, store(tmp_path), "other").generate_until(requests("a", "b"))
    assert backend.asked == [["a", "b"]] or backend.asked == [["b", "a"]]


@pytest.mark.parametrize("died_after", range(7))
def test_an_interrupted_batch_run_ends_with_the_same_answers(tmp_path: Path, died_after: int) -> None:
    prompts = ["a" * n for n in (3, 9, 1, 7, 5, 2, 8)]
    whole = StoredLM(CountingBackend(3), ResponseStore(tmp_path / "whole.sqlite"), "m").generate_until(requests(*prompts))
    with pytest.raises(KeyboardInterrupt):
        StoredLM(CountingBackend(3, die_after=died_after), store(tmp_path), "m").generate_until(requests(*prompts))
    assert StoredLM(CountingBackend(3), store(tmp_path), "m").generate_until(requests(*prompts)) == whole


def test_an_interrupted_endpoint_run_asks_only_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        StoredLM(CountingBackend(None, die_after=2), store(tmp_path), "m").generate_until(requests("a", "b", "c"))
    backend = CountingBackend(None)
    StoredLM(backend, store(tmp_path), "m").generate_until(requests("a", "b", "c"))
    assert backend.asked == [["c"]]


def test_fresh_asks_again_and_stores_the_new_answer(tmp_path: Path) -> None:
    StoredLM(CountingBackend(None), store(tmp_path), "m").generate_until(requests("a"))
    backend = CountingBackend(None)
    StoredLM(backend, store(tmp_path), "m", fresh=True).generate_until(requests("a"))
    assert backend.asked == [["a"]]


def test_progress_counts_stored_and_new_answers(tmp_path: Path) -> None:
    StoredLM(CountingBackend(None), store(tmp_path), "m").generate_until(requests("a"))
    seen: list[tuple[int, int]] = []
    lm = StoredLM(CountingBackend(None), store(tmp_path), "m", progress=lambda done, total: seen.append((done, total)))
    lm.generate_until(requests("a", "b", "c"))
    assert seen[0] == (1, 3)
    assert seen[-1] == (3, 3)
