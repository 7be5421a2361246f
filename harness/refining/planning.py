"""DataSet × people's decisions × what is asked -> Plan: which rows are answered again, and what is done with all others."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import culture as cultures
from harness.errors import UsageError
from harness.refining import decisions
from harness.refining.asking import TRIES
from harness.refining.decisions import People, Ruling, What
from harness.refining.guidance import Guidance
from harness.refining.guidance import load as load_guidance
from harness.refining.refining import Job, Turns, is_safety, replies_of
from harness.rows import dataset as files
from harness.schema import Culture, DataSet

Wanted = tuple[int, Ruling]
"""Place of a row in its data set, and that it is to be answered again."""


@dataclass(frozen=True)
class Asked:
    """What is asked of a refinement."""

    model: str | None = None
    """`openai:MODEL` or `URL#MODEL`."""
    review: Path | None = None
    """Folder of people's decisions; None: `review` in the data set's, if there is one."""
    what: What = "all"
    doubt: float = 0.5
    """A rule's flag counts from this on, 0-1."""
    turns: Turns = "last"
    guidance: Path | None = None
    max_rows: int | None = None
    drop_unrefined: bool = False
    tries: int = TRIES
    temperature: float = 0.3
    max_tokens: int = 2048
    concurrency: int = 32
    timeout: float = 180.0
    retries: int = 5
    """Further attempts at a request that failed."""

    @property
    def params(self) -> dict[str, Any]:
        """Of every request."""
        return {"temperature": self.temperature, "max_tokens": self.max_tokens}

    @property
    def settings(self) -> list[Any]:
        """All that decides the rows, beside the files."""
        chosen = [self.what, self.doubt, self.turns, self.max_rows, self.drop_unrefined]
        return [self.model, *chosen, self.tries, self.params]


@dataclass(frozen=True)
class Plan:
    """A refinement, planned."""

    dataset: Path
    asked: Asked
    about: DataSet
    culture: Culture
    people: People
    guidance: Guidance | None
    """None where nothing is to be asked."""
    jobs: tuple[Job, ...]
    left: frozenset[int]
    """Places of rows beyond `max_rows`."""
    counts: Mapping[str, int]
    """What people did, as `PeopleCounts` names it -> rows."""
    reasons: Mapping[str, int]
    """Why rows are to be answered again -> rows."""

    @property
    def made_by(self) -> str:
        """For the manifest."""
        return f"refine {self.asked.model}" if self.jobs else "refine"

    def rulings(self) -> Iterator[Wanted]:
        """Every row of the data set, with its place and what is to be done with it."""
        yield from _rulings(self.dataset, self.people, self.asked)


def plan(dataset: Path, asked: Asked) -> Plan:
    """Read everything once.

    Raises:
        UsageError: there is no data set, no such review, or no guidance.
        DataError: a file of them is broken.
    """
    about = files.read_dataset(dataset)
    culture = cultures.load(about.culture)
    people = decisions.read_people(dataset, about, asked.review)
    said: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    wanted: list[Wanted] = []
    for place, ruling in _rulings(dataset, people, asked):
        if ruling.said:
            said[ruling.said] += 1
        if ruling.by:
            wanted.append((place, ruling))
            reasons.update(_named(ruling))
    chosen = _most_doubtful(wanted, asked.max_rows)
    jobs = tuple(_job(place, ruling, asked.turns, culture) for place, ruling in chosen)
    left = frozenset(place for place, _ in wanted) - {place for place, _ in chosen}
    guidance = load_guidance(culture, "refine", asked.guidance) if jobs else None
    return Plan(dataset, asked, about, culture, people, guidance, jobs, left, said, dict(sorted(reasons.items())))


def _rulings(dataset: Path, people: People, asked: Asked) -> Iterator[Wanted]:
    for place, row in enumerate(files.read_rows(dataset)):
        yield place, decisions.rule(row, people, asked.what, asked.doubt)


def _named(ruling: Ruling) -> tuple[str, ...]:
    """Reasons by which rows are counted: flags without their detail, but not what people wrote."""
    return ("people",) if ruling.by == "people" else tuple(dict.fromkeys(name.partition(" (")[0] for name in ruling.reasons))


def _most_doubtful(wanted: Sequence[Wanted], most: int | None) -> Sequence[Wanted]:
    """At most so many: people's before rules', the most doubtful first; given back in the order of the data set."""
    if most is None or len(wanted) <= most:
        return wanted
    chosen = heapq.nsmallest(most, wanted, key=lambda one: (one[1].by != "people", -one[1].doubt, one[0]))
    return sorted(chosen, key=lambda one: one[0])


def _job(place: int, ruling: Ruling, turns: Turns, culture: Culture) -> Job:
    row = ruling.row
    if not ruling.by:
        raise UsageError(f"row '{row.id}' is not to be answered again")
    return Job(place, row, ruling.by, ruling.reasons, replies_of(row, turns), is_safety(row, culture))
