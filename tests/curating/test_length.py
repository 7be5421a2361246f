"""Bounds of length, each with its own reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from harness.curating.contract import Context, Drop
from harness.curating.steps.length import Length, LengthStep
from harness.errors import UsageError
from harness.schema import DataRow, Message
from tests.curating.made import row


@pytest.fixture
def by_character(tmp_path: Path) -> Path:
    """A folder with a tokenizer that makes a token of every character."""
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split

    tokenizer = Tokenizer(WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def why(given: DataRow, **settings: Any) -> tuple[str, str] | None:
    [ruled] = LengthStep(Length(use="length", **settings)).rule([given])
    return (ruled.why, ruled.detail) if isinstance(ruled, Drop) else None


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"least_reply": 4}, ("reply too short", "3 characters")),
        ({"most_reply": 2}, ("reply too long", "3 characters")),
        ({"least_question": 3}, ("question too short", "2 characters")),
        ({"most_question": 1}, ("question too long", "2 characters")),
        ({"most": 4}, ("too long", "5 characters")),
        ({"least_turns": 3}, ("too few turns", "2")),
    ],
)
def test_each_bound_has_its_reason(settings: dict[str, int], reason: tuple[str, str]) -> None:
    assert why(row("问题", "回答。"), **settings) == reason


def test_bounds_belong_to_what_they_allow() -> None:
    bounds = {
        "least_reply": 3,
        "most_reply": 3,
        "least_question": 2,
        "most_question": 2,
        "most": 5,
        "least_turns": 2,
        "most_turns": 2,
    }
    assert why(row("问题", "回答。"), **bounds) is None


def test_every_reply_and_question_of_a_dialogue_counts() -> None:
    said = [("user", "第一问"), ("assistant", "第一答"), ("user", "二"), ("assistant", "好")]
    turns = tuple(Message(role=role, content=text) for role, text in said)  # type: ignore[arg-type]
    dialogue = DataRow(source="made", source_id="1", messages=turns)
    assert why(dialogue, least_reply=2) == ("reply too short", "1 characters")
    assert why(dialogue, least_question=2) == ("question too short", "1 characters")
    assert why(dialogue, most_turns=3) == ("too many turns", "4")
    assert why(dialogue) is None


def test_tokens_are_counted_by_a_tokenizer_of_a_folder(by_character: Path) -> None:
    from harness import culture

    context = Context(culture.load("demo"), by_character, 1, [])
    settings = Length(use="length", tokenizer=str(by_character), most_tokens=5)
    settings.prepare(context)
    short, long = row("一", "二"), row("一二三四五", "一二三四五六七八九十")
    ruled = settings.build(context).rule([short, long])
    assert ruled[0] is short
    assert isinstance(ruled[1], Drop)
    assert (ruled[1].why, ruled[1].detail) == ("too many tokens", "16 tokens")
    assert len(settings.identity(context)) == 64


def test_a_missing_or_broken_tokenizer_is_named_before_any_work(tmp_path: Path) -> None:
    from harness import culture

    context = Context(culture.load("demo"), tmp_path, 1, [])
    with pytest.raises(UsageError, match="there is no tokenizer at '.*nowhere'"):
        Length(use="length", tokenizer=str(tmp_path / "nowhere"), most_tokens=5).prepare(context)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageError, match=r"tokenizer.json' is no tokenizer"):
        Length(use="length", tokenizer=str(tmp_path), most_tokens=5).prepare(context)


def test_a_bound_in_tokens_needs_a_tokenizer() -> None:
    with pytest.raises(ValidationError, match="go together"):
        Length(use="length", most_tokens=5)
