"""Audits in a gate: refused if they are of another judge, demanded where a policy says so, and missed where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.errors import DataError, IncompleteRun, NotComparable
from harness.gating.audits import check, judged, unaudited
from harness.schema import JudgeDemand, Policy, Rule, RunRecord
from tests.conftest import Cli
from tests.judged import CHOICE, RISK, SKILL, fill, judged_run

RISKY = [0] * 10 + [1] * 10 + [2] * 20 + [3] * 40
POLICY = Policy(name="p", rules=(Rule(benchmark="demo_risk", metric="hr"), Rule(benchmark="demo_mcq", metric="acc")))


@pytest.fixture
def baseline(tmp_path: Path) -> RunRecord:
    return judged_run(tmp_path / "runs", "one", {RISK: RISKY, CHOICE: ["A"] * 20, SKILL: [100.0] * 20})


def audited(cli: Cli, folder: Path, *, wrong: int = 0) -> Path:
    """An audit of the run's refusals, in which people contradict the judge on some."""
    sheet, out = folder / "sheet.csv", folder / "audit.json"
    assert cli("judge-audit", "one", "--sheet", str(sheet), "--tasks", "demo_risk", "--n", "120").code == 0
    seen: list[str] = []

    def say(row: dict[str, str]) -> str:
        seen.append(row["id"])
        said = RISKY[int(row["id"].rsplit("-", 1)[1])]
        return str((said + 1) % 4 if len(seen) <= wrong else said)

    filled = fill(sheet, folder / "ann.csv", say)
    assert cli("judge-audit", "one", "--labels", str(filled), "--tasks", "demo_risk", "--out", str(out)).code == 0
    return out


def changed(audit: Path, **fields: object) -> Path:
    audit.write_text(json.dumps({**json.loads(audit.read_text()), **fields}))
    return audit


def demanding(kappa: float, labels: int = 50) -> Policy:
    return POLICY.model_copy(update={"judge": JudgeDemand(kappa=kappa, labels=labels)})


def test_an_audit_says_how_far_the_judge_is_known(cli: Cli, baseline: RunRecord, tmp_path: Path) -> None:
    (ref,) = check(POLICY, [audited(cli, tmp_path)], baseline)
    assert (ref.run, ref.judge, ref.benchmark, ref.labels, ref.kappa) == ("one", "rules@1", "demo_risk", 80, 1.0)
    assert 0.8 < ref.kappa_low < 1
    assert list(unaudited(POLICY, baseline, (ref,))) == []


def test_only_verdicts_of_a_judge_are_judged_not_extracted_letters(baseline: RunRecord) -> None:
    assert judged(POLICY, baseline) == ("demo_risk",)
    both = Policy(name="p", rules=(Rule(benchmark="demo_skills", metric="acc"), Rule(benchmark="demo_risk", metric="rr_1")))
    assert judged(both, baseline) == ("demo_skills", "demo_risk")
    (note,) = unaudited(POLICY, baseline, ())
    assert note.startswith("under judge rules@1: no audit of it by people for demo_risk")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"judge": "openai:other"}, "is of judge openai:other, and the runs were judged by rules@1"),
        ({"rubrics": {"refusal": "00000000"}}, "is of rubric refusal@00000000"),
    ],
)
def test_an_audit_of_another_judge_or_rubric_is_refused(
    cli: Cli, baseline: RunRecord, tmp_path: Path, fields: dict[str, object], said: str
) -> None:
    with pytest.raises(NotComparable, match=said) as refused:
        check(POLICY, [changed(audited(cli, tmp_path), **fields)], baseline)
    assert refused.value.exit_code == 3


def test_a_threshold_matters_only_where_there_are_scores(cli: Cli, baseline: RunRecord, tmp_path: Path) -> None:
    audit = changed(audited(cli, tmp_path), threshold=60.0)
    assert check(POLICY, [audit], baseline)
    parts = json.loads(audit.read_text())["benchmarks"]
    with pytest.raises(NotComparable, match="is of T = 60, and the runs are of T = 90"):
        check(POLICY, [changed(audit, benchmarks=[{**parts[0], "kind": "score"}])], baseline)


def test_a_demand_is_met_by_a_good_audit_and_by_no_other(cli: Cli, baseline: RunRecord, tmp_path: Path) -> None:
    audit = audited(cli, tmp_path)
    assert check(demanding(0.7), [audit], baseline)
    with pytest.raises(IncompleteRun, match="demo_risk has 80 labelled answers, and it asks for 200"):
        check(demanding(0.7, labels=200), [audit], baseline)
    with pytest.raises(IncompleteRun, match="no audit shows a kappa for demo_risk"):
        check(demanding(0.7), [], baseline)


def test_people_who_contradict_the_judge_leave_a_demand_unmet(cli: Cli, baseline: RunRecord, tmp_path: Path) -> None:
    with pytest.raises(
        IncompleteRun, match=r"kappa of judge and people on demo_risk is 0\.\d\d, at least 0\.\d\d, and it asks for"
    ):
        check(demanding(0.7), [audited(cli, tmp_path, wrong=30)], baseline)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not JSON"),
        ('{"schema_version": "harness.run/1"}', "is no judge audit"),
        ('{"schema_version": "harness.judge-audit/1"}', "not a judge audit: run: Field required"),
    ],
)
def test_a_file_that_is_no_audit_is_refused(baseline: RunRecord, tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(content)
    with pytest.raises(DataError, match=said):
        check(POLICY, [file], baseline)


def test_a_gate_shows_its_audits_or_says_under_which_judge_it_speaks(cli: Cli, baseline: RunRecord, tmp_path: Path) -> None:
    judged_run(tmp_path / "runs", "two", {RISK: RISKY, CHOICE: ["A"] * 20, SKILL: [100.0] * 20}, text="another")
    words = ("gate", "--baseline", "one", "--candidate", "two", "--policy", "regression", "--json")
    bare = json.loads(cli(*words).out)
    assert bare["audits"] == []
    assert any(note.startswith("under judge rules@1: no audit") for note in bare["notes"])
    shown = json.loads(cli(*words, "--audit", str(audited(cli, tmp_path))).out)
    assert [one["benchmark"] for one in shown["audits"]] == ["demo_risk"]
    assert any("for demo_skills" in note for note in shown["notes"])
    done = cli(*words, "--audit", str(changed(tmp_path / "audit.json", judge="openai:other")))
    assert done.code == 3
    assert "is of judge openai:other" in done.err
