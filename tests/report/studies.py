"""A whole study's result, made from runs on disk once, and one whose every text is hostile."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from harness.schema.study import StudyCase, StudyResult
from harness.studying.analysis import analyse
from tests.studying.made import runs, study

EVIL = "<script>alert(1)</script>|`*[x](http://a)\u202e\n# no heading"


@cache
def result() -> StudyResult:
    """Six arms, three seeds, two outcomes."""
    with tempfile.TemporaryDirectory() as folder:
        return analyse(study(), runs(Path(folder), study()), Path(folder))


def evil() -> StudyResult:
    """The same with hostile titles, levels, notes, questions and answers."""
    plain = result()
    asked = plain.study
    arms = {
        name: arm.model_copy(update={"factors": {factor: EVIL + level for factor, level in arm.factors.items()}, "about": EVIL})
        for name, arm in asked.arms.items()
    }
    case = StudyCase(
        task="demo_tu",
        sample=EVIL,
        question=EVIL,
        reference=EVIL,
        answers=dict.fromkeys(asked.arms, EVIL),
        metrics={name: {EVIL: 0.5} for name in asked.arms},
    )
    return plain.model_copy(
        update={
            "study": asked.model_copy(update={"title": EVIL, "arms": arms, "base": EVIL, "judge": EVIL}),
            "notes": (EVIL,),
            "cases": (case,),
        }
    )


def descriptive() -> StudyResult:
    """The same with a single training run an arm."""
    with tempfile.TemporaryDirectory() as folder:
        asked = study(seeds=(1,))
        return analyse(asked, runs(Path(folder), asked), Path(folder))
