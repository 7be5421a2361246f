"""Name, language, title -> the files of a new culture, from templates or after another culture; written whole or not at all.

Three marks are filled in: `@name@`, `@language@`, `@title@`. After another culture, its task files, standards, stages and
policies are taken over under the new name; of its items and rows two of each kind stay, marked as to be written, and so do its
rubrics, which are in the other language.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from harness.errors import DataError, UsageError
from harness.runs.write import make_folder, naming, sync_folder
from harness.schema import Culture

TEMPLATE: Final = Path(__file__).parent / "culture"
KEPT: Final = 2
"""Items or rows of each kind that stay as examples."""
LARGEST: Final = 1 << 20
"""Bytes of a text file that is taken over, at most."""
_PARTS: Final = frozenset({".toml", ".yaml", ".jsonl", ".md", ""})
_LANGUAGE_LINE: Final = re.compile(r'(?m)^(language = )"[^"\n]*"')
_LANGUAGE_WORD: Final = re.compile(r"(\blanguage: )[a-z_]+")
_RUBRIC: Final = re.compile(r'(?m)^kind = "(?:score|label)"$')


def from_template(name: str, language: str, title: str) -> dict[str, bytes]:
    """Path below the culture's folder -> content."""
    marks = {"@name@": name, "@language@": language, "@title@": json.dumps(title, ensure_ascii=False)[1:-1]}
    return {str(file.relative_to(TEMPLATE)): _filled(file.read_text("utf-8"), marks).encode() for file in _texts(TEMPLATE)}


def after(other: Culture, name: str, language: str, title: str) -> dict[str, bytes]:
    """The same, after another culture.

    Raises:
        UsageError: its benchmarks do not go by its name, so that copies of them would be defined twice.
    """
    for benchmark in other.benchmarks:
        if benchmark != other.name and not benchmark.startswith(f"{other.name}_"):
            what = f"its benchmark '{benchmark}' does not begin with '{other.name}_', and a name is defined once"
            raise UsageError(f"--like {other.name}: {what}; leave --like out, and name the benchmark in your culture.toml")
    folder, found, said = Path(other.folder), {}, json.dumps(title, ensure_ascii=False)
    own = re.compile(rf"\b{re.escape(other.name)}(?=_|\b)")
    for file in _texts(folder):
        text, place = file.read_text("utf-8"), str(file.relative_to(folder))
        if file.suffix == ".jsonl":
            found[place] = "".join(_examples(text)).encode()
            continue
        text = _LANGUAGE_WORD.sub(rf"\g<1>{language}", own.sub(name, text))
        if file.name in ("culture.toml", "sources.toml") or _RUBRIC.search(text):
            text = _LANGUAGE_LINE.sub(rf'\g<1>"{language}"', text)
        if _RUBRIC.search(text):
            text = f"# TODO: written in '{other.language}'; write texts, labels and cues in '{language}'.\n{text}"
        if file.name == "culture.toml":
            text = "\n".join(f"title = {said}" if line.startswith("title = ") else line for line in text.split("\n"))
        elif file.name == "sources.toml":
            text = re.sub(r"(?m)^rows = .*\n", "", text)
        found[place] = text.encode()
    found["README.md"] = f"# {name}: {title}\n\nTODO: what this culture is. Made after `{other.name}`.\n".encode()
    return found


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Make the folder with these files.

    Raises:
        UsageError: there is such a folder (or file) already.
        DataError: it cannot be written; then nothing is left of it.
    """
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} is there already, and nothing is written over; choose another name, or another --at")
    make_folder(folder.parent)
    with naming(folder):
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            made.chmod(0o755)
            for name, content in files.items():
                file = made / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            os.rename(made, folder)  # noqa: PTH104 - Path.rename says the same
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
        sync_folder(folder.parent)


def _texts(folder: Path) -> Iterator[Path]:
    """Files of a culture that are text, sorted, none hidden."""
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder).parts
        if file.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in inside) and file.suffix in _PARTS:
            if file.stat().st_size > LARGEST:
                raise DataError(f"is larger than {LARGEST >> 20} MiB, which no example is", file=file)
            yield file


def _filled(text: str, marks: Mapping[str, str]) -> str:
    return re.sub("|".join(marks), lambda mark: marks[mark[0]], text)


def _examples(text: str) -> Iterator[str]:
    """The first records of each dimension, their texts marked."""
    seen: Counter[str] = Counter()
    for line in filter(str.strip, text.split("\n")):
        record = json.loads(line)
        kind = str(record.get("dimension", "")) if isinstance(record, dict) else ""
        seen[kind] += 1
        if isinstance(record, dict) and seen[kind] <= KEPT:
            yield json.dumps({key: _marked(key, value) for key, value in record.items()}, ensure_ascii=False) + "\n"


def _marked(key: str, value: Any) -> Any:
    return f"TODO: {value}" if key in ("question", "instruction") and isinstance(value, str) else value
