"""Name, language -> the folder of a new culture, ready to be filled: `harness culture check` says what is left to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from harness import catalog
from harness import culture as cultures
from harness.errors import UsageError, unknown
from harness.judging.scripts import SCRIPTS
from harness.scaffold import making

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
LONGEST_TITLE: Final = 100


def culture_new(name: str, language: str, title: str | None = None, at: Path | None = None, like: str | None = None) -> Path:
    """Write `AT/tasks/NAME`.

    Args:
        name: of the culture, its folder and its tasks.
        language: ISO 639 code.
        title: for people; default: the name.
        at: a home, which `$HARNESS_PATH` should name; default: the folder one stands in.
        like: a culture that it is made after, instead of the template.

    Returns:
        The folder.

    Raises:
        UsageError: the name is no name or is taken, nobody knows the language, or the folder exists.
        DataError: it cannot be written, or a culture that there is is broken.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"'{name}' is no name for a culture: small letters, digits and _, beginning with a letter, at most 40")
    _check_language(language)
    shown = " ".join((title or name).split())
    if len(shown) > LONGEST_TITLE or not shown.isprintable():
        raise UsageError(f"--title: at most {LONGEST_TITLE} characters on one line")
    _check_free(name)
    other = cultures.load(like) if like is not None else None
    made = making.after(other, name, language, shown) if other else making.from_template(name, language, shown)
    folder = (at or Path()).expanduser().resolve() / "tasks" / name
    making.write(made, folder)
    return folder


def _check_language(language: str) -> None:
    """One that somebody knows the script of; pt_br, zh-Hant are a language and more."""
    if language in SCRIPTS:
        return
    if (alone := re.split(r"[-_]", language.lower())[0]) in SCRIPTS:
        raise UsageError(f"--language '{language}' is more than a language (ISO 639 code); write '{alone}'")
    raise unknown("language (ISO 639 code)", language, SCRIPTS)


def _check_free(name: str) -> None:
    """No culture, task or group may have the name: each is defined once over all homes."""
    if name in cultures.names():
        raise UsageError(f"culture '{name}' is there already ({cultures.place(name).parent}); choose another name")
    known = catalog.read().entries
    if taken := sorted(entry for entry in known if entry == name or entry.startswith(f"{name}_")):
        raise UsageError(f"'{taken[0]}' is a task or group already; choose a name with which none begins")
