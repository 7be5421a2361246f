"""Rows -> rows with the areas of the culture that they teach, so that a mix can fill exactly what is weak.

Each way of tagging is asked in turn for what the ones before it could not say: the source's own words, a judge model, a
classifier. What people or an earlier run have tagged stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from harness.curating.contract import Context, Drop, Ruled, StepSettings
from harness.curating.tagging import classifier, guessing
from harness.curating.tagging.asking import JudgeModel
from harness.curating.tagging.examples import examples_of, read_examples, taught
from harness.curating.tagging.subjects import subjects
from harness.curating.tagging.telling import SourceRules, Tag, Teller, check_rules
from harness.endpoint import Endpoint, resolve
from harness.schema import Culture, DataRow, Source

By = Literal["source", "judge", "classifier"]


class Tags(StepSettings):
    """Which ways of tagging are used, and how sure one must be. With `action = "drop"` a doubtful row goes."""

    use: Literal["tags"]
    action: Literal["drop", "flag"] = "flag"
    by: tuple[By, ...] = Field(default=("source", "judge", "classifier"), min_length=1)
    """In this order. A judge needs `judge`; a classifier needs examples of the culture, or `train`."""
    judge: str = ""
    """Model behind $HARNESS_JUDGE_BASE_URL; `openai:` before it may be left out."""
    concurrency: int = Field(default=32, ge=1, le=4096)
    """Requests to it in flight, of each worker."""
    train: tuple[str, ...] = ()
    """Further examples: sources of the culture that declare areas, or folders of tagged data sets."""
    train_rows: int = Field(default=300, ge=1)
    """Of each label, from each entry of `train`, at most."""
    least: float = Field(default=0.5, ge=0, le=1)
    """Probability from which on the classifier's word is taken."""
    sure: float = Field(default=0.8, ge=0, le=1)
    """Probability below which such a row is marked as doubtful."""
    again: bool = False
    """Tag rows that have a tag already."""

    @model_validator(mode="after")
    def _in_order(self) -> Tags:
        if self.least > self.sure:
            raise ValueError(f"least = {self.least:g} is above sure = {self.sure:g}")
        return self

    def prepare(self, context: Context) -> None:
        """Check rules and endpoint; train the classifier.

        Raises:
            HarnessError: a rule names no area of the culture, an example is broken, or there is no endpoint.
        """
        culture = context.culture
        if "source" in self.by:
            check_rules(_sources(context), culture)
        if "judge" in self.by:
            if self.judge:
                self._endpoint()
            else:
                context.notes.append('no judge model was named (judge = "MODEL"), so none was asked')
        if "classifier" in self.by:
            self._train(context)

    def identity(self, context: Context) -> str:
        """Rules, examples, judge and versions.

        Raises:
            HarnessError: what `train` names is not here, or there is no endpoint for the judge.
        """
        rules = sorted((name, sorted(source.areas.items())) for name, source in _sources(context).items() if source.areas)
        examples = taught(context.culture, self.train).digest if "classifier" in self.by else ""
        known = subjects(context.culture)
        judge = JudgeModel(self._endpoint(), known).fingerprint if "judge" in self.by and self.judge else ""
        return f"{rules} {classifier.VERSION} {examples} {judge} {sorted(known)}"

    def build(self, context: Context) -> TagStep:
        """The ways that there are."""
        known = subjects(context.culture)
        tellers: list[Teller] = []
        for way in self.by:
            if way == "source":
                tellers.append(SourceRules(_sources(context)))
            elif way == "judge" and self.judge:
                tellers.append(JudgeModel(self._endpoint(), known))
            elif way == "classifier" and self._has_examples(context.culture):
                loaded = classifier.load(context.scratch)
                tellers.append(guessing.Guesses(loaded, known, self.least, self.sure))
        return TagStep(tellers, self.again)

    def _endpoint(self) -> Endpoint:
        return resolve(self.judge.removeprefix("openai:"), role="judge", concurrency=self.concurrency)

    def _has_examples(self, culture: Culture) -> bool:
        return bool(self.train or examples_of(culture))

    def _train(self, context: Context) -> None:
        culture = context.culture
        if not self._has_examples(culture):
            context.notes.append(f"culture '{culture.name}' has no labelled examples (tags/*.jsonl), so nothing was classified")
            return
        found = taught(culture, self.train)
        examples = read_examples(found, culture, subjects(culture), self.train_rows)
        made, tested = classifier.train(examples, found.digest)
        made.store(context.scratch, tested)
        context.notes.extend(guessing.notes(tested, len(examples), len(made.labels)))


def _sources(context: Context) -> dict[str, Source]:
    return {**context.culture.sources, **context.own}


class TagStep:
    """Asks one way after the other."""

    def __init__(self, tellers: Sequence[Teller], again: bool) -> None:
        self.tellers, self.again = tellers, again

    def rule(self, rows: Sequence[DataRow]) -> list[Ruled]:
        """Tagged rows; those that are doubtful as such."""
        ruled: list[Ruled] = list(rows)
        waiting = [place for place, row in enumerate(rows) if self.again or not (row.areas or row.tagged_by)]
        for teller in self.tellers:
            told = teller.tell([rows[place] for place in waiting])
            for place, tag in zip(waiting, told, strict=True):
                if tag is not None:
                    ruled[place] = _tagged(rows[place], tag)
            waiting = [place for place, tag in zip(waiting, told, strict=True) if tag is None]
        return ruled


def _tagged(row: DataRow, tag: Tag) -> Ruled:
    said = row.model_copy(update={"areas": tag.areas, "tagged_by": tag.by}) if tag.by else row
    return Drop(said, tag.why, doubt=tag.doubt) if tag.why else said
