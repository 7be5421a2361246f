"""rows.jsonl -> the data set TRL is given, in the form whose masks it can make.

With `{% generation %}` in the chat template (or in the training variant that TRL knows for it) TRL masks every assistant turn
of a conversation itself. Without, it refuses; then a conversation with one assistant turn, its last, is given as prompt and
completion, which needs no marker. Anything else is an error: a mask that is guessed trains on the user's words.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from trl_files import Stop

Form = Literal["messages", "prompt_completion"]
Turn = dict[str, str]


def read_rows(file: Path, sha256: str) -> list[list[Turn]]:
    """The conversations of the file, each ending with the assistant.

    Raises:
        Stop: a line is not a row, there is none, or they are not the rows the recipe was written for.
    """
    found = []
    try:
        if (is_now := hashlib.sha256(file.read_bytes()).hexdigest()) != sha256:
            raise Stop("data", f"{file}: the rows changed: sha256 is {is_now}, the recipe was written for {sha256}")
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    found.append(_turns(line, f"{file}:{number}"))
    except (OSError, UnicodeDecodeError) as error:
        raise Stop("data", f"{file}: cannot be read ({error})") from None
    if not found:
        raise Stop("data", f"{file}: holds no rows")
    return found


def _turns(line: str, where: str) -> list[Turn]:
    try:
        turns = [{"role": str(turn["role"]), "content": turn["content"]} for turn in json.loads(line)["messages"]]
    except (ValueError, KeyError, TypeError) as error:
        raise Stop("data", f"{where}: is not a row with messages of role and content ({error})") from None
    if not all(isinstance(turn["content"], str) for turn in turns):
        raise Stop("data", f"{where}: content must be text")
    if not turns or turns[-1]["role"] != "assistant":
        raise Stop("data", f"{where}: the last message must be the assistant's")
    return turns


def fitting_form(tokenizer: Any, rows: list[list[Turn]], base: str, notes: list[str]) -> Form:
    """Which form TRL can mask with this tokenizer's template; what is unusual about it is added to the notes.

    Raises:
        Stop: there is no template, or it cannot mask conversations of several assistant turns.
    """
    if not tokenizer.chat_template:
        raise Stop("template", f"{base}: its tokenizer has no chat template; add a chat_template.jinja to the folder")
    if _can_mask(tokenizer, notes):
        return "messages"
    for number, turns in enumerate(rows, start=1):
        if sum(turn["role"] == "assistant" for turn in turns) > 1:
            raise Stop(
                "template",
                f"{base}: its chat template has no {{% generation %}} markers and TRL knows no training variant of it, so row "
                f"{number} with several assistant turns cannot be masked; add the markers to the template, or use full_ft",
            )
    notes.append("the chat template has no {% generation %} markers: rows are given as prompt and completion")
    return "prompt_completion"


def _can_mask(tokenizer: Any, notes: list[str]) -> bool:
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers, is_chat_template_stop_token_trained

    template = None
    if not has_generation_markers(tokenizer.chat_template):
        try:
            template = get_training_chat_template(tokenizer)
        except ValueError:
            return False
    if not is_chat_template_stop_token_trained(tokenizer, chat_template=template):
        notes.append("the chat template leaves the token that ends a turn outside {% generation %}: it will not be trained")
    return True


def data_set(rows: list[list[Turn]], form: Form) -> Any:
    """A `datasets.Dataset` in memory."""
    from datasets import Dataset

    if form == "messages":
        return Dataset.from_list([{"messages": turns} for turns in rows])
    return Dataset.from_list([{"prompt": turns[:-1], "completion": turns[-1:]} for turns in rows])
