"""Run by torchrun: the run of `test_trainer` on two gloo processes; the first writes what it saw."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from ft_trainer import build

from tests.trainers.full_ft.small import Losses, hyper, model, weights
from tests.trainers.full_ft.test_trainer import ROWS, plan

work = Path(sys.argv[1])
torch.set_num_threads(1)
made, said = model(), Losses()
packs = plan(world=2)
assert () in packs.packs
trainer = build(made, None, ROWS, packs, hyper(), work, callbacks=[said])
trainer.train()
assert type(trainer.model_wrapped).__name__ == "DistributedDataParallel"
if trainer.is_world_process_zero():
    (work / "said.json").write_text(json.dumps(vars(said)))
    torch.save(weights(made), work / "weights.pt")
