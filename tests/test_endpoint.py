"""The endpoint client against a real loopback server: what is retried, what is an error, what never leaks."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.endpoint import ChatReply, ChatRequest, Endpoint, ask_many, resolve
from harness.errors import JudgeError, ModelError
from harness.schema import FinishReason, Message
from harness.wire import MAX_BODY, error_of, is_filtered, read_reply, refused_parameter, retry_after
from tests.loopback import Loopback, at_rate, first, marked

Start = Callable[..., Loopback]
KEY = "sk-very-secret-123"


def ask(text: str, **params: Any) -> ChatRequest:
    return ChatRequest((Message(role="user", content=text),), params)


def to(server: Loopback, **settings: Any) -> Endpoint:
    return Endpoint(**{"base_url": server.base_url, "model": "judge", "backoff": 0.01, "timeout": 5, **settings})


def echo(body: dict[str, Any]) -> str:
    return "回声：" + body["messages"][-1]["content"]


def one(server: Loopback, text: str = "你好", **settings: Any) -> ChatReply:
    return ask_many(to(server, **settings), [ask(text)])[0]


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_replies_come_back_in_the_order_of_the_requests(loopback: Start) -> None:
    server = loopback(answer=echo, latency=0.01)
    replies = ask_many(to(server, concurrency=8), [ask(str(i)) for i in range(50)])
    assert [reply.text for reply in replies] == [f"回声：{i}" for i in range(50)]


def test_a_reply_carries_tokens_status_and_finish_reason(loopback: Start) -> None:
    reply = one(loopback(answer=echo))
    assert reply == ChatReply("回声：你好", FinishReason.STOP, 2, 5, None, 200, 1)


def test_concurrency_is_reached_and_never_exceeded(loopback: Start) -> None:
    server = loopback(latency=0.05)
    ask_many(to(server, concurrency=7), [ask(str(i)) for i in range(40)])
    assert server.peak == 7


def test_every_reply_is_delivered_once_as_it_arrives(loopback: Start) -> None:
    server = loopback(answer=echo, faults=at_rate(0.3, "500", "400", "empty"))
    seen: dict[int, ChatReply] = {}
    replies = ask_many(to(server), [ask(str(i)) for i in range(60)], lambda index, reply: seen.update({index: reply}))
    assert [seen[i] for i in range(60)] == replies


@pytest.mark.parametrize("fault", ["408", "429", "500", "503", "drop", "cut", "hang"])
def test_what_can_pass_is_tried_again(loopback: Start, fault: Any) -> None:
    server = loopback(answer=echo, faults=first(2, fault))
    reply = one(server, timeout=0.3 if fault == "hang" else 5)
    assert (reply.text, reply.attempts, reply.error) == ("回声：你好", 3, None)


@pytest.mark.parametrize(
    "fault",
    [
        "400",
        "401",
        "404",
        "redirect",
        "garbage",
        "half_json",
        "nested",
        "no_choices",
        "null_content",
        "empty",
        "huge",
        "content_filter",
    ],
)
def test_what_cannot_pass_is_an_error_of_the_item_at_once(loopback: Start, fault: Any) -> None:
    server = loopback(faults=marked)
    reply = one(server, f"FAULT:{fault}")
    assert reply.error
    assert "\n" not in reply.error
    assert len(server.requests) == 1


def test_a_broken_content_encoding_is_an_error_of_the_item(loopback: Start) -> None:
    reply = one(loopback(faults=marked), "FAULT:bad_gzip", max_retries=1)
    assert reply.text is None
    assert reply.error


def test_one_failing_item_does_not_touch_the_others(loopback: Start) -> None:
    server = loopback(answer=echo, faults=marked)
    texts = ["甲", "FAULT:400", "FAULT:500", "FAULT:garbage", "FAULT:content_filter", "乙"]
    replies = ask_many(to(server, max_retries=2), [ask(text) for text in texts])
    assert [reply.error is None for reply in replies] == [True, False, False, False, False, True]
    assert replies[2].attempts == 3


def test_a_filtered_request_says_so(loopback: Start) -> None:
    reply = one(loopback(faults=marked), "FAULT:content_filter")
    assert (reply.text, reply.finish_reason, reply.status) == (None, FinishReason.FILTERED, 400)


def test_a_filtered_reply_says_so(loopback: Start) -> None:
    assert one(loopback(faults=marked), "FAULT:filtered_reply").finish_reason is FinishReason.FILTERED


def test_a_reply_cut_by_length_is_a_reply(loopback: Start) -> None:
    reply = one(loopback(faults=marked), "FAULT:length")
    assert (reply.text, reply.finish_reason, reply.error) == ("说到一半", FinishReason.LENGTH, None)


def test_retry_after_is_obeyed_by_all_workers(loopback: Start) -> None:
    server = loopback(answer=echo, faults=first(1, "429"), retry_after="0.4")
    begun = time.monotonic()
    replies = ask_many(to(server, concurrency=4), [ask(str(i)) for i in range(4)])
    assert time.monotonic() - begun >= 0.4
    assert all(reply.error is None for reply in replies)


def test_a_rate_limited_run_loses_nothing(loopback: Start) -> None:
    server = loopback(answer=echo, faults=at_rate(0.2, "429", "500", "drop"), retry_after="0.01")
    replies = ask_many(to(server, concurrency=16), [ask(str(i)) for i in range(200)])
    assert [reply.text for reply in replies] == [f"回声：{i}" for i in range(200)]


def test_a_dead_endpoint_fails_fast(closed_port: int) -> None:
    endpoint = Endpoint(base_url=f"http://127.0.0.1:{closed_port}", model="judge", concurrency=8)
    replies = ask_many(endpoint, [ask(str(i)) for i in range(3000)])
    assert all("gave up on the endpoint" in (reply.error or "") for reply in replies[100:])
    assert sum(reply.attempts for reply in replies) <= 3 * 8 + 8


def test_an_endpoint_that_turns_everybody_away_fails_fast(loopback: Start) -> None:
    server = loopback(faults=lambda body, seen: "401")
    replies = ask_many(to(server, concurrency=4), [ask(str(i)) for i in range(500)])
    assert len(server.requests) <= 4 * 3 + 4
    assert "HTTP 401" in (replies[-1].error or "")


def test_a_server_that_only_fails_is_given_up_when_patience_ends(loopback: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.endpoint.PATIENCE", 0.2)
    server = loopback(latency=0.02, faults=lambda body, seen: "500")
    replies = ask_many(to(server, concurrency=4, max_retries=2), [ask(str(i)) for i in range(1000)])
    assert len(server.requests) < 200
    assert "gave up on the endpoint" in (replies[-1].error or "")


def test_an_endpoint_that_dies_in_the_middle_keeps_what_it_said(loopback: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.endpoint.PATIENCE", 0.2)
    server = loopback(
        answer=echo, latency=0.01, faults=lambda body, seen: "drop" if int(body["messages"][0]["content"]) > 50 else None
    )
    replies = ask_many(to(server, concurrency=4, max_retries=2), [ask(str(i)) for i in range(1000)])
    assert [reply.error is None for reply in replies] == [i <= 50 for i in range(1000)]
    assert len(server.requests) < 400


def test_a_server_that_lived_once_is_not_given_up_for_some_failures(loopback: Start) -> None:
    server = loopback(
        answer=echo, faults=lambda body, seen: "drop" if seen < 4 and "0" not in body["messages"][-1]["content"] else None
    )
    replies = ask_many(to(server, concurrency=2), [ask(str(i)) for i in range(10)])
    assert all(reply.error is None for reply in replies)


def test_the_same_client_works_inside_a_running_loop(loopback: Start) -> None:
    server = loopback(answer=echo)

    async def notebook() -> list[ChatReply]:
        return ask_many(to(server), [ask("甲"), ask("乙")])

    assert [reply.text for reply in asyncio.run(notebook())] == ["回声：甲", "回声：乙"]


@pytest.mark.parametrize("in_loop", [False, True])
def test_what_on_reply_raises_ends_the_run(loopback: Start, in_loop: bool) -> None:
    server = loopback(latency=0.01)

    def full(index: int, reply: ChatReply) -> None:
        raise OSError("disk full")

    async def notebook() -> None:
        ask_many(to(server, concurrency=2), [ask(str(i)) for i in range(100)], full)

    with pytest.raises(OSError, match="disk full"):
        asyncio.run(notebook()) if in_loop else ask_many(to(server, concurrency=2), [ask(str(i)) for i in range(100)], full)
    assert len(server.requests) < 20


INTERRUPTED = """
import asyncio, signal, sys
from harness.endpoint import ChatRequest, Endpoint, ask_many
from harness.schema import Message
def work():
    requests = [ChatRequest((Message(role="user", content=str(i)),)) for i in range(1000)]
    try:
        endpoint = Endpoint(base_url=sys.argv[1], model="m", concurrency=2)
        ask_many(endpoint, requests, lambda index, reply: print(index, flush=True))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
async def notebook():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # as a notebook kernel has it; asyncio.run's own only sets a flag
    work()
asyncio.run(notebook()) if sys.argv[2] == "loop" else work()
"""


@pytest.mark.parametrize("where", ["plain", "loop"])
def test_an_interrupt_cancels_what_is_in_flight_and_keeps_what_came(loopback: Start, where: str) -> None:
    server = loopback(answer=echo, latency=0.05)
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, server.base_url, where],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    ) as process:
        assert process.stdout
        delivered = [process.stdout.readline() for _ in range(6)]
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
    assert len(delivered) == 6
    assert rest.splitlines()[-1] == "interrupted"
    assert len(server.requests) < 100


@pytest.mark.parametrize("name", ["seed", "response_format", "temperature"])
def test_a_refused_parameter_is_left_out_from_then_on(loopback: Start, name: str, caplog: pytest.LogCaptureFixture) -> None:
    server = loopback(answer=echo, rejects=[name])
    endpoint = to(server, concurrency=1)
    requests = [
        ChatRequest((Message(role="user", content=str(i)),), {"seed": 1, "temperature": 0}, {"type": "json_object"})
        for i in range(3)
    ]
    replies = ask_many(endpoint, requests) + ask_many(endpoint, requests)
    assert all(reply.error is None and reply.attempts == 1 for reply in replies)
    assert sum(name in body for body in server.requests) == 1
    assert endpoint.left_out == {name: None}
    assert name in caplog.text


def test_max_tokens_goes_by_its_other_name_where_the_server_wants_that(loopback: Start) -> None:
    server = loopback(answer=echo, rejects=["max_tokens"])
    reply = ask_many(to(server), [ask("甲", max_tokens=7)])[0]
    assert reply.error is None
    assert server.requests[-1]["max_completion_tokens"] == 7


def test_a_server_that_refuses_both_names_is_not_asked_for_ever(loopback: Start) -> None:
    server = loopback(answer=echo, rejects=["max_tokens", "max_completion_tokens"])
    assert ask_many(to(server), [ask("甲", max_tokens=7)])[0].error is None
    assert len(server.requests) == 3


def test_an_empty_stop_and_absent_values_are_not_sent(loopback: Start) -> None:
    server = loopback(answer=echo)
    ask_many(to(server), [ask("甲", stop=[], seed=None, temperature=0)])
    assert set(server.requests[0]) == {"model", "messages", "temperature"}


def test_a_size_complaint_is_no_refusal_of_the_parameter() -> None:
    body = b'{"error": {"message": "\'max_tokens\' is too large: 9000. This model does not support more than 4096."}}'
    assert refused_parameter(body, {"max_tokens": 9000}) is None


def test_a_parameter_that_was_not_sent_is_not_the_culprit() -> None:
    assert refused_parameter(b'{"error": {"message": "Unsupported parameter: seed"}}', {"temperature": 0}) is None


def test_validation_lists_of_servers_are_understood() -> None:
    body = b'{"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}'
    assert refused_parameter(body, {"seed": 1}) == "seed"


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"code": "content_filter", "message": "x"}}',
        '{"error": {"message": "Content Exists Risk"}}',
        '{"error": {"code": "data_inspection_failed", "message": "Input data may contain inappropriate content."}}',
        '{"error": {"message": "输入包含敏感内容"}}',
        "content_filter",
    ],
)
def test_content_filters_are_recognised_in_their_various_words(body: str) -> None:
    assert is_filtered(body.encode())


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    assert read_reply(body).error is not None
    error_of(body)
    is_filtered(body)
    refused_parameter(body, {"seed": 1})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda x: st.lists(x) | st.dictionaries(st.text(max_size=3), x),
)


@given(JSON, JSON, JSON)
def test_no_shape_of_a_reply_breaks_the_reader(content: Any, reason: Any, usage: Any) -> None:
    import json

    body = json.dumps({"choices": [{"message": {"content": content}, "finish_reason": reason}], "usage": usage})
    reply = read_reply(body.encode())
    assert (reply.error is None) == bool(reply.text and reply.text.strip())


def test_lone_surrogates_in_a_reply_can_be_written_to_a_file() -> None:
    reply = read_reply(b'{"choices": [{"message": {"content": "half \\ud83d of it"}}]}')
    assert (reply.text or "").encode() == b"half ? of it"


def test_a_body_over_the_limit_is_an_error() -> None:
    assert "more than" in (read_reply(b"x" * (MAX_BODY + 1)).error or "")


def test_content_in_parts_is_joined() -> None:
    body = b'{"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}]}'
    assert read_reply(body).text == "ab"


def test_an_error_object_with_status_200_is_an_error() -> None:
    assert read_reply(b'{"error": {"message": "model is loading"}}').error == "model is loading"


@pytest.mark.parametrize(
    ("header", "seconds"), [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("nan", None), ("inf", None), ("soon", None), (None, None)]
)
def test_retry_after_in_seconds(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_retry_after_as_a_date() -> None:
    assert retry_after(formatdate(time.time() + 30, usegmt=True)) == pytest.approx(30, abs=3)
    assert retry_after(formatdate(time.time() - 30, usegmt=True)) == 0


def test_a_long_retry_after_is_capped(loopback: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.endpoint.MAX_WAIT", 0.2)
    server = loopback(answer=echo, faults=first(1, "429"), retry_after="86400")
    assert one(server).error is None


def test_the_key_is_sent_and_shown_nowhere(
    loopback: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    server = loopback(
        answer=lambda body: "ok", faults=lambda body, seen: "401" if "x" in body["messages"][0]["content"] else None
    )
    monkeypatch.setenv("HARNESS_JUDGE_API_KEY", KEY)
    endpoint = resolve("judge", role="judge", base_url=server.base_url)
    ask_many(endpoint, [ask("ok"), ask("x")])
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    shown = [repr(endpoint), str(endpoint), endpoint.model_dump_json(), str(endpoint.model_dump()), caplog.text]
    assert not any(KEY in text for text in shown)


def test_a_key_that_the_server_quotes_is_masked(loopback: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "made")
    server = loopback(faults=lambda body, seen: "400")
    reply = ask_many(resolve("judge", role="model", base_url=server.base_url), [ask("x")])[0]
    assert reply.error == "HTTP 400: *** to fail with 400"


def test_without_a_key_no_authorization_is_sent(loopback: Start) -> None:
    server = loopback(answer=echo)
    one(server)
    assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize(
    "url",
    [
        "http://h:1",
        "http://h:1/",
        "http://h:1/v1",
        "http://h:1/v1/",
        "http://h:1/v1/chat/completions",
        " http://h:1/v1/chat/completions/ ",
    ],
)
def test_all_spellings_of_an_address_are_one(url: str) -> None:
    assert Endpoint(base_url=url, model="m").base_url == "http://h:1/v1"


def test_other_versions_in_the_path_are_kept() -> None:
    assert Endpoint(base_url="https://h/api/paas/v4/", model="m").base_url == "https://h/api/paas/v4"


def test_a_judge_never_reads_the_address_of_the_model_under_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_MODEL_BASE_URL", "http://tested:1")
    monkeypatch.setenv("HARNESS_MODEL_API_KEY", KEY)
    with pytest.raises(JudgeError, match="HARNESS_JUDGE_BASE_URL"):
        resolve("j", role="judge")


def test_own_settings_win_over_the_common_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://common:1")
    assert resolve("m", role="model").host == "common:1"
    monkeypatch.setenv("HARNESS_MODEL_BASE_URL", "http://own:1")
    assert resolve("m", role="model").host == "own:1"
    assert resolve("m", role="model", base_url="http://flag:1").host == "flag:1"


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://h/v1", "http://", f"http://user:{KEY}@h/v1", f"http://h/v1?api-key={KEY}", "http://[::1"]
)
def test_a_bad_address_is_a_one_line_error_without_secrets(url: str) -> None:
    with pytest.raises(ModelError) as caught:
        resolve("m", role="model", base_url=url)
    assert "\n" not in str(caught.value)
    assert KEY not in str(caught.value)


def test_an_empty_model_name_is_an_error() -> None:
    with pytest.raises(JudgeError, match="model name"):
        resolve(" ", role="judge", base_url="http://h")


def test_asking_nothing_needs_no_server() -> None:
    assert ask_many(Endpoint(base_url="http://nowhere.invalid", model="m"), []) == []


def test_the_fake_server_speaks_the_protocol_of_the_real_client(loopback: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    openai = pytest.importorskip("openai")
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    server = loopback(answer=echo, faults=marked)
    with openai.OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        reply = client.chat.completions.create(model="judge", messages=[{"role": "user", "content": "你好"}])
        assert (reply.choices[0].message.content, reply.usage.total_tokens) == ("回声：你好", 7)
        assert [model.id for model in client.models.list()] == ["judge"]
        with pytest.raises(openai.RateLimitError):
            client.chat.completions.create(model="judge", messages=[{"role": "user", "content": "FAULT:429"}])
