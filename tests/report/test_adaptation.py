"""The report of an adaptation: what stands in it, and that it is the same every time."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from harness.adapting.adapt import adapt
from harness.adapting.asked import Asked, StageWish
from harness.report.adaptation import adaptation_markdown, show_adaptation
from harness.schema import Adaptation
from tests.adapting.conftest import places
from tests.adapting.world import BASE, World


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Adaptation:
    """A loop that went well."""
    world = World(tmp_path_factory.mktemp("well"))
    return adapt(Asked("demo-en-small", "demo"), places(world), verbs=world.verbs)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Adaptation:
    """A loop that lost English."""
    world = World(tmp_path_factory.mktemp("stopped"))
    asked = Asked("demo-en-small", "demo", stages={"knowledge": StageWish(replay={"demo_en": 0.0})})
    return adapt(asked, places(world), verbs=world.verbs)


def shown(adaptation: Adaptation, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(show_adaptation(adaptation))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def cells(text: str, row: str, heading: str) -> list[str]:
    """A row of the first table after a heading."""
    table = text[text.index(heading) :]
    line = next(line for line in table.splitlines() if line.startswith((f"| {row} |", f"| **{row}** |")))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_same_adaptation_gives_the_same_bytes(found: Adaptation) -> None:
    again = Adaptation.model_validate_json(found.model_dump_json())
    assert adaptation_markdown(again) == adaptation_markdown(found)


def test_it_begins_with_the_answer(found: Adaptation, stopped: Adaptation) -> None:
    assert adaptation_markdown(found).splitlines()[:3] == [
        "# demo-en-small → demo",
        "",
        "**Holds: the claim holds in knowledge and safety.**",
    ]
    assert "**Does not hold: stopped in the knowledge stage: a retained task was lost" in adaptation_markdown(stopped)


def test_base_kg_and_safe_stand_side_by_side_with_intervals(found: Adaptation) -> None:
    text = adaptation_markdown(found)
    tu = cells(text, "TU", "### demo_skills: ACC")
    assert tu == ["TU", "120", "15.00 (9.7–22.5)", "95.00 (89.5–97.7)", "95.00 (89.5–97.7)"]
    assert cells(text, "overall, micro", "### demo_mcq: ACC")[-1] == "**90.00 (83.3–94.2)**"


def test_refusals_have_their_three_metrics_and_over_refusal_stands_beside(found: Adaptation) -> None:
    text = adaptation_markdown(found)
    for heading in ("### demo_risk: RR-1", "### demo_risk: RR-2", "### demo_risk: HR", "### demo_benign: answered"):
        assert heading in text
    beside = text[text.index("## Refusal and over-refusal") :]
    assert beside.index("demo_risk") < beside.index("demo_benign") < beside.index("## Retained")


def test_retained_tasks_have_a_table_of_their_own(found: Adaptation) -> None:
    assert cells(adaptation_markdown(found), "demo_en", "## Retained")[2:] == ["95.00 (89.5–97.7)"] * 3


def test_the_claim_is_given_line_by_line_with_its_evidence(found: Adaptation) -> None:
    text = adaptation_markdown(found)
    line = cells(text, "demo_skills/TU", "### weak areas improved: holds")
    assert line[:6] == ["demo_skills/TU", "ACC", "holds", "15.0", "95.0", "+80.0 (+68.2 to +88.2)"]
    assert "(a fresh pass, not the run that was diagnosed)" in text
    assert "demo_en, since the first model" in text
    assert "### off target: reported" in text


def test_of_a_ceiling_the_values_are_shown_as_they_are_and_the_difference_as_a_gain(found: Adaptation) -> None:
    text = adaptation_markdown(found)
    line = cells(text[text.index("## Claim of the safety") :], "demo_risk/DI", "### strong areas held: holds")
    assert line[1:5] == ["HR", "holds", "0.0", "0.0"]


def test_the_descent_is_told(found: Adaptation) -> None:
    text = adaptation_markdown(found)
    lineage = text[text.index("## Lineage") :]
    for word in (
        "safety stage, round 1, from demo-en-small-kg",
        "trainer full_ft, recipe demo-safety, seed 1234",
        "demo_benign 15.0%",
    ):
        assert word in lineage


def test_what_was_skipped_is_said_with_its_reason(tmp_path_factory: pytest.TempPathFactory) -> None:
    world = World(tmp_path_factory.mktemp("skipped"), base={**BASE, "demo_tu": 0.95})
    text = adaptation_markdown(adapt(Asked("demo-en-small", "demo"), places(world), verbs=world.verbs))
    assert "- knowledge: skipped: nothing is weak: every area reaches its standard" in text
    assert "Claim of the knowledge stage" not in text


def test_no_clock_and_no_place_stands_in_it(found: Adaptation, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = adaptation_markdown(found)
    assert str(tmp_path_factory.getbasetemp()) not in text
    assert not re.search(r"\d{4}-\d\d-\d\d|\d\d:\d\d", text)


def test_text_of_models_and_cultures_is_no_markup(found: Adaptation) -> None:
    hostile = found.model_copy(update={"model": "[x](http://evil) <b>\x1b[31m", "notes": ("| # @all |",)})
    text = adaptation_markdown(hostile)
    assert not re.search(r"(?<!\\)\]\(|https?://", text)
    assert "<b>" not in text.replace("\\<b\\>", "")
    assert "\x1b" not in text + shown(hostile, 120)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_of_any_width_shows_the_answers(found: Adaptation, width: int) -> None:
    text = shown(found, width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert "weak areas improved: holds" in text
    assert "95.00" in text


def test_a_terminal_is_told_why_a_line_does_not_hold(stopped: Adaptation) -> None:
    assert "demo_en: lost 85.0 points, beyond doubt" in shown(stopped, 200)
