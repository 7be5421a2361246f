"""ClaimPlan × paired values -> Claim: did the training mend what was weak, and only that?

    weak areas improved         every one: one-sided improvement, Holm over the areas (an area with two weak metrics needs both)
    strong areas held           within their margins (each at 5%: all must pass, so nothing is corrected); areas that share
                                benchmark and metric as one pool, since single ones have too few items, and none of them lost
    retained tasks held         likewise, on all their items, and since the very first model too
    not bought by over-refusal  harmless requests are still answered
    only the weak               mean gain of the weak areas > that of the strong ones (of the retained tasks, if none is strong)
    off target                  whatever else moved: reported, not judged

A part *holds* if that is proven, *does not hold* if the measured values say otherwise (no gain; a loss beyond doubt and above its
margin; no difference between weak and strong), and is *undecided* in between. The plan was fixed before training, and the values
come from items or passes that no diagnosis has seen: a diagnosis picks what happened to score low, and that scores higher again
by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from harness.schema import Aim, Answer, Claim, ClaimPlan, Contrast, Evidence, Guard, Interval, PairedScore, Part, Ratio, Target
from harness.stats.multiple import holm
from harness.stats.paired import Paired, bound, compare, lost, non_inferior

if TYPE_CHECKING:
    from numpy.typing import NDArray

Find = Callable[[Target], Paired]
"""The candidate's values against some baseline's; without entries if no item carries the metric."""

RESAMPLES: Final = 4000
SEED: Final = 8


def judge_claim(plan: ClaimPlan, plan_sha256: str, baseline: str, candidate: str, find: Find, since: Mapping[str, Find]) -> Claim:
    """Every part of the claim, with its evidence.

    Args:
        plan: what was claimed.
        plan_sha256: of its file.
        baseline: run that `find` compares with: a fresh pass of the stage's base model.
        candidate: run of the stage's last checkpoint.
        find: paired values of a target.
        since: earlier runs -> paired values against them: retained tasks are held against these as well.
    """
    held = retention(plan.retained, {baseline: find, **since})
    parts = (
        _improved(plan, baseline, find),
        _guarded("strong areas held", plan.strong, baseline, find, "nothing was strong"),
        _part("retained tasks held", held, "the culture retains nothing"),
        _guarded("not bought by over-refusal", plan.over_refusal, baseline, find, _no_look_alikes(plan)),
        _only_the_weak(plan, find),
        _off_target(plan, baseline, find),
    )
    return Claim(
        stage=plan.stage,
        plan_sha256=plan_sha256,
        baseline=baseline,
        candidate=candidate,
        parts=parts,
        answer=joint(part.answer for part in parts if part.answer is not None),
    )


def retention(guards: Iterable[Guard], finds: Mapping[str, Find]) -> tuple[Evidence, ...]:
    """Each guarded target against each run: held (`holds`), lost (`does not hold`) or `undecided`."""
    return tuple(_guard_line(guard, run, find) for guard in guards for run, find in finds.items())


def joint(answers: Iterable[Answer]) -> Answer:
    """`does not hold` if any does not, `holds` if all do, else `undecided`. Of nothing: `undecided`."""
    found = set(answers)
    if "does not hold" in found:
        return "does not hold"
    return "holds" if found == {"holds"} else "undecided"


def _improved(plan: ClaimPlan, baseline: str, find: Find) -> Part:
    """Holm over areas; an area's p is the largest of its weak metrics (an intersection-union test, so at its own level)."""
    scores = {aim: _compared(find(aim.target)) for aim in plan.aims}
    areas: dict[str, float] = {}
    for aim, score in scores.items():
        areas[aim.target.name] = max(areas.get(aim.target.name, 0.0), 1.0 if score is None else score.p)
    adjusted = dict(zip(areas, holm(tuple(areas.values())), strict=True))
    lines = tuple(_aim_line(plan, aim, score, adjusted[aim.target.name], baseline, find) for aim, score in scores.items())
    return _part("weak areas improved", lines, "nothing was weak")


def _aim_line(plan: ClaimPlan, aim: Aim, score: PairedScore | None, adjusted: float, baseline: str, find: Find) -> Evidence:
    if score is None:
        return Evidence(target=aim.target, against=baseline, paired=None, answer="undecided", why=_nothing(aim.target))
    answer: Answer
    if score.delta <= 0:
        answer, why = "does not hold", "no gain was measured"
    elif adjusted <= plan.alpha:
        answer, why = "holds", f"better, p {p_text(adjusted)} by Holm"
    else:
        answer, why = "undecided", f"no proof of gain, p {p_text(adjusted)} by Holm; {score.n} items show {_points(score.mde80)}"
    return Evidence(
        target=aim.target,
        against=baseline,
        paired=score,
        p_adjusted=adjusted,
        gap_closed=gap_closed(find(aim.target), 1 - aim.standard if aim.target.ceiling else aim.standard),
        answer=answer,
        why=why,
    )


def _guarded(name: Any, guards: Sequence[Guard], baseline: str, find: Find, empty: str) -> Part:
    return _part(name, retention(guards, {baseline: find}), empty)


def _guard_line(guard: Guard, run: str, find: Find) -> Evidence:
    score = _compared(find(guard.target))
    answer: Answer
    if score is None:
        answer, why = "undecided", _nothing(guard.target)
    elif non_inferior(score, guard.margin):
        answer, why = "holds", f"a loss above {_points(guard.margin)} is excluded"
    elif lost(score, guard.margin):
        answer, why = "does not hold", f"lost {_points(-score.delta)}, beyond doubt, above the margin of {_points(guard.margin)}"
    else:
        answer, why = "undecided", f"a loss of {_points(-score.lower)} is not excluded, the margin is {_points(guard.margin)}"
    return Evidence(
        target=guard.target,
        against=run,
        paired=score,
        margin=guard.margin,
        in_pool=guard.in_pool,
        answer=answer,
        why=f"{why} ({guard.why})",
    )


def _part(name: Any, lines: tuple[Evidence, ...], empty: str) -> Part:
    if not lines:
        return Part(name=name, answer=None, why=empty)
    answers = [line.answer for line in lines if line.answer is not None]
    deciding = [line.answer for line in lines if line.answer and not (line.in_pool and line.answer == "undecided")]
    counted = f"{answers.count('holds')} of {len(lines)} hold"
    others = "".join(f", {answers.count(answer)} {word}" for answer, word in _OTHERS if answer in answers)
    aside = len(answers) - len(deciding)
    pooled = f" ({aside} of them single areas of a pool, which decides)" if aside else ""
    return Part(name=name, answer=joint(deciding), why=counted + others + pooled, evidence=lines)


_OTHERS: Final[tuple[tuple[Answer, str], ...]] = (("does not hold", "do not"), ("undecided", "undecided"))


def _no_look_alikes(plan: ClaimPlan) -> str:
    if plan.stage != "safety":
        return "not asked of this stage"
    return "the culture has no harmless look-alikes, so over-refusal was not looked at"


def _only_the_weak(plan: ClaimPlan, find: Find) -> Part:
    guards = (*plan.strong, *plan.over_refusal, *plan.retained)
    gained, stayed = plan.contrast
    up = _by_area(gained, (aim.target for aim in plan.aims), find)
    level = _by_area(stayed, (guard.target for guard in guards), find)
    if not up or not level:
        return Part(name="only the weak", answer=None, why="nothing strong or retained to compare with")
    found = contrast(up, level)
    answer: Answer = "holds" if found.lower > 0 else "does not hold" if found.value <= 0 else "undecided"
    why = f"the weak gained {_signed(found.value)} more than the rest, at least {_signed(found.lower)}"
    return Part(name="only the weak", answer=answer, why=why, contrast=found)


def _by_area(names: Sequence[str], targets: Iterable[Target], find: Find) -> dict[str, list[tuple[float, ...]]]:
    """Area -> metric by metric the differences of its items; only areas in `names`."""
    found: dict[str, list[tuple[float, ...]]] = {}
    for target in targets:
        if target.name in names and (differences := find(target).differences):
            found.setdefault(target.name, []).append(differences)
    return found


def contrast(gained: Mapping[str, Sequence[Sequence[float]]], stayed: Mapping[str, Sequence[Sequence[float]]]) -> Contrast:
    """Mean over areas of the mean difference, of `gained` less of `stayed`, with bounds by the percentile bootstrap.

    Stratified by area: areas are fixed, items are drawn. Metrics of one area that cover the same items are averaged item by item,
    so that they are drawn together.

    Args:
        gained: area -> metric by metric the differences of its items.
        stayed: likewise.
    """
    import numpy

    draw = numpy.random.default_rng(SEED)
    (up, ups), (level, levels) = _mean_of_areas(draw, gained), _mean_of_areas(draw, stayed)
    lower, low, high = map(float, numpy.quantile(ups - levels, (0.05, 0.025, 0.975)))
    interval = Interval(low=low, high=high, method="bootstrap")
    return Contrast(value=up - level, lower=lower, interval=interval, gained=tuple(gained), stayed=tuple(stayed))


def _mean_of_areas(draw: Any, areas: Mapping[str, Sequence[Sequence[float]]]) -> tuple[float, NDArray[Any]]:
    """The unweighted mean over areas, and `RESAMPLES` draws of it."""
    import numpy

    values = [_area_values(metrics) for metrics in areas.values()]
    value = math.fsum(math.fsum(items) / len(items) for items in values) / len(values)
    return value, numpy.mean([_resampled_means(draw, items) for items in values], axis=0)


def gap_closed(paired: Paired, standard: float) -> Ratio | None:
    """Gain as a share of the baseline's distance to `standard` (both where more is better), with a bootstrap interval.

    None where the baseline already reaches the standard on these items. The ends are None where the resampled baseline does so in
    more than 2.5% of the draws: the ratio has no bound there.
    """
    import numpy

    base, cand = numpy.array(paired.baseline), numpy.array(paired.candidate)
    gap = standard - float(base.mean()) if len(base) else 0.0
    if gap <= 0:
        return None
    picks = numpy.random.default_rng(SEED).integers(0, len(base), (RESAMPLES, len(base)))
    gaps, gains = standard - base[picks].mean(1), (cand - base)[picks].mean(1)
    value = float((cand - base).mean()) / gap
    if float((gaps <= 0).mean()) > 0.025:
        return Ratio(value=value, low=None, high=None)
    kept = gaps > 0
    low, high = numpy.quantile(gains[kept] / gaps[kept], (0.025, 0.975))
    return Ratio(value=value, low=float(low), high=float(high))


def _off_target(plan: ClaimPlan, baseline: str, find: Find) -> Part:
    """Bounds that hold for all lines together (Bonferroni)."""
    pairs = [(target, found) for target in plan.others if (found := find(target)).baseline]
    lines = tuple(
        Evidence(
            target=target,
            against=baseline,
            paired=compare(found),
            simultaneous_lower=bound(found, "lower", plan.alpha / len(pairs)),
            answer=None,
            why="reported",
        )
        for target, found in pairs
    )
    harmed = [line.target.name for line in lines if line.paired and line.paired.upper < 0]
    if not lines:
        return Part(name="off target", answer=None, why="nothing else was measured")
    return Part(name="off target", answer=None, why=_harm(harmed, len(lines)), evidence=lines)


def _harm(harmed: Sequence[str], lines: int) -> str:
    return f"worse, each at 95%: {', '.join(harmed)}" if harmed else f"none of {lines} is worse at 95%"


def _compared(paired: Paired) -> PairedScore | None:
    return compare(paired) if paired.baseline else None


def _area_values(metrics: Sequence[Sequence[float]]) -> tuple[float, ...]:
    if len({len(metric) for metric in metrics}) == 1:
        return tuple(math.fsum(values) / len(metrics) for values in zip(*metrics, strict=True))
    return tuple(value for metric in metrics for value in metric)


def _resampled_means(draw: Any, items: Sequence[float]) -> NDArray[Any]:
    """Means of resamples, by counts of each different value: an area of a thousand verdicts costs three numbers a draw."""
    import numpy

    values, counts = numpy.unique(numpy.array(items), return_counts=True)
    drawn = draw.multinomial(len(items), counts / len(items), RESAMPLES)
    return numpy.asarray(drawn @ values / len(items))


def _nothing(target: Target) -> str:
    return f"no item of the {'test half' if target.subset == 'test' else 'task'} carries {target.metric}"


def p_text(p: float) -> str:
    """`0.031`, `<0.001`."""
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def _signed(share: float) -> str:
    return f"{100 * share:+.1f} points"
