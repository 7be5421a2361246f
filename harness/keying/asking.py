"""Item -> what a voter is asked, and its reply -> a vote.

A voter sees each multiple-choice item several times, with its options in other orders and under other letters: a model that likes
the letter A, or the first line, then disagrees with itself. Its letter is turned back into the item's own.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import ascii_uppercase
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.data.options import parse_options
from harness.judging.choice import find_choice
from harness.judging.text import strip_reasoning
from harness.keying.ranges import shown, stored
from harness.schema import KeyText, KeyVote, Message, ProposedText, Sample

LEAST_ORDERS: Final = 3
LONGEST: Final = 16_000
"""Characters of a reply that holds a reference; more is no vote."""
MOST_FORMS: Final = 50
PARAMS: Final[Mapping[str, Any]] = {"temperature": 0.0}
TOKENS: Final = {"choice": 1024, "text": 2048}
"""Room for a reply, reasoning included."""
TEXT_FORMAT: Final[Mapping[str, Any]] = {"type": "json_object"}


@dataclass(frozen=True)
class Asked:
    """One question to one voter."""

    sample: Sample
    order: str
    messages: tuple[Message, ...]
    draft: ProposedText | None = None

    @property
    def digest(self) -> str:
        """16 hex digits of what is sent."""
        sent = json.dumps([turn.model_dump(mode="json") for turn in self.messages], ensure_ascii=False)
        return hashlib.sha256(sent.encode()).hexdigest()[:16]


def orders(letters: str, wanted: int = LEAST_ORDERS) -> tuple[str, ...]:
    """Orders of the options: as they are, turned round, then others, spread evenly over all permutations.

    Of two options there are the given order, the swapped one, and the swapped lines with their own letters (`=BA`).

    Raises:
        ValueError: fewer than two options.
    """
    if len(letters) < 2:
        raise ValueError("options are put in another order where there are at least two")
    if len(letters) == 2:
        return (letters, letters[::-1], f"={letters[::-1]}")[:wanted]
    first = [letters, letters[::-1]]
    turned = (letters[shift:] + letters[:shift] for shift in range(1, len(letters)))
    rest = ("".join(one) for one in itertools.permutations(letters[:6]) if len(letters) <= 6)
    return tuple(dict.fromkeys(itertools.chain(first, turned, rest)))[:wanted]


def choice(sample: Sample, order: str) -> Asked:
    """A multiple-choice item with its options in that order."""
    lines = [f"{letter}. {text}" for letter, text in _as_shown(sample, order)]
    question = "\n".join([stem(sample), *lines])
    return Asked(sample, order, (*sample.history, Message(role="user", content=_prompt("choice").format(question=question))))


def text(sample: Sample, drafted: ProposedText | None) -> Asked:
    """A question without options: to be answered, or its drafted reference to be voted on."""
    mark = f"<<{sample.hash}>>"
    if drafted is None:
        content = _prompt("propose").format(mark=mark, question=sample.question)
    else:
        key = shown(drafted, sample.question)
        forms = [f"also right: {form}" for form in key.accept] + [f"needed: {point}" for point in key.points]
        body = "\n".join([key.reference, *forms])
        content = _prompt("vote").format(mark=mark, question=sample.question, draft=body)
    return Asked(sample, "", (*sample.history, Message(role="user", content=content)), drafted)


def stem(sample: Sample) -> str:
    """The question without its options, where they stand in it."""
    parsed = parse_options(sample.question)
    return parsed.stem if list(parsed.options.values()) == list(sample.options.values()) else sample.question


def read_choice(asked: Asked, reply: str | None, voter: str, family: str, failed: str = "") -> KeyVote:
    """The vote in a reply; `unjudged` where it makes no single clear choice, or never came."""
    vote = KeyVote(hash=asked.sample.hash, voter=voter, family=family, asked=asked.digest, order=asked.order)
    if failed or reply is None:
        return vote.model_copy(update={"unjudged": failed or "no reply"})
    pairs = _as_shown(asked.sample, asked.order)
    found = find_choice(reply, dict(sorted(pairs)))
    if found.letter is None:
        return vote.model_copy(update={"unjudged": f"no clear choice ({found.rule})"})
    own = asked.order.lstrip("=")
    letter = found.letter if asked.order.startswith("=") else own[[shown for shown, _ in pairs].index(found.letter)]
    return vote.model_copy(update={"answer": letter})


class _Reply(BaseModel):
    """What a voter is to say of a question without options."""

    model_config = ConfigDict(extra="ignore")

    reference: str
    accept: list[str] = []
    points: list[str] = []
    kind: Literal["exact", "set", "open"] = "open"
    agree: bool | None = None


def read_text(asked: Asked, reply: str | None, voter: str, family: str, failed: str = "") -> KeyVote:
    """The reference, or the vote on one, in a reply."""
    vote = KeyVote(hash=asked.sample.hash, voter=voter, family=family, asked=asked.digest)
    said = None if failed or reply is None else _reply(reply)
    if said is None or not said.reference.strip() or (asked.draft is not None and said.agree is None):
        return vote.model_copy(
            update={"unjudged": failed or ("no reply" if reply is None else "no answer in the form asked for")}
        )
    if said.agree:
        return vote.model_copy(update={"agrees": True})
    key = KeyText(reference=said.reference.strip(), accept=_clean(said.accept), points=_clean(said.points))
    own = stored(key, asked.sample.question, said.kind)
    return vote.model_copy(update={"text": own, "agrees": None if asked.draft is None else False})


def _reply(text: str) -> _Reply | None:
    """The last JSON object of a reply that is one."""
    visible, cut = strip_reasoning(text[: LONGEST + 1])
    if cut or len(visible) > LONGEST:
        return None
    decoder, found = json.JSONDecoder(), None
    for start in [match.start() for match in re.finditer(r"\{", visible)][:MOST_FORMS]:
        try:
            found = _Reply.model_validate(decoder.raw_decode(visible, start)[0])
        except (ValueError, RecursionError, ValidationError):
            continue
    return found


def _clean(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip() for text in texts[:MOST_FORMS] if text.strip()))


def _as_shown(sample: Sample, order: str) -> list[tuple[str, str]]:
    """(letter, text) of each line."""
    own = order.lstrip("=")
    letters = own if order.startswith("=") else ascii_uppercase[: len(own)]
    return [(letter, sample.options[original]) for letter, original in zip(letters, own, strict=True)]


@cache
def _prompt(name: str) -> str:
    return (Path(__file__).parent / "prompts" / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")
