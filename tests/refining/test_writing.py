"""Who writes, under which address, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.endpoint import ChatRequest
from harness.errors import ModelError, UsageError
from harness.lm.store import ResponseStore
from harness.refining.asking import settle
from harness.refining.writing import Writer, endpoint_of
from harness.schema import Message
from tests.loopback import Loopback, marked

Start = Callable[..., Loopback]


def ask(text: str) -> ChatRequest:
    return ChatRequest((Message(role="user", content=text),))


def test_a_writer_has_its_own_address_and_falls_back_to_the_common_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://common:1/v1")
    monkeypatch.setenv("HARNESS_JUDGE_BASE_URL", "http://judge:1/v1")
    assert endpoint_of("openai:m").base_url == "http://common:1/v1"
    monkeypatch.setenv("HARNESS_WRITER_BASE_URL", "http://writer:1/v1")
    assert endpoint_of("openai:m").base_url == "http://writer:1/v1"
    assert endpoint_of("http://other:2#m").base_url == "http://other:2/v1"


@pytest.mark.parametrize("spec", ["m", "rules", "hf:m", "#m", "openai"])
def test_what_is_no_endpoint_is_refused(spec: str) -> None:
    with pytest.raises(UsageError, match="is openai:MODEL or URL#MODEL"):
        endpoint_of(spec)


def test_without_an_address_the_variable_is_named() -> None:
    with pytest.raises(ModelError, match="set HARNESS_WRITER_BASE_URL"):
        endpoint_of("openai:m")


@pytest.fixture
def store(tmp_path: Path) -> ResponseStore:
    return ResponseStore(tmp_path / "replies.sqlite")


def test_equal_requests_are_asked_once_and_other_settings_are_other_requests(loopback: Start, store: ResponseStore) -> None:
    server = loopback(answer=lambda body: f"答{len(server.requests)}")
    cool = Writer(endpoint_of(f"{server.base_url}#m"), store, {"temperature": 0.1})
    assert len({reply.text for reply in cool.ask([ask("问"), ask("问")])}) == 1
    warm = Writer(endpoint_of(f"{server.base_url}#m"), store, {"temperature": 0.9})
    other = Writer(endpoint_of(f"{server.base_url}#n"), store, {"temperature": 0.1})
    warm.ask([ask("问")])
    other.ask([ask("问")])
    cool.ask([ask("问")])
    assert len(server.requests) == 3
    assert (cool.spent.asked, cool.spent.stored, cool.spent.requests) == (1, 1, 2)
    store.close()


def test_failures_are_not_stored_and_refusals_of_a_filter_are(loopback: Start, store: ResponseStore) -> None:
    server = loopback(answer=lambda body: "答", faults=marked)
    writer = Writer(endpoint_of(f"{server.base_url}#m", max_retries=0), store, {})
    requests = [ask("FAULT:400"), ask("FAULT:content_filter"), ask("FAULT:empty")]
    assert [reply.text for reply in writer.ask(requests)] == [None, "", ""]
    assert writer.stored(requests) == 2
    store.close()


def test_only_what_cannot_be_used_is_asked_again_and_at_most_so_often(loopback: Start, store: ResponseStore) -> None:
    server = loopback(answer=lambda body: "好" if "好问" in body["messages"][0]["content"] else "坏")
    writer = Writer(endpoint_of(f"{server.base_url}#m"), store, {})

    def check(answers: object) -> list[str]:
        return ["" if text == "好" else "坏的" for _, text in answers]  # type: ignore[attr-defined]

    found = settle(writer, [ask("好问"), ask("坏问")], check, lambda why: f"因为{why}", tries=3)
    assert [(one.state, one.attempts) for one in found] == [("accepted", 1), ("unaccepted", 3)]
    assert len(server.requests) == 4
    assert [turn["content"] for turn in server.requests[-1]["messages"]] == ["坏问", "坏", "因为坏的", "坏", "因为坏的"]
    store.close()
