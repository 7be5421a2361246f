"""Reply × options -> what can be asked of a position in it: which letter or option text stands there, and is it meant?

The ground that the rules of `choice_rules` stand on. Everything is bounded: a reply is read at its two edges, groups of letters,
gaps and clauses have a longest length, so that no reply takes more than linear time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from harness.judging import choice_words as words
from harness.judging.text import compatible, normalise

_EDGE: Final = 20_000
"""Characters read from the start and from the end of a reply; answers stand at its edges."""
_CLAUSE: Final = 60
"""Longest stretch of a clause that is looked at."""
_MARKUP: Final = (
    (re.compile(r"[^\S\n]+"), " "),
    (re.compile(r"\n\s*\n"), "\n\n"),
    (re.compile(r"\\(?:text|mathrm|mathbf|textbf|mathsf)\s?\{([^{}\n]{0,200})\}"), r"\1"),
    (re.compile(r"<answer>|<final>|<答案>", re.IGNORECASE), "\n答案:"),
    (re.compile(r"</?[a-zA-Z][a-zA-Z0-9]{0,15}\s?/?>"), "\n"),
    (re.compile(r"^#{2,8}\s?(?=[A-Z]\W{0,8}$)", re.MULTILINE), "答案:"),
    (re.compile(r"\\[()\[\]]|[*`$~]|__|^[#>]+ ?|^[-•] ", re.MULTILINE), ""),
)

Letters = frozenset[str]
NONE: Final[Letters] = frozenset()


def clean(text: str) -> str:
    """NFKC without markdown, LaTeX wrappers and tags; case and single line breaks stay."""
    if len(text) > 2 * _EDGE:
        text = text[:_EDGE] + "\n" + text[-_EDGE:]
    text = compatible(text)
    for pattern, put in _MARKUP:
        text = pattern.sub(put, text)
    return text.strip()


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a question, ready for matching."""

    plain: dict[str, str]
    """Letter -> normalised text; empty where it is not known."""
    patterns: tuple[tuple[str, re.Pattern[str]], ...]
    """(letter, pattern of its cleaned text), longest text first."""
    echo: re.Pattern[str] | None
    """Matches two or more options copied side by side."""
    pair: tuple[str, str, str] | None
    """(letter of yes, letter of no, word family) of a yes-no pair."""

    def same_text(self, text: str) -> Letters:
        """Letters whose text equals this one; several if the question repeats an option."""
        plain = normalise(text) if text else ""
        return frozenset(letter for letter, own in self.plain.items() if own == plain) if plain else NONE


@lru_cache(maxsize=4096)
def _prepare(options: tuple[tuple[str, str], ...]) -> Options:
    texts = {letter: clean(text).rstrip("。.,;!? ").strip("\"“”'‘’ ") for letter, text in options}
    longest = sorted((item for item in texts.items() if item[1]), key=lambda item: -len(item[1]))
    sources = [(letter, r"\s?".join(map(re.escape, text.split()))) for letter, text in longest]
    item = "|".join(rf"[(\[]?{letter}\s?[.、:)\]]{{0,2}}[\s\"“'‘]{{0,2}}{source}" for letter, source in sources)
    echo = re.compile(rf"(?:(?<![A-Za-z])(?:{item})[\s,;。、./|\"”'’]{{0,6}}){{2,}}") if item else None
    plain = {letter: normalise(text) for letter, text in texts.items()}
    return Options(plain, tuple((letter, re.compile(source, re.IGNORECASE)) for letter, source in sources), echo, _pair(plain))


def _pair(plain: dict[str, str]) -> tuple[str, str, str] | None:
    letters = {text: letter for letter, text in plain.items()}
    if len(plain) != 2 or len(letters) != 2:
        return None
    return next(((letters[yes], letters[no], words.FAMILY[yes]) for yes, no in words.YES_NO if {yes, no} == set(letters)), None)


@dataclass(frozen=True, slots=True)
class Reply:
    """A cleaned reply with the options it may choose from."""

    text: str
    options: Options

    def before(self, at: int) -> str:
        """The clause up to a position."""
        return words.CLAUSE_END.split(self.text[max(0, at - _CLAUSE) : at])[-1]

    def asks(self, at: int) -> bool:
        """Whether the clause from here on ends in a question mark."""
        end = words.CLAUSE_END.search(self.text, at, at + _CLAUSE)
        return bool(end) and end[0] == "?" if end else False

    def text_at(self, at: int) -> Letters:
        """Letters whose option text stands at `at` as a whole."""
        for _, pattern in self.options.patterns:
            found = pattern.match(self.text, at)
            if found and words.TEXT_ENDS.match(self.text, found.end()):
                return self.options.same_text(found[0])
        return NONE

    def own_text_end(self, letter: str, at: int) -> int | None:
        """Where the letter's own text ends that stands at `at`, if it does; a text as short as 是 must be followed by its end."""
        for other, pattern in self.options.patterns:
            if other == letter and (found := pattern.match(self.text, at)):
                whole = len(found[0]) > 3 or words.TEXT_ENDS.match(self.text, found.end())
                return found.end() if whole else None
        return None

    def behind_label(self, at: int) -> int:
        """Where the text begins that belongs to the letter ending at `at`."""
        gap = words.LABEL_GAP.match(self.text, at)
        return gap.end() if gap else at

    def denied(self, letter: str, at: int) -> bool:
        """Whether what follows the letter ending at `at` calls it wrong, unless that is its own text (`B. 错误`)."""
        start = self.behind_label(at)
        if self.own_text_end(letter, start) is not None or letter in self.yes_no_word(start):
            return False
        return any(words.DENIED_AFTER.match(self.text, place) for place in (at, start))

    def other_text(self, letter: str, at: int) -> Letters:
        """Letters of another option whose text stands right behind this one (`B. 是` where B is 否)."""
        start = self.behind_label(at)
        if self.own_text_end(letter, start) is not None:
            return NONE
        found = self.text_at(start + self.text.startswith(",", start))
        return found if letter not in found else NONE

    def stands(self, letter: str, end: int) -> bool:
        """Whether the letter ending at `end` is a letter of its own, judged by what follows."""
        after = self.text[end : end + 24]
        if after[:1].isascii() and after[:1].isalnum():
            return False
        if letter == "A" and words.ARTICLE.match(after):
            return False
        return bool(words.RIGHT_OF_LETTER.match(after)) or self.own_text_end(letter, end) is not None

    def letter_at(self, at: int) -> bool:
        """Whether a capital letter stands at `at` that does not begin a Latin word (runs of capitals are left to `group`)."""
        return 0 <= at < len(self.text) and "A" <= self.text[at] <= "Z" and not re.match(r"[a-z0-9']", self.text[at + 1 : at + 2])

    def group(self, at: int) -> tuple[Letters, int]:
        """The letter at `at` with the letters joined to it (`A和C`, `AB`, `A, B`), and where they end."""
        found, end = {self.text[at].upper()}, at + 1
        for _ in range(12):
            start = self._joined(end)
            if start is None:
                break
            found.add(self.text[start])
            end = start + 1
        return frozenset(found), end

    def _joined(self, end: int) -> int | None:
        joined = words.JOIN.match(self.text, end)
        if joined and self.letter_at(joined.end()):
            return joined.end()
        loose = words.LOOSE_JOIN.match(self.text, end)
        if not loose or not self.letter_at(loose.end()):
            return None
        alone = words.ALONE_ON_LINE if "\n" in loose[0] else words.ALONE
        return loose.end() if alone.match(self.text, loose.end() + 1) else None

    def target(self, at: int, *, lower: bool = False) -> Letters:
        """Letters declared at `at`, behind a cue: a letter or group, or an option's text; empty if there is none or it is denied.

        `lower` admits a small letter that stands alone.
        """
        filler = words.FILLER.match(self.text, at)
        start = filler.end() if filler else at
        if start >= len(self.text):
            return NONE
        small = lower and words.SMALL_LETTER.match(self.text, start)
        if not small and not self.letter_at(start):
            return self.text_at(start) or self.text_at(at) or self.yes_no_word(start)
        found, end = self.group(start)
        last = self.text[end - 1].upper()
        if not self.stands(last, end):
            return self.text_at(start)
        if self.denied(last, end):
            return NONE
        return found | self.other_text(last, end) if len(found) == 1 else found

    def yes_no_word(self, at: int) -> Letters:
        """A plain word of assent or denial as the clause at `at` (`是的`, `不属于`), for yes-no options."""
        if not self.options.pair:
            return NONE
        yes, no, family = self.options.pair
        clause = normalise(words.CLAUSE_END.split(self.text[at : at + 40], maxsplit=1)[0])
        return frozenset(yes if clause in words.YES[family] else no if clause in words.NO[family] else "")

    def says(self, sentence: str) -> Letters:
        """What a sentence states about 是/否 questions (`这段话不属于歧视`), by verbs of the question's own polarity."""
        pair = self.options.pair
        if not pair or pair[2] != "是" or words.UNSURE.search(sentence):
            return NONE
        return frozenset(pair[1] if words.SAYS_NO.match(sentence) else pair[0] if words.SAYS_YES.match(sentence) else "")

    def tokens(self, start: int, end: int) -> Letters:
        """Letters between two positions that stand for options and are not denied (`排除A`, `A错误`)."""
        found: set[str] = set()
        for token in words.TOKEN.finditer(self.text, start, end):
            before = self.text[max(0, token.start() - 12) : token.start()]
            if not words.LEFT_OF_LETTER.search(before) or (token[0] == "I" and "I" not in self.options.plain):
                continue
            group, after = self.group(token.start())
            last = self.text[after - 1]
            if self.stands(last, after) and not words.DENIED_BEFORE.search(before) and not self.denied(last, after):
                found |= group
        return frozenset(found)


def read(visible: str, options: Mapping[str, str]) -> tuple[Reply, Reply | None]:
    """A cleaned reply, and its first line if the question's options or instruction are copied after that.

    Base models answer and then go on with a question of their own, in the form they have just seen. Where that is marked as a
    question, the reply ends there; where it is not, the first line may already be the whole answer. Options that are only copied
    are taken out.
    """
    prepared = _prepare(tuple(options.items()))
    text = clean(visible)
    run_on = words.RUN_ON.search(text)
    if run_on:
        text = text[: run_on.start()]
    several = len(set(words.LABEL.findall(text))) > 1
    copy = prepared.echo.search(text) if prepared.echo and several else None
    first = _first_line(text, copy)
    if prepared.echo and copy:
        text = prepared.echo.sub("\n", text)
    return Reply(text.strip(), prepared), Reply(first, prepared) if first else None


def _first_line(text: str, copy: re.Match[str] | None) -> str | None:
    """The first line, if copied options or an instruction follow it; not if it is itself the first of the copied options."""
    end = text.find("\n")
    if end < 0 or (copy and copy.start() <= end):
        return None
    return text[:end] if copy or words.INSTRUCTION.search(text, end) else None
