"""What a step of a pipeline is: settings (a table of TOML) -> a step that rules on rows.

There are two kinds. A **row step** rules on each row by itself, so that workers can take one shard each. A **whole step** must
see all rows before it can rule on one (duplicates, word frequencies, balanced draws): workers make a sketch of each shard, one
process reads all sketches and decides, and the next pass over the shards does what was decided. Sketches are files, so that
memory stays flat however many rows there are.

To add one: a module in `steps/` with a frozen settings class, and its line in `steps/__init__.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal, Protocol

from harness.schema import Culture, DataRow, Frozen, Source


@dataclass(frozen=True, slots=True)
class Drop:
    """A row that a step would leave out."""

    row: DataRow
    why: str
    """In a few words, the same for all rows dropped for this reason: what is counted."""
    detail: str = ""
    """The number, or the id of the other row, behind it."""
    doubt: float = 0.5
    """0-1, for steps that only flag."""
    text: bool = True
    """False: the row repeats a benchmark, and its text is written nowhere."""
    action: Literal["drop", "flag"] | None = None
    """Where this row is to be treated otherwise than the step's `action` says; None: as it says."""

    def flagged(self) -> DataRow:
        """The row, staying, with the reason and its doubt."""
        name = f"{self.why} ({self.detail})" if self.detail else self.why
        return self.row.model_copy(update={"flags": {**self.row.flags, name: self.doubt}})


Ruled = DataRow | Drop
Dropping = Mapping[int, tuple[str, str]]
"""Place of a row in its shard -> (why, detail), for the rows that a whole step drops."""


@dataclass(frozen=True)
class Context:
    """What a step may know of the pipeline that it stands in."""

    culture: Culture
    scratch: Path
    """A folder of its own for what is prepared once and read by all workers."""
    seed: int
    notes: list[str]
    """What people should know of the step, beside its counts; only what is appended in `prepare` and `decide` is kept."""
    own: Mapping[str, Source] = field(default_factory=dict)
    """Sources that the pipeline declares itself, beside the culture's."""


class RowStep(Protocol):
    """Rules on each row by itself."""

    def rule(self, rows: Sequence[DataRow]) -> list[Ruled]:
        """One ruling a row, in their order: the row as it goes on (the same object, if nothing changed), or a Drop."""


class WholeStep(Protocol):
    """Rules when it has seen all rows."""

    def sketch(self, rows: Sequence[DataRow], to: Path) -> None:
        """Write what is needed of one shard into the file `to` (any format; whole or not at all is the engine's care)."""

    def decide(self, sketches: Sequence[Path]) -> Iterator[Dropping]:
        """For each shard, in order, the rows that go."""


class StepSettings(Frozen):
    """The table of one step. Fields of its own are declared by each step."""

    whole: ClassVar[bool] = False
    """Whether `build` gives a WholeStep."""
    writes_text: ClassVar[bool] = True
    """False of a whole step whose drops repeat benchmarks: their text is written nowhere (a row step says so in its Drop)."""

    use: str
    """Name of the step."""
    action: Literal["drop", "flag"] = "drop"
    """`flag`: the row stays, marked as doubtful, for people to look at first."""

    def prepare(self, context: Context) -> None:
        """Do once, before any worker starts, what all of them need; into `context.scratch`."""

    def identity(self, context: Context) -> str:
        """What decides the rulings beside these settings (a model, files of benchmarks): if it changes, the step runs again."""
        return ""

    def build(self, context: Context) -> RowStep | WholeStep:
        """The step itself; called in every worker."""
        raise NotImplementedError
