"""The nouns of gates: what must be held, gained or merely not broken, and what two runs say to it.

    RunRecord × RunRecord × Policy ─gate─> GateReport

Differences are candidate - baseline, written so that more is better: where a metric is a ceiling (`hr`), its complement is
compared.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from harness.schema.evaluation import Frozen, KeyRef
from harness.schema.outcome import PairedScore, Target

GATE_SCHEMA: Final = "harness.gate/1"

Question = Literal["regression", "release", "gain", "report"]
"""regression: FAIL only on proof of a drop, and what is undecided blocks nothing. release: PASS only on proof that no more than
the margin was lost. gain: PASS only on proof of a gain. report: shown, never judged."""
Ruling = Literal["PASS", "FAIL", "UNDECIDED"]


class Rule(Frozen):
    """One line of a policy."""

    benchmark: str
    """A benchmark, a group or a task."""
    metric: str
    dimensions: tuple[str, ...] = ()
    """Dimensions that are pooled; empty: all."""
    each: Literal["dimension"] | None = None
    """One line for each dimension, instead of one for all."""
    question: Question = "regression"
    margin: float | None = None
    """Loss that is accepted, as a share 0-1; by default what the items can exclude, at least 0.02."""
    tolerance: float = 0.0
    """regression: a drop up to this share is none."""
    subset: Literal["test", "all"] = "all"
    """test: only the half that no diagnosis has seen."""


class JudgeDemand(Frozen):
    """What a policy wants to know of the judge before it believes a judged metric."""

    kappa: float = Field(ge=-1, le=1)
    """Least lower 95% bound of Cohen's kappa between judge and people, on every judged benchmark of the policy."""
    labels: int = Field(default=100, ge=1)
    """Least number of answers that people labelled."""


class Policy(Frozen):
    """A policy file: data, no code."""

    name: str
    title: str = ""
    culture: str | None = None
    """Culture whose retained tasks are added, each at its own margin, as `retained` says."""
    retained: Question | None = None
    alpha: float = 0.05
    """Chance that any FAIL is false, over all lines together (Holm)."""
    beta: float = 0.05
    """Chance, for each line, that its PASS is false; all must pass, so nothing is corrected."""
    missing: float = 0.01
    """Share of a line's items that may lack a response or verdict on either side; above, the run is no basis."""
    judge: JudgeDemand | None = None
    rules: tuple[Rule, ...] = ()
    source: str = ""
    """Name by which it was found, or the path of its file."""
    digest: str = ""
    """SHA-256 of its file; empty for the built-in one."""


class GateSide(Frozen):
    """One of the two that are compared."""

    model: str
    run: str | None
    """None for a candidate that was asked only until the verdict."""
    fingerprint: str


class Bets(Frozen):
    """What a sequential gate saw of one line: evidence against "no drop" and against "more than the margin lost"."""

    items: int
    """Items of the candidate that were asked for this line."""
    of: int
    units: int
    """Bets: items, near-duplicates counted as one."""
    log_e_drop: float
    """Largest log evidence that there is a drop beyond the tolerance (natural logarithm)."""
    log_e_pass: float
    """Largest log evidence for what PASS means."""
    p_drop: float
    """1 / the largest evidence, at most 1: holds at any time, whatever made one stop."""
    stopped: bool
    """The line was decided before all its items were asked."""


class GateLine(Frozen):
    """One metric, judged."""

    name: str
    """`a_eval acc`, `demo_skills/TU acc`: the test case's name in JUnit."""
    rule: Rule
    target: Target
    paired: PairedScore | None
    """None if no item of the baseline carries the metric, or none was asked before the verdict. Of a sequential gate: over the
    items that were asked, to be looked at; the ruling comes from `bets`."""
    margin: float
    margin_why: str
    power: float | None
    """Chance that a candidate without any true change passes, given how many items differ."""
    p_drop: float | None
    """One-sided, of no drop beyond the tolerance."""
    p_drop_adjusted: float | None
    """By Holm over all lines that can FAIL; None for `report`."""
    missing: int
    """Items without a value on either side: wrong where the candidate lacks it, a tie where the baseline does."""
    clusters: int = 0
    """Near-duplicates that were merged into units: items less units."""
    bets: Bets | None = None
    ruling: Ruling | None
    """None for `report`."""
    why: str


class Sequence(Frozen):
    """How far a sequential gate went."""

    order: str
    """What the random order of the items is seeded with."""
    batches: int
    asked: int
    """Items of the candidate that were generated and judged."""
    of: int
    """Items of all benchmarks of the policy."""

    @property
    def share(self) -> float:
        """Of a full run, 0-1."""
        return self.asked / self.of if self.of else 0.0


class AuditRef(Frozen):
    """The audit of a judge that a report rests on."""

    run: str
    judge: str
    benchmark: str
    labels: int
    kappa: float
    kappa_low: float


class GateReport(Frozen):
    """What a gate found.

    FAIL: a drop is proven. PASS: none is, and every release and gain line is proven. UNDECIDED: neither.
    """

    schema_version: Literal["harness.gate/1"] = GATE_SCHEMA
    policy: Policy
    baseline: GateSide
    candidate: GateSide
    judge: str | None
    threshold: float
    keys: dict[str, KeyRef]
    lines: tuple[GateLine, ...]
    ruling: Ruling
    why: str
    """The ruling in a sentence."""
    sequence: Sequence | None = None
    audits: tuple[AuditRef, ...] = ()
    notes: tuple[str, ...] = ()
