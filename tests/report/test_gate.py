"""What a gate shows: the ruling first, every number somewhere, at any width."""

from __future__ import annotations

import re

import pytest

from harness.report.gate import gate_markdown, refusal_markdown, show_gate
from harness.report.gate_facts import COLUMNS, bets, evidence, p_text, row, signed
from harness.schema import GateReport
from tests.report.conftest import Render
from tests.report.gates import LINES, POLICY, line, matches, refusal, report, score, sequential


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_shows_what_the_golden_file_says(render: Render, width: int) -> None:
    matches(f"gate-{width}.txt", render(show_gate(report()), width))
    matches(f"gate-sequential-{width}.txt", render(show_gate(sequential()), width))


def test_the_page_is_what_the_golden_file_says() -> None:
    matches("gate.md", gate_markdown(report()))


@pytest.mark.parametrize("width", [24, 40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("made", [report(), sequential()], ids=["fixed", "sequential"])
def test_no_line_is_wider_than_the_terminal_and_none_ends_in_blanks(render: Render, width: int, made: GateReport) -> None:
    for shown in render(show_gate(made), width).splitlines():
        assert len(shown) <= width
        assert shown == shown.rstrip()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_word_of_a_ruling_or_reason_is_cut(render: Render, width: int) -> None:
    text = render(show_gate(report()), width)
    words = set(re.findall(r"\S+", text))
    for one in LINES:
        assert (one.ruling or "shown") in words
        assert set(one.why.split()) <= words
    assert set(f"{report().why}.".split()) <= words


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_what_a_column_has_no_room_for_is_said_below_the_line(render: Render, width: int) -> None:
    text = render(show_gate(report()), width)
    said = " ".join(text.split())
    for one in LINES:
        for name, cell in zip(COLUMNS, row(one), strict=True):
            assert cell in said or cell == "–", (name, width)


@pytest.mark.parametrize("width", [24, 32, 40, 48])
def test_where_hardly_anything_fits_a_change_is_still_a_whole_number(render: Render, width: int) -> None:
    words = render(show_gate(report()), width).split()
    for one in LINES:
        assert one.paired is None or signed(one.paired.delta) in words


def test_a_text_without_end_is_no_page_without_end(render: Render) -> None:
    endless = "长" * 100_000
    side = report().baseline.model_copy(update={"model": endless, "run": endless})
    long = report(
        line(dimensions=(endless,)),
        judge=endless,
        why=endless,
        notes=(endless,),
        baseline=side,
        policy=POLICY.model_copy(update={"title": endless}),
    )
    assert len(render(show_gate(long), 80)) + len(gate_markdown(long)) < 20_000
    said = refusal().model_copy(update={"error": endless, "baseline": endless})
    assert len(refusal_markdown(said)) < 5_000


def test_the_ruling_and_why_come_first(render: Render) -> None:
    assert render(show_gate(report()), 120).splitlines()[:2] == [
        "FAIL: llama3-8b-safe against llama3-8b",
        "a drop is proven: chisafetybench_refusal_v1/DI+VV hr.",
    ]
    assert gate_markdown(report()).startswith("# FAIL: llama3-8b-safe against llama3-8b\n")


def test_the_words_stand_there_with_and_without_colour(render: Render) -> None:
    for color in (False, True):
        text = render(show_gate(report()), 80, color=color)
        assert all(word in text for word in ("PASS", "FAIL", "UNDECIDED"))


def test_lines_stand_by_question_and_those_that_must_be_proven_come_first() -> None:
    text = gate_markdown(report())
    places = [text.index(f"## {name}:") for name in ("Gain", "Release", "Regression", "Report")]
    assert places == sorted(places)


def test_of_a_ceiling_the_values_are_its_own_and_the_change_is_a_loss() -> None:
    cells = dict(zip(COLUMNS, row(line("r", "hr", paired=score(0.98, 0.9))), strict=True))
    assert (cells["baseline"], cells["candidate"], cells["change"]) == ("2.0", "10.0", "-8.0")
    assert "+ is better (of HR too, where less is better)" in gate_markdown(report())


def test_a_gain_has_no_margin_and_a_line_without_items_no_numbers() -> None:
    cells = dict(zip(COLUMNS, row(line(question="gain", paired=None)), strict=True))
    assert {cells[name] for name in ("margin", "power", "baseline", "change", "95%")} == {"–"}
    assert cells["n"] == "0"


def test_without_an_audit_the_judge_is_named_as_the_condition_it_is() -> None:
    page = gate_markdown(report())
    assert "under judge openai:qwen2.5-72b-instruct@3f2a, threshold 90; no audit says how well it agrees with people" in page
    audited = gate_markdown(sequential())
    assert "no audit" not in audited
    assert "kappa 0.81, at least 0.72 (150 labels of people" in audited


def test_keys_say_whether_anybody_reviewed_them() -> None:
    assert "keys: a_eval: drafted-v1@3fa9c1d2, drafted by models, not reviewed" in gate_markdown(report()).replace("\\", "")


def test_the_policy_is_named_with_its_hash_and_the_built_in_one_as_such() -> None:
    assert "policy: zh_cn/contract: may it ship? (sha256 ab12ab12ab12…)" in gate_markdown(report()).replace("\\", "")
    assert "(built in)" in gate_markdown(report(policy=POLICY.model_copy(update={"digest": ""})))


def test_a_sequential_gate_says_how_much_was_asked_and_what_it_saw() -> None:
    page = gate_markdown(sequential())
    assert "96 of 4,712 items (2.0%) in 3 batches" in page
    assert "| 96 of 600 | 10^6.2 | 0.273 |" in page.replace("\\", "")
    assert bets(sequential().lines[0]).startswith("asked 96 of 600 items (92 bets), decided early; evidence of a drop 10^6.2")


@pytest.mark.parametrize(
    ("log_e", "text"), [(0.0, "1"), (-1.3, "0.273"), (9.0, "8,103"), (800.0, "10^347.4"), (-800.0, "10^-347.4")]
)
def test_evidence_is_short_however_large(log_e: float, text: str) -> None:
    assert evidence(log_e) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.0004, "0.0"), (-0.0004, "0.0"), (0.1, "+10.0"), (-0.1, "-10.0"), (0.0005, "+0.1")]
)
def test_points_have_a_sign_and_nothing_is_a_negative_zero(share: float, text: str) -> None:
    assert signed(share) == text


def test_a_small_p_is_never_zero() -> None:
    assert [p_text(p) for p in (0.0, 0.00012, 0.04999, 0.5)] == ["<0.0001", "0.0001", "0.0500", "0.50"]


def test_the_three_words_are_explained_with_the_policy_s_own_numbers() -> None:
    page = gate_markdown(report(policy=POLICY.model_copy(update={"alpha": 0.01, "beta": 0.1})))
    assert "in at most 1% of gates" in page
    assert "each wrongly in at most 10%" in page


def test_text_of_models_judges_and_data_is_no_markup(render: Render) -> None:
    evil = "[x](http://evil) <b>@all\x1b[31m"
    hostile = report(
        line(dimensions=("|<img src=x>",), why=evil),
        judge=evil,
        why=evil,
        notes=(evil,),
        policy=POLICY.model_copy(update={"title": evil}),
    )
    page = gate_markdown(hostile)
    assert not re.search(r"(?<!\\)\]\(|https?://|(?<!\\)<", page)
    assert "\x1b" not in page + render(show_gate(hostile), 80)


def test_where_nothing_was_ruled_the_page_says_so_and_why() -> None:
    page = refusal_markdown(refusal())
    assert page.startswith("# No ruling (not comparable): llama3-8b-safe against llama3-8b\n")
    assert "**Nothing was ruled: runs 'a' and 'b' cannot be compared: they differ in judge.**" in page


def test_near_duplicates_that_were_merged_are_said() -> None:
    assert "near-duplicates of other items, which count as one with them: 4 of benign_zh answered" in gate_markdown(report())
    assert "near-duplicates" not in gate_markdown(sequential())
