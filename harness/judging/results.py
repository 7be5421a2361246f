"""Worked solution -> its result: the number or formula a reply ends on, in a form that compares."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from harness.judging.choice_reply import clean
from harness.judging.text import numbers

_BOXED: Final = re.compile(r"\\boxed\s?\{((?:[^{}\n]|\{[^{}\n]{0,60}\}){1,120})\}")
_QUANTITY: Final = re.compile(r"\s?(?:约|第|共)?\s?-?[\d.,]+(?:\s?/\s?\d+)?\s?%?\s?[\u4e00-\u9fffA-Za-z/²³]{0,6}\s?[。.]?")
_RESULT: Final = re.compile(
    r"=|≈|等于|(?<=[,。;\s])是|应该?是|就是|答案|结果|综上|因此|所以|一共|总共|共|答[:,]|\b(?:answer|total|is)\b", re.IGNORECASE
)
_ANNOUNCED: Final = re.compile(
    r"(?:答案|结果|因此|所以|\banswer)[^\n:是为]{0,12}(?:[:是为]|\bis\b)\s?([^\n。]{1,120})", re.IGNORECASE
)
_CLAUSE: Final = re.compile(r"[,。;\n!]|\.\s|\.$")
_THOUSANDS: Final = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_DRESSING: Final = (
    (re.compile(r"\\(?:left|right|,|;|!|quad|displaystyle)"), ""),
    (re.compile(r"\\[dt]?frac\{([^{}]{1,60})\}\{([^{}]{1,60})\}"), r"\1/\2"),
    (re.compile(r"\\?sqrt(?:\{([^{}]{1,60})\}|\(([^()]{1,60})\))"), r"√\1\2"),
    (re.compile(r"\^\{([^{}]{1,60})\}"), r"^\1"),
    (re.compile(r"\\pi"), "π"),
    (re.compile(r"\\infty"), "∞"),
    (re.compile(r"\\cup"), "∪"),
    (re.compile(r"\\pm"), "±"),
    (re.compile(r"[\s*·×]|\\times|\\cdot"), ""),
)


def formula(text: str) -> str:
    """A formula without white space, LaTeX dressing and multiplication signs; its brackets and signs stay."""
    plain = clean(text).lower()
    for pattern, put in _DRESSING:
        plain = pattern.sub(put, plain)
    return plain.strip("。.;,")


def is_formula(form: str) -> bool:
    """Whether a text is a formula: digits and signs without Han characters."""
    signs = re.search(r"[()\[\]{}^√=+<>≤≥∞|/π\-]", form)
    return bool(signs) and bool(re.search(r"\d", form)) and not re.search(r"[\u4e00-\u9fff]", form)


def quantity(form: str) -> Fraction | None:
    """The number a text consists of, with or without a unit; None if it is more than that."""
    found = numbers(form) if _QUANTITY.fullmatch(form) else ()
    return found[0] if len(found) == 1 else None


def final_numbers(answer: str) -> tuple[Fraction, ...]:
    """The numbers in which a reply gives its result.

    Those of its last box; else of the clause behind its last `=`, `答案`, `所以` and the like; else the only number of its last
    sentence.
    """
    text = clean(answer)
    if boxes := _BOXED.findall(text):
        return numbers(boxes[-1])
    for cue in reversed(list(_RESULT.finditer(text))[-20:]):
        behind = _THOUSANDS.sub("", text[cue.end() : cue.end() + 80]).lstrip("是为:, ")
        if found := numbers(_CLAUSE.split(behind, maxsplit=1)[0]):
            return found
    alone = frozenset(numbers(re.split(r"[。!?;\n]|\.\s", text.rstrip("。.!; \n"))[-1]))
    return tuple(alone) if len(alone) == 1 else ()


def results(answer: str) -> list[str]:
    """Parts of a worked solution that may be its result: boxes, what stands behind `答案` or the last `=`, the last line."""
    text = clean(answer)
    last = text.rsplit("\n", 1)[-1][-200:]
    parts = [*_BOXED.findall(text)[-20:], *_ANNOUNCED.findall(text)[-20:], last, last.rsplit("=", 1)[-1], last.rsplit(":", 1)[-1]]
    return [part.strip("\"'“”‘’ ") for part in (*parts, *(part.split(",", 1)[0] for part in parts))]
