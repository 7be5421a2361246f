"""Steps of a pipeline, by the manifest -> the same checks for what a model wrote: new words get no easier way in than old ones.

Row steps rule on a row by itself and are asked again. Steps that must see all rows (duplicates, word frequencies) are passed
over, and said to be. Whatever the pipeline says, what a model wrote is compared with every benchmark, and its language, length,
repetition and what it says of itself are looked at.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Final, cast

from pydantic import ValidationError

from harness.curating.contract import Context, Drop, RowStep, Ruled, StepSettings
from harness.curating.pipeline import CONTAMINATION, Pipeline
from harness.curating.steps import STEPS, settings_of
from harness.errors import UsageError
from harness.rows import benchmarks
from harness.rows.contamination import BenchmarkItem, Hit, Index
from harness.rows.folding import simplified
from harness.runs.write import make_folder
from harness.schema import Culture, DataRow

REPEATS: Final = "in a benchmark"
ALWAYS: Final = ("language", "length", "repetition", "self_naming")
"""Steps that new words go through in any case, with their own settings where the pipeline has none of them."""
TAGS: Final = "tags"
SEED: Final = 1234
_LANGUAGES: Final = ("zh", "en")


@dataclass(frozen=True)
class Checked:
    """What the filters say of one row."""

    row: DataRow | None
    """As it goes on; None if it does not."""
    why: str = ""
    detail: str = ""
    hit: Hit | None = None
    """The item it repeats: then no text of it may be written anywhere."""

    @property
    def said(self) -> str:
        """Why not, in a few words."""
        return f"{self.why}: {self.detail}" if self.detail else self.why


def recorded(pipeline: str) -> tuple[tuple[StepSettings, ...], list[str]]:
    """The steps in a manifest's `pipeline`, and what of them cannot be used any more.

    Raises:
        UsageError: it is not what `curate` writes.
    """
    try:
        tables = json.loads(pipeline or "[]")
        names = [(table["use"], table) for table in tables]
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(
            "the data set's manifest names its steps in no form known here; make it again with this version"
        ) from error
    steps, notes = [], []
    for name, table in names:
        if name not in STEPS:
            notes.append(f"step '{name}' is not known here: new answers are not checked by it")
            continue
        try:
            steps.append(settings_of(name).model_validate(table))
        except ValidationError:
            notes.append(f"step '{name}' has other settings here: new answers are not checked by it")
    return tuple(steps), notes


Ready = tuple[StepSettings, RowStep]


@dataclass
class Filters:
    """The checks, ready to be asked."""

    names: tuple[str, ...]
    """Of the row steps, in their order."""
    notes: list[str]
    compared: tuple[str, ...]
    """Benchmarks that rows are compared with."""
    unread: Mapping[str, str]
    """Benchmark whose items could not be had -> why."""
    pipeline: str
    """All steps, as a manifest names them."""
    _steps: list[Ready] = field(repr=False)
    """Of the pipeline."""
    _always: list[Ready] = field(repr=False)
    """Those that it lacks."""
    _index: Index = field(repr=False)

    def repeated(self, row: DataRow) -> Hit | None:
        """The benchmark item that a row repeats."""
        return next(self._index.find_rows([_texts(row)]))

    def repeats(self, text: str) -> Hit | None:
        """The benchmark item that a text repeats."""
        return self._index.find(text)

    def check(self, rows: Sequence[DataRow], new: Sequence[DataRow] | None = None) -> list[Checked]:
        """What every filter says of each row; the first that would drop it has the word.

        Args:
            rows: whole.
            new: what of each row was written anew, if not all of it: what the pipeline has never asked of the old words is not
                asked of them now.
        """
        found = [
            Checked(None, REPEATS, hit.benchmark, hit) if hit else Checked(row)
            for row, hit in zip(rows, self._index.find_rows(map(_texts, rows)), strict=True)
        ]
        for settings, step in self._steps:
            places = [place for place, one in enumerate(found) if one.row is not None]
            rulings = step.rule([cast(DataRow, found[place].row) for place in places]) if places else []
            for place, ruled in zip(places, rulings, strict=True):
                found[place] = _taken(settings, ruled)
        for settings, step in self._always:
            for place, ruled in enumerate(step.rule(rows if new is None else new) if rows else []):
                if found[place].row is not None and isinstance(ruled, Drop):
                    found[place] = _taken(settings, ruled)
        return found


def _texts(row: DataRow) -> tuple[str, ...]:
    turns = tuple(turn.content for turn in row.messages)
    return turns if row.reference is None else (*turns, row.reference)


def _taken(settings: StepSettings, ruled: Ruled) -> Checked:
    if not isinstance(ruled, Drop):
        return Checked(ruled)
    if (ruled.action or settings.action) == "flag":
        return Checked(ruled.flagged())
    return Checked(None, ruled.why, ruled.detail)


def of_manifest(pipeline: str, culture: Culture, scratch: Path, *, without: Collection[str] = ()) -> Filters:
    """Of the steps that a data set's manifest names, without some of them.

    Raises:
        UsageError: the manifest names them in no known form.
        HarnessError: a benchmark's items, or what a step needs, cannot be had.
    """
    steps, notes = recorded(pipeline)
    used = [step for step in steps if step.use not in without]
    return replace(build(used, culture, scratch, notes), pipeline=pipeline)


def of_pipeline(pipeline: Pipeline, culture: Culture, scratch: Path) -> Filters:
    """Of a pipeline's steps; raises as `of_manifest`."""
    return build(pipeline.steps, culture, scratch, [], pipeline.seed)


def build(steps: Sequence[StepSettings], culture: Culture, scratch: Path, notes: list[str], seed: int = SEED) -> Filters:
    """Prepare the row steps and read the benchmarks.

    Args:
        steps: of a pipeline, in order.
        culture: whose benchmarks rows are compared with.
        scratch: folder for what steps prepare.
        notes: what is known already; more is appended.
        seed: of the pipeline.

    Raises:
        HarnessError: a benchmark's items, or what a step needs, cannot be had.
    """
    whole = [step.use for step in steps if step.whole and step.use != CONTAMINATION]
    if whole:
        notes.append(f"not asked again, because they need all rows at once: {', '.join(whole)}")
    ready: list[Ready] = []
    for place, step in enumerate(steps, 1):
        if step.whole or step.use == CONTAMINATION:
            continue
        context = Context(culture, scratch / f"{place:02}-{step.use}", seed, notes)
        make_folder(context.scratch)
        step.prepare(context)
        ready.append((step, cast(RowStep, step.build(context))))
    always = _lacking({step.use for step, _ in ready}, Context(culture, scratch, seed, notes))
    known = benchmarks.registered(culture)
    return Filters(
        names=tuple(step.use for step, _ in (*ready, *always)),
        notes=notes,
        compared=tuple(sorted(known.compared)),
        unread=known.unread,
        pipeline=json.dumps([step.model_dump(mode="json") for step in steps], ensure_ascii=False, sort_keys=True),
        _steps=ready,
        _always=always,
        _index=_index(known.items, simplified() is not None),
    )


@lru_cache(maxsize=1)
def _index(items: tuple[BenchmarkItem, ...], folded: bool) -> Index:
    """Of the same items once a process: 0.3 s of the ten thousand of the Chinese benchmarks."""
    return Index(items, simplified() if folded else None)


def _lacking(have: Collection[str], context: Context) -> list[Ready]:
    """The steps of `ALWAYS` that a pipeline does not have, by their own settings."""
    found: list[Ready] = []
    for name in ALWAYS:
        if name in have or name not in STEPS:
            continue
        settings = settings_of(name).model_validate({"use": name})
        step = _OwnLanguage(context) if name == "language" else cast(RowStep, settings.build(context))
        found.append((settings, step))
    return found


class _OwnLanguage:
    """Each row in its own language, else in the culture's; others are not judged."""

    def __init__(self, context: Context) -> None:
        self._culture = context.culture.language
        language = settings_of("language")
        built = {expect: language.model_validate({"use": "language", "expect": expect}).build(context) for expect in _LANGUAGES}
        self._steps = cast(dict[str, RowStep], built)

    def rule(self, rows: Sequence[DataRow]) -> list[Ruled]:
        """By the step of its language."""
        ruled: list[Ruled] = list(rows)
        for expect, step in self._steps.items():
            places = [place for place, row in enumerate(rows) if (row.language or self._culture) == expect]
            for place, one in zip(places, step.rule([rows[place] for place in places]), strict=True):
                ruled[place] = one
        return ruled
