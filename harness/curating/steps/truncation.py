"""Replies that stop in the middle: alpaca_gpt4_data_zh has 6,103 of them among 48,818 (card of llamafactory/alpaca_gpt4_zh).

Signs, each with how sure it makes (the doubt of the flag):

    an open code block · an empty list item, a lone opening bracket or quotation mark at the end                            0.9
    the last character is ， 、 or a comma behind a Chinese character, or ： behind a longer text                            0.9
    the last words need others behind them (因为, 例如, 以及; the, of, and)                                                  0.9
    a bracket or quotation mark opened in the last sentence, and no mark ends the reply                                     0.8
    a Markdown table row or emphasis that is left open                                                                      0.7
    the reply's other sentences end with a mark, and its last one does not                                                  0.7

A missing mark alone says little: slogans, titles, names, verse, formulas, signatures and hashtags have none. So the last sign
counts only where the last line reads like prose. Found this way is only what ends within a sentence; a list that stops behind its
sixth item of ten looks whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from harness.curating import tokens
from harness.curating.contract import Context, Drop, Ruled, StepSettings
from harness.curating.prose import open_fence, replies
from harness.schema import DataRow

Sign = tuple[str, float]

_CLOSED: Final = frozenset("。！？!?….~～”』」’）)】》〉〗]}｝》\"'`*_|♪♥❤")
_HAN: Final = "\u3400-\u4dbf\u4e00-\u9fff"
_COMMA: Final = re.compile(rf"(?:[，、]|(?<=[{_HAN}）”》\"]),)$")
_EMPTY_ITEM: Final = re.compile(r"\n[ \t]*(?:\d{1,3}[.．、)）]|[-*•·+]|#{1,6})[ \t]*$")
_OPENER: Final = re.compile("[（(【《「『“〈\\[{]$")
_WANTING: Final = re.compile(
    "(?:因为|由于|例如|比如|譬如|包括|以及|并且|而且|或者|如果|即使|虽然|尽管|不仅|不但|为了|通过|根据|关于|对于|至于|除了|诸如|乃至"
    "|(?<![参赠])与|[\u4e00-\u9fff]及其|不是因)$"
)
_WANTING_LATIN: Final = re.compile(
    r"(?<=[a-z,] )(?:the|a|an|of|and|or|with|for|from|but|that|which|because|their|its|our|your|his|they|were|are|is|was|into)$"
)
_PAIRS: Final = (("（", "）"), ("“", "”"), ("《", "》"), ("「", "」"), ("【", "】"))
_SENTENCE: Final = re.compile("[。！？!?；;\n]")
_ENDED: Final = re.compile("[。！？!?…；;.][”』」’）)】\"']{0,3}[ \t]*$")
_ITEM: Final = re.compile(r"^[ \t]*(?:\d{1,3}[.．、)）]|[（(]\d{1,3}[)）]|[-*•·]|[一二三四五六七八九十]{1,3}、)")
_NO_PROSE: Final = re.compile(r"[#@=$\\{}<>|_/+^~`%]|https?:|——|--|\*\*|此致|敬礼|祝好|谨上|敬上|署名|作者|日期|答案")
_PAIR: Final = re.compile(r"[:：][ \t]*\S{0,12}$")
"""Name and value."""
_LETTER: Final = re.compile("尊敬的|亲爱的|此致|敬礼|谨上|敬上|祝好|您诚挚的|[祝愿][您你]")
_WORDS_END: Final = re.compile(rf"[{_HAN}A-Za-z0-9]$")
_LAST: Final[Sequence[tuple[re.Pattern[str], int, Sign]]] = (
    (_OPENER, 1, ("ends with an opening mark", 0.9)),
    (_COMMA, 1, ("ends with a comma", 0.9)),
    (re.compile("[:：]$"), 61, ("ends with a colon", 0.8)),
    (_WANTING_LATIN, 1, ("ends with a word that needs another", 0.9)),
    (_WANTING, 41, ("ends with a word that needs another", 0.9)),
)
"""Pattern of the end, characters that a reply needs for it to count, sign."""
_WINDOW: Final = 4_000
"""Characters of the end that are looked at; code blocks are counted in all of it."""


class Truncation(StepSettings):
    """Signs that are less sure than `least_doubt` are passed over."""

    use: Literal["truncation"]
    of: Literal["last", "each"] = "last"
    """Which replies: a dialogue is cut at its end, pieces of dialogues anywhere."""
    least_doubt: float = Field(default=0.7, ge=0, le=1)
    least_length: int = Field(default=80, ge=0)
    """Characters below which a reply that lacks its last mark is taken for a phrase."""

    tokenizer: str | None = None
    """Of the model that wrote the replies: path of its `tokenizer.json` or folder."""
    token_limits: tuple[int, ...] = ()
    """Lengths at which that model was stopped: a reply of exactly so many tokens is cut off, however it ends."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.tokenizer is None) != (not self.token_limits):
            raise ValueError("tokenizer and token_limits go together: one counts, the other says where replies were stopped")
        return self

    def prepare(self, context: Context) -> None:
        """The tokenizer is there."""
        if self.tokenizer is not None:
            tokens.counter(self.tokenizer)

    def identity(self, context: Context) -> str:
        """The tokenizer's."""
        return "" if self.tokenizer is None else tokens.sha256(self.tokenizer)

    def build(self, context: Context) -> TruncationStep:
        """With the tokenizer, where one is wanted."""
        return TruncationStep(self, None if self.tokenizer is None else tokens.counter(self.tokenizer))


class TruncationStep:
    """Looks at the end of each reply."""

    def __init__(self, settings: Truncation, count: tokens.Counter | None = None) -> None:
        self.settings = settings
        self._count = count

    def rule(self, rows: Sequence[DataRow]) -> list[Ruled]:
        """By `_one`."""
        return [self._one(row) for row in rows]

    def _one(self, row: DataRow) -> Ruled:
        said = replies(row)
        for reply in said if self.settings.of == "each" else said[-1:]:
            found = sign(reply, self.settings.least_length)
            if found is None and self._count is not None and (length := self._count([reply])[0]) in self.settings.token_limits:
                found = f"exactly {length} tokens", 0.9
            if found and found[1] >= self.settings.least_doubt:
                return Drop(row, "reply is cut off", found[0], found[1])
        return row


def sign(reply: str, least_length: int = 80) -> Sign | None:
    """What shows that a reply stops in the middle, and how sure that is; None where it seems whole."""
    if open_fence(reply):
        return "open code block", 0.9
    text = reply.rstrip()[-_WINDOW:].replace("\u200d", "")
    if not text or text.endswith(("```", "~~~")):
        return None
    return _last_character(text) or _open_pair(text) or _markdown(text) or _last_line(text, least_length)


def _last_character(text: str) -> Sign | None:
    if _EMPTY_ITEM.search(text[-40:]):
        return "empty list item", 0.9
    if text[-1] in _CLOSED:
        return None
    for pattern, least, found in _LAST:
        if len(text) >= least and pattern.search(text[-60:]):
            return found
    return None


def _open_pair(text: str) -> Sign | None:
    """A bracket or quotation mark of the last sentence that nothing closes."""
    if text[-1] in _CLOSED:
        return None
    tail = _last_sentence(text)
    for opener, closer in _PAIRS:
        if tail.rfind(opener) > tail.rfind(closer):
            return f"open {opener}", 0.8
    if tail.rfind("(") > tail.rfind(")") and not _is_formula(tail):
        return "open (", 0.8
    return None


def _markdown(text: str) -> Sign | None:
    line = text[text.rfind("\n") + 1 :].strip()
    if line.startswith("|") and not line.endswith("|") and text.count("|\n") >= 2:
        return "open table row", 0.7
    if line.count("**") % 2 and not line.endswith("**") and text[-1] not in _CLOSED:
        return "open emphasis", 0.7
    return None


def _last_line(text: str, least_length: int) -> Sign | None:
    """A last line of prose without a mark, where the others have theirs."""
    if text[-1] in _CLOSED or len(text) < least_length or not _WORDS_END.search(text[-1]):
        return None
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    last, tail = lines[-1], _last_sentence(lines[-1])
    is_item = bool(_ITEM.match(last))
    if _NO_PROSE.search(tail) or (not is_item and _PAIR.search(last[-30:])):
        return None
    others = [line for line in lines[:-1] if len(line) >= 8 and line[-1] not in "：:"]
    ended = sum(bool(_ENDED.search(line[-8:])) for line in others)
    if len(tail) < len(last) - 6 and ended * 2 >= len(others):
        return "the last sentence has no end", 0.7
    return _unlike(last, is_item, others, text) if others and ended == len(others) else None


def _unlike(last: str, is_item: bool, others: Sequence[str], text: str) -> Sign | None:
    """A last line of one sentence, where every other line ends with a mark."""
    if is_item:
        return ("the last item has no end", 0.7) if any(_ITEM.match(line) for line in others) else None
    if len(others) < 2 or len(last) < 8 or _LETTER.search(text):
        return None
    return "the last sentence has no end", 0.7


def _last_sentence(text: str) -> str:
    """Behind the last mark that ends a sentence."""
    start = 0
    for mark in _SENTENCE.finditer(text, max(0, len(text) - 600)):
        start = mark.end()
    return text[start:]


def _is_formula(text: str) -> bool:
    return bool(re.search(r"[=+*/^\\]|:\($|;\($", text))
