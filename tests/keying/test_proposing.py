"""`harness keys propose`: voters, drafted keys, what goes wrong with both, and votes that lie on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.keying import items as benchmarks
from tests.conftest import Cli
from tests.keying.conftest import Found
from tests.keying.made import MCQ, draft, truth
from tests.loopback import Loopback

Start = Callable[..., Loopback]
KNOWN: dict[str, list[str]] = {}
"""Stem of a question -> its right answers, in words."""


@pytest.fixture
def small() -> str:
    """One task of 36 items, and what `voting` must know."""
    for sample in benchmarks.load("demo_mcq_cv").by_hash.values():
        stem = sample.question.splitlines()[-2] if "\n" in sample.question else sample.question
        KNOWN.setdefault(stem, []).append(sample.options[truth()[sample.hash]])
    return "demo_mcq_cv"


def voting(body: dict[str, Any]) -> str:
    """A model that knows every answer; `fond` likes the letter A, `mute` says nothing clear."""
    prompt = body["messages"][-1]["content"]
    if body["model"] == "mute":
        return "Who knows."
    if body["model"] == "fond":
        return "A"
    lines = dict(reversed(line.split(". ", 1)) for line in prompt.splitlines()[-2:])
    return next(lines[text] for text in KNOWN[prompt.splitlines()[-3]] if text in lines)


def test_a_voter_who_likes_a_letter_disagrees_with_itself(found: Found, tmp_path: Path, loopback: Start, small: str) -> None:
    server = loopback(answer=voting)
    at = ("--folder", tmp_path / "work")
    made = found("propose", small, *at, "--voter", "openai:fond@f", "--base-url", server.base_url)
    assert made["asked"] == {"fond": 108}
    assert found("status", small, *at)["agreement"]["unanimous"] == 0
    assert found("review", small, *at)["items"] == 36


def test_votes_are_kept_and_asked_once(found: Found, tmp_path: Path, loopback: Start, small: str) -> None:
    server = loopback(answer=voting)
    at = ("--folder", tmp_path / "work", "--base-url", server.base_url)
    first = found("propose", small, *at, "--voter", "openai:wise@w")
    assert (first["asked"], first["unjudged"]) == ({"wise": 108}, {"wise": 0})
    again = found("propose", small, *at, "--voter", "openai:wise@w", "--voter", f"{server.base_url}#mute@m")
    assert (again["asked"], again["kept"]) == ({"wise": 0, "mute": 108}, {"wise": 108, "mute": 0})
    assert len(server.requests) == 216
    now = found("status", small, "--folder", tmp_path / "work")
    assert (now["votes"], now["unjudged"], now["agreement"]["unanimous"]) == (216, 108, 0)
    text = (tmp_path / "work/proposals.jsonl").read_text(encoding="utf-8")
    assert not any(sample.question[:14] in text for sample in benchmarks.load(small).by_hash.values())


def test_failed_requests_are_asked_again_by_the_same_command(
    cli: Cli, found: Found, tmp_path: Path, loopback: Start, small: str
) -> None:
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
    again = found("propose", small, *at)
    assert (again["asked"], again["failed"]) == ({"wise": 36}, 0)
    assert found("status", small, "--folder", tmp_path / "work")["agreement"]["unanimous"] == 36


def test_what_an_interrupted_voter_was_not_asked_is_not_unanimous(
    found: Found, tmp_path: Path, loopback: Start, small: str
) -> None:
    server = loopback(answer=voting)
    at = ("--folder", tmp_path / "work", "--base-url", server.base_url)
    found("propose", small, *at, "--voter", "openai:wise@w", "--voter", "openai:sage@s")
    path = tmp_path / "work/proposals.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    assert [json.loads(line)["voter"] for line in (lines[107], lines[108])] == ["wise", "sage"]
    path.write_text("".join(lines[: 108 + 40]), encoding="utf-8")
    now = found("status", small, "--folder", tmp_path / "work")
    assert now["agreement"] == {"unanimous": 13, "majority": 1, "split": 22}
    assert any("68 questions were not asked" in note for note in now["notes"])
    assert found("propose", small, *at, "--voter", "openai:sage@s")["asked"] == {"sage": 68}
    assert found("status", small, "--folder", tmp_path / "work")["agreement"]["unanimous"] == 36


def test_a_local_model_votes(found: Found, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.keying.asking.TOKENS", {"choice": 2, "text": 2})
    made = found("propose", "demo_mcq_cv", "--folder", tmp_path / "work", "--voter", f"{tiny_model}@tiny")
    assert list(made["asked"].values()) == [108]


def test_a_family_can_be_left_out(cli: Cli, found: Found, tmp_path: Path, loopback: Start, small: str) -> None:
    server = loopback(answer=voting)
    one, two = tmp_path / "all", tmp_path / "without"
    at = ("--base-url", server.base_url)
    found("propose", small, "--folder", one, *at, "--voter", "openai:wise@w", "--voter", "openai:fond@f")
    without = ("propose", small, "--folder", two, "--from", one / "proposals.jsonl")
    found(*without, "--exclude-family", "f")
    assert found("status", small, "--folder", two)["voters"] == {"wise": "w"}
    found("audit", small, "--folder", two)
    assert sum(found(*without)["imported"].values()) == 0
    done = cli("keys", "propose", small, "--folder", str(two), *at, "--voter", "openai:fond@f")
    assert (done.code, "left out" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("voters", "why"),
    [
        (("openai:wise@v",), "voter 'wise' is of family 'w' here, not 'v'"),
        (("openai:sage@s", "{url}#sage@s"), "two voters of one name"),
    ],
)
def test_a_name_stands_for_one_voter(
    cli: Cli, found: Found, tmp_path: Path, loopback: Start, small: str, voters: tuple[str, ...], why: str
) -> None:
    server = loopback(answer=voting)
    at = ("--folder", str(tmp_path / "work"), "--base-url", server.base_url)
    found("propose", small, *at, "--voter", "openai:wise@w")
    named = [word for one in voters for word in ("--voter", one.format(url=server.base_url))]
    done = cli("keys", "propose", small, *at, *named)
    assert done.code == 2
    assert why in done.err
    assert len(server.requests) == 108


def test_another_key_of_the_same_name_does_not_push_the_first_aside(cli: Cli, found: Found, voted: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    same = draft(tmp_path / "other/mine-v0.jsonl", wrong=9)
    done = cli("keys", "propose", MCQ, "--folder", str(voted), "--from", str(same))
    assert done.code == 2
    assert "has other votes of 'mine-v0#1' than those that are there; rename the file" in done.err
    assert found("status", MCQ, "--folder", voted)["votes"] == 360


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("propose", MCQ), "nobody to propose answers"),
        (("propose", MCQ, "--drafted"), "no key comes with 'demo_mcq'"),
        (("propose", MCQ, "--voter", "openai:x"), "a voter is MODEL@FAMILY"),
        (("propose", MCQ, "--voter", "openai:x@f"), "needs its server: --base-url"),
        (("propose", MCQ, "--from", "nowhere.jsonl"), "nowhere.jsonl"),
        (("propose", "demo_risk", "--drafted"), "has no right answers"),
        (("propose", "demo_mqc", "--drafted"), "demo_mcq"),
        (("review", MCQ), "begin with harness keys propose"),
        (("audit", MCQ), "begin with harness keys propose"),
        (("status", MCQ), "begin with harness keys propose"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(cli: Cli, tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    done = cli("keys", *words, "--folder", str(tmp_path / "work"))
    assert done.code == 2
    assert why in done.err
    assert len(done.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "is not a vote"),
        ('{"hash": "0000000000000000", "voter": "v", "family": "f"}', "which is no question of it"),
        ("[]", "is not a vote"),
        ('{"hash": "HASH", "voter": "v", "family": "f", "answer": "Q"}', "votes 'Q' on HASH, which has AB"),
        ('{"hash": "HASH", "voter": "v", "family": "f", "text": {"reference": "r"}}', "proposes a text for HASH"),
    ],
)
def test_a_broken_line_of_votes_is_named(cli: Cli, voted: Path, line: str, why: str) -> None:
    first = next(iter(truth()))
    with (voted / "proposals.jsonl").open("a", encoding="utf-8") as file:
        file.write(line.replace("HASH", first) + "\n")
    done = cli("keys", "status", MCQ, "--folder", str(voted))
    assert done.code == 2
    assert "proposals.jsonl:361: " in done.err
    assert why.replace("HASH", first) in done.err


def test_a_torn_last_vote_is_asked_for_again(found: Found, voted: Path, tmp_path: Path) -> None:
    path = voted / "proposals.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    again = found("propose", MCQ, "--folder", voted, "--from", tmp_path / "mine-v0.jsonl")
    assert list(again["imported"].values()) == [1]
    assert found("status", MCQ, "--folder", voted)["votes"] == 360


def test_a_folder_is_of_the_questions_that_it_was_begun_with(cli: Cli, voted: Path) -> None:
    about = voted / "key.json"
    about.write_text(about.read_text(encoding="utf-8").replace('"items_sha256": "', '"items_sha256": "0'), encoding="utf-8")
    done = cli("keys", "status", MCQ, "--folder", str(voted))
    assert done.code == 2
    assert "has other questions than when this was begun" in done.err
