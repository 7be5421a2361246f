"""Entries -> groups, places and tables: who is ranked with whom, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.ranking.board import build, differences, groups
from harness.ranking.published import Published, _File
from harness.schema import BoardEntry, BoardTable, KeyRef, Leaderboard
from tests.ranking.made import DEMO, KNOWN, RISK, entry, verdicts

NOTHING = Published(_File(), {}, {})


def board(*entries: BoardEntry) -> Leaderboard:
    return build(DEMO, KNOWN, entries, NOTHING)


def table(found: Leaderboard, metric: str = "acc") -> BoardTable:
    (one,) = [t for section in found.sections for t in section.tables if t.metric == metric]
    return one


def test_models_measured_the_same_way_are_ranked_best_first(tmp_path: Path) -> None:
    found = table(
        board(entry(tmp_path, "low", verdicts(5)), entry(tmp_path, "high", verdicts(30)), entry(tmp_path, "also", verdicts(30)))
    )
    (group,) = found.groups
    assert [row.name for row in group.rows] == ["also", "high", "low"]
    assert [(p.tier, p.low, p.high, p.of) for row in group.rows if (p := row.place)] == [(1, 1, 2, 3), (1, 1, 2, 3), (2, 3, 3, 3)]
    behind = group.rows[2].place and group.rows[2].place.behind
    assert behind is not None
    assert behind.value == pytest.approx(0.625)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"judge": "choice@2"}, "judge (choice@2, not choice@1)"),
        ({"chat_template": "f" * 64}, "chat template"),
        ({"generation": {}}, "generation settings"),
        ({"tasks_": "2.0@00000000"}, "task version"),
        ({"keys": {}}, "answer key (none, not drafted-v1@3fa9c1d2)"),
        ({"values": 41}, "items"),
    ],
)
def test_models_measured_otherwise_are_not_ranked_together(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    values = verdicts(40, changes.pop("values", 40))
    if "tasks_" in changes:
        from tests.ranking.made import CHOICE

        other = entry(tmp_path, "other", values)
        version = dict.fromkeys(CHOICE, changes["tasks_"])
        conditions = {"demo_mcq": other.conditions["demo_mcq"].model_copy(update={"tasks": version})}
        other = other.model_copy(update={"conditions": conditions})
    else:
        other = entry(tmp_path, "other", values, **changes)
    found = table(board(other, entry(tmp_path, "a", verdicts(5)), entry(tmp_path, "b", verdicts(9))))
    assert [[row.name for row in group.rows] for group in found.groups] == [["b", "a"], ["other"]]
    assert found.groups[0].differs == ()
    assert found.groups[1].differs == (said,)
    assert found.groups[1].rows[0].place is None, "one alone has no rank, however good"


def test_the_threshold_parts_models_only_where_scores_are_judged(tmp_path: Path) -> None:
    one, other = entry(tmp_path, "a", verdicts(5)), entry(tmp_path, "b", verdicts(5), threshold=60.0)
    assert len(groups([one, other], "demo_mcq")) == 1


def test_what_differs_is_named_in_words_with_both_values(tmp_path: Path) -> None:
    first = entry(tmp_path, "a", verdicts(5)).conditions["demo_mcq"]
    key = KeyRef(version="own@1", provenance="people", reviewed=True)
    second = first.model_copy(update={"keys": {"demo_mcq": key}, "threshold": 90.0, "rubrics": ("x@1",)})
    assert differences(first, second) == (
        "rubric (x@1, not none)",
        "answer key (own@1, not drafted-v1@3fa9c1d2)",
        "threshold of ACC (90, not none)",
    )


def test_of_harm_less_is_better(tmp_path: Path) -> None:
    same = {"tasks": RISK, "metric": "hr", "judge": "rules@1"}
    found = table(board(entry(tmp_path, "harmful", verdicts(30), **same), entry(tmp_path, "safe", verdicts(0), **same)), "hr")
    assert found.ceiling
    assert [row.name for row in found.groups[0].rows] == ["safe", "harmful"]
    assert [row.place.tier for row in found.groups[0].rows if row.place] == [1, 2]


def test_baselines_stand_beside_choice_and_carry_no_place(tmp_path: Path) -> None:
    (group,) = table(board(entry(tmp_path, "a", verdicts(5)))).groups
    assert {row.name: row.overall["micro"] for row in group.baselines} == {"always A": 1.0, "always B": 0.0, "chance": 0.5}


def test_a_missing_value_counts_as_wrong_in_the_ranks(tmp_path: Path) -> None:
    found = table(board(entry(tmp_path, "all", [1.0] * 100), entry(tmp_path, "some", [1.0] * 99 + [None])))
    rows = {row.name: row for row in found.groups[0].rows}
    assert rows["some"].overall["micro"].value == 1.0
    assert rows["some"].place is not None
    assert rows["some"].place.behind is not None
    assert rows["some"].place.behind.value == pytest.approx(0.01)
    assert (rows["some"].judged, rows["some"].asked) == (495, 500)


def test_sections_follow_the_culture_and_say_what_is_not_measured(tmp_path: Path) -> None:
    found = board(entry(tmp_path, "a", verdicts(5)))
    assert [(section.name, section.unmeasured) for section in found.sections] == [
        ("knowledge", ("demo_skills",)),
        ("choice", ()),
        ("refusal", ("demo_risk",)),
        ("benign", ("demo_benign",)),
        ("retention", ("demo_en",)),
    ]


def test_notes_name_the_models_they_are_of(tmp_path: Path) -> None:
    notes = {"notes": ("indicative only",)}
    found = board(
        entry(tmp_path, "a", verdicts(5), **notes), entry(tmp_path, "b", verdicts(5), **notes), entry(tmp_path, "c", verdicts(5))
    )
    assert found.notes == ("a, b: indicative only",)


def test_the_order_of_the_entries_changes_nothing(tmp_path: Path) -> None:
    entries = [entry(tmp_path, name, verdicts(right)) for name, right in (("a", 5), ("b", 20), ("c", 21))]
    assert board(*entries) == board(*reversed(entries))
