"""Replies that call themselves GPT or a language model, and replies that can only ask for what the question lacks.

BELLE dropped both from train_1M ("self-called GPT模型", unanswerable inputs). `mode = "strip"` takes away only a clause at the
beginning of a reply (作为一个AI语言模型，…) and keeps what is left, so that a refusal stays a refusal; who then still speaks of
itself is ruled on as if nothing had been stripped. Who is asked what it is may say so, but not by a product's name.
The patterns are a table, `words/self_naming.toml`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal

from harness.curating import words
from harness.curating.contract import Context, Drop, Ruled, StepSettings
from harness.curating.prose import questions, replies, saying, without_code
from harness.schema import DataRow

TABLE: Final = "self_naming"
What = Literal["product", "persona", "missing_input", "unseen"]

_WHY: Final = {
    "product": "calls itself a product",
    "persona": "calls itself a language model",
    "missing_input": "asks for what is missing",
    "unseen": "cannot see or make it",
}
_HEAD: Final = 160
"""Characters of a reply in which a request for input must stand; later it is a friendly end."""
_LONGEST: Final = 20_000
_LONG: Final = 400
"""Characters from which a reply that asks for input still says something."""
_ASKED_WHO: Final = re.compile(
    "你(?:究竟|到底|真的)?(?:是|叫|算)(?:谁|什么|哪|不是|否|个?机器|人|真人|AI|ai|人工智能|ChatGPT|GPT)|你的(?:名字|身份|开发者|创造者)|谁(?:开发|创造|训练|制造)了?你"
    "|你(?:有|会|能|可以|需要|想)[^。\\n]{0,8}(?:感情|情感|意识|身体|生命|吃饭|睡觉|做梦|疼|累|思考|自我)|介绍(?:一下)?(?:你)?自己|自我介绍"
)
_CLAUSE: Final = re.compile(
    r"^[ \t]*(?P<sorry>(?:(?:很|非常|十分)?(?:抱歉|对不起|遗憾|不好意思)|我(?:很|非常)?抱歉|您好|你好)[，,。！! ]{1,3})?"
    r"(?:但是?[，, ]{0,2})?"
    r"(?:(?:我)?(?:作为|身为)|(?P<because>由于|因为)我?(?:只|仅)?是|我(?:只|仅仅?)?是)"
    r" ?(?:一个|一名|一款|一种|一位|一|个)?[^，。！？,!?\n]{0,24}"
    r"(?:模型|助手|助理|机器人|AI|人工智能|程序|ChatGPT|GPT(?:-?\d)?)[，,][ \t]*(?(because)(?:所以|因此|因而)?[，, ]{0,2})",
)
_ENGLISH_CLAUSE: Final = re.compile(r"^[ \t]*[Aa]s an? (?:large )?(?:AI|language|artificial intelligence)[^,.\n]{0,40},[ \t]*")
_LEAST: Final = 8
"""Characters that must be left of a reply."""


class SelfNaming(StepSettings):
    """Looks at every reply; requests for input only at the beginning of short ones."""

    use: Literal["self_naming"]
    mode: Literal["drop", "strip"] = "drop"
    what: tuple[What, ...] = ("product", "persona", "missing_input", "unseen")
    spare_identity: bool = True
    """A row that asks the model what it is may be answered."""

    def identity(self, context: Context) -> str:
        """The table's: its rules change."""
        return words.sha256(TABLE)

    def build(self, context: Context) -> SelfNamingStep:
        """Compiles the table, once a process."""
        return SelfNamingStep(self)


class SelfNamingStep:
    """Strips first, where that is wanted; then asks the rules."""

    def __init__(self, settings: SelfNaming) -> None:
        self.settings = settings
        self._rules = [one for one in words.table(TABLE) if one.rule.name in settings.what]

    def rule(self, rows: Sequence[DataRow]) -> list[Ruled]:
        """By `_one`."""
        return [self._one(row) for row in rows]

    def _one(self, row: DataRow) -> Ruled:
        if self.settings.mode == "strip":
            row = saying(row, [stripped(turn.content) if turn.role == "assistant" else turn.content for turn in row.messages])
        asked_who: bool | None = None
        for reply in replies(row):
            text = without_code(reply[:_LONGEST])
            for one in self._rules:
                if (match := self._found(one, text)) is None:
                    continue
                if one.rule.name == "persona" and self.settings.spare_identity:
                    asked_who = bool(_ASKED_WHO.search(questions(row))) if asked_who is None else asked_who
                    if asked_who:
                        continue
                return Drop(row, _WHY[one.rule.name], " ".join(match[0].split())[:60], one.rule.doubt)
        return row

    @staticmethod
    def _found(rule: words.Compiled, text: str) -> re.Match[str] | None:
        if rule.rule.name in ("product", "persona"):
            return rule.search(text)
        return rule.search(text[:_HEAD]) if len(text) < _LONG else None


def stripped(reply: str) -> str:
    """The reply without a leading clause that says what its writer is; the same where too little would be left."""
    found = _CLAUSE.match(reply) or _ENGLISH_CLAUSE.match(reply)
    if found is None:
        return reply
    sorry = found.groupdict().get("sorry") or ""
    rest = reply[found.end() :]
    if len(rest.strip()) < _LEAST:
        return reply
    return sorry + (rest if found.re is _CLAUSE else rest[:1].upper() + rest[1:])
