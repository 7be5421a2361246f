"""Plan -> Delivery: the trainer's process from start to last word. Nothing of it is left when this returns, however it ends.

`delivery.json` is the only sign of success: a trainer may die in its own teardown after it, and has failed without it, whatever
its exit status says.
"""

from __future__ import annotations

import contextlib
import math
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from harness.errors import TrainerError
from harness.processes import supervised
from harness.report.text import one_line
from harness.schema import Delivery
from harness.training.complaint import DELIVERY, ERROR, complaint
from harness.training.follow import PROGRESS, Follower, Progress
from harness.training.plan import Plan
from harness.training.trainers import command

RECIPE: Final = "recipe.json"
LOG: Final = "log.txt"
MAX_DELIVERY: Final = 1 << 20
MAX_LOG: Final = 1 << 30
"""Bytes a trainer may print; one that prints more is ended before it fills the disk."""
PATIENCE: Final = 60.0
"""Seconds a trainer has to end after its last word."""
MAX_VERSIONS: Final = 200
ENVIRONMENT: Final = {
    "PYTHONUNBUFFERED": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
"""Set unless the user or the trainer set them: base and rows are here, so a trainer needs no network."""
_TICK: Final = 0.1

Follow = Callable[[Progress], None]


def launch(plan: Plan, follow: Follow | None = None) -> Delivery:
    """Run the trainer on `training/recipe.json`, or go on with what it delivered before.

    Args:
        plan: what is trained; its work folder exists and holds recipe.json.
        follow: called with the newest progress, a few times a second at most.

    Raises:
        TrainerError: it did not deliver; the message says why and where its log is.
    """
    work = Path(plan.recipe.work)
    if not (work / DELIVERY).exists():
        _run(plan, work, follow)
    return read_delivery(work)


def read_delivery(work: Path) -> Delivery:
    """The trainer's last word.

    Raises:
        TrainerError: it is not what a delivery is.
    """
    file = work / DELIVERY
    try:
        if not file.is_file():
            raise TrainerError(f"{file}: is no plain file; remove it to let the trainer go on")
        with file.open("rb") as opened:
            content = opened.read(MAX_DELIVERY + 1)
        if len(content) > MAX_DELIVERY:
            raise TrainerError(f"{file}: a delivery of more than {MAX_DELIVERY:,} bytes; remove it to let the trainer go on")
        delivery = Delivery.model_validate_json(content)
    except OSError as error:
        raise TrainerError(f"{file}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        what = one_line(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}", 200)
        raise TrainerError(f"{file}: is no delivery ({what}); remove it to let the trainer go on") from None
    _check(delivery, file)
    return delivery


def _check(delivery: Delivery, file: Path) -> None:
    report = delivery.report
    for name in ("first_loss", "final_loss"):
        value = getattr(report, name)
        if value is not None and not math.isfinite(value):
            raise TrainerError(f"{file}: {name} is {value}: the training diverged; try a lower learning_rate, with --force")
    for name, value in report.model_dump().items():
        if isinstance(value, int | float) and not (0 <= value < math.inf) and name not in ("first_loss", "final_loss"):
            raise TrainerError(f"{file}: {name} is {value}, which cannot be")
    if len(delivery.versions) > MAX_VERSIONS or any(
        len(text) > MAX_VERSIONS for pair in delivery.versions.items() for text in pair
    ):
        raise TrainerError(f"{file}: versions has more than {MAX_VERSIONS} entries, or one as long")


def _run(plan: Plan, work: Path, follow: Follow | None) -> None:
    words = command(plan.trainer, work / RECIPE)
    (work / ERROR).unlink(missing_ok=True)
    log = _fresh_log(work)
    follower = Follower(work / PROGRESS)
    environment = {**ENVIRONMENT, **plan.trainer.environment}
    status: int | None = None
    with supervised(words, log=log, folder=work, environment=environment) as (process, _):
        status = _wait(process, work, log, follower, follow)
    if not (work / DELIVERY).exists():
        raise TrainerError(_failure(plan, work, log, follower, status))


def _wait(process: subprocess.Popen[bytes], work: Path, log: Path, follower: Follower, follow: Follow | None) -> int | None:
    """Until the trainer ends; None if it had to be ended after its last word."""
    until = math.inf
    while True:
        ended = process.poll() is not None
        progress = follower.read()
        if progress is not None and follow is not None:
            follow(progress)
        if ended:
            return process.returncode
        if until == math.inf and (work / DELIVERY).exists():
            until = time.monotonic() + PATIENCE
        if time.monotonic() > until:
            return None
        if log.stat().st_size > MAX_LOG:
            raise TrainerError(f"the trainer printed more than {MAX_LOG:,} bytes and was ended; see {log}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_TICK)


def _failure(plan: Plan, work: Path, log: Path, follower: Follower, status: int | None) -> str:
    last = follower.last
    where = f" at step {last.step} of {last.steps}" if last else ""
    again = "; the same command goes on" if plan.trainer.resumable and last else ""
    return f"trainer '{plan.trainer.name}' failed{where}: {complaint(work, log, status)}; its log: {log}{again}"


def _fresh_log(work: Path) -> Path:
    """`log.txt`; what an earlier attempt printed stays as `log.1.txt` and so on."""
    log = work / LOG
    if log.exists():
        number = 1
        while (work / f"log.{number}.txt").exists():
            number += 1
        log.rename(work / f"log.{number}.txt")
    return log
