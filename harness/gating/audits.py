"""JudgeAudit files × Policy -> AuditRef*: what is known of the judge that a gate believes, and whether it is enough.

A judged metric says what the judge says. A policy may demand that people were asked (`judge` in its file); without an audit the
report says "under judge …", which is all that can be said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pydantic import ValidationError
from pydantic_core import from_json

from harness import catalog
from harness.errors import DataError, IncompleteRun, NotComparable
from harness.schema import AUDIT_SCHEMA, AuditRef, BenchmarkAudit, JudgeAudit, JudgeDemand, Policy, RunRecord

JUDGED: Final = frozenset({"score", "rating", "rating_wo_others", "rr_1", "rr_2", "hr", "answered"})
"""Metrics that only a judge gives; `acc` is one where its benchmark has scores."""


def check(policy: Policy, audits: Sequence[Path], baseline: RunRecord) -> tuple[AuditRef, ...]:
    """The audits of a gate's judge, one of each benchmark.

    Args:
        policy: its `judge` says what must be known, if anything.
        audits: files that `harness judge-audit --out` wrote.
        baseline: a run that was judged as all of the gate is.

    Raises:
        DataError: a file is no audit.
        NotComparable: an audit is of another judge, rubric or threshold than the runs.
        IncompleteRun: the policy demands more than the audits show.
    """
    read = [_read(file, baseline) for file in audits]
    refs = tuple(ref for audit in read for one in audit.benchmarks if (ref := _ref(audit, one)) is not None)
    if policy.judge is not None:
        for name in judged(policy, baseline):
            _meet(policy, policy.judge, name, read, refs)
    return refs


def judged(policy: Policy, baseline: RunRecord) -> tuple[str, ...]:
    """Benchmarks of which a policy reads a judged metric, in the order of its rules; extracted choices are not judged."""
    owners = {one.task: one.benchmark for one in baseline.coverage}
    scored = {score.benchmark for score in baseline.scores if score.metric == "score"}
    known = catalog.read()
    found: dict[str, None] = {}
    for rule in policy.rules:
        for task in known.leaves(rule.benchmark):
            owner = owners.get(task)
            if owner is not None and (rule.metric in JUDGED or (rule.metric == "acc" and owner in scored)):
                found[owner] = None
    return tuple(found)


def unaudited(policy: Policy, baseline: RunRecord, refs: Sequence[AuditRef]) -> Iterator[str]:
    """What the report must say of judged metrics that nobody audited."""
    lacking = [name for name in judged(policy, baseline) if name not in {ref.benchmark for ref in refs}]
    if lacking:
        yield (
            f"under judge {baseline.provenance.judge}: no audit of it by people for {', '.join(lacking)}; a difference may be "
            "the judge's (harness judge-audit)"
        )


def _read(file: Path, baseline: RunRecord) -> JudgeAudit:
    try:
        data = from_json(file.read_bytes())
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None
    except ValueError as error:
        raise DataError(f"not JSON ({error})", file=file) from None
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != AUDIT_SCHEMA:
        said = f"is no judge audit ('{version}' instead of '{AUDIT_SCHEMA}'); harness judge-audit --out writes one"
        raise DataError(said, file=file)
    try:
        audit = JudgeAudit.model_validate(data)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in detail["loc"])
        raise DataError(f"not a judge audit: {place}: {detail['msg']}", file=file) from None
    _check_same(audit, baseline, file)
    return audit


def _check_same(audit: JudgeAudit, baseline: RunRecord, file: Path) -> None:
    made = baseline.provenance
    if audit.judge != made.judge:
        raise NotComparable(f"is of judge {audit.judge}, and the runs were judged by {made.judge}", file=file)
    for name, digest in sorted(audit.rubrics.items()):
        if made.rubrics.get(name, digest) != digest:
            said = f"is of rubric {name}@{digest}, and the runs were judged by {name}@{made.rubrics[name]}"
            raise NotComparable(said, file=file)
    if audit.threshold != made.threshold and any(one.kind == "score" for one in audit.benchmarks):
        raise NotComparable(f"is of T = {audit.threshold:g}, and the runs are of T = {made.threshold:g}", file=file)


def _ref(audit: JudgeAudit, one: BenchmarkAudit) -> AuditRef | None:
    found = one.agreement
    if one.kind == "choice" or found is None or found.kappa is None or found.kappa_interval is None:
        return None
    return AuditRef(
        run=audit.run,
        judge=audit.judge or "none",
        benchmark=one.benchmark,
        labels=found.items,
        kappa=found.kappa,
        kappa_low=found.kappa_interval.low,
    )


def _meet(policy: Policy, demand: JudgeDemand, name: str, read: Sequence[JudgeAudit], refs: Sequence[AuditRef]) -> None:
    """By the audit with most labels: a small one that went well does not stand in for a large one that did not."""
    mine = [ref for ref in refs if ref.benchmark == name]
    if not mine:
        raise _lacking(policy, f"no audit shows a kappa for {name}{_why_none(name, read)}")
    best = max(mine, key=lambda ref: (ref.labels, -ref.kappa_low))
    if best.labels < demand.labels:
        raise _lacking(policy, f"{name} has {best.labels:,} labelled answers, and it asks for {demand.labels:,}")
    if best.kappa_low < demand.kappa:
        said = f"{best.kappa:.2f}, at least {best.kappa_low:.2f}"
        raise _lacking(policy, f"kappa of judge and people on {name} is {said}, and it asks for at least {demand.kappa:.2f}")


def _why_none(name: str, read: Sequence[JudgeAudit]) -> str:
    labelled = sum(one.labelled for audit in read for one in audit.benchmarks if one.benchmark == name and one.kind != "choice")
    return f": judge and people used one class on all {labelled:,} labelled answers" if labelled else ""


def _lacking(policy: Policy, what: str) -> IncompleteRun:
    return IncompleteRun(
        f"policy '{policy.name}' demands an audited judge: {what}; harness judge-audit RUN --sheet FILE.csv draws answers for "
        "people, --labels FILE.csv --out AUDIT.json reads them, and --audit AUDIT.json shows them here"
    )
