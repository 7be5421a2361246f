"""What went wrong, in one line, and the files that are written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Fault(Exception):
    """The tool cannot be run, or what it left is no model."""


def write_json(file: Path, content: Any) -> None:
    """Written beside its place, then renamed."""
    part = file.with_name(f"{file.name}.part")
    part.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    part.replace(file)
