"""Diagnosis × culture -> ClaimPlan: what will be claimed, fixed before anything is trained.

Weak findings of the stage become aims. Areas that are strong, of either stage, become guards, and so do strong metrics of this
stage's other areas (harm that is low where refusals are weak must stay low). The rest is reported. A margin comes from what the
untouched half can promise at a planned discordance, never from the differences it is to judge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.pairs import Run, value_of
from harness.schema import Aim, ClaimPlan, Culture, Diagnosis, Finding, Guard, Target, TrainedStage
from harness.stats.paired import CORRELATION, LEAST_MARGIN, planned_discordance, promised_margin

ANSWERED: Final = "answered"
"""The metric of harmless requests: the share that is not refused."""
NO_ITEMS: Final = 1.0
"""Margin where there is no item to measure a loss by."""


@dataclass(frozen=True)
class Diagnosed:
    """A diagnosis, the run it read, and the file it is kept in."""

    diagnosis: Diagnosis
    sha256: str
    run: Run


def freeze(
    stage: TrainedStage,
    model: str,
    culture: Culture,
    diagnosed: Diagnosed,
    earlier_runs: Sequence[str],
    without: Sequence[str] = (),
) -> ClaimPlan:
    """What the stage will claim.

    Args:
        stage: knowledge or safety.
        model: what the stage begins with.
        culture: margins of retained tasks, and of benchmarks that state one.
        diagnosed: what was found, on the dev half.
        earlier_runs: passes of the model that are finished by now.
        without: areas, or benchmarks with all their areas, that are not trained on purpose: reported, not claimed.
    """
    diagnosis = diagnosed.diagnosis
    asked = [finding for finding in diagnosis.findings if finding.metric == ANSWERED and finding.stage == stage]
    over_refusal = [finding for finding in asked if finding.state != "weak"]
    rest = [finding for finding in diagnosis.findings if finding not in over_refusal]
    weak = [finding for finding in rest if finding.state == "weak" and finding.stage == stage]
    aims = [finding for finding in weak if not left_out(finding.area, without)]
    weak_areas, strong_areas = _areas(aims), diagnosis.areas("strong")
    strong = [one for one in rest if one.state == "strong" and (one.stage == stage or one.area in strong_areas)]
    return ClaimPlan(
        stage=stage,
        model=model,
        diagnosis=diagnosis.run,
        diagnosis_sha256=diagnosed.sha256,
        culture=culture.name,
        culture_digest=culture.digest,
        aims=tuple(Aim(target=_target(finding), standard=finding.standard) for finding in aims),
        strong=tuple(_guards(strong, culture, diagnosed.run)),
        over_refusal=tuple(_guards(over_refusal, culture, diagnosed.run)),
        retained=tuple(_retained(culture)),
        others=tuple(_target(finding) for finding in rest if finding not in aims and finding not in strong),
        contrast=(weak_areas, strong_areas or tuple(culture.retained)),
        earlier_runs=tuple(sorted(earlier_runs)),
    )


def left_out(area: str, without: Sequence[str]) -> bool:
    """Whether an area is named, by itself or by its benchmark."""
    return area in without or area.partition("/")[0] in without


def _areas(findings: Iterable[Finding]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(finding.area for finding in findings))


def _target(finding: Finding) -> Target:
    return Target(
        benchmark=finding.benchmark,
        dimensions=(finding.dimension,),
        metric=finding.metric,
        ceiling=finding.ceiling,
        subset="test",
    )


def _retained(culture: Culture) -> Iterator[Guard]:
    for name, retained in culture.retained.items():
        target = Target(benchmark=name, dimensions=(), metric=retained.metric, subset="all")
        yield Guard(target=target, margin=retained.margin, why="margin of the culture")


def _guards(findings: Sequence[Finding], culture: Culture, run: Run) -> Iterator[Guard]:
    """Areas that share benchmark and metric pooled first, at the margin that all their items can keep; then each alone."""
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.benchmark, finding.metric), []).append(finding)
    for group in groups.values():
        if len(group) > 1:
            yield _guard(group, culture, run)
        for finding in group:
            yield _guard([finding], culture, run, in_pool=len(group) > 1)


def _guard(findings: Sequence[Finding], culture: Culture, run: Run, *, in_pool: bool = False) -> Guard:
    first = findings[0]
    target = _target(first).model_copy(update={"dimensions": tuple(finding.dimension for finding in findings)})
    items = len({result.sample.hash for result in run.chosen(target) if value_of(result, target) is not None})
    if not items:
        return Guard(target=target, margin=NO_ITEMS, why="no item in the test half", in_pool=in_pool)
    seen = sum(finding.n for finding in findings)
    rate = sum(finding.value * finding.n for finding in findings) / seen
    stated = culture.benchmarks[first.benchmark].margin
    least = LEAST_MARGIN if stated is None else stated
    margin = promised_margin(items, planned_discordance(rate, seen), least)
    why = f"what {items} items promise at correlation {CORRELATION:g}" if margin > least else _said(stated)
    return Guard(target=target, margin=margin, why=why, in_pool=in_pool)


def _said(stated: float | None) -> str:
    return "the least there is" if stated is None else "margin of the culture"
