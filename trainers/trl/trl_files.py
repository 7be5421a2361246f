"""What the trainer writes beside the model, each file whole or not there at all."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final, Literal

Kind = Literal["error", "recipe", "data", "template", "precision", "oom", "nan", "engine"]

STATUS: Final[dict[Kind, int]] = {
    "error": 1,
    "recipe": 2,
    "data": 3,
    "template": 4,
    "precision": 5,
    "oom": 6,
    "nan": 7,
    "engine": 9,
}
"""Kind -> exit status, as full_ft has them."""


PROGRESS: Final = "progress.jsonl"
"""File in `work` with a line a step; it is also the sign that this recipe ran here before."""


class Stop(Exception):
    """Training cannot go on; the message is one line that names the thing and what would be right."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(" ".join(message.split()))
        self.kind = kind

    @property
    def status(self) -> int:
        """Exit status of the process."""
        return STATUS[self.kind]


def say(line: str) -> None:
    """One line of the log."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def write_json(file: Path, content: dict[str, Any]) -> None:
    """Written under another name, then renamed."""
    partial = file.with_name(file.name + ".partial")
    with partial.open("w", encoding="utf-8") as out:
        json.dump(content, out, ensure_ascii=False, indent=1)
        out.flush()
        os.fsync(out.fileno())
    partial.replace(file)
