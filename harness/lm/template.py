"""What a model's chat template does to our prompts, found out before anything is generated.

Measured traps: a template that rejects system turns makes lm-eval drop *all* of them with a warning; a model without a template
raises. Both change the numbers, so both end up in the record's notes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from lm_eval.api.model import LM

from harness.lm.backends import Backend, ChatBackend, ReplayBackend

_SYSTEM = "Reply briefly (probe 7319)."
_PROBE = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": "Hello."}]


@dataclass(frozen=True)
class Template:
    """How prompts are rendered."""

    kind: Literal["template", "plain", "endpoint", "replay"]
    sha256: str | None
    drops_system: bool

    @property
    def applied(self) -> bool:
        """Whether lm-eval should hand over messages."""
        return self.kind in {"template", "endpoint"}

    def notes(self) -> tuple[str, ...]:
        """What a reader of the scores must know."""
        found = []
        if self.kind == "plain":
            found.append("no chat template: prompts were sent as plain text, dialogues as labelled lines")
        if self.drops_system:
            found.append("the chat template drops system turns: dialogue items were asked without theirs")
        return tuple(found)


def inspect(backend: Backend, wanted: Literal["auto", "none"]) -> Template:
    """Probe the backend's template with a system turn."""
    if isinstance(backend, ChatBackend):
        return Template("endpoint", None, False)
    if isinstance(backend, ReplayBackend):
        return Template("replay", None, False)
    text = None if wanted == "none" else _text(backend.lm)
    if not text:
        return Template("plain", None, False)
    rendered = str(backend.lm.apply_chat_template([dict(turn) for turn in _PROBE]))
    return Template("template", hashlib.sha256(text.encode()).hexdigest(), _SYSTEM not in rendered)


def _text(lm: LM) -> str | None:
    tokenizer = getattr(lm, "tokenizer", None)
    template = getattr(tokenizer, "chat_template", None)
    if isinstance(template, dict):
        template = template.get("default")
    return str(template) if template else None
