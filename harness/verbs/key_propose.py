"""Benchmark × voters and drafted keys -> votes, in a work folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import UsageError
from harness.keying import items as benchmarks
from harness.keying import voters
from harness.keying.asking import LEAST_ORDERS
from harness.keying.importing import imported
from harness.keying.work import Work, default_folder, start
from harness.schema import Frozen, KeyVote


class Proposed(Frozen):
    """What was added."""

    folder: str
    imported: dict[str, int]
    """File -> votes taken from it."""
    asked: dict[str, int]
    """Voter -> questions asked."""
    kept: dict[str, int]
    """Voter -> votes that were there already."""
    unjudged: dict[str, int]
    """Voter -> replies without a vote; those whose request failed are asked again by the same command."""
    failed: int


def propose(
    benchmark: str,
    folder: Path | None = None,
    *,
    voter: Sequence[str] = (),
    source: Sequence[Path] = (),
    drafted: bool = False,
    exclude_family: Sequence[str] = (),
    orders: int = LEAST_ORDERS,
    base_url: str | None = None,
    concurrency: int = 32,
    watch: Callable[[str, int, int], None] | None = None,
) -> Proposed:
    """Ask voters, and take over drafted keys.

    Args:
        benchmark: group or task.
        folder: work folder; default `keys/BENCHMARK`.
        voter: `openai:MODEL@FAMILY`, `URL#MODEL@FAMILY`, or a local model's `NAME@FAMILY`.
        source: key files, or `proposals.jsonl` of other work folders.
        drafted: take over the key that comes with the benchmark.
        exclude_family: families to leave out, for a key that their own models are measured with.
        orders: in how many orders of its options each voter sees an item.
        base_url: endpoint of `openai:` voters.
        concurrency: requests in flight.
        watch: called with (voter, votes, questions).

    Raises:
        HarnessError: with one line that says what to mend. Votes so far are kept.
    """
    found = benchmarks.load(benchmark)
    chosen = [voters.voter(one, base_url=base_url, concurrency=concurrency) for one in voter]
    sources = [*source, *_drafted(found, drafted)]
    if not chosen and not sources:
        raise UsageError("nobody to propose answers: give --voter MODEL@FAMILY, --from KEYFILE or --drafted")
    if orders < LEAST_ORDERS:
        raise UsageError(
            f"--orders is {orders}; a voter sees each item in at least {LEAST_ORDERS}, so that a liking for a letter shows"
        )
    taken = {str(path): imported(path, found) for path in sources}
    work = start(folder or default_folder(benchmark), found, exclude_family)
    if barred := sorted({one.family for one in chosen} & set(work.about.excluded)):
        raise UsageError(f"family '{barred[0]}' is left out of this key")
    _check_open(work, bool(chosen), taken)
    _check_names(work, chosen)
    added = {name: _take(work, name, votes) for name, votes in taken.items()}
    tallies = {one.name: voters.ask(work, one, orders=orders, watch=watch) for one in chosen}
    return Proposed(
        folder=str(work.folder),
        imported=added,
        asked={name: tally.asked for name, tally in tallies.items()},
        kept={name: tally.kept for name, tally in tallies.items()},
        unjudged={name: tally.unjudged for name, tally in tallies.items()},
        failed=sum(tally.failures.get(voters.FAILED, 0) for tally in tallies.values()),
    )


def _drafted(found: benchmarks.Items, wanted: bool) -> list[Path]:
    if wanted and found.bundled is None:
        raise UsageError(f"no key comes with '{found.benchmark}'")
    return [found.bundled] if wanted and found.bundled is not None else []


def _check_open(work: Work, asking: bool, taken: dict[str, list[KeyVote]]) -> None:
    """Votes are fixed once people have been asked by them."""
    if not work.begun():
        return
    have = set(work.votes())
    if asking or any(vote not in have for votes in taken.values() for vote in votes if vote.family not in work.about.excluded):
        raise UsageError(
            f"people have been asked in '{work.folder}' already, by the votes that were there; further votes would change what "
            "their decisions stand for. Begin in another --folder"
        )


def _check_names(work: Work, chosen: Sequence[voters.Voter]) -> None:
    """A name stands for one voter: another model of the same name would be taken for it, and never asked."""
    families = {vote.voter: vote.family for vote in work.votes()}
    for one in chosen:
        if families.setdefault(one.name, one.family) != one.family:
            raise UsageError(
                f"voter '{one.name}' is of family '{families[one.name]}' here, not '{one.family}'; names differ or are one"
            )
    if len({one.name for one in chosen}) < len(chosen):
        raise UsageError("two voters of one name: serve one of the models under another, or leave it out")


def _take(work: Work, name: str, votes: Sequence[KeyVote]) -> int:
    have = {(vote.hash, vote.voter, vote.order): vote for vote in work.votes()}
    new = [vote for vote in votes if vote.family not in work.about.excluded and have.get(_place(vote)) != vote]
    if other := next((vote for vote in new if _place(vote) in have and not have[_place(vote)].unjudged), None):
        raise UsageError(
            f"'{name}' has other votes of '{other.voter}' than those that are there; rename the file if it is another key"
        )
    work.append(new)
    return len(new)


def _place(vote: KeyVote) -> tuple[str, str, str]:
    return vote.hash, vote.voter, vote.order
