"""What is kept of a run, what is refused, and what a file that was tampered with is answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import EXIT_INCOMPLETE, DataError, HarnessError, UsageError
from harness.ranking.entries import entry_of, keep, ranked
from harness.ranking.reading import column, kept
from tests.ranking.made import CHOICE, DEMO, KNOWN, RISK, entry, made, opened, verdicts


def test_an_entry_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    first = entry(tmp_path / "runs", "a", verdicts(7))
    file = keep(first, tmp_path / "boards")
    assert file == tmp_path / "boards" / "demo" / "a.json"
    assert kept(tmp_path / "boards", "demo") == (first,)


def test_an_entry_holds_no_text_and_no_path_of_the_run(tmp_path: Path) -> None:
    text = keep(entry(tmp_path / "runs", "a", verdicts(7)), tmp_path / "boards").read_text("utf-8")
    assert "SECRET" not in text
    assert "question" not in text
    assert "somebody" not in text


def test_values_are_one_mark_an_item_in_the_order_of_the_hashes(tmp_path: Path) -> None:
    found = entry(tmp_path, "a", [1.0, 0.0, None, 1.0])
    items = found.items["demo_mcq_di"]
    assert items.values == {"acc": "10-1"}
    assert len(items.hashes) == 4 * 8
    assert list(column(found, "demo_mcq", "acc").values()) == [1.0, 0.0, None, 1.0] * len(CHOICE)


def test_values_that_are_no_verdicts_stay_numbers(tmp_path: Path) -> None:
    found = entry(tmp_path, "a", [0.25, None, 1.0])
    assert found.items["demo_mcq_di"].values == {"acc": (0.25, None, 1.0)}


def test_an_item_that_occurs_twice_has_two_places(tmp_path: Path) -> None:
    found = entry(tmp_path, "a", [1.0, 0.0])
    twice = found.items["demo_mcq_di"].hashes[:8] * 2
    doubled = found.model_copy(
        update={"items": {**found.items, "demo_mcq_di": found.items["demo_mcq_di"].model_copy(update={"hashes": twice})}}
    )
    assert [key[1] for key in column(doubled, "demo_mcq", "acc") if key[0].startswith("demo_mcq_di/")] == [0, 1]


def test_conditions_name_what_decided_the_benchmark_alone(tmp_path: Path) -> None:
    choice = entry(tmp_path / "x", "a", verdicts(1), threshold=60.0).conditions["demo_mcq"]
    assert (choice.judge, choice.rubrics, choice.threshold) == (("choice@1",), (), None)
    assert choice.keys["demo_mcq"].reviewed is False
    risk = entry(tmp_path / "y", "a", verdicts(1), tasks=RISK, metric="hr", judge="openai:q").conditions["demo_risk"]
    assert (risk.judge, risk.rubrics) == (("openai:q",), ("refusal@951324f5",))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"comparable": False, "limit": 3}, "limited to the first 3 samples"),
        ({"complete": False}, "is incomplete: demo_mcq_"),
    ],
)
def test_a_limited_or_incomplete_run_has_no_entry(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(HarnessError, match=said) as refused:
        entry(tmp_path, "a", verdicts(1), **changes)
    assert refused.value.exit_code == EXIT_INCOMPLETE


def test_a_benchmark_that_was_measured_in_part_has_no_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no benchmark of culture 'demo' whole"):
        entry(tmp_path, "a", verdicts(1), tasks=CHOICE[:2])


@pytest.mark.parametrize("name", ["a b", "../up", ".hidden", "", "<script>"])
def test_a_name_that_can_be_no_file_is_refused(tmp_path: Path, name: str) -> None:
    run = opened(tmp_path, "a", verdicts(1))
    if not name:
        assert entry_of(run, DEMO, KNOWN, name).name == "a"
        return
    with pytest.raises(UsageError, match="cannot name an entry"):
        entry_of(run, DEMO, KNOWN, name)


def broken(file: Path, **changes: Any) -> None:
    raw = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**raw, **changes}), "utf-8")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema_version": "harness.board-entry/9"}, "is of schema 'harness.board-entry/9'"),
        ({"name": "b"}, "it belongs at demo/b.json"),
        ({"culture": "zh_cn"}, "it belongs at zh_cn/a.json"),
        ({"surprise": 1}, "not an entry: surprise"),
        ({"conditions": {}}, "has no conditions"),
        ({"items": {}}, "has no items"),
    ],
)
def test_a_file_that_says_what_no_run_would_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    broken(keep(entry(tmp_path / "runs", "a", verdicts(3)), tmp_path / "boards"), **changes)
    with pytest.raises(DataError, match=said):
        kept(tmp_path / "boards", "demo")


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ({"hashes": "zz" * 4, "values": {"acc": "1"}}, "no whole number of 8 hex digits"),
        ({"hashes": "0" * 9, "values": {"acc": "1"}}, "no whole number of 8 hex digits"),
        ({"hashes": "0" * 8, "values": {"acc": "10"}}, "acc has 2 values for 1 items"),
        ({"hashes": "0" * 8, "values": {"acc": "x"}}, "marks other than 0, 1 and -"),
    ],
)
def test_items_that_do_not_hold_together_are_refused(tmp_path: Path, items: dict[str, Any], said: str) -> None:
    file = keep(entry(tmp_path / "runs", "a", verdicts(3)), tmp_path / "boards")
    broken(file, items={**json.loads(file.read_text("utf-8"))["items"], "demo_mcq_di": items})
    with pytest.raises(DataError, match=said):
        kept(tmp_path / "boards", "demo")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"value": 0.99, "interval": {"low": 0.9, "high": 1.0, "method": "wilson"}},
            "demo_mcq acc: says 0.99, and its items give",
        ),
        ({"value": -0.5}, "demo_mcq acc: -0.5 of .* items cannot be"),
        ({"value": 7.0}, "demo_mcq acc: 7 of .* items cannot be"),
        ({"value": float("nan")}, "NaN is no number"),
        ({"interval": {"low": 0.9, "high": 0.1, "method": "wilson"}}, "lies outside its interval, 0.9 to 0.1"),
        ({"n": 0}, "of 0 items cannot be"),
        ({"n": 7}, "is of 7 items, and .* have a value"),
        ({"benchmark": "demo_skills"}, "'demo_skills' is none of its benchmarks"),
        ({"aggregation": "macro"}, "stands there twice"),
        ({"scope": "dimension", "name": "CV"}, "stands there twice"),
        ({"subset": "dev"}, "demo_mcq acc: has no micro average over all items"),
    ],
)
def test_a_score_that_its_items_do_not_give_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    file = keep(entry(tmp_path / "runs", "a", verdicts(3)), tmp_path / "boards")
    scores = json.loads(file.read_text("utf-8"))["scores"]
    place = next(i for i, s in enumerate(scores) if (s["metric"], s["scope"], s["aggregation"]) == ("acc", "overall", "micro"))
    broken(file, scores=[{**one, **change} if i == place else one for i, one in enumerate(scores)])
    with pytest.raises(DataError, match=said):
        kept(tmp_path / "boards", "demo")


def test_more_verdicts_than_answers_are_refused(tmp_path: Path) -> None:
    file = keep(entry(tmp_path / "runs", "a", verdicts(3)), tmp_path / "boards")
    coverage = json.loads(file.read_text("utf-8"))["coverage"]
    broken(file, coverage=[{**one, "judged": 10**9} for one in coverage])
    with pytest.raises(DataError, match=r"has 1,000,000,000 of \d+ judged"):
        kept(tmp_path / "boards", "demo")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"value": Infinity}'])
def test_a_file_that_no_program_wrote_is_one_line(tmp_path: Path, text: str) -> None:
    file = keep(entry(tmp_path / "runs", "a", verdicts(3)), tmp_path / "boards")
    file.write_text(text, "utf-8")
    with pytest.raises(DataError, match=r"a\.json: not a readable entry"):
        kept(tmp_path / "boards", "demo")


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    file = keep(entry(tmp_path / "runs", "a", verdicts(3)), tmp_path / "boards")
    file.write_text("{", "utf-8")
    with pytest.raises(DataError, match=r"a\.json: not a readable entry"):
        kept(tmp_path / "boards", "demo")


def test_a_changed_sample_file_is_noticed(tmp_path: Path) -> None:
    run = made(tmp_path, "a", verdicts(3))
    file = tmp_path / run.id / "samples" / "demo_mcq_di.jsonl"
    file.write_text(file.read_text("utf-8").replace('"acc":1.0', '"acc":0.0'), "utf-8")
    from harness.pairs import Run

    with pytest.raises(DataError, match="changed since the run was recorded"):
        entry_of(Run(run, tmp_path, KNOWN), DEMO, KNOWN)


def test_metrics_that_make_a_table_come_in_one_order_and_a_mean_score_only_where_it_is_alone() -> None:
    assert ranked({"hr", "unjudged", "rr_1", "score"}) == ("rr_1", "hr")
    assert ranked({"score", "unjudged"}) == ("score",)
    assert ranked({"acc", "acc_norm"}, "acc_norm") == ("acc_norm",)
    assert ranked({"acc"}, "acc_norm") == ()
