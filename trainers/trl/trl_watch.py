"""What the training loop tells the outside: a line of `progress.jsonl` a step, and which checkpoints are complete.

transformers writes the files of a checkpoint one after another. A killed run can leave half of them, so a checkpoint counts only
once `complete.json` lies in it, written last; older ones are removed only after that.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from pathlib import Path
from typing import Any, Final

from transformers import TrainerCallback
from trl_files import Stop, write_json

COMPLETE: Final = "complete.json"


def complete_checkpoints(folder: Path) -> list[Path]:
    """Oldest first."""
    found = [path.parent for path in folder.glob(f"checkpoint-*/{COMPLETE}")]
    return sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))


def remove_incomplete(folder: Path) -> None:
    """What a killed run left half written."""
    for path in folder.glob("checkpoint-*"):
        if not (path / COMPLETE).is_file():
            shutil.rmtree(path)


class Watch(TrainerCallback):
    """Writes progress, marks checkpoints, and keeps count over resumed runs."""

    def __init__(self, progress: Path, keep: int, resumed_from: Path | None) -> None:
        before = json.loads((resumed_from / COMPLETE).read_bytes()) if resumed_from else {}
        self.progress = progress
        self.keep = max(keep, 1)
        self.tokens_before = int(before.get("tokens", 0))
        self.seconds_before = float(before.get("seconds", 0.0))
        self.resumed = int(before.get("resumed", -1)) + 1 if resumed_from else 0
        self.tokens_here = 0
        self.began = time.perf_counter()
        self.first_step = 0

    @property
    def tokens(self) -> int:
        """Real tokens of all runs so far."""
        return self.tokens_before + self.tokens_here

    @property
    def seconds(self) -> float:
        """Of the training loop, all runs."""
        return self.seconds_before + time.perf_counter() - self.began

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """The clock starts once everything is loaded; lines of steps that were lost are taken back."""
        self.began, self.first_step = time.perf_counter(), state.global_step
        lines = self.progress.read_text(encoding="utf-8").splitlines() if self.progress.is_file() else []
        self.progress.write_text("".join(f"{line}\n" for line in lines[: state.global_step]), encoding="utf-8")

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **kwargs: Any) -> None:  # noqa: ARG002
        """One line a step; the summary at the end of training is not a step."""
        if not logs or "loss" not in logs:
            return
        if not math.isfinite(logs["loss"]):
            raise Stop(
                "nan", f"step {state.global_step}: the loss is {logs['loss']}; lower the learning rate, or look at the rows"
            )
        self.tokens_here = int(logs["num_tokens"])
        seconds = time.perf_counter() - self.began
        line = {
            "step": state.global_step,
            "steps": state.max_steps,
            "loss": logs["loss"],
            "learning_rate": logs["learning_rate"],
            "tokens": self.tokens,
            "tokens_per_second": self.tokens_here / seconds,
            "seconds_left": seconds / (state.global_step - self.first_step) * (state.max_steps - state.global_step),
        }
        with self.progress.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Everything of the checkpoint is on disk when this is called."""
        folder = Path(args.output_dir)
        said = {"tokens": self.tokens, "seconds": self.seconds, "resumed": self.resumed}
        write_json(folder / f"checkpoint-{state.global_step}" / COMPLETE, said)
        for path in complete_checkpoints(folder)[: -self.keep]:
            shutil.rmtree(path)
