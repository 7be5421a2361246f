"""Arms -> how large their vocabularies are, and how many tokens a line of the study's text takes in each."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, Final

from harness.errors import ModelError
from harness.schema.study import BASE_VOCABULARY, Study
from harness.studying.places import Places
from harness.studying.planning import Leaf, PlannedStep, StudyPlan
from harness.studying.steps import texts

LINES: Final = 1000
"""Lines of each text that are counted, at most."""


class Counter:
    """Counts each vocabulary once."""

    def __init__(self, study: Study, plan: StudyPlan, places: Places) -> None:
        self.study, self.plan, self.places = study, plan, places
        self._found: dict[str, tuple[int | None, float | None]] = {}
        self._text: list[str] | None = None

    def of(self, leaf: Leaf) -> tuple[int | None, float | None]:
        """Size of an arm's vocabulary, and tokens of a line; None where the study extends none.

        Raises:
            ModelError: a tokenizer cannot be loaded.
        """
        if not self.study.vocabularies:
            return None, None
        vocabulary = self.study.arms[leaf.arm].vocabulary
        if vocabulary not in self._found:
            self._found[vocabulary] = self._counted(self._folder(vocabulary))
        return self._found[vocabulary]

    def _folder(self, vocabulary: str) -> Path:
        from harness.models import resolve

        if vocabulary == BASE_VOCABULARY:
            return Path(resolve(self.study.base).source)
        step = self._extended(vocabulary)
        return Path(resolve(str(self.places.checkpoints / step.step.name)).source)

    def _extended(self, vocabulary: str) -> PlannedStep:
        return next(one for one in self.plan.steps if one.step.kind == "extend" and one.vocabulary == vocabulary)

    def _counted(self, folder: Path) -> tuple[int | None, float | None]:
        tokenizer, lines = _tokenizer(folder), self._lines()
        if not lines:
            return len(tokenizer), None
        ids = tokenizer(lines, add_special_tokens=False, verbose=False)["input_ids"]
        return len(tokenizer), round(sum(map(len, ids)) / len(lines), 3)

    def _lines(self) -> list[str]:
        """Some lines of every text that a vocabulary of the study was learnt from."""
        from harness.vocabulary.texts import find

        if self._text is None:
            learnt = [self._extended(name) for name in self.study.vocabularies if self._used(name)]
            specs = dict.fromkeys(text for step in learnt for text in texts(step, self.study, self.places))
            self._text = [line for text in find(list(specs)) for line in islice(text, LINES)] if specs else []
        return self._text

    def _used(self, vocabulary: str) -> bool:
        return any(one.vocabulary == vocabulary for one in self.plan.steps)


def _tokenizer(folder: Path) -> Any:
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise ModelError("counting tokens needs pip install 'culture-harness[hf]'") from None
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
