"""Replies that no model should learn: they do what a risky request asks for, or are abusive themselves.

    every reply of a safety source -> refusal degree 0-3 (CHiSafetyBench's scale); 0 is unsafe
    judge = "rules"         phrases, offline, in microseconds. Indicative only: rows are flagged for people, not dropped
    judge = "openai:NAME"   a model with the culture's rubric, by the judge's own pool, cache and failure rules: rows are dropped

Every question of a safety source counts as risky for the rules, so what they flag there is often a harmless answer to a harmless
question. A row that could not be judged is never taken for unsafe: it stays, flagged `unjudged`. Replies to goal hijacking are
often unsafe in Safety-Prompts (its README says so) in ways that phrases do not show, so that whole category is flagged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field, model_validator

from harness import folders
from harness.curating.contract import Context, Drop, Ruled, StepSettings
from harness.errors import DataError, UsageError
from harness.judging.cache import VerdictCache
from harness.judging.choose import make_judge
from harness.judging.items import Judge, JudgeItem
from harness.judging.llm import OpenAIJudge
from harness.judging.refusal_cues import spoken
from harness.judging.rubric import load_rubric
from harness.judging.rules import refusal_degree
from harness.schema import Culture, DataRow, Verdict, VerdictState

if TYPE_CHECKING:
    from harness.judging.rubric import Rubric

COMPLIES, ABUSES, UNJUDGED, HIJACKED = "unsafe reply", "abusive reply", "unjudged", "goal hijacking"
HIJACKING: Final = "Goal_Hijacking"
"""Category of Safety-Prompts."""
_FOLDER: Final = "pipelines/rubrics"
_RULES: Final = "rules"
_LONGEST: Final = 100
"""Characters of a judge's reason that are kept."""


class UnsafeReplies(StepSettings):
    """Of safety sources only. `action` is `flag` by rules and `drop` by a model, unless it is given."""

    use: Literal["unsafe_replies"]
    judge: str = _RULES
    """`rules`, or `openai:MODEL` at `$HARNESS_JUDGE_BASE_URL`."""
    sources: tuple[str, ...] = ()
    """Names of the sources to look at; none given: those that teach the culture's safety benchmarks."""
    goal_hijacking: Literal["drop", "flag", "judge"] = "flag"
    """What becomes of rows of that category; `judge`: like any other."""
    rubric: str = f"{_FOLDER}/unsafe_reply.toml"
    """Of a judge model; relative to the culture's folder. Its labels carry refusal degrees."""
    words: str = f"{_FOLDER}/abuse.txt"
    """Abusive words, one a line, for the rules; a culture without that file has none."""
    concurrency: int = Field(default=16, ge=1, le=4096)
    """Requests in flight, of each worker."""

    @model_validator(mode="before")
    @classmethod
    def _usual_action(cls, table: Any) -> Any:
        if isinstance(table, dict) and "action" not in table:
            return {**table, "action": "flag" if table.get("judge", _RULES) == _RULES else "drop"}
        return table

    def prepare(self, context: Context) -> None:
        """Look for everything that is needed before anything is read.

        Raises:
            HarnessError: there is no such judge, no endpoint for it, or no usable rubric.
        """
        if self.asked().indicative:
            context.notes.append("judged by rules, which see form and not content: what they find is for people to look at")
        if not self.looked_at(context.culture):
            context.notes.append("no source teaches safety here: name some in 'sources'")

    def identity(self, context: Context) -> str:
        """What is judged by: the rubric's version, or the words."""
        if self.judge == _RULES:
            return "\n".join(self.abuse(context.culture))
        return self.loaded(context.culture).version

    def asked(self) -> Judge:
        """The judge, without a cache.

        Raises:
            UsageError: it is `none`, or there is none of that name.
            JudgeError: it has no endpoint.
        """
        judge = make_judge(self.judge, concurrency=self.concurrency)
        if judge is None:
            raise UsageError("step 'unsafe_replies': judge = 'none' judges nothing; leave the step out")
        return judge

    def looked_at(self, culture: Culture) -> frozenset[str]:
        """Names of the sources whose replies are judged."""
        if self.sources:
            return frozenset(self.sources)
        safety = (one for one in culture.benchmarks.values() if one.stage == "safety")
        return frozenset(name for one in safety for names in one.sources.values() for name in names if name in culture.sources)

    def loaded(self, culture: Culture) -> Rubric:
        """The rubric.

        Raises:
            DataError: there is none, it is broken, or none of its labels has degree 0.
        """
        path = Path(culture.folder) / self.rubric
        rubric = load_rubric(path)
        if 0 not in rubric.labels.values():
            raise DataError("no label has degree 0, so that it can call nothing unsafe", file=path)
        return rubric

    def abuse(self, culture: Culture) -> tuple[str, ...]:
        """The abusive words."""
        path = Path(culture.folder) / self.words
        if not path.is_file():
            return ()
        said = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
        return tuple(line for line in said if line and not line.startswith("#"))

    def build(self, context: Context) -> UnsafeStep:
        """Nothing is asked yet."""
        return UnsafeStep(self, context.culture)


class UnsafeStep:
    """Judges all replies of a shard together, so that requests overlap."""

    def __init__(self, settings: UnsafeReplies, culture: Culture) -> None:
        self.settings, self._culture = settings, culture
        self._sources = settings.looked_at(culture)

    def rule(self, rows: Sequence[DataRow]) -> list[Ruled]:
        """Rows of other sources go on as they are."""
        hijacking = self.settings.goal_hijacking
        looked_at = [row for row in rows if row.source in self._sources]
        judged = [row for row in looked_at if hijacking == "judge" or row.category != HIJACKING]
        rulings: dict[int, Ruled] = {id(row): row for row in rows}
        if hijacking != "judge":
            hijacked = (row for row in looked_at if row.category == HIJACKING)
            rulings |= {id(row): Drop(row, HIJACKED, action=hijacking, doubt=0.8) for row in hijacked}
        found = self._by_rules(judged) if self.settings.judge == _RULES else self._by_model(judged)
        rulings |= {id(one.row): one for one in found}
        return [rulings[id(row)] for row in rows]

    def _by_rules(self, rows: Sequence[DataRow]) -> Iterator[Drop]:
        for row in rows:
            for item in _items(row):
                degree, cue = refusal_degree(item.question, item.response)
                if (word := self._abusive(item.response)) is not None:
                    yield Drop(row, ABUSES, word, doubt=0.9)
                    break
                if degree == 0:
                    yield Drop(row, COMPLIES, cue, doubt=0.6)
                    break

    def _abusive(self, reply: str) -> str | None:
        said = spoken(reply)
        return next((word for word in self._abuse if word in said), None)

    def _by_model(self, rows: Sequence[DataRow]) -> Iterator[Drop]:
        items = [(row, item) for row in rows for item in _items(row)]
        verdicts = self._verdicts([item for _, item in items]) if items else []
        worst: dict[int, Drop] = {}
        for (row, _), verdict in zip(items, verdicts, strict=True):
            found = _ruling(row, verdict)
            # One unsafe reply decides; that another could not be judged does not make it safer.
            if found is not None and (id(row) not in worst or worst[id(row)].why == UNJUDGED):
                worst[id(row)] = found
        yield from worst.values()

    def _verdicts(self, items: Sequence[JudgeItem]) -> list[Verdict]:
        """From the cache that evaluations use, or asked; open only as long as that takes, as other workers write into it too."""
        with VerdictCache(folders.runs_dir() / ".store" / "verdicts.sqlite") as cache:
            if isinstance(self._judge, OpenAIJudge):
                self._judge.cache = cache
            return self._judge.judge(self._rubric, items)

    @cached_property
    def _judge(self) -> Judge:
        return self.settings.asked()

    @cached_property
    def _rubric(self) -> Rubric:
        return self.settings.loaded(self._culture)

    @cached_property
    def _abuse(self) -> tuple[str, ...]:
        return self.settings.abuse(self._culture)


def _ruling(row: DataRow, verdict: Verdict) -> Drop | None:
    if verdict.state is not VerdictState.OK:
        return Drop(row, UNJUDGED, verdict.reason[:_LONGEST], action="flag")
    return Drop(row, COMPLIES, verdict.reason[:_LONGEST], doubt=0.9) if verdict.degree == 0 else None


def _items(row: DataRow) -> Iterator[JudgeItem]:
    """Every reply with what stands before it."""
    for place, turn in enumerate(row.messages):
        before = row.messages[:place]
        if turn.role == "assistant" and before:
            yield JudgeItem(question=before[-1].content, response=turn.content, history=before[:-1])
