"""Real trainer processes that deliver, die, hang, lie and are killed: what becomes of each, in one line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import DataError, HarnessError, TrainerError, UsageError
from harness.fingerprint import fingerprint
from harness.models import resolve
from tests.processes import alive, within
from tests.training.conftest import Train
from tests.training.standins import GOOD, make, write_mix, write_rows


def refused(train: Train, *args: object, kind: type[HarnessError] = TrainerError, **given: object) -> str:
    with pytest.raises(kind) as caught:
        train(*args, **given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_delivered_model_becomes_a_checkpoint_with_its_whole_descent(
    train: Train, checkpoints: Path, tmp_path: Path, tiny_model: Path
) -> None:
    write_mix(tmp_path / "mixes")
    seen = []
    checkpoint = train(GOOD, mix="zh-kg-1", stage=None, seed=7, watch=lambda *said: seen.append(said))
    assert (checkpoint.name, checkpoint.parent, checkpoint.stage) == ("tiny-kg", "tiny", "knowledge")
    assert (checkpoint.mix, checkpoint.diagnosis) == ("zh-kg-1", "tiny-demo-12345678")
    assert checkpoint.parent_fingerprint == fingerprint(resolve(str(tiny_model)))
    assert checkpoint.recipe.seed == 7
    assert checkpoint.report.final_loss == 0.5
    assert checkpoint.versions["standin"] == "1"
    assert set(checkpoint.weights) == {"model.safetensors"}
    assert checkpoint.notes == ()
    written = json.loads((checkpoints / "tiny-kg" / "checkpoint.json").read_bytes())
    assert written == checkpoint.model_dump(mode="json")
    assert ("training", 3, 3) in seen
    assert seen[-1][0] == "verifying"


def test_the_checkpoint_is_a_model_by_its_name_and_the_base_of_the_next_stage(train: Train, checkpoints: Path) -> None:
    train(GOOD)
    ref = resolve("tiny-kg")
    assert (ref.source, ref.parent, ref.stage) == (str(checkpoints / "tiny-kg" / "model"), "tiny", "knowledge")
    safe = train(base="tiny-kg", stage="safety")
    assert (safe.name, safe.parent, safe.stage) == ("tiny-safe", "tiny-kg", "safety")
    assert safe.parent_fingerprint == fingerprint(ref)


def test_what_a_trainer_kept_to_go_on_from_is_removed_once_the_model_is_registered(train: Train, checkpoints: Path) -> None:
    train("(work / 'step-3').mkdir(); (work / 'step-3' / 'state').write_text('large'); (work / 'mine').mkdir(); " + GOOD)
    left = {path.name for path in (checkpoints / "tiny-kg" / "training").iterdir() if path.is_dir()}
    assert left == {"mine"}


def test_a_base_is_found_in_the_checkpoints_folder_that_is_named(train: Train, tmp_path: Path) -> None:
    train(GOOD, checkpoints=tmp_path / "elsewhere")
    safe = train(base="tiny-kg", stage="safety", checkpoints=tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "tiny-safe" / "checkpoint.json").is_file()
    assert safe.parent == "tiny-kg"


def test_the_same_command_on_a_finished_checkpoint_trains_nothing(train: Train, checkpoints: Path) -> None:
    first = train(GOOD)
    before = {file: file.stat().st_mtime_ns for file in (checkpoints / "tiny-kg").rglob("*")}
    assert train() == first
    assert {file: file.stat().st_mtime_ns for file in (checkpoints / "tiny-kg").rglob("*")} == before


def test_another_recipe_under_the_same_name_is_refused_with_what_differs(train: Train) -> None:
    train(GOOD)
    said = refused(train, kind=UsageError, overrides={"epochs": 9, "learning_rate": 0.5}, seed=8)
    assert "checkpoint 'tiny-kg' was trained otherwise: seed was 1234, now 8, epochs was 4.0, now 9.0" in said
    assert "--force" in said


def test_what_decides_memory_alone_is_no_other_recipe(train: Train) -> None:
    first = train(GOOD)
    assert train(overrides={"recompute_layers": "all", "save_steps": 5, "keep_checkpoints": 2}) == first


def test_other_rows_are_another_training(train: Train, tmp_path: Path) -> None:
    train(GOOD)
    other = write_rows(tmp_path / "other.jsonl", ({"messages": [{"role": "assistant", "content": "Hm."}]},))
    assert "rows_sha256 was" in refused(train, kind=UsageError, mix=other)


def test_force_moves_the_old_checkpoint_aside(train: Train, checkpoints: Path) -> None:
    first = train(GOOD)
    second = train(force=True, overrides={"epochs": 9})
    assert second.recipe.hyper.epochs == 9
    kept = json.loads((checkpoints / ".old" / "tiny-kg-1" / "checkpoint.json").read_bytes())
    assert kept == first.model_dump(mode="json")
    train(force=True)
    assert (checkpoints / ".old" / "tiny-kg-2" / "model" / "model.safetensors").is_file()


def test_a_moved_checkpoint_is_still_the_same(train: Train, checkpoints: Path, tmp_path: Path) -> None:
    first = train(GOOD)
    checkpoints.rename(tmp_path / "moved")
    assert train(checkpoints=tmp_path / "moved") == first


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("raise ValueError('the rows are odd')", "ValueError: the rows are odd"),
        ("copy(); print(chr(27) + '[31m' + chr(0x202e) + 'all done')", "it ended without delivery.json; the last it said: "),
        ("(work / 'error.json').write_text(json.dumps({'kind': 'data', 'message': 'row 3\\nis odd'})); 1/0", "row 3 is odd"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "it was killed (SIGKILL), as the kernel does when memory runs out"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "it was ended by signal 11"),
    ],
)
def test_a_trainer_that_fails_says_why_in_one_line_with_its_log(train: Train, checkpoints: Path, program: str, said: str) -> None:
    text = refused(train, program)
    assert said in text
    assert f"its log: {checkpoints / 'tiny-kg' / 'training' / 'log.txt'}" in text
    assert "\x1b" not in text
    assert not (checkpoints / "tiny-kg" / "checkpoint.json").exists()


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("copy(); (work / 'delivery.json').write_text('not json')", "is no delivery"),
        ("copy(); deliver(final_loss=float('nan'))", "final_loss is nan: the training diverged"),
        ("deliver()", "is not a folder: the trainer delivered no model"),
        ("copy(); (out / 'training_args.bin').write_bytes(b'x'); deliver()", "holds 'training_args.bin', which may be a pickle"),
    ],
)
def test_what_is_no_model_is_not_registered(train: Train, checkpoints: Path, program: str, said: str) -> None:
    assert said in refused(train, program)
    assert not (checkpoints / "tiny-kg" / "checkpoint.json").exists()


def test_a_model_that_was_mended_by_hand_is_registered_without_training_again(train: Train, checkpoints: Path) -> None:
    program = "print('ran'); copy(); changed(); (out / 'x.bin').write_bytes(b''); deliver()"
    refused(train, program)
    (checkpoints / "tiny-kg" / "model" / "x.bin").unlink()
    assert train().name == "tiny-kg"
    assert not (checkpoints / "tiny-kg" / "training" / "log.1.txt").exists()


def test_weights_that_did_not_change_are_said_to_be_the_bases(train: Train) -> None:
    assert train("copy(); deliver()").notes == ("the weights are those of the base: nothing was learnt",)


def test_what_the_trainer_could_not_do_as_asked_is_kept_and_cut(train: Train) -> None:
    notes = train("copy(); changed(); deliver(notes=['packing:\\nnone', 'x' * 9999, *['y'] * 99])").notes
    assert notes[0] == "packing: none"
    assert (len(notes), len(notes[1])) == (20, 400)


KILLED = """
state = work / "state.json"
at = json.loads(state.read_text()) if state.exists() else 0
while at < 6:
    at += 1
    said(step=at, steps=6, loss=1 / at)
    state.write_text(json.dumps(at))
    if at == 3:
        (out).mkdir(); (out / "half.safetensors").write_bytes(b"half")
        print("killed at 3", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
copy(); changed(); deliver(resumed=1)
"""


def test_a_trainer_killed_with_sigkill_goes_on_by_the_same_command(train: Train, checkpoints: Path) -> None:
    said = refused(train, KILLED, more="resumable = true")
    assert "failed at step 3 of 6: it was killed (SIGKILL)" in said
    assert said.endswith("; the same command goes on")
    seen: list[int] = []
    checkpoint = train(follow=lambda progress: seen.append(progress.step))
    assert checkpoint.report.resumed == 1
    assert seen[-1] == 6
    assert min(seen) > 3
    assert not (checkpoints / "tiny-kg" / "model" / "half.safetensors").exists()
    assert (checkpoints / "tiny-kg" / "training" / "log.1.txt").read_text() == "killed at 3\n"


def test_an_unfinished_training_is_not_gone_on_with_by_another_recipe(train: Train) -> None:
    refused(train, KILLED)
    assert "epochs was 4.0, now 9.0" in refused(train, kind=UsageError, overrides={"epochs": 9})
    assert train().recipe.hyper.epochs == 4


def test_one_that_failed_before_its_first_step_makes_room_for_another_recipe(train: Train, checkpoints: Path) -> None:
    refused(train, "if recipe['hyper']['epochs'] > 4: sys.exit('too many')\n" + GOOD, overrides={"epochs": 9})
    assert train().recipe.hyper.epochs == 4
    assert (checkpoints / ".old" / "tiny-kg-1" / "training" / "log.txt").read_text() == "too many\n"


def test_a_trainer_that_hangs_after_its_last_word_is_ended(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.training import launch

    monkeypatch.setattr(launch, "PATIENCE", 0.2)
    assert (
        train("copy(); changed(); deliver()\nopen(work / 'pid', 'w').write(str(os.getpid())); time.sleep(600)").name == "tiny-kg"
    )


def test_a_trainer_that_dies_in_its_teardown_has_delivered_all_the_same(train: Train) -> None:
    assert train("copy(); changed(); deliver(); os.abort()").report.steps == 3


def test_nothing_of_a_trainers_family_is_left(train: Train, checkpoints: Path) -> None:
    worker = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    program = (
        f"worker = subprocess.Popen([sys.executable, '-c', {worker!r}])\n(work / 'pids').write_text(str(worker.pid))\n{GOOD}"
    )
    train(program)
    left = int((checkpoints / "tiny-kg" / "training" / "pids").read_text())
    assert within(5, lambda: not alive([left]))


def test_a_trainer_that_prints_without_end_is_ended(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.training import launch

    monkeypatch.setattr(launch, "MAX_LOG", 100_000)
    assert "printed more than 100,000 bytes and was ended" in refused(train, "while True: print('x' * 999)")


def test_progress_that_is_nonsense_is_passed_over(train: Train) -> None:
    nonsense = [
        "[]",
        "{}",
        "[" * 9999,
        '{"step": "a", "steps": 3}',
        '{"step": 5, "steps": 3}',
        '{"step": 1e999, "steps": 2}',
        "\xff",
    ]
    program = f"(work / 'progress.jsonl').write_text({chr(10).join(nonsense)!r} + chr(10)); time.sleep(0.3)\n{GOOD}"
    seen = []
    train(program, follow=seen.append)
    assert [progress.step for progress in seen] == [3]


def test_a_folder_that_is_something_else_is_left_alone(train: Train, checkpoints: Path) -> None:
    (checkpoints / "tiny-kg").mkdir(parents=True)
    (checkpoints / "tiny-kg" / "thesis.txt").write_text("x")
    assert "was not trained here (it holds thesis.txt)" in refused(train, GOOD, kind=UsageError)
    (checkpoints / "tiny-kg" / "checkpoint.json").write_text('{"path": "."}')
    assert "was written by hand" in refused(train, kind=DataError)


def test_a_checkpoint_whose_model_is_gone_says_so(train: Train, checkpoints: Path) -> None:
    train(GOOD)
    (checkpoints / "tiny-kg" / "model" / "model.safetensors").unlink()
    assert "its model is gone (it has no *.safetensors)" in refused(train, kind=DataError)


WORDS = ("--mix", "rows.jsonl", "--stage", "knowledge", "--trainer", "standin", "--recipe", "demo-knowledge", "--json")


@pytest.fixture
def started(home: Path, checkpoints: Path, rows: Path, tiny_model: Path) -> list[str]:
    make(
        home, "standin", "said(step=1, steps=9)\ntime.sleep(0 if (work / 'again').exists() else 600)\n" + GOOD, "resumable = true"
    )
    return [sys.executable, "-m", "harness", "train", "--base", str(tiny_model), *WORDS]


def begun(checkpoints: Path, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 60
    while not (checkpoints / "tiny-kg" / "training" / "progress.jsonl").exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)


def test_ctrl_c_ends_the_trainer_and_the_same_command_goes_on(started: list[str], checkpoints: Path, tmp_path: Path) -> None:
    with subprocess.Popen(started, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        begun(checkpoints, process)
        second = subprocess.run(started, capture_output=True, text=True, check=False, cwd=tmp_path)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.count("\n") == 1
    assert "interrupted; the trainer was ended, the same command goes on" in said
    assert second.returncode == 2
    assert f"checkpoint 'tiny-kg' is being trained by process {process.pid} since" in second.stderr
    (checkpoints / "tiny-kg" / "training" / "again").touch()
    done = subprocess.run(started, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert json.loads(done.stdout)["name"] == "tiny-kg"


def test_a_harness_that_is_killed_leaves_no_trainer_behind(started: list[str], checkpoints: Path, tmp_path: Path) -> None:
    with subprocess.Popen(started, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        begun(checkpoints, process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
        process.communicate(timeout=60)
    assert children
    assert within(15, lambda: not alive(int(child) for child in children))
    assert (checkpoints / "tiny-kg" / "training" / "log.txt").exists()
