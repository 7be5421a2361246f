"""A transformers Trainer -> one that says how far it is, stops when it must or is asked to, and saves what can be resumed.

Everything that happens between optimizer steps, and nothing of the step itself.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Final

import torch
import torch.distributed as dist
from ft_engine import proven
from ft_fault import Fault
from ft_recipe import Hyper
from ft_report import peak_memory
from ft_resume import Mark, finish, keep, part_of
from ft_trainer import PackedTrainer
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

PROGRESS: Final = "progress.jsonl"


class Session(TrainerCallback):
    """One start of the trainer, of a run that may need several."""

    def __init__(self, work: Path, hyper: Hyper, tokens: Sequence[int], saves: frozenset[int], before: Mark | None) -> None:
        """Begin.

        Args:
            work: folder for the progress.
            hyper: of the recipe.
            tokens: real tokens trained on by the end of each optimizer step, all processes.
            saves: optimizer steps after which a checkpoint is kept.
            before: mark of the checkpoint that is resumed.
        """
        self.work, self.hyper, self.tokens, self.saves, self.before = work, hyper, tokens, saves, before
        self.engine = "none"
        self.first_loss = before.first_loss if before else None
        self.final_loss = before.final_loss if before else None
        self.stopped = False
        self._started = 0.0
        self._asked = False

    @property
    def seconds(self) -> float:
        """Of the training loop, all sessions."""
        return (self.before.seconds if self.before else 0.0) + time.monotonic() - self._started

    def listen(self) -> None:
        """From now on SIGTERM asks for a checkpoint and the end; a launcher's Ctrl-C reaches the workers as SIGTERM."""
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, signal.SIG_IGN if "WORLD_SIZE" in os.environ else self._ask)

    def on_train_begin(
        self, _args: TrainingArguments, state: TrainerState, control: TrainerControl, **_parts: Any
    ) -> TrainerControl:
        """The engine is proven before the first step."""
        self.engine = proven(self.trainer.model_wrapped, self.hyper)
        if state.is_world_process_zero:
            cut(self.work / PROGRESS, state.global_step)
        self._started = time.monotonic()
        return control

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_parts: Any) -> TrainerControl:
        """A checkpoint where it is due, or where a stop was asked for."""
        self.stopped = any_process(self._asked, args.device) and state.global_step < state.max_steps
        control.should_save = self.stopped or state.global_step in self.saves
        control.should_training_stop = control.should_training_stop or self.stopped
        return control

    def on_log(
        self,
        _args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_parts: Any,
    ) -> TrainerControl:
        """One line of progress for every optimizer step; a loss that is no number ends the run before anything is saved."""
        if logs is None or "loss" not in logs:
            return control
        loss, norm = float(logs["loss"]), logs.get("grad_norm")
        if not (math.isfinite(loss) and (norm is None or math.isfinite(norm))):
            raise Fault(
                "nan",
                f"step {state.global_step}: loss {loss:g}, gradient norm {norm or 0:g}; nothing was saved after it. A lower "
                "learning_rate or another precision may help",
            )
        self.first_loss, self.final_loss = (loss if self.first_loss is None else self.first_loss), loss
        if state.is_world_process_zero:
            self._write(state, loss, norm, logs["learning_rate"])
        return control

    def mark(self, step: int, steps: int, world: int, recipe: str, rows: str, peak: int) -> Mark:
        """What a checkpoint now says."""
        return Mark(step, steps, world, recipe, rows, self.seconds, self.first_loss, self.final_loss, peak, {})

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True

    def _write(self, state: TrainerState, loss: float, norm: float | None, rate: float) -> None:
        began = self.before.step if self.before else 0
        seconds, tokens = time.monotonic() - self._started, self.tokens[state.global_step - 1]
        speed = (tokens - (self.tokens[began - 1] if began else 0)) / max(seconds, 1e-9)
        line = {
            "step": state.global_step,
            "steps": state.max_steps,
            "loss": loss,
            "learning_rate": rate,
            "grad_norm": norm,
            "tokens": tokens,
            "tokens_per_second": round(speed, 1),
            "seconds_left": round((self.tokens[-1] - tokens) / max(speed, 1e-9), 1),
        }
        with (self.work / PROGRESS).open("a", encoding="utf-8") as progress:
            progress.write(json.dumps(line) + "\n")

    trainer: Any = None
    """Set by `ResumableTrainer`: the Trainer that calls back."""


class ResumableTrainer(PackedTrainer):
    """Writes checkpoints that count only once they are whole; see `ft_resume`."""

    def __init__(self, *, session: Session, work: Path, recipe_digest: str, rows_digest: str, **parts: Any) -> None:
        super().__init__(callbacks=[session], **parts)
        session.trainer = self
        self.session, self.work, self.recipe_digest, self.rows_digest = session, work, recipe_digest, rows_digest

    def _save_checkpoint(self, model: Any, trial: Any) -> None:  # noqa: ARG002
        """Everything a later start needs, from all processes, put in place by the first."""
        step, first = self.state.global_step, self.is_world_process_zero()
        part = part_of(self.work, step)
        if first:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
        together()
        if not (self.is_deepspeed_enabled or self.is_fsdp_enabled) and first:
            self.model.save_pretrained(part)
        self._save_optimizer_and_scheduler(str(part))
        self._save_rng_state(str(part))
        peak = largest(peak_memory())
        together()
        if first:
            self.state.save_to_json(str(part / "trainer_state.json"))
            world = self.args.world_size
            finish(self.work, self.session.mark(step, self.state.max_steps, world, self.recipe_digest, self.rows_digest, peak))
            keep(self.work, self.session.hyper.keep_checkpoints)
        together()


def cut(progress: Path, step: int) -> None:
    """Takes back the lines of steps after `step`: they were lost, and will be written again."""
    if not progress.is_file():
        return
    with progress.open("rb+") as lines:
        end = 0
        for line in lines:
            if not line.endswith(b"\n") or json.loads(line)["step"] > step:
                break
            end += len(line)
        lines.truncate(end)


def together() -> None:
    """Waits for all processes."""
    if dist.is_initialized():
        dist.barrier()


def any_process(said: bool, device: torch.device) -> bool:
    """Whether it is so in any process; all of them must ask."""
    return bool(_maximum(int(said), device))


def largest(value: int) -> int:
    """The largest value of all processes; all of them must ask."""
    return _maximum(value, torch.device("cuda" if torch.cuda.is_available() else "cpu"))


def _maximum(value: int, device: torch.device) -> int:
    if not dist.is_initialized():
        return value
    cell = torch.tensor(value, dtype=torch.int64, device=device)
    dist.all_reduce(cell, op=dist.ReduceOp.MAX)
    return int(cell.item())
