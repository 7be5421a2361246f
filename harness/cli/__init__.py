"""The command line: parse, call one verb, print one noun, exit with its code. Nothing heavy is imported before it is needed.

Exit codes: 0 done · 1 unexpected error, or the model, judge or trainer cannot be used · 2 the command or a file is wrong ·
3 the run is incomplete · 4 the evidence says no (something is weak, nothing to train on, a score was lost) ·
5 undecided · 130 interrupted (the same command goes on).
"""

from harness.cli import (  # noqa: F401 - register their commands
    adapt,
    compare,
    culture,
    curate,
    data,
    data_report,
    diagnose,
    evaluation,
    gate,
    generate,
    judge_audit,
    keys,
    leaderboard,
    mix,
    refine,
    review,
    study,
    tasks,
    train,
    vocab_warmup,
    vocabulary,
)
from harness.cli.app import app, main

__all__ = ["app", "main"]
