"""Model × culture -> Adaptation: `harness adapt`."""

from __future__ import annotations

from harness.adapting.asked import Asked, Places
from harness.adapting.checks import check, check_machine
from harness.adapting.folder import AdaptationFolder, adaptation_id, read_adaptation
from harness.adapting.machine import Machine, Watch
from harness.adapting.verbs import Verbs, real
from harness.folders import adaptations_dir
from harness.schema import Adaptation


def adapt(asked: Asked, places: Places | None = None, *, verbs: Verbs | None = None, watch: Watch | None = None) -> Adaptation:
    """Run the loop, or go on with one that was interrupted; a finished one is read.

    Args:
        asked: the model, the culture, and all that decides what is done.
        places: folders of runs, mixes, checkpoints and adaptations.
        verbs: what is chained; default: the real ones.
        watch: called with (step and what its verb is doing, done, total).

    Raises:
        UsageError: the model cannot be trained, or what was asked does not fit the culture.
        IncompleteRun: an evaluation lacks responses or verdicts.
        HarnessError: a verb cannot go on. The same command goes on where it stopped.
    """
    from harness.report.adaptation import adaptation_markdown

    where, chained = places or Places(), verbs or real()
    culture = chained.culture(asked.culture)
    check(asked, culture)
    plan = asked.plan(culture)
    path = adaptations_dir(where.adaptations) / adaptation_id(asked.name or asked.model, culture.name, plan)
    with AdaptationFolder(path, plan) as folder:
        if folder.finished:
            return read_adaptation(path)
        check_machine(asked, culture)
        adaptation = Machine(asked, culture, where, chained, folder, watch).go()
        folder.finish(adaptation, adaptation_markdown(adaptation))
        return adaptation
