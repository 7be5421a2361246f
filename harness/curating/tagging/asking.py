"""Subjects × rows × endpoint -> tags: a chat model says what a question is about.

It uses what judging uses: the same client pool, the same cache of what was paid for, and the same rules for failures. A reply
counts only as a JSON object with the row's own mark, so that no text of a row can speak for the model; a reply that is none is
asked for once more, and then the row stays without a tag.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from harness.curating.tagging.prompt import VERSION, ask_again, prompt
from harness.curating.tagging.subjects import NONE, Subject
from harness.curating.tagging.telling import Tag, asked
from harness.endpoint import Endpoint, ask_many
from harness.errors import JudgeError
from harness.folders import cache_dir
from harness.judging.cache import VerdictCache, verdict_key
from harness.schema import DataRow, FinishReason, Frozen, Verdict, VerdictState
from harness.wire import ChatReply, ChatRequest

PARAMS: Final = {"temperature": 0.0, "max_tokens": 1024}
UNTOLD: Final = "tag not judged"
"""Why a row has no tag that the model did not answer for."""
GAVE_UP: Final = "gave up on the endpoint"
"""How a reply begins that is none because the endpoint is down: no row is left without a tag for that."""
_LONGEST: Final = 32_000


class _Reply(Frozen):
    """What the model is to say."""

    id: str
    main: str
    second: str


def cache_file() -> Path:
    """Where answers are kept, whatever data set they were asked for."""
    return cache_dir() / "tags" / "answers.sqlite"


def response_format(names: Sequence[str]) -> dict[str, Any]:
    """The `response_format` of a request: one of the subjects (or none), and perhaps a second."""
    labels = [*names, NONE]
    properties = {
        "id": {"type": "string"},
        "main": {"type": "string", "enum": labels},
        "second": {"type": "string", "enum": labels},
    }
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"type": "json_schema", "json_schema": {"name": "tag", "strict": True, "schema": schema}}


@dataclass(frozen=True, slots=True)
class _Case:
    """One text to be asked about."""

    key: str
    nonce: str
    text: str


_Asked = tuple[_Case, ChatRequest]


class JudgeModel:
    """Asks a chat model about what neither people nor sources have tagged."""

    def __init__(self, endpoint: Endpoint, subjects: Mapping[str, Subject], cache: Path | None = None) -> None:
        self.endpoint, self.subjects = endpoint, subjects
        self.id = f"judge:{endpoint.model}"
        self._cache = cache or cache_file()
        self._format = response_format(tuple(subjects))

    @property
    def fingerprint(self) -> str:
        """All of it that can change an answer."""
        asked = json.dumps([VERSION, PARAMS, self._format, prompt(self.subjects, "", "0")[0].content], sort_keys=True)
        digest = hashlib.sha256(asked.encode()).hexdigest()[:16]
        return f"{self.id} {self.endpoint.host} {digest}"

    def tell(self, rows: Sequence[DataRow]) -> list[Tag | None]:
        """One tag a row; without areas, and with the reason, where there was no answer. Equal questions are asked once.

        Raises:
            JudgeError: the endpoint is down; what it has said so far is kept.
            DataError: the cache cannot be read or written.
        """
        cases = [self._case(asked(row)) for row in rows]
        open_ = {case.key: case for case in cases}
        with VerdictCache(self._cache) as cache:
            told = cache.get(list(open_))
            # What an older version of the subjects left behind is no answer.
            told = {key: verdict for key, verdict in told.items() if self._names(verdict) is not None}
            told |= self._ask([case for key, case in open_.items() if key not in told], cache)
        return [self._tag(told[case.key]) for case in cases]

    def _case(self, text: str) -> _Case:
        key = verdict_key(self.fingerprint, VERSION, text)
        nonce = key[:16]
        while nonce in text:
            nonce = hashlib.sha256(nonce.encode()).hexdigest()[:16]
        return _Case(key, nonce, text)

    def _ask(self, cases: Sequence[_Case], cache: VerdictCache) -> dict[str, Verdict]:
        """Two rounds at most: every answer is in the cache as soon as it is here."""
        told: dict[str, Verdict] = {}
        first = [(case, ChatRequest(prompt(self.subjects, case.text, case.nonce), PARAMS, self._format)) for case in cases]
        failed = self._round(first, told, cache)
        self._round(failed, told, cache)
        return told

    def _round(self, asked: Sequence[_Asked], told: dict[str, Verdict], cache: VerdictCache) -> list[_Asked]:
        """Ask; returns what is worth asking once more. What fails is told all the same: the second round puts it right."""
        failed: list[_Asked] = []

        def settle(index: int, reply: ChatReply) -> None:
            case, request = asked[index]
            if (reply.error or "").startswith(GAVE_UP):
                raise JudgeError(f"{reply.error}; what was answered is kept, and the same command goes on")
            told[case.key] = verdict = self._read(reply, case)
            cache.put(case.key, verdict)
            if verdict.state is not VerdictState.OK and reply.error is None:
                again = ask_again(request.messages, reply.text or "", verdict.reason, case.nonce)
                failed.append((case, ChatRequest(again, PARAMS, self._format)))

        ask_many(self.endpoint, [request for _, request in asked], settle)
        return failed

    def _read(self, reply: ChatReply, case: _Case) -> Verdict:
        """A verdict whose label is `main+second`, or why there is none."""
        if reply.error is not None:
            return self._unjudged(reply.error)
        found = {(one.main, one.second) for one in _objects(reply.text or "") if one.id == case.nonce}
        cut = reply.finish_reason is FinishReason.LENGTH
        if len(found) != 1:
            why = "the reply was cut off" if cut else "the reply holds no answer" if not found else "the reply holds two answers"
            return self._unjudged(why)
        main, second = found.pop()
        if not {main, second} <= {*self.subjects, NONE}:
            return self._unjudged("the reply names what was not offered")
        names = [name for name in dict.fromkeys((main, second)) if name != NONE]
        return Verdict(state=VerdictState.OK, label="+".join(names) or NONE, judge=self.id, rubric=VERSION)

    def _unjudged(self, why: str) -> Verdict:
        return Verdict(state=VerdictState.UNJUDGED, reason=why, judge=self.id, rubric=VERSION)

    def _names(self, verdict: Verdict) -> tuple[str, ...] | None:
        names = tuple(name for name in (verdict.label or "").split("+") if name != NONE)
        return names if set(names) <= self.subjects.keys() and verdict.state is VerdictState.OK else None

    def _tag(self, verdict: Verdict) -> Tag:
        names = self._names(verdict)
        if names is None:
            return Tag((), why=UNTOLD, doubt=0.5)
        return Tag(tuple(sorted({area for name in names for area in self.subjects[name].areas})), self.id)


@lru_cache(maxsize=1)
def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder()


def _objects(text: str) -> Iterator[_Reply]:
    """JSON objects of the right shape, wherever they stand; of a reply that is too long, none."""
    at = 0 if len(text) <= _LONGEST else len(text)
    for _ in range(64):
        if (at := text.find("{", at)) < 0 or at >= len(text):
            return
        try:
            value, at = _decoder().raw_decode(text, at)
            yield _Reply.model_validate(value)
        except (ValueError, RecursionError, ValidationError):
            at += 1
