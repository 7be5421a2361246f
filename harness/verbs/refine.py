"""DataSet × people's decisions × model -> DataSet: what people decided is done, and what falls short is answered again."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.endpoint import ChatRequest
from harness.errors import ModelError, UsageError
from harness.lm.store import ResponseStore
from harness.refining import filters, planning, storing, tokens
from harness.refining.finishing import finish
from harness.refining.planning import Asked, Plan
from harness.refining.refining import Answered, answer_again, first_requests
from harness.refining.replies import REFUSALS, kind
from harness.refining.writing import Watch, Writer, endpoint_of, store_path
from harness.rows.dataset import lines
from harness.runs.write import write_whole
from harness.schema import Forecast, PeopleCounts, Refinement, RequestCounts

__all__ = ["Asked", "refine"]

REFINED: Final = "refined.jsonl"
"""Before and after of every row that was to be answered again."""
COVERAGE: Final = 0.99
"""Share of those rows that must have a reply before the data set is finished."""


def refine(dataset: Path, out: Path, asked: Asked, *, dry_run: bool = False, watch: Watch | None = None) -> Refinement:
    """Do what people decided, answer again what falls short, and store the data set that this gives.

    Args:
        dataset: folder of a data set.
        out: folder of the new one; may hold the same one, finished or not.
        asked: which rows, by whom, how.
        dry_run: count what would be asked; nothing is asked and nothing written.
        watch: called with (replies, requests) of each round.

    Returns:
        What was done. Its `dataset` is None of a dry run, and where fewer than 99% of the rows have a reply: then the same call
        goes on. Rows that people flagged and that got no usable answer are set aside; rows that only rules doubt stay as they
        were, unless `drop_unrefined`.

    Raises:
        HarnessError: with one line that says what to mend. Replies so far are kept.
    """
    if out.resolve() == dataset.resolve():
        raise UsageError("a data set is never changed; give another folder for the new one (--out)")
    plan = planning.plan(dataset, asked)
    if dry_run:
        return _report(plan, out, [], RequestCounts()).model_copy(update={"forecast": _forecast(plan)})
    if plan.jobs:
        if asked.model is None:
            raise UsageError(f"{len(plan.jobs):,} rows are to be answered again; say by which model: --with openai:MODEL")
        endpoint_of(asked.model)
    with storing.holding(out, plan.made_by, plan.about.digest), tempfile.TemporaryDirectory() as scratch:
        checks = None
        if plan.jobs or plan.counts.get("edited"):
            # A row keeps its tags: another answer to the same question teaches the same.
            checks = filters.of_manifest(plan.about.pipeline, plan.culture, Path(scratch), without=(filters.TAGS,))
        answers, spent = _answer(plan, checks, watch)
        refined_sha = write_whole(out / REFINED, lines(one.line for one in answers))
        report = _report(plan, out, answers, spent)
        if report.coverage < COVERAGE and not asked.drop_unrefined:
            return report
        made, ending = finish(out, plan, checks, answers, refined_sha)
        return report.model_copy(update={"dataset": made, "kept_old": ending.kept_old, "set_aside": ending.set_aside})


def _writer(asked: Asked, store: ResponseStore) -> Writer:
    limits = {"concurrency": asked.concurrency, "timeout": asked.timeout, "max_retries": asked.retries}
    return Writer(endpoint_of(asked.model or "", **limits), store, asked.params)


def _answer(plan: Plan, checks: filters.Filters | None, watch: Watch | None) -> tuple[list[Answered], RequestCounts]:
    if checks is None or plan.guidance is None:
        return [], RequestCounts()
    store = ResponseStore(store_path())
    try:
        writer = _writer(plan.asked, store)
        answers = answer_again(plan.jobs, writer, plan.guidance, checks, tries=plan.asked.tries, watch=watch)
        return answers, writer.spent
    finally:
        store.close()


def _forecast(plan: Plan) -> Forecast:
    requests = first_requests(plan.jobs, plan.guidance) if plan.guidance else []
    number = sum(len(one.turns) for one in plan.jobs)
    old = [one.row.messages[turn].content for one in plan.jobs for turn in one.turns]
    return Forecast(
        requests=number,
        stored=_stored(plan.asked, requests),
        prompt_tokens=tokens.prompt_tokens(requests) * number // max(1, len(requests)),
        completion_tokens=sum(map(tokens.tokens, old)),
        completion_tokens_most=number * plan.asked.max_tokens,
    )


def _stored(asked: Asked, requests: Sequence[ChatRequest]) -> int | None:
    """Requests answered before; None where it is not known by whom they will be."""
    if asked.model is None:
        return None
    try:
        endpoint_of(asked.model)
    except ModelError:
        return None
    if not store_path().is_file():
        return 0
    store = ResponseStore(store_path())
    try:
        return _writer(asked, store).stored(requests)
    finally:
        store.close()


def _report(plan: Plan, out: Path, answers: Sequence[Answered], spent: RequestCounts) -> Refinement:
    accepted = [one for one in answers if one.row is not None]
    bad = Counter(kind(one.line.why) for one in answers if one.line.state == "unaccepted")
    waiting = Counter(one.line.why for one in answers if one.line.state == "waiting")
    return Refinement(
        folder=str(out),
        model=plan.asked.model or "",
        rows=plan.about.rows,
        people=PeopleCounts(**plan.counts),
        asked_rows=len(plan.jobs),
        left=len(plan.left),
        accepted=len(accepted),
        changed=sum(one.changed for one in accepted),
        reasons=dict(plan.reasons),
        unaccepted=dict(sorted(bad.items())),
        waiting=dict(sorted(waiting.items())),
        refusals=sum(bad[why] for why in REFUSALS),
        characters_before=tokens.mean_length([text for one in accepted for text in one.line.before]),
        characters_after=tokens.mean_length([text for one in accepted for text in one.line.after]),
        requests=spent,
    )
