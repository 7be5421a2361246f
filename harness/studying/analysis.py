"""Study × ArmRun* -> StudyResult: what the arms score, how they differ and how surely, with the training run as the unit.

Everything a page shows with a verdict is corrected together (Holm, within a family of outcomes): contrasts that the study names,
those of interference, and every level of a factor against the first. Two names for one question count once. A claim takes three
training runs of every arm in it; with fewer, numbers are shown and nothing is claimed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Final

from harness.schema import Interval
from harness.schema.study import ArmRun, ArmScore, ContrastResult, Study, StudyResult, TradeOff
from harness.stats.multiple import holm
from harness.stats.studies import ALPHA, CLAIM, Estimate, arm_interval, contrast, mean, region
from harness.studying.cases import RULE, cases
from harness.studying.contrasts import asked, hypothesis, kin, trade_offs
from harness.studying.values import Measured, Reading, in_order, read

_UNEQUAL: Final = 0.02
"""Share by which rows or tokens of arms may differ without a word."""


def analyse(study: Study, runs: Sequence[ArmRun], runs_dir: Path) -> StudyResult:
    """Read the runs of a study and say what they come to.

    Args:
        study: what was asked.
        runs: every arm with every seed, measured; arms that no seed changes once, with seed None.
        runs_dir: where the runs lie.

    Raises:
        NotComparable: runs were measured differently or hold different items.
        IncompleteRun: an arm has no run, or a run is not finished.
        UsageError: an outcome, arm, benchmark or metric is not known, or no item has a value in every run.
        DataError: a sample file is missing or changed.
    """
    wanted = asked(study)
    reading = read(study, runs, runs_dir)
    ordered = in_order(study, runs)
    found = [_result(study, one.name, name, one.weights, one.factor, reading) for one in wanted for name in one.outcomes]
    return StudyResult(
        study=study,
        runs=tuple(run for its in ordered.values() for run in its),
        scores=tuple(
            _score(study, arm, name, reading.outcomes[name], reading.fixed) for name in study.outcomes for arm in study.arms
        ),
        contrasts=tuple(_corrected(found)),
        trade_offs=tuple(_trade_offs(study, reading)),
        cases=tuple(cases(study, ordered, runs_dir)),
        case_rule=RULE if study.cases is not None else "",
        notes=tuple(_notes(study, ordered, reading)),
    )


def _score(study: Study, arm: str, name: str, measured: Measured, fixed: frozenset[str]) -> ArmScore:
    """On the outcome's own scale: of a ceiling the complement of what is compared."""
    turned = study.outcomes[name].ceiling
    values = [mean(run, measured.strata) for run in measured.arms[arm]]
    interval = arm_interval(measured.arms, arm, fixed, measured.strata)
    if turned:
        values = [1 - value for value in values]
        interval = Interval(low=1 - interval.high, high=1 - interval.low, method=interval.method)
    return ArmScore(
        arm=arm,
        outcome=name,
        values=tuple(values),
        mean=fmean(values),
        sd=stdev(values) if len(values) > 1 else None,
        interval=interval,
        n=len(measured.arms[arm][0]),
    )


def _result(study: Study, name: str, outcome: str, weights: dict[str, float], factor: str, reading: Reading) -> ContrastResult:
    measured = reading.outcomes[outcome]
    found = contrast(measured.arms, weights, reading.fixed, kin(study), strata=measured.strata)
    descriptive = _descriptive(found, weights, reading.fixed)
    return ContrastResult(
        name=name,
        outcome=outcome,
        family=study.outcomes[outcome].family or outcome,
        factor=factor,
        weights=weights,
        value=found.value,
        se=found.se,
        df=found.df,
        n=found.n,
        interval=_interval(found, weights),
        p=found.p,
        p_holm=found.p,
        mde80=min(1.0, found.mde80),
        seeds=found.runs,
        descriptive=descriptive,
        verdict="descriptive" if descriptive else "not shown",
    )


def _interval(found: Estimate, weights: dict[str, float]) -> Interval:
    """Of the contrast, without what no shares 0-1 can come to."""
    reach = math.fsum(abs(weight) for weight in weights.values()) / 2
    method = "t, runs and items" if found.repeated else "t, items"
    return Interval(low=max(-reach, found.low), high=min(reach, found.high), method=method)


def _descriptive(found: Estimate, weights: dict[str, float], fixed: frozenset[str]) -> bool:
    """Arms that no seed changes need no second run; a contrast of nothing else is of items alone, and a claim about those."""
    return any(weight and arm not in fixed for arm, weight in weights.items()) and found.runs < CLAIM


def _corrected(found: Sequence[ContrastResult]) -> Iterator[ContrastResult]:
    """With Holm's p over the different questions of a family; what claims nothing takes nothing from what does."""
    families: dict[tuple[str, bool], dict[object, float]] = defaultdict(dict)
    for one in found:
        families[one.family, one.descriptive][one.outcome, hypothesis(one.weights)] = one.p
    adjusted = {
        (family, question): p
        for family, asked_of in families.items()
        for question, p in zip(asked_of, holm(tuple(asked_of.values())), strict=True)
    }
    for one in found:
        p = adjusted[(one.family, one.descriptive), (one.outcome, hypothesis(one.weights))]
        proven = not one.descriptive and p <= ALPHA
        verdict = ("higher" if one.value > 0 else "lower") if proven else one.verdict
        yield one.model_copy(update={"p_holm": p, "verdict": verdict})


def _trade_offs(study: Study, reading: Reading) -> Iterator[TradeOff]:
    for name, weights, knowledge, safety in trade_offs(study):
        x, y = reading.outcomes[knowledge], reading.outcomes[safety]
        found = region(x.arms, y.arms, weights, reading.fixed, (x.strata, y.strata))
        yield TradeOff(
            name=name,
            knowledge=knowledge,
            safety=safety,
            centre=found.centre,
            covariance=found.covariance,
            radius=found.radius,
            descriptive=found.runs < CLAIM,
        )


# --- what a reader must know --------------------------------------------------------------------------------------------------


def _notes(study: Study, ordered: dict[str, list[ArmRun]], reading: Reading) -> Iterator[str]:
    changed = {arm: its for arm, its in ordered.items() if arm not in reading.fixed}
    least = min(map(len, changed.values()), default=CLAIM)
    if least == 1:
        few = [arm for arm, its in changed.items() if len(its) == 1]
        yield f"one training run of {_named(few)}: nothing is claimed of it; another seed is another model"
    elif least < CLAIM:
        yield f"fewer than {CLAIM} training runs an arm: descriptive, nothing is claimed"
    if len(set(map(len, changed.values()))) > 1:
        yield "arms have different numbers of training runs: " + ", ".join(f"{arm} {len(its)}" for arm, its in changed.items())
    for name, measured in reading.outcomes.items():
        if measured.dropped:
            kept = len(next(iter(measured.arms.values()))[0]) + measured.repeated
            yield (
                f"{name}: {measured.dropped:,} of {measured.dropped + kept:,} items have no value in some run (not judged, no "
                "reply): left out of all runs"
            )
        if measured.lost:
            names = ", ".join(measured.lost)
            yield f"{name}: no item of {names} has a value in every run: the macro average is over the other dimensions"
        if measured.repeated:
            yield f"{name}: {measured.repeated:,} items occur twice and count once"
    yield from _unequal(study, changed)
    yield from reading.notes


def _unequal(study: Study, changed: dict[str, list[ArmRun]]) -> Iterator[str]:
    """What arms differ in beside what they are to differ in."""
    trained = {arm: its for arm, its in changed.items() if any(run.rows for run in its)}
    for what, of in (
        ("rows", {arm: fmean(run.rows for run in its) for arm, its in trained.items()}),
        ("tokens", {arm: fmean(known) for arm, its in trained.items() if (known := [r.tokens for r in its if r.tokens])}),
    ):
        if of and max(of.values()) > min(of.values()) * (1 + _UNEQUAL):
            least, most = min(of, key=lambda arm: of[arm]), max(of, key=lambda arm: of[arm])
            yield (
                f"arms were trained on different numbers of {what} ({least} {of[least]:,.0f}, {most} {of[most]:,.0f}): "
                "a part of a difference may be theirs"
            )
    if len({arm.vocabulary for arm in study.arms.values()}) > 1:
        yield "arms have different vocabularies: the same rows are different numbers of tokens (see tokens a line)"
        yield "a vocabulary is extended and warmed up once for all seeds: what it owes to chance is in no interval"


def _named(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:4])} and {len(names) - 4} more"
