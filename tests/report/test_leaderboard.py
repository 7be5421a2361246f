"""A board as markdown and as HTML: the same cells, nothing that a name could break, nothing from elsewhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from harness import catalog, culture
from harness.ranking.board import build
from harness.ranking.published import read
from harness.report.leaderboard_html import around, leaderboard_html
from harness.report.leaderboard_markdown import leaderboard_markdown
from harness.schema import (
    BaselineRow,
    BoardGroup,
    BoardRow,
    BoardScore,
    BoardSection,
    BoardTable,
    Conditions,
    Interval,
    KeyRef,
    Leaderboard,
    Place,
)

EVIL = "<script>alert('x')</script>| [a](http://evil) <!-- harness:leaderboard:end -->"
FOLDER = Path(__file__).parents[2] / "leaderboards"
KEY = KeyRef(version="drafted-v1@3fa9c1d2", provenance="drafted by models", reviewed=False)


def score(value: float) -> BoardScore:
    return BoardScore(
        value=value, interval=Interval(low=max(0.0, value - 0.05), high=min(1.0, value + 0.05), method="wilson"), n=100
    )


def row(name: str, value: float, place: Place | None = None, **more: Any) -> BoardRow:
    fields: dict[str, Any] = {
        "stage": None,
        "parent": None,
        "run": "r",
        "fingerprint": "f",
        "overall": {"micro": score(value), "macro": score(value)},
        "dimensions": {"DI": score(value), "VV": score(value)},
        "judged": 99,
        "asked": 100,
        "keys": {"b": KEY},
        "judge": ("rules@1",),
    }
    return BoardRow(name=name, place=place, **{**fields, **more})


def board(*groups: BoardGroup, **changes: Any) -> Leaderboard:
    fields: dict[str, Any] = {
        "benchmark": "b",
        "title": "B & " + EVIL,
        "metric": "acc",
        "ceiling": False,
        "section": "choice",
        "dimensions": ("DI", "VV"),
        "groups": groups,
        "published": (),
        "options": None,
    }
    section = BoardSection(name="choice", title="Multiple choice", tables=(BoardTable(**{**fields, **changes}),), unmeasured=())
    names = tuple(one.name for group in groups for one in group.rows)
    return Leaderboard(culture="demo", title="Demo", entries=names, sections=(section,), misprints=(), notes=(EVIL,))


CONDITIONS = Conditions(
    judge=("rules@1",), rubrics=(), keys={"b": KEY}, data="d", tasks={}, generation={}, chat_template=None, threshold=None
)
FIRST = BoardGroup(
    conditions=CONDITIONS,
    differs=(),
    rows=(
        row("best", 0.9, Place(tier=1, low=1, high=2, of=3, behind=None), stage="safety", parent=EVIL),
        row(EVIL, 0.8, Place(tier=1, low=1, high=3, of=3, behind=score(0.1)), stage="base"),
    ),
    baselines=(BaselineRow(name="always A", overall={"micro": 0.51, "macro": 0.5}, dimensions={"DI": 0.4}),),
)
OTHER = BoardGroup(
    conditions=CONDITIONS, differs=("judge (openai:q, not rules@1)",), rows=(row("elsewhere", 0.99),), baselines=()
)


class Checker(HTMLParser):
    """Tags that are open, and whether each was closed in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in {"meta", "rect", "line", "circle"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def checked(page: str) -> Checker:
    checker = Checker()
    checker.feed(page)
    return checker


@pytest.fixture(scope="module")
def chinese() -> Leaderboard:
    known = catalog.read()
    return build(culture.load("zh_cn", known=known), known, (), read(FOLDER))


def whole(found: Leaderboard) -> str:
    before, after = around(found)
    return before + leaderboard_html(found) + after


def test_html_is_closed_and_its_ids_are_its_own(chinese: Leaderboard) -> None:
    for found in (board(FIRST, OTHER), chinese):
        checker = checked(whole(found))
        assert (checker.wrong, checker.open) == ([], [])
        ids = [attributes["id"] for _, attributes in checker.seen if "id" in attributes]
        assert len(ids) == len(set(ids))
        anchors = {str(a["href"])[1:] for tag, a in checker.seen if tag == "a"}
        assert anchors <= set(ids)


def test_html_needs_nothing_from_elsewhere(chinese: Leaderboard) -> None:
    page = whole(chinese).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?://|\bsrc=|@import|url\(|<link|<iframe", page)


def test_a_name_is_text_in_html() -> None:
    checker = checked(whole(board(FIRST)))
    assert [tag for tag, _ in checker.seen].count("script") == 1, "the page's own"
    assert "harness:leaderboard:end -->" not in whole(board(FIRST))


def test_a_name_is_text_in_markdown() -> None:
    text = leaderboard_markdown(board(FIRST))
    assert "<script" not in text.replace("\\<script", "")
    assert "<!--" not in text.replace("\\<!--", "")
    assert "](http" not in text.replace("\\](http", "")
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_html_is_read_without_javascript() -> None:
    page = re.sub(r"<script>.*?</script>", "", whole(board(FIRST)), flags=re.DOTALL)
    assert "90.00 (85.0–95.0)" in page
    assert "<button" not in page


def test_html_knows_dark_and_print() -> None:
    page = whole(board(FIRST))
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page
    assert 'name="color-scheme" content="light dark"' in page


def test_both_pages_hold_the_same_cells() -> None:
    found = board(FIRST, OTHER)
    for page in (leaderboard_markdown(found), whole(found)):
        for cell in ("90.00 (85.0–95.0)", "10.0 (5.0 to 15.0)", "99 of 100", "1–2", "1–3", "always A", "51.00"):
            assert cell in page
        assert "not reviewed" in page
        assert "Not comparable with the models above" in page


def test_models_that_are_not_comparable_stand_in_a_table_of_their_own_without_a_rank() -> None:
    before, _, after = leaderboard_markdown(board(FIRST, OTHER)).partition("Not comparable with the models above")
    assert "other judge" in after
    assert "elsewhere" not in before.partition("| tier")[2]
    assert "| – | – | elsewhere |" in after


def test_a_key_that_was_drafted_is_marked_and_one_that_was_reviewed_is_not() -> None:
    assert "drafted-v1@3fa9c1d2 (drafted, not reviewed)" in whole(board(FIRST))
    reviewed = row("a", 0.5, keys={"b": KEY.model_copy(update={"reviewed": True, "min_confidence": "high"})})
    page = whole(board(FIRST.model_copy(update={"rows": (reviewed,)})))
    assert "drafted-v1@3fa9c1d2, at least high" in page
    assert "not reviewed" not in page


def test_an_average_over_one_dimension_is_no_macro_average() -> None:
    alone = row("a", 0.5, dimensions={"EN": score(0.5)})
    page = leaderboard_markdown(board(FIRST.model_copy(update={"rows": (alone,), "baselines": ()}), dimensions=()))
    assert "| micro | behind the first |" in page


def test_published_rows_carry_their_marks_and_their_source(chinese: Leaderboard) -> None:
    text = leaderboard_markdown(chinese)
    assert "| LLaMA3-8B-KG | arXiv 2406.18192, table 2 | 44.54 | 44.54 (40.8–48.3) |" in text
    assert "| 36.44† |" in text
    assert "| 72.06‡ | 60.08 (57.8–62.3) | 72.06" in text
    assert "the printed 72.06 is a macro average; as a micro average" in text
    assert text.count("†") == 11 + 1 + sum("† disagrees" in line for line in text.splitlines())
    assert "36.44<sup>†</sup>" in whole(chinese)


def test_published_means_stand_in_percent_under_their_factors_with_the_items_of_each_category(chinese: Leaderboard) -> None:
    text = leaderboard_markdown(chinese)
    row = next(line for line in text.splitlines() if line.startswith("| ChatGPT |") and " 83.0‡ |" in line)
    assert "| – | arXiv 2304.07854, table 5 | 83.0‡ | 82.5 | 83.0 |" in row
    assert "| LLaMA-EXT, zh(alpaca-4) | Data quality | arXiv 2304.07854, table 5 | 69.3‡ | 68.1 | 69.3 |" in text
    assert "no counts, so there are no intervals" in text
    items = [line for line in text.splitlines() if line.startswith("- items: ")]
    assert [line.rpartition(" ")[2] for line in items] == ["1,000", "887"]
    assert all("open_qa 285" in line for line in items)


def test_published_rows_have_neither_rank_nor_tier(chinese: Leaderboard) -> None:
    text = leaderboard_markdown(chinese)
    assert "| tier |" not in text
    assert "nothing is ranked" in text
    assert "never ranked" in text


def test_versions_of_a_benchmark_never_share_a_table(chinese: Leaderboard) -> None:
    headings = [line for line in leaderboard_markdown(chinese).splitlines() if line.startswith("### ")]
    assert "### CHiSafetyBench v0 multiple choice: ACC" in headings
    assert "### CHiSafetyBench v1 multiple choice: ACC" in headings
    assert len(headings) == len(set(headings))


def test_every_section_of_the_culture_is_there(chinese: Leaderboard) -> None:
    headings = [line[3:] for line in leaderboard_markdown(chinese).splitlines() if line.startswith("## ")]
    assert headings == [
        "Knowledge and skills",
        "Multiple choice",
        "Refusal of risky requests",
        "Refusal with dialogue history",
        "Harmless requests that look risky",
        "Retention",
        "Misprints",
    ]


def test_the_pictures_of_a_trained_line_join_base_knowledge_and_safety(chinese: Leaderboard) -> None:
    page = leaderboard_html(chinese)
    assert "LLaMA3-8B-SAFE 43.5 after LLaMA3-8B-KG 44.5" in page
    assert page.count("<svg") == page.count("</svg>") > 20


def test_the_same_board_gives_the_same_bytes(chinese: Leaderboard) -> None:
    assert leaderboard_html(chinese) == leaderboard_html(chinese.model_copy(deep=True))


def test_what_all_rows_share_is_told_once() -> None:
    text = leaderboard_markdown(board(FIRST))
    assert "- coverage 99 of 100 · key drafted-v1@3fa9c1d2 (drafted, not reviewed) · judge rules@1" in text
    assert "| coverage |" not in text


def test_what_differs_between_rows_is_a_column() -> None:
    whole = row("whole", 0.5, Place(tier=2, low=3, high=3, of=3, behind=score(0.4)), judged=100)
    text = leaderboard_markdown(board(FIRST.model_copy(update={"rows": (*FIRST.rows, whole)})))
    assert "| DI | VV | coverage |" in text
    assert "| 100 of 100 |" in text
    assert "- key drafted-v1@3fa9c1d2 (drafted, not reviewed) · judge rules@1" in text
