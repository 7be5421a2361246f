"""The model as lm-eval sees it: any backend behind the response store.

A resumed run must equal one in one go, and a batch changes the last bits of its members. So for backends that batch, the batches
are cut from the *whole* sorted list, the same way every time, and one that lacks any member is generated whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM

from harness.lm.backends import Backend, ChatBackend
from harness.lm.store import ResponseStore, request_key
from harness.schema import Message, Response

Progress = Callable[[int, int], None]

_METHODS: Final = {"generate_until": "generate", "loglikelihood": "loglikelihood", "loglikelihood_rolling": "rolling"}
"""lm-eval's kind of request -> method of a backend."""


class StoredLM(LM):  # type: ignore[misc]  # lm-eval is untyped
    """Answers from the store where it can, from the backend where it must."""

    def __init__(
        self,
        backend: Backend,
        store: ResponseStore | None,
        fingerprint: str,
        *,
        fresh: bool = False,
        progress: Progress | None = None,
    ) -> None:
        super().__init__()
        self._backend = backend
        self._store = store if backend.stored else None
        self._fingerprint = fingerprint
        self._fresh = fresh
        self._progress = progress
        self.generated = 0
        """Requests answered by the backend in this process."""
        self.responses: dict[tuple[str, int, int], Response] = {}
        """(task, sample index, request index) -> Response."""
        self.prompts: dict[tuple[str, int], str | tuple[Message, ...]] = {}
        """(task, sample index) -> prompt as sent, of several the first."""

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = False) -> list[str | None]:  # noqa: ARG002
        """The text of each response; None where there is none."""
        return [response.text for response in self._answer("generate_until", requests)]

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = False) -> list[tuple[float, bool] | None]:  # noqa: ARG002
        """(log-likelihood, is greedy) of each continuation; None where there is none."""
        return [_pair(response) for response in self._answer("loglikelihood", requests)]

    def loglikelihood_rolling(self, requests: list[Instance], disable_tqdm: bool = False) -> list[float | None]:  # noqa: ARG002
        """Log-likelihood of each whole text; None where there is none."""
        answers = self._answer("loglikelihood_rolling", requests)
        return [None if response.text is None else float(response.text) for response in answers]

    @property
    def gives_likelihoods(self) -> bool:
        """Whether tasks that compare log-likelihoods can be asked."""
        return not isinstance(self._backend, ChatBackend)

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> Any:
        """The backend's rendering."""
        return self._backend.lm.apply_chat_template(chat_history, add_generation_prompt=add_generation_prompt)

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The backend's template text."""
        text: str | None = self._backend.lm.chat_template(chat_template)
        return text

    @property
    def tokenizer_name(self) -> str:
        """The backend's tokenizer."""
        return str(self._backend.lm.tokenizer_name)

    def _answer(self, kind: str, requests: list[Instance]) -> list[Response]:
        keys = [request_key(self._fingerprint, kind, _plain(r.args)) for r in requests]
        first: dict[str, Instance] = {}
        for key, request in zip(keys, requests, strict=True):
            first.setdefault(key, request)
        have = self._store.get(keys) if self._store and not self._fresh else {}
        self._report(len(have), len(first))
        for unit in self._units(kind, first, have):
            self._ask(kind, unit, first, have)
        for key, request in zip(keys, requests, strict=True):
            self.responses[request.task_name, request.doc_id, request.idx] = have[key]
            self.prompts.setdefault((request.task_name, request.doc_id), self._backend.prompt(request))
        return [have[key] for key in keys]

    def _units(self, kind: str, first: dict[str, Instance], have: dict[str, Response]) -> Iterator[list[str]]:
        size = self._backend.unit
        if size is None:
            lacking = [key for key in first if key not in have]
            if lacking:
                yield lacking
            return
        order = sorted(
            first, key=lambda key: (str(first[key].args[1]) if kind == "generate_until" else "", -_length(first[key]), key)
        )
        for start in range(0, len(order), size):
            unit = order[start : start + size]
            if any(key not in have for key in unit):
                yield unit

    def _ask(self, kind: str, unit: Sequence[str], first: dict[str, Instance], have: dict[str, Response]) -> None:
        new: dict[str, Response] = {}

        def deliver(i: int, response: Response) -> None:
            if unit[i] in have:
                return
            new[unit[i]] = _storable(response)
            if self._backend.unit is None:
                self._keep({unit[i]: new[unit[i]]})
                self._report(len(have) + len(new), len(first))

        ask = getattr(self._backend, _METHODS[kind])
        ask([first[key] for key in unit], deliver)
        if self._backend.unit is not None:
            self._keep(new)
        self.generated += len(new)
        have.update(new)
        self._report(len(have), len(first))

    def _keep(self, new: dict[str, Response]) -> None:
        if self._store is not None:
            self._store.put(new)

    def _report(self, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(done, total)


def _storable(response: Response) -> Response:
    """Half a surrogate pair (a token cut in the middle of a character) is no text: it becomes U+FFFD."""
    if response.text is None or response.text.isascii():
        return response
    return response.model_copy(update={"text": response.text.encode("utf-8", "replace").decode("utf-8", "replace")})


def _pair(response: Response) -> tuple[float, bool] | None:
    if response.text is None:
        return None
    value, greedy = json.loads(response.text)
    return float(value), bool(greedy)


def _plain(args: Sequence[Any]) -> list[Any]:
    """Request arguments as JSON values (`JsonChatStr` is a named tuple)."""
    return [getattr(arg, "prompt", arg) for arg in args]


def _length(request: Instance) -> int:
    return len(str(getattr(request.args[0], "prompt", request.args[0])))
