"""Who answers: `hf` and `vllm` through lm-eval's own models, any OpenAI-compatible endpoint, or a replay of stored answers.

A backend turns lm-eval requests into Responses and delivers each as soon as it exists; storing, resuming and progress are
`StoredLM`'s. lm-eval's chat model aborts a whole run on one permanently failing request (a content filter's 400), so
endpoints are asked through `harness.endpoint` instead.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.models.api_models import JsonChatStr

from harness.endpoint import ChatReply, ChatRequest, Endpoint, ask_many
from harness.errors import DataError, ModelError
from harness.lm.datasets import sample_behind
from harness.runs import find_run, read_samples
from harness.schema import FinishReason, Message, ModelRef, Response

Deliver = Callable[[int, Response], None]

MAX_GEN_TOKS = 1024
VLLM_UNIT = 512
"""Requests in one call of vLLM: enough to keep it busy, few enough to lose little when killed."""
VLLM_ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",
    "VLLM_HOST_IP": "127.0.0.1",
    "VLLM_NO_USAGE_STATS": "1",
}
"""Set unless the user has: one process (worker processes survive a `kill -9` of ours, and it starts in 18 s instead of 44), logs
away from `--json`, nothing but loopback. Several GPUs need the worker processes."""
MAX_STOPS = 4
"""Stop sequences that OpenAI-compatible servers take."""
LOST = "not among the replayed responses"


class Backend(Protocol):
    """What StoredLM needs of a backend."""

    lm: LM
    """Renders chat templates; for `hf` and `vllm` it also answers."""
    unit: int | None
    """Requests generated together, all or none (a batch changes the last bits of its members); None if they are independent."""
    stored: bool
    """Whether answers belong into the response store."""

    def generate(self, requests: Sequence[Instance], deliver: Deliver) -> None:
        """Answer `generate_until` requests, delivering each by its index."""

    def loglikelihood(self, requests: Sequence[Instance], deliver: Deliver) -> None:
        """Answer `loglikelihood` requests; the text of each Response is JSON `[log-likelihood, is_greedy]`."""

    def rolling(self, requests: Sequence[Instance], deliver: Deliver) -> None:
        """Answer `loglikelihood_rolling` requests; the text of each Response is the log-likelihood as JSON."""

    def prompt(self, request: Instance) -> str | tuple[Message, ...]:
        """What is shown as the prompt of a request."""


def rendered(request: Instance) -> str | tuple[Message, ...]:
    """The request's own prompt: text, or the messages of a chat endpoint."""
    context = request.args[0]
    if isinstance(context, JsonChatStr):
        return tuple(Message.model_validate({k: m[k] for k in ("role", "content")}) for m in json.loads(context.prompt))
    return str(context)


class LocalBackend:
    """An lm-eval model in this process: `hf` or `vllm`."""

    stored = True

    def __init__(self, lm: LM, unit: int) -> None:
        self.lm = lm
        self.unit: int | None = unit

    def generate(self, requests: Sequence[Instance], deliver: Deliver) -> None:
        """One call of the model's `generate_until`; tokens are counted with its tokenizer."""
        room = int(getattr(self.lm, "max_length", 0) or 0)
        fitted = [_fitted(request, room) for request in requests]
        with _refusals(fitted[0]):
            texts = self.lm.generate_until(fitted, disable_tqdm=True)
        for i, (request, text) in enumerate(zip(fitted, texts, strict=True)):
            deliver(i, self._response(request, text, room))

    def loglikelihood(self, requests: Sequence[Instance], deliver: Deliver) -> None:
        """One call of the model's `loglikelihood`."""
        for i, (value, greedy) in enumerate(self.lm.loglikelihood(list(requests), disable_tqdm=True)):
            deliver(i, Response(text=json.dumps([float(value), bool(greedy)]), finish_reason=FinishReason.STOP))

    def rolling(self, requests: Sequence[Instance], deliver: Deliver) -> None:
        """One call of the model's `loglikelihood_rolling`."""
        for i, value in enumerate(self.lm.loglikelihood_rolling(list(requests), disable_tqdm=True)):
            deliver(i, Response(text=json.dumps(float(value)), finish_reason=FinishReason.STOP))

    def prompt(self, request: Instance) -> str | tuple[Message, ...]:
        """The rendered text."""
        return rendered(request)

    def _response(self, request: Instance, text: str, room: int) -> Response:
        asked = len(self.lm.tok_encode(request.args[0]))
        said = len(self.lm.tok_encode(text, add_special_tokens=False)) if text else 0
        limit = int(request.args[1]["max_gen_toks"])
        return Response(
            text=text,
            finish_reason=FinishReason.LENGTH if said >= limit else FinishReason.STOP,
            prompt_tokens=asked,
            completion_tokens=said,
            truncated_prompt=bool(room) and asked > room - limit,
        )


@contextmanager
def _refusals(request: Instance) -> Iterator[None]:
    """What a model says to settings it does not take, or to a batch too big for its memory, in one line."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ModelError(f"the model refuses the settings {request.args[1]}: {_brief(error)}") from error
    except RuntimeError as error:
        if "out of memory" not in str(error):
            raise
        raise ModelError(f"out of memory; try a smaller --batch-size ({_brief(error)})") from error


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _fitted(request: Instance, room: int) -> Instance:
    """The request with `max_gen_toks` cut to half the model's window: lm-eval dies if no room is left for the prompt.

    lm-eval's own tasks are left as they are wherever it would live, so that its numbers come out.
    """
    context, settings = request.args
    limit = int(settings.get("max_gen_toks", MAX_GEN_TOKS))
    own = not hasattr(request, "sample")
    limit = min(limit, room // 2) if room and (own or limit >= room) else limit
    meta = (request.task_name, request.doc_id, request.repeats)
    fitted = {**settings, "max_gen_toks": limit}
    return Instance("generate_until", request.doc, (context, fitted), request.idx, metadata=meta)


class ChatLM(LM):  # type: ignore[misc]  # lm-eval is untyped
    """The face an endpoint shows to lm-eval: messages stay messages, the server renders them."""

    tokenizer_name = "endpoint"

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> JsonChatStr:  # noqa: ARG002
        """The messages as lm-eval's JSON string type."""
        return JsonChatStr(json.dumps(chat_history, ensure_ascii=False))

    def generate_until(self, requests: list[Instance]) -> list[str]:  # noqa: ARG002
        """Not used: the backend answers."""
        raise ModelError("an endpoint is asked through its backend")

    loglikelihood = loglikelihood_rolling = generate_until


class ChatBackend:
    """Any OpenAI-compatible endpoint."""

    unit: int | None = None
    stored = True

    def __init__(self, endpoint: Endpoint, seed: int) -> None:
        self.lm: LM = ChatLM()
        self.endpoint = endpoint
        self._seed = seed

    def generate(self, requests: Sequence[Instance], deliver: Deliver) -> None:
        """Ask all, `concurrency` at a time; a request that fails for good is an error of that sample alone."""
        asked = [self._request(request) for request in requests]
        left_out = [stops(request.args[1])[MAX_STOPS:] for request in requests]
        ask_many(self.endpoint, asked, lambda i, reply: deliver(i, _cut(_from_reply(reply), left_out[i])))

    def loglikelihood(self, requests: Sequence[Instance], deliver: Deliver) -> None:  # noqa: ARG002
        """Chat endpoints give no prompt log-probabilities.

        Raises:
            ModelError: always.
        """
        raise no_likelihoods([requests[0].task_name])

    rolling = loglikelihood

    def prompt(self, request: Instance) -> str | tuple[Message, ...]:
        """The message list."""
        return rendered(request)

    def _request(self, request: Instance) -> ChatRequest:
        context, settings = request.args
        messages = json.loads(context.prompt) if isinstance(context, JsonChatStr) else [{"role": "user", "content": str(context)}]
        params = {k: v for k, v in settings.items() if k not in {"do_sample", "until", "max_gen_toks"}}
        params.setdefault("temperature", 0)
        params |= {"max_tokens": int(settings.get("max_gen_toks", MAX_GEN_TOKS)), "seed": self._seed}
        if settings.get("until"):
            params["stop"] = stops(settings)[:MAX_STOPS]
        turns = [Message(role=m["role"], content=m["content"]) for m in messages]
        return ChatRequest(messages=turns, params=params)


def stops(settings: Mapping[str, Any]) -> list[str]:
    """Stop sequences of generation settings."""
    until = settings.get("until") or []
    return [until] if isinstance(until, str) else list(until)


def _cut(response: Response, left_out: Sequence[str]) -> Response:
    """The response up to the stop sequences that were not sent: servers take four."""
    text = response.text
    for stop in left_out:
        text = text.split(stop)[0] if text and stop else text
    return response if text == response.text else response.model_copy(update={"text": text, "finish_reason": FinishReason.STOP})


def no_likelihoods(tasks: Sequence[str]) -> ModelError:
    """What a chat endpoint says to tasks that compare log-likelihoods."""
    named = ", ".join(tasks[:5]) + (f" and {len(tasks) - 5} more" if len(tasks) > 5 else "")
    return ModelError(f"likelihood tasks ({named}) need --backend hf or vllm; a chat endpoint gives no log-likelihoods")


def _from_reply(reply: ChatReply) -> Response:
    return Response(
        text=reply.text,
        finish_reason=reply.finish_reason,
        prompt_tokens=reply.prompt_tokens,
        completion_tokens=reply.completion_tokens,
        error=reply.error,
    )


class ReplayBackend:
    """Answers that exist already: of a finished run, or somebody's JSONL."""

    unit: int | None = None
    stored = False

    def __init__(self, answers: dict[str, Response], prompts: dict[str, str | tuple[Message, ...]] | None = None) -> None:
        self.lm: LM = ChatLM()
        self._answers = answers
        self._prompts = prompts or {}

    def generate(self, requests: Sequence[Instance], deliver: Deliver) -> None:
        """Deliver the stored answer of each sample, or an error where there is none."""
        for i, request in enumerate(requests):
            deliver(i, self._find(request) or Response(text=None, finish_reason=FinishReason.ERROR, error=LOST))

    def loglikelihood(self, requests: Sequence[Instance], deliver: Deliver) -> None:
        """Deliver the stored log-likelihood of each option letter, or of each request of one of lm-eval's tasks."""
        for i, request in enumerate(requests):
            found = self._find(request)
            values = _json(found.text) if found and found.text else {}
            if hasattr(request, "sample"):
                deliver(i, _stored(values, request.idx))
                continue
            letter = request.doc["choices"][request.idx]
            value = values.get(letter, float("-inf")) if isinstance(values, dict) else float("-inf")
            deliver(i, Response(text=json.dumps([value, False]), finish_reason=FinishReason.STOP))

    def rolling(self, requests: Sequence[Instance], deliver: Deliver) -> None:
        """Deliver the stored log-likelihood of each text."""
        for i, request in enumerate(requests):
            found = self._find(request)
            deliver(i, _stored(_json(found.text) if found and found.text else None, request.idx))

    def prompt(self, request: Instance) -> str | tuple[Message, ...]:
        """The prompt the answer was given to, where it is known."""
        sample = sample_behind(request)
        names = (f"{request.task_name}/{sample.id}/{sample.hash}", f"{request.task_name}/{sample.hash}")
        return next((self._prompts[name] for name in names if name in self._prompts), None) or rendered(request)

    def _find(self, request: Instance) -> Response | None:
        sample, task = sample_behind(request), request.task_name
        names = (
            *(f"{task}/{sample.id}/{sample.hash}", f"{task}/{sample.hash}", f"{task}/{sample.id}"),
            *(sample.hash, f"?{sample.question}"),
        )
        return next((self._answers[name] for name in names if name in self._answers), None)


def _stored(values: Any, number: int) -> Response:
    """One of the log-likelihoods that a run has kept for a document."""
    if isinstance(values, list) and number < len(values):
        return Response(text=json.dumps(values[number]), finish_reason=FinishReason.STOP)
    return Response(text=None, finish_reason=FinishReason.ERROR, error=LOST)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def replay_run(folder: Path) -> ReplayBackend:
    """Answers of a finished run, joined by task and content hash."""
    answers: dict[str, Response] = {}
    prompts: dict[str, str | tuple[Message, ...]] = {}
    for result in read_samples(folder):
        for name in (f"{result.task}/{result.sample.hash}", f"{result.task}/{result.sample.id}/{result.sample.hash}"):
            answers[name], prompts[name] = result.response, result.prompt
    return ReplayBackend(answers, prompts)


def replay_file(path: Path) -> ReplayBackend:
    """Answers from JSONL: `response` and one of `hash`, `question`, or `task` and `id`.

    Raises:
        DataError: The file cannot be read or a line is not such an object.
    """
    answers: dict[str, Response] = {}
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error})", file=path) from None
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            name, response = _replayed(path, number, line)
            answers[name] = response
    return ReplayBackend(answers)


def _replayed(path: Path, number: int, line: str) -> tuple[str, Response]:
    try:
        row = json.loads(line)
        response = Response(text=str(row["response"]), finish_reason=FinishReason.UNKNOWN)
        if "hash" in row:
            return str(row["hash"]), response
        if "question" in row:
            return f"?{str(row['question']).strip()}", response
        return f"{row['task']}/{row['id']}", response
    except (ValueError, KeyError, TypeError) as error:
        what = f"missing {error}" if isinstance(error, KeyError) else str(error)
        need = "'response' and one of 'hash', 'question', or 'task' and 'id'"
        raise DataError(f"not a replayable answer ({what}); each line needs {need}", file=path, line=number) from None


def open_backend(ref: ModelRef, *, batch_size: int | None, concurrency: int, seed: int, runs: Path) -> Backend:
    """Load or connect the model.

    Raises:
        ModelError: It cannot be loaded; the reason stands in one line.
    """
    if ref.backend == "openai":
        from harness.endpoint import resolve

        name = str(ref.args.get("model", ref.name))
        return ChatBackend(resolve(name, role="model", base_url=ref.source, concurrency=concurrency), seed)
    if ref.backend == "replay":
        path = Path(ref.source)
        if path.is_file():
            return replay_file(path)
        return replay_run(find_run(ref.source, runs))
    return _open_local(ref, batch_size)


def _open_local(ref: ModelRef, batch_size: int | None) -> Backend:
    args: dict[str, Any] = {"pretrained": ref.source, **ref.args}
    try:
        if ref.backend == "vllm":
            return _open_vllm(args, batch_size or VLLM_UNIT)
        import torch
        from lm_eval.models.huggingface import HFLM
        from transformers.utils import logging

        logging.disable_progress_bar()
        args.setdefault("device", "cuda" if torch.cuda.is_available() else "cpu")
        size = batch_size or 16
        return LocalBackend(HFLM(batch_size=size, **args), unit=size)
    except ImportError as error:
        raise ModelError(f"backend '{ref.backend}' needs pip install 'culture-harness[{ref.backend}]' ({error})") from None
    except (OSError, ValueError, RuntimeError, AssertionError, TypeError, AttributeError) as error:
        raise ModelError(f"model '{ref.name}' cannot be loaded from {ref.source}: {_brief(error)}") from error


def _open_vllm(args: dict[str, Any], batch_size: int) -> Backend:
    """`batch_size` is a number because lm-eval's "auto" divides by zero under TQDM_DISABLE."""
    alone = int(args.get("tensor_parallel_size", 1)) * int(args.get("data_parallel_size", 1)) == 1
    for name, value in VLLM_ENVIRONMENT.items():
        if alone or name != "VLLM_ENABLE_V1_MULTIPROCESSING":
            os.environ.setdefault(name, value)
    from lm_eval.models.vllm_causallms import VLLM

    return LocalBackend(VLLM(batch_size=batch_size, **args), unit=VLLM_UNIT)
