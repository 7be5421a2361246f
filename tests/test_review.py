"""`harness review`: a data set, a judge's sheet or a folder becomes a page, and what people said becomes files and counts."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.reviewing.store import Review
from harness.schema import DataRow, DataSet, JudgeAudit
from harness.verbs import review as verb
from tests.conftest import Cli
from tests.judged import CHOICE, RISK, SKILL, judged_run, rubric_of
from tests.reviewing.made import review as begun
from tests.reviewing.made import row, said, turns

RISKY = [0] * 4 + [1] * 6 + [2] * 10 + [3] * 40


def data_set(folder: Path, rows: list[DataRow], digest: str = "a" * 64) -> Path:
    """A data set as `curate` leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    raw = b"".join(one.model_dump_json().encode() + b"\n" for one in rows)
    (folder / "rows.jsonl").write_bytes(raw)
    counts: dict[str, Any] = {f"by_{name}": {} for name in ("source", "category", "licence", "area")}
    made = DataSet(
        name="mine", made_by="curate mine", digest=digest, culture="zh_cn", sources=(), rows=len(rows), dropped=0, steps=(),
        rows_sha256=hashlib.sha256(raw).hexdigest(), contamination={}, **counts,
    )  # fmt: skip
    (folder / "dataset.json").write_text(made.model_dump_json(), "utf-8")
    return folder


def rows(number: int, flagged: int) -> list[DataRow]:
    return [
        DataRow(
            source="s", source_id=str(n), messages=turns(f"问{n}", f"答{n}"), flags={"perplexity": 0.5} if n < flagged else {}
        )
        for n in range(number)
    ]


@contextmanager
def running(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a program of its own, and the first address it prints."""
    command = [sys.executable, "-m", "harness", "review", *words, "--no-browser"]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})
    assert program.stdout is not None
    try:
        yield program, program.stdout.readline().split(": ", 1)[1].strip()
    finally:
        program.kill()
        program.communicate(timeout=30)


def test_a_data_set_is_reviewed_in_a_folder_of_its_own(cli: Cli, tmp_path: Path) -> None:
    made = data_set(tmp_path / "set", rows(300, 7))
    folder, about = verb.review(made)
    assert (folder, about.items, about.of) == (made / "review", 107, "dataset:" + "a" * 64)
    assert about.title == "mine: 107 of 300 rows"
    assert verb.review(made)[1] == about
    assert verb.review(folder)[1] == about
    assert [item.doubt for item in Review(folder).items.values()][:8] == [0.5] * 7 + [0.0]


def test_all_rows_and_other_samples_can_be_chosen_once(cli: Cli, tmp_path: Path) -> None:
    made = data_set(tmp_path / "set", rows(20, 3))
    assert verb.review(made, everything=True, people=2, overlap=0.2)[1].items == 20
    done = cli("review", str(made), "--sample", "3", "--no-browser")
    assert (done.code, "for beginning a review" in done.err) == (2, True)
    done = cli("review", str(made), "--people", "3", "--no-browser")
    assert (done.code, "was begun with --people 2 --overlap 0.2" in done.err) == (2, True)


def test_a_data_set_that_was_made_anew_is_another_review(cli: Cli, tmp_path: Path) -> None:
    made = data_set(tmp_path / "set", rows(3, 1))
    verb.review(made)
    data_set(made, rows(4, 1), digest="b" * 64)
    done = cli("review", str(made), "--no-browser")
    assert done.code == 2
    assert "move the review away" in done.err


@pytest.mark.parametrize("name", ["missing", "empty", "file.txt"])
def test_what_cannot_be_reviewed_is_named(cli: Cli, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("x")
    done = cli("review", str(tmp_path / name), "--no-browser")
    assert done.code == 2
    assert "a review is of a data set" in done.err


def test_nothing_flagged_says_how_to_go_on(cli: Cli, tmp_path: Path) -> None:
    done = cli("review", str(data_set(tmp_path / "set", rows(3, 0))), "--sample", "0", "--no-browser")
    assert done.code == 2
    assert "--all" in done.err


def test_status_says_states_people_and_agreement(cli: Cli, tmp_path: Path) -> None:
    made = begun(tmp_path / "r", [row(number) for number in range(4)], people=2)
    for number, action in enumerate(("accept", "accept", "reject", "flag")):
        made.append(said(made, f"src/{number}", action))  # type: ignore[arg-type]
        made.append(said(made, f"src/{number}", "accept", "bo"))
    found = json.loads(cli("review", str(tmp_path / "r"), "--status", "--json").out)
    assert found["states"] == {"open": 0, "split": 2, "agreed": 2, "adjudicated": 0}
    assert found["pairs"][0]["raw"] == 0.5
    shown = cli("review", str(tmp_path / "r"), "--status").out
    assert "4 items: 2 split, 2 agreed" in shown
    assert "ann, bo" in shown


def test_files_go_out_and_come_back(cli: Cli, tmp_path: Path) -> None:
    made = begun(tmp_path / "r", [row(0), row(1)])
    made.append(said(made, "src/0", "reject"))
    other = begun(tmp_path / "other", [row(0), row(1)])
    for name in ("out.csv", "out.json"):
        assert cli("review", str(tmp_path / "r"), "--export", str(tmp_path / name)).code == 0
        done = cli("review", str(tmp_path / "other"), "--import", str(tmp_path / name), "--json")
        assert done.code == 0, done.err
    assert json.loads(done.out) == {"kept": 0, "known": 1, "empty": 1}
    assert [(one.annotator, one.action) for one in other.decisions()] == [("ann", "reject")]
    assert cli("review", str(tmp_path / "r"), "--label-config").out.startswith("<View>")
    assert cli("review", str(tmp_path / "r"), "--export", str(tmp_path / "out.txt")).code == 2
    assert cli("review", str(tmp_path / "r"), "--import", str(tmp_path / "nothing.csv")).code == 2
    assert cli("review", str(tmp_path / "r"), "--export", "a.csv", "--status").code == 2


# --- a judge's sheet ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def sheet(cli: Cli, tmp_path: Path) -> Path:
    judged_run(tmp_path / "runs", "one", {RISK: RISKY, SKILL: [100.0] * 20 + [0.0] * 20, CHOICE: ["A"] * 20 + ["B"] * 10})
    file = tmp_path / "sheet.csv"
    done = cli("judge-audit", "one", "--sheet", str(file), "--n", "45")
    assert done.code == 0, done.err
    return file


@pytest.mark.parametrize("form", ["filled.csv", "filled.jsonl"])
def test_a_sheet_labelled_on_the_page_is_what_the_audit_reads(cli: Cli, tmp_path: Path, sheet: Path, form: str) -> None:
    folder, about = verb.review(sheet, people=2, overlap=0.0)
    made = Review(folder)
    assert (folder, about.kind) == (tmp_path / "sheet.review", "label")
    degrees = {degree: name for name, degree in rubric_of(RISK).labels.items()}
    for place, item in enumerate(made.items.values()):
        number = int(item.id.split("/")[1].rsplit("-", 1)[1])
        label = {
            RISK: lambda n: degrees[RISKY[n]],
            SKILL: lambda n: "100" if n < 20 else "0",
            CHOICE: lambda n: "A" if n < 20 else "B",
        }
        who = ("ann", "bo")[place % 2]
        made.append(said(made, item.id, "label", who, label=label[item.about](number)))
    out = tmp_path / form
    assert cli("review", str(sheet), "--export", str(out)).code == 0
    done = cli("judge-audit", "one", "--labels", str(out), "--json")
    assert done.code == 0, done.err
    audit = JudgeAudit.model_validate_json(done.out)
    assert {one.name for one in audit.annotators} == {"ann", "bo"}
    assert {one.benchmark: one.agreement.raw.value for one in audit.benchmarks if one.agreement} == {
        "demo_risk": 1.0, "demo_skills": 1.0, "demo_mcq": 1.0,
    }  # fmt: skip


def test_a_sheets_review_offers_the_words_of_each_task_in_the_sheets_own_order_and_hides_its_strata(sheet: Path) -> None:
    from harness.auditing.labels import read_cells

    folder, _ = verb.review(sheet)
    items = list(Review(folder).items.values())
    labels = {item.about: item.labels for item in items}
    assert labels[CHOICE] == ("A", "B", "invalid")
    assert (labels[SKILL][0], labels[SKILL][-1], len(labels[SKILL])) == ("0", "100", 101)
    assert labels[RISK] == tuple(sorted(rubric_of(RISK).labels, key=lambda name: rubric_of(RISK).labels[name]))
    order = [f"{cells['task']}/{cells['id']}/{cells['hash']}" for _, cells in read_cells(sheet)]
    assert [item.id for item in items] == order
    assert all(item.stratum.startswith("s") for item in items)
    from harness.reviewing.desk import Desk

    shown = Desk(Review(folder)).next("ann", "t")
    assert shown is not None
    assert Review(folder).items[shown.id].stratum not in shown.model_dump_json()


def test_a_question_that_names_its_options_twice_is_shown_too(tmp_path: Path) -> None:
    from harness.auditing import reviewed

    assert reviewed._letters("Is it so?\nA. yes B. no\nA. yes\nB. no") == ["A", "B"]
    assert reviewed._letters("Which?\nB. first\nA. second") == ["A"]
    assert reviewed._letters("Why?") == []


def test_a_sheet_that_a_spreadsheet_filled_is_taken_over(cli: Cli, tmp_path: Path, sheet: Path) -> None:
    from tests.judged import fill

    verb.review(sheet)
    words = {RISK: "3", SKILL: "85", CHOICE: "invalid"}
    filled = fill(sheet, tmp_path / "cy.csv", lambda row: words[row["task"]])
    done = cli("review", str(sheet), "--import", str(filled), "--json")
    assert done.code == 0, done.err
    found = verb.status(sheet)
    assert json.loads(done.out)["kept"] == found.items
    assert [one.name for one in found.people] == ["cy"]
    wrong = fill(sheet, tmp_path / "di.csv", lambda row: "perhaps")
    done = cli("review", str(sheet), "--import", str(wrong))
    assert done.code == 2
    assert "di.csv:2: 'perhaps' is none of" in done.err


# --- the program -------------------------------------------------------------------------------------------------------------


def test_the_program_prints_an_address_that_opens_and_ends_well_with_ctrl_c(tmp_path: Path) -> None:
    begun(tmp_path / "r", [row(0)])
    with running(str(tmp_path / "r"), "--annotator", "ann") as (program, address):
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert answer.status == 200
        program.send_signal(signal.SIGINT)
        assert program.wait(30) == 0
        assert program.stderr is not None
        assert "Traceback" not in program.stderr.read()


def test_two_people_get_an_address_each(tmp_path: Path) -> None:
    begun(tmp_path / "r", [row(0)])
    with running(str(tmp_path / "r"), "--annotator", "ann", "--annotator", "bo") as (program, first):
        assert program.stdout is not None
        who, second = program.stdout.readline().split(": ", 1)
        assert who == "bo"
        assert first.split("token=")[1] != second.strip().split("token=")[1]
