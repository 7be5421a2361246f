"""Words that exclude each other (好评/差评, 蕴含/矛盾, 是/否) and the one side that a reply settles on.

是 stands in 不是, 对 in 不对, and a reply may name 好评 and 差评 before it decides: such verdicts cannot be found by looking for
a word. Also here, since verdicts turn on it: whether the words before a mention deny it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from harness.judging.text import normalise

Family = tuple[frozenset[str], ...]

_FAMILIES: Final[tuple[Family, ...]] = tuple(
    tuple(frozenset(side.split()) for side in family.split("|"))
    for family in (
        "好评 正面评价 正面 积极 褒义 positive|差评 负面评价 负面 消极 贬义 negative|中评 中性 中立 neutral",
        "蕴含 entailment|矛盾 contradiction|中性 中立 neutral",
        "是 是的 yes|否 不是 不是的 no|不确定 无法确定 无法判断 uncertain",
        "对 对的 没错 正确 true correct right|不对 错 错的 错误 不正确 false incorrect wrong",
        "能 可以 可|不能 不可以 不可 不行",
        "有|没有 无",
        "属于|不属于",
        "存在|不存在",
        "真|假",
        "同意 认同 赞同|不同意 不认同 不赞同",
        "大于|小于|等于",
    )
)
"""The words of one side mean the same, sides exclude each other."""

CLAUSE: Final = re.compile(r"[,，。.!！?？;；:：\n]")
_DENIAL: Final = re.compile(
    r"(?:不|非|没有?|未|无|并非|不是|不属于|不构成|而非|不存在|不能说是|\bnot|\bno|n't|isn't)"
    r"(?:语义|逻辑|任何|明显|严格的?|直接的?|\s){0,4}[\"'“‘「(]{0,2}$",
    re.IGNORECASE,
)
_NO_DENIAL: Final = re.compile(r"不仅|不但|不只|不光|不得不|不难|毫不|不禁|非常|不过|不断")
_CONCLUDES: Final = re.compile(
    r"答案|综上|因此|所以|总之|故(?!事)|最终|\b(?:answer|therefore|thus|so)\b|结论|####", re.IGNORECASE
)


def denied_by(before: str) -> bool:
    """Whether the text up to a mention denies it, anywhere in its clause."""
    clause = _NO_DENIAL.sub("", CLAUSE.split(before)[-1])
    return bool(_DENIAL.search(clause) or re.search(r"[不没别勿非]|避免|排除|n't\b|\bnot\b", clause))


def family_of(form: str) -> Family | None:
    """The family a verdict word belongs to, if it is one."""
    plain = normalise(form)
    return next((family for family in _FAMILIES if any(plain in side for side in family)), None)


def searchable(family: Family) -> bool:
    """Whether its words can be looked for inside a text: families with one-character words (是, 对, 有) cannot."""
    return all(len(word) > 1 for side in family for word in side)


def sides_named(family: Family, text: str) -> set[int]:
    """Which sides of a family a text names without denying them; longer words first."""
    side_of = {word: index for index, side in enumerate(family) for word in side}
    ordered = sorted(side_of, key=len, reverse=True)
    pattern = "|".join(rf"\b{word}\b" if word.isascii() else word for word in ordered)
    named = re.finditer(pattern, text, re.IGNORECASE)
    return {side_of[match[0].lower()] for match in named if not _DENIAL.search(text[max(0, match.start() - 12) : match.start()])}


def side_taken(family: Family, text: str) -> int | None:
    """The side a reply settles on: its first clause, else all of it, else what stands behind its last conclusion."""
    first = CLAUSE.split(text.strip(), maxsplit=1)[0]
    if (plain := normalise(first)) in {word for side in family for word in side}:
        return next(index for index, side in enumerate(family) if plain in side)
    if not searchable(family):
        return None
    sides = sides_named(family, text)
    if len(sides) > 1:
        cues: Sequence[re.Match[str]] = list(_CONCLUDES.finditer(text))
        sides = sides_named(family, text[cues[-1].end() :] if cues else first)
    return sides.pop() if len(sides) == 1 else None
