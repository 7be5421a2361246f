"""Review <-> a table that people fill in with a spreadsheet.

A row is an item, or one person's decision on it. `action` (of labels: `label`) is what people write; `edited` holds the last
reply as it should be. All other columns are for reading, and only `item` and `digest` must come back as they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from harness.data.cells import plain_cell, read_table, safe_cell, table_bytes
from harness.errors import DataError, UsageError
from harness.reviewing.checking import ACTIONS, plain
from harness.reviewing.edits import as_text, key_text, turns
from harness.reviewing.exchange import Entry, Imported, chosen, keep, now
from harness.reviewing.store import Review
from harness.runs.write import make_folder, write_whole
from harness.schema import Decision, ReviewItem, ReviewKind

READ: Final[dict[ReviewKind, tuple[str, ...]]] = {
    "row": ("about", "why", "conversation", "reference"),
    "label": ("about", "conversation", "options", "response", "reference", "labels"),
    "text": ("about", "conversation", "proposal", "proposed_forms", "proposed_points"),
}
FILLED: Final[dict[ReviewKind, tuple[str, ...]]] = {
    "row": ("action", "edited"),
    "label": ("label", "action"),
    "text": ("action", "edited", "accept", "points"),
}
ALWAYS: Final = ("note", "annotator", "round")
ROLES: Final = {"system": "[system]", "user": "[user]", "assistant": "[assistant]"}
_MARK: Final = "d"
"""In front of a digest, so that no spreadsheet takes it for a number."""


def write(review: Review, file: Path, annotator: str | None = None) -> int:
    """Write the table; gives its rows.

    Args:
        review: the review.
        file: a .csv that is not there yet.
        annotator: show this person's decisions only; without, everybody's.

    Raises:
        UsageError: the file is there, or an edit cannot be held by a cell.
        DataError: it cannot be written.
    """
    if file.exists():
        raise UsageError(f"'{file}' is there already and may hold decisions; give another name, or move it away")
    kind = review.about.kind
    columns = ("item", "digest", *READ[kind], *FILLED[kind], *ALWAYS)
    rows = []
    for name, decisions in chosen(review, annotator):
        item = review.items[name]
        for decision in decisions or (None,):
            cells = _shown(item) | _filled(decision, item)
            rows.append([cells.get(column, "") for column in columns])
    make_folder(file.parent)
    write_whole(file, [table_bytes(columns, rows)])
    return len(rows)


def read(review: Review, file: Path, annotator: str | None = None) -> Imported:
    """Keep what people filled in; a row without an action (or label) is one that nobody has decided.

    Args:
        review: the review.
        file: the table.
        annotator: whose decisions these are, where the column is empty; else the file's name stands for one.

    Raises:
        DataError: with file and line; nothing is kept.
    """
    needed = ("item", "digest", "label" if review.about.kind == "label" else "action")
    entries, empty = [], 0
    for line, cells in read_table(file, needed):
        try:
            decision = _decision(review, cells, annotator or file.stem)
        except UsageError as error:
            raise DataError(str(error), file=file, line=line) from error
        if decision is None:
            empty += 1
        else:
            entries.append(Entry(line, decision))
    return keep(review, entries, empty, file)


def _shown(item: ReviewItem) -> dict[str, str]:
    proposal = item.proposal
    return {
        "item": item.id,
        "digest": _MARK + item.digest,
        "about": item.about,
        "why": "\n".join(item.reasons),
        "conversation": "\n".join(f"{ROLES[turn.role]} {plain(turn.content)}" for turn in item.messages),
        "options": "\n".join(f"{letter}. {text}" for letter, text in item.options.items()),
        "response": plain(item.response),
        "reference": plain(item.reference),
        "labels": "\n".join(item.labels),
        "proposal": plain(proposal.reference) if proposal else "",
        "proposed_forms": "\n".join(proposal.accept) if proposal else "",
        "proposed_points": "\n".join(proposal.points) if proposal else "",
    }


def _filled(decision: Decision | None, item: ReviewItem) -> dict[str, str]:
    if decision is None:
        return {}
    found = {
        "action": decision.action,
        "label": decision.label or "",
        "edited": as_text(decision, item),
        "accept": "\n".join(decision.text.accept) if decision.text else "",
        "points": "\n".join(decision.text.points) if decision.text else "",
        "note": decision.note,
        "annotator": decision.annotator,
        "round": decision.round,
    }
    changed = next((name for name in ("edited", "accept", "points") if plain_cell(safe_cell(found[name])) != found[name]), None)
    if changed:
        raise UsageError(
            f"the edit of '{item.id}' does not fit a cell as it is (control characters, or too long); export to .json"
        )
    return found


def _decision(review: Review, cells: Mapping[str, str], annotator: str) -> Decision | None:
    said = {name: plain(cells.get(name, "")).strip() for name in ("action", "label", "note", "annotator", "round")}
    edited = {name: plain(cells.get(name, "")) for name in ("edited", "accept", "points")}
    action = said["action"].lower() or ("label" if said["label"] else "")
    if not action:
        if any(text.strip() for text in edited.values()):
            raise UsageError("has an edited text but no action; write 'edit', or empty it")
        return None
    item = review.item(cells["item"].strip())
    known = next((one for one in ACTIONS[item.kind] if one == action), None)
    if known is None:
        raise UsageError(f"'{action[:40]}' is no action here; write {', '.join(ACTIONS[item.kind])}")
    if said["round"] not in ("", "annotation", "adjudication"):
        raise UsageError(f"'{said['round'][:40]}' is no round; write annotation or adjudication, or leave it empty")
    return Decision(
        item=item.id,
        digest=cells["digest"].strip().removeprefix(_MARK),
        annotator=said["annotator"] or annotator,
        at=now(),
        round="adjudication" if said["round"] == "adjudication" else "annotation",
        action=known,
        label=_label(said["label"], item) if known == "label" else None,
        messages=turns(edited["edited"], item) if known == "edit" and item.kind == "row" else None,
        text=key_text(**_of_text(edited)) if known == "edit" and item.kind == "text" else None,
        note=said["note"],
    )


def _label(text: str, item: ReviewItem) -> str:
    """The label that is meant, whatever its case."""
    return next((label for label in item.labels if label.casefold() == text.casefold()), text)


def _of_text(edited: Mapping[str, str]) -> dict[str, str]:
    return {"reference": edited["edited"], "accept": edited["accept"], "points": edited["points"]}
