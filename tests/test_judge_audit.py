"""`harness judge-audit`, from the draw to the corrected rate: what people are shown, what is refused, what comes out."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.auditing.strata import unseal
from harness.schema import JudgeAudit
from tests.conftest import Cli
from tests.judged import BENIGN, CHOICE, RISK, SKILL, fill, judged_run, rubric_of

Say = Callable[[dict[str, str]], str]

RISKY = [0] * 6 + [1] * 10 + [2] * 24 + [3] * 160
SCORES = [100.0] * 60 + [95.0] * 20 + [80.0] * 20 + [0.0] * 100


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    judged_run(root, "one", {RISK: RISKY, SKILL: SCORES})
    return root


def draw(cli: Cli, folder: Path, *words: str, run: str = "one") -> Path:
    sheet = folder / "sheet.csv"
    done = cli("judge-audit", run, "--sheet", str(sheet), *words)
    assert done.code == 0, done.err
    return sheet


def rows(sheet: Path) -> list[dict[str, str]]:
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def report(cli: Cli, *words: str, run: str = "one") -> JudgeAudit:
    done = cli("judge-audit", run, *words, "--json")
    assert done.code == 0, done.err
    return JudgeAudit.model_validate_json(done.out)


def as_judged(wrong: Callable[[int], str | None] = lambda _: None) -> Say:
    """A person who agrees with the judge, except where `wrong` says something of an answer's number in its task."""

    def say(row: dict[str, str]) -> str:
        number = int(row["id"].rsplit("-", 1)[1])
        return wrong(number) or str((RISKY if row["task"] == RISK else SCORES)[number])

    return say


def rate(audit: JudgeAudit, metric: str) -> Any:
    return next(one for part in audit.benchmarks for one in part.rates if one.metric == metric)


# --- the sheet --------------------------------------------------------------------------------------------------------------


def test_a_sheet_shows_answers_and_never_what_the_judge_said(cli: Cli, runs: Path, tmp_path: Path) -> None:
    sheet = draw(cli, tmp_path, "--n", "60")
    found = rows(sheet)
    assert all(row["label"] == row["annotator"] == "" for row in found)
    text = sheet.read_text(encoding="utf-8-sig")
    assert not any(label in text for label in rubric_of(RISK).labels)
    assert not any(word in text for word in ("harmful", "reached", "tiny", "rules@1"))
    assert {row["task"] for row in found} == {RISK, SKILL}


def test_every_answer_that_is_called_harmful_is_drawn_and_strata_state_their_sizes(cli: Cli, runs: Path, tmp_path: Path) -> None:
    found = rows(draw(cli, tmp_path, "--n", "60"))
    ids = {row["id"] for row in found}
    assert {f"{RISK}-{number}" for number in range(6)} <= ids
    by_stratum = Counter(unseal(row["stratum"], row["hash"]) for row in found)
    assert None not in by_stratum
    assert sorted(one[1] for one in by_stratum if one) == [6, 20, 80, 100, 194]
    assert min(by_stratum.values()) >= 6


def test_nobody_can_see_which_rows_of_a_sheet_lie_together(cli: Cli, runs: Path, tmp_path: Path) -> None:
    """All that is called harmful is drawn: a column that repeats, or that says 6 of 6, would give the verdict away."""
    found = rows(draw(cli, tmp_path, "--n", "60"))
    assert set(found[0]) == {"task", "id", "hash", "question", "response", "reference", "label", "annotator", "stratum"}
    assert len({row["stratum"] for row in found}) == len(found)
    assert len({row["stratum"][:3] for row in found}) > len(found) / 2
    assert all(re.fullmatch("s[0-9a-f]{20}", row["stratum"]) for row in found)


def test_the_same_seed_draws_the_same_bytes_in_an_order_that_is_no_tasks(cli: Cli, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    first = draw(cli, tmp_path / "a", "--n", "40")
    assert first.read_bytes() == draw(cli, tmp_path / "b", "--n", "40").read_bytes()
    assert first.read_bytes() != draw(cli, tmp_path / "c", "--n", "40", "--seed", "1").read_bytes()
    order = [row["task"] for row in rows(first)]
    assert order != sorted(order)
    assert order != sorted(order, reverse=True)


def test_a_sheet_that_is_there_is_not_written_over(cli: Cli, runs: Path, tmp_path: Path) -> None:
    draw(cli, tmp_path)
    done = cli("judge-audit", "one", "--sheet", str(tmp_path / "sheet.csv"))
    assert done.code == 2
    assert "is there already and may hold labels" in done.err


def test_a_cell_that_a_spreadsheet_would_run_is_neutralised_and_comes_back_as_it_was(cli: Cli, tmp_path: Path) -> None:
    judged_run(tmp_path / "runs", "evil", {RISK: [0] * 12}, text='=HYPERLINK("http://x.example","y")')
    sheet = draw(cli, tmp_path, run="evil")
    assert sheet.read_bytes().startswith(b"\xef\xbb\xbf")
    assert all(row["response"].startswith("'=HYPERLINK") for row in rows(sheet))
    filled = fill(sheet, tmp_path / "done.csv", lambda _: "0")
    assert report(cli, "--labels", str(filled), run="evil").benchmarks[0].labelled == 12


def test_a_sheet_can_be_lines_of_json(cli: Cli, runs: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.jsonl"
    assert cli("judge-audit", "one", "--sheet", str(sheet), "--n", "40", "--tasks", "demo_risk").code == 0
    found = [json.loads(line) for line in sheet.read_text().splitlines()]
    filled = tmp_path / "bo.jsonl"
    filled.write_text("".join(json.dumps({**row, "label": 3, "annotator": None}) + "\n" for row in found))
    audit = report(cli, "--labels", str(filled), "--tasks", "demo_risk")
    assert [(one.name, one.labels) for one in audit.annotators] == [("bo", len(found))]


# --- the report -------------------------------------------------------------------------------------------------------------


def test_without_labels_it_says_what_the_judge_did_and_what_a_sheet_would_hold(cli: Cli, runs: Path) -> None:
    audit = report(cli)
    risk, skill = audit.benchmarks
    assert list(risk.counts.values()) == [6, 10, 24, 160]
    assert [(one.name, one.size, one.drawn) for one in risk.strata] == [("harmful", 6, 6), ("rest", 194, 94)]
    levels = {row.threshold: row for row in skill.thresholds}
    assert sorted(levels) == [float(value) for value in range(50, 100, 5)]
    assert (levels[95.0].at_least.value, levels[95.0].above.value) == (0.4, 0.3)
    assert levels[80.0].at_least.interval.low < 0.5 < levels[80.0].at_least.interval.high
    assert not risk.rates
    assert "no labels yet" in cli("judge-audit", "one").out


def test_people_who_agree_leave_the_rates_and_still_leave_room_for_doubt(cli: Cli, runs: Path, tmp_path: Path) -> None:
    filled = fill(draw(cli, tmp_path, "--n", "120"), tmp_path / "ann.csv", as_judged())
    audit = report(cli, "--labels", str(filled))
    assert rate(audit, "hr").corrected.value == pytest.approx(0.03)
    assert rate(audit, "hr").corrected.interval.method == "two-phase, clopper-pearson"
    assert rate(audit, "hr").corrected.interval.high > rate(audit, "hr").judged.interval.high
    assert rate(audit, "acc").corrected.value == pytest.approx(0.4)
    for part in audit.benchmarks:
        assert part.agreement is not None
        assert part.agreement.kappa == pytest.approx(1.0)
        assert part.agreement.alpha == pytest.approx(1.0)
        assert part.agreement.kappa_interval is not None
        assert 0.5 < part.agreement.kappa_interval.low < 0.99
        assert part.agreement.raw.interval.low < 0.99


def test_harm_that_the_judge_missed_is_counted_for_all_that_nobody_read(cli: Cli, runs: Path, tmp_path: Path) -> None:
    sheet = draw(cli, tmp_path, "--n", "120", "--tasks", "demo_risk")
    drawn = {int(row["id"].rsplit("-", 1)[1]) for row in rows(sheet)}
    missed = sorted(number for number in drawn if number >= 6)[:2]
    filled = fill(sheet, tmp_path / "ann.csv", as_judged(lambda number: "0" if number in missed else None))
    found = rate(report(cli, "--labels", str(filled), "--tasks", "demo_risk"), "hr")
    others = len(drawn) - 6
    assert found.corrected.value == pytest.approx((6 + 2 / others * 194) / 200)
    assert found.corrected.interval.low <= found.corrected.value <= found.corrected.interval.high


def test_false_alarms_of_harm_lower_the_corrected_rate(cli: Cli, runs: Path, tmp_path: Path) -> None:
    sheet = draw(cli, tmp_path, "--n", "120")
    filled = fill(sheet, tmp_path / "ann.csv", as_judged(lambda number: "1" if number < 4 else None))
    audit = report(cli, "--labels", str(filled), "--tasks", "demo_risk,demo_tu")
    assert rate(audit, "hr").corrected.value == pytest.approx(2 / 200)
    assert audit.benchmarks[0].agreement is not None
    harmful = next(one for one in audit.benchmarks[0].agreement.by_class if one.judge == 6)
    assert (harmful.people, harmful.recall and harmful.recall.value, harmful.precision and harmful.precision.value) == (
        2,
        1,
        2 / 6,
    )


def test_agreement_weighs_each_answer_by_how_many_it_stands_for(cli: Cli, runs: Path, tmp_path: Path) -> None:
    sheet = draw(cli, tmp_path, "--n", "40", "--tasks", "demo_skills")
    filled = fill(sheet, tmp_path / "ann.csv", as_judged(lambda number: "95" if 80 <= number < 100 else None))
    agreement = report(cli, "--labels", str(filled), "--tasks", "demo_skills").benchmarks[0].agreement
    assert agreement is not None
    near = sum(80 <= int(row["id"].rsplit("-", 1)[1]) < 100 for row in rows(sheet))
    assert agreement.table[1][0] == near
    assert agreement.raw.value == pytest.approx(0.9)
    assert near / len(rows(sheet)) != pytest.approx(0.1)


def test_two_people_are_compared_with_each_other(cli: Cli, runs: Path, tmp_path: Path) -> None:
    sheet = draw(cli, tmp_path, "--n", "80")
    ann = fill(sheet, tmp_path / "ann.csv", as_judged())
    bo = fill(sheet, tmp_path / "x.csv", as_judged(lambda number: "2" if number % 4 == 0 else None), who="bo")
    audit = report(cli, "--labels", str(ann), "--labels", str(bo))
    assert [one.name for one in audit.annotators] == ["ann", "bo"]
    people = audit.benchmarks[0].people
    assert people is not None
    assert people.items == audit.benchmarks[0].labelled
    assert people.raw < 1
    assert people.kappa is not None
    assert set(audit.label_files) == {"ann.csv", "x.csv"}
    page = cli("judge-audit", "one", "--labels", str(ann), "--labels", str(bo), "--markdown").out
    assert "## People among themselves" in page
    assert page == cli("judge-audit", "one", "--labels", str(ann), "--labels", str(bo), "--markdown").out


def test_two_people_who_say_the_same_are_no_more_certain_than_one(cli: Cli, runs: Path, tmp_path: Path) -> None:
    sheet = draw(cli, tmp_path, "--n", "80", "--tasks", "demo_risk")
    said = as_judged(lambda number: "2" if number % 9 == 0 else None)
    ann, bo = (str(fill(sheet, tmp_path / f"{who}.csv", said)) for who in ("ann", "bo"))
    words = ("--tasks", "demo_risk", "--labels", ann)
    one, two = (report(cli, *words, *more).benchmarks[0] for more in ((), ("--labels", bo)))
    assert one.agreement is not None
    assert two.agreement is not None
    assert [(c.recall, c.precision) for c in one.agreement.by_class] == [(c.recall, c.precision) for c in two.agreement.by_class]
    assert one.agreement.raw == two.agreement.raw
    assert one.agreement.kappa_interval is not None
    assert two.agreement.kappa_interval is not None
    first, second = one.agreement.kappa_interval, two.agreement.kappa_interval
    assert (second.low, second.high) == pytest.approx((first.low, first.high))
    assert one.rates == two.rates


def test_labels_may_be_written_as_published_and_rows_left_empty(cli: Cli, runs: Path, tmp_path: Path) -> None:
    names = {str(degree): name for name, degree in rubric_of(RISK).labels.items()}
    sheet = draw(cli, tmp_path, "--n", "40", "--tasks", "demo_risk")
    filled = fill(sheet, tmp_path / "ann.csv", lambda row: "" if row["id"].endswith("0") else f" {names[as_judged()(row)]} ")
    audit = report(cli, "--labels", str(filled), "--tasks", "demo_risk")
    empty = sum(row["id"].endswith("0") for row in rows(sheet))
    assert empty
    assert audit.benchmarks[0].labelled == len(rows(sheet)) - empty
    assert f"{empty} rows of the sheets have no label yet" in audit.notes[0]


def test_labels_without_strata_are_a_simple_random_sample(cli: Cli, runs: Path, tmp_path: Path) -> None:
    filled = fill(draw(cli, tmp_path, "--n", "60", "--tasks", "demo_skills"), tmp_path / "a.csv", as_judged())
    plain = tmp_path / "plain.csv"
    with plain.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(("task", "id", "hash", "label"))
        writer.writerows((row["task"], row["id"], row["hash"], row["label"]) for row in rows(filled))
    audit = report(cli, "--labels", str(plain), "--tasks", "demo_skills")
    assert rate(audit, "acc").lam > 0
    assert rate(audit, "acc").corrected.value == pytest.approx(0.4, abs=0.05)
    assert "simple random sample" in audit.notes[0]


def test_choices_are_audited_by_letter(cli: Cli, tmp_path: Path) -> None:
    judged_run(tmp_path / "runs", "one", {CHOICE: ["A"] * 50 + ["B"] * 30})
    filled = fill(draw(cli, tmp_path), tmp_path / "a.csv", lambda row: "b" if int(row["id"].rsplit("-", 1)[1]) >= 40 else "A")
    audit = report(cli, "--labels", str(filled))
    assert rate(audit, "acc").corrected.value == pytest.approx(0.5)
    assert audit.benchmarks[0].agreement is not None
    assert audit.benchmarks[0].agreement.table[1][:2] == (10, 30)


# --- wrong labels -----------------------------------------------------------------------------------------------------------


def spreadsheet(found: list[dict[str, str]], out: Path, heads: Sequence[str] = (), **style: Any) -> Path:
    """Rows as a spreadsheet saves them; columns in the order of `heads`."""
    names = list(heads or found[0])
    with out.open("w", encoding=style.pop("encoding", "utf-8"), newline="") as file:
        writer = csv.writer(file, **style)
        writer.writerow(names)
        writer.writerows([row.get(name, "") for name in names] for row in found)
    return out


def wide(text: str) -> str:
    """As a Chinese input method writes digits."""
    return "".join(chr(ord(char) + 0xFEE0) if char.isdigit() else char for char in text)


@pytest.mark.parametrize(
    ("style", "change"),
    [
        ({"delimiter": ";", "encoding": "utf-8-sig"}, {}),
        ({"delimiter": "\t", "lineterminator": "\n"}, {}),
        ({"quoting": csv.QUOTE_ALL}, {"question": lambda text: f'{text}\r\n"said", he; she'}),
        ({"heads": ("stratum", "label", "my notes", "annotator", "hash", "id", "task", "", "")}, {"my notes": lambda _: "a\nb"}),
        ({}, {"label": lambda text: f" {wide(text)}\u3000", "id": lambda text: f" {text} "}),
        ({}, {"label": lambda text: f"{text}.0"}),
        ({"delimiter": ";"}, {"label": lambda text: f"{text},0"}),
    ],
)
def test_whatever_a_spreadsheet_does_to_a_file_the_labels_are_the_same(
    cli: Cli, runs: Path, tmp_path: Path, style: dict[str, Any], change: dict[str, Callable[[str], str]]
) -> None:
    sheet = draw(cli, tmp_path, "--n", "40", "--tasks", "demo_skills")
    plain = [
        {**row, "label": f"{float(as_judged(lambda number: '70' if number % 7 == 0 else None)(row)):g}"} for row in rows(sheet)
    ]
    want = report(cli, "--tasks", "demo_skills", "--labels", str(spreadsheet(plain, tmp_path / "a.csv")))
    saved = [{**row, **{name: turn(row.get(name, "")) for name, turn in change.items()}} for row in plain]
    saved += [{}, {"label": ""}]
    (tmp_path / "b").mkdir()
    found = report(cli, "--tasks", "demo_skills", "--labels", str(spreadsheet(saved, tmp_path / "b" / "a.csv", **style)))
    assert found.benchmarks == want.benchmarks
    assert found.annotators == want.annotators


def edited(sheet: Path, out: Path, **cells: str) -> Path:
    """The sheet with other cells in its third row, and one label everywhere."""
    found = rows(sheet)
    found = [{**row, "label": "3"} for row in found]
    found[2].update(cells)
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, found[0].keys())
        writer.writeheader()
        writer.writerows(found)
    return out


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"label": "4"}, "'4' is no label of rubric refusal@"),
        ({"label": "maybe\x1b[31m"}, "'maybe\ufffd[31m' is no label"),
        ({"id": "nobody-7", "hash": "h0"}, "no answer 'demo_risk_cv nobody-7' in 'one'"),
        ({"hash": "h0123456789abcdef"}, "is of another answer to demo_risk_cv"),
        ({"task": "demo_risk_di"}, "not of demo_risk_di"),
        ({"stratum": "s00"}, "stratum 's00' is not this row's"),
        ({"stratum": ""}, "some have a stratum and some, here or above, have none"),
    ],
)
def test_a_wrong_label_stops_the_audit_at_its_line(
    cli: Cli, runs: Path, tmp_path: Path, cells: dict[str, str], said: str
) -> None:
    sheet = draw(cli, tmp_path, "--n", "30", "--tasks", "demo_risk")
    done = cli("judge-audit", "one", "--tasks", "demo_risk", "--labels", str(edited(sheet, tmp_path / "bad.csv", **cells)))
    assert done.code == 2
    assert said in done.err
    assert "bad.csv:4:" in done.err or "stratum and some" in done.err
    assert done.err.count("\n") == 1


def test_scores_lie_between_0_and_100(cli: Cli, runs: Path, tmp_path: Path) -> None:
    sheet = draw(cli, tmp_path, "--n", "30", "--tasks", "demo_skills")
    for label in ("101", "-1", "nan", "good"):
        bad = edited(sheet, tmp_path / "bad.csv", label=label)
        assert f"'{label}' is no score; write a number from 0 to 100" in cli("judge-audit", "one", "--labels", str(bad)).err


def test_the_same_person_labels_an_answer_once(cli: Cli, runs: Path, tmp_path: Path) -> None:
    filled = fill(draw(cli, tmp_path, "--n", "30"), tmp_path / "a.csv", as_judged(), who="ann")
    done = cli("judge-audit", "one", "--labels", str(filled), "--labels", str(filled))
    assert done.code == 2
    assert "is labelled twice by 'ann'" in done.err
    assert "a.csv:2:" in done.err


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ("many", "a.csv:2: stratum_size 'many' is no number"),
        ("0", "a.csv:2: stratum_size '0' is no number"),
        ("1", "a.csv:3: this row gives its stratum of demo_risk a size of 1, and rows above make it 2"),
        ("1e12", "a.csv:2: with this row's the strata of demo_risk have 1,000,000,000,000 answers, and the run has 200"),
    ],
)
def test_sizes_of_strata_that_cannot_be_are_refused(cli: Cli, runs: Path, tmp_path: Path, size: str, said: str) -> None:
    found = rows(draw(cli, tmp_path, "--n", "30", "--tasks", "demo_risk"))
    own = [{**row, "label": "3", "stratum": "mine", "stratum_size": size} for row in found]
    done = cli("judge-audit", "one", "--tasks", "demo_risk", "--labels", str(spreadsheet(own, tmp_path / "a.csv")))
    assert (done.code, said in done.err) == (2, True), done.err


def test_two_sheets_of_one_run_under_two_judges_do_not_mix(cli: Cli, runs: Path, tmp_path: Path) -> None:
    judged_run(runs, "other", {RISK: [1] * 6 + RISKY[6:], SKILL: SCORES}, judge="openai:second")
    (tmp_path / "b").mkdir()
    ann = fill(draw(cli, tmp_path, "--n", "60"), tmp_path / "ann.csv", as_judged())
    bo = fill(draw(cli, tmp_path / "b", "--n", "60", run="other"), tmp_path / "bo.csv", as_judged())
    assert cli("judge-audit", "one", "--labels", str(bo)).code == 0
    done = cli("judge-audit", "one", "--labels", str(ann), "--labels", str(bo))
    assert (done.code, "sheets that were drawn differently are audited one at a time" in done.err) == (2, True)


def test_labels_of_another_model_are_refused(cli: Cli, runs: Path, tmp_path: Path) -> None:
    judged_run(runs, "two", {RISK: RISKY, SKILL: SCORES}, text="quite different")
    filled = fill(draw(cli, tmp_path, "--n", "30"), tmp_path / "a.csv", as_judged())
    done = cli("judge-audit", "two", "--labels", str(filled))
    assert done.code == 2
    assert "the sheet is of another run" in done.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"task,id,hash\n", "bad.csv:1: has no column label"),
        (b"task,id,hash,label\n\xd6\xd0,1,2,3\n", "bad.csv:2: not UTF-8"),
        (b'task,id,hash,label\n"a,b,c,d\n', "not CSV"),
        (b"task,id,hash,label,label\na,b,c,1,2\n", "bad.csv:1: has two columns 'label'"),
        (b"", "bad.csv: is empty"),
        (b"PK\x03\x04rest of a workbook", "bad.csv: is a workbook; labels are a .csv"),
        (b"task,id,hash,label\na,b\n", "bad.csv:2: has 2 cells, and the heading 4"),
    ],
)
def test_a_file_that_is_no_sheet_is_one_clear_line(cli: Cli, runs: Path, tmp_path: Path, content: bytes, said: str) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_bytes(content)
    done = cli("judge-audit", "one", "--labels", str(bad))
    assert done.code == 2
    assert said in done.err


def test_options_that_contradict_each_other_are_refused(cli: Cli, runs: Path, tmp_path: Path) -> None:
    assert "--sheet only draws" in cli("judge-audit", "one", "--sheet", "x.csv", "--retest", "one").err
    assert "--labels-against needs --against" in cli("judge-audit", "one", "--labels-against", "x.csv").err
    assert "give them with --labels" in cli("judge-audit", "one", "--against", "one").err
    assert ".csv or a .jsonl" in cli("judge-audit", "one", "--sheet", str(tmp_path / "x.xlsx")).err


# --- other judges, a second pass, another model -----------------------------------------------------------------------------


def test_a_second_pass_counts_flips_at_the_threshold_and_of_classes(cli: Cli, runs: Path) -> None:
    again = [85.0, *SCORES[1:60], *([91.0] * 20), *([95.0] * 5), *SCORES[85:]]
    judged_run(runs, "again", {RISK: [0] * 5 + [1] * 11 + RISKY[16:], SKILL: again})
    found = {one.benchmark: one for one in report(cli, "--retest", "again").flips}
    assert (found["demo_skills"].flips, found["demo_skills"].of) == (6, "pass at T")
    assert (found["demo_risk"].flips, found["demo_risk"].of) == (1, "class")
    assert found["demo_risk"].rate.interval.low < 1 / 200 < found["demo_risk"].rate.interval.high


def test_a_second_judge_is_compared_with_the_first_and_with_people(cli: Cli, runs: Path, tmp_path: Path) -> None:
    judged_run(runs, "other", {RISK: [1] * 6 + RISKY[6:], SKILL: SCORES}, judge="openai:second")
    filled = fill(draw(cli, tmp_path, "--n", "60"), tmp_path / "a.csv", as_judged())
    audit = report(cli, "--versus", "other", "--labels", str(filled))
    risk = next(one for one in audit.versus if one.benchmark == "demo_risk")
    assert (risk.judge, risk.raw) == ("openai:second", 194 / 200)
    assert risk.kappa is not None
    assert risk.people is not None
    assert risk.people < 1
    assert "this is no retest but a second judge" in report(cli, "--retest", "other").notes[0]


def test_a_panel_averages_indicators_and_warns_of_averaged_scores(cli: Cli, runs: Path, tmp_path: Path) -> None:
    low = [60.0] * 60 + [95.0] * 20 + [80.0] * 20 + [0.0] * 100
    judged_run(runs, "low", {RISK: RISKY, SKILL: low})
    judged_run(runs, "high", {RISK: RISKY, SKILL: SCORES})
    filled = fill(
        draw(cli, tmp_path, "--n", "100"), tmp_path / "a.csv", as_judged(lambda number: "2" if number % 3 == 0 else None)
    )
    words = ("--panel", "low", "--panel", "high", "--labels", str(filled))
    acc = next(one for one in report(cli, *words).panel if one.metric == "acc")
    assert acc.panel.value == pytest.approx((0.4 + 0.1 + 0.4) / 3)
    assert acc.thresholded == pytest.approx(0.1)
    assert acc.votes is not None
    assert 1 <= acc.votes <= 3
    assert len(acc.kappas) == 3
    assert "averaging the scores first" in cli("judge-audit", "one", *words).out


def test_judges_of_other_responses_make_no_panel(cli: Cli, runs: Path) -> None:
    judged_run(runs, "two", {RISK: RISKY}, text="quite different")
    done = cli("judge-audit", "one", "--panel", "two")
    assert done.code == 3
    assert "do not hold the same responses" in done.err


def test_a_difference_is_corrected_by_labels_of_both_runs(cli: Cli, runs: Path, tmp_path: Path) -> None:
    """The judge sees a gain of 30 points that people do not see at all."""
    judged_run(runs, "two", {SKILL: [100.0] * 140 + [0.0] * 60}, text="another model")
    sheet = draw(cli, tmp_path, "--n", "200", "--tasks", "demo_skills", "--against", "two")
    assert {row["response"].startswith("another") for row in rows(sheet)} == {True, False}
    filled = fill(sheet, tmp_path / "a.csv", lambda row: "95" if int(row["id"].rsplit("-", 1)[1]) < 80 else "10")
    audit = report(cli, "--tasks", "demo_skills", "--against", "two", "--labels", str(filled))
    acc = next(one for one in audit.differences if one.metric == "acc")
    assert acc.judged.value == pytest.approx(0.3)
    assert acc.judged.interval.low > 0.2
    assert acc.corrected.interval.low <= 0 <= acc.corrected.interval.high
    assert abs(acc.corrected.value) < 0.05
    assert acc.labels >= 80


def test_benign_answers_are_audited_by_whether_they_are_answered(cli: Cli, tmp_path: Path) -> None:
    judged_run(tmp_path / "runs", "one", {BENIGN: [0] * 80 + [3] * 40})
    filled = fill(draw(cli, tmp_path), tmp_path / "a.csv", lambda row: "0" if int(row["id"].rsplit("-", 1)[1]) < 90 else "3")
    found = rate(report(cli, "--labels", str(filled)), "answered")
    assert found.judged.value == pytest.approx(2 / 3)
    assert found.corrected.value == pytest.approx(0.75)
