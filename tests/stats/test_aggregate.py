"""Per-sample metrics to scores, and results to coverage."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DataError
from harness.schema import SampleResult, Score, Verdict, VerdictState
from harness.stats.aggregate import METRICS, SUBSETS, aggregate, coverage, macro, micro
from tests.stats.conftest import MakeResult

STEADY = settings(deadline=None, derandomize=True)
YES_NO = {"A": "yes", "B": "no"}


def pick(scores: Sequence[Score], metric: str, name: str = "", aggregation: str = "micro", subset: str = "all") -> list[Score]:
    return [s for s in scores if (s.metric, s.name, s.aggregation, s.subset) == (metric, name, aggregation, subset)]


def value(scores: Sequence[Score], *args: str, **where: str) -> float:
    (found,) = pick(scores, *args, **where)
    return found.value


@pytest.fixture
def uneven(make_result: MakeResult) -> list[SampleResult]:
    """DI: 1 right of 4 with targets A; VV: 2 right of 2 with targets B."""
    di = [make_result({"acc": float(i == 0), "invalid": 0.0}, options=YES_NO, target="A") for i in range(4)]
    vv = [make_result({"acc": 1.0, "invalid": 0.0}, options=YES_NO, target="B", dimension="VV") for _ in range(2)]
    return di + vv


def test_micro_weighs_samples_and_macro_weighs_dimensions(uneven: list[SampleResult]) -> None:
    scores = aggregate("bench", uneven, threshold=90)
    assert value(scores, "acc") == pytest.approx(3 / 6)
    assert value(scores, "acc", aggregation="macro") == pytest.approx((1 / 4 + 1) / 2)
    assert value(scores, "acc", "DI") == pytest.approx(1 / 4)
    assert value(scores, "acc", "VV") == 1.0


def test_every_score_says_how_many_samples_stand_behind_it(uneven: list[SampleResult]) -> None:
    scores = aggregate("bench", uneven, threshold=90)
    assert [s.n for s in pick(scores, "acc") + pick(scores, "acc", aggregation="macro")] == [6, 6]
    assert pick(scores, "acc", "VV")[0].n == 2


def test_constant_answers_and_chance_stand_beside_acc(uneven: list[SampleResult]) -> None:
    scores = aggregate("bench", uneven, threshold=90)
    assert value(scores, "acc_always_a") == pytest.approx(4 / 6)
    assert value(scores, "acc_always_a", aggregation="macro") == pytest.approx(1 / 2)
    assert value(scores, "acc_always_b", "VV") == 1.0
    assert value(scores, "acc_chance") == 0.5


def test_baselines_are_facts_without_an_interval(uneven: list[SampleResult]) -> None:
    scores = aggregate("bench", uneven, threshold=90)
    assert {s.interval for s in scores if s.metric.startswith("acc_")} == {None}
    assert all(s.interval is not None for s in scores if not s.metric.startswith("acc_"))


def test_topics_and_levels_have_no_baselines(make_result: MakeResult) -> None:
    result = make_result({"acc": 1.0}, options=YES_NO, target="A", topic="colour", level="easy")
    scores = aggregate("bench", [result], threshold=90)
    assert {s.metric for s in scores if s.scope in ("topic", "level")} == {"acc"}


def test_topics_and_levels_are_scored_by_name(make_result: MakeResult) -> None:
    results = [make_result({"acc": float(level == "easy")}, topic=f"t-{level}", level=level) for level in ("easy", "hard")]
    scores = aggregate("bench", results, threshold=90)
    assert {(s.scope, s.name, s.value) for s in scores if s.scope in ("topic", "level") and s.subset == "all"} == {
        ("topic", "t-easy", 1.0),
        ("topic", "t-hard", 0.0),
        ("level", "easy", 1.0),
        ("level", "hard", 0.0),
    }


def test_a_sample_without_topic_belongs_to_no_topic(uneven: list[SampleResult]) -> None:
    assert {s.scope for s in aggregate("bench", uneven, threshold=90)} == {"overall", "dimension"}


def test_mixed_kinds_are_each_averaged_over_the_samples_that_carry_them(make_result: MakeResult) -> None:
    results = [
        make_result({"acc": 1.0, "invalid": 0.0}, options=YES_NO, target="A"),
        make_result({"acc": 0.0, "invalid": 1.0}, options=YES_NO, target="A", dimension="SR"),
        make_result({"unjudged": 0.0, "rr_1": 1.0, "rr_2": 0.0, "hr": 0.0}),
        make_result({"unjudged": 0.0, "rr_1": 0.0, "rr_2": 0.0, "hr": 1.0}, dimension="VV"),
        make_result({"unjudged": 1.0}, dimension="VV"),
        make_result({"unjudged": 0.0, "answered": 1.0}),
    ]
    scores = aggregate("bench", results, threshold=90)
    assert {m: pick(scores, m)[0].n for m in ("acc", "invalid", "rr_1", "hr", "answered", "unjudged")} == {
        "acc": 2,
        "invalid": 2,
        "rr_1": 2,
        "hr": 2,
        "answered": 1,
        "unjudged": 4,
    }
    assert value(scores, "unjudged") == 0.25
    assert pick(scores, "acc", "VV") == []
    assert pick(scores, "rr_1", "SR") == []


def test_a_metric_nobody_carries_is_absent_and_not_zero(make_result: MakeResult) -> None:
    scores = aggregate("bench", [make_result({"unjudged": 1.0})], threshold=90)
    assert {s.metric for s in scores} == {"unjudged"}


def test_no_results_give_no_scores() -> None:
    assert aggregate("bench", [], threshold=90) == ()


def test_dev_and_test_are_scored_apart(make_result: MakeResult) -> None:
    results = [make_result({"acc": float(split == "dev")}, split=split) for split in ("dev", "dev", "test")]
    scores = aggregate("bench", results, threshold=90)
    assert value(scores, "acc", subset="dev") == 1.0
    assert value(scores, "acc", subset="test") == 0.0
    assert value(scores, "acc") == pytest.approx(2 / 3)


def test_the_macro_of_a_subset_is_over_the_dimensions_it_holds(make_result: MakeResult) -> None:
    results = [
        make_result({"acc": 1.0}, split="dev"),
        make_result({"acc": 0.0}, split="dev"),
        make_result({"acc": 0.0}, dimension="VV", split="test"),
    ]
    scores = aggregate("bench", results, threshold=90)
    assert value(scores, "acc", aggregation="macro", subset="dev") == 0.5
    assert value(scores, "acc", aggregation="macro") == 0.25


def test_high_confidence_takes_only_high_keys_and_only_acc_and_invalid(make_result: MakeResult) -> None:
    results = [
        make_result({"acc": float(c == "high"), "invalid": 0.0}, zh_share=0.5, target="A", options=YES_NO, target_confidence=c)
        for c in ("high", "medium", "low", None)
    ]
    scores = aggregate("bench", results, threshold=90)
    assert value(scores, "acc", subset="high_confidence") == 1.0
    assert pick(scores, "acc", subset="high_confidence")[0].n == 1
    shown = {s.metric for s in scores if s.subset == "high_confidence"}
    assert shown == {"acc", "invalid", "acc_always_a", "acc_always_b", "acc_chance"}


def test_acc_of_scores_is_taken_at_the_threshold_given(make_result: MakeResult) -> None:
    results = [make_result({"acc": float(s >= 90), "score": float(s), "unjudged": 0.0}) for s in (100, 90, 80, 60)]
    assert value(aggregate("bench", results, threshold=90), "acc") == 0.5
    assert value(aggregate("bench", results, threshold=60), "acc") == 1.0
    assert value(aggregate("bench", results, threshold=90), "score") == 82.5


def test_a_score_without_acc_is_not_given_one(make_result: MakeResult) -> None:
    scores = aggregate("bench", [make_result({"score": 70.0})], threshold=60)
    assert {s.metric for s in scores} == {"score"}


def test_zh_share_is_the_mean_over_replies_that_have_letters(make_result: MakeResult) -> None:
    results = [make_result(zh_share=share) for share in (1.0, 0.5, None)]
    scores = aggregate("bench", results, threshold=90)
    assert value(scores, "zh_share") == 0.75
    assert pick(scores, "zh_share")[0].n == 2
    assert pick(scores, "zh_share", aggregation="macro") == []


def test_lm_evals_copy_of_acc_is_not_a_metric_of_its_own(make_result: MakeResult) -> None:
    scores = aggregate("bench", [make_result({"acc": 1.0, "acc_macro": 1.0})], threshold=90)
    assert {s.metric for s in scores} == {"acc"}


def test_a_plug_ins_metric_follows_the_known_ones(make_result: MakeResult) -> None:
    scores = aggregate("bench", [make_result({"bleu": 31.5, "acc": 1.0}), make_result({"bleu": 20.5, "acc": 1.0})], threshold=90)
    overall = [s for s in scores if s.scope == "overall" and s.subset == "all"]
    assert [s.metric for s in overall] == ["acc", "acc", "bleu"]
    assert (overall[-1].value, overall[-1].interval) == (26.0, None)


def test_safety_rates_have_exact_intervals(make_result: MakeResult) -> None:
    results = [make_result({"hr": float(i < 20), "acc": float(i < 20)}) for i in range(200)]
    scores = aggregate("bench", results, threshold=90)
    methods = {s.metric: s.interval.method for s in pick(scores, "hr") + pick(scores, "acc") if s.interval}
    assert methods == {"hr": "clopper-pearson", "acc": "wilson"}


def test_scores_and_macros_have_their_own_intervals(make_result: MakeResult) -> None:
    results = [make_result({"score": float(s)}, dimension=d) for d in ("TU", "IE") for s in (40, 90, 100)]
    scores = aggregate("bench", results, threshold=90)
    (plain,), (over_dimensions,) = pick(scores, "score"), pick(scores, "score", aggregation="macro")
    assert plain.interval is not None
    assert over_dimensions.interval is not None
    assert plain.interval.method == "t"
    assert over_dimensions.interval.method == "stratified"
    assert over_dimensions.interval.high > 1


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_metric_that_is_not_a_number_is_refused_by_name(make_result: MakeResult, bad: float) -> None:
    with pytest.raises(DataError, match="task demo_task, sample item-1: metric acc"):
        aggregate("bench", [make_result({"acc": bad})], threshold=90)


def _many(make: MakeResult, n: int, seed: int) -> list[SampleResult]:
    rng = random.Random(seed)
    results = []
    for _ in range(n):
        dimension = rng.choice(["DI", "VV", "CV", "IR", "SR"])
        more: dict[str, Any] = {
            "dimension": dimension,
            "topic": f"{dimension}-{rng.randrange(6)}",
            "level": rng.choice(["easy", "medium", "hard"]),
            "split": rng.choice(["dev", "test"]),
            "target_confidence": rng.choice(["high", "low"]),
            "target": rng.choice("AB"),
        }
        if rng.random() < 0.5:
            more["options"] = YES_NO
            metrics = {"acc": float(rng.random() < 0.6), "invalid": 0.0}
        else:
            metrics = {"acc": 0.0, "score": float(rng.randrange(101)), "unjudged": 0.0}
        results.append(make(metrics, zh_share=rng.random(), **more))
    return results


def test_the_order_of_the_results_changes_nothing(make_result: MakeResult) -> None:
    results = _many(make_result, 400, seed=1)
    shuffled = random.Random(2).sample(results, len(results))
    assert aggregate("bench", results, threshold=90) == aggregate("bench", shuffled, threshold=90)


def test_scores_come_by_subset_scope_name_metric_and_aggregation(make_result: MakeResult) -> None:
    scopes = ["overall", "dimension", "topic", "level"]
    scores = aggregate("bench", _many(make_result, 300, seed=3), threshold=90)
    keys = [
        (SUBSETS.index(s.subset), scopes.index(s.scope), s.name, METRICS.index(s.metric), s.aggregation == "macro")
        for s in scores
    ]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_seven_thousand_results_take_less_than_a_second(make_result: MakeResult) -> None:
    results = _many(make_result, 7000, seed=4)
    aggregate("bench", results[:10], threshold=90)
    started = time.process_time()
    aggregate("bench", results, threshold=90)
    assert time.process_time() - started < 1.0


counts = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
groups = st.dictionaries(st.text(max_size=3), counts, min_size=1, max_size=8)


@STEADY
@given(groups)
def test_averages_lie_between_the_smallest_and_the_largest_group(found: dict[str, tuple[int, int]]) -> None:
    rates = [k / n for k, n in found.values()]
    for average in (micro(found), macro(found)):
        assert min(rates) - 1e-12 <= average <= max(rates) + 1e-12


@STEADY
@given(groups, st.randoms(use_true_random=False))
def test_averages_do_not_depend_on_the_order_of_the_groups(found: dict[str, tuple[int, int]], rng: random.Random) -> None:
    shuffled = dict(rng.sample(list(found.items()), len(found)))
    assert micro(found) == micro(shuffled)
    assert macro(found) == macro(shuffled)


@STEADY
@given(st.integers(1, 500), st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_macro_is_micro_when_the_groups_are_equally_large(n: int, shares: list[float]) -> None:
    equal = {str(i): (round(share * n), n) for i, share in enumerate(shares)}
    assert macro(equal) == pytest.approx(micro(equal))


@STEADY
@given(groups, st.integers(2, 9))
def test_macro_ignores_how_large_a_group_is(found: dict[str, tuple[int, int]], factor: int) -> None:
    name = min(found)
    k, n = found[name]
    assert macro({**found, name: (k * factor, n * factor)}) == pytest.approx(macro(found))


@pytest.mark.parametrize("average", [micro, macro])
def test_an_average_of_nothing_is_refused(average: object) -> None:
    assert callable(average)
    with pytest.raises(ValueError, match="at least one group"):
        average({})
    with pytest.raises(ValueError, match="group 'SR' has n=0"):
        average({"DI": (1, 2), "SR": (0, 0)})


def _verdict(state: VerdictState) -> Verdict:
    return Verdict(state=state, judge="rules@1")


def test_coverage_counts_replies_verdicts_and_keys(make_result: MakeResult) -> None:
    ok, invalid, unjudged = (_verdict(state) for state in VerdictState)
    results = [
        make_result({"acc": 1.0}, verdict=ok, options=YES_NO, target="A", target_confidence="high"),
        make_result({"acc": 0.0}, verdict=invalid, options=YES_NO, target="B", target_confidence="low"),
        make_result(verdict=ok, options=YES_NO),
        make_result(verdict=ok, options=YES_NO, target_confidence="contested"),
        make_result(text=None, verdict=unjudged, options=YES_NO, target="A"),
        make_result(options=YES_NO, target="A"),
    ]
    found = coverage("mcq", "bench", results)
    assert found.model_dump() == {
        "task": "mcq",
        "benchmark": "bench",
        "n": 6,
        "keyed": 4,
        "contested": 1,
        "responses": 5,
        "judged": 4,
        "invalid": 1,
        "unjudged": 1,
    }


def test_a_contested_key_is_not_a_usable_key(make_result: MakeResult) -> None:
    found = coverage("mcq", "bench", [make_result(options=YES_NO, target="A", target_confidence="contested")])
    assert (found.keyed, found.contested) == (0, 1)


def test_a_refusal_task_needs_no_key(make_result: MakeResult) -> None:
    assert coverage("refusal", "bench", [make_result({"rr_1": 1.0})]).keyed is None


def test_a_score_task_without_any_reference_has_none_keyed_if_the_kind_is_told(make_result: MakeResult) -> None:
    results = [make_result({"unjudged": 1.0})]
    assert coverage("writing", "bench", results, kind="score").keyed == 0
    assert coverage("writing", "bench", results, kind="refusal").keyed is None


def test_a_likelihood_sample_is_answered_and_judged_without_a_verdict(make_result: MakeResult) -> None:
    found = coverage("mcq_ll", "bench", [make_result({"acc": 1.0}, text=None, options=YES_NO, target="A")])
    assert (found.responses, found.judged, found.unjudged) == (1, 1, 0)


def test_a_reply_nobody_judged_is_neither_judged_nor_unjudged(make_result: MakeResult) -> None:
    found = coverage("refusal", "bench", [make_result()])
    assert (found.responses, found.judged, found.unjudged) == (1, 0, 0)
    assert found.share == 0.0


def test_coverage_of_nothing_is_zero() -> None:
    found = coverage("mcq", "bench", [])
    assert (found.n, found.share) == (0, 0.0)
