"""`harness data report`: from a data set to JSON, markdown and a page that needs nothing beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from harness.schema.bias import BiasReport
from harness.verbs.curate import curate
from tests.conftest import Cli
from tests.curating.made import alpaca, jsonl, pipeline


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    records = alpaca(120)
    records[3]["output"] = "作为AI语言模型，我认为<script>alert(1)</script>是一段代码。"
    source = jsonl(folder / "rows.jsonl", records)
    curate(str(pipeline(folder / "p.toml", source, ['use = "length"'])), folder / "set", workers=1)
    return folder / "set"


def test_the_json_is_the_noun_and_compares_with_the_culture_of_the_data_set(made: Path, cli: Cli) -> None:
    done = cli("data", "report", str(made), "--json")
    assert done.code == 0, done.err
    report = BiasReport.model_validate_json(done.out)
    assert report.rows == 120
    assert report.culture == "demo"
    assert report.persona.rows == 1
    assert {one.benchmark for one in report.distances if one.by == "text"} >= {"demo_skills"}


def test_the_page_holds_every_picture_and_runs_nothing_of_the_rows(made: Path, cli: Cli, tmp_path: Path) -> None:
    page = tmp_path / "pages" / "bias.html"
    assert cli("data", "report", str(made), "--html", str(page)).code == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") >= 8
    assert "alert(1)" not in re.sub(r"&lt;script&gt;.*?&lt;/script&gt;", "", text)
    assert not re.findall(r"""(?:src|href)=["'](?!#)""", text)
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_the_same_data_set_gives_the_same_bytes(made: Path, cli: Cli, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        cli("data", "report", str(made), "--html", str(tmp_path / name))
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_markdown_and_terminal_say_the_same_numbers(made: Path, cli: Cli) -> None:
    markdown, terminal = cli("data", "report", str(made), "--markdown").out, cli("data", "report", str(made)).out
    for text in (markdown, terminal):
        assert "120 rows" in text
        assert "作为AI语言模型" in text
    assert "| --- |" in markdown or "|---|" in markdown


def test_what_is_no_data_set_is_one_line(cli: Cli, tmp_path: Path) -> None:
    done = cli("data", "report", str(tmp_path))
    assert done.code == 2
    assert "is no data set folder" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_data_set_without_rows_says_so(cli: Cli, tmp_path: Path) -> None:
    source = jsonl(tmp_path / "rows.jsonl", alpaca(5))
    curate(str(pipeline(tmp_path / "p.toml", source, ['use = "length"\nmost = 1'])), tmp_path / "set", workers=1)
    done = cli("data", "report", str(tmp_path / "set"))
    assert done.code == 2
    assert "holds no rows" in done.err
    assert json.loads((tmp_path / "set" / "dataset.json").read_text(encoding="utf-8"))["rows"] == 0
