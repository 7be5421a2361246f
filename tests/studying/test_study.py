"""`harness study`, for real: models trained by a program, measured by lm-eval, killed in the middle, gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.studying.folder import read_done
from tests.conftest import Cli
from tests.processes import within
from tests.studying.written import written
from tests.training.standins import make

pytestmark = pytest.mark.long

STUDY = """
name = "small"
culture = "demo"
base = "BASE"
seeds = [1, 2]
tasks = ["demo_risk_di"]
generation = { max_gen_toks = 2 }
[data.knowledge]
sources = ["demo:tu"]
[data.safety]
sources = ["demo:risk_di"]
[phases.knowledge]
stage = "knowledge"
recipe = "demo-knowledge"
trainer = "standin"
data = { knowledge = 8 }
[phases.safety]
stage = "safety"
recipe = "demo-safety"
trainer = "standin"
data = { safety = 8 }
[arms.base]
[arms.K]
phases = ["knowledge"]
[arms."K->S"]
phases = ["knowledge", "safety"]
[outcomes.harm]
benchmark = "demo_risk_di"
metric = "hr"
ceiling = true
[contrasts.later]
weights = { "K->S" = 1, K = -1 }
"""
SLOW = 'import time; time.sleep(0.7); copy(); changed(1 + recipe["seed"]); said(step=3, steps=3); deliver(tokens=100)'


@dataclass(frozen=True)
class World:
    """Where one study is run, in processes of its own."""

    root: Path
    file: Path
    home: Path
    shared: Path
    """Of drawn rows and runs: what is trained anew comes out the same, and is not asked again."""

    def words(self, *more: str) -> list[str]:
        places = [word for name in ("studies", "checkpoints") for word in (f"--{name}", str(self.root / name))]
        places += [word for name in ("mixes", "runs") for word in (f"--{name}", str(self.shared / name))]
        return ["study", str(self.file), "--jobs", "2", *places, *more]

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"HARNESS_PATH": str(self.home), "HARNESS_CACHE": str(self.home / "cache")}

    def start(self) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "harness", *self.words("--json")]
        pipe = subprocess.PIPE
        return subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, env=self.environment, start_new_session=True)

    def run(self) -> tuple[int, str, str]:
        process = self.start()
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    @property
    def folder(self) -> Path:
        return next(path for path in (self.root / "studies").iterdir() if not path.name.startswith("."))

    def done(self, kind: str) -> int:
        if not (self.root / "studies").is_dir():
            return 0
        found = [path for path in (self.root / "studies").iterdir() if not path.name.startswith(".")]
        return sum(step.id.startswith(kind) for path in found for step in read_done(path))

    def files(self) -> dict[str, bytes]:
        return {name: (self.folder / name).read_bytes() for name in ("result.json", "table.md", "page.html")}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> World:
    """A study that has been run to its end."""
    root = tmp_path_factory.mktemp("study")
    make(root / "home", program=SLOW)
    file = written(root, STUDY.replace("BASE", str(tiny_model)))
    made = World(root / "one", file, root / "home", root / "shared")
    code, _, err = made.run()
    assert code == 0, err
    return made


def test_every_arm_is_trained_and_measured_and_what_they_share_is_made_once(world: World) -> None:
    result = json.loads((world.folder / "result.json").read_bytes())
    assert [(run["arm"], run["seed"], run["rows"], run["tokens"]) for run in result["runs"]] == [
        ("base", None, 0, 0),
        ("K", 1, 8, 100),
        ("K", 2, 8, 100),
        ("K->S", 1, 16, 200),
        ("K->S", 2, 16, 200),
    ]
    assert len([path for path in (world.root / "checkpoints").iterdir() if path.is_dir()]) == 4
    assert len({run["run"] for run in result["runs"]}) == 5
    assert not (world.folder / "work").exists()


def test_killed_in_the_middle_and_gone_on_with_it_ends_up_the_same_byte_for_byte(world: World) -> None:
    other = World(world.root.parent / "two", world.file, world.home, world.shared)
    first = other.start()
    assert within(200, lambda: other.done("train") >= 1 or first.poll() is not None)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert not (other.folder / "result.json").exists()
    code, _, err = other.run()
    assert code == 0, err
    assert other.files() == world.files()


def test_a_finished_study_is_read_and_nothing_is_done_again(world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_PATH", str(world.home))
    before = {path: path.stat().st_mtime_ns for path in world.root.rglob("*") if path.is_file()}
    done = cli(*world.words("--json"))
    assert done.code == 0
    assert json.loads(done.out) == json.loads((world.folder / "result.json").read_bytes())
    changed = {path.name for path, at in before.items() if path.stat().st_mtime_ns != at}
    assert changed <= {"lock", "plan.json"}


def test_a_dry_run_shows_arms_steps_and_totals_with_and_without_sharing(
    world: World, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_PATH", str(world.home))
    found = json.loads(cli(*world.words("--dry-run", "--json")).out)
    assert (found["shared"]["trainings"], found["unshared"]["trainings"], found["left"]["trainings"]) == (4, 6, 0)
    assert (found["shared"]["rows"], found["unshared"]["rows"]) == (32, 48)
    assert found["finished"] is True
    shown = cli(*world.words("--dry-run")).out
    assert "each from the base" in shown
    assert "device-hours" in shown


def test_a_dry_run_says_what_it_cannot_know_and_shows_the_rest(tmp_path: Path, cli: Cli) -> None:
    text = (
        STUDY.replace('"standin"', '"full_ft"')
        .replace("BASE", "some/base")
        .replace('sources = ["demo:tu"]', 'path = "gone.jsonl"')
    )
    done = cli("study", str(written(tmp_path, text)), "--dry-run", "--studies", str(tmp_path))
    assert done.code == 0
    said = " ".join(done.out.split())
    assert "not known: knowledge: data.knowledge.path: there is no file" in said
    assert "not known: tokens, time and memory: 'base' is not on this machine (some/base)" in said
    assert "each from the base 6 48" in said
    assert list(tmp_path.iterdir()) == [tmp_path / "study.toml"]


def test_a_failed_step_is_one_line_with_its_log_and_the_rest_comes_to_its_end(world: World, tmp_path: Path) -> None:
    make(tmp_path / "home", program='time.sleep(0.2); sys.exit("no such device") if recipe["seed"] == 2 else None; ' + SLOW)
    bad = World(tmp_path / "bad", world.file, tmp_path / "home", world.shared)
    code, out, err = bad.run()
    assert (code, out) == (1, "")
    last = err.strip().splitlines()[-1]
    assert last.startswith("harness: train knowledge/s2 failed (log: ")
    assert "no such device" in last
    assert bad.done("train knowledge/s1") == 1
