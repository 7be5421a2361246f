"""Board × Labels -> the labelled answers, each with its stratum and how many answers it stands for.

A sheet drawn from this run by what its judge said has strata that the run itself can name, so the judge's values of everything
that was not labelled take part in each. Of any other sheet (drawn by another judge's verdicts, or for two runs at once) only the
strata's sizes are known, and labels stand for them alone. Labels without strata are a simple random sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from harness.auditing.answers import Answer, Board, Word
from harness.auditing.labels import Labels
from harness.auditing.strata import HARMFUL, code, stratum_of
from harness.schema import Label
from harness.stats.ppi import Stratum

Value = Callable[[Answer, Word], float | None]
"""What an answer counts if that is said of it; None where it does not apply."""


@dataclass(frozen=True)
class Labelled:
    """One answer that people labelled."""

    answer: Answer
    words: tuple[Word, ...]
    """One a person."""
    stratum: str

    def truth(self, value: Value) -> float | None:
        """Mean over people of a value."""
        said = [value(self.answer, word) for word in self.words]
        known = [one for one in said if one is not None]
        return fmean(known) if known else None


@dataclass(frozen=True)
class Sampled:
    """A board with the answers that people labelled."""

    board: Board
    items: tuple[Labelled, ...]
    sizes: dict[str, int]
    """Stratum -> answers."""
    own: bool
    """The strata are this judge's, so that it is known which answer lies in which."""
    members: dict[str, tuple[Answer, ...]]
    """Stratum -> all its answers, where that is known."""

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """How many answers each labelled one stands for."""
        counts = {name: sum(item.stratum == name for item in self.items) for name in self.sizes}
        return tuple(self.sizes[item.stratum] / counts[item.stratum] for item in self.items)

    @property
    def unseen(self) -> int:
        """Answers in strata without any label."""
        labelled = {item.stratum for item in self.items}
        return len(self.board.answers) - sum(size for name, size in self.sizes.items() if name in labelled)

    def strata(self, value: Value) -> list[Stratum]:
        """People's and the judge's values, by stratum; where nobody labelled, the judge's stand alone."""
        found = []
        for name in sorted(self.sizes):
            mine = [item for item in self.items if item.stratum == name]
            pairs = [(t, value(i.answer, i.answer.word)) for i in mine if (t := i.truth(value)) is not None]
            known = [(truth, judged) for truth, judged in pairs if judged is not None]
            if mine and not known:
                continue
            judged = [one[1] if name in self.members else 0.0 for one in known]
            found.append(Stratum([one[0] for one in known], judged, self._rest(name, mine, value)))
        if not self.members and self.unseen > 0:
            found.append(Stratum((), (), self._blind(value)))
        return found

    def _rest(self, name: str, mine: Sequence[Labelled], value: Value) -> list[float]:
        if name not in self.members:
            return [0.0] * (self.sizes[name] - len(mine))
        labelled = {item.answer.hash for item in mine}
        values = [value(one, one.word) for one in self.members[name] if one.hash not in labelled]
        return [one for one in values if one is not None]

    def _blind(self, value: Value) -> list[float]:
        values = [one for answer in self.board.answers if (one := value(answer, answer.word)) is not None]
        return [fmean(values)] * self.unseen if values else []


def sample(run: str, board: Board, labels: Labels) -> Sampled:
    """The labels of one board; all of them have a stratum, or none has."""
    own = {answer.hash: code(run, board, stratum_of(board, answer)) for answer in board.answers}
    members: dict[str, list[Answer]] = {}
    for answer in board.answers:
        members.setdefault(own[answer.hash], []).append(answer)
    found = [(answer, labels.by_answer[answer.hash]) for answer in board.answers if answer.hash in labels.by_answer]
    rows = [label for _, mine in found for label in mine]
    if rows and not any(label.stratum for label in rows):
        items = tuple(Labelled(answer, words(mine), "all") for answer, mine in found)
        return Sampled(board, items, {"all": len(board.answers)}, own=False, members={"all": board.answers})
    if all(label.stratum == own[label.hash] and label.stratum_size == len(members[own[label.hash]]) for label in rows):
        items = tuple(Labelled(answer, words(mine), own[answer.hash]) for answer, mine in found)
        known = {name: tuple(answers) for name, answers in members.items()}
        return Sampled(board, items, {name: len(one) for name, one in known.items()}, own=True, members=known)
    sizes = {label.stratum or "none": label.stratum_size or 1 for label in rows}
    items = tuple(Labelled(answer, words(mine), mine[0].stratum or "none") for answer, mine in found)
    return Sampled(board, items, sizes, own=False, members={})


def harmful_stratum(run: str, board: Board) -> str:
    """The stratum of all that the judge calls harmful."""
    return code(run, board, HARMFUL)


def words(labels: Sequence[Label]) -> tuple[Word, ...]:
    """What each person said."""
    return tuple(Word(label.label, label.degree, label.score) for label in labels)
