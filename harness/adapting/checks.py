"""What was asked -> refused at once, if it would be refused after hours of measuring."""

from __future__ import annotations

from harness.adapting.asked import Asked, StageWish, stages_of
from harness.errors import UsageError, unknown
from harness.mixing.datasets import open_sets
from harness.schema import Culture, Hyper, ModelRef, TrainedStage


def check(asked: Asked, culture: Culture) -> None:
    """Refuse what cannot work.

    Raises:
        UsageError: the model has no weights here, or a word fits neither culture, trainer nor recipe.
        DataError: a recipe, trainer.toml or data set is wrong.
    """
    model_of(asked)
    if not stages_of(culture):
        raise UsageError(f"culture '{culture.name}' plans no stage; its culture.toml needs [stages.knowledge] or [stages.safety]")
    if asked.max_rounds < 1:
        raise UsageError(f"--max-rounds {asked.max_rounds}: there is at least one round")
    if asked.evaluation.get("judge") == "none":
        raise UsageError("--judge none: what is not judged cannot be proven; say rules or openai:MODEL")
    known = {*culture.benchmarks, *culture.retained}
    for stage in asked.stages:
        if stage not in culture.stages:
            raise unknown(f"stage of culture '{culture.name}'", stage, culture.stages)
        _check_wish(stage, asked.stages[stage], known)
    _check_without(asked, culture)
    if asked.data_only and not asked.data:
        raise UsageError("--data-only needs a data set; name one with --data FOLDER")
    open_sets(asked.data, culture)
    for stage in stages_of(culture):
        hyper_of(asked, culture, stage)


def model_of(asked: Asked) -> ModelRef:
    """What is adapted.

    Raises:
        UsageError: nothing goes by that name, or it has no weights here.
    """
    from harness.models import resolve

    found = resolve(asked.model)
    if found.backend in ("openai", "replay"):
        what = "an endpoint" if found.backend == "openai" else "a run that is replayed"
        raise UsageError(
            f"'{asked.model}' is {what} and has no weights to train; name a checkpoint, an alias, a folder or a hub id"
        )
    return found


def hyper_of(asked: Asked, culture: Culture, stage: TrainedStage) -> tuple[str, Hyper]:
    """Name of the stage's recipe, and its hyper-parameters with what was set anew.

    Raises:
        UsageError: no such recipe or field, or the trainer cannot honour it.
        DataError: a recipe or trainer.toml is wrong.
    """
    from harness.training.recipes import find_recipe, with_overrides
    from harness.training.trainers import check_honoured, find_trainer, options_for

    wish, trainer = asked.wish(stage), find_trainer(asked.trainer)
    preset = find_recipe(wish.recipe or culture.stages[stage].recipe)
    hyper = with_overrides(preset.hyper, wish.overrides)
    check_honoured(trainer, hyper, wish.overrides, preset.name)
    options_for(trainer, asked.options)
    return preset.name, hyper


def check_machine(asked: Asked, culture: Culture) -> None:
    """Refuse recipes that this machine has not the devices for.

    Raises:
        UsageError: in one line, with what would do.
    """
    from harness.training.devices import check_devices

    for stage in stages_of(culture):
        name, hyper = hyper_of(asked, culture, stage)
        check_devices(hyper, name)


def _check_wish(stage: TrainedStage, wish: StageWish, known: set[str]) -> None:
    for name, share in wish.replay.items():
        if name not in known:
            raise unknown("benchmark or retained task to replay", name, known)
        if not 0 <= share < 1:
            raise UsageError(f"--replay {stage}.{name}={share:g}: a share is from 0 to below 1")
    if wish.rows is not None and wish.rows < 1:
        raise UsageError(f"--rows {stage}={wish.rows}: a mix has at least 1 row")


def _check_without(asked: Asked, culture: Culture) -> None:
    areas = {f"{name}/{d}" for name, one in culture.benchmarks.items() for s in one.standards.values() for d in s}
    for area in asked.without:
        if area not in areas and area.partition("/")[0] not in culture.benchmarks:
            raise unknown("area or benchmark to leave out", area, {*areas, *culture.benchmarks})
