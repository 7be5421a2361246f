"""Task YAML × `--rubric` -> the rubric that each sample of a task is judged by.

A YAML names its `rubric`, a file or a table topic -> file, and under `other_rubrics` what may take its place by name. A run's own
choice (`rubric_files`: benchmark or task -> such a name, or a file of somebody's own) comes before the YAML's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from harness.data.files import class_name
from harness.errors import DataError, unknown
from harness.judging.items import JudgeItem
from harness.judging.prompts import ANY, load_rubrics
from harness.judging.rubric import Rubric
from harness.lm.datasets import beside, covering
from harness.schema import Sample


@dataclass(frozen=True)
class Pile:
    """What is judged by one rubric."""

    rubric: Rubric
    items: dict[int, JudgeItem]
    """Place among the samples -> item."""


@dataclass(frozen=True)
class Rubrics:
    """The rubrics of one task."""

    by_class: Mapping[str, Rubric]
    """Topic, as `class_name` spells it -> rubric; `ANY` for all others."""

    def of(self, sample: Sample) -> Rubric | None:
        """The rubric of a sample; None if no file is for its topic."""
        return self.by_class.get(class_name(sample.topic or ""), self.by_class.get(ANY))

    def sort(self, samples: Sequence[Sample], replies: Sequence[str | None]) -> list[Pile]:
        """The replies that exist, by rubric, each pile in the order of the samples.

        Raises:
            DataError: a sample has no rubric.
        """
        piles = {version: Pile(rubric, {}) for version, rubric in self.used(samples).items()}
        for place, (sample, reply) in enumerate(zip(samples, replies, strict=True)):
            rubric = self.of(sample)
            if rubric is not None and reply is not None:
                piles[rubric.version].items[place] = _item(sample, reply)
        return list(piles.values())

    def used(self, samples: Iterable[Sample]) -> dict[str, Rubric]:
        """Version -> rubric of these samples.

        Raises:
            DataError: a sample has none.
        """
        if self.by_class.keys() == {ANY}:
            return {rubric.version: rubric for rubric in self.by_class.values()}
        found: dict[str, Rubric] = {}
        for sample in samples:
            rubric = self.of(sample)
            if rubric is None:
                there = ", ".join(sorted(self.by_class))
                raise DataError(f"no rubric for topic '{sample.topic}' of sample {sample.id}; there are: {there}")
            found[rubric.version] = rubric
        return found


def rubrics_of(settings: Mapping[str, Any], kind: Literal["score", "label"]) -> Rubrics:
    """The rubrics of a task, by its YAML's metadata and what the run added to it.

    Raises:
        UsageError: a name was asked for that the YAML does not list.
        DataError: a file is missing or broken, or judges otherwise than the task's metrics need.
    """
    chosen = covering(settings.get("rubric_files"), settings)
    found: dict[str, Rubric] = {}
    for topic, path in _files(settings["rubric"] if chosen is None else named(chosen, settings), settings):
        own = load_rubrics(path)
        found |= {class_name(topic): own[ANY]} if ANY in own and topic else own
        for rubric in own.values():
            if rubric.kind != kind:
                raise DataError(f"rubric '{rubric.name}' is of kind {rubric.kind}, and this task needs one of {kind}", file=path)
    return Rubrics(found)


def named(chosen: str, settings: Mapping[str, Any]) -> Any:
    """What a name of `other_rubrics` stands for, or the file itself.

    Raises:
        UsageError: there is neither.
    """
    others = dict(settings.get("other_rubrics") or {})
    if chosen in others:
        return others[chosen]
    if Path(chosen).is_absolute():
        return chosen
    raise unknown(f"rubric of {settings.get('benchmark', 'this task')}", chosen, (*others, "FILE.toml"))


def _files(value: Any, settings: Mapping[str, Any]) -> list[tuple[str, Path]]:
    """Topic and file; one file for all topics stands under `ANY`."""
    table = value if isinstance(value, Mapping) else {ANY: value}
    return [(str(topic), beside(settings, str(name))) for topic, name in table.items()]


def _item(sample: Sample, reply: str) -> JudgeItem:
    return JudgeItem(
        question=sample.question,
        response=reply,
        history=sample.history,
        reference=sample.target,
        reference_kind=sample.target_kind,
        accept=sample.accept,
        points=sample.points,
    )
