"""Run × key in the making -> ACC, and between what it lies if as many answers are wrong as cannot be ruled out.

If a share e of the answers is wrong, a model's true accuracy over all of them is within e of what the key says, whichever they
are: each changes one item from right to wrong or back. Of a part of the benchmark that does not hold. If errors fall at random on
two-option items, differences between models shrink by 1 - 2e.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.errors import NotComparable
from harness.keying.counting import Ruling, State
from harness.schema import KeyAccuracy, SampleResult


def accuracy(state: State, run: str, results: Iterable[SampleResult], bound: float | None) -> KeyAccuracy:
    """ACC of a run on the items that the key answers, with and without the contested ones.

    Args:
        state: the key.
        run: id of the run, for the record.
        results: its samples; those that are not of this benchmark are passed over.
        bound: share of the answers that can be wrong; None: unknown, and so is where ACC lies.

    Raises:
        NotComparable: no sample of the run has an answer.
    """
    right, answered, contested, missing = 0.0, 0, 0, 0
    for result in results:
        name = result.sample.hash
        if name not in state.items.by_hash:
            continue
        ruling = state.rulings.get(name)
        value = None if ruling is None or ruling.contested else _value(result, ruling)
        if value is not None:
            right, answered = right + value, answered + 1
        elif ruling is not None and ruling.contested:
            contested += 1
        else:
            missing += 1
    if not answered:
        raise NotComparable(f"run '{run}' has no sample of '{state.items.benchmark}' that the key answers")
    acc, total = right / answered, answered + contested
    return KeyAccuracy(
        run=run,
        key="in the making",
        n=answered,
        contested=contested,
        missing=missing,
        acc=acc,
        low=None if bound is None else max(0.0, acc - bound),
        high=None if bound is None else min(1.0, acc + bound),
        with_contested=(right / total, (right + contested) / total),
    )


def _value(result: SampleResult, ruling: Ruling) -> float | None:
    """Whether the letter is right; of a judged answer, what its judge said with the key that the run had."""
    if ruling.answer is None:
        return result.metrics.get("acc")
    return float(result.verdict is not None and result.verdict.label == ruling.answer)
