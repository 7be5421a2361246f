"""recipe.json -> a model folder and delivery.json, by `train.py recipe.json`.

The same file is the launcher and, with `--worker`, each of the processes it starts. It ends with 0 when the model is delivered;
else with one line on the standard error stream, the cause in `error.json`, and a status that names its kind (see `ft_fault`).
Everything else that is printed, tracebacks included, goes to `logs/` in the recipe's work folder.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from ft_fault import ERROR_FILE, INTERRUPTED, PEER, STATUS, STOPPED, Fault, Stopped, classify, peer_is_gone, record, settle
from ft_launch import LOGS, alone, die_with_parent, launch, log_of, world_of
from ft_recipe import Recipe, check_rows, read, work_in
from ft_resume import move, newest, recipe_digest, sweep

SCRIPT = Path(__file__).resolve()


def main(words: list[str]) -> int:
    """Runs a recipe; returns the exit status."""
    if len(words) != 1 or words[0].startswith("-"):
        return _say("usage: train.py recipe.json", STATUS["recipe"])
    file = Path(words[0]).resolve()
    work = work_in(file)
    try:
        _run(file)
    except Stopped:
        return _say("stopped; the same command goes on from the last checkpoint", STOPPED)
    except KeyboardInterrupt:
        return _say("interrupted", INTERRUPTED)
    except (Fault, OSError) as error:
        fault = classify(error)
        if work is not None:
            settle(work, fault)
        return _say(str(fault), fault.status)
    return 0


def _run(file: Path) -> None:
    recipe = read(file)
    _begin(recipe)
    if recipe.hyper.distributed == "none":
        alone()
        _in_this_process(recipe)
    else:
        launch(SCRIPT, file, recipe)


def worker(words: list[str]) -> NoReturn:
    """One process of several. Ends without the interpreter's own cleaning up, which waits for processes that may be gone."""
    die_with_parent()
    recipe, rank = read(Path(words[0])), int(os.environ["RANK"])
    _redirect(log_of(recipe.work_folder, rank))
    status = 0
    try:
        _train(recipe)
    except Stopped:
        status = STOPPED
    except Exception as error:  # noqa: BLE001 - the last border of a process: whatever it is, its kind decides the status
        status = _status(error, recipe, rank)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _status(error: Exception, recipe: Recipe, rank: int) -> int:
    _trace(log_of(recipe.work_folder, rank))
    if peer_is_gone(error):
        return PEER
    fault = _with_log(classify(error), log_of(recipe.work_folder, rank))
    record(recipe.work_folder, fault, rank)
    return fault.status


def _trace(log: Path) -> None:
    with log.open("a", encoding="utf-8") as file:
        traceback.print_exc(file=file)


def _with_log(fault: Fault, log: Path) -> Fault:
    """An error nobody foresaw is understood by its traceback alone."""
    return Fault("error", f"{fault}; see {log}") if fault.kind == "error" else fault


def _begin(recipe: Recipe) -> None:
    """The work folder as a start finds it: without earlier last words, without torn checkpoints."""
    work = recipe.work_folder
    (work / LOGS).mkdir(parents=True, exist_ok=True)
    for stale in (ERROR_FILE, "delivery.json"):
        (work / stale).unlink(missing_ok=True)
    check_rows(recipe)
    sweep(work)
    found = newest(work, recipe_digest(recipe))
    if found is not None and recipe.hyper.zero_stage and found.mark.world != world_of(recipe):
        move(found, recipe.hyper.zero_stage)


def _in_this_process(recipe: Recipe) -> None:
    """Trains here; what libraries print goes to the log, as it does for workers."""
    said = os.dup(1), os.dup(2)
    log = log_of(recipe.work_folder, 0)
    _redirect(log)
    try:
        _train(recipe)
    except (Stopped, Fault):
        raise
    except Exception as error:  # noqa: BLE001 - as in `worker`
        _trace(log)
        raise _with_log(classify(error), log) from None
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, kept in enumerate(said, start=1):
            os.dup2(kept, number)


def _train(recipe: Recipe) -> None:
    from ft_run import run

    run(recipe)


def _redirect(log: Path) -> None:
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _say(line: str, status: int) -> int:
    print(f"trainer: {line}", file=sys.stderr)  # noqa: T201 - the trainer's one line
    return status


if __name__ == "__main__":
    if "--worker" in sys.argv:
        worker([word for word in sys.argv[1:] if word != "--worker"])
    sys.exit(main(sys.argv[1:]))
