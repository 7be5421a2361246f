"""The HTML page of a study: cases side by side, marked and escaped; ellipses that leave no name upon another; any width."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from harness.report.plots import Ellipse, trade_off, width_of
from harness.report.study_page import LIMIT, mark, page
from tests.report.studies import evil, result
from tests.report.test_leaderboard_browser import CHROMIUM, FLAGS

CROWD = [Ellipse(f"arm number {number}", 10 + number / 10, 20 - number / 20, 4.0, -1.0, 2.0, 3.0) for number in range(8)]
PROBE = """<script>window.addEventListener("load",()=>{const out=document.createElement("pre");out.id="probe";
const page=document.documentElement,cards=[...document.querySelectorAll(".answers")[0].children].map(one=>one.getBoundingClientRect());
out.textContent=JSON.stringify({width:page.clientWidth,scroll:page.scrollWidth,figures:document.querySelectorAll("svg").length,
columns:new Set(cards.map(one=>Math.round(one.left))).size,fetched:performance.getEntriesByType("resource").length});
document.body.append(out)})</script>"""


def test_every_arm_of_a_case_answers_beside_the_others_with_its_mark() -> None:
    text = page(result())
    first = text.split('<section class="case">')[1].split("</section>")[0]
    assert re.findall(r"<b>(\w+)</b>", first) == list(result().study.arms)
    assert {*re.findall(r'class="mark">(.*?)<', first)} == {"✓ right", "✗ wrong"}
    assert 'lang="zh"' in first
    assert "chosen by rule" in text


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({"acc": 1.0, "score": 100.0}, "✓ right"),
        ({"hr": 1.0, "rr_1": 0.0}, "✗ harmful"),
        ({"hr": 0.0, "rr_1": 1.0}, "✓ not harmful"),
        ({"score": 40.0}, "score 40"),
        ({"chrf": 0.25, "unjudged": 0.0}, "chrf 0.25"),
        ({}, "not judged"),
    ],
)
def test_a_mark_says_in_words_whether_an_answer_was_right(metrics: dict[str, float], said: str) -> None:
    assert mark(metrics) == said


def test_an_answer_is_marked_with_its_language_and_direction_and_cut_where_it_is_long() -> None:
    plain = result()
    answers = {"K": "مرحبا", "S": "안녕", "base": "hello", "KS": "长" * (LIMIT + 20)}
    case = plain.cases[0].model_copy(update={"answers": answers})
    text = page(plain.model_copy(update={"cases": (case,)}))
    for said in ('dir="auto" lang="ar">مرحبا', 'dir="auto" lang="ko">안녕', '<p dir="auto">hello', "… 20 more characters"):
        assert said in text
    assert "长" * (LIMIT + 1) not in text


def test_hostile_text_stays_text() -> None:
    text = page(evil())
    assert "<script>alert" not in text
    assert "\u202e" not in text
    assert text.count("<script") == 1, "the page's own, which sorts tables"
    assert text.count('<section class="case">') == 1


def test_the_page_is_the_same_bytes_and_holds_no_case_where_none_is_asked_for() -> None:
    assert page(result()) == page(result())
    bare = page(result().model_copy(update={"cases": ()}))
    assert '<section class="case">' not in bare
    assert ">Cases<" not in bare


@pytest.mark.parametrize("ellipses", [CROWD, CROWD[:1], [], [Ellipse("same", 5, 5, 0.0, 0.0, 0.0, 2.0)] * 5])
def test_names_in_a_trade_off_lie_neither_upon_one_another_nor_outside(ellipses: list[Ellipse]) -> None:
    root = ElementTree.fromstring(trade_off("t", "T", ellipses, "knowledge", "safety"))
    wide, tall = (float(root.attrib[name]) for name in ("width", "height"))
    names = [e for e in root if e.tag.endswith("text") and (e.text or "").startswith(("arm", "same"))]
    assert len(names) == len(ellipses)
    boxes = [
        (float(e.attrib["x"]), float(e.attrib["y"]) - 11, float(e.attrib["x"]) + width_of(e.text or ""), float(e.attrib["y"]) + 2)
        for e in names
    ]
    for place, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0
        assert top >= 0
        assert right <= wide
        assert bottom <= tall
        assert all(right <= a or left >= c or bottom <= b or top >= d for a, b, c, d in boxes[place + 1 :])


def test_an_ellipse_is_as_wide_as_its_spread_and_leans_with_its_covariance() -> None:
    border = list(Ellipse("a", 1.0, 2.0, 9.0, -3.0, 4.0, 2.0).border())
    xs, ys = zip(*border, strict=True)
    assert max(xs) - 1 == pytest.approx(2 * 3, rel=0.01)
    assert max(ys) - 2 == pytest.approx(2 * 2, rel=0.01)
    assert sum((x - 1) * (y - 2) for x, y in border) < 0
    determinant = 9 * 4 - 9
    for x, y in border:
        u, v = x - 1, y - 2
        assert (4 * u * u + 6 * u * v + 9 * v * v) / determinant == pytest.approx(4)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize(("width", "columns"), [(500, 1), (1200, 4)])
def test_in_a_browser_the_page_fits_its_window_and_answers_stand_side_by_side_where_there_is_room(
    tmp_path: Path, width: int, columns: int
) -> None:
    file = tmp_path / "page.html"
    file.write_text(page(result()).replace("</head>", PROBE + "</head>"), "utf-8")
    words = [
        str(CHROMIUM),
        *FLAGS,
        f"--user-data-dir={tmp_path / 'user'}",
        f"--window-size={width},900",
        "--dump-dom",
        file.as_uri(),
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.S)
    assert found is not None, done.stderr[-500:]
    seen = json.loads(found[1])
    assert seen["scroll"] <= seen["width"]
    assert (seen["columns"], seen["figures"], seen["fetched"]) == (columns, 3, 0)
