"""Topics or references × model -> DataSet: dialogues that a model writes, marked as such, checked like any other row."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from harness import culture as cultures
from harness.curating import pipeline as pipelines
from harness.errors import UsageError
from harness.lm.store import ResponseStore
from harness.refining import filters, generating, grounded, storing, tokens, topics
from harness.refining.asking import TRIES
from harness.refining.dialogues import DONE, Talk, converse, talk_on
from harness.refining.generating import Made, Written
from harness.refining.guidance import Guidance
from harness.refining.guidance import load as load_guidance
from harness.refining.topics import Topics
from harness.refining.writing import Watch, Writer, endpoint_of, store_path, together
from harness.schema import Culture, Forecast, Generation, RequestCounts

__all__ = ["Asked", "generate"]

Kind = Literal["multiturn", "grounded"]
COVERAGE: Final = 0.99
"""Share of the dialogues that must have ended before the data set is finished."""
QUESTION: Final = 256
"""Tokens of what the user's side says, at most."""
_REPLY, _QUESTION = 250, 30
"""Tokens that a forecast takes an answer and a question for."""


@dataclass(frozen=True)
class Asked:
    """All that is asked."""

    kind: Kind
    source: Path
    """Topics, a data set, or references."""
    licence: str
    """Of what the model writes: its makers' terms, as an SPDX name or in a few words."""
    model: str | None = None
    """`openai:MODEL` or `URL#MODEL`: writes both sides."""
    assistant: str | None = None
    """Writes the assistant's side instead."""
    culture: str | None = None
    """By default that of the data set, else `zh_cn`."""
    turns: int = 4
    rows: int | None = None
    """Dialogues; None: one a topic."""
    name: str = ""
    """Of the source that rows name."""
    pipeline: str | None = None
    """Whose row steps check the rows; by default those of the data set that topics come from."""
    guidance: Path | None = None
    drop_unanswered: bool = False
    seed: int = 1234
    tries: int = TRIES
    temperature: float = 0.8
    max_tokens: int = 2048
    concurrency: int = 32
    timeout: float = 180.0
    retries: int = 5
    """Further attempts at a request that failed."""

    @property
    def settings(self) -> list[Any]:
        """All that decides the rows, beside the topics and the replies."""
        told = [self.kind, self.model, self.assistant, self.turns, self.rows, self.pipeline]
        return [*told, self.drop_unanswered, self.seed, self.tries, self.temperature, self.max_tokens]

    @property
    def made_by(self) -> str:
        """For the manifest."""
        who = f"{self.model} + {self.assistant}" if self.assistant else str(self.model)
        return f"generate {self.kind} {who}"


@dataclass(frozen=True)
class _Job:
    asked: Asked
    out: Path
    read: Topics
    culture: Culture
    guidance: Guidance
    talks: list[Talk]
    made: Made


def generate(out: Path, asked: Asked, *, dry_run: bool = False, watch: Watch | None = None) -> Generation:
    """Write dialogues, check them, and store them as a data set.

    Args:
        out: its folder; may hold the same one, finished or not.
        asked: what, by whom, how.
        dry_run: count what would be asked; nothing is asked and nothing written.
        watch: called with (replies, requests) of each round.

    Returns:
        What was done. Its `dataset` is None of a dry run, and where fewer than 99% of the dialogues have ended because an
        endpoint gave no reply: then the same call goes on, from the reply at which each of them stopped.

    Raises:
        HarnessError: with one line that says what to mend. Replies so far are kept.
    """
    job = _prepare(out, asked)
    if dry_run:
        return _report(job, Written(), RequestCounts()).model_copy(update={"forecast": _forecast(job)})
    if asked.model is None:
        raise UsageError("say which model writes: --with openai:MODEL")
    for spec in filter(None, (asked.model, asked.assistant)):
        endpoint_of(spec)
    with storing.holding(out, asked.made_by, job.read.parent), tempfile.TemporaryDirectory() as scratch:
        storing.check_same(out, job.read.source.sha256, _settings(job))
        return _generate(job, _filters(job, Path(scratch)), watch)


def _generate(job: _Job, checks: filters.Filters, watch: Watch | None) -> Generation:
    written = Written()
    talks = generating.clean_topics(job.talks, checks, job.made, written)
    spent = _write(job, talks, watch)
    generating.gather(talks, checks, job.made, written)
    report = _report(job, written, spent)
    if report.coverage < COVERAGE and not job.asked.drop_unanswered:
        return report
    made = generating.finish(job.out, job.read, len(job.talks), written, checks, job.made, job.asked.made_by, _settings(job))
    return report.model_copy(update={"dataset": made})


def _settings(job: _Job) -> list[Any]:
    """All that decides the rows, beside the topics and the replies."""
    return [*job.asked.settings, dict(job.guidance.sections)]


def _prepare(out: Path, asked: Asked) -> _Job:
    if out.resolve() == asked.source.resolve():
        raise UsageError("a data set is never changed; give another folder for the new one (--out)")
    if not asked.licence.strip():
        raise UsageError("say under which terms the model's outputs are: --licence TERMS")
    name = asked.name or asked.kind
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        raise UsageError(f"a source is named with letters, digits, '_', '.' and '-', not '{name}' (--name)")
    read = topics.read_references if asked.kind == "grounded" else topics.read_topics
    found = read(asked.source, name, asked.licence)
    culture = cultures.load(asked.culture or found.culture or "zh_cn")
    drawn = topics.drawn(found.topics, asked.rows, shuffled=found.parent is not None, seed=asked.seed)
    talks = [talk_on(topic, copy, asked.seed) for topic, copy in drawn]
    made = Made(name, asked.licence, f"generated:{_names(asked)}", culture, asked.kind == "grounded")
    return _Job(asked, out, found, culture, load_guidance(culture, asked.kind, asked.guidance), talks, made)


def _names(asked: Asked) -> str:
    """`gpt-x`, or `gpt-x+other` where two models wrote."""
    specs = [spec for spec in (asked.model, asked.assistant) if spec]
    return "+".join(spec.rpartition("#")[2].removeprefix("openai:") for spec in specs)


def _filters(job: _Job, scratch: Path) -> filters.Filters:
    if job.asked.pipeline is not None:
        return filters.of_pipeline(pipelines.load(job.asked.pipeline), job.culture, scratch)
    return filters.of_manifest(job.read.pipeline, job.culture, scratch)


def _write(job: _Job, talks: Sequence[Talk], watch: Watch | None) -> RequestCounts:
    asked, store = job.asked, ResponseStore(store_path())
    try:
        assistant = _writer(asked, asked.assistant or asked.model or "", store, asked.max_tokens)
        told: Callable[..., None]
        if asked.kind == "grounded":
            writers, told = [assistant], partial(grounded.tell, talks, assistant)
        else:
            user = _writer(asked, asked.model or "", store, min(QUESTION, asked.max_tokens))
            writers, told = [user, assistant], partial(converse, talks, user, assistant)
        told(job.guidance, turns=asked.turns, tries=asked.tries, watch=watch)
        return together(writers)
    finally:
        store.close()


def _writer(asked: Asked, spec: str, store: ResponseStore, max_tokens: int) -> Writer:
    params = {"temperature": asked.temperature, "max_tokens": max_tokens}
    endpoint = endpoint_of(spec, concurrency=asked.concurrency, timeout=asked.timeout, max_retries=asked.retries)
    return Writer(endpoint, store, params)


def _forecast(job: _Job) -> Forecast:
    asked, n = job.asked, len(job.talks)
    if asked.kind == "grounded":
        requests = [grounded.request(talk, job.guidance, asked.turns) for talk in job.talks]
        answered = n * asked.turns * (_REPLY // 2 + _QUESTION)
        prompts = tokens.prompt_tokens(requests)
        return Forecast(
            requests=n, prompt_tokens=prompts, completion_tokens=answered, completion_tokens_most=n * asked.max_tokens
        )
    openings = sum(tokens.tokens(talk.topic.text) for talk in job.talks)
    answers, questions = asked.turns, asked.turns - 1
    said = (
        tokens.tokens(job.guidance.fill("user", done=DONE)) * questions + tokens.tokens(job.guidance.fill("assistant")) * answers
    )
    turn = _REPLY + _QUESTION
    earlier = sum(turn * at for at in range(answers)) + sum(turn * at + _REPLY for at in range(questions))
    return Forecast(
        requests=n * (answers + questions),
        prompt_tokens=openings * (answers + questions) + n * (said + earlier),
        completion_tokens=n * (_REPLY * answers + _QUESTION * questions),
        completion_tokens_most=n * (asked.max_tokens * answers + min(QUESTION, asked.max_tokens) * questions),
    )


def _report(job: _Job, written: Written, spent: RequestCounts) -> Generation:
    ends = Counter(talk.ended for talk in job.talks if talk.ended)
    waiting = Counter(talk.waiting for talk in job.talks if talk.waiting)
    return Generation(
        kind=job.asked.kind,
        folder=str(job.out),
        models=tuple(spec for spec in (job.asked.model, job.asked.assistant) if spec),
        topics=job.read.source.records,
        dialogues=len(job.talks),
        written=len(written.rows),
        replies=sum(turn.role == "assistant" for row in written.rows for turn in row.messages),
        flagged=sum(bool(row.flags) for row in written.rows),
        ends=dict(sorted(ends.items())),
        dropped=dict(sorted((Counter(job.read.dropped) + Counter(written.why())).items())),
        waiting=dict(sorted(waiting.items())),
        requests=spent,
    )
