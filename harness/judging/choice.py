"""Reply × options -> the one letter it chooses, or none.

Rules are tried in a declared order (`choice_rules.RULES`); the first that finds any letter decides, and decides only if it finds
exactly one. No letter, several, a refusal, or declared answers that contradict each other make the reply *invalid*, which counts
as wrong: guessing on the model's behalf would hide that it made no choice. The rule that decided is kept in the verdict, so
that extraction can be audited sample by sample.

Letters are never looked for freely: questions call companies A and B, and models write `A公司`, `B超`, `APP`. Only a letter
behind a cue, at an edge of the reply or under a verdict of its own counts. A reply with Arabic letters is read by the rules of
`choice_arabic` first, and by these if those find nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from harness.judging import choice_arabic
from harness.judging.arabic import is_arabic
from harness.judging.choice_reply import Letters, Reply, read
from harness.judging.choice_rules import RULES, declared
from harness.judging.text import strip_reasoning
from harness.schema import Verdict, VerdictState

JUDGE_ID: Final = "choice@1"
_MUST_AGREE: Final = frozenset({"boxed", "final", "conclusion", "select"})
"""Rules whose letter no other declared answer may contradict."""

_FIRST_LINE: Final = frozenset({"boxed", "final", "whole", "select", "leading", "text"})
"""Rules by which a first line alone is an answer, when what follows it is a copied question."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and by which rule (or why nothing was)."""

    letter: str | None
    rule: str


def find_choice(text: str, options: Mapping[str, str]) -> Choice:
    """The letter a reply chooses and the rule that found it; letter None with the reason if it makes no single clear choice.

    `options` maps capital letters to option texts, which may be empty where they are not known. Linear in the reply's length.
    """
    visible, cut = strip_reasoning(text)
    if cut or not visible:
        return Choice(None, "reasoning cut off" if cut else "empty")
    if is_arabic(visible) and (found := choice_arabic.find(visible, options)):
        return _counted(*found, options)
    reply, first = read(visible, options)
    early = _find(first, _FIRST_LINE) if first else None
    return early if early and early.letter else _find(reply)


def _find(reply: Reply, only: frozenset[str] | None = None) -> Choice:
    for name, rule in RULES:
        if (only is None or name in only) and (letters := rule(reply)):
            return _decide(reply, name, letters)
    return Choice(None, "no choice found")


def _decide(reply: Reply, rule: str, letters: Letters) -> Choice:
    found = _counted(rule, letters, reply.options.plain)
    if found.letter and rule in _MUST_AGREE and any(other != letters for other in declared(reply)):
        return Choice(None, f"{rule}: {found.letter}, contradicted")
    return found


def _counted(rule: str, letters: Letters, options: Mapping[str, str]) -> Choice:
    """The one letter, if it is one and an option."""
    if len(letters) > 1:
        return Choice(None, f"{rule}: several ({', '.join(sorted(letters))})")
    letter = next(iter(letters))
    return Choice(letter, rule) if letter in options else Choice(None, f"{rule}: {letter} is not an option")


def extract_choice(text: str, options: Mapping[str, str]) -> str | None:
    """The letter a reply chooses, None if it makes no single clear choice (see `find_choice`)."""
    return find_choice(text, options).letter


def judge_choice(text: str, options: Mapping[str, str]) -> Verdict:
    """The choice as a verdict: `ok` with the letter as label, or `invalid`; the reason names the rule."""
    choice = find_choice(text, options)
    state = VerdictState.OK if choice.letter else VerdictState.INVALID
    return Verdict(state=state, label=choice.letter, reason=choice.rule, judge=JUDGE_ID)
