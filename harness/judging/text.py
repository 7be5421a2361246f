"""Text -> text: what of a reply is visible, its comparable form, its script and its numbers.

Model output is untrusted, so every function here is linear in the length of its input (1 MB stays under a second).
Two traps that cost this: Unicode normalisation is quadratic in a run of combining marks (20,000 pairs: 0.9 s), and
`int()` refuses more than 4,300 digits.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import Final

_LATIN_TAGS: Final = r"think|thinking|thought|thoughts|reasoning|reflection|seed:think"
_HAN_TAGS: Final = r"思考过程|思考|推理过程|推理|思维链"
_TAG: Final = re.compile(
    rf"<(?P<end1>/?)(?:{_LATIN_TAGS})(?:\s[^<>]{{0,100}})?>"
    r"|◁(?P<end2>/?)think▷"
    r"|<\|(?P<edge>begin|end)_of_thought\|>"
    rf"|【(?P<end3>/?)(?:{_HAN_TAGS})(?P<over>结束)?】"
    r"|(?P<answer>(?=【(?:最终)?(?:回答|答案|结论|回复)】))",
    re.IGNORECASE,
)
_MARKS: Final = re.compile(r"([^\w\x00-\x7f]{64})[^\w\x00-\x7f]+")
_HAN: Final = re.compile("[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")
_FOLDED_FIRST: Final = str.maketrans(
    {"²": "^2", "³": "^3", "⁄": "/", "−": "-", "’": "'", "‘": "'", "\u200b": "", "\ufeff": "", "\ufdfa": "", "\ufdfb": ""}
)
"""Before NFKC, which would make `x2` of `x²`; U+FDFA would grow eighteenfold."""
_THOUSANDS: Final = re.compile(r"(?<![\d.,])(\d{1,3}(?:,\d{3}){1,8})(?![\d,])")
_SPACE_AND_MARKS: Final = re.compile(r"(?:[^\w+=<>×÷√∞∩∪≤≥≠±^°π→∠|]|_)+")
_LONGEST: Final = 200_000
_NUMBER_TAIL: Final = 100_000
"""`numbers` reads this many characters from the end: a final answer stands there."""


def _is_end(tag: re.Match[str]) -> bool:
    """Whether a reasoning mark closes (rather than opens) a block."""
    return bool(tag["end1"] or tag["end2"] or tag["end3"] or tag["over"]) or tag["edge"] == "end"


def strip_reasoning(text: str) -> tuple[str, bool]:
    """The visible part of a reply, and whether its reasoning was opened and never closed.

    Blocks: `<think>`, `<thinking>`, `<reasoning>` and their like, `【思考】` (closed by `【/思考】` or by an answer heading).
    A lone closing mark ends reasoning that the chat template opened. Cut-off reasoning leaves no visible answer: `("", True)`.
    An opening mark in the middle of a line that nothing closes is talk about the mark, not reasoning.
    """
    kept: list[str] = []
    start, opened = 0, -1
    for tag in _TAG.finditer(text):
        if opened >= 0:
            if _is_end(tag) or tag["answer"] is not None:
                start, opened = tag.end(), -1
        elif tag["answer"] is not None:
            continue
        elif _is_end(tag):
            kept.clear()
            start = tag.end()
        else:
            kept.append(text[start : tag.start()])
            opened = tag.start()
    if opened < 0:
        return "".join([*kept, text[start:]]).strip(), False
    before = "".join(kept)
    if before.strip() and not before.rstrip(" \t").endswith("\n"):
        return (before + text[opened:]).strip(), False
    return "", True


def han_share(text: str) -> float | None:
    """Han characters / letters, 0-1; None without letters. Digits, punctuation and white space are no letters."""
    letters = sum(map(str.isalpha, text))
    if not letters:
        return None
    han = sum(sum(map(str.isalpha, run)) for run in _HAN.findall(text))
    return han / letters


def compatible(text: str) -> str:
    """NFKC in linear time: full-width forms become ASCII, circled digits become digits; case and marks stay."""
    return unicodedata.normalize("NFKC", _MARKS.sub(r"\1", text.translate(_FOLDED_FIRST)))


def _fold(match: re.Match[str]) -> str:
    """What stays of a run of marks and white space: the ones that tell numbers and Latin words apart."""
    text, run = match.string, match[0]
    left = text[match.start() - 1] if match.start() else ""
    right = text[match.end()] if match.end() < len(text) else ""
    percent = "%" if "%" in run and left.isdigit() else ""
    if right.isdigit() and run[-1] == "-" and not left.isalnum():
        return percent + "-"
    if left.isdigit() and right.isdigit():
        return percent or next((mark for mark in "./:-%" if mark in run), ",")
    if left.isascii() and right.isascii() and left.isalnum() and right.isalnum():
        return percent or ("'" if run == "'" else " ")
    return percent


def normalise(text: str) -> str:
    """The form in which two texts are compared.

    NFKC and lower case; white space and punctuation are dropped, except where they tell texts apart: one blank between Latin
    words, `'` inside them, the mark between two digits (`3.5`, `1/2`, `2,7`), a leading minus, `%`, and mathematical signs.
    Texts longer than 200,000 characters are cut there.
    """
    text = text[:_LONGEST]
    plain = _THOUSANDS.sub(lambda match: match[1].replace(",", ""), compatible(text).lower())
    return _SPACE_AND_MARKS.sub(_fold, plain)


_DIGITS: Final = {
    char: value
    for value, chars in enumerate(("零〇", "一壹", "二两贰", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖"))
    for char in chars
}
_UNITS: Final = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_GROUPS: Final = {"万": 10_000, "亿": 100_000_000}
_DIGIT: Final = "".join(_DIGITS)
_NUMERAL: Final = rf"(?:[{_DIGIT}]|[十拾])(?:[{_DIGIT}十拾百佰万亿]|[千仟](?![克米瓦卡帕焦])){{0,30}}(?:点[{_DIGIT}]{{1,20}})?"
_MEASURES: Final = (
    "个只条张本件名人次天年月日号岁元角秒时小米厘公里克斤吨升倍种棵颗朵辆台间层块句步项页章节组对双套支枚根粒把份成度周届幅位头匹盒箱瓶杯碗"
    "千百万亿"
)
_NUMBER: Final = re.compile(
    rf"""(?P<sign>(?<![0-9A-Za-z)\]}}])-)?(?<![0-9.A-Za-z])
        (?P<arabic>\d{{1,3}}(?:,\d{{3}}){{1,8}}(?!\d)|\d{{1,30}}(?!\d))(?P<decimals>\.\d{{1,30}})?
        (?:(?P<percent>\s?%)
          |\s?/\s?(?P<below>\d{{1,30}})(?![\d/])
          |\s?(?P<group>[百千]?万亿?|亿|百(?!分)|千(?![克米瓦卡帕焦])))?
      |(?P<minus>负)?(?:(?P<han_percent>百分之)|(?P<han_below>{_NUMERAL})分之)?(?P<han>{_NUMERAL})""",
    re.VERBOSE,
)
_PERCENT: Final = Fraction(1, 100)


def _han_integer(numeral: str) -> int:
    """`两千零五` -> 2005, `二零二三` -> 2023, `一亿三千万` -> 130000000."""
    if not any(char in _UNITS or char in _GROUPS for char in numeral):
        return int("".join(str(_DIGITS[char]) for char in numeral))
    total = section = digit = 0
    for char in numeral:
        if char in _DIGITS:
            digit = _DIGITS[char]
        elif char in _UNITS:
            section += (digit or 1) * _UNITS[char]
            digit = 0
        else:
            grown = (total if char == "亿" else 0) + section + digit
            total = grown * _GROUPS[char] + (0 if char == "亿" else total)
            section = digit = 0
    return total + section + digit


def _han_number(numeral: str) -> Fraction:
    whole, _, decimals = numeral.partition("点")
    value = Fraction(_han_integer(whole))
    if decimals:
        value += Fraction(int("".join(str(_DIGITS[char]) for char in decimals)), 10 ** len(decimals))
    return value


def _is_word(match: re.Match[str]) -> bool:
    """A numeral character that is part of a word (一样, 统一, 十分) and no number."""
    text = match.string
    if match["minus"] or match["han_percent"] or match["han_below"]:
        return False
    left = text[match.start() - 1] if match.start() else ""
    right = text[match.end()] if match.end() < len(text) else ""
    if left in {"统", "唯", "同", "专", "单", "万", "之", "逐"}:
        return True
    return len(match["han"]) == 1 and right.isalpha() and right not in _MEASURES


def _arabic(match: re.Match[str]) -> Fraction:
    digits = match["arabic"].replace(",", "")
    value = Fraction(digits + match["decimals"]) if match["decimals"] else Fraction(int(digits))
    if match["percent"]:
        value *= _PERCENT
    elif match["below"] and int(match["below"]):
        value /= int(match["below"])
    elif match["group"]:
        for char in match["group"]:
            value *= _UNITS.get(char) or _GROUPS[char]
    return -value if match["sign"] else value


def _han(match: re.Match[str]) -> Fraction:
    value = _han_number(match["han"])
    if match["han_percent"]:
        value *= _PERCENT
    elif match["han_below"] and (below := _han_number(match["han_below"])):
        value /= below
    return -value if match["minus"] else value


def numbers(text: str) -> tuple[Fraction, ...]:
    """The numbers of a text in order, exact: `1,200`, `3.5`, `-2`, `3/8`, `80%`, `1.5万`, `三百二十`, `百分之五`, `三分之二`.

    Chinese numerals count only where the text has no Arabic ones: 一 and 十 are mostly parts of words. Digits behind
    a Latin letter (`H2O`, `a5`) and numbers of more than 30 digits are passed over.
    """
    plain = re.sub(r"\\[dt]?frac\{(\d{1,30})\}\{(\d{1,30})\}", r"\1/\2", compatible(text[-_NUMBER_TAIL:]))
    found = list(_NUMBER.finditer(plain))
    arabic = tuple(_arabic(match) for match in found if match["arabic"])
    return arabic or tuple(_han(match) for match in found if not _is_word(match))
