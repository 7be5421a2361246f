"""`harness tasks`: lists, shows, and writes a page of what a benchmark's items are made of."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from harness import folders
from harness.report.benchmark import benchmark_html
from harness.schema.benchmark import BenchmarkFigures
from harness.verbs.tasks import describe
from tests import stock
from tests.conftest import Cli

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
RUN = 14
"""Characters of an item that must stand on no page."""


@pytest.fixture(scope="module")
def demo() -> BenchmarkFigures:
    """The demo's figures, counted once."""
    return describe("demo")


def test_the_command_lists_and_a_name_behind_it_is_shown(cli: Cli) -> None:
    assert cli("tasks").out == cli("tasks", "list").out
    assert "demo_skills" in cli("tasks").out
    shown = cli("tasks", "demo_tu")
    assert (shown.code, shown.out) == (0, cli("tasks", "show", "demo_tu").out)
    assert "Text understanding" in shown.out


def test_every_form_has_json_on_either_side_of_the_name(cli: Cli) -> None:
    forms = (("show", "demo_tu", "--json"), ("demo_tu", "--json"), ("--json", "demo_tu"))
    (row,) = {json.dumps(json.loads(cli("tasks", *words).out)) for words in forms}
    assert json.loads(row)[0]["name"] == "demo_tu"
    assert len(json.loads(cli("tasks", "--json").out)) == len(json.loads(cli("tasks", "list", "--json").out)) > 20


def test_the_folder_is_printed_for_lm_eval(cli: Cli) -> None:
    assert cli("tasks", "--path").out.strip() == str(folders.home() / "tasks")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nothing_like_it",), "no task or group named 'nothing_like_it'"),
        (("show", "nothing_like_it", "--plots"), "no task or group named 'nothing_like_it'"),
        (("show", "demo", "--out", "x.html"), "--out goes with --plots"),
        (("show", "demo", "--plots", "--out", "."), "--out names a file; '.' is a folder"),
    ],
)
def test_what_cannot_be_is_one_line(cli: Cli, words: tuple[str, ...], said: str) -> None:
    done = cli("tasks", *words)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


def test_the_page_goes_where_the_user_is_or_says(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("tasks", "demo_skills", "--plots")
    assert done.code == 0
    assert "figures: demo_skills-tasks.html" in done.out
    assert "TU Text understanding" in done.out
    first = (tmp_path / "demo_skills-tasks.html").read_bytes()
    assert json.loads(cli("tasks", "show", "demo_skills", "--plots", "--out", "a/b.html", "--json").out)["n"] == 648
    assert (tmp_path / "a" / "b.html").read_bytes() == first, "same items, same bytes"


def test_the_numbers_are_those_of_the_items(demo: BenchmarkFigures) -> None:
    assert (demo.name, demo.title, demo.n, len(demo.tasks)) == ("demo", "Demo culture", 1188, 21)
    assert sum(part.n for part in demo.dimensions) == sum(demo.questions.counts) == demo.n
    assert sum(part.share for part in demo.dimensions) == pytest.approx(1)
    assert demo.references is not None
    assert demo.references.n == sum(part.references for part in demo.dimensions) == 1008
    assert {one.most for one in demo.words if one.word in ("fruit", "animal")} == {"EN"}


def test_a_task_of_lm_evals_is_counted_where_its_data_is_here(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"question": f"A baker has {n} loaves and a kettle.", "answer": f"So {n}. #### {n}"} for n in range(1, 6)]
    folder = tmp_path / "data" / "lm_eval" / "openai" / "gsm8k" / "main"
    stock.write(folder / "test.jsonl", rows)
    stock.write(folder / "train.jsonl", rows)
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "data"))
    found = describe("gsm8k")
    assert (found.n, [part.name for part in found.dimensions]) == (5, ["gsm8k"])
    assert {"baker", "loaves", "kettle"} <= {one.word for one in found.words}
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path))
    missing = cli("tasks", "gsm8k", "--plots", "--out", str(tmp_path / "x.html"))
    assert missing.code != 0
    assert "openai/gsm8k" in missing.err
    assert not (tmp_path / "x.html").exists()


class _Page(HTMLParser):
    """Text, and what would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.fetched: list[str] = []
        self._silent = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent = tag in ("script", "style")
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href") and not (value or "").startswith("#")]
        assert tag not in ("link", "img", "iframe", "object")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(data)


def read(page: str) -> _Page:
    found = _Page()
    found.feed(page)
    return found


def test_the_page_needs_nothing_beside_it_and_says_its_figures_in_tables(demo: BenchmarkFigures) -> None:
    page = benchmark_html(demo)
    assert read(page).fetched == []
    assert page.count("<svg") == 5
    assert page.count("<details>") == 2
    for one in demo.words:
        assert f'<th scope="row" class="word">{one.word}</th><td>{one.n:,}</td>' in page
    bare = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert bare.count("<tr>") == page.count("<tr>"), "a script only sorts"


def test_names_are_text_and_never_markup(demo: BenchmarkFigures) -> None:
    evil = "<img src=x onerror=alert(1)>"
    parts = tuple(part.model_copy(update={"name": evil, "title": evil}) for part in demo.dimensions[:1])
    words = tuple(one.model_copy(update={"word": evil, "most": evil}) for one in demo.words[:1])
    page = benchmark_html(demo.model_copy(update={"title": evil, "dimensions": parts, "words": words}))
    assert "<img" not in page


def runs(text: str) -> set[str]:
    plain = " ".join(text.split())
    return {plain[i : i + RUN] for i in range(len(plain) - RUN + 1)}


def shown(page: str) -> Iterator[str]:
    for text in read(page).texts:
        yield from runs(text)


def test_no_page_holds_fourteen_characters_of_an_item(
    benchmarks: Path, monkeypatch: pytest.MonkeyPatch, demo: BenchmarkFigures
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    lines = (benchmarks / "belle" / "eval_set.json").read_text("utf-8").splitlines()
    items = [json.loads(line) for line in lines]
    known = {run for item in items for field in ("question", "std_answer") for run in runs(item[field])}
    named = {run for part in (*demo.dimensions, *demo.topics) for run in runs(part.name)}
    assert len(known) > 50_000
    assert not (set(shown(benchmark_html(describe("belle")))) - named) & known
    assert max(len(one.word) for one in describe("belle_open_qa").words) <= 8


# --- in a browser -------------------------------------------------------------------------------------------------------------

LOOK = """() => {
  const page = document.documentElement, found = {};
  const words = [...document.querySelectorAll('svg[aria-labelledby^="words-"] text[text-anchor="middle"]')];
  const boxes = words.map(one => {
    const size = parseFloat(getComputedStyle(one).fontSize), width = one.getComputedTextLength();
    const x = parseFloat(one.getAttribute("x")), y = parseFloat(one.getAttribute("y"));
    return {text: one.textContent, left: x - width / 2, right: x + width / 2, top: y - 0.86 * size, bottom: y + 0.16 * size};
  });
  found.words = boxes.length;
  found.upon = [];
  boxes.forEach((a, i) => boxes.slice(0, i).forEach(b => {
    if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) found.upon.push(a.text + " " + b.text);
  }));
  const frame = document.querySelector('svg[aria-labelledby^="words-"]').viewBox.baseVal;
  found.clipped = boxes.filter(b => b.left < 0 || b.right > frame.width || b.top < 0 || b.bottom > frame.height).map(b => b.text);
  found.scroll = page.scrollWidth - page.clientWidth;
  found.smallest = Math.min(...[...document.querySelectorAll("svg text")].map(
    one => parseFloat(getComputedStyle(one).fontSize) * one.getScreenCTM().a));
  found.folded = document.querySelectorAll("details:not([open])").length;
  return found;
}"""


@pytest.mark.skipif(CHROMIUM is None or find_spec("playwright") is None, reason="no browser, or no playwright, on this machine")
def test_in_a_browser_no_word_lies_upon_another_and_nothing_is_cut_off(demo: BenchmarkFigures, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    file = tmp_path / "demo.html"
    file.write_text(benchmark_html(demo), "utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        seen: list[dict[str, Any]] = []
        for width in (1200, 500):
            view = browser.new_context(java_script_enabled=True, offline=True, viewport={"width": width, "height": 900})
            page = view.new_page()
            page.goto(file.as_uri())
            seen.append(page.evaluate(LOOK))
            page.get_by_text("Words as a table").click()
            assert page.locator("details[open] tbody tr").count() == len(demo.words)
        browser.close()
    for one in seen:
        assert (one["words"], one["upon"], one["clipped"], one["folded"]) == (len(demo.words), [], [], 2)
        assert one["scroll"] <= 0
        assert one["smallest"] >= 9
