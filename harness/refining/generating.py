"""Dialogues -> a data set: through a pipeline's filters, compared with every benchmark, with what was left out beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness.refining import storing
from harness.refining.dialogues import Talk
from harness.refining.filters import Filters
from harness.refining.finishing import NOT_ANSWERED, repeated
from harness.refining.topics import Topics
from harness.schema import Culture, DataRow, DataSet, DroppedRow, StepReport

NOTHING_WRITTEN: Final = "no answer that may be used"
TOPIC_STEP, WRITE_STEP, CHECK_STEP = "1 topics", "2 write", "3 check"


@dataclass(frozen=True)
class Made:
    """What every row of a generated data set says of itself."""

    name: str
    """Of the source."""
    licence: str
    origin: str
    culture: Culture
    grounded: bool
    """Whether topics are references, which rows keep."""


@dataclass
class Written:
    """Dialogues on their way into a data set."""

    rows: list[DataRow] = field(default_factory=list)
    dropped: list[DroppedRow] = field(default_factory=list)
    contaminated: Counter[str] = field(default_factory=Counter)
    changed: int = 0

    def why(self) -> dict[str, int]:
        """Why rows were left out -> how many."""
        return dict(sorted(Counter(one.why for one in self.dropped).items()))


def clean_topics(talks: Sequence[Talk], checks: Filters, made: Made, written: Written) -> list[Talk]:
    """Those whose topic or reference repeats no benchmark: the others are not even asked."""
    kept = []
    for talk in talks:
        hit = checks.repeats(talk.topic.text)
        if hit is None:
            kept.append(talk)
        else:
            written.contaminated[hit.benchmark] += 1
            written.dropped.append(repeated(TOPIC_STEP, hit, made.name, talk.id))
    return kept


def gather(talks: Sequence[Talk], checks: Filters, made: Made, written: Written) -> None:
    """Make rows of the dialogues that have ended, and put them through the filters. Those that wait are left out."""
    rows: list[tuple[Talk, DataRow]] = []
    for talk in talks:
        if talk.waiting:
            written.dropped.append(_drop(WRITE_STEP, NOT_ANSWERED, talk, made, talk.waiting))
        elif not talk.answers:
            written.dropped.append(_drop(WRITE_STEP, f"{NOTHING_WRITTEN}: {talk.ended}", talk, made))
        else:
            rows.append((talk, _row(talk, made)))
    for (talk, row), one in zip(rows, checks.check([row for _, row in rows]), strict=True):
        if one.row is not None:
            written.changed += one.row is not row
            written.rows.append(one.row)
            continue
        if one.hit is not None:
            written.contaminated[one.hit.benchmark] += 1
            written.dropped.append(repeated(CHECK_STEP, one.hit, made.name, talk.id))
        else:
            written.dropped.append(_drop(CHECK_STEP, one.why, talk, made, one.detail).model_copy(update={"row": row}))


def _row(talk: Talk, made: Made) -> DataRow:
    topic = talk.topic
    own = topic.licence if topic.licence not in {"", "unknown", made.licence} else ""
    return DataRow(
        source=made.name,
        source_id=talk.id,
        messages=tuple(talk.messages),
        category=topic.category,
        licence=f"{made.licence} AND {own}" if own else made.licence,
        language=made.culture.language,
        reference=topic.text if made.grounded else None,
        areas=topic.areas,
        tagged_by="topic" if topic.areas else "",
        flags=talk.flags,
        origin=made.origin,
    )


def _drop(step: str, why: str, talk: Talk, made: Made, detail: str = "") -> DroppedRow:
    return DroppedRow(step=step, why=why, detail=detail, source=made.name, source_id=talk.id)


def finish(
    out: Path, topics: Topics, talks: int, written: Written, checks: Filters, made: Made, made_by: str, settings: Sequence[Any]
) -> DataSet:
    """Write the data set.

    Args:
        out: its folder.
        topics: what dialogues were to be written on.
        talks: how many.
        written: rows and drops.
        checks: the filters they went through.
        made: what its rows say of themselves.
        made_by: for the manifest.
        settings: all that decides the rows, beside the topics and the replies.

    Raises:
        DataError: the disk is full, or the folder cannot be written.
    """

    def manifest() -> Mapping[str, Any]:
        rows = [row.model_dump(mode="json") for row in written.rows]
        return {
            "name": made.name,
            "made_by": made_by,
            "digest": storing.digest_of(topics.source.sha256, list(settings), rows),
            "culture": made.culture.name,
            "parent": topics.parent,
            "pipeline": checks.pipeline,
            "sources": (topics.source,),
            "steps": tuple(_steps(topics, talks, written, checks)),
            "contamination": dict(sorted({**dict.fromkeys(checks.compared, 0), **written.contaminated}.items())),
            "unchecked": dict(checks.unread),
            "notes": (f"written by a model ({made.origin}); its outputs are under {made.licence}",),
        }

    return storing.store(out, written.rows, written.dropped, manifest)


def _steps(topics: Topics, talks: int, written: Written, checks: Filters) -> Iterator[StepReport]:
    by_step = {
        step: Counter(one.why for one in written.dropped if one.step == step) for step in (TOPIC_STEP, WRITE_STEP, CHECK_STEP)
    }
    left_out = tuple(f"{number:,} left out: {why}" for why, number in topics.dropped.items())
    seen = talks
    for step, reasons in by_step.items():
        notes = left_out if step == TOPIC_STEP else ()
        if step == CHECK_STEP:
            notes = (f"checked by: {', '.join(checks.names) or 'no step'}", *checks.notes)
        changed = written.changed if step == CHECK_STEP else 0
        yield StepReport(
            step=step, seen=seen, changed=changed, dropped=reasons.total(), reasons=dict(sorted(reasons.items())), notes=notes
        )
        seen -= reasons.total()
