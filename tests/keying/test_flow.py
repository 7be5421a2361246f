"""`harness keys review|audit|freeze|status`: from votes to a key with a stated bound, and what stands in its way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.data.keys import load_key
from harness.errors import DataError
from harness.reviewing.store import Review
from harness.runs import load_run, read_samples
from tests.conftest import Cli
from tests.keying.conftest import Found
from tests.keying.made import MCQ, decide, draft, other, people, says, truth

pytest.importorskip("scipy")


def test_a_drafted_key_becomes_one_that_people_stand_behind(cli: Cli, found: Found, tmp_path: Path, tiny_model: Path) -> None:
    folder = tmp_path / "work"
    at = ("--folder", folder)
    found("propose", MCQ, "--from", draft(tmp_path / "mine-v0.jsonl", wrong=3), *at)
    assert found("review", MCQ, *at)["items"] == 12
    assert found("audit", MCQ, *at)["strata"] == [{"name": "2 options", "items": 168, "drawn": 150}]
    review, audit = Review(folder / "review"), Review(folder / "audit")
    assert not any(item.proposal or "A" in "".join(item.reasons) for item in review.items.values())
    assert not any(item.reasons for item in audit.items.values())
    first = next(iter(review.items))
    people(folder / "review", lambda item: "contested" if item.id == first else says(item))
    differed = people(folder / "audit", says, slips=0.02)
    assert differed > 0

    now = found("status", MCQ, *at)
    assert now["remains"] == []
    assert now["contested"] == 1
    assert now["agreed"] == [162 - differed, 162]
    assert 0.9 < now["kappa"] < 1
    made = found("freeze", MCQ, "--version", "v1", "--max-error", "0.06", *at)
    assert made["bound"] == pytest.approx(now["bound"])
    key = load_key(Path(made["path"]))
    assert key.ref.reviewed
    assert key.error_bound == pytest.approx(made["bound"], abs=1e-5)
    wrong = [name for name, entry in key.entries.items() if not entry.contested and entry.answer != truth()[name]]
    assert len(wrong) <= made["bound"] * made["answers"]
    assert [name for name, entry in key.entries.items() if entry.contested] == [first]
    unseen = [entry for entry in key.entries.values() if entry.right]
    assert len(unseen) == 18
    assert all(entry.humans == 0 and entry.right[1] < entry.right[0] < entry.right[2] for entry in unseen if entry.right)

    run = json.loads(cli("eval", "-m", str(tiny_model), "-t", MCQ, "--gen", "max_gen_toks=1", "--json").out)
    again = json.loads(cli("eval", "-m", f"replay:{run['id']}", "-t", MCQ, "--keys", f"{MCQ}={made['path']}", "--json").out)
    assert again["provenance"]["keys"][MCQ]["reviewed"] is True
    assert "at most" in again["provenance"]["keys"][MCQ]["provenance"]
    assert sum(line["keyed"] for line in again["coverage"]) == 179
    judged = json.loads(cli("judge", run["id"], "--keys", f"{MCQ}={made['path']}", "--json").out)
    assert judged["provenance"]["keys"] == again["provenance"]["keys"]

    scored = found("status", MCQ, *at, "--run", run["id"])["accuracy"]
    rows = read_samples(load_run(again["id"]))
    hits = sum(row.metrics.get("acc", 0.0) for row in rows)
    assert scored["acc"] == pytest.approx(hits / 179)
    assert scored["with_contested"] == [pytest.approx(hits / 180), pytest.approx((hits + 1) / 180)]
    assert scored["high"] - scored["acc"] == pytest.approx(made["bound"])


def test_freezing_twice_gives_the_same_bytes_and_never_overwrites(cli: Cli, found: Found, decided: Path) -> None:
    at = ("--folder", str(decided))
    first = found("freeze", MCQ, "--version", "v1", *at)
    files = [decided / f"{MCQ}-v1.jsonl", decided / f"{MCQ}-v1.toml"]
    before = [file.read_bytes() for file in files]
    again = found("freeze", MCQ, "--version", "v1", *at)
    assert (first["new"], again["new"]) == (True, False)
    assert {**again, "new": True} == first
    assert [file.read_bytes() for file in files] == before

    item = next(iter(Review(decided / "review").items.values()))
    decide(decided / "review", item, "cy", other(says(item)), "adjudication")
    done = cli("keys", "freeze", MCQ, "--version", "v1", *at)
    assert done.code == 2
    assert "never overwritten" in done.err
    assert [file.read_bytes() for file in files] == before
    assert found("freeze", MCQ, "--version", "v2", *at)["sha256"] != first["sha256"]
    assert found("status", MCQ, *at)["frozen"] == ["v1", "v2"]


def test_a_frozen_key_that_was_edited_is_no_longer_the_one_with_the_bound(found: Found, decided: Path) -> None:
    path = Path(found("freeze", MCQ, "--version", "v1", "--folder", decided)["path"])
    text = path.read_text(encoding="utf-8")
    assert load_key(path).error_bound is not None
    path.write_text(text.replace('"answer":"A"', '"answer":"B"', 1), encoding="utf-8")
    with pytest.raises(DataError, match="is not the key that demo_mcq-v1.toml describes"):
        load_key(path)


def test_unfinished_work_cannot_be_frozen_and_the_rest_is_counted(cli: Cli, found: Found, voted: Path) -> None:
    at = ("--folder", str(voted))
    done = cli("keys", "freeze", MCQ, "--version", "v1", *at)
    assert done.code == 3
    assert "12 items are not unanimous, and no review is made" in done.err
    assert "none is drawn of 168" in done.err
    found("review", MCQ, *at)
    found("audit", MCQ, *at)
    people(voted / "review", says, until=7)
    item = list(Review(voted / "review").items.values())[7]
    decide(voted / "review", item, "ann", "A")
    decide(voted / "review", item, "bo", "B")
    people(voted / "audit", says, until=100)
    done = cli("keys", "freeze", MCQ, "--version", "v1", *at)
    assert done.code == 3
    assert "review: 5 items are undecided, 1 of them for an adjudicator who is neither" in done.err
    assert "audit: 50 items are undecided" in done.err
    assert found("status", MCQ, *at)["bound"] is None


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ((("ann", "annotation"), ("bo", "annotation")), 0),
        ((("ann", "annotation"), ("cy", "adjudication")), 1),
        ((("cy", "adjudication"),), 1),
        ((("ann", "annotation"), ("bo", "annotation", "wrong"), ("cy", "adjudication")), 0),
        ((("ann", "annotation"), ("bo", "annotation", "wrong"), ("ann", "adjudication")), 1),
        ((("ann", "annotation"), ("bo", "annotation", "wrong"), ("ann", "adjudication"), ("cy", "adjudication")), 0),
    ],
)
def test_an_item_is_decided_by_two_people_and_where_they_differ_by_a_third(
    found: Found, asked: Path, said: tuple[tuple[Any, ...], ...], left: int
) -> None:
    items = list(Review(asked / "review").items.values())
    people(asked / "review", says, until=11)
    people(asked / "audit", says)
    for who, round_, *wrong in said:
        right = says(items[11])
        decide(asked / "review", items[11], who, other(right) if wrong else right, round_)
    now = found("status", MCQ, "--folder", asked)
    assert now["to_review"] - now["reviewed"] == left
    assert (now["bound"] is None) == bool(left)


def test_a_bound_above_what_is_allowed_is_refused(cli: Cli, found: Found, voted: Path) -> None:
    at = ("--folder", str(voted))
    found("review", MCQ, *at)
    found("audit", MCQ, *at, "--n", "40")
    people(voted / "review", says)
    people(voted / "audit", says)
    done = cli("keys", "freeze", MCQ, "--version", "v1", *at)
    assert done.code == 4
    assert "more than 2.00%" in done.err
    assert "0 errors in 40 of 168 audited" in done.err
    assert {path.name for path in voted.glob("*.jsonl")} == {"proposals.jsonl"}
    assert found("freeze", MCQ, "--version", "v1", "--max-error", "0.1", *at)["bound"] > 0.02


def test_people_who_misread_alike_must_be_allowed_for(found: Found, decided: Path) -> None:
    at = ("--folder", decided)
    plain, wary = (found("status", MCQ, *at, "--human-error", share)["bound"] for share in ("0", "0.02"))
    assert wary == pytest.approx(plain + 0.02)


def test_an_audit_may_stop_early_if_it_was_drawn_so(found: Found, voted: Path) -> None:
    at = ("--folder", voted)
    found("review", MCQ, *at)
    found("audit", MCQ, *at, "--n", "168", "--sequential")
    people(voted / "review", says)
    people(voted / "audit", says, until=120)
    for item in list(Review(voted / "audit").items.values())[130:140]:
        decide(voted / "audit", item, "ann", says(item))
        decide(voted / "audit", item, "bo", says(item))
    now = found("status", MCQ, *at)
    assert (now["strata"][0]["audited"], now["strata"][0]["anytime"]) == (120, True)
    assert found("freeze", MCQ, "--version", "v1", "--max-error", "0.05", *at)["bound"] == pytest.approx(now["bound"])


def test_an_audit_is_drawn_once(cli: Cli, found: Found, asked: Path) -> None:
    at = ("--folder", str(asked))
    before = (asked / "audit.json").read_bytes(), (asked / "audit/items.jsonl").read_bytes()
    found("audit", MCQ, *at)
    assert ((asked / "audit.json").read_bytes(), (asked / "audit/items.jsonl").read_bytes()) == before
    done = cli("keys", "audit", MCQ, *at, "--seed", "1")
    assert done.code == 2
    assert "drawing again until it looks well would prove nothing" in done.err


@pytest.mark.parametrize(("part", "other"), [('"seed": 0', '"seed": 1'), ('"drawn": 150', '"drawn": 60')])
def test_a_plan_that_was_changed_by_hand_is_not_believed(cli: Cli, decided: Path, part: str, other: str) -> None:
    plan = decided / "audit.json"
    assert part in plan.read_text(encoding="utf-8")
    plan.write_text(plan.read_text(encoding="utf-8").replace(part, other), encoding="utf-8")
    done = cli("keys", "freeze", MCQ, "--version", "v1", "--max-error", "1", "--folder", str(decided))
    assert done.code == 2
    assert "audit.json: is not the plan that people were asked by" in done.err


def test_an_audit_says_nothing_before_it_is_done(cli: Cli, asked: Path) -> None:
    people(asked / "audit", says, until=149)
    line = next(line for line in cli("keys", "status", MCQ, "--folder", str(asked)).out.splitlines() if "2 options" in line)
    assert line.split() == ["2", "options", "168", "149", "0"]


def test_votes_are_fixed_once_people_are_asked(cli: Cli, found: Found, asked: Path, tmp_path: Path) -> None:
    at = ("--folder", str(asked))
    found("propose", MCQ, *at, "--from", tmp_path / "mine-v0.jsonl")
    done = cli("keys", "propose", MCQ, *at, "--from", str(draft(tmp_path / "late-v0.jsonl", wrong=9)))
    assert done.code == 2
    assert "people have been asked" in done.err
    votes = (asked / "proposals.jsonl").read_text(encoding="utf-8").splitlines()
    (asked / "proposals.jsonl").write_text("\n".join(votes[1:]) + "\n", encoding="utf-8")
    done = cli("keys", "status", MCQ, *at)
    assert done.code == 2
    assert "other votes" in done.err


def test_git_leaves_the_folders_alone_that_hold_questions(asked: Path) -> None:
    assert [(asked / name / ".gitignore").read_text(encoding="utf-8") for name in ("review", "audit")] == ["*\n", "*\n"]


def test_the_tables_say_what_remains_and_what_was_made(cli: Cli, voted: Path) -> None:
    at = ("--folder", str(voted))
    assert "2 options" in cli("keys", "audit", MCQ, *at).out
    done = cli("keys", "status", MCQ, *at)
    assert "bound      none yet" in done.out
    assert "to do      audit: 150 items are undecided" in done.out
    assert cli("keys").out.startswith("benchmark")
    assert json.loads(cli("keys", "--json").out)[0]["benchmarks"] == ["a_eval"]


def test_the_drafted_answers_of_chisafetybench_become_a_key(
    found: Found, tmp_path: Path, benchmarks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    name, folder = "chisafetybench_v1_mcq", tmp_path / "work"
    at = ("--folder", folder)
    found("propose", name, "--drafted", *at)
    items = found("review", name, *at)["items"]
    drawn = sum(one["drawn"] for one in found("audit", name, *at, "--n", "200")["strata"])
    known = _agreed(folder)
    assert (items, drawn) == (139, 437)
    people(folder / "review", lambda item: known.get(item.id) or "contested", slips=0.01)
    people(folder / "audit", lambda item: known[item.id])
    made = found("freeze", name, "--version", "v1", *at)
    assert made["bound"] <= 0.02
    assert made["answers"] + made["contested"] == 1561
    text = Path(made["path"]).read_text(encoding="utf-8") + Path(made["path"]).with_suffix(".toml").read_text(encoding="utf-8")
    assert not any("\u4e00" <= character <= "\u9fff" for character in text)


def _agreed(folder: Path) -> dict[str, str]:
    letters: dict[str, set[str]] = {}
    for line in (folder / "proposals.jsonl").read_text(encoding="utf-8").splitlines():
        vote = json.loads(line)
        letters.setdefault(vote["hash"], set()).add(vote.get("answer", ""))
    return {name: votes.pop() for name, votes in letters.items() if len(votes) == 1}


@pytest.mark.parametrize("name", ["key.json", "audit.json", "proposals.jsonl", "review/review.json", "audit/decisions.jsonl"])
def test_a_file_that_was_cut_off_is_named_or_what_it_lacks_is_asked_for_again(cli: Cli, decided: Path, name: str) -> None:
    raw = (decided / name).read_bytes()
    for place in (1, len(raw) // 3, len(raw) - 2):
        (decided / name).write_bytes(raw[:place])
        done = cli("keys", "freeze", MCQ, "--version", f"v{place}", "--folder", str(decided))
        assert done.code in {2, 3}, (place, done.out)
        assert len(done.err.strip().splitlines()) == 1
        assert done.err.startswith("harness: ")
        assert not list(decided.glob(f"{MCQ}-v*"))
    (decided / name).write_bytes(raw)
    assert cli("keys", "freeze", MCQ, "--version", "v1", "--folder", str(decided)).code == 0
