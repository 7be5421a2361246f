"""Answer × reference -> 0-100, by form and without a model. Indicative only.

What can be compared by form: one short right answer (`exact`), a list (`set`), and shared characters (`open`). A reference
counts as given only where the reply states it, not where it denies it, lists it among others, or names its opposite as well:
otherwise a reply that names every label would always be right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from harness.judging.choice import find_choice
from harness.judging.choice_reply import clean
from harness.judging.opposites import CLAUSE, denied_by, family_of, searchable, side_taken, sides_named
from harness.judging.results import final_numbers, formula, is_formula, quantity, results
from harness.judging.text import normalise, strip_reasoning

SHORT_REFERENCE: Final = 12
"""Characters up to which a reference of unknown kind is taken as one right answer."""
_READ: Final = 20_000
"""Characters read of an answer (half from each end)."""
_LABEL: Final = 40
"""Longest form that must be stated as an answer; a longer one is found anywhere (corrected sentences, whole lists)."""

_LETTER: Final = re.compile(r"(?:选(?:项)?)?\s?[(（]?([A-H])[)）]?(?:\s?(?:选?项)|\s?[.．、:：(（ ].*)?", re.DOTALL)
_REMARK: Final = re.compile(r"\s?[(（][^()（）]{0,200}[\u4e00-\u9fff][^()（）]{0,200}[)）]\s?[。.]?\s?$")
_CUE: Final = re.compile(
    r"(?:答案|结果|结论|关系|情感|类别|分类|标签|评价|评论|判断|综上|因此|所以|总之|故|即|属于|归为|归类为|分为|应为|应是|应该是|改为|等于"
    r"|选择?|填入?|填|是|为|:|=|→|\bis|\bare|\banswer)(?:[一这那]?[个种类条是为])?[\s\"'“‘《【\[(「:,]{0,4}$",
    re.IGNORECASE,
)
_LISTED: Final = re.compile(r"[、/|]\s?[\"'“‘]?$|^[\"'”’]?\s?(?:[、/|]|还是|或者?)")
_STOP: Final = re.compile(r"[。!?;\n]")
_PAIR: Final = re.compile(r"[^()（）\s，。、；,;:：“”]{1,20}[(（][^()（）]{1,12}[)）]")
_LEAD_IN: Final = re.compile(
    r"^[^、\n]{0,30}?(?:答案|标签|结果|结论|实体|分别|包括|选择)[^、\n]{0,8}?(?:是|为|有|[:：])\s?[\"“]?"
)


def compare(
    answer: str,
    reference: str,
    kind: Literal["exact", "set", "open"] | None = None,
    accept: Sequence[str] = (),
    points: Sequence[str] = (),  # noqa: ARG001
) -> tuple[float, str]:
    """How near an answer comes to a reference, 0-100, and why.

    `exact`: 100 or 0. `set`: share of items found. `open`: character F1, best over the reference and `accept`. Without a kind,
    short references are exact and others open. `points` are prose that only a model or a person can check; they are not read.
    """
    visible, _ = strip_reasoning(answer)
    visible = visible if len(visible) <= _READ else visible[: _READ // 2] + "\n" + visible[-_READ // 2 :]
    if not normalise(visible):
        return 0.0, "no visible answer" if answer.strip() else "empty"
    kind = kind or ("exact" if len(reference.strip()) <= SHORT_REFERENCE else "open")
    right = forms(reference, accept, without_remarks=kind == "exact")
    if not right:
        return 0.0, "empty reference"
    if kind == "exact":
        return _exact(visible, right)
    if kind == "set":
        return _set(visible, right)
    return max(character_f1(visible, form) for form in right), "character F1"


def forms(reference: str, accept: Iterable[str] = (), *, without_remarks: bool = False) -> tuple[str, ...]:
    """The reference and all that is equally right; `without_remarks` also without a Chinese remark in brackets at the end."""
    found: dict[str, None] = {}
    for form in (reference, *accept):
        for text in (form, _REMARK.sub("", form)) if without_remarks else (form,):
            if normalise(text):
                found[text.strip()] = None
    return tuple(found)


# --- exact


def _exact(answer: str, right: Sequence[str]) -> tuple[float, str]:
    plain = normalise(answer)
    if any(normalise(form) == plain for form in right if not is_formula(form)):
        return 100.0, "equal"
    formulas = {formula(form) for form in right if is_formula(form)}
    if formulas and formulas & {formula(answer), *map(formula, results(answer))}:
        return 100.0, "equal formula"
    if letter := _letter_of(right):
        choice = find_choice(answer, letter[1])
        return 100.0 * (choice.letter == letter[0]), f"choice {choice.letter or choice.rule}"
    quantities = {value for form in right if (value := quantity(form)) is not None}
    found = set(final_numbers(answer)) if quantities else set()
    if len(found) == 1 and found <= quantities:
        return 100.0, "equal number"
    words = [form for form in right if quantity(form) is None]
    return _by_words(answer, words) if words else (0.0, "another number")


def _letter_of(right: Sequence[str]) -> tuple[str, dict[str, str]] | None:
    """The letter a reference consists of, with options A-H of which only that letter's text may be known."""
    found = _LETTER.fullmatch(right[0])
    if not found:
        return None
    texts = (re.sub(r"^\s?(?:选项)?[(（]?[A-H][)）]?[\s.．、:：]{0,3}", "", form) for form in right[1:])
    own = next((text for text in texts if len(normalise(text)) > 1), "")
    return found[1], {letter: own if letter == found[1] else "" for letter in "ABCDEFGH"}


def _by_words(answer: str, right: Sequence[str]) -> tuple[float, str]:
    for family in filter(None, map(family_of, right)):
        side = side_taken(family, answer)
        if side is not None:
            same = any(normalise(form) in family[side] for form in right)
            return (100.0, "same verdict") if same else (0.0, "another verdict")
        if searchable(family) and len(sides_named(family, clean(answer))) > 1:
            return 0.0, "several verdicts"
    if any(_gives(answer, form) for form in right if not is_formula(form)):
        return 100.0, "states the reference"
    return 0.0, "reference not found"


def _gives(answer: str, form: str) -> bool:
    """Whether an answer gives `form`: as a line of its own, or stated in a sentence."""
    plain = normalise(form)
    if len(plain) < 2:
        return _gives_character(clean(answer), clean(form))
    if any(normalise(line) == plain for line in answer.splitlines() if len(line) <= 2 * len(form) + 20):
        return True
    return _states(clean(answer), clean(form).strip("。.")) if len(form) <= _LABEL else plain in normalise(answer)


def _gives_character(answer: str, form: str) -> bool:
    """A one-character reference (高, 能) counts as the first clause, or behind an announcement, and nowhere else."""
    first = CLAUSE.split(answer, maxsplit=1)[0]
    announced = rf"(?:答案|结论|结果|因此|所以)[^。\n]{{0,6}}[:是为]\s?[\"“]?{re.escape(form)}[\"”]?\s?(?:[。.,;!\n]|$)"
    return normalise(first) == normalise(form) or bool(re.search(announced, answer))


def _states(answer: str, form: str) -> bool:
    """Whether a sentence gives `form` as the answer: not denied or listed; behind a cue, in a short answer or at its edges."""
    short = len(normalise(answer)) <= 2 * len(normalise(form)) + 24
    is_list = bool(re.search(r"[、/|]", form))
    first_stop = _STOP.search(answer)
    last_stop = max((answer.rstrip("。.! \n").rfind(mark) for mark in "。!?;\n"), default=-1)
    for match in _mentions(answer, form):
        before, after = answer[max(0, match.start() - 24) : match.start()], answer[match.end() : match.end() + 6]
        if denied_by(before) or (not is_list and (_LISTED.search(before) or _LISTED.search(after))):
            continue
        at_edge = not first_stop or match.start() < first_stop.start() or match.end() > last_stop
        if short or at_edge or _CUE.search(before):
            return True
    return False


def _mentions(answer: str, form: str) -> Iterable[re.Match[str]]:
    """Where `form` stands as a whole: Latin words and numbers are not part of longer ones, blanks matter between them only."""
    words = re.split(r"(?<=[A-Za-z0-9])\s+(?=[A-Za-z0-9])", form)
    body = r"\s+".join(r"\s?".join(map(re.escape, word.split())) for word in words)
    left = r"(?<![A-Za-z0-9.])" if re.match(r"[A-Za-z0-9]", form) else ""
    right = r"(?![A-Za-z0-9]|\.\d)" if re.search(r"[A-Za-z0-9]$", form) else ""
    return re.finditer(left + body + right, answer, re.IGNORECASE)


# --- set and open


def list_items(text: str) -> tuple[str, ...]:
    """The items of a list, normalised: `词（词性）` pairs, else what stands between line breaks and list marks."""
    pairs = _PAIR.findall(text)
    if len(pairs) < 3:
        lines = "\n".join(line for line in text.splitlines() if not _is_heading(line))
        pairs = [_ITEM_LABEL.sub("", part) for part in re.split(r"[\n、；;，,｜|。→—]", lines)]
    return tuple(dict.fromkeys(filter(None, map(normalise, pairs))))


_ITEM_LABEL: Final = re.compile(r"^\s?(?:\d{1,3}[.、)]|[①-⑳])?(?:[^：:\n\d]{1,12}[：:])?")
"""`1.`, `地点：`."""


def _is_heading(line: str) -> bool:
    """`（实体｜属性｜属性值）`."""
    return bool(re.fullmatch(r"[(（][^()（）]{0,80}[)）]", line.strip()))


def _set(answer: str, right: Sequence[str]) -> tuple[float, str]:
    """Share of the items found. For a flat list of short items, extra items of the answer count against it."""
    plain = normalise(answer)
    best, reason = 0.0, "no item found"
    for form in right:
        items = list_items(form)
        found = sum(item in plain for item in items)
        flat = "\n" not in form and all(len(item) <= SHORT_REFERENCE for item in items)
        given = len(list_items(_LEAD_IN.sub("", answer))) if flat else 0
        score = 100.0 * found / max(len(items), given, 1)
        if score > best:
            best, reason = score, f"{found} of {len(items)} items" + (f", {given} given" if given > len(items) else "")
    return best, reason


def character_f1(answer: str, reference: str) -> float:
    """F1 of the two multisets of normalised characters, 0-100."""
    left, right = (Counter(normalise(text).replace(" ", "")) for text in (answer, reference))
    shared = (left & right).total()
    return 200.0 * shared / (left.total() + right.total()) if shared else 0.0
