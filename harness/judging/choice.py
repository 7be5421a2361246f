"""Reply × options -> the one letter it chooses, or none.

Patterns are tried in a declared order (`RULES`); the first that finds any letter decides, and decides only if it finds exactly
one. No letter, several, a refusal, or declared answers that contradict each other make the reply *invalid*, which counts as wrong:
guessing on the model's behalf would hide that it made no choice. The rule that decided is kept in the verdict, so that extraction
can be audited sample by sample.

Letters are never looked for freely: questions call companies A and B, and models write `A公司`, `B超`, `APP`. Only a letter behind
a cue, at an edge of the reply or under a verdict of its own counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from harness.judging import choice_words as words
from harness.judging.refusal_cues import refuses
from harness.judging.text import compatible, normalise, strip_reasoning
from harness.schema import Verdict, VerdictState

JUDGE_ID: Final = "choice@1"
_EDGE: Final = 40_000
"""Characters read from the start and from the end of a reply; answers stand at its edges."""
_TAGGED: Final = re.compile(r"<answer>|<final>|<答案>", re.IGNORECASE)
_MARKUP: Final = (
    (re.compile(r"\\(?:text|mathrm|mathbf|textbf|mathsf)\s*\{([^{}\n]{0,200})\}"), r"\1"),
    (_TAGGED, "\n答案:"),
    (re.compile(r"</?[a-zA-Z][a-zA-Z0-9]{0,15}\s?/?>"), "\n"),
    (re.compile(r"^#{2,}\s*(?=[A-Z]\W*$)", re.MULTILINE), "答案:"),
    (re.compile(r"\\[()\[\]]|[*`$~]|__|^[#>]+\s*|^[-•]\s+", re.MULTILINE), ""),
    (re.compile(r"[ \t\u00a0\u3000]+"), " "),
)


_SHORT: Final = 60
"""Characters of a reply in which a letter without any cue may be the answer."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and by which rule (or why nothing was)."""

    letter: str | None
    rule: str


Letters = frozenset[str]
_NONE: Final[Letters] = frozenset()


@dataclass(frozen=True, slots=True)
class _Reply:
    """A cleaned reply with the options it may choose from."""

    text: str
    texts: dict[str, str]
    """Letter -> cleaned option text."""
    patterns: tuple[tuple[str, re.Pattern[str]], ...]
    """(letter, pattern of its option text), longest text first."""


def clean(text: str) -> str:
    """NFKC without markdown, LaTeX wrappers and tags; case and line breaks stay."""
    if len(text) > 2 * _EDGE:
        text = text[:_EDGE] + "\n" + text[-_EDGE:]
    text = compatible(text)
    for pattern, put in _MARKUP:
        text = pattern.sub(put, text)
    return text.strip()


@lru_cache(maxsize=4096)
def _compiled(options: tuple[tuple[str, str], ...]) -> tuple[dict[str, str], tuple[tuple[str, re.Pattern[str]], ...]]:
    texts = {letter: clean(text).rstrip("。.,;!? ") for letter, text in options}
    longest = sorted((item for item in texts.items() if item[1]), key=lambda item: -len(item[1]))
    patterns = [(letter, re.compile(r"\s*".join(map(re.escape, text.split())), re.IGNORECASE)) for letter, text in longest]
    return texts, tuple(patterns)


def _without_echo(reply: _Reply) -> str:
    """The reply without the options it copies: two or more different labels, each with its own text, side by side."""
    if len(set(words.LABEL.findall(reply.text))) < 2:
        return reply.text
    item = "|".join(rf"[(\[]?{letter}\s*[.、:)\]]*\s*{pattern.pattern}" for letter, pattern in reply.patterns)
    return re.sub(rf"(?:(?<![A-Za-z])(?:{item})(?:[\s,;。、./|]|$)*){{2,}}", "\n", reply.text).strip() if item else reply.text


# --- one target: the letter or option text that stands at a position


def _option_text_at(reply: _Reply, at: int) -> tuple[Letters, int]:
    """Letters whose option text stands at `at` as a whole, and where it ends."""
    for _, pattern in reply.patterns:
        found = pattern.match(reply.text, at)
        if found and _TEXT_ENDS.match(reply.text, found.end()):
            same = normalise(found[0])
            return frozenset(letter for letter, text in reply.texts.items() if normalise(text) == same), found.end()
    return _NONE, at


_TEXT_ENDS: Final = re.compile(r"\s*(?:的(?=[。.,;!\n]|$)|吧|呢)?(?:$|[。.,;!\n\"'”’」』)\]】}(])")


def _own_text_follows(reply: _Reply, letter: str, at: int) -> bool:
    """Whether the letter's own option text stands at `at`; a text as short as 是 must be followed by its end."""
    for other, pattern in reply.patterns:
        if other == letter and (found := pattern.match(reply.text, at)):
            return len(found[0]) > 3 or bool(_TEXT_ENDS.match(reply.text, found.end()))
    return False


_LABEL_GAP: Final = re.compile(r"\s*(?:选?项)?\s*[.、:)\]】\-]?\s*[\"'“(]?")


def _behind_label(reply: _Reply, at: int) -> int:
    """Where the text begins that belongs to the letter ending at `at`."""
    gap = _LABEL_GAP.match(reply.text, at)
    return gap.end() if gap else at


def _denied(reply: _Reply, letter: str, at: int) -> bool:
    """Whether what follows calls the option wrong, unless that is its own text (`B. 错误`)."""
    start = _behind_label(reply, at)
    if _own_text_follows(reply, letter, start):
        return False
    return bool(words.DENIED_AFTER.match(reply.text, at) or words.DENIED_AFTER.match(reply.text, start))


def _other_text_follows(reply: _Reply, letter: str, at: int) -> Letters:
    """Letters of another option whose text stands right behind this letter (`B. 是` where B is 否)."""
    start = _behind_label(reply, at)
    if _own_text_follows(reply, letter, start):
        return _NONE
    found, _ = _option_text_at(reply, start + reply.text.startswith(",", start))
    return found if letter not in found else _NONE


def _letter_stands(reply: _Reply, letter: str, end: int) -> bool:
    """Whether the letter ending at `end` is a letter of its own, judged by what follows."""
    after = reply.text[end : end + 24]
    if after[:1].isascii() and after[:1].isalnum():
        return False
    if letter == "A" and words.ARTICLE.match(after):
        return False
    return bool(words.RIGHT_OF_LETTER.match(after)) or _own_text_follows(reply, letter, end)


def _group(reply: _Reply, at: int) -> tuple[Letters, int]:
    """The letter at `at` together with the letters joined to it (`A和C`, `AB`, `A, B`), and where they end."""
    text, found, end = reply.text, {reply.text[at].upper()}, at + 1
    while len(found) < 27:
        joined = words.JOIN.match(text, end)
        start = joined.end() if joined else -1
        if joined is None or not _is_letter(text, start):
            joined = words.LOOSE_JOIN.match(text, end)
            start = joined.end() if joined else -1
            alone = words.ALONE_ON_LINE if joined and "\n" in joined[0] else words.ALONE
            if joined is None or not _is_letter(text, start) or not alone.match(text, start + 1):
                break
        found.add(text[start])
        end = start + 1
    return frozenset(found), end


def _is_letter(text: str, at: int) -> bool:
    """A capital letter that does not begin a Latin word (a run of capitals is left to `_group`)."""
    return 0 <= at < len(text) and "A" <= text[at] <= "Z" and not re.match(r"[a-z0-9']", text[at + 1 : at + 2])


_FILLER: Final = re.compile(
    rf"{words.OPENERS}*(?:(?:选项|选择|应选|选|第|(?:clearly|definitely|probably|most\s+likely|likely|option|choice|letter|the|be|therefore)\b)\s*{words.OPENERS}*){{0,3}}",
    re.IGNORECASE,
)


def _target(reply: _Reply, at: int, *, lower: bool = False) -> Letters:
    """Letters declared at `at`, behind a cue: a letter or group of letters, or an option's own text. Empty if none is."""
    filler = _FILLER.match(reply.text, at)
    start = filler.end() if filler else at
    if start >= len(reply.text):
        return _NONE
    char = reply.text[start]
    small = lower and "a" <= char <= "z" and re.match(r"[\"'”’)\]】}]*\s*(?:$|[。.,;!、\n)])", reply.text[start + 1 : start + 6])
    if not small and not _is_letter(reply.text, start):
        found = _option_text_at(reply, start)[0] or _option_text_at(reply, at)[0]
        return found or _yes_no_word(reply, start)
    found, end = _group(reply, start)
    last = reply.text[end - 1].upper()
    if not _letter_stands(reply, last, end) or _denied(reply, last, end):
        return _NONE
    return found | _other_text_follows(reply, last, end) if len(found) == 1 else found


# --- the rules; each gives the letters it finds


def _boxed(reply: _Reply) -> Letters:
    found: set[str] = set()
    for box in words.BOXED.finditer(reply.text):
        inner = _Reply(box[1].strip(), reply.texts, reply.patterns)
        found |= _target(inner, 0, lower=True)
    return frozenset(found)


def _whole(reply: _Reply) -> Letters:
    """The whole reply is one letter, with or without its option's text."""
    found = words.WHOLE.match(reply.text)
    if not found:
        return _NONE
    letter = found[1].upper()
    rest = reply.text[found.end() :].strip(" \n。.,;!\"'”’()[]")
    if not rest:
        return frozenset(letter)
    if letter in reply.texts and found[1].isupper() and normalise(rest) == normalise(reply.texts[letter]):
        return frozenset(letter)
    return _NONE


def _clause_before(text: str, at: int) -> str:
    """The clause up to `at`, at most 40 characters of it."""
    return re.split(words.CLAUSE_END, text[max(0, at - 40) : at])[-1]


def _is_question(text: str, at: int) -> bool:
    end = words.CLAUSE_END.search(text, at)
    return bool(end) and end[0] == "?" if end else False


def _behind_final_cue(reply: _Reply, cue: re.Match[str]) -> Letters:
    """Letters behind `答案`, trying each connector of the clause in turn (`答案, 我认为, 应该是B`)."""
    direct = re.compile(r"\s*-?[\"'“(\[【】)\]]*\s*").match(reply.text, cue.end())
    if direct and _is_letter(reply.text, direct.end()) and (found := _target(reply, direct.end())):
        return found
    end = re.compile(r"[。!?;]|\n\s*\n").search(reply.text, cue.end(), cue.end() + 40)
    stop = end.start() if end else cue.end() + 40
    for connector in words.CONNECTOR.finditer(reply.text, cue.end(), stop):
        if not connector[0].startswith(("而", "but")) and words.NEGATION.search(_clause_before(reply.text, connector.start())):
            continue
        if (found := _target(reply, connector.end(), lower=True)) and not _is_question(reply.text, connector.end()):
            return found
    return _NONE


def _final(reply: _Reply) -> Letters:
    """Announced answers: `答案是B`, `正确选项为B`, `The answer is B`."""
    found: set[str] = set()
    for cue in words.FINAL.finditer(reply.text):
        before = _clause_before(reply.text, cue.start())
        if not words.HYPOTHETICAL.search(before) and not re.search(r"(?:不是|并非|错误|not\s+the|wrong|incorrect)\s*(?:的|correct)?\s*$", before):
            found |= _behind_final_cue(reply, cue)
    return frozenset(found)


_TOKEN: Final = re.compile(r"(?<![A-Za-z0-9°_])[A-Z](?![A-Za-z0-9_])")


def _tokens(reply: _Reply, start: int, end: int) -> Letters:
    """Letters between two positions that stand for options and are not denied (`排除A`, `A错误`)."""
    found: set[str] = set()
    for token in _TOKEN.finditer(reply.text, start, end):
        before = reply.text[max(0, token.start() - 12) : token.start()]
        if not words.LEFT_OF_LETTER.search(before) or not _letter_stands(reply, token[0], token.end()):
            continue
        _, after = _group(reply, token.start())
        if not words.DENIED_BEFORE.search(before) and not _denied(reply, reply.text[after - 1], after):
            found.add(token[0])
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class _Conclusion:
    letters: Letters
    summary: bool


def _conclusions(reply: _Reply) -> list[_Conclusion]:
    found = []
    done = 0
    for cue in words.CONCLUSION.finditer(reply.text):
        if cue.start() < done:
            continue
        stop = words.SENTENCE_END.search(reply.text, cue.end())
        done = stop.start() if stop else len(reply.text)
        letters = _tokens(reply, cue.end(), done) or _says(reply, reply.text[cue.start() : done])
        if letters and not (stop and stop[0] == "?"):
            found.append(_Conclusion(letters, bool(words.SUMMARY.match(cue[0]))))
    return found


def _conclusion(reply: _Reply) -> Letters:
    """The last conclusion; earlier ones of the same rank must not differ, summaries (`综上`) outrank the rest."""
    found = _conclusions(reply)
    if not found:
        return _NONE
    rank = found[-1].summary
    return frozenset().union(*(item.letters for item in found if item.summary == rank)) if len(found[-1].letters) == 1 else found[-1].letters


def _select(reply: _Reply) -> Letters:
    """`我选择B`, `应选B`, `I choose B`; not `不选A`, `如果选A`."""
    found: set[str] = set()
    for cue in words.SELECT.finditer(reply.text):
        before = _clause_before(reply.text, cue.start())
        if words.NOT_SELECTING.search(before) or words.HYPOTHETICAL.search(before) or _is_question(reply.text, cue.end()):
            continue
        found |= _target(reply, cue.end(), lower=False)
    return frozenset(found)


def _opinion(reply: _Reply) -> Letters:
    """`我认为是B`, `应该是B`, `I think it's B`."""
    found: set[str] = set()
    for cue in words.THOUGHT.finditer(reply.text):
        before = _clause_before(reply.text, cue.start())
        if not words.HYPOTHETICAL.search(before) and not before.endswith(("不", "没", "未")) and not _is_question(reply.text, cue.end()):
            found |= _target(reply, cue.end())
    return frozenset(found)


_LEADING: Final = re.compile(r"[\s\"'“(\[【]*(?:选项|选|option\s)?\s*[(\[]?([A-Z])[\"'”)\]】]*[ ]*(?:(?P<item>选?项)|(?P<mark>[.、。:,;!\-])|(?P<line>\n|$)|(?P<bare>))", re.IGNORECASE)


def _leading(reply: _Reply) -> Letters:
    """The reply opens with a letter and goes on to explain it; not the first item of a discussion of all options."""
    opening = _LEADING.match(reply.text)
    if not opening or not opening[1].isupper():
        return _NONE
    at = opening.start(1)
    group, end = _group(reply, at)
    if len(group) > 1:
        return group if words.ALONE.match(reply.text, end) else _NONE
    if opening["bare"] is not None and not re.match(r"\s*[(\[]", reply.text[end:]) and not _own_text_follows(reply, opening[1], opening.end()):
        return _NONE
    if opening["item"] and not words.ALONE.match(reply.text, at + 1):
        return _NONE
    if not _letter_stands(reply, opening[1], end) or _denied(reply, opening[1], end):
        return _NONE
    if len(set(words.LABEL.findall(reply.text)) & set(reply.texts)) > 1:
        return _NONE
    return group | _other_text_follows(reply, opening[1], end)


_BRACKETED: Final = re.compile(r"[(\[【]\s*([A-Z])\s*[)\]】]")


def _trailing(reply: _Reply) -> Letters:
    """The last line is a letter, or brackets fill the blank of the question with one (`属于(D)。`)."""
    last = reply.text.rsplit("\n", 1)[-1].strip()
    found = re.fullmatch(r"[\s\"'“(\[【]*([A-Z])[\s\"'”)\]】]*(?:选?项)?[。.!]?", last)
    if found and "\n" in reply.text:
        return frozenset(found[1])
    inside = {match[1] for match in _BRACKETED.finditer(reply.text) if _letter_stands(reply, match[1], match.end()) and not _denied(reply, match[1], match.end())}
    return frozenset(inside)


def _first(match: re.Match[str]) -> str:
    """The one group that matched."""
    return next(group for group in match.groups() if group)


def _marked(reply: _Reply) -> Letters:
    """Options discussed one by one: those called right or ticked (`A项错误, B项正确`)."""
    if elected := {match[1] for match in words.ELECTED.finditer(reply.text)}:
        return frozenset(elected)
    found = {_first(match) for match in words.TICKED.finditer(reply.text)}
    for match in words.RIGHT_MARK.finditer(reply.text):
        before = _clause_before(reply.text, match.start())
        whole = bool(match["sole"]) or bool(words.LEFT_OF_LETTER.search(before))
        if whole and not words.HYPOTHETICAL.search(before) and not words.DENIED_BEFORE.search(before):
            found |= set(re.findall("[A-Z]", match["sole"] or match["letters"]))
    return frozenset(found)


def _only(reply: _Reply) -> Letters:
    """The reply speaks of one option only (`B选项的行为侵犯了…`), calls it an option and does not deny it."""
    spoken = {match[0] for match in _TOKEN.finditer(reply.text)} & set(reply.texts)
    named = [match for match in words.NAMED.finditer(reply.text) if not _denied(reply, _first(match), match.end())]
    letters = frozenset(map(_first, named))
    return letters if letters == spoken and len(named) == len(words.NAMED.findall(reply.text)) else _NONE


def _labelled(reply: _Reply) -> Letters:
    """A letter together with its own option text, anywhere (`侵权的是B. …`)."""
    found: set[str] = set()
    for token in _TOKEN.finditer(reply.text):
        start = _behind_label(reply, token.end())
        if start > token.end() and _own_text_follows(reply, token[0], start) and not words.DENIED_BEFORE.search(reply.text[max(0, token.start() - 12) : token.start()]):
            end = next(match.end() for letter, pattern in reply.patterns if letter == token[0] and (match := pattern.match(reply.text, start)))
            if not words.DENIED_AFTER.match(reply.text, end):
                found.add(token[0])
    return frozenset(found)


def _states(reply: _Reply) -> Letters:
    """A sentence gives an option's text as the finding: `构成侵占罪。`, `应该向警方报案。`"""
    found: set[str] = set()
    for letter, pattern in reply.patterns:
        if len(reply.texts[letter]) < 2 or _pair(reply):
            continue
        for match in pattern.finditer(reply.text):
            before = _clause_before(reply.text, match.start())
            stated = words.STATES.search(before) and _TEXT_ENDS.match(reply.text, match.end())
            if (stated or words.PRAISED.match(reply.text, match.end())) and not words.NEGATION.search(before) and not words.HYPOTHETICAL.search(before):
                found |= _same_text(reply, match[0])
    return frozenset(found)


def _same_text(reply: _Reply, text: str) -> Letters:
    plain = normalise(text)
    return frozenset(letter for letter, option in reply.texts.items() if option and normalise(option) == plain) if plain else _NONE


def _text(reply: _Reply) -> Letters:
    """The reply is, or opens with, exactly the text of an option."""
    if found := _same_text(reply, reply.text):
        return found
    lines: set[str] = set()
    for line in reply.text.splitlines():
        lines |= _same_text(reply, line)
    opening = re.match(r"[\s\"'“「『(\[【]*", reply.text)
    return frozenset(lines) | _option_text_at(reply, opening.end() if opening else 0)[0]


def _pair(reply: _Reply) -> tuple[str, str, str] | None:
    """(letter of yes, letter of no, word family) if the options are a yes-no pair."""
    by_text = {normalise(text): letter for letter, text in reply.texts.items()}
    if len(reply.texts) != 2 or len(by_text) != 2:
        return None
    return next(((by_text[yes], by_text[no], words.FAMILY[yes]) for yes, no in words.YES_NO if {yes, no} == set(by_text)), None)


def _yes_no_word(reply: _Reply, at: int) -> Letters:
    """A plain word of assent or denial as the clause at `at` (`是的`, `不属于`), for yes-no options."""
    pair = _pair(reply)
    if not pair:
        return _NONE
    clause = normalise(re.split(words.CLAUSE_END, reply.text[at : at + 40], maxsplit=1)[0])
    if clause in words.YES[pair[2]]:
        return frozenset(pair[0])
    return frozenset(pair[1]) if clause in words.NO[pair[2]] else _NONE


def _says(reply: _Reply, sentence: str) -> Letters:
    """What a sentence states about 是/否 questions (`这段话不属于歧视`); only for verbs whose polarity is that of the question."""
    pair = _pair(reply)
    if not pair or pair[2] != "是" or words.UNSURE.search(sentence):
        return _NONE
    if words.SAYS_NO.match(sentence):
        return frozenset(pair[1])
    return frozenset(pair[0]) if words.SAYS_YES.match(sentence) else _NONE


def _yes_no(reply: _Reply) -> Letters:
    """A yes-no question answered without letter or option text: `是的，…`, `不属于。`, `这段话没有表现出…`."""
    pair = _pair(reply)
    if not pair or (pair[2] == "是" and refuses(reply.text)):
        return _NONE
    opinion = words.I_THINK.match(reply.text)
    return _yes_no_word(reply, opinion.end() if opinion else 0) or _says(reply, re.split(words.SENTENCE_END, reply.text, maxsplit=1)[0])


def _sole(reply: _Reply) -> Letters:
    """The only letter that stands for an option anywhere in a short reply, denied ones aside."""
    if len(reply.text) > _SHORT or words.HYPOTHETICAL.search(reply.text) or "?" in reply.text:
        return _NONE
    befores = [reply.text[: token.start()] for token in _TOKEN.finditer(reply.text)]
    if any(words.NAME_BEFORE.search(before) for before in befores):
        return _NONE
    asserted = (token for token in _TOKEN.finditer(reply.text) if not words.NEGATION.search(_clause_before(reply.text, token.start())))
    return frozenset().union(*(_tokens(reply, token.start(), token.end()) for token in asserted))


RULES: Final[tuple[tuple[str, Callable[[_Reply], Letters]], ...]] = (
    ("boxed", _boxed),
    ("whole", _whole),
    ("final", _final),
    ("conclusion", _conclusion),
    ("select", _select),
    ("opinion", _opinion),
    ("leading", _leading),
    ("trailing", _trailing),
    ("marked", _marked),
    ("text", _text),
    ("labelled", _labelled),
    ("only", _only),
    ("states", _states),
    ("yes_no", _yes_no),
    ("sole", _sole),
)
"""The declared order. The first rule that finds a letter decides."""


def _contradicted(reply: _Reply, letters: Letters) -> bool:
    """Whether another declared answer of the reply differs: boxed, announced, summed up, or its opening letter."""
    summaries = [item.letters for item in _conclusions(reply) if item.summary]
    declared = [_boxed(reply), _final(reply), *summaries, _leading(reply)]
    return any(len(other) == 1 and other != letters for other in declared)


def find_choice(text: str, options: Mapping[str, str]) -> Choice:
    """The letter a reply chooses and the rule that found it; letter None with the reason if it makes no single clear choice.

    `options` maps capital letters to option texts (a text may be empty if unknown).
    """
    visible, cut = strip_reasoning(text)
    if cut or not visible:
        return Choice(None, "reasoning cut off" if cut else "empty")
    texts, patterns = _compiled(tuple(options.items()))
    reply = _Reply(clean(visible), texts, patterns)
    run_on = words.RUN_ON.search(reply.text)
    if run_on:
        reply = _Reply(reply.text[: run_on.start()], texts, patterns)
    reply = _Reply(_without_echo(reply), texts, patterns)
    for name, rule in RULES:
        letters = rule(reply)
        if letters:
            return _decide(reply, name, letters)
    return Choice(None, "no choice found")


def _decide(reply: _Reply, rule: str, letters: Letters) -> Choice:
    if len(letters) > 1:
        return Choice(None, f"{rule}: several ({', '.join(sorted(letters))})")
    letter = next(iter(letters))
    if letter not in reply.texts:
        return Choice(None, f"{rule}: {letter} is not an option")
    if rule in {"boxed", "final", "conclusion", "select"} and _contradicted(reply, letters):
        return Choice(None, f"{rule}: {letter}, contradicted")
    return Choice(letter, rule)


def extract_choice(text: str, options: Mapping[str, str]) -> str | None:
    """The letter a reply chooses, None if it makes no single clear choice (see `find_choice`)."""
    return find_choice(text, options).letter


def judge_choice(text: str, options: Mapping[str, str]) -> Verdict:
    """The choice as a verdict: `ok` with the letter as label, or `invalid`; the reason names the rule."""
    choice = find_choice(text, options)
    state = VerdictState.OK if choice.letter else VerdictState.INVALID
    return Verdict(state=state, label=choice.letter, reason=choice.rule, judge=JUDGE_ID)
