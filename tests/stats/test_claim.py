"""Claims: what each part needs to hold, what proves the opposite, and how often a lucky model would pass."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from harness.schema import Aim, Claim, ClaimPlan, Guard, Part, Target
from harness.stats.claim import contrast, gap_closed, joint, judge_claim
from harness.stats.multiple import holm
from harness.stats.paired import Paired, p_improved, pair

numpy = pytest.importorskip("numpy")


def target(name: str, metric: str = "acc", subset: Any = "test", **more: Any) -> Target:
    benchmark, _, dimension = name.partition("/")
    return Target(benchmark=benchmark, dimensions=(dimension,) if dimension else (), metric=metric, subset=subset, **more)


WEAK, WEAK2, STRONG, OTHER = (target(f"skills/{name}") for name in ("TU", "IE", "LR", "TP"))
ENGLISH = target("english", subset="all")
BENIGN = target("benign/DI", "answered")


def guard(of: Target, margin: float = 0.1) -> Guard:
    return Guard(target=of, margin=margin, why="test")


def plan(**changes: Any) -> ClaimPlan:
    fields: dict[str, Any] = {
        "stage": "knowledge",
        "model": "base",
        "diagnosis": "run-1",
        "diagnosis_sha256": "0" * 64,
        "culture": "demo",
        "culture_digest": "0" * 64,
        "aims": (Aim(target=WEAK, standard=0.7),),
        "strong": (guard(STRONG),),
        "over_refusal": (),
        "retained": (guard(ENGLISH),),
        "others": (OTHER,),
        "contrast": ((WEAK.name,), (STRONG.name,)),
        "earlier_runs": ("run-1",),
    }
    return ClaimPlan(**{**fields, **changes})


def moved(wins: int, losses: int, n: int = 60) -> Paired:
    """Verdicts of which so many became right and wrong; half of the others are right."""
    same = n - wins - losses
    right = same // 2
    return Paired(
        (0.0,) * wins + (1.0,) * losses + (1.0,) * right + (0.0,) * (same - right),
        (1.0,) * wins + (0.0,) * losses + (1.0,) * right + (0.0,) * (same - right),
    )


GOOD = {
    WEAK: moved(30, 2),
    WEAK2: moved(25, 2),
    STRONG: moved(1, 1),
    ENGLISH: moved(2, 3, 240),
    OTHER: moved(3, 3),
    BENIGN: moved(0, 0),
}


def judged(what: ClaimPlan, values: Mapping[Target, Paired], since: Mapping[str, Mapping[Target, Paired]] | None = None) -> Claim:
    earlier = {run: found.__getitem__ for run, found in (since or {}).items()}
    return judge_claim(what, "f" * 64, "base-2", "kg-1", values.__getitem__, earlier)


def part(claim: Claim, name: str) -> Part:
    return next(one for one in claim.parts if one.name == name)


def test_a_claim_holds_if_every_part_does() -> None:
    found = judged(plan(), GOOD)
    assert found.answer == "holds"
    answers = [one.answer for one in found.parts]
    assert answers == ["holds", "holds", "holds", None, "holds", None]


def test_an_unchanged_model_proves_nothing_and_the_claim_does_not_hold() -> None:
    found = judged(plan(), dict.fromkeys(GOOD, moved(0, 0)) | {ENGLISH: moved(0, 0, 240)})
    assert part(found, "weak areas improved").answer == "does not hold"
    assert part(found, "weak areas improved").evidence[0].why == "no gain was measured"
    assert part(found, "only the weak").answer == "does not hold"
    assert part(found, "retained tasks held").answer == "holds"
    assert found.answer == "does not hold"


def test_a_gain_that_may_be_luck_is_undecided() -> None:
    found = judged(plan(), {**GOOD, WEAK: moved(6, 4)})
    line = part(found, "weak areas improved").evidence[0]
    assert line.answer == "undecided"
    assert "no proof of gain" in line.why
    assert found.answer == "undecided"


def test_one_area_without_gain_spoils_the_claim_of_all() -> None:
    two = plan(aims=(Aim(target=WEAK, standard=0.7), Aim(target=WEAK2, standard=0.7)))
    assert judged(two, GOOD).answer == "holds"
    assert judged(two, {**GOOD, WEAK2: moved(3, 4)}).answer == "does not hold"


def test_many_weak_areas_need_more_proof_than_one() -> None:
    borderline = moved(9, 2)
    areas = [target(f"skills/{name}") for name in "ABCDEFGH"]
    many = plan(
        aims=tuple(Aim(target=one, standard=0.7) for one in areas), contrast=(tuple(a.name for a in areas), (STRONG.name,))
    )
    alone = judged(plan(), {**GOOD, WEAK: borderline})
    among = judged(many, {**GOOD, **dict.fromkeys(areas, borderline)})
    assert part(alone, "weak areas improved").answer == "holds"
    assert part(among, "weak areas improved").answer == "undecided"


def test_an_area_with_two_weak_metrics_needs_both_and_counts_once() -> None:
    refused, harm = target("risk/DI", "rr_1"), target("risk/DI", "hr", ceiling=True)
    both = plan(aims=(Aim(target=refused, standard=0.7), Aim(target=harm, standard=0.3)), contrast=(("risk/DI",), (STRONG.name,)))
    lines = part(judged(both, {**GOOD, refused: moved(40, 0), harm: moved(7, 0)}), "weak areas improved").evidence
    assert [line.answer for line in lines] == ["holds", "holds"]
    assert lines[0].p_adjusted == lines[1].p_adjusted == pytest.approx(0.5**8)
    assert judged(both, {**GOOD, refused: moved(40, 0), harm: moved(2, 0)}).answer == "undecided"


def test_a_strong_area_that_lost_beyond_doubt_fails_and_one_that_may_have_is_undecided() -> None:
    assert judged(plan(), {**GOOD, STRONG: moved(0, 20)}).answer == "does not hold"
    doubtful = judged(plan(), {**GOOD, STRONG: moved(2, 6)})
    assert part(doubtful, "strong areas held").answer == "undecided"
    assert "is not excluded" in part(doubtful, "strong areas held").evidence[0].why


def test_retained_tasks_are_held_against_the_very_first_model_too() -> None:
    """Two small losses add up: each within the margin, the sum beyond it."""
    found = judged(plan(), {**GOOD, ENGLISH: moved(0, 8, 240)}, {"first": {ENGLISH: moved(0, 48, 240)}})
    lines = part(found, "retained tasks held").evidence
    assert [(line.against, line.answer) for line in lines] == [("base-2", "holds"), ("first", "does not hold")]


def test_safety_bought_by_refusing_the_harmless_fails_in_a_line_of_its_own() -> None:
    safety = plan(stage="safety", over_refusal=(guard(BENIGN),))
    assert part(judged(safety, GOOD), "not bought by over-refusal").answer == "holds"
    found = judged(safety, {**GOOD, BENIGN: moved(0, 55)})
    assert part(found, "not bought by over-refusal").answer == "does not hold"
    assert found.answer == "does not hold"


def test_a_culture_without_look_alikes_is_told_that_nobody_looked() -> None:
    found = part(judged(plan(stage="safety"), GOOD), "not bought by over-refusal")
    assert found.answer is None
    assert "not looked at" in found.why


def test_a_gain_everywhere_is_not_only_the_weak() -> None:
    found = judged(plan(), {**GOOD, STRONG: moved(28, 1)})
    assert part(found, "strong areas held").answer == "holds"
    assert part(found, "only the weak").answer in ("undecided", "does not hold")


def test_without_a_strong_area_the_retained_tasks_stand_in() -> None:
    alone = plan(strong=(), contrast=((WEAK.name,), (ENGLISH.name,)))
    found = part(judged(alone, GOOD), "only the weak")
    assert found.contrast is not None
    assert found.contrast.stayed == (ENGLISH.name,)
    assert found.answer == "holds"


def test_without_anything_that_should_stay_there_is_no_contrast() -> None:
    bare = plan(strong=(), retained=(), contrast=((WEAK.name,), ()))
    found = judged(bare, GOOD)
    assert part(found, "only the weak").answer is None
    assert found.answer == "holds"


def test_harm_off_target_is_reported_and_not_judged() -> None:
    found = judged(plan(), {**GOOD, OTHER: moved(0, 30)})
    told = part(found, "off target")
    assert told.answer is None
    assert "skills/TP" in told.why
    assert told.evidence[0].simultaneous_lower is not None
    assert found.answer == "holds"


def test_bounds_off_target_widen_with_the_number_of_lines() -> None:
    others = tuple(target(f"skills/{name}") for name in "ABCDE")
    many = judged(plan(others=others), {**GOOD, **dict.fromkeys(others, moved(3, 3))})
    one = judged(plan(), GOOD)
    assert part(many, "off target").evidence[0].simultaneous_lower < part(one, "off target").evidence[0].simultaneous_lower


def test_an_area_without_items_cannot_be_proven() -> None:
    found = judged(plan(), {**GOOD, WEAK: Paired((), ())})
    line = part(found, "weak areas improved").evidence[0]
    assert (line.answer, line.paired) == ("undecided", None)
    assert "no item of the test half" in line.why


def test_answers_are_joined_by_the_worst() -> None:
    assert joint(["holds", "holds"]) == "holds"
    assert joint(["holds", "undecided"]) == "undecided"
    assert joint(["undecided", "does not hold"]) == "does not hold"
    assert joint([]) == "undecided"


def test_the_gap_closed_is_the_gain_over_the_distance_to_the_standard() -> None:
    found = gap_closed(Paired((0.0,) * 60 + (1.0,) * 40, (0.0,) * 40 + (1.0,) * 60), 0.8)
    assert found is not None
    assert found.value == pytest.approx(0.5)
    assert found.low is not None
    assert found.high is not None
    assert 0.3 < found.low < 0.5 < found.high < 0.75


def test_a_gap_that_may_be_none_has_no_bounds_and_one_that_is_none_has_no_share() -> None:
    near = gap_closed(moved(4, 0), 0.5)
    assert near is not None
    assert near.low is None
    assert gap_closed(moved(0, 0), 0.2) is None


def test_the_contrast_covers_the_true_difference_of_area_means() -> None:
    rng = numpy.random.default_rng(7)
    covered = above = 0
    for _ in range(150):
        gained = {str(i): [tuple(rng.choice((-1.0, 0.0, 1.0), n, p=(0.1, 0.5, 0.4)))] for i, n in enumerate((60, 36))}
        stayed = {str(i): [tuple(rng.choice((-1.0, 0.0, 1.0), n, p=(0.1, 0.8, 0.1)))] for i, n in enumerate((48, 90, 30))}
        found = contrast(gained, stayed)
        covered += found.interval.low <= 0.3 <= found.interval.high
        above += found.lower > 0.3
    assert covered / 150 >= 0.9
    assert above / 150 <= 0.1


def test_metrics_of_one_area_are_drawn_together() -> None:
    """Two metrics that always move together say no more than one."""
    rng = random.Random(8)
    items = tuple(rng.choice((-1.0, 0.0, 1.0, 1.0)) for _ in range(60))
    stayed = {"s": [tuple(rng.choice((-1.0, 0.0, 1.0)) for _ in range(60))]}
    once, twice = contrast({"a": [items]}, stayed), contrast({"a": [items, items]}, stayed)
    width = once.interval.high - once.interval.low
    assert twice.interval.high - twice.interval.low == pytest.approx(width, rel=0.05)


def test_the_same_values_give_the_same_claim() -> None:
    assert judged(plan(), GOOD) == judged(plan(), GOOD)


def test_two_passes_of_one_model_are_seldom_called_an_improvement() -> None:
    """A noisy model, measured twice on three areas: at most one time in twenty is any of them called better."""
    rng = random.Random(9)

    def noisy() -> Paired:
        ease = [rng.random() for _ in range(48)]
        return pair(*([float(rng.random() < e) for e in ease] for _ in range(2)))

    better = sum(min(holm([p_improved(noisy()) for _ in range(3)])) <= 0.05 for _ in range(800))
    assert better / 800 <= 0.06


def test_a_single_area_of_a_pool_may_be_undecided_but_not_lost() -> None:
    """18 items cannot show what 90 can: the pool decides, unless one of its areas is lost beyond doubt."""
    areas = [target(f"benign/{name}", "answered") for name in "ABCDE"]
    pool = Target(benchmark="benign", dimensions=tuple("ABCDE"), metric="answered", subset="test")
    guards = (guard(pool, 0.08), *(Guard(target=one, margin=0.1, why="test", in_pool=True) for one in areas))
    values = {**GOOD, pool: moved(2, 2, 120), **dict.fromkeys(areas, moved(1, 1, 24))}
    found = part(judged(plan(strong=guards), values), "strong areas held")
    assert [line.answer for line in found.evidence] == ["holds", *["undecided"] * 5]
    assert found.answer == "holds"
    one_gone = {**values, areas[0]: moved(0, 12, 24)}
    assert part(judged(plan(strong=guards), one_gone), "strong areas held").answer == "does not hold"
    unsure = {**values, pool: moved(4, 10, 120)}
    assert part(judged(plan(strong=guards), unsure), "strong areas held").answer == "undecided"
