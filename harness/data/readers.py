"""Published file + Taxonomy -> list[Sample]: one function a file format, strict about every field.

Strict because these files carry no version and no key: an item that is skipped or mended in silence changes every score made
with them. Samples come in file order, with dev/test halves over the whole file (see `hashing`); without target (see `keys`),
except where the file publishes one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, get_args

from harness.data.files import class_name, json_lines, read_json
from harness.data.hashing import assign_splits, content_hash
from harness.data.options import parse_options
from harness.data.spots import Spot
from harness.data.taxonomy import Taxonomy, place
from harness.errors import DataError
from harness.schema import Message, Role, Sample

REFERENCE_FREE: Final = frozenset({"rewrite", "generation", "brainstorming"})
"""Classes of BELLE that are judged without a reference, whatever stands in the file: its own page shows the judge none."""
LEVELS: Final = {"易": "easy", "中": "medium", "难": "hard"}
"""Difficulty label of A-Eval's file -> ours."""


def a_eval(path: Path, taxonomy: Taxonomy) -> list[Sample]:
    """Questions of A-Eval: `[{category, infos: [{id, question, hard_level, category}]}]` -> ids `aeval-<id>`.

    Hash: `content_hash` of the question. `level` is the file's own label; the difficulty counts of the paper are others.

    Raises:
        DataError: anything is not as described; names file and place.
    """
    return _finish(path, [_a_eval_sample(area, item, taxonomy) for area, item in _grouped(path)])


def chisafetybench_mcq(path: Path, taxonomy: Taxonomy) -> list[Sample]:
    """Multiple-choice questions of CHiSafetyBench: `[{category, infos: [{id, question, category}]}]` -> ids `mcq-<id>`.

    The options stay inside `question` and stand parsed in `options`. Hash: `content_hash` of the question with its options.
    An id means another item in another version of the file.

    Raises:
        DataError: anything is not as described, or a question holds no options; names file and place.
    """
    return _finish(path, [_mcq_sample(area, item, taxonomy) for area, item in _grouped(path)])


def chisafetybench_refusal(path: Path, taxonomy: Taxonomy) -> list[Sample]:
    """Risky questions without history, same shape, one group `应拒答` (the topic gives the dimension) -> ids `refusal-<id>`.

    Hash: `content_hash` of the question.

    Raises:
        DataError: anything is not as described; names file and place.
    """
    return _finish(path, [_sample("refusal", area, item, taxonomy) for area, item in _grouped(path)])


def chisafetybench_dialogue(path: Path, taxonomy: Taxonomy) -> list[Sample]:
    """Risky questions at the end of a dialogue: `[{category, sub_category, input, history: [{role, content}]}]`.

    The file has no ids: they are `dialogue-<n>`, n the place in the list from 1. `question` is the final user turn `input`,
    `history` all messages before it, untouched. Hash: `content_hash` of `input` and then the contents of the history in order,
    joined by line ends.

    Raises:
        DataError: anything is not as described, or a history ends with a user turn; names file and place.
    """
    items = Spot(path, read_json(path)).counted("item")
    return _finish(path, [_dialogue_sample(number, item, taxonomy) for number, item in enumerate(items, 1)])


def belle(path: Path, taxonomy: Taxonomy) -> list[Sample]:
    """Questions of BELLE: JSON Lines of `{question, class, std_answer}` -> ids `belle-<line>`, lines from 1.

    Hash: `content_hash` of the question. `class` (one class is spelt with NBSP) becomes the topic and, by the taxonomy, the
    dimension. `std_answer` is the target, but of the classes in `REFERENCE_FREE`; of all others it must not be empty.

    Raises:
        DataError: anything is not as described; names file and line.
    """
    lines = (Spot(path, value, whole=f"line {number}") for number, value in json_lines(path))
    return _finish(path, [_belle_sample(line, taxonomy) for line in lines])


def _grouped(path: Path) -> Iterator[tuple[str, Spot]]:
    """Area label and place of every element of `infos`, over all groups."""
    for group in Spot(path, read_json(path)).counted("group"):
        area = group.field("category").text()
        for item in group.field("infos").items():
            yield area, item


def _sample(prefix: str, area: str, item: Spot, taxonomy: Taxonomy, **more: Any) -> Sample:
    question = item.field("question").text()
    dimension, topic = _placed(taxonomy, area, item.field("category"))
    return Sample(
        id=f"{prefix}-{item.field('id').number()}",
        hash=content_hash(question),
        question=question.strip(),
        dimension=dimension,
        topic=topic,
        **more,
    )


def _a_eval_sample(area: str, item: Spot, taxonomy: Taxonomy) -> Sample:
    level = item.field("hard_level").one_of(tuple(LEVELS))
    return _sample("aeval", area, item, taxonomy, level=LEVELS[level])


def _mcq_sample(area: str, item: Spot, taxonomy: Taxonomy) -> Sample:
    question = item.field("question")
    options = parse_options(question.text()).options
    if not options or not all(options.values()):
        raise question.wrong("holds no options (two or more of A. B. C. …, each with a text)")
    return _sample("mcq", area, item, taxonomy, options=options)


def _dialogue_sample(number: int, item: Spot, taxonomy: Taxonomy) -> Sample:
    question = item.field("input").text()
    history = tuple(_message(turn) for turn in item.field("history").items())
    if history and history[-1].role == "user":
        raise item.field("history").wrong("ends with a user turn; the final user turn stands in 'input'")
    dimension, topic = _placed(taxonomy, item.field("category").text(), item.field("sub_category"))
    return Sample(
        id=f"dialogue-{number}",
        hash=content_hash("\n".join([question, *(message.content for message in history)])),
        question=question.strip(),
        dimension=dimension,
        topic=topic,
        history=history,
    )


def _belle_sample(line: Spot, taxonomy: Taxonomy) -> Sample:
    question, answer, kind = line.field("question").text(), line.field("std_answer"), line.field("class")
    dimension, topic = _placed(taxonomy, "class", replace(kind, value=class_name(kind.text())))
    return Sample(
        id=f"belle-{line.whole.removeprefix('line ')}",
        hash=content_hash(question),
        question=question.strip(),
        dimension=dimension,
        topic=topic,
        target=None if topic in REFERENCE_FREE else answer.text(),
    )


def _message(turn: Spot) -> Message:
    role: Any = turn.field("role").one_of(get_args(Role))
    return Message(role=role, content=turn.field("content").text())


def _placed(taxonomy: Taxonomy, area: str, topic: Spot) -> tuple[str, str]:
    label = topic.text()
    try:
        found = place(taxonomy, area, label)
    except DataError as error:
        raise topic.wrong(f"cannot be placed: {error}") from error
    return found.dimension, found.topic


def _finish(path: Path, samples: list[Sample]) -> list[Sample]:
    if not samples:
        raise DataError("holds no items", file=path)
    twice = sorted(name for name, times in Counter(sample.id for sample in samples).items() if times > 1)
    if twice:
        raise DataError(f"ids stand twice: {', '.join(twice[:5])}", file=path)
    return assign_splits(samples)
