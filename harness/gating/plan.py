"""Policy × baseline -> the lines that will be judged: which items, at which margin. Fixed before the candidate is looked at.

A margin that came from the differences it is to judge would grow with them: a candidate that changes half of all answers would
be given a wider one. So it comes from the baseline alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from harness.errors import IncompleteRun
from harness.pairs import Run, value_of
from harness.schema import Policy, Rule, SampleResult, Target, VerdictState
from harness.stats.boards import CEILINGS
from harness.stats.paired import CORRELATION, LEAST_MARGIN, planned_discordance, power, promised_margin


@dataclass(frozen=True)
class Asked:
    """One item of the baseline that a line is judged by."""

    task: str
    id: str
    hash: str
    unit: str
    """Near-duplicates share one."""
    value: float
    """Of the baseline, 0-1, more being better."""


@dataclass(frozen=True)
class Planned:
    """A line before anything is known of the candidate."""

    rule: Rule
    target: Target
    items: tuple[Asked, ...]
    """By task and id."""
    margin: float
    margin_why: str
    power: float
    """Chance that a candidate without any true change passes."""

    @property
    def name(self) -> str:
        """`a_eval acc`."""
        return f"{self.target.name} {self.target.metric}"

    @property
    def units(self) -> tuple[str, ...]:
        """Different units, in the order of their first items."""
        return tuple(dict.fromkeys(item.unit for item in self.items))


def plan(policy: Policy, baseline: Run, units: Mapping[str, str]) -> tuple[Planned, ...]:
    """The lines of a policy, in its order.

    Args:
        policy: the rules.
        baseline: the run that the candidate is compared with.
        units: content hash -> unit.

    Raises:
        IncompleteRun: the baseline has no item for a rule, or lacks more responses or verdicts than the policy allows.
    """
    return tuple(line for rule in policy.rules for line in _lines(policy, rule, baseline, units))


def _lines(policy: Policy, rule: Rule, baseline: Run, units: Mapping[str, str]) -> Iterator[Planned]:
    for target in _targets(rule, baseline) or (_target(rule),):
        items = tuple(_items(target, baseline, units))
        _check_heard(policy, target, baseline, len(items))
        if not items:
            raise IncompleteRun(
                f"run '{baseline.record.id}' has no value of {rule.metric} for '{target.name}', which the policy asks for; "
                f"measure it (harness eval --tasks {rule.benchmark}), or gate some of the policy with --tasks"
            )
        yield Planned(rule, target, items, *_margin(policy, rule, items))


def _check_heard(policy: Policy, target: Target, baseline: Run, valued: int) -> None:
    """Refuse a baseline that is silent on more of a line's items than the policy allows, before the candidate is asked."""
    silent = sum(value_of(one, target) is None and _silent(one) for one in baseline.chosen(target))
    if silent > policy.missing * (silent + valued):
        raise IncompleteRun(
            f"{target.name} {target.metric}: {silent:,} of {silent + valued:,} items lack a response or verdict in run "
            f"'{baseline.record.id}', more than {100 * policy.missing:g}%; the same harness eval command asks what is missing"
        )


def _silent(result: SampleResult) -> bool:
    return result.response.text is None or (result.verdict is not None and result.verdict.state is VerdictState.UNJUDGED)


def _target(rule: Rule) -> Target:
    return Target(
        benchmark=rule.benchmark,
        dimensions=rule.dimensions,
        metric=rule.metric,
        ceiling=rule.metric in CEILINGS,
        subset=rule.subset,
    )


def _targets(rule: Rule, baseline: Run) -> list[Target]:
    """One for each dimension that has the metric, if that is asked for."""
    target = _target(rule)
    if rule.each is None:
        return [target]
    found = {result.sample.dimension for result in baseline.chosen(target) if rule.metric in result.metrics}
    return [target.model_copy(update={"dimensions": (dimension,)}) for dimension in sorted(found)]


def _items(target: Target, baseline: Run, units: Mapping[str, str]) -> Iterator[Asked]:
    def place(result: SampleResult) -> tuple[str, str]:
        return result.task, result.sample.id

    for result in sorted(baseline.chosen(target), key=place):
        value = value_of(result, target)
        if value is not None:
            known = result.sample.hash
            yield Asked(result.task, result.sample.id, known, units.get(known, known), value)


def _margin(policy: Policy, rule: Rule, items: Sequence[Asked]) -> tuple[float, str, float]:
    n = len({item.unit for item in items})
    discordance = planned_discordance(fmean(item.value for item in items), len(items))
    margin, why = promised_margin(n, discordance), f"what {n:,} items can exclude at correlation {CORRELATION:g}"
    if rule.margin is not None:
        margin, why = rule.margin, "margin of the policy"
    elif margin <= LEAST_MARGIN:
        why = "the least there is"
    return margin, why, power(n, discordance, margin, policy.beta)
