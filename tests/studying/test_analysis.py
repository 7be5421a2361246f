"""Runs on disk -> what a study comes to: contrasts by name, corrected together, claimed only where runs were repeated."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from harness.errors import HarnessError, IncompleteRun, NotComparable, UsageError
from harness.schema.study import ArmRun, ContrastResult, Study, StudyResult
from harness.stats.multiple import holm
from harness.studying.analysis import analyse
from harness.studying.contrasts import asked, kin
from tests.studying.made import HARM, ITEMS, PHASES, one, runs, study

NAMED = ("safety's effect on knowledge", "knowledge's effect on safety", "interaction", "order", "phasing")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[ArmRun]]:
    root = tmp_path_factory.mktemp("runs")
    return root, runs(root, study())


@pytest.fixture(scope="module")
def result(made: tuple[Path, list[ArmRun]]) -> StudyResult:
    return analyse(study(), made[1], made[0])


def of(result: StudyResult, name: str, outcome: str) -> ContrastResult:
    return next(one for one in result.contrasts if (one.name, one.outcome) == (name, outcome))


def mean(result: StudyResult, arm: str, outcome: str) -> float:
    return next(score.mean for score in result.scores if (score.arm, score.outcome) == (arm, outcome))


def test_the_contrasts_of_interference_are_named_and_stand_on_the_outcomes_they_are_about(result: StudyResult) -> None:
    found = {(one.name, one.outcome) for one in result.contrasts if not one.factor}
    assert found == {(name, outcome) for name in NAMED for outcome in ("knowledge", "harm")} - {
        ("safety's effect on knowledge", "harm"),
        ("knowledge's effect on safety", "knowledge"),
    }


def test_a_contrast_is_the_weighted_sum_of_the_means_and_of_a_ceiling_its_complement(result: StudyResult) -> None:
    k, s, both, base = (mean(result, arm, "knowledge") for arm in ("K", "S", "KS", "base"))
    assert of(result, "interaction", "knowledge").value == pytest.approx(both - k - s + base)
    assert of(result, "order", "harm").value == pytest.approx(mean(result, "SK", "harm") - mean(result, "KS", "harm"))


def test_what_is_large_is_shown_and_what_is_small_is_not(result: StudyResult) -> None:
    assert of(result, "order", "harm").verdict == "higher"
    assert of(result, "knowledge's effect on safety", "harm").verdict == "lower"
    assert of(result, "order", "knowledge").verdict == "not shown"


def test_means_are_those_of_the_runs_and_the_base_has_one_and_no_spread(result: StudyResult) -> None:
    scores = {(score.arm, score.outcome): score for score in result.scores}
    assert len(scores) == len(PHASES) * 2
    base, other = scores["base", "harm"], scores["K", "harm"]
    assert (len(base.values), base.sd, base.n) == (1, None, ITEMS["demo_risk_di"])
    assert (len(other.values), other.mean) == (3, pytest.approx(fmean(other.values)))
    assert all(score.interval and score.interval.low < score.mean < score.interval.high for score in scores.values())


def test_holm_counts_each_question_of_a_family_once_whatever_it_is_called(result: StudyResult) -> None:
    found = [one for one in result.contrasts if one.outcome == "knowledge"]
    twins = {one.name: one for one in found if one.name in ("order", "order: SK - KS")}
    assert twins["order"].p == pytest.approx(twins["order: SK - KS"].p)
    assert twins["order"].p_holm == twins["order: SK - KS"].p_holm
    questions = [one for one in found if not one.factor]
    assert [one.p_holm for one in questions] == pytest.approx(holm([one.p for one in questions]))


def test_outcomes_of_one_family_are_corrected_together(made: tuple[Path, list[ArmRun]], result: StudyResult) -> None:
    outcomes = {name: one.model_copy(update={"family": "all"}) for name, one in study().outcomes.items()}
    together = analyse(study(outcomes=outcomes), made[1], made[0])
    assert of(together, "phasing", "knowledge").p_holm > of(result, "phasing", "knowledge").p_holm


def test_every_level_of_a_factor_is_compared_with_the_first(result: StudyResult) -> None:
    found = {one.name for one in result.contrasts if one.factor == "order"}
    assert found == {"order: SK - KS", "order: mixed - KS"}


def test_trade_offs_are_each_trained_arms_changes_against_the_base(result: StudyResult) -> None:
    assert [one.name for one in result.trade_offs] == ["K", "S", "KS", "SK", "mixed"]
    found = result.trade_offs[2]
    assert found.centre == pytest.approx(
        (
            mean(result, "KS", "knowledge") - mean(result, "base", "knowledge"),
            mean(result, "base", "harm") - mean(result, "KS", "harm"),
        )
    )
    assert found.radius > 2.447, "that of known variances"
    assert not found.descriptive


def test_the_order_of_the_runs_changes_nothing(made: tuple[Path, list[ArmRun]], result: StudyResult) -> None:
    assert analyse(study(), made[1][::-1], made[0]) == result


@pytest.mark.parametrize(("seeds", "said"), [((1,), "one training run"), ((1, 2), "fewer than 3 training runs")])
def test_with_fewer_than_three_runs_nothing_is_claimed(
    made: tuple[Path, list[ArmRun]], seeds: tuple[int, ...], said: str
) -> None:
    asked_ = study(seeds=seeds)
    found = analyse(asked_, [run for run in made[1] if run.seed in (None, *seeds)], made[0])
    assert {one.verdict for one in found.contrasts} == {"descriptive"}
    assert all(one.descriptive and one.seeds == len(seeds) for one in found.contrasts)
    assert all(one.descriptive for one in found.trade_offs)
    assert any(note.startswith(said) for note in found.notes)


def test_one_arm_with_fewer_runs_takes_the_claims_from_its_own_contrasts_alone(
    made: tuple[Path, list[ArmRun]], result: StudyResult
) -> None:
    found = analyse(study(), [run for run in made[1] if (run.arm, run.seed) != ("mixed", 3)], made[0])
    assert of(found, "phasing", "harm").verdict == "descriptive"
    assert of(found, "order", "harm").verdict == "higher"
    assert any("different numbers of training runs" in note for note in found.notes)
    assert of(found, "order", "harm").p_holm <= of(result, "order", "harm").p_holm, "what claims nothing takes nothing"


def test_an_item_that_one_run_could_not_judge_is_left_out_of_all_and_counted(tmp_path: Path) -> None:
    asked_ = study(arms={arm: {"phases": PHASES[arm]} for arm in ("base", "K")}, interference=None, cases=None)
    values: dict[str, list[float | None]] = {"demo_tu": [1.0, 0.0] * 5, "demo_ie": [1.0] * 4, "demo_risk_di": [0.0] * 6}
    lacking = {**values, "demo_tu": [None, None, *values["demo_tu"][2:]]}
    given = [one(tmp_path, "base", None, values), one(tmp_path, "K", 1, values), one(tmp_path, "K", 2, lacking)]
    found = analyse(asked_, given, tmp_path)
    assert {score.n for score in found.scores if score.outcome == "knowledge"} == {12}
    assert "knowledge: 2 of 14 items have no value in some run (not judged, no reply): left out of all runs" in found.notes


def test_notes_say_what_else_differs_between_arms(result: StudyResult) -> None:
    said = "\n".join(result.notes)
    assert "different numbers of rows (K 1,000, KS 2,000)" in said
    assert "different numbers of tokens" in said


def test_notes_of_the_runs_that_hold_for_all_numbers_are_kept_and_vocabularies_named(tmp_path: Path) -> None:
    arms = {"base": {}, "K": {"phases": ("knowledge",), "vocabulary": "wide"}}
    asked_ = study(
        arms=arms,
        vocabularies={"wide": {"text": ("all",), "size": 100}},
        interference=None,
        cases=None,
        outcomes={"knowledge": study().outcomes["knowledge"]},
    )
    values: dict[str, Any] = {"demo_tu": [1.0, 0.0], "demo_ie": [1.0, 0.0]}
    given = [
        one(tmp_path, arm, seed, values, chat_template=template)
        for arm, seed, template in (("base", None, None), ("K", 1, "a" * 64))
    ]
    said = "\n".join(analyse(asked_, given, tmp_path).notes)
    assert "different vocabularies" in said
    assert "chat templates differ" in said


def test_arms_that_begin_with_the_same_training_are_kin() -> None:
    assert kin(study()) == {("K", "KS"), ("S", "SK")}


def test_a_contrast_of_the_studys_own_takes_the_place_of_one_of_the_same_name() -> None:
    own = study(contrasts={"order": {"weights": {"SK": 1.0, "KS": -1.0}}})
    assert [one.weights for one in asked(own) if one.name == "order"] == [{"SK": 1.0, "KS": -1.0}]


@pytest.mark.parametrize(
    ("contrast", "said"),
    [
        ({"weights": {"KS": 1.0, "KX": -1.0}}, "no arm .* named 'KX'; did you mean"),
        ({"weights": {"KS": 1.0, "K": -0.5}}, "must sum to 0.*they sum to 0.5"),
        ({"weights": {}}, "must sum to 0"),
        ({"weights": {"KS": 1.0, "K": -1.0}, "outcomes": ("harms",)}, "no outcome .* named 'harms'"),
    ],
)
def test_a_contrast_that_makes_no_sense_is_refused(contrast: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        asked(study(contrasts={"mine": contrast}))


def _without(found: Sequence[ArmRun], arm: str) -> list[ArmRun]:
    return [run for run in found if run.arm != arm]


def _metric(asked_: Study) -> Study:
    outcomes = {"knowledge": asked_.outcomes["knowledge"].model_copy(update={"metric": "bleu"})}
    return study(outcomes=outcomes, interference=None)


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        (lambda s, r: (s, _without(r, "SK")), IncompleteRun, "arm 'SK' has no finished run"),
        (lambda s, r: (s, [*r, r[-1]]), UsageError, "arm 'mixed' has two runs of seed 3"),
        (
            lambda s, r: (s, [r[0].model_copy(update={"arm": "none"}), *r]),
            UsageError,
            "no arm in study 'interference' named 'none'",
        ),
        (lambda s, r: (s, [r[0].model_copy(update={"run": "nowhere"}), *r[1:]]), UsageError, "no run named 'nowhere'"),
        (lambda s, r: (_metric(s), r), UsageError, "outcome 'knowledge': no item of 'demo_skills' has a value of 'bleu'"),
    ],
)
def test_runs_that_do_not_make_a_study_are_refused_in_one_line(
    made: tuple[Path, list[ArmRun]], change: Any, kind: type[HarnessError], said: str
) -> None:
    asked_, given = change(study(), made[1])
    with pytest.raises(kind, match=said) as error:
        analyse(asked_, given, made[0])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "said"), [({"judge": "other@1"}, "differ in judge"), ({"comparable": False, "limit": 5}, "limited")]
)
def test_runs_that_were_measured_otherwise_are_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    asked_ = study(arms={arm: {"phases": PHASES[arm]} for arm in ("base", "K")}, interference=None, cases=None)
    values: dict[str, Any] = {"demo_tu": [1.0, 0.0], "demo_ie": [1.0, 0.0], "demo_risk_di": [0.0, 1.0]}
    given = [one(tmp_path, "base", None, values), one(tmp_path, "K", 1, values, **changes)]
    with pytest.raises(NotComparable, match=said):
        analyse(asked_, given, tmp_path)


# --- macro averages -----------------------------------------------------------------------------------------------------------


def macro() -> Study:
    asked_ = study()
    outcomes = {**asked_.outcomes, "knowledge": asked_.outcomes["knowledge"].model_copy(update={"aggregation": "macro"})}
    return asked_.model_copy(update={"outcomes": outcomes})


def test_a_macro_outcome_is_the_mean_of_its_dimensions_in_scores_contrasts_and_trade_offs(
    made: tuple[Path, list[ArmRun]], result: StudyResult
) -> None:
    found = analyse(macro(), made[1], made[0])
    parts = []
    for dimension in ("TU", "IE"):
        alone = macro().outcomes["knowledge"].model_copy(update={"dimensions": (dimension,)})
        parts.append(analyse(study().model_copy(update={"outcomes": {**study().outcomes, "knowledge": alone}}), made[1], made[0]))
    for arm in PHASES:
        assert mean(found, arm, "knowledge") == pytest.approx(fmean(mean(one, arm, "knowledge") for one in parts))
        assert mean(found, arm, "harm") == mean(result, arm, "harm")
    own, each = of(found, "order", "knowledge"), [of(one, "order", "knowledge").value for one in parts]
    assert own.value == pytest.approx(fmean(each))
    assert own.value != pytest.approx(of(result, "order", "knowledge").value), "60 and 40 items: the micro mean is another"
    assert own.n == ITEMS["demo_tu"] + ITEMS["demo_ie"]
    shift = next(one for one in found.trade_offs if one.name == "KS").centre[0]
    assert shift == pytest.approx(mean(found, "KS", "knowledge") - mean(found, "base", "knowledge"))


def test_a_dimension_that_is_left_with_no_item_is_named(tmp_path: Path) -> None:
    asked_ = macro()
    plain: dict[str, list[float | None]] = {task: [float(i % 2) for i in range(n)] for task, n in ITEMS.items()}
    found = []
    for arm in PHASES:
        seeds: tuple[int | None, ...] = asked_.seeds if asked_.arms[arm].phases else (None,)
        empty: dict[str, list[float | None]] = {**plain, "demo_ie": [None] * ITEMS["demo_ie"]}
        found += [one(tmp_path, arm, seed, empty if arm == "mixed" else plain) for seed in seeds]
    said = analyse(asked_, found, tmp_path)
    assert mean(said, "K", "knowledge") == 0.5
    note = next(one for one in said.notes if "macro average" in one)
    assert note == "knowledge: no item of IE has a value in every run: the macro average is over the other dimensions"


def test_no_interval_says_more_than_values_of_0_to_1_allow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HARM, "SK", 0.993)
    monkeypatch.setitem(HARM, "KS", 0.007)
    order = of(analyse(study(), runs(tmp_path, study()), tmp_path), "order", "harm")
    assert order.value < 1
    assert order.interval.high == 1
    assert order.value + 2 * order.se > 1
