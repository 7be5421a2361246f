"""Review × one person -> what lies before that person: the next item, the list, how far it is; and the decision that comes back.

The queue goes from the most doubtful to the least. A person is offered what still needs a decision (`Review.wanted`), has none of
hers yet, and is on nobody else's screen. In adjudication it is what people did not agree on.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from harness.reviewing.claims import Claim, Claims
from harness.reviewing.following import Following
from harness.reviewing.showing import ListPage, Progress, Said, Shown, listed, said, shown, written
from harness.reviewing.store import Review
from harness.reviewing.tally import Filter, Tally
from harness.schema import Decision, Frozen, Round

PAGE: Final = 50
SOURCES: Final = 200


class Saved(Frozen):
    """What became of a decision."""

    decision: Said
    replaced: Said | None
    """What the same person had decided elsewhere (another tab, an import) since the item was shown."""
    written: int
    progress: Progress


class Desk:
    """The queue of one review, for any number of people. Safe to be asked from several threads."""

    def __init__(self, review: Review, *, adjudicate: bool = False, now: Callable[[], float] = time.time) -> None:
        """Bring the decisions up to date.

        Raises:
            DataError: a line of the decisions is broken.
        """
        self.review = review
        self.round: Round = "adjudication" if adjudicate else "annotation"
        self._now = now
        self._known = Following(review)
        self._claims = Claims(review.folder, now)
        self._order = list(review.items)
        self._place = {name: place for place, name in enumerate(self._order)}
        self._sources = {name: _source(item.about) for name, item in review.items.items()}
        self._counted = tuple(Counter(self._sources.values()).most_common(SOURCES))
        self._tallies: dict[str, Tally] = {}
        self._guard = threading.RLock()
        self._refresh()

    def next(self, who: str, tab: str, after: str | None = None) -> Shown | None:
        """The next item that waits for this person, behind `after` in the queue and then from its beginning; None: nothing does.

        The tab holds it for a while, and gives its earlier one back.
        """
        with self._guard:
            self._refresh()
            start = self._place.get(after, -1) + 1 if after is not None else 0
            chosen = self._claims.choose(tab, who, lambda claims: self._pick(who, start, claims))
            return None if chosen is None else self._shown(chosen, who)

    def show(self, item: str, who: str, tab: str) -> Shown:
        """A certain item; the tab holds it.

        Raises:
            UsageError: there is none of that name.
        """
        with self._guard:
            self.review.item(item)
            self._refresh()
            self._claims.choose(tab, who, lambda _: item)
            return self._shown(item, who)

    def beside(self, item: str, step: int, who: str, tab: str, which: Filter = "all", source: str = "") -> Shown | None:
        """The nearest item of a list before (-1) or behind (1) another in the queue; None at the list's ends."""
        with self._guard:
            self._refresh()
            tally, place = self._tally(who), self._place[self.review.item(item).id] + step
            while 0 <= place < len(self._order):
                name = self._order[place]
                if self._listed(name, tally, which, source):
                    return self.show(name, who, tab)
                place += step
            return None

    def held(self, item: str | None, who: str, tab: str) -> int:
        """Renew what a tab holds, or give it back (None); gives how many lines the person has written on it."""
        with self._guard:
            self._refresh()
            if item is None or item not in self.review.items:
                self._claims.choose(tab, who, lambda _: None)
                return 0
            self._claims.choose(tab, who, lambda _: item)
            return written(self._known.of(item), who, self.round)

    def decide(self, decision: Decision, seen: int | None = None) -> Saved:
        """Keep a decision, with the time of now and the round of this desk.

        Args:
            decision: what was said; `at` and `round` are set here.
            seen: lines of the person's that the item had when it was shown.

        Raises:
            UsageError: it does not fit the item, or the item has changed since.
            DataError: it could not be written.
        """
        with self._guard:
            self._refresh()
            before = self._known.of(decision.item)
            earlier = self._known.mine(decision.item, decision.annotator, self.round)
            count = written(before, decision.annotator, self.round)
            kept = self.review.append(decision.model_copy(update={"at": self._moment(), "round": self.round}))
            self._refresh()
            return Saved(
                decision=said(kept),
                replaced=said(earlier) if earlier and seen is not None and count > seen else None,
                written=written(self._known.of(decision.item), decision.annotator, self.round),
                progress=self.progress(decision.annotator),
            )

    def listing(self, who: str, which: Filter = "open", source: str = "", start: int = 0, count: int = PAGE) -> ListPage:
        """A part of the queue, in its order."""
        with self._guard:
            self._refresh()
            tally = self._tally(who)
            names = [name for name in self._order if self._listed(name, tally, which, source)]
            return ListPage(
                total=len(names),
                start=start,
                items=tuple(
                    listed(self.review.items[name], self._place[name] + 1, self._mine(name, who), tally.standing[name])
                    for name in names[start : start + count]
                ),
                sources=self._counted,
            )

    def progress(self, who: str) -> Progress:
        """How far this person, and the whole, is."""
        with self._guard:
            self._refresh()
            return self._tally(who).progress()

    def last(self, who: str) -> tuple[str, Said | None] | None:
        """The item that this person decided last, and what stood of it before; None where nothing is to be taken back."""
        with self._guard:
            self._refresh()
            latest = self._known.latest(who, self.round)
            if latest is None or latest.action == "withdraw":
                return None
            own = [one for one in self._known.of(latest.item) if one.annotator == who and one.round == self.round]
            before = own[-2] if len(own) > 1 and own[-2].action != "withdraw" else None
            return latest.item, said(before) if before else None

    def _pick(self, who: str, start: int, claims: list[Claim]) -> str | None:
        """What only the same person has before her, in another tab, comes last: that tab may be gone."""
        size, standing, own = len(self._order), self._tally(who).standing, None
        for step in range(size):
            name = self._order[(start + step) % size]
            if standing[name] == "open" and not self._taken(name, who, claims):
                if all(one.item != name for one in claims if one.who == who):
                    return name
                own = own or name
        return own

    def _taken(self, name: str, who: str, claims: list[Claim]) -> bool:
        """Whether enough others have it on their screens."""
        on_screen = {one.who for one in claims if one.item == name and one.who != who}
        if not on_screen or self.round == "adjudication":
            return bool(on_screen)
        still = {one for one in on_screen if self._known.mine(name, one, self.round) is None}
        return self._known.others(name, who) + len(still) >= self.review.wanted(self.review.items[name])

    def _listed(self, name: str, tally: Tally, which: Filter, source: str) -> bool:
        return (not source or self._sources[name] == source) and tally.holds(name, which)

    def _mine(self, name: str, who: str) -> Decision | None:
        return self._known.mine(name, who, self.round)

    def _shown(self, name: str, who: str) -> Shown:
        item = self.review.items[name]
        return shown(item, self._place[name] + 1, who, self.round, self._known, self._tally(who).standing[name])

    def _tally(self, who: str) -> Tally:
        found = self._tallies.get(who)
        if found is None:
            found = self._tallies[who] = Tally(who, self.round, self.review, self._known)
        return found

    def _moment(self) -> str:
        return datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="seconds")

    def _refresh(self) -> None:
        changed = self._known.refresh()
        if changed is None:
            self._tallies.clear()
        for tally in self._tallies.values():
            tally.update(changed or ())


def _source(about: str) -> str:
    """The first of the things that an item is about."""
    return about.split(" · ", 1)[0]
