"""study.toml -> StudyResult: every arm trained and measured, or gone on with, and what they came to: `harness study`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from harness.errors import DataError, IncompleteRun, UsageError
from harness.schema.study import ArmRun, Study, StudyResult
from harness.studying.checking import notes
from harness.studying.crew import Crew
from harness.studying.drawing import read_drawn
from harness.studying.folder import StudyFolder, read_result, study_id
from harness.studying.places import Places
from harness.studying.planning import Leaf, StudyPlan, plan
from harness.studying.reading import read_study

Watch = Callable[[str, int, int], None]
_MOST_JOBS: Final = 256


def run_study(
    path: Path | str,
    *,
    jobs: int = 1,
    studies: Path | None = None,
    runs: Path | None = None,
    checkpoints: Path | None = None,
    mixes: Path | None = None,
    batch_size: int | None = None,
    watch: Watch | None = None,
) -> StudyResult:
    """Run a study, or go on with one that was interrupted; a finished one is read.

    Args:
        path: its file.
        jobs: steps at once, each a process with one thread.
        studies: where studies are kept; default `$HARNESS_STUDIES` or `./studies`.
        runs: where runs are kept.
        checkpoints: where checkpoints are kept.
        mixes: where drawn rows are kept.
        batch_size: sequences a batch of an evaluation.
        watch: called with (step and what it is doing, done, total).

    Raises:
        UsageError: there is no such file, or another process runs the study.
        DataError: the study, or a file that it names, is wrong.
        IncompleteRun: an evaluation lacks responses or verdicts; the same call asks again.
        HarnessError: a step failed; the message names it and its log. The same call goes on.
    """
    if not 1 <= jobs <= _MOST_JOBS:
        raise UsageError(f"--jobs {jobs}: steps at once are 1 to {_MOST_JOBS}")
    study = read_study(path)
    planned = plan(study)
    places = Places.of(runs, mixes, checkpoints, studies)
    where = places.studies / study_id(study, planned)
    with StudyFolder(where, study, planned) as folder:
        if folder.finished:
            return read_result(where)
        check_devices(study)
        Crew(folder, places, jobs, batch_size, watch).go()
        _check_complete(folder)
        return _finished(folder, places)


def study_folder(path: Path | str, studies: Path | None = None) -> Path:
    """Where a study's result is.

    Raises:
        DataError: the study, or a file that it names, is wrong.
    """
    study = read_study(path)
    return Places.of(studies=studies).studies / study_id(study, plan(study))


def check_devices(study: Study) -> None:
    """Refuse recipes that this machine has not the devices for.

    Raises:
        UsageError: in one line, with what would do.
    """
    from harness.studying.choices import hyper_of
    from harness.training import devices

    used = {phase for arm in study.arms.values() for phase in arm.phases}
    for name in sorted(used):
        devices.check_devices(hyper_of(study.phases[name]), study.phases[name].recipe)


def _check_complete(folder: StudyFolder) -> None:
    found = [folder.done(leaf.measure) for leaf in folder.plan.leaves]
    lacking = sorted({str(done.run) for done in found if done is not None and not done.complete})
    if lacking:
        raise IncompleteRun(
            f"{len(lacking)} of the runs lack responses or verdicts ({lacking[0]}), so arms cannot be compared; "
            "the same command asks again"
        )


def _finished(folder: StudyFolder, places: Places) -> StudyResult:
    from harness.report.study import markdown
    from harness.report.study_page import page
    from harness.studying.analysis import analyse

    found = arm_runs(folder, places)
    result = analyse(folder.study, found, places.runs)
    more = (*notes(folder.study), *_run_notes(folder, places))
    result = result.model_copy(update={"notes": tuple(dict.fromkeys((*result.notes, *more)))})
    folder.finish(result, markdown(result), page(result))
    return result


def arm_runs(folder: StudyFolder, places: Places) -> tuple[ArmRun, ...]:
    """Every arm with every seed, as it was trained and measured."""
    from harness.studying.counting import Counter

    counter = Counter(folder.study, folder.plan, places)
    return tuple(_arm_run(folder, places, leaf, counter.of(leaf)) for leaf in folder.plan.leaves)


def _arm_run(folder: StudyFolder, places: Places, leaf: Leaf, vocabulary: tuple[int | None, float | None]) -> ArmRun:
    done = folder.done(leaf.measure)
    if done is None or done.run is None:
        raise DataError(f"arm '{leaf.arm}' was not measured", file=folder.path)
    return ArmRun(
        arm=leaf.arm,
        seed=leaf.seed,
        model=leaf.model,
        run=done.run,
        rows=sum(read_drawn(places.mixes / mix).rows for id_ in leaf.chain for mix in folder.plan.by_id[id_].mixes),
        tokens=_tokens(folder.plan, leaf, places),
        vocabulary=vocabulary[0],
        tokens_per_line=vocabulary[1],
    )


def _tokens(planned: StudyPlan, leaf: Leaf, places: Places) -> int | None:
    from harness.checkpoints import load_checkpoint

    found = [load_checkpoint(places.checkpoints / planned.by_id[id_].step.name).report.tokens for id_ in leaf.chain]
    counted = [tokens for tokens in found if tokens is not None]
    return sum(counted) if len(counted) == len(found) else None


def _run_notes(folder: StudyFolder, places: Places) -> list[str]:
    """What the draws and trainings have to say."""
    from harness.checkpoints import load_checkpoint

    steps = folder.plan.steps
    found = [note for step in steps if step.step.kind == "draw" for note in read_drawn(places.mixes / step.step.name).notes]
    made = [load_checkpoint(places.checkpoints / step.step.name) for step in steps if step.step.kind == "train"]
    if len({one.trainer_digest for one in made}) > len({one.trainer for one in made}):
        found.append("the trainer's code changed between trainings: not all arms were trained by the same")
    return found
