"""Work folder -> how far its key has come, and what a run's ACC is under it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from harness import folders
from harness.keying import items as benchmarks
from harness.keying.counting import State
from harness.keying.freezing import frozen_in
from harness.keying.scoring import accuracy
from harness.keying.work import default_folder, open_work
from harness.report.text import count
from harness.runs import find_run, load_run, read_samples
from harness.schema import KeyAgreement, KeyStatus

FAMILIES, VOTERS = 4, 5
"""Fewer share too many of their errors: the review is then short and the audit finds what it missed."""


def status(
    benchmark: str, folder: Path | None = None, *, run: str | None = None, runs: Path | None = None, human_error: float = 0.0
) -> KeyStatus:
    """Read everything, change nothing.

    Args:
        benchmark: group or task.
        folder: work folder; default `keys/BENCHMARK`.
        run: a finished run whose ACC under this key is wanted.
        runs: where runs are kept.
        human_error: as of `freeze`.

    Raises:
        HarnessError: with one line that says what to mend.
    """
    work = open_work(folder or default_folder(benchmark), benchmarks.load(benchmark))
    state = State(work)
    votes = [vote for one in state.standings.values() for vote in one.votes]
    agreement: Counter[KeyAgreement] = Counter(one.agreement for one in state.standings.values())
    both = [state.people(found) for found in (state.reviewed, state.audited)]
    pairs, apart = sum(one.items for one in both), sum(one.disagreed for one in both)
    bound = state.bound(human_error)
    scored = None
    if run is not None:
        record = load_run(run, folders.runs_dir(runs))
        scored = accuracy(state, record.id, read_samples(find_run(record.id, folders.runs_dir(runs))), bound)
    return KeyStatus(
        benchmark=benchmark,
        kind=work.items.kind,
        folder=str(work.folder),
        items=len(state.standings),
        excluded=work.about.excluded,
        voters={vote.voter: vote.family for vote in votes},
        votes=len(votes),
        unjudged=sum(vote.unjudged != "" for vote in votes),
        agreement={name: agreement[name] for name in ("unanimous", "majority", "split")},
        to_review=len(state.doubtful),
        reviewed=sum(name in state.rulings for name in state.doubtful),
        split=state.splits,
        to_audit=sum(one.drawn for one in state.strata),
        audited=sum(one.audited for one in state.strata),
        strata=state.strata,
        contested=len(state.rulings) - state.answers,
        answers=state.answers,
        kappa=state.kappa,
        agreed=(pairs - apart, pairs),
        human_error=max(one.error() for one in both) if pairs else None,
        bound=bound,
        remains=state.remains,
        notes=tuple(_notes(state)),
        accuracy=scored,
        frozen=frozen_in(work.folder, benchmark),
    )


def _notes(state: State) -> Iterator[str]:
    votes = [vote for one in state.standings.values() for vote in one.votes]
    voters, families = {vote.voter for vote in votes}, {vote.family for vote in votes}
    if votes and (len(voters) < VOTERS or len(families) < FAMILIES):
        few = f"{count(len(voters), 'voter')} of {count(len(families), 'family', 'families')}"
        yield (
            f"{few}: voters of one family share their errors, so that fewer show as disagreement; {VOTERS} voters of {FAMILIES} "
            "families are better"
        )
    if unasked := sum(one.unasked for one in state.standings.values()):
        yield f"{count(unasked, 'question')} were not asked: the same propose command goes on, as long as nobody is asked"
    if state.bound() is not None:
        yield "the bound takes people to err independently of one another and of the voters; what all misread alike is not in it"
