"""`decisions.jsonl`, as it grows -> what stands of each item, without reading it all again for every question.

Other programs write the same file. It is read under the writers' lock, whole lines only; a file that became shorter, or is
another one, is read anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from harness.reviewing.resolving import outcome_of, standing
from harness.reviewing.store import DECISIONS, Review, parsed
from harness.runs.write import naming
from harness.schema import Decision, Outcome, Round

NONE: Final[Sequence[Decision]] = ()


class Following:
    """The decisions of a review, kept up to date by `refresh`."""

    def __init__(self, review: Review) -> None:
        self.review = review
        self._file, self._read_to, self._line = 0, 0, 0
        self._forget()

    def refresh(self) -> dict[str, None] | None:
        """Read what was written since; gives the items it is about, in order, or None where all must be looked at again.

        Raises:
            DataError: a line is none of a review, or the file cannot be read.
        """
        path, changed, anew = self.review.folder / DECISIONS, dict[str, None](), False
        if not path.is_file():
            anew = bool(self._read_to)
            self._forget()
            return None if anew else changed
        state = path.stat()
        if (state.st_ino, state.st_size) == (self._file, self._read_to):
            return changed
        with self.review.locked(), naming(path), path.open("rb") as file:
            state = path.stat()
            if state.st_ino != self._file or state.st_size < self._read_to:
                anew = bool(self._read_to)
                self._forget()
                self._file = state.st_ino
            file.seek(self._read_to)
            new = file.read()
        for line in new.split(b"\n")[:-1]:
            decision = parsed(Decision, line, path, self._line + 1)
            self._line, self._read_to = self._line + 1, self._read_to + len(line) + 1
            if self._take(decision):
                changed[decision.item] = None
        return None if anew else changed

    def of(self, item: str) -> Sequence[Decision]:
        """All decisions on an item as it is now, oldest first."""
        return self._by_item.get(item, NONE)

    def mine(self, item: str, who: str, which: Round) -> Decision | None:
        """What stands of one person's."""
        return self._standing.get(item, {}).get((which, who))

    def latest(self, who: str, which: Round) -> Decision | None:
        """The last line that one person wrote."""
        return self._latest.get((which, who))

    def others(self, item: str, who: str) -> int:
        """How many other people's annotations stand."""
        return sum(which == "annotation" and name != who for which, name in self._standing.get(item, ()))

    def outcome(self, item: str) -> Outcome:
        """What the decisions on an item come to."""
        found = self._outcomes.get(item)
        if found is None:
            found = self._outcomes[item] = outcome_of(item, self.of(item), self.review.wanted(self.review.items[item]))
        return found

    def _take(self, decision: Decision) -> bool:
        item = self.review.items.get(decision.item)
        if item is None or item.digest != decision.digest:
            return False
        known = self._by_item.setdefault(decision.item, [])
        known.append(decision)
        self._latest[decision.round, decision.annotator] = decision
        self._standing[decision.item] = standing(known)
        self._outcomes.pop(decision.item, None)
        return True

    def _forget(self) -> None:
        self._by_item: dict[str, list[Decision]] = {}
        self._standing: dict[str, dict[tuple[Round, str], Decision]] = {}
        self._latest: dict[tuple[Round, str], Decision] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._file, self._read_to, self._line = 0, 0, 0
