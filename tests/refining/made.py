"""Data sets, reviews and writers that tests refine with: rows in our own words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.refining import storing
from harness.reviewing import store as reviews
from harness.rows import dataset as files
from harness.schema import DataRow, DataSet, Decision, Message, RefinedRow, ReviewItem

LENGTH = json.dumps([{"use": "length", "action": "drop", "least_reply": 4, "most": 300, "most_turns": 200}])
"""The pipeline that made these data sets."""
GOOD = "这是一份重新写过的回答，说得清楚，也说得完整。"


def row(number: int, answer: str = "嗯。", question: str = "", **fields: Any) -> DataRow:
    """One question and its answer."""
    asked = question or f"请说说第{number}种茶叶怎么保存。"
    turns = (Message(role="user", content=asked), Message(role="assistant", content=answer))
    return DataRow(**{"source": "tea", "source_id": str(number), "messages": turns, "licence": "CC0-1.0", **fields})


def said(*texts: str) -> tuple[Message, ...]:
    """User, assistant, user, assistant, …"""
    return tuple(Message(role="assistant" if place % 2 else "user", content=text) for place, text in enumerate(texts))


def flagged(number: int, doubt: float = 0.9, **fields: Any) -> DataRow:
    """A row that a rule doubts."""
    return row(number, flags={"repetition (0.4)": doubt}, **fields)


def dataset(folder: Path, rows: Sequence[DataRow], pipeline: str = LENGTH) -> DataSet:
    """A finished data set of the demo culture."""
    folder.mkdir(parents=True, exist_ok=True)
    fields = {"name": "tea", "made_by": "curate tea", "culture": "demo", "pipeline": pipeline, "sources": (), "steps": ()}
    digest = storing.digest_of([one.model_dump(mode="json") for one in rows], pipeline)
    return storing.store(folder, rows, (), lambda: {**fields, "digest": digest, "contamination": {}})


def review(folder: Path, made: DataSet, rows: Sequence[DataRow], people: int = 1) -> reviews.Review:
    """A review of rows, in which nobody has decided."""
    items = [
        ReviewItem(id=one.id, digest="", kind="row", messages=one.messages, doubt=max(one.flags.values(), default=0))
        for one in rows
    ]
    reviews.create(folder, items, title="茶", of=f"dataset:{made.digest}", kind="row", people=people)
    return reviews.Review(folder)


def decide(opened: reviews.Review, item: str, action: str, who: str = "ann", **fields: Any) -> None:
    """One person's word on one row."""
    digest = opened.items[item].digest
    opened.append(Decision(item=item, digest=digest, annotator=who, at="2026-01-01T00:00:00Z", action=action, **fields))  # type: ignore[arg-type]


def rows_of(folder: Path) -> dict[str, DataRow]:
    """Row id -> row."""
    return {one.id: one for one in files.read_rows(folder)}


def dropped_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Row id -> line of dropped.jsonl."""
    lines = [json.loads(line) for line in (folder / files.DROPPED).read_text(encoding="utf-8").splitlines()]
    return {f"{one['source']}/{one['source_id']}": one for one in lines}


def refined_of(folder: Path) -> dict[str, RefinedRow]:
    """Row id -> line of refined.jsonl."""
    lines = (folder / "refined.jsonl").read_text(encoding="utf-8").splitlines()
    return {one.id: one for one in map(RefinedRow.model_validate_json, lines)}


def scripted(answers: Mapping[str, str | Sequence[str]], otherwise: str = GOOD) -> Callable[[dict[str, Any]], str]:
    """A server's answers by what the prompt holds; of a list the n-th to a prompt that holds n answers already."""

    def answer(body: dict[str, Any]) -> str:
        prompt = body["messages"][1]["content"]
        turn = sum(one["role"] == "assistant" for one in body["messages"])
        found = next((those for key, those in answers.items() if key in prompt), otherwise)
        return found if isinstance(found, str) else found[min(turn, len(found) - 1)]

    return answer


def everything_in(folder: Path) -> bytes:
    """All bytes of all files of a folder."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
