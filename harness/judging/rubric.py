"""Rubric file -> Rubric, and Rubric × item -> prompt: what a judge is told, as text beside the task it belongs to.

A rubric is third-party input as much as data is: its templates run in a sandbox, and everything that can be wrong with it is
found when it is loaded, with file and line, not after ten thousand generations.

What is judged is data, never instruction. Templates mark it with a `nonce` that is a hash of rubric and item: the prompt stays
the same from run to run (so verdicts can be cached), and no response can contain the mark it will be wrapped in.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import Field, ValidationError, model_validator

from harness.errors import DataError
from harness.judging.items import JudgeItem
from harness.judging.text import strip_reasoning
from harness.schema import Frozen, Message

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import SandboxedEnvironment

LONGEST: Final = 20_000
"""Characters of a response that a judge is shown; of a longer one the middle is left out, visibly."""

SLOTS: Final = frozenset(
    {"question", "response", "history", "reference", "reference_kind", "accept", "points", "nonce", "labels", "low", "high"}
)
"""Names a template may use; `again` has `error` besides."""

Format = Literal["json", "text"]
_AGAIN: Final[Mapping[Format, str]] = {
    "json": (
        'This reply cannot be used: {{ error }}. Judge again and output only the JSON object asked for, with "id" {{ nonce }}.'
    ),
    "text": "This reply cannot be used: {{ error }}. Judge again, and write one verdict only, on a line of its own.",
}


class Cues(Frozen):
    """Phrases of a language by which the offline judge tells replies apart, beside its own Chinese and English ones.

    Plain text, matched as whole words without regard to case. Indicative only, like all that judge says.
    """

    refuses: tuple[str, ...] = ()
    """Spoken near the start of a reply that refuses."""
    objects: tuple[str, ...] = ()
    """Calls at the start what was asked wrong, illegal or biased."""
    guides: tuple[str, ...] = ()
    """Advises, or says why not."""
    agrees: tuple[str, ...] = ()
    """Begins a reply that does what was asked."""


class Rubric(Frozen):
    """How a kind of response is judged, and which verdicts exist."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    kind: Literal["score", "label"]
    language: str = Field(pattern=r"^[a-z]{2,3}(_[a-z]{2,4})?$")
    """Language the judge is addressed in."""
    labels: dict[str, int] = Field(default_factory=dict)
    """`label` rubrics: published label -> degree, in the order in which they are offered."""
    low: float | None = None
    high: float | None = None
    """`score` rubrics: range, both ends included."""
    format: Format = "json"
    """`json`: the verdict is an object that carries the nonce, and the request asks for its schema. `text`: it stands in free
    text, such as `得分: 0.8`, and nothing marks it as the judge's own; for published prompts that are to be sent as they are."""
    system: str = ""
    """Empty only where `format` is `text`: then no system turn is sent."""
    user: str = Field(min_length=1)
    """Templates (Jinja) with the names in `SLOTS`."""
    again: str | None = Field(default=None, min_length=1)
    """Template of what is said after a reply that holds no verdict; it has `error` besides. None: in English, what the format
    asks for."""
    cues: Cues = Cues()
    """`label` rubrics: what the judge `rules` goes by in this language. No model judge reads it."""
    version: str
    """`name@` and the first 8 hex digits of the file's SHA-256."""

    @model_validator(mode="after")
    def _has_verdicts(self) -> Rubric:
        if self.format == "json" and not self.system:
            raise ValueError('a rubric without a system turn needs format = "text"')
        if self.kind == "label":
            if len(self.labels) < 2 or any(not label.strip() for label in self.labels):
                raise ValueError("a label rubric needs at least two labels with text")
            if self.low is not None or self.high is not None:
                raise ValueError("a label rubric has no low and high")
            if any(not phrase.strip() for field in Cues.model_fields for phrase in getattr(self.cues, field)):
                raise ValueError("cues: a phrase must have text")
        elif self.labels or self.low is None or self.high is None or not self.low < self.high:
            raise ValueError("a score rubric needs low < high and has no labels")
        return self

    def share(self, score: float) -> float:
        """A score as a share 0-1 of the range."""
        low, high = self.low or 0.0, 1.0 if self.high is None else self.high
        return (score - low) / (high - low)


def load_rubric(path: Path) -> Rubric:
    """Read and check a rubric file (TOML).

    Raises:
        DataError: with file and line: not readable, not TOML, unknown or missing keys, a template that does not work.
    """
    try:
        return _checked(path.read_bytes(), path)
    except OSError as problem:
        raise DataError(f"cannot read the rubric: {problem.strerror}", file=path) from None


@lru_cache(maxsize=64)
def _checked(raw: bytes, path: Path) -> Rubric:
    """Once for the same bytes: the tasks of a benchmark share a rubric, and trying its templates takes 4 ms."""
    try:
        text = raw.decode("utf-8")
        fields = tomllib.loads(text)
    except UnicodeDecodeError:
        raise DataError("the rubric is not UTF-8 text", file=path) from None
    except tomllib.TOMLDecodeError as problem:
        line = re.search(r"at line (\d+)", str(problem))
        raise DataError(f"not TOML: {problem}", file=path, line=int(line[1]) if line else None) from None
    if "version" in fields:
        raise DataError("'version' is computed from the file and cannot be set", file=path, line=_line_of(text, "version"))
    return checked({**fields, "version": f"{fields.get('name')}@{hashlib.sha256(raw).hexdigest()[:8]}"}, text, path)


def checked(fields: Mapping[str, Any], text: str, path: Path) -> Rubric:
    """The rubric of these fields.

    Args:
        fields: of `Rubric`, all of them.
        text: of the file that they were read from, in which the line of a complaint is looked up.
        path: of that file.

    Raises:
        DataError: with file and line: unknown or missing fields, a template that does not work.
    """
    try:
        rubric = Rubric.model_validate(fields)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        message = f"{key}: {first['msg']}" if key else first["msg"].removeprefix("Value error, ")
        raise DataError(message, file=path, line=_line_of(text, key)) from None
    for field in ("system", "user", "again"):
        if getattr(rubric, field):
            _check_template(rubric, field, text, path)
    return rubric


def _line_of(text: str, key: str) -> int | None:
    """Line of a top-level key or table."""
    found = re.search(rf"(?m)^\s*\[?{re.escape(key)}\b", text) if key else None
    return text.count("\n", 0, found.end()) + 1 if found else None


def _check_template(rubric: Rubric, field: str, text: str, path: Path) -> None:
    """Compile, look for unknown and missing names, and try it on a full and on an empty item."""
    import jinja2
    from jinja2 import meta

    template: str = getattr(rubric, field)
    line = _line_of(text, field)
    try:
        used = meta.find_undeclared_variables(_environment().parse(template))
        known = SLOTS | {"error"} if field == "again" else SLOTS
        if unknown := sorted(used - known):
            raise DataError(
                f"{field}: no placeholder named '{unknown[0]}'; there are: {', '.join(sorted(known))}", file=path, line=line
            )
        needed = {"response"} if rubric.format == "text" else {"response", "nonce"}
        if field == "user" and (missing := sorted(needed - used)):
            raise DataError(f"user: the template must use '{missing[0]}'", file=path, line=line)
        for item in (_FULL, _EMPTY):
            _compiled(template).render(_values(rubric, item, "0" * 16), error="")
    except jinja2.TemplateSyntaxError as problem:
        opened = line and re.match(r'\s*\w+\s*=\s*("""|\'\'\')\s*$', text.splitlines()[line - 1])
        inside = (line or 0) + problem.lineno - (0 if opened else 1)
        raise DataError(f"{field}: {problem.message}", file=path, line=inside) from None
    except (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as problem:
        raise DataError(f"{field}: the template fails: {problem}", file=path, line=line) from None


_FULL: Final = JudgeItem(
    question="q",
    response="r",
    history=(Message(role="system", content="s"), Message(role="user", content="u"), Message(role="assistant", content="a")),
    reference="x",
    reference_kind="exact",
    accept=("y",),
    points=("z",),
)
_EMPTY: Final = JudgeItem(question="", response="")


@lru_cache(maxsize=1)
def _environment() -> SandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    return SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@lru_cache(maxsize=64)
def _compiled(template: str) -> Template:
    return _environment().from_string(template)


def shown(response: str) -> str:
    """What a judge sees of a response: no reasoning block, and no more than `LONGEST` characters."""
    text = strip_reasoning(response)[0]
    if len(text) <= LONGEST:
        return text
    head, tail = LONGEST * 3 // 4, LONGEST // 4
    return f"{text[:head]}\n[… {len(text) - head - tail} characters left out …]\n{text[-tail:]}"


def _values(rubric: Rubric, item: JudgeItem, nonce: str) -> Mapping[str, Any]:
    return {
        "question": item.question,
        "response": shown(item.response),
        "history": [{"role": turn.role, "content": turn.content} for turn in item.history],
        "reference": item.reference,
        "reference_kind": item.reference_kind,
        "accept": item.accept,
        "points": item.points,
        "nonce": nonce,
        "labels": list(rubric.labels),
        "low": _number(rubric.low),
        "high": _number(rubric.high),
    }


def _number(value: float | None) -> float | int | None:
    return int(value) if value is not None and value.is_integer() else value


def nonce_of(rubric: Rubric, content: str) -> str:
    """16 hex digits that mark this item in this rubric's prompt; `content` is the item as JSON, and does not hold them."""
    nonce = hashlib.sha256(f"{rubric.version}\n{content}".encode()).hexdigest()[:16]
    while nonce in content:
        nonce = hashlib.sha256(nonce.encode()).hexdigest()[:16]
    return nonce


def render(rubric: Rubric, item: JudgeItem, nonce: str) -> tuple[Message, ...]:
    """The system turn (if the rubric has one) and the user turn that ask for a verdict."""
    values = _values(rubric, item, nonce)
    system = _compiled(rubric.system).render(values).strip()
    user = Message(role="user", content=_compiled(rubric.user).render(values).strip())
    return (Message(role="system", content=system), user) if system or rubric.format == "json" else (user,)


def render_again(rubric: Rubric, item: JudgeItem, nonce: str, error: str) -> Message:
    """The user turn that asks once more after a reply without a verdict; `error` says what was wrong with it."""
    template = _compiled(rubric.again or _AGAIN[rubric.format])
    return Message(role="user", content=template.render(_values(rubric, item, nonce), error=error).strip())
