"""Paired values of many groups -> Differences: each for itself, then what holds for all rows of a kind together.

Twenty rows have twenty chances to look different. Holm's p says what is beyond doubt about all rows of one kind: the micro
averages of all benchmarks and metrics, or the dimensions (topics, levels) by one metric. Topics are many and small, so Holm
leaves little of them; Benjamini and Hochberg's p stands beside it, to find where to look next and not to claim.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from harness.schema import Difference, Effect
from harness.schema.comparison import Scope
from harness.stats.effects import correlation, discordance, odds_ratio, standardised, stratified, two_sided_p
from harness.stats.multiple import benjamini_hochberg, holm
from harness.stats.paired import Paired, compare, pooled


@dataclass(frozen=True)
class Group:
    """Items that make one row."""

    benchmark: str
    metric: str
    ceiling: bool
    verdicts: bool
    """Items are right or wrong by this metric."""
    scope: Scope
    name: str
    parts: tuple[Paired, ...]
    """One; of a macro row, one a dimension."""
    macro: bool = False


def differences(groups: Sequence[Group]) -> tuple[Difference, ...]:
    """A row for each group, in the given order.

    Raises:
        ValueError: a group has no items.
    """
    return _adjusted([_macro(group) if group.macro else _micro(group) for group in groups])


def effect(paired: Paired, verdicts: bool) -> Effect | None:
    """Odds ratio of verdicts, d_z of scores; None where no item changed."""
    moved = [d for d in paired.differences if d]
    if not moved:
        return None
    if not verdicts:
        return standardised(paired.differences)
    return odds_ratio(sum(d > 0 for d in moved), sum(d < 0 for d in moved))


def _micro(group: Group) -> Difference:
    paired = pooled(group.parts)
    return Difference(
        benchmark=group.benchmark,
        scope=group.scope,
        name=group.name,
        aggregation="micro",
        metric=group.metric,
        ceiling=group.ceiling,
        paired=compare(paired),
        p=two_sided_p(paired),
        p_adjusted=None,
        p_exploration=None,
        effect=effect(paired, group.verdicts),
        correlation=correlation(paired),
        discordance=discordance(paired),
    )


def _macro(group: Group) -> Difference:
    score = stratified(group.parts)
    return Difference(
        benchmark=group.benchmark,
        scope=group.scope,
        name=group.name,
        aggregation="macro",
        metric=group.metric,
        ceiling=group.ceiling,
        paired=score,
        p=min(1.0, 2 * min(score.p, 1 - score.p)),
        p_adjusted=None,
        p_exploration=None,
        effect=None,
        correlation=None,
        discordance=sum(map(discordance, group.parts)) / len(group.parts),
    )


def _adjusted(rows: Sequence[Difference]) -> tuple[Difference, ...]:
    families: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        if row.aggregation == "micro":
            families[row.scope, "" if row.scope == "overall" else row.metric].append(place)
    found = list(rows)
    for (scope, _), places in families.items():
        raw = [rows[place].p for place in places]
        looked = benjamini_hochberg(raw) if scope == "topic" else [None] * len(raw)
        for place, sure, look in zip(places, holm(raw), looked, strict=True):
            found[place] = rows[place].model_copy(update={"p_adjusted": sure, "p_exploration": look})
    return tuple(found)
