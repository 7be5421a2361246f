"""A study's result on terminals and as markdown: the factor table, what is shown and what is not, at any width."""

from __future__ import annotations

import re

import pytest

from harness.report.differences import signed
from harness.report.study import markdown, show_result
from harness.report.study_tables import formula
from harness.report.text import cells
from tests.report.conftest import Render
from tests.report.studies import descriptive, evil, result


def table(text: str, head: str) -> list[list[str]]:
    """Rows of the markdown table whose first column is called so."""
    lines = text.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(f"| {head} |"))
    end = next((place for place in range(start, len(lines)) if not lines[place].startswith("|")), len(lines))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[start], *lines[start + 2 : end])]


def test_a_factors_block_shows_each_level_with_means_intervals_and_its_difference_from_the_first() -> None:
    head, first, second, third = table(markdown(result()), "level")
    assert head == ["level", "arm", "rows", "tokens", "knowledge", "95%", "± first", "harm", "95%", "± first"]
    assert first[:4] == ["knowledge first", "KS", "2,000", "104 k"]
    assert (first[6], first[9]) == ("", "")
    assert [second[1], third[1]] == ["SK", "mixed"]
    assert re.fullmatch(r"\\-\d+\.\d ▼", second[9]), "safety first leaves more harm, and less of it is better"
    assert "▲" not in third[6]


def test_what_is_shown_and_what_is_not_stands_on_top() -> None:
    lines = markdown(result()).splitlines()
    assert re.match(r"\*\*shown: harm: knowledge's effect on safety -\d+\.\d, order \+\d+\.\d\*\*", lines[4])
    assert lines[6].startswith("- not shown: knowledge: safety's effect on knowledge")


def test_every_contrast_has_its_interval_both_p_and_the_least_effect_that_it_could_show() -> None:
    rows = table(markdown(result()), "contrast")
    assert rows[0] == ["contrast", "difference", "95%", "p", "p for all", "MDE80", "df", "n", "verdict"]
    assert [row[0] for row in rows[1:]] == ["safety's effect on knowledge", "interaction", "order", "phasing"]
    assert "interaction: KS - K - S + base" in markdown(result())


def test_a_single_run_is_marked_as_descriptive_everywhere() -> None:
    text = markdown(descriptive())
    assert "▲" not in text.split("## How to read this")[0]
    assert all(row[6].endswith("°") for row in table(text, "level")[2:])
    assert "descriptive: knowledge:" in text
    assert "one training run of" in text


def test_arms_that_differ_in_another_factor_too_are_marked() -> None:
    plain = result()
    arms = {
        name: arm.model_copy(update={"factors": {**arm.factors, "phases": str(len(arm.phases))}} if arm.factors else {})
        for name, arm in plain.study.arms.items()
    }
    marked = plain.model_copy(update={"study": plain.study.model_copy(update={"arms": arms})})
    rows = {row[1]: row for row in table(markdown(marked), "level")[1:]}
    assert rows["mixed"][9].endswith("†")
    assert not rows["SK"][9].endswith("†")


def test_a_contrast_of_a_factor_stands_below_its_block() -> None:
    plain = result()
    own = plain.contrasts[0].model_copy(update={"factor": "order", "name": "either order against both at once"})
    text = markdown(plain.model_copy(update={"contrasts": (*plain.contrasts, own)}))
    assert text.index("### order") < text.index("either order against both at once · knowledge") < text.index("## Interference")


@pytest.mark.parametrize("width", [30, 44, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_broken(render: Render, width: int) -> None:
    text = render(show_result(result()), width)
    assert max(map(cells, text.splitlines())) <= width
    for one in result().contrasts:
        if one.name in ("order", "interaction"):
            assert re.search(rf"^{one.name} +{re.escape(signed(one.value))}( |$)", text, re.M)


def test_a_narrow_terminal_shows_a_factor_outcome_by_outcome(render: Render) -> None:
    wide, narrow = (render(show_result(result()), width) for width in (120, 44))
    assert wide.count("level ") == 1
    assert narrow.count("level ") == 2


def test_hostile_text_steers_neither_a_terminal_nor_markdown(render: Render) -> None:
    shown = render(show_result(evil()), 120)
    assert "\u202e" not in shown
    text = markdown(evil())
    assert not re.search(r"(?<!\\)[<>`*\[\]]", text.replace("**", "")), "all that markdown would read is escaped"
    assert not re.search("^# no heading", text, re.M)
    rows = [line for line in text.splitlines() if "| KS | 2,000" in line]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in rows] == [11]


def test_markdown_holds_no_sample_text() -> None:
    text = markdown(result())
    for case in result().cases:
        assert case.question not in text
        assert not any(answer in text for answer in case.answers.values())


def test_the_same_result_gives_the_same_bytes() -> None:
    assert markdown(result()) == markdown(result().model_validate_json(result().model_dump_json()))


def test_a_formula_names_weights_that_are_not_one() -> None:
    assert formula({"K": 0.5, "KS": 0.5, "S": -1.0}) == "0.5 K + 0.5 KS - S"


def test_a_macro_average_says_so_where_its_numbers_stand() -> None:
    plain = result()
    own = plain.study.outcomes["knowledge"].model_copy(update={"aggregation": "macro"})
    study = plain.study.model_copy(update={"outcomes": {**plain.study.outcomes, "knowledge": own}})
    text = markdown(plain.model_copy(update={"study": study}))
    assert len(re.findall(r"^### knowledge: .*, macro$", text, re.M)) == 2, "contrasts and scores"
    assert "each counting alike (knowledge)" in text
    assert "macro" not in markdown(plain).casefold()
