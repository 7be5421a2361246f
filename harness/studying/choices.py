"""What the words of a study come to: hyper-parameters of a phase, tasks that are measured, models that arms begin with."""

from __future__ import annotations

from harness.schema import Culture, Hyper
from harness.schema.study import Study, StudyArm, StudyPhase


def hyper_of(phase: StudyPhase) -> Hyper:
    """The phase's recipe with what is set anew.

    Raises:
        UsageError: no such recipe, trainer or field, or the trainer cannot honour it.
        DataError: a recipe or trainer.toml is wrong.
    """
    from harness.training.recipes import find_recipe, with_overrides
    from harness.training.trainers import check_honoured, find_trainer

    trainer, preset = find_trainer(phase.trainer), find_recipe(phase.recipe)
    hyper = with_overrides(preset.hyper, phase.set)
    check_honoured(trainer, hyper, phase.set, preset.name)
    return hyper


def measured(study: Study, culture: Culture) -> tuple[str, ...]:
    """What every arm is measured on."""
    return study.tasks or culture.tasks


def seeds_of(study: Study, arm: StudyArm) -> tuple[int | None, ...]:
    """The seeds of an arm's training runs; (None,) where nothing is trained by seed: the base, or a vocabulary alone."""
    return study.seeds if arm.phases else (None,)
