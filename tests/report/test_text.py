from __future__ import annotations

import json

import pytest

from harness.report.text import cells, clean, count, duration, escaped, interval_text, moment, number, one_line
from harness.schema import Interval


def test_control_characters_become_visible_and_line_breaks_stay() -> None:
    assert clean("a\x1b[0m\r\nb\tc\x00\u2028d") == "a\ufffd[0m\nb\tc\ufffd\nd"


def test_json_keeps_its_value_and_loses_what_a_terminal_would_obey() -> None:
    value = ["a\x1b\x7f\x9b\u202e\ud800", "b\nc\t中"]
    text = escaped(json.dumps(value, ensure_ascii=False, indent=1))
    assert json.loads(text) == value
    assert clean(text) == text


def test_a_line_is_cut_by_columns_not_characters() -> None:
    assert one_line("中文字符", 5) == "中文…"
    assert one_line("abcdef", 5) == "abcd…"
    assert one_line("abcde", 5) == "abcde"
    assert cells(one_line("长" * 100, 40)) <= 40


def test_white_space_of_any_kind_is_one_space() -> None:
    assert one_line("  a\n\n b\t\u3000c ") == "a b c"


def test_rates_are_percent_and_mean_scores_are_not() -> None:
    assert number(0.46774, "acc") == "46.77"
    assert number(46.774, "score") == "46.77"
    assert interval_text(Interval(low=0.397, high=1.0, method="wilson"), "acc") == "39.7–100.0"
    assert interval_text(None, "acc") == ""


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("word_perplexity", 12.5, "12.50"),
        ("bits_per_byte", 0.81, "0.81"),
        ("bleu", 0.4, "0.40"),
        ("exact_match_flexible_extract", 0.5, "50.00"),
        ("acc_norm", 1.0, "100.00"),
        ("interest", 0.25, "25.00"),
    ],
)
def test_what_is_no_share_is_shown_as_it_is(metric: str, value: float, text: str) -> None:
    assert number(value, metric) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (64.2, "64 s"), (700, "12 min"), (7500, "2 h 05 min")])
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_times_are_utc_and_nonsense_stays_itself() -> None:
    assert moment("2026-08-22T16:03:11+02:00") == "2026-08-22 14:03 UTC"
    assert moment("yesterday\x1b") == "yesterday\ufffd"


def test_counts_have_a_plural() -> None:
    assert (count(1, "sample"), count(1204, "reply", "replies")) == ("1 sample", "1,204 replies")
