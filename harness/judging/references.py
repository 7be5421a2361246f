"""Answer × reference -> 0-100, by form and without a model. Indicative only.

What can be compared by form: one short right answer (`exact`), a list (`set`), and shared characters (`open`). The traps are short
verdicts: 是 stands in 不是, 对 in 不对, and a reply may name 好评 and 差评 before it settles. So a reference counts as given only where
the reply states it, not where it denies it, lists it among others, or names its opposite as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final, Literal

from harness.judging.choice import find_choice
from harness.judging.choice_reply import clean
from harness.judging.text import normalise, numbers, strip_reasoning

SHORT_REFERENCE: Final = 12
"""Characters up to which a reference of unknown kind is taken as one right answer."""
_READ: Final = 20_000
"""Characters read of an answer (half from each end)."""

_OPPOSITES: Final[tuple[tuple[frozenset[str], ...], ...]] = tuple(
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
"""Families of words that exclude each other; the words of one side mean the same."""
_LETTER: Final = re.compile(r"(?:选(?:项)?)?\s*[(（]?([A-H])[)）]?(?:\s*(?:选?项)|\s*[.．、:：(（ ].*)?", re.DOTALL)
_REMARK: Final = re.compile(r"\s*[(（][^()（）]*[\u4e00-\u9fff][^()（）]*[)）]\s*[。.]?\s*$")
_CUE: Final = re.compile(
    r"(?:答案|结果|结论|关系|情感|类别|分类|标签|评价|评论|判断|综上|因此|所以|总之|故|即|属于|归为|归类为|分为|应为|应是|应该是|改为|等于|选择?|填入?|填|是|为|:|=|→|\bis|\bare|\banswer)"
    r"(?:[一这那]?[个种类条是为])?[\s\"'“‘《【\[(「:,]*$",
    re.IGNORECASE,
)
_DENIAL: Final = re.compile(
    r"(?:不|非|没有?|未|无|并非|不是|不属于|不构成|而非|不存在|不能说是|\bnot|\bno|n't|isn't)(?:语义|逻辑|任何|明显|严格的?|直接的?|\s)*[\"'“‘「(]*$",
    re.IGNORECASE,
)
_NOT_DENIAL: Final = re.compile(r"不仅|不但|不只|不光|不得不|不难|毫不|不禁|非常|不过|不断")
_LISTED: Final = re.compile(r"[、/|]\s*[\"'“‘]?$|^[\"'”’]?\s*(?:[、/|]|还是|或者?)")
_LAST_CUE: Final = re.compile(r"答案|综上|因此|所以|总之|故(?!事)|最终|\b(?:answer|therefore|thus|so)\b|结论|####", re.IGNORECASE)
_CLAUSE: Final = re.compile(r"[,，。.!！?？;；:：\n]")
_STOP: Final = re.compile(r"[。!?;\n]")


def _visible(answer: str) -> str:
    text, _ = strip_reasoning(answer)
    return text if len(text) <= _READ else text[: _READ // 2] + "\n" + text[-_READ // 2 :]


def forms(reference: str, accept: Iterable[str] = ()) -> tuple[str, ...]:
    """The reference and all that is equally right; a remark in brackets at the end is not part of a form."""
    found: dict[str, None] = {}
    for form in (reference, *accept):
        for text in (form, _REMARK.sub("", form)):
            if normalise(text):
                found[text.strip()] = None
    return tuple(found)


def formula(text: str) -> str:
    """Formulas compare with their brackets and signs; white space, LaTeX dressing and multiplication signs do not count."""
    plain = clean(text).lower()
    plain = re.sub(r"\\(?:left|right|,|;|!|quad|displaystyle)", "", plain)
    plain = re.sub(r"\\[dt]?frac\{([^{}]{1,60})\}\{([^{}]{1,60})\}", r"\1/\2", plain)
    plain = re.sub(r"\\sqrt\{([^{}]{1,60})\}|sqrt\(([^()]{1,60})\)", lambda match: f"√{match[1] or match[2]}", plain)
    plain = plain.replace("\\pi", "π").replace("\\infty", "∞").replace("\\cup", "∪").replace("\\pm", "±").replace("\\times", "×")
    plain = re.sub(r"\^\{([^{}]{1,60})\}", r"^\1", plain)
    return re.sub(r"[\s*·×。.]+$|[\s*·×]", "", plain).strip("。.;,")


def _is_formula(form: str) -> bool:
    return (
        bool(re.search(r"\d", form))
        and bool(re.search(r"[()\[\]{}^√=+<>≤≥∞|/π\-]", form))
        and not re.search(r"[\u4e00-\u9fff]", form)
    )


# --- exact


def _family(form: str) -> tuple[frozenset[str], ...] | None:
    plain = normalise(form)
    return next((family for family in _OPPOSITES if any(plain in side for side in family)), None)


def _has_single(family: Sequence[frozenset[str]]) -> bool:
    """Families with one-character words (是, 对, 有) cannot be looked for inside a text."""
    return any(len(word) == 1 for side in family for word in side)


def _sides(family: Sequence[frozenset[str]], text: str) -> set[int]:
    """Which sides of a family a text names; longer words first, so that 不是 is not 是."""
    words = sorted(((word, index) for index, side in enumerate(family) for word in side), key=lambda item: -len(item[0]))
    pattern = "|".join(rf"\b{word}\b" if word.isascii() else word for word, _ in words)
    by_word = dict(words)
    found = set()
    for match in re.finditer(pattern, text, re.IGNORECASE):
        if _DENIAL.search(text[max(0, match.start() - 12) : match.start()]):
            continue
        found.add(by_word[match[0].lower()])
    return found


def _verdict_side(family: Sequence[frozenset[str]], text: str) -> int | None:
    """The one side a reply settles on: in all of it, else behind its last conclusion, else in its first clause."""
    first = _CLAUSE.split(text.strip(), maxsplit=1)[0]
    for index, side in enumerate(family):
        if normalise(first) in side:
            return index
    if _has_single(family):
        return None
    sides = _sides(family, text)
    if len(sides) > 1:
        cues = list(_LAST_CUE.finditer(text))
        sides = _sides(family, text[cues[-1].end() :]) if cues else _sides(family, first)
    return sides.pop() if len(sides) == 1 else None


def _letter_of(all_forms: Sequence[str]) -> tuple[str, dict[str, str]] | None:
    """The letter a reference consists of, with options A-H whose texts are known only for that letter."""
    found = _LETTER.fullmatch(all_forms[0])
    if not found:
        return None
    texts = [
        text
        for form in all_forms[1:]
        if (text := re.sub(r"^\s*(?:选项)?[(（]?[A-H][)）]?[\s.．、:：]*", "", form)) and len(normalise(text)) > 1
    ]
    return found[1], {letter: texts[0] if texts and letter == found[1] else "" for letter in "ABCDEFGH"}


_QUANTITY: Final = re.compile(r"\s*(?:约|第|共)?\s*-?[\d.,]+(?:\s*/\s*\d+)?\s*%?\s*[\u4e00-\u9fffA-Za-z/²³]{0,6}\s*[。.]?\s*")


def _quantity(form: str) -> Fraction | None:
    """The number a reference consists of, with or without a unit."""
    found = numbers(form) if _QUANTITY.fullmatch(form) else ()
    return found[0] if len(found) == 1 else None


def final_numbers(answer: str) -> tuple[Fraction, ...]:
    """The numbers of the clause in which a reply gives its result: behind its last `=`, `答案`, `所以` …, else the only number of its last sentence."""
    text = clean(answer)
    boxed = re.findall(r"\\boxed\s*\{((?:[^{}\n]|\{[^{}\n]{0,60}\}){1,120})\}", text)
    if boxed:
        return numbers(boxed[-1])
    for cue in reversed(
        list(
            re.finditer(
                r"=|≈|等于|(?<=[,。;\s])是|应该?是|就是|答案|结果|综上|因此|所以|一共|总共|共|答[:,]|\b(?:answer|total|is)\b",
                text,
                re.IGNORECASE,
            )
        )[-20:]
    ):
        tail = re.split(
            r"[,。;\n!]|\.\s|\.$",
            re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text[cue.end() : cue.end() + 80]).lstrip("是为::, "),
            maxsplit=1,
        )[0]
        if found := numbers(tail):
            return found
    sentence = re.split(r"[。!?;\n]|\.\s", text.rstrip("。.!; \n"))[-1]
    alone = frozenset(numbers(sentence))
    return tuple(alone) if len(alone) == 1 else ()


def _gives(answer: str, form: str) -> bool:
    """Whether an answer states `form`: as a whole line, behind a cue, or anywhere in a short answer; not denied, not in a list."""
    plain = normalise(form)
    if len(plain) < 2:
        return _gives_character(clean(answer), clean(form))
    if any(normalise(line) == plain for line in answer.splitlines()):
        return True
    return _stated(answer, form) if len(form) <= 40 else plain in normalise(answer)


def _gives_character(answer: str, form: str) -> bool:
    """A one-character reference (高, 能) counts as the first clause, or behind an announcement, and nowhere else."""
    first = _CLAUSE.split(answer, maxsplit=1)[0]
    announced = rf"(?:答案|结论|结果|因此|所以)[^。\n]{{0,6}}[:是为]\s*[\"“]?{re.escape(form)}[\"”]?\s*(?:[。.,;!\n]|$)"
    return normalise(first) == normalise(form) or bool(re.search(announced, answer))


def _spaced(form: str) -> str:
    """A pattern for `form`: blanks are needed between Latin words only."""
    latin = r"(?<=[A-Za-z0-9])\s+(?=[A-Za-z0-9])"
    return r"\s+".join(r"\s*".join(map(re.escape, part.split())) for part in re.split(latin, form))


def _denied(before: str) -> bool:
    """Whether the text up to a mention denies it, in its clause."""
    clause = _NOT_DENIAL.sub("", _CLAUSE.split(before)[-1])
    return bool(_DENIAL.search(clause) or re.search(r"[不没别勿非]|避免|排除|n't\b|\bnot\b", clause))


def _stated(answer: str, form: str) -> bool:
    text, wanted = clean(answer), clean(form).strip("。.")
    edge = r"(?<![A-Za-z0-9.])" if wanted[:1].isascii() and wanted[:1].isalnum() else ""
    close = r"(?![A-Za-z0-9]|\.\d)" if wanted[-1:].isascii() and wanted[-1:].isalnum() else ""
    short = len(normalise(text)) <= 2 * len(normalise(wanted)) + 24
    listed = bool(re.search(r"[、/|]", wanted))
    for match in re.finditer(edge + _spaced(wanted) + close, text, re.IGNORECASE):
        before, after = text[max(0, match.start() - 24) : match.start()], text[match.end() : match.end() + 6]
        if _denied(before) or (not listed and (_LISTED.search(before) or _LISTED.search(after))):
            continue
        if (
            short
            or _CUE.search(before)
            or not _STOP.search(text[: match.start()])
            or not _STOP.search(text[match.end() :].strip("。.! \n"))
        ):
            return True
    return False


def _exact(answer: str, all_forms: Sequence[str]) -> tuple[float, str]:
    plain = normalise(answer)
    for form in all_forms:
        if _is_formula(form):
            if formula(form) == formula(answer) or formula(form) in map(formula, _results(answer)):
                return 100.0, "equal formula"
        elif normalise(form) == plain:
            return 100.0, "equal"
    if letter := _letter_of(all_forms):
        choice = find_choice(answer, letter[1])
        return (
            (100.0, f"choice {choice.letter}") if choice.letter == letter[0] else (0.0, f"choice {choice.letter or choice.rule}")
        )
    quantities = {value for form in all_forms if (value := _quantity(form)) is not None}
    if quantities:
        found = set(final_numbers(answer))
        if len(found) == 1 and found <= quantities:
            return 100.0, "equal number"
        all_forms = [form for form in all_forms if _quantity(form) is None]
    return _by_words(answer, all_forms) if all_forms else (0.0, "another number")


def _by_words(answer: str, all_forms: Sequence[str]) -> tuple[float, str]:
    for form in all_forms:
        if family := _family(form):
            side = _verdict_side(family, answer)
            if side is not None:
                right = any(normalise(other) in family[side] for other in all_forms)
                return (100.0, "same verdict") if right else (0.0, "another verdict")
            if not _has_single(family) and len(_sides(family, clean(answer))) > 1:
                return 0.0, "several verdicts"
    given = next((form for form in all_forms if not _is_formula(form) and _gives(answer, form)), None)
    return (100.0, "states the reference") if given else (0.0, "reference not found")


_ANNOUNCED: Final = re.compile(
    r"(?:答案|结果|因此|所以|\banswer)[^\n:是为]{0,12}(?:[:是为]|\bis\b)\s*([^\n。]{1,120})", re.IGNORECASE
)


def _results(answer: str) -> list[str]:
    """Parts of a worked solution that may be its result: boxed, behind the last `=` or `答案`, the last line."""
    text = clean(answer)
    parts = re.findall(r"\\boxed\s*\{((?:[^{}\n]|\{[^{}\n]{0,60}\}){1,120})\}", text)
    parts += [match[1] for match in _ANNOUNCED.finditer(text)]
    last = text.rsplit("\n", 1)[-1]
    parts += [last, last.rsplit("=", 1)[-1], last.rsplit(":", 1)[-1]]
    return [part.strip("\"'“”‘’ ") for part in (*parts, *(part.split(",", 1)[0] for part in parts))]


# --- set and open


def list_items(text: str) -> tuple[str, ...]:
    """The items of a list, normalised: `词（词性）` pairs, else what stands between line breaks and list marks."""
    pairs = re.findall(r"[^()（）\s，。、；,;:：“”]{1,20}[(（][^()（）]{1,12}[)）]", text)
    if len(pairs) >= 3:
        return tuple(dict.fromkeys(filter(None, map(normalise, pairs))))
    lines = [line for line in text.splitlines() if not re.fullmatch(r"\s*[(（][^()（）]*[)）]\s*", line)]
    parts = re.split(r"[\n、；;，,｜|。]|→|—+", "\n".join(re.sub(r"^[^：:\n]{1,12}[：:]", "", line) for line in lines))
    return tuple(dict.fromkeys(filter(None, (normalise(re.sub(r"^\s*(?:\d+[.、)]|[①-⑳])", "", part)) for part in parts))))


_LEAD_IN: Final = re.compile(
    r"^[^、\n]{0,30}?(?:答案|标签|结果|结论|实体|分别|包括|选择)[^、\n]{0,8}?(?:是|为|有|[:：])\s*[\"“]?"
)


def _set(answer: str, all_forms: Sequence[str]) -> tuple[float, str]:
    """Share of the items found. For a flat list of short items, extra items of the answer count against it."""
    plain = normalise(answer)
    best, reason = 0.0, "no item found"
    for form in all_forms:
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


def compare(
    answer: str,
    reference: str,
    kind: Literal["exact", "set", "open"] | None = None,
    accept: Sequence[str] = (),
    points: Sequence[str] = (),  # noqa: ARG001
) -> tuple[float, str]:
    """How near an answer comes to a reference, 0-100, and why.

    `exact`: 100 or 0. `set`: share of items found. `open`: character F1, best over the reference and `accept`. Without a kind, short
    references are exact and others open. `points` are prose that only a model or a person can check; they are not read here.
    """
    visible = _visible(answer)
    if not normalise(visible):
        return 0.0, "empty" if not answer.strip() else "no visible answer"
    all_forms = forms(reference, accept)
    if not all_forms:
        return 0.0, "empty reference"
    kind = kind or ("exact" if len(reference.strip()) <= SHORT_REFERENCE else "open")
    if kind == "exact":
        return _exact(visible, all_forms)
    if kind == "set":
        return _set(visible, all_forms)
    return max(character_f1(visible, form) for form in all_forms), "character F1"
