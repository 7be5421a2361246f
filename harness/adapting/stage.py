"""One stage of an adaptation, step by step, each done once.

    measure, diagnose, claim, then each round: mix, train, (baseline,) evaluate, and for a further round: diagnose

The base is measured and diagnosed, and what will be claimed is frozen; then mix, train, a *fresh* pass of the base, the
checkpoint measured, the two compared. The run that was diagnosed is never the baseline: it was picked apart for what scored low,
so an unchanged model would seem to gain. The safety stage begins anew with the knowledge stage's model, diagnosed on its own run.
A retained task that is lost beyond doubt ends it all; nothing is removed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from harness.adapting.asked import checkpoint_name, stages_of
from harness.adapting.folder import read_noun
from harness.adapting.freeze import Diagnosed, freeze, left_out
from harness.errors import DataError
from harness.pairs import Run, pairs
from harness.runs import load_run
from harness.runs.layout import RECORD
from harness.runs.read import run_ids
from harness.runs.write import canonical
from harness.schema import (
    Checkpoint,
    Claim,
    ClaimPlan,
    Diagnosis,
    Evidence,
    Mix,
    StageOutcome,
    Trained,
    TrainedStage,
)
from harness.stats.claim import judge_claim, retention

if TYPE_CHECKING:
    from harness.adapting.machine import Machine

_CHECKPOINT: Final = "checkpoint.json"
_MIX: Final = "mix.json"


class Stage:
    """A stage of the machine's adaptation, beginning with `base`."""

    def __init__(self, machine: Machine, stage: TrainedStage, base: str) -> None:
        self.machine, self.stage, self.base = machine, stage, base
        self.folder, self.asked, self.culture, self.places = machine.folder, machine.asked, machine.culture, machine.places
        self.rounds: list[Trained] = []

    def go(self) -> StageOutcome:
        """Measure, diagnose, and if something is weak: claim, train, judge.

        Raises:
            HarnessError: a verb cannot go on; what is done stays done.
        """
        measured = self.machine.measure(self.stage, 1, "measure", self.base, Path(self.base).name)
        first = self._diagnosed(1, measured)
        if not self._weak(first.diagnosis):
            return self._outcome(first, "skipped", _why_skipped(first.diagnosis, self.stage))
        plan, plan_sha256 = self._claimed(first)
        lost = self._train(first, plan)
        claim = self._judged(plan, plan_sha256)
        return self._outcome(first, "stopped" if lost else "trained", lost, self._baseline(plan), claim)

    def _train(self, diagnosed: Diagnosed, plan: ClaimPlan) -> str:
        """Rounds until nothing is weak, there are enough, or a retained task is lost: then says which."""
        parent = self.base
        for number in range(1, self.asked.max_rounds + 1):
            if number > 1:
                diagnosed = self._diagnosed(number, self.machine.stored(self.rounds[-1].run))
                if not self._weak(diagnosed.diagnosis):
                    break
            parent = self._round(number, parent, diagnosed.diagnosis, plan)
            lost = [line for line in self.rounds[-1].retention if line.answer == "does not hold"]
            if lost:
                return "; ".join({line.target.name: f"{line.target.name}: {line.why}" for line in reversed(lost)}.values())
        return ""

    def _round(self, number: int, parent: str, diagnosis: Diagnosis, plan: ClaimPlan) -> str:
        """Mix, train, compare; returns what the next round begins with."""
        mix = self._mixed(number, diagnosis)
        checkpoint = self._trained(number, parent, mix)
        _check_descent(checkpoint, diagnosis)
        self._baseline(plan)
        model = self.places.model(checkpoint.name)
        candidate = self.machine.measure(self.stage, number, "evaluate", model, checkpoint.name)
        held = retention(plan.retained, {name: pairs(run, candidate) for name, run in self._against(plan).items()})
        self.rounds.append(_trained_round(number, diagnosis, mix, checkpoint, candidate, held))
        return model

    def _weak(self, diagnosis: Diagnosis) -> list[str]:
        """Weak areas of the stage that are not left out on purpose."""
        return [area for area in diagnosis.areas("weak", self.stage) if not left_out(area, self.asked.without)]

    def _diagnosed(self, number: int, run: Run) -> Diagnosed:
        name = f"diagnosis-{self.stage}-{number}.json"
        self.machine.begin(self.stage, number, "diagnose", run.record.model.name)
        done = self.folder.done(self.stage, number, "diagnose")
        if done is not None:
            return Diagnosed(self.folder.kept(name, Diagnosis, done.sha256), str(done.sha256), run)
        found = self.machine.verbs.diagnose(run.record.id, culture=self.asked.culture, runs=self.places.runs)
        digest = self.folder.keep(name, found)
        self.folder.record(self.stage, number, "diagnose", run=run.record.id, file=name, sha256=digest)
        return Diagnosed(found, digest, run)

    def _claimed(self, first: Diagnosed) -> tuple[ClaimPlan, str]:
        """The claim, frozen before the first mix; and the hash of its file."""
        name = f"claim-{self.stage}.json"
        self.machine.begin(self.stage, 1, "claim", self.stage)
        done = self.folder.done(self.stage, 1, "claim")
        if done is not None:
            return self.folder.kept(name, ClaimPlan, done.sha256), str(done.sha256)
        run = first.diagnosis.run
        earlier = [run, *_passes(run, self.places.all_runs)]
        plan = freeze(self.stage, first.run.record.model.name, self.culture, first, earlier, self.asked.without)
        digest = self.folder.keep(name, plan)
        self.folder.record(self.stage, 1, "claim", file=name, sha256=digest)
        return plan, digest

    def _mixed(self, number: int, diagnosis: Diagnosis) -> Mix:
        watch = self.machine.begin(self.stage, number, "mix", self.stage)
        done = self.folder.done(self.stage, number, "mix")
        if done is not None:
            return read_noun(self.places.all_mixes / str(done.mix) / _MIX, Mix)
        wish = self.asked.wish(self.stage)
        found = self.machine.verbs.mix(
            diagnosis,
            stage=self.stage,
            culture=self.asked.culture,
            rows=wish.rows,
            replay=dict(wish.replay) or None,
            seed=self.asked.seed,
            mixes=self.places.mixes,
            watch=watch,
            **({"without": self.asked.without} if self.asked.without else {}),
            **({"data": self.asked.data, "data_only": self.asked.data_only} if self.asked.data else {}),
        )
        self.folder.record(self.stage, number, "mix", mix=found.id)
        return found

    def _trained(self, number: int, parent: str, mix: Mix) -> Checkpoint:
        name = checkpoint_name(self._stem(), self.stage, number)
        watch = self.machine.begin(self.stage, number, "train", name)
        done = self.folder.done(self.stage, number, "train")
        if done is not None:
            return self._checkpoint(name, str(done.sha256))
        wish = self.asked.wish(self.stage)
        checkpoint = self.machine.verbs.train(
            parent,
            mix.id,
            stage=self.stage,
            name=name,
            trainer=self.asked.trainer,
            recipe=wish.recipe or self.culture.stages[self.stage].recipe,
            overrides=dict(wish.overrides),
            options=dict(self.asked.options),
            seed=self.asked.seed,
            checkpoints=self.places.checkpoints,
            mixes=self.places.mixes,
            watch=watch,
        )
        self.folder.record(self.stage, number, "train", checkpoint=name, sha256=weights_sha256(checkpoint))
        return checkpoint

    def _stem(self) -> str:
        """Beginning of the checkpoints' names: as asked, else the very first model's name."""
        first = self.folder.done(stages_of(self.culture)[0], 1, "measure")
        asked = self.asked.wish(self.stage).name or self.asked.name
        return asked or self.machine.stored(str(first and first.run)).record.model.name

    def _checkpoint(self, name: str, sha256: str) -> Checkpoint:
        """A checkpoint that a step has recorded.

        Raises:
            DataError: it is gone, or another was trained in its place.
        """
        file = self.places.all_checkpoints / name / _CHECKPOINT
        found = read_noun(file, Checkpoint)
        if weights_sha256(found) != sha256:
            raise DataError("is not the checkpoint that this adaptation trained: another took its place", file=file)
        return found

    def _baseline(self, plan: ClaimPlan) -> Run:
        """A pass of the base made after the claim was frozen: one that a killed process has left, or a new one."""
        watch = self.machine.begin(self.stage, 1, "baseline", plan.model)
        done = self.folder.done(self.stage, 1, "baseline")
        if done is not None:
            return self.machine.stored(str(done.run))
        root = self.places.all_runs
        left = (load_run(name, root) for name in _passes(plan.diagnosis, root) if name not in plan.earlier_runs)
        record = next((record for record in left if record.complete), None)
        if record is None:
            record = self.machine.evaluate(self.base, watch, fresh=True)
        if record.id in plan.earlier_runs:
            raise DataError(f"run '{record.id}' is no fresh pass: it was there when the claim was frozen")
        diagnosed = self.machine.stored(plan.diagnosis).record
        if record.provenance.model_fingerprint != diagnosed.provenance.model_fingerprint:
            raise DataError(f"'{plan.model}' is not the model that run '{plan.diagnosis}' measured: it changed since then")
        self.folder.record(self.stage, 1, "baseline", run=record.id)
        return self.machine.run(record)

    def _against(self, plan: ClaimPlan) -> Mapping[str, Run]:
        """What retained tasks are held against: the stage's baseline, and the very first model's."""
        baseline = self._baseline(plan)
        return {baseline.record.id: baseline, **self.machine.since(baseline)}

    def _judged(self, plan: ClaimPlan, plan_sha256: str) -> Claim:
        candidate = self.machine.stored(self.rounds[-1].run)
        baseline, *since = self._against(plan).items()
        return judge_claim(
            plan,
            plan_sha256,
            baseline[0],
            candidate.record.id,
            pairs(baseline[1], candidate),
            {name: pairs(run, candidate) for name, run in since},
        )

    def _outcome(
        self,
        first: Diagnosed,
        state: Literal["trained", "skipped", "stopped"],
        why: str,
        baseline: Run | None = None,
        claim: Claim | None = None,
    ) -> StageOutcome:
        diagnosis = first.diagnosis
        return StageOutcome(
            stage=self.stage,
            state=state,
            why=why,
            base=first.run.record.model.name,
            model=self.places.model(self.rounds[-1].checkpoint) if self.rounds else self.base,
            diagnosis=diagnosis.run,
            baseline=baseline.record.id if baseline else None,
            weak=diagnosis.areas("weak"),
            strong=diagnosis.areas("strong"),
            undecided=diagnosis.areas("undecided"),
            rounds=tuple(self.rounds),
            claim=claim,
        )


def weights_sha256(checkpoint: Checkpoint) -> str:
    """One hash for all weight files."""
    return hashlib.sha256(canonical(checkpoint.weights).encode()).hexdigest()


def _check_descent(checkpoint: Checkpoint, diagnosis: Diagnosis) -> None:
    """Refuse a checkpoint that was trained from other weights than were diagnosed.

    A fingerprint is `backend|what|arguments`: what counts here, not how it was loaded.

    Raises:
        DataError: with both names.
    """
    said, seen = ((text or "").split("|")[1:2] for text in (checkpoint.parent_fingerprint, diagnosis.model_fingerprint))
    if said and seen and said != seen:
        raise DataError(
            f"checkpoint '{checkpoint.name}' was trained from another '{checkpoint.parent}' than run '{diagnosis.run}' measured"
        )


def _passes(run: str, root: Path) -> list[str]:
    """Finished repetitions of a run, oldest first: `<run>-2`, `<run>-3`."""
    found = {name: re.fullmatch(re.escape(run) + r"-(\d+)", name) for name in run_ids(root) if (root / name / RECORD).is_file()}
    return sorted((name for name, match in found.items() if match), key=lambda name: int(name.rpartition("-")[2]))


def _trained_round(
    number: int, diagnosis: Diagnosis, mix: Mix, checkpoint: Checkpoint, candidate: Run, held: tuple[Evidence, ...]
) -> Trained:
    return Trained(
        number=number,
        checkpoint=checkpoint.name,
        parent=checkpoint.parent,
        diagnosis=diagnosis.run,
        mix=mix.id,
        mix_rows=mix.rows,
        mix_rows_sha256=mix.rows_sha256,
        shares={share.area: share.share for share in mix.shares},
        trainer=checkpoint.trainer,
        recipe=checkpoint.recipe.preset,
        seed=checkpoint.recipe.seed,
        steps=checkpoint.report.steps,
        weights_sha256=weights_sha256(checkpoint),
        run=candidate.record.id,
        retention=held,
    )


def _why_skipped(diagnosis: Diagnosis, stage: TrainedStage) -> str:
    undecided, weak = diagnosis.areas("undecided", stage), diagnosis.areas("weak", stage)
    if weak:
        return f"all that is weak is left out on purpose: {', '.join(weak)}"
    if undecided:
        return f"nothing is proven weak; undecided: {', '.join(undecided)}"
    return "nothing is weak: every area reaches its standard"
