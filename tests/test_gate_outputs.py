"""`harness gate` in CI: which files it writes, when, and what it ends with; `harness policies`."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from harness.cli.gate_files import STEP_SUMMARY, SUMMARY_LIMIT
from harness.schema import GateReport
from tests.conftest import Cli, Done
from tests.gating.made import changed, made

WAS = [1.0] * 100 + [0.0] * 100
SAME = {"demo_tu": WAS}
Gate = Callable[..., Done]


@pytest.fixture
def gate(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """`gate(values, ...)`: a candidate against a baseline that is half right, all files asked for."""
    monkeypatch.delenv(STEP_SUMMARY, raising=False)
    monkeypatch.chdir(tmp_path)
    made(tmp_path / "runs", "base", SAME)

    def run(values: Any = SAME, *words: str, **changes: Any) -> Done:
        shutil.rmtree(tmp_path / "runs" / "next", ignore_errors=True)
        made(tmp_path / "runs", "next", values, **changes)
        files = [f"--{name}={tmp_path / 'gate' / file}" for name, file in FILES.items()]
        return cli("gate", "--baseline", "base", "--candidate", "next", *files, *words)

    return run


FILES = {"junit": "junit.xml", "comment": "comment.md", "badge": "badge.json", "out": "gate.json"}


def suite(folder: Path) -> ET.Element:
    found = ET.parse(folder / "gate" / "junit.xml").find("testsuite")
    assert found is not None
    return found


def badge(folder: Path) -> str:
    return str(json.loads((folder / "gate" / "badge.json").read_text())["message"])


def test_a_pass_writes_every_file_and_ends_with_0(gate: Gate, tmp_path: Path) -> None:
    done = gate()
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("PASS: ")
    report = GateReport.model_validate_json((tmp_path / "gate" / "gate.json").read_text())
    assert report.ruling == "PASS"
    assert (suite(tmp_path).get("tests"), suite(tmp_path).get("failures")) == (str(len(report.lines)), "0")
    assert badge(tmp_path) == "pass"
    assert "PASS" in (tmp_path / "gate" / "comment.md").read_text()


def test_a_fail_writes_them_before_it_ends_with_4(gate: Gate, tmp_path: Path) -> None:
    done = gate({"demo_tu": changed(WAS, 60, 0)})
    assert done.code == 4
    assert suite(tmp_path).get("failures") == "1"
    assert badge(tmp_path) == "fail"
    assert (tmp_path / "gate" / "comment.md").read_text().startswith("<!-- harness-gate:regression -->\n## ❌ FAIL")


def test_undecided_writes_them_and_strict_ends_with_5(gate: Gate, tmp_path: Path) -> None:
    policy = tmp_path / "ship.toml"
    policy.write_text('[[rules]]\nbenchmark = "demo_tu"\nmetric = "acc"\nquestion = "gain"\n')
    lax = gate(SAME, "--policy", str(policy))
    assert (lax.code, badge(tmp_path), suite(tmp_path).get("skipped")) == (0, "undecided", "1")
    strict = gate(SAME, "--policy", str(policy), "--strict")
    assert (strict.code, badge(tmp_path), suite(tmp_path).get("failures")) == (5, "undecided", "1")


def test_runs_that_cannot_be_compared_leave_an_error_in_the_files_and_end_with_3(gate: Gate, tmp_path: Path) -> None:
    assert gate().code == 0
    done = gate(judge="openai:other@1")
    assert done.code == 3
    assert len(done.err.splitlines()) == 1
    assert "they differ in judge" in done.err
    error = suite(tmp_path).find("testcase/error")
    assert error is not None
    assert "they differ in judge" in (error.get("message") or "")
    assert badge(tmp_path) == "not comparable"
    comment = (tmp_path / "gate" / "comment.md").read_text()
    assert comment.startswith("<!-- harness-gate:regression -->\n## ⚠️ No ruling (not comparable)")
    assert "PASS" not in comment + (tmp_path / "gate" / "gate.json").read_text()


def test_an_incomplete_run_does_too(gate: Gate, tmp_path: Path) -> None:
    assert gate({"demo_tu": [None] * 20 + WAS[20:]}).code == 3
    assert badge(tmp_path) == "not comparable"


def test_a_name_that_is_not_known_leaves_no_older_pass_standing(gate: Gate, cli: Cli, tmp_path: Path) -> None:
    gate()
    done = cli("gate", "--baseline", "base", "--candidate", "nowhere", f"--badge={tmp_path / 'gate' / 'badge.json'}")
    assert (done.code, badge(tmp_path)) == (2, "error")


def test_a_gate_that_is_cut_short_leaves_no_older_pass_standing(
    gate: Gate, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate()

    def cut_short(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("harness.gating.policy.choose", cut_short)
    assert gate().code == 130
    assert list((tmp_path / "gate").iterdir()) == []


def test_nothing_is_removed_before_it_is_known_that_all_can_be_written(gate: Gate, cli: Cli, tmp_path: Path) -> None:
    gate()
    junit = tmp_path / "gate" / "junit.xml"
    done = cli("gate", "--baseline", "base", "--candidate", "next", f"--junit={junit}", f"--out={tmp_path}")
    assert (done.code, junit.is_file()) == (2, True)


def test_the_refusal_of_a_named_policy_has_the_mark_of_its_report(gate: Gate, tmp_path: Path) -> None:
    policy = tmp_path / "ship.toml"
    policy.write_text('name = "ship it"\n[[rules]]\nbenchmark = "demo_tu"\nmetric = "acc"\n')
    marks = set()
    for changes in ({}, {"judge": "other"}):
        gate(SAME, "--policy", str(policy), **changes)
        marks.add((tmp_path / "gate" / "comment.md").read_text().splitlines()[0])
    assert marks == {"<!-- harness-gate:ship it -->"}


@pytest.mark.parametrize("option", ["--junit", "--comment", "--badge", "--out"])
def test_a_file_that_cannot_be_written_is_noticed_before_anything_is_looked_at(cli: Cli, tmp_path: Path, option: str) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "junit.xml", tmp_path):
        done = cli("gate", "--baseline", "no such run", "--candidate", "nor this", option, str(place))
        assert done.code == 2
        assert len(done.err.splitlines()) == 1
        assert "cannot be written" in done.err


def test_two_outputs_are_never_the_same_file(cli: Cli, tmp_path: Path) -> None:
    done = cli("gate", "--baseline", "a", "--candidate", "b", f"--junit={tmp_path / 'x'}", f"--out={tmp_path / 'x'}")
    assert done.code == 2
    assert "--junit and --out are the same file" in done.err


def test_nor_by_two_names_of_it_and_a_link_stays_one(gate: Gate, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "x.json")
    for other in ("link.json", "runs/../x.json"):
        done = cli("gate", "--baseline", "a", "--candidate", "b", f"--badge={tmp_path / 'x.json'}", f"--out={tmp_path / other}")
        assert (done.code, "are the same file" in done.err) == (2, True)
    assert gate(SAME, f"--out={tmp_path / 'link.json'}").code == 0
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "x.json").read_text())["ruling"] == "PASS"


def test_an_output_is_never_what_the_gate_reads(gate: Gate, tmp_path: Path) -> None:
    policy = tmp_path / "ship.toml"
    policy.write_text('[[rules]]\nbenchmark = "demo_tu"\nmetric = "acc"\n')
    before = policy.read_text()
    done = gate(SAME, "--policy=ship.toml", f"--junit={policy}")
    assert (done.code, done.err) == (2, f"harness: --policy and --junit are the same file: {policy}\n")
    assert policy.read_text() == before
    record = tmp_path / "runs" / "base" / "record.json"
    for side in (record, record.parent):
        done = gate(SAME, f"--baseline={side}", f"--out={record}")
        assert (done.code, "--baseline and --out are the same file" in done.err) == (2, True)
    assert json.loads(record.read_text())["id"] == "base"


@pytest.mark.parametrize("option", ["--junit", "--comment", "--badge", "--out"])
def test_a_device_or_pipe_is_not_replaced_by_a_file(cli: Cli, tmp_path: Path, option: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        done = cli("gate", "--baseline", "a", "--candidate", "b", option, str(tmp_path / name))
        assert (done.code, "not a regular file" in done.err) == (2, True)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_the_page_goes_to_the_step_summary_where_github_names_one(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    monkeypatch.setenv(STEP_SUMMARY, str(file))
    page = gate(SAME, "--markdown").out
    assert page.startswith("# PASS: ")
    assert file.read_text() == f"before\n{page}\n"
    gate(SAME, "--no-summary")
    assert file.read_text() == f"before\n{page}\n"
    gate(judge="other")
    assert "No ruling (not comparable)" in file.read_text()


def test_a_step_summary_that_is_nearly_full_is_not_made_too_large(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "summary.md"
    monkeypatch.setenv(STEP_SUMMARY, str(file))
    file.write_bytes(b"x" * (SUMMARY_LIMIT - 1))
    assert gate().code == 0
    assert file.stat().st_size <= SUMMARY_LIMIT


def test_a_summary_that_nobody_named_is_a_usage_error(gate: Gate) -> None:
    done = gate(SAME, "--summary")
    assert done.code == 2
    assert "GITHUB_STEP_SUMMARY" in done.err


def test_the_same_runs_give_the_same_bytes(gate: Gate, tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        gate()
        found.append({file.name: file.read_bytes() for file in (tmp_path / "gate").iterdir()})
    assert found[0] == found[1]
    assert set(found[0]) == set(FILES.values())


def test_others_may_read_the_files(gate: Gate, tmp_path: Path) -> None:
    gate()
    assert stat.S_IMODE((tmp_path / "gate" / "junit.xml").stat().st_mode) & 0o400


def test_policies_are_listed_with_the_built_in_one_last(cli: Cli) -> None:
    names = [one["source"] for one in json.loads(cli("policies", "--json").out)]
    assert names[-1] == "regression"
    assert names[:-1] == sorted(names[:-1])
    assert "no metric may drop" in cli("policies").out
    assert cli("policies", "--markdown").out.startswith("| policy | title | rules |\n")


def test_the_rules_of_a_policy_are_shown(cli: Cli, tmp_path: Path) -> None:
    policy = tmp_path / "ship.toml"
    policy.write_text(
        'title = "may it ship?"\n'
        '[[rules]]\nbenchmark = "demo_skills"\nmetric = "acc"\nquestion = "gain"\nsubset = "test"\n'
        '[[rules]]\nbenchmark = "demo_en"\nmetric = "acc"\nquestion = "release"\nmargin = 0.02\n'
        '[[rules]]\nbenchmark = "demo_risk"\nmetric = "hr"\neach = "dimension"\ntolerance = 0.005\n'
    )
    page = cli("policies", str(policy), "--markdown").out
    assert "| demo_skills | acc | gain | – | test |" in page
    assert "| demo_en | acc | release | 2.0 | all |" in page
    assert "| demo_risk, each dimension | hr | regression | by items, drops up to 0.5 allowed | all |" in page
    assert len(json.loads(cli("policies", str(policy), "--json").out)["rules"]) == 3
    assert "may it ship?" in cli("policies", str(policy)).out


def test_a_policy_that_is_not_there_is_one_line(cli: Cli) -> None:
    done = cli("policies", "nowhere")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "regression" in cli("policies", "regression").out
