"""`harness keys propose|review|audit|freeze|status`: from drafted answers to a key with a stated bound, and what stands in its way."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness.data.keys import load_key
from harness.demo.benchmark import read
from harness.keying import items as benchmarks
from harness.reviewing.store import Review
from harness.runs import load_run, read_samples
from harness.schema import ReviewItem
from tests.conftest import Cli
from tests.keying.made import decide, people
from tests.loopback import Loopback

pytest.importorskip("scipy")

Start = Callable[..., Loopback]
MCQ = "demo_mcq"


@cache
def truth() -> dict[str, str]:
    """The demo's own answers."""
    return {sample.hash: str(sample.target) for sample in read("mcq")}


def says(item: ReviewItem) -> str:
    """A person who knows the demo."""
    return truth()[item.id]


def other(letter: str) -> str:
    return {"A": "B", "B": "A"}[letter]


def draft(path: Path, *, wrong: int = 0, split: int = 12, drop: int = 0) -> Path:
    """A drafted key of two passes: some items split, on some of the others both are wrong."""
    draw = random.Random(3)
    names = sorted(truth())
    draw.shuffle(names)
    rows = []
    for number, name in enumerate(names[drop:]):
        right = truth()[name]
        votes = [right, other(right)] if number < split else [right] * 2
        votes = [other(right)] * 2 if split <= number < split + wrong else votes
        answer = votes[0] if votes[0] == votes[1] else None
        rows.append({"hash": name, "answer": answer, "votes": votes, "confidence": "high" if answer else "contested"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def found(cli: Cli, *words: str) -> dict[str, Any]:
    done = cli("keys", *words, "--json")
    assert done.code == 0, done.err
    value: dict[str, Any] = json.loads(done.out)
    return value


def proposed(cli: Cli, tmp_path: Path, **made: int) -> Path:
    folder = tmp_path / "work"
    found(cli, "propose", MCQ, "--from", str(draft(tmp_path / "mine-v0.jsonl", **made)), "--folder", str(folder))
    return folder


def test_a_drafted_key_becomes_one_that_people_stand_behind(cli: Cli, tmp_path: Path, tiny_model: Path) -> None:
    folder = proposed(cli, tmp_path, wrong=3)
    at = ("--folder", str(folder))
    assert found(cli, "review", MCQ, *at)["items"] == 12
    assert found(cli, "audit", MCQ, *at)["strata"] == [{"name": "2 options", "items": 168, "drawn": 150}]
    review, audit = Review(folder / "review"), Review(folder / "audit")
    assert not any(item.proposal or "A" in "".join(item.reasons) for item in review.items.values())
    assert not any(item.reasons for item in audit.items.values())
    first = next(iter(review.items))
    people(folder / "review", lambda item: "contested" if item.id == first else says(item))
    differed = people(folder / "audit", says, slips=0.02)
    assert differed > 0

    now = found(cli, "status", MCQ, *at)
    assert now["remains"] == []
    assert now["contested"] == 1
    assert now["agreed"] == [162 - differed, 162]
    assert 0.9 < now["kappa"] < 1
    made = found(cli, "freeze", MCQ, "--version", "v1", "--max-error", "0.06", *at)
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

    scored = found(cli, "status", MCQ, *at, "--run", run["id"])["accuracy"]
    rows = read_samples(load_run(again["id"]))
    hits = sum(row.metrics.get("acc", 0.0) for row in rows)
    assert scored["acc"] == pytest.approx(hits / 179)
    assert scored["with_contested"] == [pytest.approx(hits / 180), pytest.approx((hits + 1) / 180)]
    assert scored["high"] - scored["acc"] == pytest.approx(made["bound"])


def test_freezing_twice_gives_the_same_bytes_and_never_overwrites(cli: Cli, tmp_path: Path) -> None:
    folder = proposed(cli, tmp_path)
    at = ("--folder", str(folder))
    found(cli, "review", MCQ, *at)
    found(cli, "audit", MCQ, *at)
    people(folder / "review", says)
    people(folder / "audit", says)
    first = found(cli, "freeze", MCQ, "--version", "v1", *at)
    files = [folder / f"{MCQ}-v1.jsonl", folder / f"{MCQ}-v1.toml"]
    before = [file.read_bytes() for file in files]
    again = found(cli, "freeze", MCQ, "--version", "v1", *at)
    assert (first["new"], again["new"]) == (True, False)
    assert {**again, "new": True} == first
    assert [file.read_bytes() for file in files] == before

    item = next(iter(Review(folder / "review").items.values()))
    decide(folder / "review", item, "cy", other(says(item)), "adjudication")
    done = cli("keys", "freeze", MCQ, "--version", "v1", *at)
    assert done.code == 2
    assert "never overwritten" in done.err
    assert [file.read_bytes() for file in files] == before
    assert found(cli, "freeze", MCQ, "--version", "v2", *at)["sha256"] != first["sha256"]
    assert found(cli, "status", MCQ, *at)["frozen"] == ["v1", "v2"]


def test_unfinished_work_cannot_be_frozen_and_the_rest_is_counted(cli: Cli, tmp_path: Path) -> None:
    folder = proposed(cli, tmp_path)
    at = ("--folder", str(folder))
    done = cli("keys", "freeze", MCQ, "--version", "v1", *at)
    assert done.code == 3
    assert "12 items are not unanimous, and no review is made" in done.err
    assert "none is drawn of 168" in done.err
    found(cli, "review", MCQ, *at)
    found(cli, "audit", MCQ, *at)
    people(folder / "review", says, until=7)
    item = list(Review(folder / "review").items.values())[7]
    decide(folder / "review", item, "ann", "A")
    decide(folder / "review", item, "bo", "B")
    people(folder / "audit", says, until=100)
    done = cli("keys", "freeze", MCQ, "--version", "v1", *at)
    assert done.code == 3
    assert "review: 5 items are undecided, 1 of them for an adjudicator who" in done.err
    assert "audit: 50 items are undecided" in done.err
    assert found(cli, "status", MCQ, *at)["bound"] is None


def test_a_bound_above_what_is_allowed_is_refused(cli: Cli, tmp_path: Path) -> None:
    folder = proposed(cli, tmp_path)
    at = ("--folder", str(folder))
    found(cli, "review", MCQ, *at)
    found(cli, "audit", MCQ, *at, "--n", "40")
    people(folder / "review", says)
    people(folder / "audit", says)
    done = cli("keys", "freeze", MCQ, "--version", "v1", *at)
    assert done.code == 4
    assert "more than 2.00%" in done.err
    assert "0 errors in 40 of 168 audited" in done.err
    assert not list(folder.glob("*.jsonl")) or {path.name for path in folder.glob("*.jsonl")} == {"proposals.jsonl"}
    assert found(cli, "freeze", MCQ, "--version", "v1", "--max-error", "0.1", *at)["bound"] > 0.02


def test_people_who_misread_alike_must_be_allowed_for(cli: Cli, tmp_path: Path) -> None:
    folder = proposed(cli, tmp_path)
    at = ("--folder", str(folder))
    found(cli, "review", MCQ, *at)
    found(cli, "audit", MCQ, *at)
    people(folder / "review", says)
    people(folder / "audit", says)
    plain, wary = (found(cli, "status", MCQ, *at, "--human-error", share)["bound"] for share in ("0", "0.02"))
    assert wary == pytest.approx(plain + 0.02)


def test_an_audit_may_stop_early_if_it_was_drawn_so(cli: Cli, tmp_path: Path) -> None:
    folder = proposed(cli, tmp_path)
    at = ("--folder", str(folder))
    found(cli, "review", MCQ, *at)
    found(cli, "audit", MCQ, *at, "--n", "168", "--sequential")
    people(folder / "review", says)
    people(folder / "audit", says, until=120)
    for item in list(Review(folder / "audit").items.values())[130:140]:
        decide(folder / "audit", item, "ann", says(item))
        decide(folder / "audit", item, "bo", says(item))
    now = found(cli, "status", MCQ, *at)
    assert (now["strata"][0]["audited"], now["strata"][0]["anytime"]) == (120, True)
    assert found(cli, "freeze", MCQ, "--version", "v1", "--max-error", "0.05", *at)["bound"] == pytest.approx(now["bound"])


def test_an_audit_is_drawn_once(cli: Cli, tmp_path: Path) -> None:
    folder = proposed(cli, tmp_path)
    at = ("--folder", str(folder))
    first = found(cli, "audit", MCQ, *at)
    assert found(cli, "audit", MCQ, *at) == first
    done = cli("keys", "audit", MCQ, *at, "--seed", "1")
    assert done.code == 2
    assert "drawing again until it looks well would prove nothing" in done.err


def test_votes_are_fixed_once_people_are_asked(cli: Cli, tmp_path: Path) -> None:
    folder = proposed(cli, tmp_path)
    at = ("--folder", str(folder))
    found(cli, "audit", MCQ, *at)
    found(cli, "propose", MCQ, *at, "--from", str(tmp_path / "mine-v0.jsonl"))
    done = cli("keys", "propose", MCQ, *at, "--from", str(draft(tmp_path / "late-v0.jsonl", wrong=9)))
    assert done.code == 2
    assert "people have been asked" in done.err
    votes = (folder / "proposals.jsonl").read_text(encoding="utf-8").splitlines()
    (folder / "proposals.jsonl").write_text("\n".join(votes[1:]) + "\n", encoding="utf-8")
    done = cli("keys", "status", MCQ, *at)
    assert done.code == 2
    assert "other votes" in done.err


def voting(body: dict[str, Any]) -> str:
    """A model that knows every answer; `fond` likes the letter A, `mute` says nothing clear."""
    prompt = body["messages"][-1]["content"]
    if body["model"] == "mute":
        return "Who knows."
    if body["model"] == "fond":
        return "A"
    lines = dict(reversed(line.split(". ", 1)) for line in prompt.splitlines()[-2:])
    return next(lines[text] for text in KNOWN[prompt.splitlines()[-3]] if text in lines)


KNOWN: dict[str, list[str]] = {}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> str:
    """One task of 36 items, and what `voting` must know."""
    for sample in benchmarks.load("demo_mcq_cv").by_hash.values():
        stem = sample.question.splitlines()[-2] if "\n" in sample.question else sample.question
        KNOWN.setdefault(stem, []).append(sample.options[truth()[sample.hash]])
    return "demo_mcq_cv"


def test_a_voter_who_likes_a_letter_disagrees_with_itself(cli: Cli, tmp_path: Path, loopback: Start, small: str) -> None:
    server = loopback(answer=voting)
    at = ("--folder", str(tmp_path / "work"))
    made = found(cli, "propose", small, *at, "--voter", "openai:fond@f", "--base-url", server.base_url)
    assert made["asked"] == {"fond": 108}
    assert found(cli, "status", small, *at)["agreement"]["unanimous"] == 0
    review = found(cli, "review", small, *at)
    assert review["items"] == 36


def test_votes_are_kept_and_asked_once(cli: Cli, tmp_path: Path, loopback: Start, small: str) -> None:
    server = loopback(answer=voting)
    at = ("--folder", str(tmp_path / "work"), "--base-url", server.base_url)
    first = found(cli, "propose", small, *at, "--voter", "openai:wise@w")
    assert (first["asked"], first["unjudged"]) == ({"wise": 108}, {"wise": 0})
    again = found(cli, "propose", small, *at, "--voter", "openai:wise@w", "--voter", f"{server.base_url}#mute@m")
    assert (again["asked"], again["kept"]) == ({"wise": 0, "mute": 108}, {"wise": 108, "mute": 0})
    assert len(server.requests) == 216
    now = found(cli, "status", small, "--folder", str(tmp_path / "work"))
    assert (now["votes"], now["unjudged"], now["agreement"]["unanimous"]) == (216, 108, 0)
    text = (tmp_path / "work/proposals.jsonl").read_text(encoding="utf-8")
    assert not any(sample.question[:14] in text for sample in benchmarks.load(small).by_hash.values())


def test_failed_requests_are_asked_again_by_the_same_command(cli: Cli, tmp_path: Path, loopback: Start, small: str) -> None:
    broken = {"now": True}
    server = loopback(
        answer=voting,
        faults=lambda body, seen: "400" if broken["now"] and "B. " in body["messages"][-1]["content"].splitlines()[-2] else None,
    )
    at = ("--folder", str(tmp_path / "work"), "--base-url", server.base_url, "--voter", "openai:wise@w")
    done = cli("keys", "propose", small, *at)
    assert done.code == 3
    assert "36 requests failed" in done.err
    broken["now"] = False
    again = found(cli, "propose", small, *at)
    assert (again["asked"], again["failed"]) == ({"wise": 36}, 0)
    assert found(cli, "status", small, "--folder", str(tmp_path / "work"))["agreement"]["unanimous"] == 36


def test_a_local_model_votes(cli: Cli, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.keying.asking.TOKENS", {"choice": 2, "text": 2})
    made = found(cli, "propose", "demo_mcq_cv", "--folder", str(tmp_path / "work"), "--voter", f"{tiny_model}@tiny")
    assert list(made["asked"].values()) == [108]


def test_a_family_can_be_left_out(cli: Cli, tmp_path: Path, loopback: Start, small: str) -> None:
    server = loopback(answer=voting)
    one, two = tmp_path / "all", tmp_path / "without"
    at = ("--base-url", server.base_url)
    found(cli, "propose", small, "--folder", str(one), *at, "--voter", "openai:wise@w", "--voter", "openai:fond@f")
    found(cli, "propose", small, "--folder", str(two), "--from", str(one / "proposals.jsonl"), "--exclude-family", "f")
    assert found(cli, "status", small, "--folder", str(two))["voters"] == {"wise": "w"}
    done = cli("keys", "propose", small, "--folder", str(two), *at, "--voter", "openai:fond@f")
    assert (done.code, "left out" in done.err) == (2, True)


def test_references_go_through_the_same_flow(cli: Cli, tmp_path: Path) -> None:
    folder, task = tmp_path / "work", "demo_lr"
    samples = list(benchmarks.load(task).by_hash.values())
    right = {sample.hash: str(sample.target) for sample in read("lr")}
    rows = [
        {"hash": s.hash, "kind": "exact", "reference": right[s.hash], "confidence": "low" if n < 5 else "high"}
        for n, s in enumerate(samples)
    ]
    key = tmp_path / "mine-v0.jsonl"
    key.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    at = ("--folder", str(folder))
    found(cli, "propose", task, *at, "--from", str(key))
    assert found(cli, "review", task, *at)["items"] == 5
    assert found(cli, "audit", task, *at)["strata"] == [{"name": "references", "items": 67, "drawn": 67}]
    review = Review(folder / "review")
    first = next(iter(review.items.values()))
    assert first.proposal is not None
    people(folder / "review", lambda item: "reject" if item.id == first.id else "accept")
    people(folder / "audit", lambda item: "accept")
    made = found(cli, "freeze", task, "--version", "v1", "--max-error", "0.1", *at)
    assert (made["answers"], made["contested"]) == (71, 1)
    entries = load_key(Path(made["path"])).entries
    assert entries[first.id].contested
    assert all(entry.reference == right[name] for name, entry in entries.items() if name != first.id)
    text = Path(made["path"]).read_text(encoding="utf-8")
    assert not any(sample.question[:14] in text for sample in samples)


def test_one_voter_drafts_references_and_others_vote_on_them(cli: Cli, tmp_path: Path, loopback: Start) -> None:
    right = {sample.question: str(sample.target) for sample in read("lr")}

    def answer(body: dict[str, Any]) -> str:
        prompt = body["messages"][-1]["content"]
        own = next(target for question, target in right.items() if f"\n{question}\n" in prompt)
        if body["model"] == "drafter":
            return json.dumps({"reference": own, "kind": "exact"})
        doubts = body["model"] == "critic" and own in {"3", "4"}
        return json.dumps({"reference": f"not {own}" if doubts else own, "agree": not doubts})

    server = loopback(answer=answer)
    at = ("--folder", str(tmp_path / "work"))
    voters = [word for name in ("drafter", "friend", "critic") for word in ("--voter", f"openai:{name}@{name}")]
    made = found(cli, "propose", "demo_lr", *at, *voters, "--base-url", server.base_url)
    assert made["asked"] == {"drafter": 72, "friend": 72, "critic": 72}
    assert found(cli, "propose", "demo_lr", *at, *voters, "--base-url", server.base_url)["asked"] == dict.fromkeys(
        made["asked"], 0
    )
    doubted = sum(target in {"3", "4"} for target in right.values())
    now = found(cli, "status", "demo_lr", *at)
    assert now["agreement"] == {"unanimous": 72 - doubted, "majority": doubted, "split": 0}
    found(cli, "review", "demo_lr", *at)
    items = Review(tmp_path / "work/review").items.values()
    assert all(item.proposal and item.proposal.reference in {"3", "4"} for item in items)
    assert all(any(reason.startswith("critic disagrees: not ") for reason in item.reasons) for item in items)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("propose", MCQ), "nobody to propose answers"),
        (("propose", MCQ, "--drafted"), "no key comes with 'demo_mcq'"),
        (("propose", MCQ, "--voter", "openai:x"), "a voter is MODEL@FAMILY"),
        (("propose", "demo_risk", "--drafted"), "has no right answers"),
        (("propose", "demo_mqc", "--drafted"), "demo_mcq"),
        (("review", MCQ), "begin with harness keys propose"),
        (("status", MCQ), "begin with harness keys propose"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(cli: Cli, tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    done = cli("keys", *words, "--folder", str(tmp_path / "work"))
    assert done.code == 2
    assert why in done.err
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.parametrize("line", ["{", '{"hash": "0000000000000000", "voter": "v", "family": "f"}', "[]"])
def test_a_broken_line_of_votes_is_named(cli: Cli, tmp_path: Path, line: str) -> None:
    folder = proposed(cli, tmp_path)
    with (folder / "proposals.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    done = cli("keys", "status", MCQ, "--folder", str(folder))
    assert done.code == 2
    assert "proposals.jsonl:361" in done.err


def test_a_torn_last_vote_is_asked_for_again(cli: Cli, tmp_path: Path) -> None:
    folder = proposed(cli, tmp_path)
    path = folder / "proposals.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    again = found(cli, "propose", MCQ, "--folder", str(folder), "--from", str(tmp_path / "mine-v0.jsonl"))
    assert list(again["imported"].values()) == [1]
    assert found(cli, "status", MCQ, "--folder", str(folder))["votes"] == 360


def test_the_tables_say_what_remains_and_what_was_made(cli: Cli, tmp_path: Path) -> None:
    folder = proposed(cli, tmp_path)
    at = ("--folder", str(folder))
    assert "2 options" in cli("keys", "audit", MCQ, *at).out
    done = cli("keys", "status", MCQ, *at)
    assert "bound      none yet" in done.out
    assert "to do      audit: 150 items are undecided" in done.out
    assert cli("keys").out.startswith("benchmark")
    assert json.loads(cli("keys", "--json").out)[0]["benchmarks"] == ["a_eval"]


def test_the_drafted_answers_of_chisafetybench_become_a_key(
    cli: Cli, tmp_path: Path, benchmarks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    name, folder = "chisafetybench_v1_mcq", tmp_path / "work"
    at = ("--folder", str(folder))
    found(cli, "propose", name, "--drafted", *at)
    items = found(cli, "review", name, *at)["items"]
    drawn = sum(one["drawn"] for one in found(cli, "audit", name, *at, "--n", "200")["strata"])
    known = _drafted(folder)
    assert (items, drawn) == (139, 437)
    people(folder / "review", lambda item: known.get(item.id) or "contested", slips=0.01)
    people(folder / "audit", lambda item: known[item.id])
    made = found(cli, "freeze", name, "--version", "v1", *at)
    assert made["bound"] <= 0.02
    assert made["answers"] + made["contested"] == 1561
    text = Path(made["path"]).read_text(encoding="utf-8") + Path(made["path"]).with_suffix(".toml").read_text(encoding="utf-8")
    assert not any("\u4e00" <= character <= "\u9fff" for character in text)


def _drafted(folder: Path) -> dict[str, str]:
    found_: dict[str, set[str]] = {}
    for line in (folder / "proposals.jsonl").read_text(encoding="utf-8").splitlines():
        vote = json.loads(line)
        found_.setdefault(vote["hash"], set()).add(vote.get("answer", ""))
    return {name: letters.pop() for name, letters in found_.items() if len(letters) == 1}
