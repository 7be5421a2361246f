"""The data commands: what sources there are, getting them, what is in a file; on a culture of our own and files we make."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from harness import culture as cultures
from tests.conftest import Cli
from tests.data.conftest import Web, web

__all__ = ["web"]
ROWS = [{"instruction": f"第{n}个问题？", "input": "", "output": "回答" * n} for n in range(1, 6)]
BODY = json.dumps(ROWS, ensure_ascii=False).encode()
CULTURE = """
name = "small"
title = "Small"
language = "zh"

[benchmarks.demo_skills]
stage = "knowledge"
standards.acc = 0.5

[stages.knowledge]
recipe = "demo"
rows = 10
"""


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback is not the internet."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.fixture
def small(tmp_path: Path, web: Web) -> Path:
    """A culture with one source that is here, one with an address, one that people must get."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "culture.toml").write_text(CULTURE)
    (folder / "here.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS))
    (folder / "sources.toml").write_text(f"""
[here]
path = "here.jsonl"
format = "alpaca"
licence = "CC0-1.0"
language = "zh"
rows = 6
traps = ["Five rows [b]only[/b]."]
areas = {{ "*" = ["demo_skills/LR"] }}

[far]
path = "far.json"
format = "alpaca"
url = "{web.serve("/far.json", BODY)}"
sha256 = "{hashlib.sha256(BODY).hexdigest()}"

[lost]
path = "lost.json"
format = "alpaca"
licence = "CC BY-NC 4.0"
about = "Ask its author."
""")
    return folder


def test_list_says_of_each_source_whether_its_file_is_here(cli: Cli, small: Path) -> None:
    done = cli("data", "list", "--culture", str(small))
    assert done.code == 0
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    size = (small / "here.jsonl").stat().st_size
    assert lines[1:] == [
        "far alpaca unknown downloadable",
        f"here alpaca 6 zh CC0-1.0 here {size} B",
        "lost alpaca CC BY-NC 4.0 missing",
    ]
    listed = json.loads(cli("data", "list", "--culture", str(small), "--json").out)
    assert [(one["name"], one["state"]) for one in listed] == [("far", "downloadable"), ("here", "here"), ("lost", "missing")]
    assert listed[1]["file"] == str(small / "here.jsonl")
    assert listed[1]["size"] == (small / "here.jsonl").stat().st_size


def test_fetch_downloads_what_has_an_address_and_says_what_to_get_otherwise(cli: Cli, small: Path) -> None:
    done = cli("data", "fetch", "--all", "--culture", str(small))
    assert done.code == 3
    assert "far: " in done.out
    assert "far.json (" in done.out
    assert done.err == (
        "source 'lost' is not here: put lost.json (licence CC BY-NC 4.0) at $HARNESS_DATA/training/lost.json "
        f"or {small}/lost.json: Ask its author.\n"
    )
    again = cli("data", "fetch", "far", "here", "--culture", str(small), "--json")
    assert again.code == 0
    assert [one["state"] for one in json.loads(again.out)] == ["here", "here"]


def test_fetch_wants_a_name_and_knows_the_names(cli: Cli, small: Path) -> None:
    done = cli("data", "fetch", "--culture", str(small))
    assert (done.code, done.err) == (2, "harness: name the sources to get, or --all (harness data list shows them)\n")
    done = cli("data", "fetch", "fare", "--culture", str(small))
    assert done.code == 2
    assert "no source in culture 'small' named 'fare'; did you mean far" in done.err


def test_show_counts_what_is_in_a_source_and_warns_of_its_traps(cli: Cli, small: Path) -> None:
    done = cli("data", "show", "here", "--n", "1", "--culture", str(small))
    assert done.code == 0
    for said in (
        "here: 5 rows of 5 records",
        "declared are 6 records",
        "! Five rows [b]only[/b].",
        "2 to 10 characters, median 6",
        "demo_skills/LR 5",
        "user: 第1个问题？",
        "assistant: 回答",
    ):
        assert said in done.out
    assert "第2个问题" not in done.out


def test_show_tells_the_format_of_any_file_and_shows_its_troubles_unfit_for_a_terminal_escaped(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "any.jsonl"
    good = {"messages": [{"role": "user", "content": "说\x1b[2J[red]一[/red]"}, {"role": "assistant", "content": "一"}]}
    lonely = {"messages": [{"role": "user", "content": "在吗"}]}
    file.write_text("\n".join([json.dumps(good), '{"messages": [', json.dumps(lonely)]) + "\n")
    done = cli("data", "show", f"auto:{file}", "--troubles")
    assert done.code == 0
    assert "\x1b" not in done.out
    for said in ("any: 1 row of 3 records", "format messages, told by the first record", "说\ufffd[2J[red]一[/red]"):
        assert said in " ".join(done.out.split())
    for said in ("empty reply 1, not JSON 1", "not JSON: any/2 JSON ends too early", "empty reply: any/3"):
        assert said in done.out
    found = json.loads(cli("data", "show", f"messages:{file}", "--json").out)
    assert (found["rows"], found["records"], found["guessed"]) == (1, 3, False)
    assert found["dropped"] == {"empty reply": 1, "not JSON": 1}
    assert found["turns"] == {"2": 1}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("here.json", "no source in culture 'small' named 'here.json'; did you mean here"),
        ("alpacca:x", "no format named 'alpacca'; did you mean alpaca"),
        ("auto:nothing.json", "there is no file 'nothing.json'"),
        ("demo:tu", "'demo:tu' is drawn by the demo world"),
        ("lost", "source 'lost' is not here"),
    ],
)
def test_show_says_what_is_wrong_with_its_target(cli: Cli, small: Path, target: str, said: str) -> None:
    done = cli("data", "show", target, "--culture", str(small))
    assert done.code == 2
    assert said in done.err


def test_show_of_a_path_without_a_format_says_how_to_give_one(cli: Cli, small: Path) -> None:
    done = cli("data", "show", str(small / "here.jsonl"), "--culture", str(small))
    assert done.code == 2
    assert f"is no source but a file; say auto:{small / 'here.jsonl'}" in done.err


def test_the_chinese_culture_declares_the_open_sets_with_licence_traps_and_areas_that_exist(cli: Cli) -> None:
    found = {one["name"]: one for one in json.loads(cli("data", "list", "--json").out)}
    assert set(found) == {
        *("alpaca_gpt4_zh", "alpaca_gpt4_zh_cleaned", "alpaca_gpt4_en", "refgpt_zh", "halluqa", "sharegpt"),
        *("safety_prompts_typical", "safety_prompts_attack", "belle_train_0_5m", "belle_train_1m", "belle_train_2m"),
        *("belle_train_3_5m", "belle_multiturn_0_8m", "belle_generated_chat_0_4m", "belle_school_math_0_25m"),
    }
    assert all(one["traps"] and one["licence"] != "unknown" and one["get"] for one in found.values())
    assert (found["alpaca_gpt4_zh"]["rows"], found["alpaca_gpt4_zh_cleaned"]["rows"]) == (48_818, 42_715)
    culture = cultures.load("zh_cn")
    taught = {area for one in culture.sources.values() for areas in one.areas.values() for area in areas}
    known = {f"{name}/{dimension}" for name, one in culture.benchmarks.items() for dimension in one.sources}
    assert taught <= known
    assert len({one.path for one in culture.sources.values()}) == len(culture.sources)


@pytest.mark.parametrize(
    ("put", "said"),
    [
        ("[here]\npath = 1\n", "sources.toml: here.path: Input should be a valid string"),
        ('[here]\npath = "x"\nformat = "alpaca"\nlicense = "MIT"\n', "sources.toml: here.license: no such setting"),
        ("here = 1\n", "sources.toml: here: Input should be"),
        ("[here\n", "sources.toml: not TOML"),
        ('[x]\npath = "x"\nformat = "alpaca"\nurl = "https://x.org/a"\n', "sources.toml: x: a url needs the sha256"),
        ('["demo:x"]\npath = "x"\nformat = "alpaca"\n', "sources.toml: demo:x: names that begin with 'demo:' are built in"),
        (
            '[x]\npath = "x"\nformat = "alpaca"\nareas = {a = ["demo_skill/LR"]}\n',
            "x.areas.a: no benchmark of the culture named 'demo_skill'",
        ),
        ('[x]\npath = "x"\nformat = "alpaca"\nareas = {a = ["demo_skills/XX"]}\n', "x.areas.a: no dimension named 'XX'"),
    ],
)
def test_a_broken_sources_file_is_one_line_with_its_name(cli: Cli, small: Path, put: str, said: str) -> None:
    (small / "sources.toml").write_text(put)
    done = cli("data", "list", "--culture", str(small))
    assert done.code == 2
    assert said in done.err


def test_a_source_is_declared_once(cli: Cli, small: Path) -> None:
    file = small / "culture.toml"
    file.write_text(CULTURE + '[sources.far]\npath = "x"\nformat = "alpaca"\n')
    done = cli("data", "list", "--culture", str(small))
    assert (done.code, done.err) == (2, f"harness: {file}: sources.far: sources.toml declares it too; leave one of them\n")


def test_what_a_source_says_of_itself_does_not_make_another_culture_what_decides_rows_does(small: Path) -> None:
    file = small / "sources.toml"
    before = cultures.load(small).digest
    file.write_text(file.read_text().replace("Ask its author.", "Ask again.").replace("rows = 6", "rows = 5"))
    assert cultures.load(small).digest == before
    file.write_text(file.read_text().replace("lost.json", "found.json"))
    assert cultures.load(small).digest != before
