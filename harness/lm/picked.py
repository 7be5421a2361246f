"""Some documents of a task, asked as if the whole task were: for gates that ask batch by batch.

lm-eval's `samples=` was made for one look at a few documents, and three things of it do not hold for batches:

    it numbers the documents that it keeps anew          here each keeps its number, so that answers of all batches fit together
    it looks each document up in a list                  here in a set: 5% of 14,000 documents are 10 million comparisons less
    it draws the examples of a prompt as documents come  here as the whole task draws them, or document 700 would be shown other
                                                         examples than the baseline was
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from lm_eval.api.instance import Instance


class Picked:
    """Numbers of documents, for the `samples` of lm-eval's `evaluate`."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._numbers = tuple(sorted(set(numbers)))
        self._there = frozenset(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __contains__(self, number: object) -> bool:
        return number in self._there

    def __getitem__(self, number: int) -> int:
        """lm-eval asks for a document's number by its place among those picked; here the place is the number."""
        return number

    def docs(self, everything: Any) -> Iterator[tuple[int, Any]]:
        """Number and document of each that was picked, in the benchmark's order."""
        if hasattr(everything, "__getitem__"):
            return ((number, everything[number]) for number in self._numbers)
        return ((number, doc) for number, doc in enumerate(everything) if number in self._there)


class Prompts:
    """The requests of a task whose examples are drawn at random: written once, for all its documents, then picked from."""

    def __init__(self) -> None:
        self._all: list[Instance] = []

    def build(self, task: Any, build: Callable[..., None], settings: Mapping[str, Any]) -> None:
        """Leave in `task._instances` the requests that `settings` ask for.

        Args:
            task: of lm-eval's class, or one of ours.
            build: lm-eval's own `build_all_requests` of this task.
            settings: what it was called with.
        """
        picked = settings.get("samples")
        if not isinstance(picked, Picked) or not task.config.num_fewshot:
            return build(**settings)
        if not self._all:
            build(**{**settings, "samples": None})
            self._all = list(task._instances)
        task._instances = [instance for instance in self._all if instance.doc_id in picked]
        return None
