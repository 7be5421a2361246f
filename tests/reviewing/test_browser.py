"""The page in a real browser: sessions by keyboard, hostile rows, lost servers, full disks, two tabs, narrow windows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.reviewing.store import Review
from harness.schema import Message
from tests.reviewing.made import question, reference, review, row, said, served, turns

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield opened
        opened.close()


@dataclass
class Seat:
    """One person at one browser, and everything that must not happen there."""

    page: Page
    context: BrowserContext
    wrong: list[str] = field(default_factory=list)
    """Errors of the console, dialogs, requests that leave."""

    def keys(self, *names: str) -> None:
        for name in names:
            self.page.keyboard.press(name)

    def settled(self, text: str) -> None:
        """Wait until the page has said this."""
        self.page.wait_for_function("text => document.getElementById('status').textContent.includes(text)", arg=text)

    def at(self, item: str) -> None:
        """Wait until this item is shown and nothing is on its way."""
        self.page.wait_for_function(
            "id => document.querySelector('.facts .id')?.textContent === id && !document.body.classList.contains('busy')",
            arg=item,
        )


@contextmanager
def seat(browser: Browser, address: str, **options: Any) -> Iterator[Seat]:
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
    context.set_default_timeout(15_000)
    found = Seat(context.new_page(), context)
    watch(found, found.page, address)
    found.page.goto(address)
    found.page.wait_for_selector(".facts, .done")
    yield found
    context.close()
    assert found.wrong == []


def watch(found: Seat, page: Page, address: str) -> None:
    origin = address.split("/?", maxsplit=1)[0]
    page.on("console", lambda message: message.type in ("error", "warning") and found.wrong.append(message.text))
    page.on("pageerror", lambda error: found.wrong.append(str(error)))
    page.on("request", lambda request: request.url.startswith(origin) or found.wrong.append(f"request to {request.url}"))
    page.on("dialog", lambda dialog: (found.wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))


def actions(of: Review) -> list[tuple[str, str]]:
    return [(one.item, one.action) for one in of.decisions()]


def test_a_whole_session_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    made = review(tmp_path, [row(number) for number in range(8)])
    with served(tmp_path) as page, seat(browser, page.addresses["ann"]) as ann:
        ann.at("src/0")
        ann.keys("a")
        ann.at("src/1")
        ann.settled("Saved: accept.")
        ann.keys("r")
        ann.at("src/2")
        ann.keys("f")
        ann.at("src/3")
        ann.keys("e")
        ann.page.wait_for_selector("textarea:focus")
        ann.page.keyboard.type("还有赛龙舟。")
        ann.page.wait_for_selector(".diff ins")
        assert ann.page.locator(".diff ins").inner_text() == "还有赛龙舟。"
        ann.keys("Control+Enter")
        ann.at("src/4")
        ann.keys("n")
        ann.page.wait_for_selector("#note:focus")
        ann.page.keyboard.type("看一看 a r f")
        ann.keys("Control+Enter", "s")
        ann.at("src/5")
        ann.keys("k")
        ann.at("src/4")
        ann.keys("a")
        ann.at("src/5")
        ann.keys("r")
        ann.at("src/6")
        ann.keys("u")
        ann.settled("open again")
        ann.at("src/5")
        ann.page.reload()
        ann.at("src/5")
        ann.keys("?")
        ann.page.wait_for_selector("dialog[open]")
        ann.keys("a", "Escape")
        ann.page.wait_for_selector("dialog:not([open])", state="attached")
        ann.keys("ArrowRight")
        ann.at("src/6")
    assert actions(made) == [
        ("src/0", "accept"), ("src/1", "reject"), ("src/2", "flag"), ("src/3", "edit"), ("src/4", "accept"), ("src/5", "reject"), ("src/5", "withdraw"),
    ]  # fmt: skip
    edited, noted = made.decisions()[3:5]
    assert edited.messages == turns("端午节为什么吃粽子？", "为了纪念屈原。还有赛龙舟。")
    assert noted.note == "看一看 a r f"
    assert all(one.seconds is not None for one in made.decisions() if one.action != "withdraw")


def test_no_key_decides_on_what_has_not_been_seen(browser: Browser, tmp_path: Path) -> None:
    """A note that is begun while the last decision is on its way: its letters are no commands."""
    made = review(tmp_path, [row(number) for number in range(4)])
    with served(tmp_path) as page, seat(browser, page.addresses["ann"]) as ann:
        ann.at("src/0")
        ann.page.route("**/api/decide", lambda route: (ann.page.wait_for_timeout(300), route.continue_()))
        ann.keys("a", "n", "a", "r", "f")
        ann.page.wait_for_selector("#note:focus")
        ann.page.keyboard.type("far")
        assert ann.page.input_value("#note") == "far"
        ann.page.unroute("**/api/decide")
        ann.keys("Control+Enter", "r")
        ann.settled("Saved: reject")
    assert [(one.item, one.action, one.note) for one in made.decisions()] == [("src/0", "accept", ""), ("src/1", "reject", "far")]


def test_undo_brings_back_what_stood_before(browser: Browser, tmp_path: Path) -> None:
    made = review(tmp_path, [row(0), row(1)])
    made.append(said(made, "src/0", "reject", note="earlier"))
    with served(tmp_path) as page, seat(browser, page.addresses["ann"]) as ann:
        ann.at("src/1")
        ann.keys("k")
        ann.at("src/0")
        ann.keys("a")
        ann.settled("Saved: accept")
        ann.at("src/1")
        ann.keys("u")
        ann.settled("reject counts again")
    held = made.outcomes()["src/0"].decision
    assert held is not None
    assert (held.action, held.note) == ("reject", "earlier")


def test_everything_also_works_by_mouse(browser: Browser, tmp_path: Path) -> None:
    made = review(tmp_path, [row(number) for number in range(5)])
    with served(tmp_path) as page, seat(browser, page.addresses["ann"]) as ann:
        for place, action in enumerate(("accept", "reject", "flag")):
            ann.at(f"src/{place}")
            ann.page.click(f".act.{action}")
        ann.at("src/3")
        ann.page.click(".act.edit")
        ann.page.fill("textarea >> nth=1", "新的回答")
        ann.page.click("text=Save edit")
        ann.at("src/4")
        ann.page.click("text=Flagged")
        ann.page.wait_for_function("() => document.querySelectorAll('#list button').length === 1")
        ann.page.click("#list button")
        ann.at("src/2")
        ann.page.click("[data-do=undo]")
        ann.at("src/3")
        assert ann.page.evaluate("document.activeElement.id") == "item", "a key meant for the page must not press a button again"
    assert actions(made)[-2:] == [("src/3", "edit"), ("src/3", "withdraw")]


def test_escape_leaves_an_edit_and_keeps_its_draft(browser: Browser, tmp_path: Path) -> None:
    made = review(tmp_path, [row(0), row(1)])
    with served(tmp_path) as page, seat(browser, page.addresses["ann"]) as ann:
        ann.keys("e")
        ann.page.wait_for_selector("textarea:focus")
        ann.page.keyboard.type("草稿")
        ann.keys("Escape", "j")
        ann.at("src/1")
        ann.keys("k")
        ann.at("src/0")
        ann.keys("e")
        assert "草稿" in ann.page.input_value("textarea >> nth=1")
        ann.page.fill("textarea >> nth=1", "  ")
        ann.keys("Control+Enter")
        ann.settled("cannot be empty")
        assert made.decisions() == []
        ann.page.click("text=Start over")
        ann.keys("Control+Enter")
        ann.settled("Saved: accept")
    assert actions(made) == [("src/0", "accept")]


def test_two_people_disagree_and_a_third_decides_without_knowing_who_said_what(browser: Browser, tmp_path: Path) -> None:
    made = review(tmp_path, [row(number) for number in range(3)], people=2)
    with (
        served(tmp_path, "ann", "bo") as page,
        seat(browser, page.addresses["ann"]) as ann,
        seat(browser, page.addresses["bo"]) as bo,
    ):
        for item in made.items:
            ann.at(item)
            ann.keys("a")
        ann.page.wait_for_selector(".done")
        bo.page.wait_for_selector(".facts")
        assert "accept" not in bo.page.locator("#card").inner_text()
        bo.keys("r")
        bo.at("src/1")
        bo.keys("e")
        bo.page.wait_for_selector("textarea:focus")
        bo.page.keyboard.type("改")
        bo.keys("Control+Enter")
        bo.at("src/2")
        bo.keys("a")
        bo.page.wait_for_selector(".done")
    assert [one.state for one in made.outcomes().values()] == ["split", "split", "agreed"]
    with served(tmp_path, "cy", adjudicate=True) as page, seat(browser, page.addresses["cy"]) as cy:
        cy.at("src/0")
        text = cy.page.locator("body").inner_text()
        assert "ann" not in text.split()
        assert "bo" not in text.split()
        words = cy.page.locator(".voice .word").all_inner_texts()
        assert sorted(words) == ["accept", "reject"]
        assert cy.page.locator(".heads .word").all_inner_texts() == words
        assert cy.page.locator(".heads .own").count() == 0
        cy.keys(str(words.index("reject") + 1))
        cy.at("src/1")
        words = cy.page.locator(".voice .word").all_inner_texts()
        assert cy.page.locator(".voice ins").inner_text() == "改"
        cy.page.click(f".voice >> nth={words.index('edit')} >> text=Take")
        cy.page.wait_for_selector(".done")
    made.append(said(made, "src/0", "withdraw", "cy", round="adjudication"))
    with served(tmp_path, "ann", adjudicate=True) as page, seat(browser, page.addresses["ann"]) as ann:
        assert "is your own" in ann.page.locator(".heads").inner_text()
        ann.keys("r")
        ann.page.wait_for_selector(".done")
    settled = [(one.state, one.decision and one.decision.action) for one in made.outcomes().values()]
    assert settled == [("adjudicated", "reject"), ("adjudicated", "edit"), ("agreed", "accept")]
    assert made.outcomes()["src/1"].decision.messages[-1].content == "先想好要说什么，再动笔。改"  # type: ignore[index,union-attr]


HOSTILE = (
    "<script>alert(1)</script><img src=http://evil.example/x onerror=alert(2)><svg onload=alert(3)>",
    "</div></article><iframe src='javascript:alert(4)'></iframe><style>*{display:none}</style>",
    "\u202ertl\u202c \u2066x\u2069 \u200b\ufeff \x00\x07\x1b[31m \u061c \U000e0041 {{7*7}} ${alert(5)} http://evil.example/",
)


def test_hostile_rows_do_nothing_and_what_cannot_be_seen_is_shown(browser: Browser, tmp_path: Path) -> None:
    said_by = [Message(role="user", content=HOSTILE[0]), Message(role="assistant", content="\n".join(HOSTILE))]
    items = [
        row(n, messages=tuple(said_by), about=HOSTILE[0], reasons=HOSTILE, reference=HOSTILE[1], id=f"{HOSTILE[0]}{n}")
        for n in range(3)
    ]
    from harness.reviewing.store import create

    create(tmp_path / "r", items, title=HOSTILE[0], of="t", kind="row", guidance=HOSTILE[1])
    made = Review(tmp_path / "r")
    with served(tmp_path / "r", HOSTILE[0][:50]) as page, seat(browser, next(iter(page.addresses.values()))) as ann:
        ann.page.wait_for_selector(".turns")
        ann.page.wait_for_selector("#list button")
        for tag in ("img", "iframe", "svg", "style", "script:not([src])"):
            assert ann.page.locator(f"body {tag}").count() == 0
        text = ann.page.locator(".turns").inner_text()
        assert all(part in text for part in ("<script>alert(1)</script>", "</article>", "{{7*7}}"))
        assert all(f"U+{code}" in text for code in ("202E", "2066", "200B", "FEFF", "0000", "0007", "001B", "061C", "E0041"))
        assert not any(char in text for char in "\u202e\u2066\u200b\x00\x1b\u061c")
        ann.keys("e")
        ann.page.wait_for_selector("textarea:focus")
        ann.page.click("text=Take them out >> nth=-1")
        ann.keys("Control+Enter")
        ann.settled("Saved: edit")
        ann.keys("n")
        ann.page.wait_for_selector("#note:focus")
        ann.page.keyboard.type(HOSTILE[0])
        ann.keys("Control+Enter", "f")
        ann.settled("Saved: flag")
        ann.page.click("text=Flagged")
        ann.keys("?")
        ann.page.wait_for_selector("dialog[open]")
    edited = made.decisions()[0]
    assert edited.messages is not None
    assert "\u202e" not in edited.messages[-1].content
    assert "<script>alert(1)</script>" in edited.messages[-1].content


def test_labels_are_chosen_by_their_letters_or_numbers(browser: Browser, tmp_path: Path) -> None:
    items = [question(number, labels=("A", "F", "invalid"), doubt=1 - number / 10) for number in range(4)]
    made = review(tmp_path, items)
    with served(tmp_path) as page, seat(browser, page.addresses["ann"]) as ann:
        for place, key in enumerate(("f", "1", "3", "Shift+F")):
            ann.at(f"q/{place}")
            ann.keys(key)
        ann.page.wait_for_selector(".done")
    assert [(one.action, one.label) for one in made.decisions()] == [
        ("label", "F"),
        ("label", "A"),
        ("label", "invalid"),
        ("flag", None),
    ]


@pytest.mark.slow
def test_scores_are_typed(browser: Browser, tmp_path: Path) -> None:
    made = review(tmp_path, [question(n, labels=tuple(str(score) for score in range(101)), options={}) for n in range(2)])
    with served(tmp_path) as page, seat(browser, page.addresses["ann"]) as ann:
        ann.at("q/0")
        ann.keys("8", "5", "Enter")
        ann.at("q/1")
        ann.keys("1", "0", "1", "Enter")
        ann.settled("none of the labels")
        ann.page.fill("#label-field", "100")
        ann.keys("Enter")
        ann.page.wait_for_selector(".done")
    assert [one.label for one in made.decisions()] == ["85", "100"]


def test_a_reference_is_edited_with_its_forms_and_points(browser: Browser, tmp_path: Path) -> None:
    made = review(tmp_path, [reference(0), reference(1)])
    with served(tmp_path) as page, seat(browser, page.addresses["ann"]) as ann:
        ann.at("k/0")
        ann.keys("e")
        ann.page.wait_for_selector("textarea:focus")
        ann.page.fill("textarea >> nth=1", "一种\n\n另一种\n")
        ann.keys("Control+Enter")
        ann.at("k/1")
        ann.keys("a")
        ann.page.wait_for_selector(".done")
    first = made.decisions()[0]
    assert first.text is not None
    assert (first.action, first.text.accept, first.text.points) == ("edit", ("一种", "另一种"), ("要点",))


@pytest.mark.slow
def test_a_full_disk_keeps_the_decision_in_the_tab_until_it_can_be_saved(browser: Browser, tmp_path: Path) -> None:
    made = review(tmp_path, [row(number) for number in range(4)])
    in_the_way = tmp_path / "decisions.jsonl"
    with served(tmp_path) as page, seat(browser, page.addresses["ann"]) as ann:
        ann.at("src/0")
        in_the_way.mkdir()
        ann.keys("r")
        ann.settled("Not saved yet")
        assert "kept in this tab" in ann.page.locator("#trouble").inner_text()
        in_the_way.rmdir()
        ann.settled("All is saved")
        assert ann.page.locator("#trouble").is_hidden()
        ann.wrong[:] = [one for one in ann.wrong if "507" not in one]
    assert actions(made) == [("src/0", "reject")]


def test_a_program_that_died_finds_its_tab_again(browser: Browser, tmp_path: Path) -> None:
    made = review(tmp_path, [row(number) for number in range(4)])
    with served(tmp_path) as page:
        port = page.port
        context = browser.new_context()
        ann = Seat(context.new_page(), context)
        ann.page.goto(page.addresses["ann"])
        ann.at("src/0")
        ann.keys("a")
        ann.at("src/1")
    ann.keys("r")
    ann.settled("Not saved yet")
    assert "does not answer" in ann.page.locator("#trouble").inner_text()
    assert "Not saved yet" in ann.page.locator(".mine").inner_text()
    with served(tmp_path, port=port) as page:
        ann.page.wait_for_function("() => document.getElementById('trouble').textContent.includes('new address')")
        context.new_page().goto(page.addresses["ann"])
        ann.settled("All is saved")
        ann.at("src/3")
        ann.keys("f")
        ann.settled("Saved: flag")
    context.close()
    assert actions(made) == [("src/0", "accept"), ("src/1", "reject"), ("src/3", "flag")]


@pytest.mark.slow
def test_a_tab_is_told_what_another_tab_of_the_same_person_decided(browser: Browser, tmp_path: Path) -> None:
    made = review(tmp_path, [row(0), row(1)])
    with served(tmp_path) as page, seat(browser, page.addresses["ann"]) as ann:
        ann.at("src/0")
        other = Seat(ann.context.new_page(), ann.context)
        other.page.goto(f"http://127.0.0.1:{page.port}/")
        other.at("src/1")
        other.keys("k")
        other.at("src/0")
        other.keys("r")
        other.settled("Saved: reject")
        ann.settled("In another tab of yours this item has just been decided: reject")
        ann.keys("a")
        ann.settled("In another tab you had said reject; this one counts now")
    assert actions(made) == [("src/0", "reject"), ("src/0", "accept")]


@pytest.mark.slow
def test_ten_thousand_items_are_sent_in_pages(browser: Browser, tmp_path: Path) -> None:
    review(tmp_path, [row(number) for number in range(10_000)])
    with served(tmp_path) as page, seat(browser, page.addresses["ann"]) as ann:
        ann.page.wait_for_selector("#list button")
        assert ann.page.locator("#list button").count() == 50
        assert ann.page.locator("#list-range").inner_text() == "1–50 of 10,000"
        ann.page.click("#list-on")
        ann.page.wait_for_function("() => document.getElementById('list-range').textContent.startsWith('51–100')")
        sizes = ann.page.evaluate("performance.getEntriesByType('resource').map(one => one.transferSize)")
        assert max(sizes) < 200_000
        assert ann.page.evaluate("document.querySelectorAll('*').length") < 1000


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_the_page_fits_wide_and_narrow_windows_and_can_be_read(browser: Browser, tmp_path: Path, scheme: Any) -> None:
    long = "很长的回答，一句接一句。" * 120 + "\nhttps://example.org/" + "a" * 300
    items = [row(n, *(("问题", long) * 6 if n == 0 else ()), reasons=("perplexity 0.83",), reference="参考") for n in range(60)]
    made = review(tmp_path, items, people=2, guidance="看看回答是否正确。\n" * 3)
    made.append(said(made, "src/1", "edit", "bo", messages=turns("怎样写好一封信？", "改过。"), note="why"))
    made.append(said(made, "src/1", "accept", "di"))
    for adjudicate in (False, True):
        with served(tmp_path, adjudicate=adjudicate) as page, seat(browser, page.addresses["ann"], color_scheme=scheme) as ann:
            for width in (1280, 400):
                ann.page.set_viewport_size({"width": width, "height": 860})
                for key in (None, "e", "?"):
                    if key:
                        ann.keys(key)
                    seen = ann.page.evaluate(PROBE)
                    assert seen["scroll"] <= width
                    assert seen["outside"] == []
                    assert seen["text"] >= 17
                    assert seen["foot"] <= 860
                    if key:
                        ann.keys("Escape")
            for pair, ratio in ann.page.evaluate(CONTRAST).items():
                assert ratio >= (3 if pair.startswith("edge") else 4.5), pair


def test_what_has_the_focus_is_seen_and_said(browser: Browser, tmp_path: Path) -> None:
    review(tmp_path, [row(0), row(1)])
    with served(tmp_path) as page, seat(browser, page.addresses["ann"]) as ann:
        ann.at("src/0")
        ann.page.focus(".act.accept")
        ann.keys("Tab")
        assert ann.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        ann.keys("a")
        ann.page.wait_for_function("() => document.getElementById('said').textContent === 'Saved: accept.'")
        assert ann.page.get_attribute("#said", "aria-live") == "polite"
        langs = ann.page.evaluate("[...document.querySelectorAll('.turns .text')].map(one => one.lang)")
        assert set(langs) == {"zh"}
        unnamed = "[...document.querySelectorAll('button,select,textarea,progress')].filter(one => one.checkVisibility() && !(one.textContent.trim() || one.ariaLabel || one.labels?.length || one.getAttribute('aria-labelledby'))).length"
        assert ann.page.evaluate(unnamed) == 0


PROBE = """() => {
  const wide = document.documentElement.clientWidth, seen = {};
  seen.scroll = document.documentElement.scrollWidth;
  seen.outside = [...document.querySelectorAll('.top *, #item *, .foot *')].filter(one => one.checkVisibility() && !one.closest('.unseen') && one.getBoundingClientRect().right > wide + 1).map(one => one.className || one.tagName);
  const text = document.querySelector('#card .text, #card textarea');
  seen.text = parseFloat(getComputedStyle(text).fontSize);
  seen.foot = document.querySelector('.foot').getBoundingClientRect().bottom;
  return seen;
}"""

CONTRAST = """() => {
  const style = getComputedStyle(document.documentElement);
  const light = name => {
    const parts = style.getPropertyValue('--' + name).trim().match(/[0-9a-f]{2}/gi).map(hex => parseInt(hex, 16) / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const found = {};
  for (const [ink, paper] of [['ink', 'paper'], ['ink', 'band'], ['faint', 'paper'], ['faint', 'ground'], ['faint', 'band'], ['link', 'blue-soft'], ['good', 'good-soft'], ['bad', 'bad-soft'], ['warn', 'warn-soft'], ['link', 'paper'], ['warn', 'ground'], ['good', 'blue-soft'], ['bad', 'blue-soft'], ['warn', 'blue-soft'], ['edge', 'paper']]) {
    const [a, b] = [light(ink), light(paper)].sort((x, y) => y - x);
    found[ink + ' on ' + paper] = (a + 0.05) / (b + 0.05);
  }
  return found;
}"""
