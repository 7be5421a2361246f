"""Reply -> letters, one rule each: where in a reply a choice can be declared. `RULES` is their order."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from harness.judging import choice_words as words
from harness.judging.choice_reply import NONE, Letters, Reply
from harness.judging.refusal_cues import refuses

_SHORT: Final = 60
"""Characters of a reply in which a letter without any cue may be the answer."""
_REACH: Final = 40
"""Characters behind `答案` in which its letter is looked for."""
_CUES: Final = 100
"""Cues of one kind that are followed up: half from the start, half from the end. More are a loop, not an answer."""


def _cues(reply: Reply, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    found = list(pattern.finditer(reply.text))
    return found if len(found) <= _CUES else found[: _CUES // 2] + found[-_CUES // 2 :]


def boxed(reply: Reply) -> Letters:
    r"""LaTeX boxes: `\boxed{B}`."""
    found = [Reply(box[1].strip(), reply.options).target(0, lower=True) for box in words.BOXED.finditer(reply.text)]
    return NONE.union(*found)


def whole(reply: Reply) -> Letters:
    """The whole reply is one letter, with or without its option's text."""
    found = words.WHOLE.match(reply.text)
    if not found:
        return NONE
    letter = found[1].upper()
    rest = reply.text[found.end() :].strip(" \n。.,;!\"'”’()[]")
    if not rest or (found[1].isupper() and letter in reply.options.same_text(rest)):
        return frozenset(letter)
    return NONE


def _behind_final_cue(reply: Reply, at: int) -> Letters:
    """Letters behind `答案`, trying each connector of the sentence in turn (`答案, 我认为, 应该是B`)."""
    direct = words.DIRECT.match(reply.text, at)
    if direct and reply.letter_at(direct.end()) and (found := reply.target(direct.end())):
        return found
    end = words.PARAGRAPH_END.search(reply.text, at, at + _REACH)
    for connector in words.CONNECTOR.finditer(reply.text, at, end.start() if end else at + _REACH):
        turns = connector[0].lower().startswith(("而", "but"))
        if not turns and words.NEGATION.search(reply.before(connector.start())):
            continue
        if (found := reply.target(connector.end(), lower=True)) and not reply.asks(connector.end()):
            return found
    return NONE


def final(reply: Reply) -> Letters:
    """Announced answers: `答案是B`, `正确选项为B`, `The answer is B`."""
    found = NONE
    for cue in _cues(reply, words.FINAL):
        before = reply.before(cue.start())
        if not words.HYPOTHETICAL.search(before) and not words.NOT_FINAL.search(before):
            found |= _behind_final_cue(reply, cue.end())
    return found


@dataclass(frozen=True, slots=True)
class _Conclusion:
    letters: Letters
    summary: bool


def _conclusions(reply: Reply) -> list[_Conclusion]:
    found: list[_Conclusion] = []
    done = 0
    for cue in words.CONCLUSION.finditer(reply.text):
        if cue.start() < done:
            continue
        stop = words.SENTENCE_END.search(reply.text, cue.end())
        done = stop.start() if stop else len(reply.text)
        letters = reply.tokens(cue.end(), done) or reply.says(reply.text[cue.start() : done])
        if letters and not (stop and stop[0] == "?"):
            found.append(_Conclusion(letters, bool(words.SUMMARY.match(cue[0]))))
    return found


def summaries(reply: Reply) -> list[Letters]:
    """Letters of each conclusion that sums up (`综上`)."""
    return [conclusion.letters for conclusion in _conclusions(reply) if conclusion.summary]


def conclusion(reply: Reply) -> Letters:
    """The last conclusion (`因此…选B`); earlier ones of the same rank must not differ, summaries (`综上`) outrank the rest."""
    found = _conclusions(reply)
    if not found or len(found[-1].letters) > 1:
        return found[-1].letters if found else NONE
    return NONE.union(*(item.letters for item in found if item.summary == found[-1].summary))


def select(reply: Reply) -> Letters:
    """`我选择B`, `应选B`, `I choose B`; not `不选A`, `如果选A`, `选A还是选B?`."""
    found = NONE
    for cue in _cues(reply, words.SELECT):
        before = reply.before(cue.start())
        if not (words.NOT_SELECTING.search(before) or words.HYPOTHETICAL.search(before) or reply.asks(cue.end())):
            found |= reply.target(cue.end())
    return found


def opinion(reply: Reply) -> Letters:
    """`我认为是B`, `应该是B`, `更倾向于B`, `I think it's B`."""
    found = NONE
    for cue in _cues(reply, words.THOUGHT):
        before = reply.before(cue.start())
        if not (words.HYPOTHETICAL.search(before) or before.endswith(("不", "没", "未")) or reply.asks(cue.end())):
            found |= reply.target(cue.end())
    return found


def leading(reply: Reply) -> Letters:
    """The reply opens with a letter and goes on to explain it; not the first item of a discussion of all options."""
    opening = words.LEADING.match(reply.text)
    if not opening or not opening[1].isupper():
        return NONE
    letter = opening[1]
    group, end = reply.group(opening.start(1))
    if len(group) > 1:
        return group if words.ALONE.match(reply.text, end) else NONE
    labelled = opening["bare"] is None or reply.text[end:].lstrip()[:1] in {"(", "["} or reply.own_text_end(letter, opening.end())
    if not labelled or (opening["item"] and not words.ALONE.match(reply.text, end)):
        return NONE
    if not reply.stands(letter, end) or reply.denied(letter, end):
        return NONE
    if len(set(words.LABEL.findall(reply.text)) & set(reply.options.plain)) > 1:
        return NONE
    return group | reply.other_text(letter, end)


def trailing(reply: Reply) -> Letters:
    """The last line or sentence is a letter, or brackets fill the blank of the question with one (`属于(D)。`)."""
    last = words.LAST_LETTER.search(reply.text[-40:])
    if last:
        return frozenset(last[1])
    brackets = words.BRACKETED.finditer(reply.text)
    return frozenset(
        match[1] for match in brackets if reply.stands(match[1], match.end()) and not reply.denied(match[1], match.end())
    )


def _named(match: re.Match[str]) -> str:
    """The one group that matched."""
    return next(group for group in match.groups() if group)


def marked(reply: Reply) -> Letters:
    """Options discussed one by one: those elected, ticked or called right (`A项错误, B项正确`)."""
    if elected := frozenset(match[1] for match in words.ELECTED.finditer(reply.text)):
        return elected
    found = set(map(_named, words.TICKED.finditer(reply.text)))
    for match in words.RIGHT_MARK.finditer(reply.text):
        before = reply.before(match.start())
        stands = match["sole"] or words.LEFT_OF_LETTER.search(before)
        if stands and not words.HYPOTHETICAL.search(before) and not words.DENIED_BEFORE.search(before):
            found.update(re.findall("[A-Z]", match["sole"] or match["letters"]))
    return frozenset(found)


def text(reply: Reply) -> Letters:
    """The reply, its first sentence or a line of it is exactly the text of an option."""
    longest = max((2 * len(plain) + 20 for plain in reply.options.plain.values()), default=0)
    lines = [line for line in (reply.text, *reply.text.splitlines()) if len(line) <= longest]
    opening = words.OPENING.match(reply.text)
    return NONE.union(*map(reply.options.same_text, lines), reply.text_at(opening.end() if opening else 0))


def labelled(reply: Reply) -> Letters:
    """A letter together with its own option text, anywhere (`侵权的是B. …`)."""
    found: set[str] = set()
    for token in words.TOKEN.finditer(reply.text):
        start = reply.behind_label(token.end())
        end = reply.own_text_end(token[0], start) if start > token.end() else None
        if end is None or words.DENIED_BEFORE.search(reply.text[max(0, token.start() - 12) : token.start()]):
            continue
        if not words.DENIED_AFTER.match(reply.text, end):
            found.add(token[0])
    return frozenset(found)


def only(reply: Reply) -> Letters:
    """The reply speaks of one option only (`B选项的行为侵犯了…`), calls it an option and does not deny it."""
    spoken = frozenset(words.TOKEN.findall(reply.text)) & frozenset(reply.options.plain)
    if len(spoken) != 1:
        return NONE
    named = list(words.NAMED.finditer(reply.text))
    return spoken if named and not any(reply.denied(_named(match), match.end()) for match in named) else NONE


def states(reply: Reply) -> Letters:
    """A sentence gives an option's text as the finding: `构成侵占罪。`, `应该向警方报案。`."""
    found = NONE
    for letter, pattern in () if reply.options.pair else reply.options.patterns:
        if len(reply.options.plain[letter]) < 2:
            continue
        for match in pattern.finditer(reply.text):
            before = reply.before(match.start())
            stated = words.STATES.search(before) and words.TEXT_ENDS.match(reply.text, match.end())
            doubted = words.NEGATION.search(before) or words.HYPOTHETICAL.search(before)
            if (stated or words.PRAISED.match(reply.text, match.end())) and not doubted:
                found |= reply.options.same_text(match[0])
    return found


def yes_no(reply: Reply) -> Letters:
    """A yes-no question answered without letter or option text: `是的, …`, `不属于。`, `这段话没有表现出…`."""
    pair = reply.options.pair
    if not pair or (pair[2] == "是" and refuses(reply.text)):
        return NONE
    thought = words.I_THINK.match(reply.text)
    first = words.SENTENCE_END.split(reply.text, maxsplit=1)[0]
    return reply.yes_no_word(thought.end() if thought else 0) or reply.says(first)


def sole(reply: Reply) -> Letters:
    """The only letter that stands for an option anywhere in a short reply, denied ones aside."""
    if len(reply.text) > _SHORT or "?" in reply.text or words.HYPOTHETICAL.search(reply.text):
        return NONE
    tokens = list(words.TOKEN.finditer(reply.text))
    if any(words.NAME_BEFORE.search(reply.text[: token.start()]) for token in tokens):
        return NONE
    asserted = (token for token in tokens if not words.NEGATION.search(reply.before(token.start())))
    return NONE.union(*(reply.tokens(token.start(), token.end()) for token in asserted))


RULES: Final[tuple[tuple[str, Callable[[Reply], Letters]], ...]] = tuple(
    (rule.__name__, rule)
    for rule in (
        boxed,
        final,
        whole,
        conclusion,
        select,
        opinion,
        leading,
        trailing,
        marked,
        text,
        labelled,
        only,
        states,
        yes_no,
        sole,
    )
)
"""The declared order: (name, rule). The first rule that finds a letter decides."""


def declared(reply: Reply) -> list[Letters]:
    """Every answer the reply declares outright: boxed, announced, summed up, or its opening letter. They must agree."""
    found = [boxed(reply), final(reply), *summaries(reply), leading(reply)]
    return [letters for letters in found if len(letters) == 1]
