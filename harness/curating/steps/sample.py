"""Fewer rows, drawn evenly: 20,000 of Safety-Prompts' 100,000, as many of each type.

(arXiv 2406.18192 chose 20K of them by a rule that it does not give.) Each row has a number, hashed from its id and the seed of
the pipeline, and the lowest numbers of each group stay. So what is drawn does not depend on the rows' order, and rows that are
added later push out as few as they must. A group that has fewer rows than its share gives the rest to the others.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from harness.curating.contract import Context, Dropping, StepSettings
from harness.schema import DataRow

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Sample(StepSettings):
    """Rows that are not drawn are dropped; they were not wrong."""

    whole: ClassVar[bool] = True

    use: Literal["sample"]
    rows: int = Field(ge=1)
    balance: Literal["category", "source", "area", "none"] = "none"
    """What gets equal shares. Rows without a category are a group; a row of two areas counts in the first by name."""
    prefer: Literal["any", "least_doubt"] = "any"
    """`least_doubt`: within a group, rows with the smallest greatest flag first."""

    def build(self, context: Context) -> SampleStep:
        """Nothing to load."""
        return SampleStep(self, context)


class SampleStep:
    """A sketch is 18 bytes a row: number, doubt, group."""

    def __init__(self, settings: Sample, context: Context) -> None:
        self.settings = settings
        self.context = context

    def sketch(self, rows: Sequence[DataRow], to: Path) -> None:
        """Numbers (64 bits), doubts in thousandths, groups as places in a list of names."""
        import numpy as np

        groups = [self._group(row) for row in rows]
        names = sorted(set(groups))
        place = {name: i for i, name in enumerate(names)}
        with to.open("wb") as file:
            np.savez(
                file,
                number=np.array([number_of(row, self.context.seed) for row in rows], np.uint64),
                doubt=np.array([self._doubt(row) for row in rows], np.uint16),
                group=np.array([place[name] for name in groups], np.int64),
                names=np.frombuffer("\x00".join(names).encode(), np.uint8),
            )

    def decide(self, sketches: Sequence[Path]) -> Iterator[Dropping]:
        """All but the lowest numbers of each group."""
        import numpy as np

        parts = [_read(path) for path in sketches]
        names = sorted({name for part in parts for name in part[3]})
        codes = {name: code for code, name in enumerate(names)}
        empty = np.zeros(0, np.int64)
        group = np.concatenate([empty, *(np.array([codes[name] for name in part[3]], np.int64)[part[2]] for part in parts)])
        number = np.concatenate([np.zeros(0, np.uint64), *(part[0] for part in parts)])
        doubt = np.concatenate([np.zeros(0, np.uint16), *(part[1] for part in parts)])
        have = np.bincount(group, minlength=len(names))
        wanted = shares(dict(zip(names, map(int, have), strict=True)), self.settings.rows)
        drawn = _lowest(group, doubt, number, [wanted[name] for name in names])
        self._note(wanted, len(group))
        start = 0
        for part in parts:
            here = np.flatnonzero(~drawn[start : start + len(part[0])])
            yield {
                int(place): ("not drawn", f"{wanted[name]} of {int(have[codes[name]])} {name}".strip())
                for place in here
                for name in [names[int(group[start + place])]]
            }
            start += len(part[0])

    def _note(self, wanted: Mapping[str, int], total: int) -> None:
        drawn = sum(wanted.values())
        if drawn < self.settings.rows:
            self.context.notes.append(f"there are {total} rows; {self.settings.rows} were to be drawn")
        if self.settings.balance != "none" and len(set(wanted.values())) > 1:
            least, most = min(wanted.values()), max(wanted.values())
            if most - least > 1:
                self.context.notes.append(f"not all groups have an equal share: {least} to {most} rows each")

    def _group(self, row: DataRow) -> str:
        match self.settings.balance:
            case "category":
                return row.category or "none"
            case "source":
                return row.source
            case "area":
                return min(row.areas, default="untagged")
        return ""

    def _doubt(self, row: DataRow) -> int:
        if self.settings.prefer == "any":
            return 0
        return round(1000 * min(1.0, max(0.0, max(row.flags.values(), default=0.0))))


def number_of(row: DataRow, seed: int) -> int:
    """64 bits, the same for the same row and seed for ever."""
    return int.from_bytes(hashlib.blake2b(f"{seed}\x1f{row.id}".encode(), digest_size=8).digest(), "little")


def shares(have: Mapping[str, int], rows: int) -> dict[str, int]:
    """Rows of each group -> rows to draw of each: equal shares, what small groups lack going to the others, 1 each at the end.

    The rest of a division goes to the first groups by name.
    """
    wanted = dict.fromkeys(have, 0)
    left = min(rows, sum(have.values()))
    while left:
        open_groups = [name for name in sorted(have) if wanted[name] < have[name]]
        each = left // len(open_groups)
        if not each:
            wanted.update(Counter(wanted) + Counter(open_groups[:left]))
            break
        for name in open_groups:
            more = min(each, have[name] - wanted[name])
            wanted[name] += more
            left -= more
    return wanted


def _read(path: Path) -> tuple[Any, Any, Any, list[str]]:
    import numpy as np

    with np.load(path, allow_pickle=False) as found:
        names = found["names"].tobytes().decode().split("\x00") if len(found["number"]) else []
        return found["number"], found["doubt"], found["group"], names


def _lowest(group: NDArray[Any], doubt: NDArray[Any], number: NDArray[Any], wanted: Sequence[int]) -> NDArray[Any]:
    """True for the rows of each group that come first by doubt, then by number, then by place."""
    import numpy as np

    order = np.lexsort((np.arange(len(group)), number, doubt, group))
    starts = np.searchsorted(group[order], np.arange(len(wanted)))
    rank = np.arange(len(group)) - starts[group[order]]
    drawn = np.zeros(len(group), np.bool_)
    drawn[order] = rank < np.array(wanted, np.int64)[group[order]]
    return drawn
