"""Who is looking at what, now: so that two people who work at the same time are not asked the same thing for nothing.

One small file beside the decisions, shared by all servers of a review. A claim ends by itself when its tab no longer renews it.
Losing the file loses nothing: at worst two people decide one item, and both decisions count.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from harness.reviewing.store import lock_file
from harness.schema import Frozen

FILE: Final = ".claims.json"
LOCK: Final = ".claims.lock"
LASTS: Final = 90.0
"""Seconds that a claim holds after it was last renewed."""


class Claim(Frozen):
    """One tab's item."""

    tab: str
    who: str
    item: str
    until: float
    """Seconds since 1970."""


_CLAIMS: Final = TypeAdapter(list[Claim])


class Claims:
    """The claims of one review, of one round."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.now = now

    def others(self, tab: str) -> list[Claim]:
        """Claims of all other tabs that still hold, the same person's included."""
        return [one for one in self._read() if one.tab != tab and one.until > self.now()]

    def choose(self, tab: str, who: str, pick: Callable[[list[Claim]], str | None]) -> str | None:
        """Let `pick` choose an item, given the other tabs' claims, and claim it for this tab; None gives the old claim back.

        A folder that cannot be written (a full disk) costs the claim, not the item.
        """
        with self._locked():
            others = self.others(tab)
            item = pick(others)
            mine = [] if item is None else [Claim(tab=tab, who=who, item=item, until=self.now() + LASTS)]
            self._write([*others, *mine])
        return item

    def _read(self) -> list[Claim]:
        try:
            return _CLAIMS.validate_json((self.folder / FILE).read_bytes())
        except (OSError, ValidationError):
            return []

    def _write(self, claims: list[Claim]) -> None:
        temp = self.folder / f".{FILE}.{os.getpid()}.tmp"
        with contextlib.suppress(OSError):
            temp.unlink(missing_ok=True)
            with temp.open("xb") as file:  # never through a link that somebody left there
                file.write(_CLAIMS.dump_json(claims))
            temp.replace(self.folder / FILE)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            lock = lock_file(self.folder / LOCK)
        except OSError:
            yield
            return
        with os.fdopen(lock, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
