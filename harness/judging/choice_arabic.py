"""Arabic reply × options -> the letters that the first rule to find any has found; `choice` decides as it does for other rules.

Options go by A-D; a reply may name them `أ ب ج د` (or `أ ب ت ث`), A-D, by number behind `الخيار`, by an ordinal, by a letter's
name or by their text. As in `choice_rules`, letters are never looked for freely: ب is a prefix, `د.` a title, `ج:` the word for
answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from harness.judging import choice_arabic_words as words
from harness.judging.arabic import fold
from harness.judging.choice_reply import NONE, Letters, clean
from harness.judging.text import normalise

_SHORT: Final = 60
"""Characters of a reply in which a letter without any cue may be the answer."""
_CLAUSE: Final = 60
_CUES: Final = 100
"""Cues of one kind that are followed up: half from the start, half from the end."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A folded reply with the options it may choose from."""

    text: str
    plain: dict[str, str]
    """Letter -> normalised text."""
    patterns: tuple[tuple[str, re.Pattern[str]], ...]
    """(letter, pattern of its folded text), longest text first."""

    def before(self, at: int) -> str:
        """The clause up to a position."""
        return words.CLAUSE.split(self.text[max(0, at - _CLAUSE) : at])[-1]

    def asks(self, at: int) -> bool:
        """Whether the clause from here on ends in a question mark."""
        end = words.CLAUSE.search(self.text, at, at + _CLAUSE)
        return bool(end) and end[0] == "?" if end else False

    def same_text(self, text: str) -> Letters:
        """Letters whose text equals this one."""
        plain = normalise(text)
        return frozenset(letter for letter, own in self.plain.items() if own and own == plain)

    def text_at(self, at: int) -> Letters:
        """Letters whose option text stands at a position as a whole."""
        for _, pattern in self.patterns:
            if found := pattern.match(self.text, at):
                return self.same_text(found[0])
        return NONE

    def own_text(self, letter: str, at: int) -> bool:
        """Whether the letter's own text stands behind it."""
        start = _GAP.match(self.text, at)
        return letter in self.text_at(start.end() if start else at)

    def denied(self, letter: str, start: int, end: int) -> bool:
        """Whether the words around a letter call it wrong, unless what follows is its own text."""
        if words.DENIED_BEFORE.search(self.before(start)):
            return True
        return bool(words.DENIED_AFTER.match(self.text, end)) and not self.own_text(letter, end)

    def group(self, found: re.Match[str]) -> tuple[Letters, int]:
        """The letter of a match with those joined to it (`أ وب`, `A, C`), and where they end."""
        letters, end = {letter_of(found[1])}, found.end(1)
        for _ in range(8):
            joined = words.JOIN.match(self.text, end)
            after = words.JOINED.match(self.text, joined.end()) if joined else None
            if after is None or not joined or (joined[0].strip(" \"')»]") == "," and not _ALONE.match(self.text, after.end())):
                break
            letters.add(letter_of(after[1]))
            end = after.end(1)
        return frozenset(letters), end

    def target(self, at: int) -> Letters:
        """What is declared behind a cue: a letter or group, a number, an ordinal, a letter's name, an option's text."""
        refused = words.NOT_BUT.match(self.text, at)
        filler = words.FILLER.match(self.text, refused.end() if refused else at)
        start = filler.end() if filler else at
        if token := words.TOKEN.match(self.text, start):
            letters, end = self.group(token)
            alone = len(letters) > 1 or not words.TITLE.match(self.text, end) or self.own_text(letter_of(token[1]), end)
            if not alone or self.denied(letter_of(token[1]), start if refused else at, end):
                return NONE
            return letters | self.other(letters, end)
        named = words.NAMED.match(self.text, start)
        if named and not words.DENIED_AFTER.match(self.text, named.end()):
            return frozenset(words.NAMES[named[1]])
        return self.counted(max(at, start - 14), start + 14) or self.text_at(start)

    def other(self, letters: Letters, end: int) -> Letters:
        """Letters of another option whose text stands right behind the only one."""
        gap = _GAP.match(self.text, end)
        found = self.text_at(gap.end() if gap else end)
        return found if len(letters) == 1 and not letters & found else NONE

    def counted(self, start: int, end: int) -> Letters:
        """Options named otherwise between two positions: `الخيار رقم 2`, `الخيار الثاني`, `حرف الباء`."""
        numbers = {"ABCDE"[int(one[1]) - 1] for one in words.COUNTED.finditer(self.text, start, end)}
        ordinals = {words.ORDINALS[one["ordinal"]] for one in words.ORDINAL.finditer(self.text, start, end + 8)}
        named = {words.NAMES[one[1]] for one in words.NAMED_LETTER.finditer(self.text, start, end)}
        return frozenset(numbers | ordinals | named)

    def tokens(self, start: int, end: int) -> Letters:
        """Letters between two positions that stand for options and are not denied."""
        found: set[str] = set()
        for one in words.TOKEN.finditer(self.text, start, end):
            letter = letter_of(one[1])
            titled = words.TITLE.match(self.text, one.end()) and not self.own_text(letter, one.end())
            if not titled and not self.denied(letter, one.start(), one.end()):
                found |= self.group(one)[0]
        return frozenset(found)


_GAP: Final = re.compile(r"\s?[\"')»\]]*\s?[.:,)\-–—]?\s?[\"'(«]?")
"""Between a letter and the text it labels."""
_ALONE: Final = re.compile(r"[\"')»\]]*\s?(?:$|[.,;!?\n])")


def letter_of(token: str) -> str:
    """Our letter of an option letter."""
    return words.LETTERS.get(token, token.upper())


def read(text: str, options: Mapping[str, str]) -> Reply:
    """A visible reply, cleaned and folded, without what a base model goes on to ask itself."""
    folded = fold(clean(text))
    cut = words.RUN_ON.search(folded)
    folded = folded[: cut.start()].strip() if cut else folded
    texts = {letter: fold(clean(own)).strip(" .!?\"'«»") for letter, own in options.items()}
    longest = sorted((item for item in texts.items() if item[1]), key=lambda item: -len(item[1]))
    patterns = tuple((letter, re.compile(r"\s?".join(map(re.escape, own.split())) + r"(?!\w)", re.I)) for letter, own in longest)
    return Reply(folded, {letter: normalise(own) for letter, own in texts.items()}, patterns)


def _cues(reply: Reply, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
    found = list(pattern.finditer(reply.text))
    yield from found if len(found) <= _CUES else found[: _CUES // 2] + found[-_CUES // 2 :]


def _behind(reply: Reply, pattern: re.Pattern[str]) -> Letters:
    """Letters behind every cue of a kind that is meant."""
    found = NONE
    for cue in _cues(reply, pattern):
        before = reply.before(cue.start())
        if not words.HYPOTHETICAL.search(before) and not words.DENIED_BEFORE.search(before) and not reply.asks(cue.end()):
            found |= reply.target(cue.end())
    return found


def boxed(reply: Reply) -> Letters:
    r"""`\boxed{ب}`."""
    return frozenset(letter_of(one[1]) for one in words.BOXED.finditer(reply.text))


def final(reply: Reply) -> Letters:
    """`الإجابة الصحيحة هي ب`, `الجواب: (ج)`."""
    return _behind(reply, words.FINAL)


def whole(reply: Reply) -> Letters:
    """Nothing but a letter, with or without its option's text."""
    mark = words.ANSWER_MARK.match(reply.text)
    start = mark.end() if mark else 0
    found = words.WHOLE.match(reply.text, start)
    if not found:
        return NONE
    letter, rest = letter_of(found[1]), reply.text[found.end() :].strip(" \n.,;!\"'»)(")
    return frozenset(letter) if not rest or letter in reply.same_text(rest) else NONE


def conclusion(reply: Reply) -> Letters:
    """The last conclusion that names a letter: `لذلك فالخيار ب`."""
    found = NONE
    for cue in _cues(reply, words.CONCLUSION):
        stop = words.SENTENCE.search(reply.text, cue.end())
        end = stop.start() if stop else len(reply.text)
        letters = reply.tokens(cue.end(), end) or reply.counted(cue.end(), end)
        found = letters if letters and not (stop and stop[0] == "?") else found
    return found


def select(reply: Reply) -> Letters:
    """`أختار ب`; not `لا أختار أ`."""
    return _behind(reply, words.SELECT)


def opinion(reply: Reply) -> Letters:
    """`أعتقد أنها ب`, `هي ب`."""
    return _behind(reply, words.THOUGHT)


def leading(reply: Reply) -> Letters:
    """The reply opens with a letter and goes on to explain it; not the first item of a list of all options."""
    found = words.LEADING.match(reply.text)
    if not found or len({letter_of(one) for one in words.LABEL.findall(reply.text)} & set(reply.plain)) > 1:
        return NONE
    letters, end = reply.group(found)
    letter = letter_of(found[1])
    said_answer = found[1] == "ج" and found["mark"] == ":" and not reply.own_text(letter, end)
    titled = words.TITLE.match(reply.text, end) and found["mark"] == "." and found[1] in "اد" and not reply.own_text(letter, end)
    if said_answer or titled or reply.denied(letter, found.start(1), end):
        return NONE
    return letters | reply.other(letters, end)


def trailing(reply: Reply) -> Letters:
    """The last line or sentence is a letter."""
    found = words.TRAILING.search(reply.text[-40:])
    return frozenset(letter_of(found[1])) if found else NONE


def marked(reply: Reply) -> Letters:
    """Those called right: `أ خاطئة، ب صحيحة`."""
    found = set()
    for one in words.TOKEN.finditer(reply.text):
        before = reply.before(one.start())
        doubted = words.DENIED_BEFORE.search(before) or words.HYPOTHETICAL.search(before)
        if words.RIGHT_AFTER.match(reply.text, one.end()) and not doubted:
            found.add(letter_of(one[1]))
    return frozenset(found)


def counted(reply: Reply) -> Letters:
    """The only option that is named by number or ordinal: `الخيار الثاني هو الأنسب`."""
    return reply.counted(0, len(reply.text)) if not words.DENIED_BEFORE.search(reply.before(len(reply.text))) else NONE


def text(reply: Reply) -> Letters:
    """The reply, a line of it or its first clause is exactly the text of an option."""
    mark = words.ANSWER_MARK.match(reply.text)
    said = reply.text[mark.end() :] if mark else reply.text
    longest = max((2 * len(plain) + 20 for plain in reply.plain.values()), default=0)
    parts = [said, *said.splitlines(), *words.CLAUSE.split(said, maxsplit=1)[:1]]
    return NONE.union(*(reply.same_text(part) for part in parts if len(part) <= longest), reply.text_at(0))


def labelled(reply: Reply) -> Letters:
    """A letter together with its own option's text, anywhere."""
    found = set()
    for one in words.TOKEN.finditer(reply.text):
        letter = letter_of(one[1])
        if reply.own_text(letter, one.end()) and not words.DENIED_BEFORE.search(reply.before(one.start())):
            found.add(letter)
    return frozenset(found)


def sole(reply: Reply) -> Letters:
    """The only letter that stands for an option in a short reply."""
    short = len(reply.text) <= _SHORT and "?" not in reply.text and not words.HYPOTHETICAL.search(reply.text)
    mark = words.ANSWER_MARK.match(reply.text)
    return reply.tokens(mark.end() if mark else 0, len(reply.text)) if short else NONE


RULES: Final[tuple[tuple[str, Callable[[Reply], Letters]], ...]] = tuple(
    (f"arabic_{rule.__name__}", rule)
    for rule in (boxed, final, whole, conclusion, select, opinion, leading, trailing, marked, text, labelled, counted, sole)
)
"""The declared order: (name, rule). The first rule that finds a letter decides."""


def find(visible: str, options: Mapping[str, str]) -> tuple[str, Letters] | None:
    """Name of the first rule that finds letters, and the letters; None if none does."""
    reply = read(visible, options)
    return next(((name, letters) for name, rule in RULES if (letters := rule(reply))), None)
