"""Rubric -> JSON schema, and judge reply × rubric -> verdict: one contract that both the request and the parser come from.

The judge reads text written by the model under test, and may quote it. So the parser trusts a verdict by where it stands:

1. A JSON object that carries the item's nonce as `id` wins outright. The response under judgement cannot hold the nonce.
2. Without one, the reply must hold exactly one distinct verdict: a JSON object without `id`, the published `[答案] …` line, or
   for scores a form such as `[[87]]` and `得分：87`. What the judged text itself says in such a form never counts this way,
   and broken JSON spoils the reply: what stands inside it may be a quotation.
3. Anything else is `unjudged` with the reason. There is no guess, and no exception.

A rubric of format `text` asks for a form such as `得分: 0.8` and for no id. A number that merely occurs in the judged text (of
scores from 0 to 1, most do) does not make the judge's a quotation then; the same score in such a form does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from harness.judging.rubric import Rubric
from harness.judging.text import compatible
from harness.schema import VerdictState

LONGEST_REPLY: Final = 32_000
"""Characters of a judge's reply; more is no verdict (and would cost time to search)."""
LONGEST_REASON: Final = 1_000

_MOST_BROKEN: Final = 50
_NUMBER: Final = (
    r"(?<![\d.])([-+]?\d{1,6}+(?:\.\d{1,6}+)?+)(?:[ \t]*/[ \t]*(\d{1,6}+))?+(?:[ \t]*分(?![析数制类]))?+"
    r"(?![\w%/]|\.\d|[ \t]*(?:[~\-–—至到、,]|或者?|or|and)[ \t]*\d|[ \t]*(?:多|左右|以上|以下))"
)
"""A number that stands alone, perhaps with its scale: no range, no percentage, no `80多`."""
_LINE: Final = r"^(?:[ \t>*#_]|-[ \t])*+"
_GAP: Final = r"[\s*_\[【「(\"'“]{0,12}+"
_SPOKEN: Final = "得分|分数|评分|打分|score|rating"


def _score_forms(names: str) -> tuple[re.Pattern[str], ...]:
    """How a judge announces a score in free text."""
    patterns = (
        rf"\[\[[ \t]*+{_NUMBER}[ \t]*+\]\]",
        rf"{_LINE}[\[【]?(?:最终|总|综合|本题)?(?:{names})[\]】]?[ \t*_]*+[:为是]?{_GAP}{_NUMBER}",
        rf"{_LINE}{_NUMBER}(?<=分)[ \t*_.。]*+$",
        rf"\A[\s*_]*+{_NUMBER}(?<=分)",
        rf"\A[\s*_`]*+{_NUMBER}[\s*_`.。]*+\Z",
    )
    return tuple(re.compile(pattern, re.IGNORECASE | re.MULTILINE) for pattern in patterns)


_SCORES: Final = _score_forms(f"{_SPOKEN}|答案")
_TEXT_SCORES: Final = (
    *_score_forms(_SPOKEN),
    re.compile(rf"(?:{_SPOKEN})[ \t*_]*+[:为是]{_GAP}{_NUMBER}", re.IGNORECASE),
)
"""In text that was asked for: also within a line, and never behind `答案`, which the judge says of the answer it reads."""
_LABEL_NAME: Final = r"(?:答案|(?:总体|最终)?(?:结论|判断|判定)(?:结果)?|类别|标签|label|answer|verdict)"
_ANALYSIS: Final = re.compile(r"[\[【]\s*分析\s*[\]】]|^[ \t]*+分析[ \t]*:", re.MULTILINE)
_OWN_START: Final = {
    kind: re.compile(
        r"""\{\s*["']id["']\s*:\s*["']([0-9a-f]{16})["']\s*,\s*["']"""
        + kind
        + r"""["']\s*:\s*("[^"\n]*"|'[^'\n]*'|[-+\d.eE]+)\s*(?=[,}])""",
        re.IGNORECASE,
    )
    for kind in ("score", "label")
}
_OPENS_JSON: Final = re.compile(r"""\{\s*(?:["“]|'(?:id|score|label|reason)')""")
_REASONING: Final = re.compile(r"\s*<(think|thinking|reasoning|reflection)>", re.IGNORECASE)

Value = str | float
"""A label or a score."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a judge's reply comes to: the parts of a `Verdict` that are the reply's own."""

    state: VerdictState
    label: str | None = None
    degree: int | None = None
    score: float | None = None
    reason: str = ""


def response_format(rubric: Rubric) -> dict[str, Any] | None:
    """The `response_format` of a request: one schema a rubric (not one an item: servers compile and cache grammars).

    None for a rubric that asks for free text.
    """
    if rubric.format == "text":
        return None
    schema = _model(rubric.kind, tuple(rubric.labels), rubric.low, rubric.high).model_json_schema()
    schema.pop("title", None)
    for field in schema["properties"].values():
        field.pop("title", None)
    return {"type": "json_schema", "json_schema": {"name": f"{rubric.name}_verdict", "strict": True, "schema": schema}}


@lru_cache(maxsize=64)
def _model(kind: Literal["score", "label"], labels: tuple[str, ...], low: float | None, high: float | None) -> type[BaseModel]:
    """`{"id", "label" | "score", "reason"}`, nothing else, all required."""
    verdict: Any = Literal[labels] if kind == "label" else float
    limits = Field() if kind == "label" else Field(ge=low, le=high, allow_inf_nan=False)
    fields: dict[str, Any] = {"id": (str, ...), kind: (verdict, limits), "reason": (str, ...)}
    return create_model("Verdict", __config__=ConfigDict(extra="forbid"), **fields)


def parse(reply: str | None, rubric: Rubric, nonce: str, *, quoted: str = "", complete: bool = True) -> Parsed:
    """The verdict in a judge's reply.

    `quoted` is the text of the item, which the judge may repeat; `complete` is False if the reply was cut off by its length.
    """
    if reply is not None and len(reply) > LONGEST_REPLY:
        return _unjudged(f"the judge's reply has {len(reply):,} characters")
    text = _after_reasoning(reply or "")
    if text is None or not text.strip():
        return _unjudged(
            "the judge's reply is empty" if text is not None else "the judge's reasoning was cut off before a verdict"
        )
    objects, rest, broken = _objects(text)
    own = [found for found in objects if str(found.get("id")).strip().lower() == nonce]
    if broken or not own:
        own.extend(_rescued(text, rubric, nonce))
    if own:
        return _only([_value(rubric, found) for found in own], rubric, _reason_of(own))
    if broken or not complete:
        return _unjudged("the judge's JSON is broken" if complete else "the judge's reply was cut off before a verdict")
    return _without_nonce(objects, rest, rubric, quoted)


def _without_nonce(objects: Sequence[dict[str, Any]], rest: str, rubric: Rubric, quoted: str) -> Parsed:
    """The verdict of a reply that ignored the format asked for: only if it is the only one, and the judge's own."""
    loose = [_value(rubric, found) for found in objects if "id" not in found and rubric.kind in found]
    spoken = list(_labels_in(rest, rubric) if rubric.kind == "label" else _scores_in(rest, rubric))
    parsed = _only(loose + spoken, rubric, _reason_of(objects) or _analysis(rest))
    if parsed.state is VerdictState.OK and _is_spoken(parsed, rubric, quoted):
        return _unjudged("the only verdict in the judge's reply is one that the judged text itself speaks of")
    return parsed


def _unjudged(reason: str) -> Parsed:
    return Parsed(VerdictState.UNJUDGED, reason=reason)


def _only(values: Sequence[Value | None], rubric: Rubric, reason: str) -> Parsed:
    """The one distinct value; None stands for a verdict outside the rubric."""
    distinct = set(values)
    if not distinct:
        return _unjudged(f"the judge's reply holds no {rubric.kind}")
    if None in distinct:
        allowed = " / ".join(rubric.labels) or f"{rubric.low:g} to {rubric.high:g}"
        return _unjudged(f"the judge's {rubric.kind} is none of the rubric's: {allowed}")
    if len(distinct) > 1:
        return _unjudged(f"the judge's reply holds {len(distinct)} different {rubric.kind}s")
    value = distinct.pop()
    if isinstance(value, str):
        return Parsed(VerdictState.OK, label=value, degree=rubric.labels[value], reason=reason)
    return Parsed(VerdictState.OK, score=value, reason=reason)


def _after_reasoning(text: str) -> str | None:
    """The reply without a reasoning block it begins with; None if that block never ends.

    Only up to the *first* closing tag: the judged text may hold a closing tag that the judge quotes, and removing more than is
    certain would remove the judge's own verdict and leave a quoted one.
    """
    opened = _REASONING.match(text)
    if not opened:
        return text
    closed = re.search(rf"</{opened[1]}>", text, re.IGNORECASE)
    return text[closed.end() :] if closed else None


_AMBIGUOUS: Final = object()


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a key given twice with different values has none."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        found[key] = _AMBIGUOUS if key in found and found[key] != value else value
    return found


def _objects(text: str) -> tuple[list[dict[str, Any]], str, bool]:
    """Outermost JSON objects, the text around them, and whether something opened like one and is none."""
    decoder = json.JSONDecoder(object_pairs_hook=_pairs, strict=False)
    objects: list[dict[str, Any]] = []
    around: list[str] = []
    start = position = failures = 0
    while (brace := text.find("{", position)) >= 0 and failures < _MOST_BROKEN:
        try:
            found, end = decoder.raw_decode(text, brace)
        except (ValueError, RecursionError):
            failures += bool(_OPENS_JSON.match(text, brace))
            position = brace + 1
            continue
        objects.append(found)
        around.append(text[start:brace])
        start = position = end
    return objects, "\n".join([*around, text[start:]]), failures > 0


def _rescued(text: str, rubric: Rubric, nonce: str) -> Iterator[dict[str, Any]]:
    """Verdicts in JSON that breaks off or has stray quotes later: the nonce, and right after it a whole value."""
    for match in _OWN_START[rubric.kind].finditer(text):
        if match[1].lower() == nonce:
            yield {rubric.kind: match[2].strip("\"'")}


def _value(rubric: Rubric, found: dict[str, Any]) -> Value | None:
    """The verdict of a JSON object; None if it is not one of the rubric's."""
    value = found.get(rubric.kind)
    if isinstance(value, str):
        value = _plain_label(value, rubric) if rubric.kind == "label" else value.strip().removesuffix("分").strip()
    if isinstance(value, bool) or value is _AMBIGUOUS:
        return None
    model = _model(rubric.kind, tuple(rubric.labels), rubric.low, rubric.high)
    try:
        checked = model.model_validate({"id": "", rubric.kind: value, "reason": ""})
    except ValidationError:
        return None
    result: Value = getattr(checked, rubric.kind)
    return result


def _plain_label(value: str, rubric: Rubric) -> str:
    """The label without white space, brackets and final marks around it, in the rubric's spelling."""
    bare = compatible(value).strip(" \t\r\n[]【】「」\"'“”.。*")
    return next((label for label in rubric.labels if compatible(label) == bare), bare)


@lru_cache(maxsize=64)
def _label_patterns(labels: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str], dict[str, str]]:
    """A line that announces a label, any label, and the labels by their comparable form."""
    plain = {compatible(label): label for label in labels}
    any_label = "|".join(re.escape(label) for label in sorted(plain, key=len, reverse=True))
    line = rf"{_LINE}[\[【(]?[ \t]*+{_LABEL_NAME}[ \t]*+[\]】)]?[ \t*_]*+:?{_GAP}({any_label})(?!\w)(.*)$"
    return re.compile(line, re.IGNORECASE | re.MULTILINE), re.compile(rf"(?:{any_label})"), plain


def _labels_in(text: str, rubric: Rubric) -> Iterator[str]:
    """Labels announced in free text; a line that names several yields them all."""
    line, anywhere, plain = _label_patterns(tuple(rubric.labels))
    folded = compatible(text)
    bare = _plain_label(folded, rubric)
    if bare in rubric.labels:
        yield bare
    for match in line.finditer(folded):
        yield plain[match[1]]
        before_analysis = _ANALYSIS.split(match[2], maxsplit=1)[0]
        yield from (plain[other] for other in anywhere.findall(before_analysis))


def _scores_in(text: str, rubric: Rubric) -> Iterator[float | None]:
    """Scores announced in free text; None for one outside the rubric's range or on another scale (`8/10`)."""
    folded = compatible(text)
    for pattern in _TEXT_SCORES if rubric.format == "text" else _SCORES:
        for match in pattern.finditer(folded):
            value = _value(rubric, {"score": match[1]})
            scale = match[2]
            fits = isinstance(value, float) and (scale is None or float(scale) == rubric.high)
            yield value if fits and isinstance(value, float) else None


def _is_spoken(parsed: Parsed, rubric: Rubric, quoted: str) -> bool:
    """Whether the judged text itself holds this label or this number: in any form, but where text was asked for in its own."""
    if parsed.label is not None:
        return compatible(parsed.label) in compatible(quoted)
    if rubric.format == "text":
        return parsed.score in set(_scores_in(quoted, rubric))
    return parsed.score in {float(number) for number in re.findall(r"\d{1,6}+(?:\.\d{1,6}+)?", compatible(quoted))}


def _reason_of(objects: Sequence[dict[str, Any]]) -> str:
    """The first explanation given in JSON."""
    return next((_clip(found["reason"]) for found in objects if isinstance(found.get("reason"), str)), "")


def _analysis(text: str) -> str:
    """The explanation around a verdict in free text: what follows `[分析]`, else all of it."""
    return _clip(_ANALYSIS.split(text, maxsplit=1)[-1])


def _clip(text: str) -> str:
    """Outer white space removed, at most `LONGEST_REASON` characters, writable as UTF-8 (JSON can hold lone surrogates)."""
    return text.strip()[:LONGEST_REASON].encode("utf-8", "replace").decode()
