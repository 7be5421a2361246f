"""Questions without options: references are proposed, voted on, edited and frozen, and hold no text of any question."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.data.keys import apply_key, load_key
from harness.demo.benchmark import read
from harness.keying import items as benchmarks
from harness.keying.importing import imported
from harness.keying.ranges import LEAST, shown, stored
from harness.reviewing.store import Review
from tests.conftest import Cli
from tests.keying.conftest import Found
from tests.keying.made import decide, people
from tests.keying.test_proposing import Start

TASK = "demo_lr"


@pytest.fixture
def asked(found: Found, tmp_path: Path) -> Path:
    """A drafted key of which five items are doubtful; review and audit are made."""
    right = {sample.hash: str(sample.target) for sample in read("lr")}
    rows = [
        {"hash": name, "kind": "exact", "reference": right[name], "confidence": "low" if n < 5 else "high"}
        for n, name in enumerate(benchmarks.load(TASK).by_hash)
    ]
    key = tmp_path / "mine-v0.jsonl"
    key.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    at = ("--folder", tmp_path / "work")
    found("propose", TASK, *at, "--from", key)
    assert found("review", TASK, *at)["items"] == 5
    assert found("audit", TASK, *at)["strata"] == [{"name": "references", "items": 67, "drawn": 67}]
    people(tmp_path / "work/audit", lambda item: "accept")
    return tmp_path / "work"


def test_references_go_through_the_same_flow(found: Found, asked: Path) -> None:
    right = {sample.hash: str(sample.target) for sample in read("lr")}
    first = next(iter(Review(asked / "review").items.values()))
    assert first.proposal is not None
    people(asked / "review", lambda item: "reject" if item.id == first.id else "accept")
    made = found("freeze", TASK, "--version", "v1", "--max-error", "0.1", "--folder", asked)
    assert (made["answers"], made["contested"]) == (71, 1)
    entries = load_key(Path(made["path"])).entries
    assert entries[first.id].contested
    assert all(entry.reference == right[name] for name, entry in entries.items() if name != first.id)


def test_an_edited_reference_holds_no_stretch_of_any_question(found: Found, asked: Path) -> None:
    samples = list(benchmarks.load(TASK).by_hash.values())
    people(asked / "review", lambda item: "accept")
    first = next(iter(Review(asked / "review").items.values()))
    own = benchmarks.load(TASK).by_hash[first.id]
    words = next(s.question for s in samples if s.question[:LEAST] not in own.question)
    text = f"As in {own.question[:30]}, or {words[:20]}, it is so."
    for who in ("ann", "bo"):
        decide(asked / "review", first, who, "edit", text=text)
    made = found("freeze", TASK, "--version", "v1", "--max-error", "0.2", "--folder", asked)
    key = load_key(Path(made["path"]))
    (filled,) = apply_key([own], key)
    assert filled.target == text
    strings = _strings(json.loads(line) for line in Path(made["path"]).read_text(encoding="utf-8").splitlines())
    assert any("As in " in one for one in strings)
    assert not _repeated(strings, [sample.question for sample in samples])


def test_a_reference_that_repeats_another_question_at_length_is_not_published(cli: Cli, asked: Path) -> None:
    samples = list(benchmarks.load(TASK).by_hash.values())
    people(asked / "review", lambda item: "accept")
    first = next(iter(Review(asked / "review").items.values()))
    own = next(sample.question for sample in samples if sample.hash == first.id)
    foreign = next(s.question for s in samples if len(s.question) > 40 and not _repeated([s.question], [own]))
    for who in ("ann", "bo"):
        decide(asked / "review", first, who, "edit", text=foreign)
    done = cli("keys", "freeze", TASK, "--version", "v1", "--max-error", "0.2", "--folder", str(asked))
    assert done.code == 2
    assert f"the reference of {first.id} repeats" in done.err
    assert not list(asked.glob("*-v1.*"))


def test_the_drafted_references_of_a_eval_can_be_published(a_eval: benchmarks.Items) -> None:
    found = a_eval
    assert found.bundled is not None
    strings: list[str] = []
    for vote in imported(found.bundled, found):
        if vote.text is not None:
            question = found.by_hash[vote.hash].question
            own = stored(shown(vote.text, question), question)
            assert found.stretches.longest(own) < 2 * LEAST
            cut = found.stretches.cut_all(own)
            assert shown(cut, question) == shown(vote.text, question)
            strings += _strings([cut.model_dump()])
    assert len(strings) > 1000
    assert not _repeated(strings, [sample.question for sample in found.by_hash.values()])


@pytest.fixture
def a_eval(benchmarks: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A-Eval, where a machine has it."""
    from harness.keying import items

    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    return items.load("a_eval")


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if not isinstance(value, int | float | None) else ()
    return [one for part in parts for one in _strings(part)]


def _repeated(strings: list[str], questions: list[str]) -> set[str]:
    """Runs of 14 characters that stand in a question too, as they are or without white space."""
    known: set[str] = set()
    for text in questions:
        known |= _runs(text) | _runs("".join(text.split()))
    return {run for one in strings for run in (_runs(one) | _runs("".join(one.split()))) & known}


def _runs(text: str) -> set[str]:
    return {text[start : start + 14] for start in range(len(text) - 13)}


def test_one_voter_drafts_references_and_others_vote_on_them(found: Found, tmp_path: Path, loopback: Start) -> None:
    right = {sample.question: str(sample.target) for sample in read("lr")}

    def answer(body: dict[str, Any]) -> str:
        prompt = body["messages"][-1]["content"]
        own = next(target for question, target in right.items() if f"\n{question}\n" in prompt)
        if body["model"] == "drafter":
            return json.dumps({"reference": own, "kind": "exact"})
        doubts = body["model"] == "critic" and own in {"3", "4"}
        return json.dumps({"reference": f"not {own}" if doubts else own, "agree": not doubts})

    server = loopback(answer=answer)
    at = ("--folder", tmp_path / "work")
    voters = [word for name in ("drafter", "friend", "critic") for word in ("--voter", f"openai:{name}@{name}")]
    made = found("propose", TASK, *at, *voters, "--base-url", server.base_url)
    assert made["asked"] == {"drafter": 72, "friend": 72, "critic": 72}
    assert found("propose", TASK, *at, *voters, "--base-url", server.base_url)["asked"] == dict.fromkeys(made["asked"], 0)
    doubted = sum(target in {"3", "4"} for target in right.values())
    now = found("status", TASK, *at)
    assert now["agreement"] == {"unanimous": 72 - doubted, "majority": doubted, "split": 0}
    found("review", TASK, *at)
    items = Review(tmp_path / "work/review").items.values()
    assert all(item.proposal and item.proposal.reference in {"3", "4"} for item in items)
    assert all(any(reason.startswith("critic disagrees: not ") for reason in item.reasons) for item in items)
