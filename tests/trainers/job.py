"""A recipe on disk for a trainer that is run as a program, and what became of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.schema.adaptation import Delivery, Recipe


@dataclass(frozen=True)
class Job:
    """A recipe on disk, and what became of it."""

    file: Path
    recipe: Recipe

    @property
    def work(self) -> Path:
        return Path(self.recipe.work)

    @property
    def out(self) -> Path:
        return Path(self.recipe.out)

    @property
    def progress(self) -> list[dict[str, Any]]:
        file = self.work / "progress.jsonl"
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        return [json.loads(line) for line in lines]

    @property
    def steps(self) -> list[int]:
        return [line["step"] for line in self.progress]

    @property
    def losses(self) -> list[float]:
        return [line["loss"] for line in self.progress]

    @property
    def delivery(self) -> Delivery:
        return Delivery.model_validate_json((self.work / "delivery.json").read_bytes())

    @property
    def error(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads((self.work / "error.json").read_bytes())
        return said

    @property
    def checkpoints(self) -> list[str]:
        return sorted(folder.name for folder in self.work.glob("step-*"))

    def changed(self, **hyper: Any) -> Job:
        """The same recipe with other hyper-parameters, in the same place."""
        recipe = self.recipe.model_copy(update={"hyper": self.recipe.hyper.model_copy(update=hyper)})
        self.file.write_text(recipe.model_dump_json())
        return Job(self.file, recipe)
