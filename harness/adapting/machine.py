"""Asked × culture × verbs -> Adaptation: the stages one after the other, and what they came to."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness import catalog
from harness.adapting.asked import LABELS, Asked, Places, stages_of
from harness.adapting.folder import AdaptationFolder
from harness.adapting.stage import Stage
from harness.adapting.verbs import Verbs
from harness.errors import IncompleteRun
from harness.pairs import Run
from harness.runs import load_run
from harness.schema import Adaptation, Answer, Culture, RunRecord, Shown, StageOutcome, StepKind, TrainedStage
from harness.stats.claim import joint

Watch = Callable[[str, int, int], None]


class Machine:
    """One adaptation in progress, in its locked folder."""

    def __init__(
        self, asked: Asked, culture: Culture, places: Places, verbs: Verbs, folder: AdaptationFolder, watch: Watch | None
    ) -> None:
        self.asked, self.culture, self.places, self.verbs, self.folder = asked, culture, places, verbs, folder
        self._watch = watch
        self._known = catalog.read()
        self._runs: dict[str, Run] = {}
        self._begun: set[tuple[str, int, str]] = set()
        self._origin: Run | None = None
        """Fresh pass of the very first model, once there is one."""

    def go(self) -> Adaptation:
        """Run or finish the loop.

        Raises:
            HarnessError: a verb cannot go on; what is done stays done, and the same command goes on.
        """
        model, outcomes = self.asked.model, list[StageOutcome]()
        for stage in stages_of(self.culture):
            outcome = Stage(self, stage, model).go()
            outcomes.append(outcome)
            model = outcome.model
            if outcome.state == "stopped":
                break
        return self._adaptation(tuple(outcomes))

    def measure(self, stage: TrainedStage, round_: int, kind: StepKind, model: str, name: str) -> Run:
        """Evaluate a model on all the culture asks for, unless that is done. `name` is what it is called."""
        done = self.folder.done(stage, round_, kind)
        watch = self.begin(stage, round_, kind, name)
        if done is not None:
            return self.stored(str(done.run))
        record = self.evaluate(model, watch)
        self.folder.record(stage, round_, kind, run=record.id)
        return self.run(record)

    def evaluate(self, model: str, watch: Watch | None, *, fresh: bool = False) -> RunRecord:
        """Call the verb.

        Raises:
            IncompleteRun: too many responses or verdicts are missing.
        """
        record = self.verbs.evaluate(
            model, self.culture.tasks, fresh=fresh, runs=self.places.runs, watch=watch, **self.asked.evaluation
        )
        if not record.complete:
            raise IncompleteRun(
                f"run '{record.id}' lacks responses or verdicts, so nothing can be proven with it; the same command asks again"
            )
        return record

    def begin(self, stage: TrainedStage, round_: int, kind: StepKind, what: str) -> Watch | None:
        """Count the step, say which of how many it is, and return what its verb reports to; silent if it is done."""
        self._begun.add((stage, round_, kind))
        watch = self._watch
        if watch is None or self.folder.done(stage, round_, kind) is not None:
            return None
        head = f"step {len(self._begun)} of {steps(self.culture, self.asked.max_rounds)}: {kind} {what}"
        watch(head, 1, 1)

        def inner(part: str, done: int, total: int) -> None:
            watch(f"{head}: {part}", done, total)

        return inner

    def stored(self, run: str) -> Run:
        """A run by its id."""
        return self._runs.get(run) or self.run(load_run(run, self.places.all_runs))

    def run(self, record: RunRecord) -> Run:
        """The run with its samples, one object for each."""
        return self._runs.setdefault(record.id, Run(record, self.places.all_runs, self._known))

    def since(self, baseline: Run) -> Mapping[str, Run]:
        """The fresh pass of the very first model, if `baseline` is not that."""
        if self._origin is None:
            self._origin = baseline
        return {} if self._origin is baseline else {self._origin.record.id: self._origin}

    def _adaptation(self, stages: tuple[StageOutcome, ...]) -> Adaptation:
        answer, why = _answer(stages)
        first = self.stored(stages[0].diagnosis).record
        shown = tuple(self._shown(label, run) for label, run in _columns(stages))
        return Adaptation(
            id=self.folder.id,
            asked=self.folder.plan,
            model=first.model.name,
            model_fingerprint=first.provenance.model_fingerprint,
            judge=first.provenance.judge,
            threshold=first.provenance.threshold,
            culture=self.culture.name,
            culture_digest=self.culture.digest,
            benchmarks={name: benchmark.stage for name, benchmark in self.culture.benchmarks.items()},
            retained={name: retained.metric for name, retained in self.culture.retained.items()},
            stages=stages,
            shown=shown,
            answer=answer,
            stopped=stages[-1].state == "stopped",
            why=why,
            notes=self._notes(shown),
        )

    def _shown(self, label: str, name: str) -> Shown:
        run = self.stored(name)
        retained = {task for name in self.culture.retained for task in run.tasks(name)}
        found = [score for name in self.culture.benchmarks for score in run.scores(name, retained)]
        found += [score for name in self.culture.retained for score in run.scores(name)]
        return Shown(label=label, model=run.record.model.name, run=name, scores=tuple(found))

    def _notes(self, shown: tuple[Shown, ...]) -> tuple[str, ...]:
        """What a reader must know of the runs behind it."""
        records = [self.stored(column.run).record for column in shown]
        notes = list(dict.fromkeys(note for record in records for note in record.notes))
        if len({record.provenance.chat_template for record in records}) > 1:
            notes.append("the models are not asked with one chat template: training brought another")
        return tuple(notes)


def steps(culture: Culture, max_rounds: int) -> int:
    """Steps at most: of a stage measure, diagnose, claim, baseline; of a round mix, train, evaluate; between rounds diagnose."""
    return len(stages_of(culture)) * (4 + 3 * max_rounds + max_rounds - 1)


def _columns(stages: tuple[StageOutcome, ...]) -> list[tuple[str, str]]:
    """Label and run: the first model (its fresh pass, if there is one), and the last checkpoint of each stage."""
    first = next((outcome.baseline for outcome in stages if outcome.baseline), stages[0].diagnosis)
    return [("base", first), *((LABELS[outcome.stage], outcome.rounds[-1].run) for outcome in stages if outcome.rounds)]


def _answer(stages: tuple[StageOutcome, ...]) -> tuple[Answer, str]:
    if stages[-1].state == "stopped":
        return "does not hold", f"stopped in the {stages[-1].stage} stage: a retained task was lost ({stages[-1].why})"
    claims = [outcome.claim for outcome in stages if outcome.claim is not None]
    if not claims:
        undecided = sorted({area for outcome in stages for area in outcome.undecided})
        if undecided:
            return "undecided", f"nothing is proven weak, so nothing was trained; {len(undecided)} areas are undecided"
        return "holds", "nothing is weak, so nothing was trained"
    answer = joint(claim.answer for claim in claims)
    parts = [f"{claim.stage}: {part.name}" for claim in claims for part in claim.parts if part.answer == answer]
    if answer == "holds":
        return answer, f"the claim holds in {' and '.join(claim.stage for claim in claims)}"
    return answer, f"{'the claim does not hold' if answer == 'does not hold' else 'undecided'} ({'; '.join(parts)})"
