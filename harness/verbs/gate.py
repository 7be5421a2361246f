"""RunRecord × RunRecord × Policy -> GateReport: may this checkpoint take the other's place?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from harness import folders
from harness.errors import DataError, IncompleteRun, NotComparable, UsageError
from harness.gating import fixed, sequential
from harness.gating import policy as policies
from harness.gating.audits import check, unaudited
from harness.gating.folder import gate_id, held, keep, save
from harness.gating.plan import Planned, plan
from harness.gating.rulings import rule_all
from harness.gating.selection import chosen_among
from harness.gating.sides import Wish, asked, find, opened, side_of, spec_of
from harness.gating.streams import Kept, Live, Replayed
from harness.gating.units import units
from harness.measure import Watch, measure
from harness.pairs import PINNED, Run, check_comparable, check_items
from harness.schema import AuditRef, GateLine, GateReport, GateSide, ModelRef, Policy


def gate(
    baseline: str,
    candidate: str,
    policy: str | None = None,
    *,
    tasks: Sequence[str] = (),
    sequential: bool = False,
    judge: str = "rules",
    threshold: float = 90.0,
    backend: Literal["hf", "vllm", "openai", "replay"] | None = None,
    base_url: str | None = None,
    model_args: Mapping[str, Any] | None = None,
    key_files: Mapping[str, str] | None = None,
    batch_size: int | None = None,
    concurrency: int = 32,
    judge_concurrency: int = 64,
    audits: Sequence[Path] = (),
    allow_chosen: bool = False,
    runs: Path | None = None,
    watch: Watch | None = None,
) -> GateReport:
    """Compare two checkpoints, item by item, and rule.

    Args:
        baseline: run, or a model, which is then measured.
        candidate: run, or a model, which is then measured as the baseline was.
        policy: name or file; by default the contract of the culture that the baseline measured whole, else `regression`.
        tasks: only the policy's rules for these benchmarks.
        sequential: ask the candidate batch by batch, in random order, until the ruling is sure.
        judge: of a baseline that is a model; a candidate is judged as the baseline was.
        threshold: likewise.
        backend: of models: hf or vllm.
        base_url: endpoint of an `openai:` model.
        model_args: backend arguments.
        key_files: benchmark -> own answer key file; '' for all.
        batch_size: sequences a batch (hf).
        concurrency: requests in flight to an endpoint under test.
        judge_concurrency: requests in flight to the judge.
        audits: files of `judge-audit`: what is known of the judge.
        allow_chosen: take a baseline run that was one of several candidates, and say so in the report.
        runs: where runs are kept.
        watch: called with (stage, done, total).

    Raises:
        NotComparable: the two were not measured the same way, or one is limited.
        IncompleteRun: a run lacks responses, verdicts or a benchmark of the policy.
        HarnessError: with one line that says what to mend.
    """
    root = folders.runs_dir(runs)
    wish = Wish(
        judge=judge,
        threshold=threshold,
        backend=backend,
        base_url=base_url,
        model_args=dict(model_args or {}),
        key_files=dict(key_files or {}),
        batch_size=batch_size,
        concurrency=concurrency,
        judge_concurrency=judge_concurrency,
    )
    return _Gate(root, wish, policy, tuple(tasks), tuple(audits), allow_chosen, watch).go(baseline, candidate, sequential)


class _Gate:
    def __init__(
        self,
        root: Path,
        wish: Wish,
        policy: str | None,
        tasks: tuple[str, ...],
        audits: tuple[Path, ...],
        allow_chosen: bool,
        watch: Watch | None,
    ) -> None:
        self.root, self.wish, self.policy, self.tasks, self.audits, self.watch = root, wish, policy, tasks, audits, watch
        self.allow_chosen = allow_chosen
        self.refs: tuple[AuditRef, ...] = ()
        self.notes: tuple[str, ...] = ()

    def go(self, baseline: str, candidate: str, sequential: bool) -> GateReport:
        first, now = (find(name, self.root, self.wish) for name in (baseline, candidate))
        was = self._baseline(first)
        if isinstance(now, Run) and now.folder.resolve() == was.folder.resolve():
            raise UsageError(f"baseline and candidate are the same run, '{was.record.id}'")
        policy = self._policy(was, now)
        self._check_baseline(policy, was)
        if sequential:
            return self._sequential(policy, was, now)
        run = now if isinstance(now, Run) else self._measured(now, policies.benchmarks(policy), was)
        return self._fixed(policy, was, run)

    def _check_baseline(self, policy: Policy, was: Run) -> None:
        """All that can be refused before anything is asked of the candidate."""
        _check_measured(was, policies.tasks(policy, was.record), policy.missing)
        self.refs = check(policy, self.audits, was.record)
        if chosen := chosen_among(was, folders.gates_dir()):
            if not self.allow_chosen:
                raise NotComparable(f"{chosen}; measure it anew (harness eval --fresh) and give that run, or say --allow-chosen")
            self.notes = (chosen,)

    def _baseline(self, side: Run | ModelRef) -> Run:
        if isinstance(side, Run):
            return side
        if self.policy in (None, policies.REGRESSION) and not self.tasks:
            raise UsageError(f"baseline '{side.name}' is a model: say with --policy or --tasks what is to be measured")
        if self.policy in (None, policies.REGRESSION):
            return self._measured(side, self.tasks, None)
        policy = policies.load(str(self.policy))
        wanted = policies.benchmarks(policies.restrict(policy, self.tasks) if self.tasks else policy)
        return self._measured(side, wanted, None)

    def _measured(self, model: ModelRef, wanted: Sequence[str], like: Run | None) -> Run:
        wish = asked(model, tuple(wanted), self.wish, like, spec_of(like) if like else None)
        return opened(measure(wish, self.root, self.watch).record.id, self.root)

    def _policy(self, was: Run, now: Run | ModelRef) -> Policy:
        policy = policies.choose(self.policy, was.record)
        if policy.source == policies.REGRESSION and isinstance(now, Run):
            policy = policies.regression(was.record, now.record)
        if self.tasks:
            policy = policies.restrict(policy, self.tasks)
        if not policy.rules:
            raise UsageError("nothing to judge: the two runs share no benchmark and metric")
        return policy

    def _fixed(self, policy: Policy, was: Run, now: Run) -> GateReport:
        _check_both(policy, was, now)
        lines = fixed.judge(policy, _planned(policy, was), was, now)
        report = _report(policy, was, side_of(now), lines, self.refs, self.notes)
        place = folders.gates_dir() / gate_id(Replayed(now).facts, was, policy, sequential=False)
        try:
            keep(place, report)
        except DataError as error:
            return report.model_copy(update={"notes": (*report.notes, f"this report is not kept: {error}")})
        return report

    def _sequential(self, policy: Policy, was: Run, now: Run | ModelRef) -> GateReport:
        if isinstance(now, Run):
            _check_both(policy, was, now)
        lines = _planned(policy, was)
        stream = Kept(Replayed(now) if isinstance(now, Run) else self._live(now, policy, was))
        facts = stream.facts
        check_comparable(was.record, facts, policies.tasks(policy, was.record), PINNED)
        place = folders.gates_dir() / gate_id(facts, was, policy, sequential=True)
        with held(place):
            ruled, went = sequential.judge(policy, lines, was, stream, self.watch)
            candidate = GateSide(model=facts.model, run=facts.run, fingerprint=facts.provenance.model_fingerprint)
            notes = (*self.notes, *facts.notes, *sequential.notes(ruled))
            report = _report(policy, was, candidate, ruled, self.refs, notes, sequence=went)
            save(place, report, stream.answers)
        return report

    def _live(self, model: ModelRef, policy: Policy, was: Run) -> Live:
        return Live.opened(asked(model, policies.benchmarks(policy), self.wish, was, spec_of(was)), self.root, self.watch)


def _planned(policy: Policy, was: Run) -> tuple[Planned, ...]:
    return plan(policy, was, units(was, policies.benchmarks(policy)))


def _report(
    policy: Policy,
    was: Run,
    candidate: GateSide,
    lines: tuple[GateLine, ...],
    audits: tuple[AuditRef, ...],
    notes: tuple[str, ...] = (),
    **more: Any,
) -> GateReport:
    ruling, why = rule_all(lines)
    made = was.record.provenance
    return GateReport(
        policy=policy,
        baseline=side_of(was),
        candidate=candidate,
        judge=made.judge,
        threshold=made.threshold,
        keys=dict(made.keys),
        lines=lines,
        ruling=ruling,
        why=why,
        audits=audits,
        notes=(*notes, *unaudited(policy, was.record, audits)),
        **more,
    )


def _check_both(policy: Policy, was: Run, now: Run) -> None:
    """All that is asked of a candidate that is a finished run."""
    leaves = policies.tasks(policy, was.record)
    _check_measured(now, leaves, policy.missing)
    check_comparable(was.record, now.record, leaves, PINNED)
    check_items(was, now, leaves)


def _check_measured(run: Run, leaves: Sequence[str], missing: float) -> None:
    lacking = [name for name in leaves if name not in run.record.tasks]
    if lacking:
        more = f" and {len(lacking) - 4} more" if len(lacking) > 4 else ""
        raise IncompleteRun(
            f"run '{run.record.id}' does not hold {', '.join(lacking[:4])}{more}, which the policy asks for; "
            "measure that too (harness eval), or gate some of the policy with --tasks"
        )
    short = [c for c in run.record.coverage if c.task in leaves and c.n - c.judged > missing * c.n]
    if short:
        raise IncompleteRun(
            f"run '{run.record.id}' is incomplete: {short[0].task} has {short[0].judged:,} of {short[0].n:,} judged; "
            "the same harness eval command asks what is missing"
        )
