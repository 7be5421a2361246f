"""The badge and the comment."""

from __future__ import annotations

from typing import Any

import pytest

from harness.report.badge import badge, refusal_badge
from harness.report.comment import LIMIT, comment_markdown, marker, refusal_comment
from tests.report.gates import POLICY, line, matches, refusal, report


@pytest.mark.parametrize(("ruling", "color"), [("PASS", "brightgreen"), ("FAIL", "red"), ("UNDECIDED", "yellow")])
def test_a_badge_says_the_ruling_in_a_word_and_a_colour(ruling: Any, color: str) -> None:
    assert badge(report(ruling=ruling)) == {"schemaVersion": 1, "label": "gate", "message": ruling.lower(), "color": color}


@pytest.mark.parametrize(("code", "message"), [(3, "not comparable"), (2, "error"), (1, "error")])
def test_a_badge_never_shows_an_old_ruling_where_there_is_none(code: int, message: str) -> None:
    assert refusal_badge(refusal(exit_code=code))["message"] == message


def test_the_comment_is_what_the_golden_file_says() -> None:
    matches("comment.md", comment_markdown(report()))


def test_its_first_line_is_a_mark_that_ruling_and_refusal_share() -> None:
    first = {text.splitlines()[0] for text in (comment_markdown(report()), refusal_comment(refusal()))}
    assert first == {"<!-- harness-gate:zh_cn/contract -->"}


@pytest.mark.parametrize(
    ("policy", "mark"),
    [
        ("zh_cn/contract", "zh_cn/contract"),
        ("a --> b", "a - b"),
        ("<!--\nx", "x"),
        ("门禁", "门禁"),
        ("--", ""),
    ],
)
def test_a_policy_s_name_cannot_end_the_mark(policy: str, mark: str) -> None:
    assert marker(policy) == f"<!-- harness-gate:{mark} -->"


def test_the_worst_lines_come_first() -> None:
    text = comment_markdown(report())
    table = text[: text.index("<details>")]
    assert table.index("| FAIL |") < table.index("| UNDECIDED |") < table.index("| PASS |")


@pytest.mark.parametrize("many", [60, 400])
def test_a_comment_is_never_too_long_for_github(many: int) -> None:
    lines = tuple(line(f"benchmark_{i}", ruling="FAIL" if i == many - 1 else "PASS", why="<*>" * 400) for i in range(many))
    text = comment_markdown(report(*lines, why="_|" * 40_000, notes=("n" * 70_000,)))
    assert len(text) <= LIMIT
    assert f"benchmark\\_{many - 1} acc" in text or f"benchmark_{many - 1} acc" in text
    assert "none of which rules worse than these" in text
    assert "All numbers, policy, judge and keys: in the report of this job" in text


def test_a_refusal_is_short_too() -> None:
    text = refusal_comment(refusal(error="`" * 100_000, baseline="b" * 100_000))
    assert len(text) <= LIMIT
    assert "No ruling (not comparable)" in text


def test_a_comment_mentions_and_links_nobody() -> None:
    text = comment_markdown(report(line(why="@octocat see http://evil #1 <img src=x>"), policy=POLICY))
    assert "@octocat" not in text
    assert "http://" not in text
    assert "<img" not in text.replace("\\<img", "")
