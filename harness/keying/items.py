"""Benchmark name -> its questions, each text once, without whatever answers a key has given them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from harness import catalog, folders
from harness.errors import UsageError
from harness.keying.ranges import shown
from harness.keying.stretches import Stretches
from harness.schema import KeyKind, KeyVote, Sample


@dataclass(frozen=True)
class Items:
    """What is to be keyed."""

    benchmark: str
    kind: KeyKind
    by_hash: dict[str, Sample]
    """Content hash -> the question, in the benchmark's order, as it first stands there."""
    copies: int
    """Samples of the benchmark, equal texts counted each time."""
    bundled: Path | None
    """The key that the benchmark's tasks name, if they name one."""

    @property
    def sha256(self) -> str:
        """Digest of all content hashes."""
        return hashlib.sha256("\n".join(sorted(self.by_hash)).encode()).hexdigest()

    @cached_property
    def stretches(self) -> Stretches:
        """What no published key may repeat: the texts of all questions, their histories and options."""
        return Stretches(
            text
            for sample in self.by_hash.values()
            for text in (sample.question, *(turn.content for turn in sample.history), *sample.options.values())
        )

    def area(self, name: str) -> str:
        """Dimension of an item."""
        return self.by_hash[name].dimension

    def options(self, name: str) -> str:
        """The letters of an item's options, in order; empty if it has none."""
        return "".join(self.by_hash[name].options)

    def misfit(self, vote: KeyVote) -> str:
        """Why a vote on one of these questions cannot be one; empty if it can."""
        if vote.answer is not None and vote.answer not in self.by_hash[vote.hash].options:
            return f"votes '{vote.answer}' on {vote.hash}, which has {self.options(vote.hash) or 'no options'}"
        if vote.text is None:
            return ""
        if self.kind == "choice":
            return f"proposes a text for {vote.hash}, which has options {self.options(vote.hash)}"
        try:
            shown(vote.text, self.by_hash[vote.hash].question)
        except ValueError as error:
            return f"on {vote.hash}: {error}"
        return ""


def load(benchmark: str) -> Items:
    """The questions of a group or task.

    Raises:
        UsageError: there is no such benchmark, it has no right answers (refusals), or some of its questions have
            options and some have none.
        DataError: its files are missing or broken.
    """
    known = catalog.read()
    entries = tuple((leaf, known.find(leaf).digest) for leaf in known.leaves(benchmark))
    return _load(benchmark, entries)


@lru_cache(maxsize=8)
def _load(benchmark: str, entries: tuple[tuple[str, str], ...]) -> Items:
    from harness.lm import run
    from harness.lm.tasks import ChoiceTask, ScoreTask

    names = [name for name, _ in entries]
    loaded = run.load(names, folders.task_folders(), {}, {}, catalog.read().under(names))
    if wrong := next((name for name in names if not isinstance(loaded.tasks[name], ChoiceTask | ScoreTask)), None):
        raise UsageError(f"'{wrong}' has no right answers to be proposed; keys are for questions with options or with references")
    samples = [_bare(sample) for name in names for sample in loaded.items(name)]
    kinds = {bool(sample.options) for sample in samples}
    if len(kinds) > 1:
        raise UsageError(f"'{benchmark}' mixes questions with and without options; make a key for each of its groups")
    by_hash: dict[str, Sample] = {}
    for sample in samples:
        by_hash.setdefault(sample.hash, sample)
    kind: KeyKind = "choice" if kinds == {True} else "text"
    return Items(benchmark, kind, by_hash, len(samples), _bundled(names))


def _bare(sample: Sample) -> Sample:
    return sample.model_copy(update={"target": None, "target_kind": None, "accept": (), "points": (), "target_confidence": None})


def _bundled(names: list[str]) -> Path | None:
    known = catalog.read()
    found = {
        (entry.path.parent / str(entry.metadata["keys"])).resolve()
        for entry in map(known.find, names)
        if entry.metadata.get("keys")
    }
    return min(found) if found else None
