"""`harness compare`: two runs on disk -> what differs, how surely, on which samples; and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.errors import NotComparable, UsageError
from harness.schema import Comparison, Difference, Message, ModelRef, Response, Verdict, VerdictState
from harness.stats.paired import mcnemar_mid_p
from tests.comparing.made import AFTER, SKILLS, item, run, two, values
from tests.conftest import Cli


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def compared(root: Path) -> Comparison:
    two(root)
    return harness.compare("before", "after", by=("dimension", "topic", "level"))


def row(comparison: Comparison, benchmark: str, metric: str, name: str = "", aggregation: str = "micro") -> Difference:
    wanted = (benchmark, metric, name, aggregation)
    return next(one for one in comparison.differences if (one.benchmark, one.metric, one.name, one.aggregation) == wanted)


# --- rows ---------------------------------------------------------------------------------------------------------------------


def test_each_benchmark_is_compared_by_each_metric_that_makes_its_result(compared: Comparison) -> None:
    found = [(one.benchmark, one.metric) for one in compared.counts]
    assert found == [
        ("demo_skills", "acc"),
        ("demo_skills", "score"),
        ("demo_risk", "rr_1"),
        ("demo_risk", "rr_2"),
        ("demo_risk", "hr"),
    ]


def test_a_row_has_its_difference_its_mid_p_and_its_odds(compared: Comparison) -> None:
    lost = row(compared, "demo_skills", "acc", "TU")
    assert (lost.paired.n, lost.paired.wins, lost.paired.losses) == (20, 0, 9)
    assert (lost.paired.baseline, lost.paired.candidate, lost.paired.delta) == pytest.approx((0.7, 0.25, -0.45))
    assert lost.p == pytest.approx(2 * mcnemar_mid_p(9, 0))
    assert lost.discordance == pytest.approx(0.45)
    assert lost.effect is not None
    assert (lost.effect.kind, lost.effect.value, lost.effect.g) == ("odds ratio", 0.0, -0.5)


def test_there_are_rows_by_dimension_topic_and_level_and_both_averages(compared: Comparison) -> None:
    rows = [
        (one.scope, one.name, one.aggregation)
        for one in compared.differences
        if (one.benchmark, one.metric) == ("demo_skills", "acc")
    ]
    assert rows == [
        ("dimension", "IE", "micro"),
        ("dimension", "TU", "micro"),
        ("topic", "乙", "micro"),
        ("topic", "甲", "micro"),
        ("level", "easy", "micro"),
        ("level", "medium", "micro"),
        ("level", "hard", "micro"),
        ("overall", "", "micro"),
        ("overall", "", "macro"),
    ]
    assert row(compared, "demo_skills", "acc").paired.delta == pytest.approx(-8 / 30)
    assert row(compared, "demo_skills", "acc", aggregation="macro").paired.delta == pytest.approx((-0.45 + 0.1) / 2)


def test_of_what_should_be_low_a_fall_is_a_gain(root: Path) -> None:
    values(root, "before", {"demo_risk_di": [1.0] * 6 + [0.0] * 4})
    values(root, "after", {"demo_risk_di": [0.0] * 10})
    harm = row(harness.compare("before", "after", metrics=["hr"]), "demo_risk", "hr")
    assert harm.ceiling
    assert (harm.paired.delta, harm.paired.wins) == (pytest.approx(0.6), 6)


def test_a_benchmark_of_one_dimension_has_no_macro_row(compared: Comparison) -> None:
    assert [one.aggregation for one in compared.differences if one.benchmark == "demo_risk" and one.scope == "overall"] == [
        "micro"
    ] * 3


def test_every_item_is_counted_once_whatever_became_of_it(compared: Comparison) -> None:
    skills, scores = compared.counts[:2]
    assert (skills.n, skills.gained, skills.lost, skills.both_right, skills.both_wrong) == (30, 1, 9, 10, 10)
    assert (scores.gained, scores.lost, scores.both_right, scores.both_wrong) == (5, 9, None, None)


def test_what_the_candidate_lacks_is_wrong_and_said(root: Path) -> None:
    values(root, "before", {"demo_tu": [1.0] * 5 + [None]})
    values(root, "after", {"demo_tu": [1.0] * 4 + [None, 1.0]})
    (count,) = harness.compare("before", "after", metrics=["acc"]).counts
    assert (count.lost, count.gained, count.lacking_candidate, count.lacking_baseline) == (1, 0, 1, 1)


def test_metrics_of_plug_ins_are_shown_where_they_are_shares(root: Path) -> None:
    def rows(value: float) -> list[Any]:
        return [item("demo_tu", n, None, metrics={"politeness": value, "length": 812.0}) for n in range(4)]

    run(root, "before", {"demo_tu": rows(0.25)})
    run(root, "after", {"demo_tu": rows(0.75)})
    found = harness.compare("before", "after")
    assert {one.metric for one in found.differences} == {"politeness"}
    assert row(found, "demo_skills", "politeness").paired.delta == 0.5


# --- flips --------------------------------------------------------------------------------------------------------------------


def test_a_sample_that_flipped_stands_there_once_under_its_most_telling_metric(compared: Comparison) -> None:
    assert compared.flipped == {"lost": 10, "gained": 2}
    harm = next(flip for flip in compared.flips if flip.task == "demo_risk_di" and flip.kind == "lost")
    assert (harm.metric, harm.also, harm.id) == ("hr", ("rr_1", "rr_2"), "demo_risk_di-0")
    assert (harm.baseline.value, harm.candidate.value) == (0.0, 1.0)


def test_losses_come_first_and_the_first_ones_are_of_every_area(compared: Comparison) -> None:
    assert [flip.kind for flip in compared.flips] == ["lost"] * 10 + ["gained"] * 2
    assert {flip.dimension for flip in compared.flips[:2]} == {"DI", "TU"}


def test_a_flip_holds_both_replies_whole_with_what_the_judge_said(root: Path) -> None:
    long = "字" * 5000
    said = Verdict(state=VerdictState.OK, label="B", reason="chose B", judge="rules@1")
    turns = (Message(role="user", content="hi"), Message(role="assistant", content="hello"), Message(role="user", content="?"))
    run(root, "before", {"demo_tu": [item("demo_tu", 1, 1.0, prompt=turns)]})
    run(root, "after", {"demo_tu": [item("demo_tu", 1, 0.0, prompt=turns, response=Response(text=long), verdict=said)]})
    (flip,) = harness.compare("before", "after").flips
    assert flip.candidate.response == long
    assert (flip.candidate.label, flip.candidate.reason, flip.prompt) == ("B", "chose B", turns)
    assert (flip.target, flip.level, flip.topic) == ("答案", "medium", "乙")


def test_a_reply_that_never_came_is_a_loss_with_its_error(root: Path) -> None:
    values(root, "before", {"demo_tu": [1.0, 1.0]})
    gone = item("demo_tu", 0, None, response=Response(text=None, error="timeout"), verdict=None, metrics={})
    run(root, "after", {"demo_tu": [gone, item("demo_tu", 1, 1.0)]})
    (flip,) = harness.compare("before", "after").flips
    assert (flip.kind, flip.candidate.response, flip.candidate.error, flip.candidate.value) == ("lost", None, "timeout", None)


def test_where_only_scores_are_compared_every_change_of_score_is_a_flip(root: Path) -> None:
    two(root)
    found = harness.compare("before", "after", tasks=["demo_ie"], metrics=["score"])
    assert found.flipped == {"lost": 0, "gained": 5}
    assert found.flips[0].candidate.score == 100


def test_some_flips_of_a_kind_can_be_had_and_the_counts_stay_whole(root: Path) -> None:
    two(root)
    found = harness.compare("before", "after", flips=1)
    assert [flip.kind for flip in found.flips] == ["lost", "gained"]
    assert found.flipped == {"lost": 10, "gained": 2}
    assert {flip.kind for flip in harness.compare("before", "after", kind="gained").flips} == {"gained"}


# --- which runs ---------------------------------------------------------------------------------------------------------------


def test_of_runs_that_hold_different_tasks_what_both_hold_is_compared_and_the_rest_is_named(root: Path) -> None:
    values(root, "before", SKILLS)
    values(root, "after", {task: AFTER[task] for task in ("demo_tu", "demo_risk_di")})
    found = harness.compare("before", "after")
    assert row(found, "demo_skills", "acc").paired.n == 20
    assert found.notes == ("only in before, so not compared: demo_ie",)


def test_a_task_asked_for_itself_is_found_in_the_benchmark_of_the_other_run(root: Path) -> None:
    values(root, "before", SKILLS)
    values(root, "after", {"demo_tu": AFTER["demo_tu"]}, benchmarks=("demo_tu",))
    assert {one.benchmark for one in harness.compare("before", "after").differences} == {"demo_skills"}


def test_only_some_benchmarks_or_tasks_can_be_compared(root: Path) -> None:
    two(root)
    found = harness.compare("before", "after", tasks=["demo_ie", "demo_risk"], metrics=["hr", "acc"])
    assert {(one.benchmark, one.metric) for one in found.differences} == {("demo_ie", "acc"), ("demo_risk", "hr")}


def test_runs_go_by_path_too_whatever_their_folder_is_called(root: Path, tmp_path: Path) -> None:
    two(root)
    shutil.copytree(root / "after", tmp_path / "artifact" / "candidate")
    found = harness.compare("before", str(tmp_path / "artifact" / "candidate"))
    assert found.candidate.run == "after"
    assert row(found, "demo_skills", "acc").paired.n == 30


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"judge": "openai:other"}, r"judge \(judge: rules@1 / openai:other\)"),
        ({"threshold": 60.0}, r"threshold \(threshold: 90 / 60\)"),
        ({"data": {"demo.jsonl": "1" * 64}}, r"data of demo.jsonl: 0000"),
        ({"tasks": {"demo_tu": "2.0@00000000"}}, r"tasks of demo_ie: 1.0@12345678 / none; .*tasks of demo_tu"),
    ],
)
def test_runs_that_were_measured_differently_are_refused_with_what_differs(
    root: Path, changes: dict[str, Any], said: str
) -> None:
    two(root, **changes)
    with pytest.raises(NotComparable, match=said + r".*--allow-different"):
        harness.compare("before", "after")


def test_a_limited_run_is_refused_and_shown_only_with_a_warning(root: Path) -> None:
    values(root, "before", SKILLS)
    values(root, "after", {task: of[:4] for task, of in AFTER.items()}, comparable=False, limit=4)
    with pytest.raises(NotComparable, match="limited to the first 4 samples.*--allow-different"):
        harness.compare("before", "after")
    found = harness.compare("before", "after", allow_different=True)
    assert found.different == ("after is limited to the first 4 samples of each task",)
    assert row(found, "demo_skills", "acc").paired.n == 8
    assert "28 samples of before are left out: the other run has none of the same content" in found.notes


def test_runs_over_other_data_are_matched_by_content_when_that_is_allowed(root: Path) -> None:
    def moved(number: int, value: float) -> Any:
        return item("demo_tu", number, value, sample={"id": f"new-{number + 7}", "hash": f"demo_tu{number:05}"})

    values(root, "before", {"demo_tu": [1.0] * 6})
    run(root, "after", {"demo_tu": [moved(n, float(n != 2)) for n in range(1, 9)]}, data={"demo.jsonl": "1" * 64})
    found = harness.compare("before", "after", allow_different=True)
    assert row(found, "demo_skills", "acc").paired.n == 5
    assert [(flip.id, flip.hash, flip.candidate.value) for flip in found.flips] == [("demo_tu-2", "demo_tu00002", 0.0)]
    assert found.different == (f"data of demo.jsonl: {'0' * 59}… / {'1' * 59}…",)


def test_a_reader_is_told_of_chance_alone_of_templates_and_of_what_is_missing(root: Path) -> None:
    two(root, model_fingerprint="hf:before", chat_template="abc", complete=False)
    assert harness.compare("before", "after").notes == (
        "both runs are of the same model: what differs is chance, in generation or judging",
        "the chat templates differ: a part of the difference may be theirs",
        "after is incomplete: responses or verdicts are missing",
    )
    assert harness.compare("before", "before").notes == ("both sides are the same run",)


def test_runs_that_share_nothing_are_not_compared(root: Path) -> None:
    values(root, "before", {"demo_tu": [1.0]})
    values(root, "after", {"demo_ie": [1.0]})
    with pytest.raises(NotComparable, match="runs 'before' and 'after' share no task"):
        harness.compare("before", "after")


def test_runs_that_nobody_judged_have_nothing_to_compare(root: Path) -> None:
    for name in ("before", "after"):
        values(root, name, {"demo_tu": [None, None]})
    with pytest.raises(UsageError, match="nothing to compare"):
        harness.compare("before", "after")


# --- the command --------------------------------------------------------------------------------------------------------------


def test_the_command_shows_and_ends_with_0_however_much_was_lost(root: Path, cli: Cli) -> None:
    two(root)
    done = cli("compare", "before", "after", "--metric", "acc,hr")
    assert done.code == 0
    assert "proven worse: demo_skills ACC -26.7" in done.out
    assert "Samples lost: 3 of 10 (--flips N shows more)" in done.out


def test_json_is_the_noun_and_comes_back_as_it_went(root: Path, cli: Cli) -> None:
    two(root)
    done = cli("compare", "before", "aft", "--json", "--by", "topic,level")
    assert Comparison.model_validate_json(done.out) == harness.compare("before", "after", by=("topic", "level"))
    assert json.loads(done.out)["schema_version"] == "harness.comparison/1"
    assert (
        len(Comparison.model_validate_json(cli("compare", "before", "after", "--json", "--flips", "1", "--lost").out).flips) == 1
    )


def test_a_file_is_markdown_or_json_by_its_name_and_the_same_every_time(root: Path, tmp_path: Path, cli: Cli) -> None:
    two(root)
    page, data = tmp_path / "new" / "page.md", tmp_path / "data.json"
    printed = cli("compare", "before", "after", "--markdown", "--out", str(page)).out
    cli("compare", "before", "after", "--out", str(data))
    assert page.read_text("utf-8") == printed == cli("compare", "before", "after", "--markdown").out
    assert len(Comparison.model_validate_json(data.read_bytes()).flips) == 12


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("before", "nowhere"), 2, "no run named 'nowhere'"),
        (("before", "after", "--by", "dimensions"), 2, "no breakdown named 'dimensions'; did you mean dimension"),
        (("before", "after", "--metric", "ac"), 2, "no metric in these samples named 'ac'; did you mean acc?"),
        (
            ("before", "after", "--tasks", "demo_tuu"),
            2,
            "no benchmark or task in these runs named 'demo_tuu'; did you mean demo_tu",
        ),
        (("before", "after", "--lost", "--gained"), 2, "--lost and --gained exclude each other"),
        (("before", "other"), 3, "they differ in judge"),
    ],
)
def test_what_is_wrong_is_one_line_and_its_code(root: Path, cli: Cli, words: tuple[str, ...], code: int, said: str) -> None:
    two(root)
    values(root, "other", AFTER, judge="openai:other")
    done = cli("compare", *words)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith("harness: ")
    assert done.err.count("\n") == 1
    assert said in done.err


def test_what_differs_stands_loud_on_the_page(root: Path, cli: Cli) -> None:
    values(root, "before", SKILLS)
    values(root, "after", AFTER, judge="openai:other", model=ModelRef(name="child", backend="hf", source="x"))
    for extra in ((), ("--markdown",)):
        done = cli("compare", "before", "after", "--allow-different", *extra)
        assert done.code == 0
        assert "NOT MEASURED THE SAME WAY" in done.out
        assert "differs: judge: rules@1 / openai:other" in done.out.replace("\\", "").replace("\u200b", "")


def test_a_record_without_its_samples_says_so(root: Path, cli: Cli) -> None:
    two(root)
    shutil.rmtree(root / "after" / "samples")
    done = cli("compare", "before", "after")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "missing, though the run's record names it" in done.err
