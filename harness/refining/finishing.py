"""Plan × answers -> the rows of the new data set, those that go, and the manifest that counts both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness.refining import storing
from harness.refining.decisions import EDITED, Ruling
from harness.refining.filters import REPEATS, Filters
from harness.refining.planning import Plan
from harness.refining.refining import Answered
from harness.refining.replies import kind
from harness.rows.contamination import Hit
from harness.schema import DataRow, DataSet, DroppedRow, StepReport

NOT_ANSWERED: Final = "not answered"
NOT_ACCEPTED: Final = "answer not accepted"
NOT_ASKED: Final = "flagged by people, and not yet answered again"
PEOPLE_STEP: Final = "1 people"
REFINE_STEP: Final = "2 refine"


@dataclass
class Ending:
    """What becomes of every row, and what is counted on the way."""

    plan: Plan
    checks: Filters | None
    answers: Mapping[int, Answered]
    """By place of the row."""
    dropped: list[DroppedRow] = field(default_factory=list)
    kept_old: int = 0
    set_aside: int = 0
    contaminated: Counter[str] = field(default_factory=Counter)

    def rows(self) -> Iterator[DataRow]:
        """Those that stay, in order."""
        for place, ruling in self.plan.rulings():
            kept = self._one(place, ruling)
            if kept is not None:
                yield kept

    def _one(self, place: int, ruling: Ruling) -> DataRow | None:
        if ruling.drop:
            self._drop(PEOPLE_STEP, ruling.drop, ruling.row)
            return None
        if place in self.plan.left:
            return self._waiting_for_another_run(ruling)
        if place in self.answers:
            return self._answered(self.answers[place])
        if ruling.row.origin == EDITED and ruling.said == "edited" and self._repeats(PEOPLE_STEP, ruling.row):
            return None
        return ruling.row

    def _answered(self, one: Answered) -> DataRow | None:
        """The new row; without one, the old row where only rules doubt it."""
        if one.row is not None:
            return one.row
        row = one.job.row
        if self._repeats(REFINE_STEP, row):
            return None
        if one.job.by == "rules" and not self.plan.asked.drop_unrefined:
            self.kept_old += 1
            return row
        self.set_aside += 1
        waiting = one.line.state == "waiting"
        self._drop(REFINE_STEP, NOT_ANSWERED if waiting else f"{NOT_ACCEPTED}: {kind(one.line.why)}", row, one.line.why)
        return None

    def _waiting_for_another_run(self, ruling: Ruling) -> DataRow:
        """As it is; what people said of it must not be forgotten."""
        if ruling.by != "people":
            return ruling.row
        return ruling.row.model_copy(update={"flags": {**ruling.row.flags, NOT_ASKED: 1.0}})

    def _repeats(self, step: str, row: DataRow) -> bool:
        hit = self.checks.repeated(row) if self.checks else None
        if hit is None:
            return False
        self.contaminated[hit.benchmark] += 1
        self.dropped.append(repeated(step, hit, row.source, row.source_id))
        return True

    def _drop(self, step: str, why: str, row: DataRow, detail: str = "") -> None:
        self.dropped.append(DroppedRow(step=step, why=why, detail=detail, source=row.source, source_id=row.source_id, row=row))

    def steps(self) -> tuple[StepReport, ...]:
        """What people did, and what refining did, counted."""
        plan = self.plan
        changed = plan.counts.get("edited", 0) + plan.counts.get("accepted", 0)
        new = sum(one.row is not None for one in self.answers.values())
        people, refined = self._dropped_by(PEOPLE_STEP), self._dropped_by(REFINE_STEP)
        notes = tuple(self.checks.notes) if self.checks else ()
        checked = f"new answers were checked by: {', '.join(self.checks.names) or 'no step'}" if self.checks else ""
        return (
            StepReport(step=PEOPLE_STEP, seen=plan.about.rows, changed=changed, dropped=people.total(), reasons=dict(people)),
            StepReport(
                step=REFINE_STEP,
                seen=len(self.answers),
                changed=new,
                dropped=refined.total(),
                reasons=dict(sorted(refined.items())),
                notes=(*([checked] if checked else []), *notes),
            ),
        )

    def _dropped_by(self, step: str) -> Counter[str]:
        return Counter(one.why for one in self.dropped if one.step == step)


def repeated(step: str, hit: Hit, source: str, source_id: str) -> DroppedRow:
    """A row that repeats a benchmark, without its text."""
    detail = f"{hit.item}, {hit.rule} {hit.share:.2f}"
    return DroppedRow(step=step, why=f"{REPEATS}: {hit.benchmark}", detail=detail, source=source, source_id=source_id)


def finish(
    out: Path, plan: Plan, checks: Filters | None, answers: Sequence[Answered], refined_sha: str
) -> tuple[DataSet, Ending]:
    """Write the new data set.

    Args:
        out: its folder.
        plan: what was to be done.
        checks: what new rows are compared with; None where there are none.
        answers: to all jobs of the plan.
        refined_sha: of the file of befores and afters: what was said decides the rows.

    Raises:
        DataError: the disk is full, or the old data set has changed on the way.
    """
    ending = Ending(plan, checks, {one.job.place: one for one in answers})
    decided = {name: one.decision.model_dump(mode="json") for name, one in plan.people.outcomes.items() if one.decision}
    guidance = dict(plan.guidance.sections) if plan.guidance else {}

    def manifest() -> dict[str, Any]:
        about = plan.about
        compared = {**dict.fromkeys(about.contamination, 0), **dict.fromkeys(checks.compared if checks else (), 0)}
        return {
            "name": about.name,
            "made_by": plan.made_by,
            "digest": storing.digest_of(about.digest, decided, guidance, plan.asked.settings, refined_sha),
            "culture": about.culture,
            "parent": about.digest,
            "pipeline": about.pipeline,
            "sources": about.sources,
            "steps": ending.steps(),
            "contamination": dict(sorted({**compared, **ending.contaminated}.items())),
            "unchecked": {**about.unchecked, **(checks.unread if checks else {})},
        }

    return storing.store(out, ending.rows(), ending.dropped, manifest), ending
