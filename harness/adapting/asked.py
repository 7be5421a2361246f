"""What `harness adapt` was asked: all that decides what is done, and so the name of the folder it is done in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from harness import __version__, folders
from harness.mixing.datasets import open_sets
from harness.schema import Culture, TrainedStage

STAGES: Final[tuple[TrainedStage, ...]] = ("knowledge", "safety")
"""In the order they are run in."""
ENDINGS: Final[dict[TrainedStage, str]] = {"knowledge": "kg", "safety": "safe"}
LABELS: Final[dict[TrainedStage, str]] = {"knowledge": "KG", "safety": "SAFE"}


@dataclass(frozen=True)
class StageWish:
    """What was asked of one stage beside the culture's own plan."""

    name: str | None = None
    """Beginning of its checkpoints' names, where it is not that of the other stage."""
    recipe: str | None = None
    rows: int | None = None
    replay: Mapping[str, float] = field(default_factory=dict)
    """Changes the culture's shares; 0 leaves one out."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the recipe set anew."""


@dataclass(frozen=True)
class Places:
    """Folders; None: where they are by default."""

    runs: Path | None = None
    mixes: Path | None = None
    checkpoints: Path | None = None
    adaptations: Path | None = None

    @property
    def all_runs(self) -> Path:
        """Folder of the runs."""
        return folders.runs_dir(self.runs)

    @property
    def all_mixes(self) -> Path:
        """Folder of the mixes."""
        return folders.mixes_dir(self.mixes)

    @property
    def all_checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return folders.checkpoints_dir() if self.checkpoints is None else self.checkpoints

    def model(self, checkpoint: str) -> str:
        """What `--model` takes for a checkpoint: its name, or its path where another folder is looked into by default."""
        return checkpoint if self.checkpoints is None else str((self.checkpoints / checkpoint).resolve())


@dataclass(frozen=True)
class Asked:
    """One adaptation."""

    model: str
    culture: str
    name: str | None = None
    """Beginning of the checkpoints' names; default: the model's."""
    max_rounds: int = 1
    """Rounds of a stage, at most."""
    trainer: str = "full_ft"
    options: Mapping[str, Any] = field(default_factory=dict)
    """For this trainer alone."""
    stages: Mapping[TrainedStage, StageWish] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    """Areas, or benchmarks with all their areas, that are not trained on purpose."""
    data: tuple[Path, ...] = ()
    """Folders of data sets that teach what their rows are tagged with."""
    data_only: bool = False
    """Benchmarks are taught by these alone."""
    seed: int = 1234
    """Of mixes and training."""
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `evaluate`: judge, threshold, backend and so on."""

    def wish(self, stage: TrainedStage) -> StageWish:
        """What was asked of a stage."""
        return self.stages.get(stage, StageWish())

    def plan(self, culture: Culture) -> dict[str, Any]:
        """All that decides what is done, as JSON values.

        Raises:
            UsageError: a data set is none, or of another culture.
            DataError: its manifest is broken.
        """
        return {
            "harness": __version__,
            "model": self.model,
            "name": self.name,
            "culture": culture.name,
            "culture_digest": culture.digest,
            "max_rounds": self.max_rounds,
            "trainer": self.trainer,
            "options": dict(self.options),
            "stages": {stage: _wish(self.wish(stage)) for stage in stages_of(culture)},
            "without": list(self.without),
            "seed": self.seed,
            "evaluation": {name: value for name, value in self.evaluation.items() if name not in _WITHOUT_EFFECT},
            **({"data": self._data_sets(culture), "data_only": self.data_only} if self.data else {}),
        }

    def _data_sets(self, culture: Culture) -> dict[str, str]:
        """Name -> SHA-256 of the rows."""
        return {one.name: one.made.rows_sha256 for one in open_sets(self.data, culture)}


_WITHOUT_EFFECT: Final = frozenset({"batch_size", "concurrency", "judge_concurrency"})
"""Arguments of `evaluate` that change no number."""


def stages_of(culture: Culture) -> tuple[TrainedStage, ...]:
    """The stages a culture plans, in order."""
    return tuple(stage for stage in STAGES if stage in culture.stages)


def checkpoint_name(model: str, stage: TrainedStage, round_: int) -> str:
    """`llama3-8b` -> `llama3-8b-kg`, `llama3-8b-kg2`, `llama3-8b-safe`."""
    return f"{model}-{ENDINGS[stage]}{round_ if round_ > 1 else ''}"


def _wish(wish: StageWish) -> dict[str, Any]:
    return {
        "name": wish.name,
        "recipe": wish.recipe,
        "rows": wish.rows,
        "replay": dict(wish.replay),
        "overrides": dict(wish.overrides),
    }
