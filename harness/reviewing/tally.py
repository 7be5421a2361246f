"""Where each item stands for one person, and the counts of it, kept up to date by the items that change: a queue may be long."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Final, Literal

from harness.reviewing.following import Following
from harness.reviewing.showing import Band, Progress, Standing, needed
from harness.reviewing.store import Review
from harness.schema import Decision, Round

Filter = Literal["open", "mine", "flagged", "noted", "all"]
BANDS: Final = ((0.75, "75–100%"), (0.5, "50–75%"), (0.25, "25–50%"), (0.0, "0–25%"))
RECENT: Final = 50
"""Decisions that the speed is taken of."""


class Tally:
    """One person's counts."""

    def __init__(self, who: str, which: Round, review: Review, known: Following) -> None:
        self.who, self.which = who, which
        self.standing: dict[str, Standing] = {}
        """Of every item."""
        self._review, self._known = review, known
        self._counts = Counter[Standing]()
        self._settled = dict[str, bool]()
        self._settled_count = 0
        self._bands = {name: next(label for least, label in BANDS if one.doubt >= least) for name, one in review.items.items()}
        self._sizes, self._done = Counter(self._bands.values()), Counter[str]()
        self._timed = dict[str, float]()
        self.update(review.items)

    def update(self, items: Iterable[str]) -> None:
        """Look at these items again."""
        for name in items:
            mine = self._known.mine(name, self.who, self.which)
            self._count(name, self._stands(name, mine), not needed(self._known.outcome(name).state))
            self._timed.pop(name, None)
            if mine is not None and mine.seconds is not None:
                self._timed[name] = mine.seconds

    def holds(self, name: str, which: Filter) -> bool:
        """Whether an item passes a filter."""
        if which == "all" or self.standing[name] == which:
            return True
        if which not in ("flagged", "noted") or self.standing[name] != "mine":
            return False
        mine = self._known.mine(name, self.who, self.which)
        return mine is not None and (mine.action == "flag" if which == "flagged" else bool(mine.note))

    def progress(self) -> Progress:
        """The counts, now."""
        hidden = self._review.about.kind == "label" or len(self._sizes) == 1 or self.which == "adjudication"
        recent = list(islice(reversed(self._timed.values()), RECENT))
        return Progress(
            mine=self._counts["mine"],
            open=self._counts["open"],
            settled=self._settled_count,
            items=len(self.standing),
            bands=()
            if hidden
            else tuple(Band(name=b, done=self._done[b], items=self._sizes[b]) for _, b in BANDS if self._sizes[b]),
            seconds=statistics.median(recent) if recent else None,
        )

    def _count(self, name: str, standing: Standing, settled: bool) -> None:
        before = self.standing.get(name)
        if before is not None:
            self._counts[before] -= 1
            self._done[self._bands[name]] -= before != "open"
        self._settled_count += settled - self._settled.get(name, False)
        self.standing[name], self._settled[name] = standing, settled
        self._counts[standing] += 1
        self._done[self._bands[name]] += standing != "open"

    def _stands(self, name: str, mine: Decision | None) -> Standing:
        if mine is not None:
            return "mine"
        if self.which == "adjudication":
            state = self._known.outcome(name).state
            return "open" if state == "split" else "waiting" if state == "open" else "others"
        return "open" if self._known.others(name, self.who) < self._review.wanted(self._review.items[name]) else "others"
