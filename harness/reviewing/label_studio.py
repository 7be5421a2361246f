"""Review <-> Label Studio: tasks with annotations and predictions in its JSON format, and the labelling configuration they fit.

The format is the one its documentation gives ("Label Studio JSON format of annotated tasks"; predictions: "Import pre-annotated
data"). A task carries item and digest in its data, so that an export of the project finds its way back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from harness.errors import DataError, UsageError
from harness.reviewing.checking import ACTIONS, plain
from harness.reviewing.edits import as_text, key_text, turns
from harness.reviewing.exchange import Entry, Imported, chosen, keep, now
from harness.reviewing.store import Review
from harness.rows.streaming import records
from harness.runs.write import make_folder, write_whole
from harness.schema import Decision, KeyText, ReviewItem

TO: Final = "dialogue"
"""The object that all controls are about."""
_TEXTS: Final = ("edited", "accept", "points", "note", "annotator")


def write(review: Review, file: Path, annotator: str | None = None) -> int:
    """Write the tasks; gives their number.

    Args:
        review: the review.
        file: a .json that is not there yet.
        annotator: with this person's decisions only; without, everybody's.

    Raises:
        UsageError: the file is there.
        DataError: it cannot be written.
    """
    if file.exists():
        raise UsageError(f"'{file}' is there already and may hold decisions; give another name, or move it away")
    tasks = [_task(review.items[name], decisions) for name, decisions in chosen(review, annotator)]
    make_folder(file.parent)
    lines = [json.dumps(task, ensure_ascii=False).encode("utf-8", "replace") for task in tasks]
    write_whole(file, [b"[\n", b",\n".join(lines), b"\n]\n"])
    return len(tasks)


def read(review: Review, file: Path, annotator: str | None = None) -> Imported:
    """Keep the annotations of an export; cancelled ones and tasks without any are passed over.

    Args:
        review: the review.
        file: Label Studio's export, as JSON.
        annotator: whose annotations these are, where they do not name anybody themselves.

    Raises:
        DataError: with file and line; nothing is kept.
    """
    entries, empty = [], 0
    for line, task in records(file):
        try:
            found = list(_decisions(review, task, annotator))
        except UsageError as error:
            raise DataError(str(error), file=file, line=line) from error
        empty += not found
        entries += [Entry(line, decision) for decision in found]
    return keep(review, entries, empty, file)


def config(review: Review) -> str:
    """The labelling configuration of a project for these tasks (XML)."""
    kind = review.about.kind
    labels = tuple(dict.fromkeys(label for item in review.items.values() for label in item.labels))
    offered = (*labels, "flag") if kind == "label" else tuple(one for one in ACTIONS[kind] if one != "withdraw")
    parts = [
        '<Header value="$about"/>',
        f'<Paragraphs name="{TO}" value="$dialogue" layout="dialogue" nameKey="author" textKey="text"/>',
        *(f'<Header value="{title}"/>\n  <Text name="{name}" value="${name}" valueType="text"/>' for name, title in _shown(kind)),
        _choices("action" if kind != "label" else "label", offered),
        *(_area(name, title) for name, title in _fields(kind)),
    ]
    body = "\n".join(f"  {part}" for part in parts)
    return f"<View>\n{body}\n</View>\n"


def _shown(kind: str) -> list[tuple[str, str]]:
    if kind == "label":
        return [("response", "Answer to be judged"), ("reference", "Reference")]
    return [("reference", "Reference")] if kind == "row" else [("proposal", "Proposed reference")]


def _fields(kind: str) -> list[tuple[str, str]]:
    edits = {"row": [("edited", "The last reply, as it should be")], "label": []}.get(
        kind,
        [("edited", "The reference, as it should be"), ("accept", "Other forms, one a line"), ("points", "Points, one a line")],
    )
    return [*edits, ("note", "Note"), ("annotator", "Your name, if it is not your account's")]


def _choices(name: str, values: tuple[str, ...]) -> str:
    inner = "".join(f"\n    <Choice value={quoteattr(value)}/>" for value in values)
    return f'<Choices name="{name}" toName="{TO}" choice="single" required="true">{inner}\n  </Choices>'


def _area(name: str, title: str) -> str:
    return f'<Header value="{title}"/>\n  <TextArea name="{name}" toName="{TO}" maxSubmissions="1" editable="true" rows="3"/>'


def _task(item: ReviewItem, decisions: Any) -> dict[str, Any]:
    letters = "\n".join(f"{letter}. {text}" for letter, text in item.options.items())
    turns_ = [{"author": turn.role, "text": turn.content} for turn in item.messages]
    task: dict[str, Any] = {
        "data": {
            "item": item.id,
            "digest": item.digest,
            "about": item.about,
            "dialogue": [*turns_, {"author": "options", "text": letters}] if letters else turns_,
            "response": item.response,
            "reference": item.reference,
            "proposal": _key_lines(item.proposal) if item.proposal and item.kind != "label" else "",
        },
        "annotations": [_annotation(one, item) for one in decisions],
    }
    if item.kind == "text" and item.proposal is not None:
        task["predictions"] = [{"model_version": "proposal", "result": _key_results(item.proposal)}]
    return task


def _annotation(decision: Decision, item: ReviewItem) -> dict[str, Any]:
    word = ("label", decision.label) if decision.label is not None else ("action", decision.action)
    control = "label" if item.kind == "label" else word[0]
    result = [{"from_name": control, "to_name": TO, "type": "choices", "value": {"choices": [word[1]]}}]
    if decision.messages is not None:
        result.append(_area_result("edited", as_text(decision, item)))
    if decision.text is not None:
        result += _key_results(decision.text)
    if decision.note:
        result.append(_area_result("note", decision.note))
    result.append(_area_result("annotator", decision.annotator))
    made: dict[str, Any] = {"result": result, "was_cancelled": False, "ground_truth": decision.round == "adjudication"}
    return made if decision.seconds is None else {**made, "lead_time": decision.seconds}


def _key_results(text: KeyText) -> list[dict[str, Any]]:
    parts = {"edited": text.reference, "accept": "\n".join(text.accept), "points": "\n".join(text.points)}
    return [_area_result(name, value) for name, value in parts.items() if value]


def _area_result(name: str, text: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": TO, "type": "textarea", "value": {"text": [text]}}


def _key_lines(text: KeyText) -> str:
    return "\n".join((text.reference, *(f"or: {form}" for form in text.accept), *(f"- {point}" for point in text.points)))


def _decisions(review: Review, task: Any, annotator: str | None) -> Iterator[Decision]:
    data = task.get("data") if isinstance(task, dict) else None
    if not isinstance(data, dict):
        raise UsageError("no task with 'data'; export the project as JSON (not JSON-MIN, CSV or another)")
    name, digest = data.get("item"), data.get("digest")
    if not isinstance(name, str) or not isinstance(digest, str):
        raise UsageError("the task's data has no item and digest; import the tasks that this program exported")
    annotations = task.get("annotations", [])
    if not isinstance(annotations, list):
        raise UsageError("'annotations' is no list")
    for one in annotations:
        if not isinstance(one, dict) or not isinstance(one.get("result"), list):
            raise UsageError("an annotation has no list 'result'")
        if not one.get("was_cancelled"):
            yield _decision(review.item(name), digest, one, annotator)


def _decision(item: ReviewItem, digest: str, made: Mapping[str, Any], annotator: str | None) -> Decision:
    said = _values(made["result"])
    word = said.get("label") or said.get("action")
    if word is None:
        raise UsageError(f"an annotation of '{item.id[:80]}' has no {'label' if item.kind == 'label' else 'action'}")
    action = next((one for one in ACTIONS[item.kind] if one == word), "label" if item.kind == "label" else None)
    if word in item.labels:
        action = "label"
    if action is None or word == "withdraw":
        raise UsageError(f"'{word[:40]}' is no action here; there are {', '.join(ACTIONS[item.kind][:-1])}")
    edited = plain(said.get("edited", ""))
    lead = made.get("lead_time")
    return Decision(
        item=item.id,
        digest=digest,
        annotator=(said.get("annotator", "").strip() or annotator or _account(made.get("completed_by"))),
        at=now(),
        round="adjudication" if made.get("ground_truth") is True else "annotation",
        action=action,
        label=word if action == "label" else None,
        messages=turns(edited, item) if action == "edit" and item.kind == "row" else None,
        text=key_text(edited, said.get("accept", ""), said.get("points", ""))
        if action == "edit" and item.kind == "text"
        else None,
        note=said.get("note", ""),
        seconds=float(lead) if isinstance(lead, int | float) and not isinstance(lead, bool) else None,
    )


def _values(result: list[Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in result:
        value = one.get("value") if isinstance(one, dict) else None
        if not isinstance(value, dict):
            raise UsageError("a result has no value")
        name = one.get("from_name")
        texts = value.get("choices") if name in ("action", "label") else value.get("text") if name in _TEXTS else None
        if texts is None:
            continue
        texts = [texts] if isinstance(texts, str) else texts
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise UsageError(f"'{name}' holds no text")
        if name in ("action", "label") and len(texts) != 1:
            raise UsageError(f"'{name}' has {len(texts)} choices, and one is asked for")
        found[name] = "\n".join(texts)
    return found


def _account(by: Any) -> str:
    """Who made an annotation, as Label Studio says it: a number, or an account."""
    if isinstance(by, dict):
        by = by.get("email") or by.get("username") or by.get("id")
    if not isinstance(by, str | int) or isinstance(by, bool) or by == "":
        raise UsageError("an annotation names nobody; say whose these are with --annotator")
    return str(by) if isinstance(by, str) else f"user-{by}"
