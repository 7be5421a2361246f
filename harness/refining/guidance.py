"""`tasks/<culture>/guidance/<name>.md` -> Guidance: what a model is told, in the culture's language, as text beside its tasks.

    # system
    你为中文用户写回答……

    # draft
    <草稿>
    {{draft}}
    </草稿>

A file is a list of sections, each below a heading of one word; what stands before the first heading is for people. A name in
double braces is replaced by its value, once: what is filled in is data, and braces in it stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.errors import DataError, UsageError
from harness.schema import Culture

FOLDER: Final = "guidance"
NEVER: Final = "never"
"""Section whose lines are phrases that no answer may hold."""
SECTIONS: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "refine": {
        "system": frozenset(),
        "safety": frozenset(),
        "dialogue": frozenset({"dialogue"}),
        "reference": frozenset({"reference"}),
        "draft": frozenset({"draft"}),
        "reason": frozenset({"reason"}),
        "again": frozenset({"why"}),
        NEVER: frozenset(),
    },
    "multiturn": {
        "assistant": frozenset(),
        "assistant_again": frozenset({"why"}),
        "user": frozenset({"done"}),
        "dialogue": frozenset({"dialogue"}),
        "user_again": frozenset({"why"}),
        NEVER: frozenset(),
    },
    "grounded": {
        "system": frozenset(),
        "reference": frozenset({"reference", "turns"}),
        "again": frozenset({"why"}),
        NEVER: frozenset(),
    },
}
"""File -> section -> what must be filled into it."""
_HEADING: Final = re.compile(r"^# ([a-z_]+)[ \t]*$", re.MULTILINE)
_SLOT: Final = re.compile(r"\{\{ ?(\w+) ?\}\}")


@dataclass(frozen=True)
class Guidance:
    """The sections of one file."""

    file: Path
    sections: Mapping[str, str]

    def fill(self, section: str, **values: str) -> str:
        """A section with its names replaced."""
        return _SLOT.sub(lambda slot: values[slot[1]], self.sections[section])

    @property
    def never(self) -> tuple[str, ...]:
        """Phrases that no answer may hold."""
        return tuple(line.strip() for line in self.sections[NEVER].splitlines() if line.strip())


def load(culture: Culture, name: str, own: Path | None = None) -> Guidance:
    """The guidance of a culture; a file of one's own replaces the sections that it has.

    An own file without any heading is the text of the first section (what the model is told before all else).

    Raises:
        UsageError: the culture has none for this, or the own file is not there.
        DataError: a file is not UTF-8, lacks a section or a name, or names something that does not exist.
    """
    file = Path(culture.folder) / FOLDER / f"{name}.md"
    sections = _read(file, name) if file.is_file() else {}
    if own is not None:
        if not own.is_file():
            raise UsageError(f"there is no guidance at '{own}'")
        sections |= _read(own, name)
    missing = [section for section in SECTIONS[name] if section not in sections]
    if len(missing) == len(SECTIONS[name]):
        raise UsageError(f"culture '{culture.name}' has no {FOLDER}/{name}.md; write one, or give --guidance FILE")
    if missing:
        raise DataError(f"has no section '# {missing[0]}'; it needs {', '.join(SECTIONS[name])}", file=own or file)
    return Guidance(own or file, sections)


def _read(path: Path, name: str) -> dict[str, str]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError("not UTF-8; save the file as UTF-8", file=path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}", file=path) from None
    wanted = SECTIONS[name]
    parts = _HEADING.split(text)
    if len(parts) == 1:
        found = {next(iter(wanted)): text.strip()}
    else:
        found = {title: body.strip() for title, body in zip(parts[1::2], parts[2::2], strict=True)}
    for title, body in found.items():
        _check(title, body, wanted, path)
    return found


def _check(title: str, body: str, wanted: Mapping[str, frozenset[str]], path: Path) -> None:
    if title not in wanted:
        raise DataError(f"has an unknown section '# {title}'; there are {', '.join(wanted)}", file=path)
    slots = set(_SLOT.findall(body))
    if title != NEVER and not body:
        raise DataError(f"section '# {title}' is empty", file=path)
    if stray := sorted(slots - wanted[title]):
        raise DataError(f"section '# {title}' knows no {{{{{stray[0]}}}}}; {_allowed(wanted[title])}", file=path)
    if lacking := sorted(wanted[title] - slots):
        raise DataError(f"section '# {title}' never says {{{{{lacking[0]}}}}}, which is to be filled in", file=path)


def _allowed(names: frozenset[str]) -> str:
    return f"it may say {', '.join(f'{{{{{name}}}}}' for name in sorted(names))}" if names else "nothing is filled in there"


def transcript(turns: Sequence[tuple[str, str]]) -> str:
    """Turns as text: `<user>…</user>`, one after the other."""
    return "\n".join(f"<{role}>\n{text}\n</{role}>" for role, text in turns)
