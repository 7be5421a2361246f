"""SampleResult -> what an answer given without reading would have scored on it.

Keys of yes/no items are imbalanced: by hand count nearly all binary items of one CHiSafetyBench area have the target A, so an ACC
of 92% there says nothing until the constant answer's ACC stands beside it. The baselines are taken over exactly the samples
behind `acc`, and they are facts about the items, not estimates: they carry no interval.
"""

from __future__ import annotations

from typing import Final

from harness.schema import SampleResult

BASELINES: Final = ("acc_always_a", "acc_always_b", "acc_chance")


def baselines(result: SampleResult) -> dict[str, float]:
    """Value of each baseline on one sample; empty unless it is a choice item with a target that counts in `acc`.

    Options that have no letters (texts compared by likelihood) cannot be answered by one.
    """
    sample = result.sample
    if "acc" not in result.metrics or sample.target is None or not sample.options:
        return {}
    letters = {"acc_always_a": "A", "acc_always_b": "B"}
    constant = {metric: float(sample.target == letter) for metric, letter in letters.items() if letter in sample.options}
    return {**constant, "acc_chance": 1 / len(sample.options)}
