"""What judges a run: settings shared by all tasks of one `evaluate()` call, and the one pool in which they are judged.

lm-eval hands a task no way to reach its neighbours, but it generates for *all* tasks before it filters the first one. So tasks
enrol here when their requests are built, and the first `apply_filters` judges every enrolled response at once: judging five tasks
one after the other left the pool idle at each boundary (8.0-10.3 s against 6.6-7.5 s for 678 verdicts at 0.5 s).

`harness eval` enters a session; under plain `lm-eval` a default one is made from `$HARNESS_JUDGE` and `$HARNESS_THRESHOLD`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.judging import judge_all
from harness.judging.choose import make_judge
from harness.judging.items import Judge, JudgeItem
from harness.judging.rubric import Rubric
from harness.schema import Verdict

if TYPE_CHECKING:
    from harness.lm.tasks import JudgedTask

DEFAULT_THRESHOLD = 90.0


class Session:
    """The judge of one evaluation and the tasks waiting for it."""

    def __init__(self, judge: Judge | None, threshold: float, progress: Callable[[int, int], None] | None = None) -> None:
        self.judge = judge
        """None: responses stay unjudged (`--no-judge`)."""
        self.threshold = threshold
        """T of ACC = share of scores >= T (0-100)."""
        self._progress = progress
        self._waiting: list[JudgedTask] = []

    def enrol(self, task: JudgedTask) -> None:
        """Note that the task's responses will want verdicts."""
        self._waiting.append(task)

    def judge_waiting(self) -> None:
        """Judge all enrolled tasks that have responses, in one pool, and hand each its verdicts."""
        tasks = [task for task in self._waiting if task.has_responses()]
        self._waiting.clear()
        if self.judge is None or not tasks:
            return
        batches = [task.batches() for task in tasks]
        verdicts = iter(self._ask(self.judge, [batch for of in batches for batch in of]))
        for task, of in zip(tasks, batches, strict=True):
            task.take([next(verdicts) for _ in of])

    def _ask(self, judge: Judge, batches: list[tuple[Rubric, list[JudgeItem]]]) -> list[list[Verdict]]:
        total, done = sum(len(items) for _, items in batches), 0

        def more(count: int) -> None:
            nonlocal done
            done += count
            if self._progress is not None:
                self._progress(done, total)

        return judge_all(judge, batches, more)


_active: Session | None = None


@contextmanager
def entered(session: Session) -> Iterator[Session]:
    """Make `session` the one that tasks enrol in."""
    global _active  # noqa: PLW0603 - lm-eval builds the tasks and passes them nothing of ours
    before, _active = _active, session
    try:
        yield session
    finally:
        _active = before


def current() -> Session:
    """The entered session, or under plain `lm-eval` one made from the environment.

    Raises:
        UsageError: `$HARNESS_THRESHOLD` is not a number.
        JudgeError: `$HARNESS_JUDGE` cannot be set up.
    """
    global _active  # noqa: PLW0603
    if _active is None:
        _active = Session(make_judge(os.environ.get("HARNESS_JUDGE", "rules")), _threshold())
    return _active


def _threshold() -> float:
    text = os.environ.get("HARNESS_THRESHOLD", str(DEFAULT_THRESHOLD))
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"HARNESS_THRESHOLD is '{text}', not a number from 0 to 100") from None
