"""The verbs that an adaptation chains, as one record: the real ones, or others in their place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.schema import Checkpoint, Culture, Diagnosis, Mix, RunRecord


@dataclass(frozen=True)
class Verbs:
    """Each as its module documents it. All can be asked again at no cost for what is done."""

    evaluate: Callable[..., RunRecord]
    culture: Callable[[str], Culture]
    diagnose: Callable[..., Diagnosis]
    mix: Callable[..., Mix]
    train: Callable[..., Checkpoint]


def real() -> Verbs:
    """The verbs of the command line."""
    from harness.culture import load
    from harness.verbs.diagnose import diagnose
    from harness.verbs.evaluate import evaluate
    from harness.verbs.mix import mix
    from harness.verbs.train import train

    return Verbs(evaluate, load, diagnose, mix, train)
