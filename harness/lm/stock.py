"""lm-eval's own tasks, and any YAML without a class of ours: lm-eval prompts and scores them, we ask, keep and count.

    StockTask   whatever `ConfigurableTask` runs: multiple_choice, loglikelihood, loglikelihood_rolling, generate_until

`Stock` stands before lm-eval's class in the order of methods and changes only what a run here needs: each document is a Sample, a
request that got no answer leaves its document out of the score, data may come from a local folder, documents are prepared once
(lm-eval calls `process_docs` again for every look at them, and one that shuffles then scores other documents than it asked).
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

from lm_eval.api.task import ConfigurableTask, Task

from harness.catalog.copies import place
from harness.data.hashing import assign_splits, content_hash
from harness.errors import DataError, HarnessError
from harness.lm import local_data
from harness.lm.picked import Picked, Prompts
from harness.schema import Kind, Sample

LIKELIHOOD: Final = frozenset({"multiple_choice", "loglikelihood", "loglikelihood_rolling"})
"""Output types that no chat endpoint can give."""
SCORING_ERRORS: Final = (
    *(ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError, RuntimeError, TypeError, ValueError),
)
"""What a task's own scoring code raises on an answer it did not expect."""
_REVISION: Final = re.compile(r"@([0-9a-f]{40})/")


class Lost:
    """Stands in the results of a request that got no answer."""

    def __repr__(self) -> str:
        return "no answer"


LOST: Final = Lost()


class Stock(Task):  # type: ignore[misc]  # lm-eval is untyped
    """What a run needs of a task that is lm-eval's."""

    kind: ClassVar[Kind | None] = None

    def __init__(self, config: Mapping[str, Any] | None = None, **_: Any) -> None:
        settings = dict(config or {})
        if isinstance(self, StockTask):
            settings.pop("class", None)
        self.called = str(settings.get("task", type(self).__name__))
        """Name, known before there is a config."""
        self.dimension = self.called
        """Dimension of its samples."""
        self.topic: str | None = None
        """Topic of its samples."""
        self.troubles: dict[str, str] = {}
        """Metric -> why it has no value."""
        self._once: dict[str, Any] = {}
        self._prompts = Prompts()
        self._copy: Path | None = None
        theirs = super().__init__
        if "config" in inspect.signature(theirs).parameters:
            theirs(config=settings)
        else:
            theirs()

    @property
    def settings(self) -> dict[str, Any]:
        """The YAML's metadata."""
        return dict(self.config.metadata or {})

    @property
    def shots(self) -> int:
        """Examples before each question."""
        return int(self.config.num_fewshot or 0)

    @property
    def filters(self) -> tuple[str, ...]:
        """Names of the ways in which an answer is read, the first one foremost."""
        return tuple(ensemble.name for ensemble in self._filters)

    def download(self, dataset_kwargs: dict[str, Any] | None = None, **more: Any) -> None:
        """The data: a local copy if there is one, else as lm-eval gets it.

        Raises:
            DataError: There is neither (says which data set, and where a copy may be put).
        """
        path, part = self.DATASET_PATH, self.DATASET_NAME
        self._copy = None if callable(self.config.custom_dataset) else place(path)
        if self._copy is not None:
            asked = self.config.test_split or self.config.validation_split
            self.dataset = local_data.read(self._copy, part, dataset_kwargs or {}, asked)
            return
        try:
            super().download(local_data.beside(dataset_kwargs, self.settings.get("config_source")), **more)
        except HarnessError:
            raise
        except Exception as error:
            raise local_data.missing(self.called, path, part, error) from error

    def training_docs(self) -> Any:
        """Prepared once, like all documents."""
        return self._prepared("train", super().training_docs)

    def validation_docs(self) -> Any:
        """Prepared once."""
        return self._prepared("validation", super().validation_docs)

    def test_docs(self) -> Any:
        """Prepared once."""
        return self._prepared("test", super().test_docs)

    def fewshot_docs(self) -> Any:
        """Where examples are drawn from; None where there is no such split and no example is wanted.

        Raises:
            DataError: Examples are wanted, and the data have not their split.
        """
        try:
            return super().fewshot_docs()
        except KeyError as error:
            if self.shots:
                there = ", ".join(sorted(map(str, self.dataset)))
                raise DataError(f"task '{self.called}' takes {self.shots} examples from {error}; there are: {there}") from None
            return None

    def doc_iterator(self, **settings: Any) -> Any:
        """The documents asked; of a batch, each under its number in the whole task."""
        picked = settings.get("samples")
        return picked.docs(self.eval_docs) if isinstance(picked, Picked) else super().doc_iterator(**settings)

    def build_all_requests(self, **settings: Any) -> None:
        """Build the requests, those of a batch as the whole task would; each carries its Sample.

        Raises:
            DataError: The task's templates or examples do not fit its documents.
        """
        samples = self.samples()
        try:
            self._prompts.build(self, super().build_all_requests, settings)
        except Exception as error:
            what = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            raise DataError(f"task '{self.called}': its questions cannot be written ({what})") from error
        for instance in self._instances:
            instance.sample = samples[instance.doc_id]

    def samples(self) -> list[Sample]:
        """All documents of the evaluated split as Samples, with their halves.

        Raises:
            DataError: A document lacks what the task's templates name.
        """
        return list(self._prepared("samples", lambda: assign_splits([self._sample(i, d) for i, d in enumerate(self.eval_docs)])))

    def apply_filters(self) -> Any:
        """Read the answers; those that are lost stay lost."""
        lost: list[Any] = []
        kept: list[Any] = []
        for one in self._instances:
            (lost if any(response is None for response in one.resps) else kept).append(one)
        if not lost:
            return super().apply_filters()
        for ensemble in self._filters:
            if kept:
                ensemble.apply(kept)
            for one in lost:
                one.filtered_resps[ensemble.name] = LOST
        return self._instances

    def process_results(self, doc: Any, results: Sequence[Any]) -> dict[str, Any]:
        """The task's own scoring; nothing for a document whose answer is lost, so that it leaves the denominator.

        Raises:
            DataError: The task's code cannot score this answer.
        """
        if any(result is LOST for result in results):
            return {}
        try:
            return dict(super().process_results(doc, results))
        except SCORING_ERRORS as error:
            what = f"{type(error).__name__}: {error}"
            raise DataError(f"task '{self.called}' cannot score the answer {str(results)[:80]!r} ({what})") from error

    def aggregation(self) -> dict[str, Callable[[Sequence[Any]], float]]:
        """Each metric's aggregation; one that fails costs its metric, not the run."""
        return {metric: partial(self._aggregate, metric, how) for metric, how in super().aggregation().items()}

    def averages(self, metric: str) -> bool:
        """Whether a metric is the mean over its samples (lm-eval takes the mean where nothing is said)."""
        how = super().aggregation().get(metric)
        return how is None or getattr(how, "__name__", "") == "mean"

    def data(self) -> dict[str, str]:
        """Data set -> SHA-256 over the documents asked and the pool of examples, and its revision where the hub told it."""
        digest = hashlib.sha256()
        for doc in (*self.eval_docs, *(self.sampler.df if self.shots else ())):
            digest.update(json.dumps(doc, sort_keys=True, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass"))
        label = "/".join(str(part) for part in (self.DATASET_PATH or self.called, self.DATASET_NAME) if part)
        found = {f"{label} (local copy)" if self._copy else label: digest.hexdigest()}
        revision = next(_revisions(self.dataset), None)
        return found | ({f"{label}@revision": revision} if revision else {})

    def generation(self) -> dict[str, Any]:
        """Generation settings and examples, as far as they are set."""
        shots = {"num_fewshot": self.shots, "fewshot_as_multiturn": False} if self.shots else {}
        return {**(self.config.generation_kwargs or {}), **shots}

    def _prepared(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._once:
            self._once[name] = make()
        return self._once[name]

    def _aggregate(self, metric: str, how: Callable[[Sequence[Any]], float], items: Sequence[Any]) -> float:
        try:
            return how(items)
        except SCORING_ERRORS as error:
            self.troubles[metric] = f"{type(error).__name__}: {error}"
            return math.nan

    def _sample(self, number: int, doc: Mapping[str, Any]) -> Sample:
        try:
            options, target, accept = self._answers(doc)
            text = self.doc_to_text(doc)
            question = text if isinstance(text, str) and text.strip() else str(self.doc_to_target(doc))
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise DataError(f"task '{self.called}': document {number} has not what the task asks for ({what})") from error
        return Sample(
            id=f"{self.called}-{number}",
            hash=content_hash("\n".join([question, *options.values()])),
            question=question.strip(),
            dimension=self.dimension,
            topic=self.topic,
            options=options,
            target=target,
            accept=accept,
        )

    def _answers(self, doc: Mapping[str, Any]) -> tuple[dict[str, str], str | None, tuple[str, ...]]:
        """Options, the right one, and others as right. A task with scoring code of its own may mean anything by its target."""
        if self.OUTPUT_TYPE != "multiple_choice":
            target = self.doc_to_target(doc)
            right = [str(one) for one in target] if isinstance(target, list) else [] if isinstance(target, int) else [str(target)]
            return {}, right[0] if right and right[0] else None, tuple(right[1:])
        choices = [str(choice) for choice in self.doc_to_choice(doc)]
        labels = choices if all(len(choice) == 1 for choice in choices) else [str(i) for i in range(1, len(choices) + 1)]
        options = dict(zip(labels, choices, strict=True))
        if self.config.process_results is not None or len(options) < len(choices):
            return options, None, ()
        gold = self.doc_to_text(doc) if self.multiple_input else self.doc_to_target(doc)
        golds = [_position(one, choices) for one in (gold if isinstance(gold, list) else [gold])]
        right = [labels[one] for one in golds if one is not None]
        return options, right[0] if right else None, tuple(right[1:])


class StockTask(Stock, ConfigurableTask):  # type: ignore[misc]
    """A task that is all in its YAML."""


def _position(gold: Any, choices: Sequence[str]) -> int | None:
    if isinstance(gold, str):
        return choices.index(gold) if gold in choices else None
    return int(gold) if 0 <= int(gold) < len(choices) else None


def _revisions(dataset: Any) -> Iterator[str]:
    """Commits in the addresses that a data set was downloaded from."""
    for split in dataset.values() if isinstance(dataset, dict) else ():
        for address in getattr(getattr(split, "info", None), "download_checksums", None) or {}:
            found = _REVISION.search(str(address))
            if found:
                yield found[1]
