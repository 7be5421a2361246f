"""Prompts that a benchmark publishes, one a class × a message in TOML -> a rubric for each class.

What a benchmark's own scoring page says to the judge may not be ours to hand on. So the TOML beside the task holds the rest of
the message and where the prompts lie (`[prompts]`: path, url, sha256); they are found or fetched like a data file when somebody
asks for them, and their hash is checked at every use. The file is JSON Lines of `class` and `prompt`.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from harness.data.fetch import DataFile, locate
from harness.data.files import class_name, decode, json_lines, read_bytes
from harness.data.spots import Spot
from harness.errors import DataError
from harness.judging.rubric import Rubric, checked, load_rubric

ANY: Final = ""
"""Class of a rubric that is for all."""
TABLE: Final = "prompts"
SLOT: Final = re.compile(r"\{\{\s*prompt\s*\}\}")


def load_rubrics(path: Path) -> dict[str, Rubric]:
    """Class -> rubric of a rubric file; a file without `[prompts]` is one rubric for `ANY` class.

    Raises:
        DataError: the file, or the published one, is missing, broken or not what it should be.
    """
    fields = _fields(path)
    if TABLE not in fields:
        return {ANY: load_rubric(path)}
    text = decode(read_bytes(path), path)
    return {name: _rubric(name, prompt, fields, text, path) for name, prompt in _published(fields.pop(TABLE), path)}


def _fields(path: Path) -> dict[str, Any]:
    """Of a file that is TOML; what else may be wrong with it is `load_rubric`'s to say."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}


def _published(where: Any, path: Path) -> Iterator[tuple[str, str]]:
    """Class and prompt of every line of the published file."""
    if not isinstance(where, Mapping) or where.keys() != {"path", "url", "sha256"}:
        raise DataError("[prompts] must say path, url and sha256", file=path)
    file = locate(DataFile(path=str(where["path"]), url=str(where["url"]), sha256=str(where["sha256"])))
    seen: set[str] = set()
    for number, value in json_lines(file):
        spot = Spot(file, value, whole=f"line {number}")
        name = class_name(spot.field("class").text())
        if name in seen:
            raise spot.field("class").wrong(f"is '{name}' a second time")
        seen.add(name)
        yield name, spot.field("prompt").text().strip()


def _rubric(name: str, prompt: str, fields: Mapping[str, Any], text: str, path: Path) -> Rubric:
    """The rubric of one class: the prompt as a constant of the template, so that nothing in it is read as one."""
    user = str(fields.get("user", ""))
    if not SLOT.search(user):
        raise DataError("user: the template must use 'prompt', which [prompts] gives", file=path)
    constant = json.dumps(prompt, ensure_ascii=False)
    own = f"{fields.get('name')}_{re.sub(r'[^a-z0-9]+', '_', name)}"
    digest = hashlib.sha256(f"{text}\n{name}\n{prompt}".encode()).hexdigest()[:8]
    told = {"name": own, "user": SLOT.sub(lambda _: f"{{{{ {constant} }}}}", user), "version": f"{own}@{digest}"}
    return checked({**fields, **told}, text, path)
