"""The page of a comparison: numbers that fit, flips side by side or stacked, and text that nobody may trust."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness
from harness.report.comparison import comparison_markdown, show_comparison
from harness.report.differences import DRAWN, drawing, proven
from harness.report.flips import LIMIT, trimmed
from harness.report.text import cells
from harness.schema import Comparison, ModelRef, Response, SampleResult, Verdict, VerdictState
from tests.comparing.made import item, run, two
from tests.report.conftest import Render

HOSTILE = (
    "\x1b[31mred\x1b[0m | **bold** [red]markup[/red] <img src=x onerror=alert(1)> @everyone \u202egnissop\r\n# heading\n\n"
    + "长" * 4000
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def found(root: Path) -> Comparison:
    two(root)
    return harness.compare("before", "after", by=("dimension", "topic"))


def hostile(number: int, value: float) -> SampleResult:
    """A sample in which every text that comes from outside means harm."""
    own = {"id": f"x|{number}\x1b[2J", "question": HOSTILE, "topic": "a | b\n# c", "dimension": "T|U", "target": HOSTILE}
    said = Verdict(state=VerdictState.OK, label="[b]B[/b]|", reason=HOSTILE, judge="rules@1")
    return item("demo_tu", number, value, sample=own, response=Response(text=HOSTILE + str(value)), verdict=said)


@pytest.fixture
def harmful(root: Path) -> Comparison:
    model = ModelRef(name="[red]x[/red] | **y**", backend="hf", source="x")
    run(root, "before", {"demo_tu": [hostile(1, 1.0), hostile(2, 1.0)]}, judge="a|b\x1b[1m")
    run(root, "after", {"demo_tu": [hostile(1, 0.0), hostile(2, 1.0)]}, judge="a|b\x1b[1m", model=model)
    return harness.compare("before", "after", by=("dimension", "topic"))


def line(page: str, *words: str) -> str:
    return next(one for one in page.splitlines() if all(word in one for word in words))


def test_a_row_shows_both_values_the_change_its_interval_and_what_changed(found: Comparison, render: Render) -> None:
    assert line(render(show_comparison(found), 150), "TU  ").split() == [
        *("TU", "20", "70.0", "25.0", "-45.0", "-65.8", "to", "-21.6", "worse", "0.002", "0.004"),
        *("0.00", "(0.00", "to", "0.51)", "0/9", "37.3", "───●────", "│"),
    ]


def test_where_hardly_anything_fits_a_row_is_a_name_and_a_whole_change(found: Comparison, render: Render) -> None:
    for width, columns in ((24, 2), (40, 3)):
        page = render(show_comparison(found), width)
        head = line(page, "dimension  ")
        assert len(head.split()) == columns
        assert line(page, "TU  ").split()[:2] == ["TU", "-45.0"]


def test_a_text_without_end_is_no_page_without_end(found: Comparison, render: Render) -> None:
    endless = "长" * 100_000
    side = found.baseline.model_copy(update={"model": endless, "run": endless})
    long = found.model_copy(update={"baseline": side, "judge": endless, "notes": (endless,)})
    assert len(comparison_markdown(long)) < len(comparison_markdown(found)) + 3_000
    assert len(render(show_comparison(long), 80)) < 30_000


@pytest.mark.parametrize("width", [80, 100, 120, 160, 220])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_broken(found: Comparison, render: Render, width: int) -> None:
    page = render(show_comparison(found), width)
    assert all(cells(one.rstrip()) <= width for one in page.splitlines())
    assert "-65.8 to -21.6" in page
    assert ("MDE80" in page.split("Samples lost")[0]) == (width > 80)


def test_of_what_should_be_low_its_own_values_are_shown_and_a_plus_is_better(root: Path, render: Render) -> None:
    two(root)
    page = render(show_comparison(harness.compare("before", "after", metrics=["hr"])))
    assert "demo_risk · HR, less is better" in page
    assert line(page, "DI", " to ").split()[2:5] == ["10.0", "10.0", "0.0"]


def test_the_sentence_on_top_says_only_what_holds_for_all_rows(found: Comparison) -> None:
    words = {one.name: proven(one) for one in found.differences if one.metric == "acc" and one.scope == "dimension"}
    assert words == {"TU": "worse", "IE": "–"}
    assert all(proven(one) == "" for one in found.differences if one.aggregation == "macro")
    assert "- areas proven worse: demo_skills/TU ACC" in comparison_markdown(found)


def test_an_interval_is_drawn_to_scale_around_zero() -> None:
    assert drawing(-1.0, -0.5, -0.2, 1.0) == "─────●─── │          "
    assert len(drawing(-1.0, 1.0, 1.0, 1.0)) == DRAWN
    assert drawing(-0.5, 0.0, 0.5, 1.0) == "     ─────●─────     "
    assert drawing(-0.5, 0.3, 0.5, 1.0) == "     ─────┼──●──     "


def test_replies_stand_side_by_side_where_there_is_room_and_stacked_where_not(found: Comparison, render: Render) -> None:
    wide, narrow = render(show_comparison(found), 120), render(show_comparison(found), 80)
    assert line(wide, "reply").split() == ["reply", "回答", "0.0", "回答", "1.0"]
    assert line(narrow, "  baseline  ", "回答").split() == ["baseline", "回答", "0.0"]
    assert line(narrow, "  candidate  ", "回答").split() == ["candidate", "回答", "1.0"]
    assert "wrong, score 0" in narrow


def test_as_many_flips_of_each_kind_are_shown_as_wanted(found: Comparison, render: Render) -> None:
    assert "Samples" not in render(show_comparison(found, 0))
    assert "Samples lost: 1 of 10 (--flips N shows more)" in render(show_comparison(found, 1))
    assert "Samples gained: 2 of 2\n" in comparison_markdown(found, 2)


def test_replies_that_begin_alike_are_shown_from_where_they_part() -> None:
    one, other = trimmed("同" * 500 + "是", "同" * 500 + "否")
    assert (one[0], one[-1], other[-1]) == ("…", "是", "否")
    assert max(cells(one), cells(other)) <= LIMIT
    assert trimmed("short", "also short") == ("short", "also short")
    early, late = trimmed("A" * 400, "B" * 400)
    assert (early[0], late[0], cells(early)) == ("A", "B", LIMIT)


def test_nothing_a_model_or_a_file_says_steers_the_terminal(harmful: Comparison, render: Render) -> None:
    for width in (80, 120):
        page = render(show_comparison(harmful), width)
        assert "\x1b" not in page
        assert "\u202e" not in page
        assert "[red]x[/red]" in page
        assert not any(one.startswith("#") for one in page.splitlines())
        assert len(page) < 20_000


def test_nothing_a_model_or_a_file_says_is_markdown(harmful: Comparison) -> None:
    page = comparison_markdown(harmful)
    assert "<img" not in page.replace("\\<", "")
    assert "\x1b" not in page
    assert "@everyone" not in page
    assert not any(one.startswith("# ") for one in page.splitlines())
    tables = [one for one in page.splitlines() if one.startswith("|")]
    assert {one.replace("\\|", "").count("|") for one in tables} == {13, 14, 4}
    assert len(page) < 20_000


def test_the_whole_text_is_kept_in_the_noun(harmful: Comparison) -> None:
    assert harmful.flips[0].candidate.response == HOSTILE + "0.0"
    assert Comparison.model_validate_json(harmful.model_dump_json()) == harmful


def test_the_same_comparison_gives_the_same_page(found: Comparison, root: Path) -> None:
    again = harness.compare("before", "after", by=("dimension", "topic"))
    assert comparison_markdown(again) == comparison_markdown(found)


def test_topics_show_the_rate_of_false_discoveries_and_how_to_read_it(found: Comparison) -> None:
    page = comparison_markdown(found)
    assert "### demo_skills · ACC, by topic" in page
    assert "| topic | n | baseline | candidate | change | 95% | proven | p | p for all | BH |" in page
    assert "BH: for topics" in page
