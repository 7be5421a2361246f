"""Another tool, told by a command: a stand-in program that really reads its config and rows and really writes a model."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import HarnessError, TrainerError, UsageError
from harness.schema import Checkpoint
from tests.training.standins import ROWS, write_rows

ROOT = Path(__file__).parents[2]
TOOL = """
import json, os, shutil, signal, sys, time
from pathlib import Path
import numpy as np
from safetensors.numpy import load_file, save_file
said = json.loads(Path(sys.argv[1]).read_text())
rows = json.loads(Path(said["rows"]).read_text())
steps = int(len(rows) * said["epochs"])
base, out = Path(said["base"]), Path(said["out"])
place = out / said.get("place", "")
first = 0
if said.get("resume"):
    first = json.loads((Path(said["resume"]) / "trainer_state.json").read_text())["global_step"]
    print("resuming from", first)
for step in range(first + 1, steps + 1):
    print(f"Map: 100%|##| {step}/999 [00:01<00:00]", flush=True)
    sys.stderr.write(f"\\r {step * 100 // steps}%|##   | {step}/{steps} [00:01<00:00]")
    sys.stderr.flush()
    print({"loss": f"{1 / step:.4f}", "epoch": 1.0}, flush=True)
    if step == said.get("die_at"):
        state = out / f"checkpoint-{step}"
        state.mkdir(parents=True)
        (state / "trainer_state.json").write_text(json.dumps({"global_step": step, "log_history": []}))
        os.kill(os.getpid(), signal.SIGKILL)
place.mkdir(parents=True, exist_ok=True)
tensors = load_file(base / "model.safetensors")
save_file({name: tensor * np.float32(1 + said["learning_rate"]) for name, tensor in tensors.items()}, place / "model.safetensors")
shutil.copy(base / "config.json", place)
(place / "training_args.bin").write_bytes(b"pickle")
history = [{"loss": 1 / step, "step": step} for step in range(1, steps + 1)]
(place / "trainer_state.json").write_text(json.dumps({"global_step": steps, "log_history": history}))
"""
CONFIG = """{"base": {{ base | tojson }}, "rows": {{ rows | tojson }}, "out": {{ out | tojson }}, "epochs": {{ epochs }},
 "learning_rate": {{ learning_rate }}, "seed": {{ seed }}, "resume": {{ last_checkpoint | tojson }}%s}"""
UNTOLD = "instances_per_step,schedule,warmup_ratio,weight_decay,adam_betas,max_grad_norm,max_length,precision"


class Place:
    """Where a tool is tried."""

    def __init__(self, folder: Path, base: Path) -> None:
        self.folder, self.base = folder, base
        self.tool, self.config, self.rows = folder / "tool.py", folder / "config.json.jinja", write_rows(folder / "rows.jsonl")
        self.tool.write_text(TOOL)
        self.configure()

    def configure(self, more: str = "") -> None:
        """Write the config's template."""
        self.config.write_text(CONFIG % more)

    def train(self, **options: Any) -> Checkpoint:
        """Train with the tool."""
        from harness.verbs.train import train

        command = f"{shlex.quote(sys.executable)} {shlex.quote(str(self.tool))} {{config}}"
        given = {"command": command, "config": str(self.config), "untold": UNTOLD, **options}
        given = {name: value for name, value in given.items() if value is not None}
        more = given.pop("more", {})
        return train(
            str(self.base), self.rows, stage="knowledge", trainer="command", recipe="demo-knowledge", options=given, **more
        )

    def refused(self, kind: type[HarnessError] = TrainerError, **options: Any) -> str:
        """What is said when that fails."""
        with pytest.raises(kind) as caught:
            self.train(**options)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    @property
    def checkpoint(self) -> Path:
        """The checkpoint's folder."""
        return self.folder / "checkpoints" / "tiny-kg"


@pytest.fixture
def place(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("HARNESS_CHECKPOINTS", str(tmp_path / "checkpoints"))
    return Place(tmp_path, tiny_model)


def test_a_tool_is_told_by_a_config_and_its_model_is_registered(place: Place) -> None:
    seen = []
    checkpoint = place.train(more={"follow": lambda progress: seen.append((progress.step, progress.steps, progress.loss))})
    assert checkpoint.trainer == "command"
    assert (checkpoint.report.steps, checkpoint.report.first_loss) == (12, 1.0)
    assert checkpoint.report.final_loss == pytest.approx(1 / 12)
    assert seen[-1][:2] == (12, 12)
    assert checkpoint.recipe.options["config"]["name"] == "config.json.jinja"
    assert "learning_rate" in checkpoint.recipe.options["config"]["text"]
    names = {file.name for file in (place.checkpoint / "model").iterdir()}
    assert {"model.safetensors", "tokenizer.json", "chat_template.jinja"} <= names
    assert not {"training_args.bin", "trainer_state.json"} & names
    from safetensors.numpy import load_file

    before, after = (load_file(folder / "model.safetensors") for folder in (place.base, place.checkpoint / "model"))
    name = "model.layers.0.mlp.up_proj.weight"
    assert after[name] == pytest.approx(before[name] * 1.001)


def test_a_tool_that_was_killed_goes_on_from_its_own_checkpoint(place: Place) -> None:
    place.configure(', "die_at": 5')
    said = place.refused()
    assert "failed at step 5 of 12: it was killed (SIGKILL)" in said
    assert said.endswith("the same command goes on")
    assert place.train().report.steps == 12
    assert "resuming from 5" in (place.checkpoint / "training" / "log.txt").read_text()


def test_a_config_that_changed_is_another_training(place: Place) -> None:
    place.train()
    place.configure(', "new": 1')
    assert "was trained otherwise: options was" in place.refused(UsageError)


def test_the_last_checkpoint_is_the_model_where_the_folder_itself_is_none(place: Place) -> None:
    place.configure(', "place": "v0/checkpoint-12"')
    assert place.train().report.steps == 12


@pytest.mark.parametrize(("pattern", "folders"), [("v*/checkpoint-12", 1), ("nowhere", 0)])
def test_the_folder_of_the_model_may_be_named(place: Place, pattern: str, folders: int) -> None:
    place.configure(', "place": "v0/checkpoint-12"')
    if folders:
        assert place.train(result=pattern).name == "tiny-kg"
    else:
        assert f"result 'nowhere' names 0 folders below {place.checkpoint / 'training' / 'output'}" in place.refused(
            result=pattern
        )


def test_what_the_tool_is_not_told_is_named(place: Place) -> None:
    said = place.refused(untold=None)
    assert (
        "the tool is not told instances_per_step, schedule, warmup_ratio, weight_decay, adam_betas, max_grad_norm, max_length, precision:"
        in said
    )
    assert f"--option untold={UNTOLD}" in said
    assert place.train(untold="all").name == "tiny-kg"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"command": "tool {lr}", "untold": "all"},
            "there is nothing to fill in for lr; there are: accumulation, adam_betas",
        ),
        ({"command": "tool 'x"}, "the command cannot be split into words"),
        ({"command": " "}, "the command is empty"),
        ({"command": "/nowhere/tool {config}"}, "'/nowhere/tool' cannot be started (No such file or directory)"),
        ({"untold": "lr"}, "untold names lr, which is no field that must be told"),
        ({"per_device": "3"}, "16 instances a step cannot be made of 3 a device x 1 processes"),
    ],
)
def test_a_command_that_is_wrong_says_so(place: Place, options: dict[str, str], said: str) -> None:
    assert said in place.refused(**options)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{% if %}", "the config is no jinja2 template"),
        ("{{ base.__class__.__mro__ }}", "the config cannot be filled in: access to attribute '__class__'"),
        ("{{ nothing }}", "there is nothing to fill in for nothing"),
    ],
)
def test_a_config_that_is_wrong_or_reaches_for_more_says_so(place: Place, text: str, said: str) -> None:
    place.config.write_text(text)
    assert said in place.refused(untold="all")


def test_a_command_is_needed(place: Place) -> None:
    assert "trainer 'command' needs --option command=…" in place.refused(UsageError, command=None)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; print('ValueError: odd'); sys.exit(7)", "ValueError: odd"),
        ("pass", "the tool left no model in"),
        ("import os; os.makedirs('output/x'); open('output/x/adapter_config.json', 'w')", "the tool left an adapter in"),
        ("open('output/pytorch_model.bin', 'w')", "the tool saved pickles in"),
    ],
)
def test_a_tool_that_fails_or_leaves_no_model_says_so(place: Place, program: str, said: str) -> None:
    place.tool.write_text(program)
    assert said in place.refused()


TALK = {"messages": [{"role": "system", "content": "S"}, *ROWS[0]["messages"], *ROWS[1]["messages"]]}


@pytest.mark.parametrize(
    ("form", "first"),
    [
        ("messages", TALK),
        (
            "sharegpt",
            {
                "conversations": [
                    {"from": "human", "value": "法国的首都是哪里？"},
                    {"from": "gpt", "value": "巴黎。"},
                    {"from": "human", "value": "Which colour is the sky?"},
                    {"from": "gpt", "value": "Blue."},
                ],
                "system": "S",
            },
        ),
        (
            "alpaca",
            {
                "instruction": "Which colour is the sky?",
                "input": "",
                "output": "Blue.",
                "system": "S",
                "history": [["法国的首都是哪里？", "巴黎。"]],
            },
        ),
    ],
)
def test_rows_are_written_in_the_form_the_tool_reads(place: Place, form: str, first: dict[str, Any]) -> None:
    write_rows(place.rows, (TALK, *ROWS))
    place.train(rows_format=form)
    data = place.checkpoint / "training" / "data"
    rows = json.loads((data / "rows.json").read_text())
    assert rows[0] == first
    assert len(rows) == 4
    info = json.loads((data / "dataset_info.json").read_text())["rows"]
    assert info["file_name"] == "rows.json"
    assert set(info["columns"].values()) <= rows[0].keys()


def test_a_conversation_that_does_not_fit_the_form_is_named(place: Place) -> None:
    twice = {"messages": [{"role": "user", "content": "a"}, *ROWS[0]["messages"]]}
    write_rows(place.rows, (*ROWS, twice))
    said = place.refused(rows_format="alpaca")
    assert f"{place.rows}:4: turns must alternate between user and assistant" in said
    assert place.train(rows_format="messages", more={"force": True}).name == "tiny-kg"


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_the_example_for_llamafactory_tells_everything_and_is_yaml(place: Place, schedule: str) -> None:
    place.tool.write_text("import sys; print(open(sys.argv[1]).read()); sys.exit('shown')")
    example = ROOT / "trainers" / "command" / "examples" / "llamafactory.yaml.jinja"
    assert "shown" in place.refused(config=str(example), untold=None, more={"overrides": {"schedule": schedule, "save_steps": 7}})
    config = yaml.safe_load((place.checkpoint / "training" / "config-llamafactory.yaml").read_text())
    assert config["dataset_dir"] == str(place.checkpoint / "training" / "data")
    assert (config["gradient_accumulation_steps"], config["num_train_epochs"], config["bf16"]) == (16, 4.0, False)
    assert config["lr_scheduler_type"] == {"cosine": "cosine", "constant": "constant_with_warmup"}[schedule]
    assert (config["save_steps"], config["overwrite_output_dir"]) == (7, True)


def test_the_example_for_ms_swift_tells_everything(place: Place) -> None:
    text = (ROOT / "trainers" / "README.md").read_text(encoding="utf-8")
    command = text.partition('command="/opt/swift/bin/swift sft')[2].partition('"\n')[0].replace("\\\n", " ")
    place.tool.write_text("import sys; print(sys.argv[1:]); sys.exit('shown')")
    mine = f"{shlex.quote(sys.executable)} {shlex.quote(str(place.tool))} {command}"
    assert "shown" in place.refused(command=mine, config=None, untold=None)
    log = (place.checkpoint / "training" / "log.txt").read_text()
    assert "'--learning_rate', '0.001'" in log
    assert "{" not in log
