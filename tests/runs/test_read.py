from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from harness.errors import DataError, IncompleteRun, UsageError
from harness.runs import RunFolder, list_runs, load_run, read_samples
from harness.runs.encode import record_bytes
from tests.runs.made import SPEC, finished, record, result, share


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_run_is_found_by_id_prefix_path_record_file_and_latest(root: Path) -> None:
    made = finished(root, "alpha-1")
    finished(root, "beta-1")
    os.utime(root / "alpha-1" / "record.json", (2e9, 2e9))
    for ref in ("alpha-1", "alp", str(root / "alpha-1"), root / "alpha-1", str(root / "alpha-1" / "record.json"), "latest"):
        assert load_run(ref, root) == made


def test_a_link_that_leads_nowhere_hides_no_other_run(root: Path) -> None:
    made = finished(root, "alpha-1")
    (root / "loop").symlink_to("loop")
    (root / "gone").symlink_to("nowhere")
    (root / "file").write_text("")
    assert load_run("alpha-1", root) == made
    assert [run.id for run in list_runs(root)] == ["alpha-1"]


def test_runs_are_looked_for_where_the_environment_says(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = finished(root, "alpha-1")
    monkeypatch.setenv("HARNESS_RUNS", str(root))
    assert load_run("alpha-1") == made


def test_an_id_that_begins_another_id_names_itself(root: Path) -> None:
    made = finished(root, "run")
    finished(root, "run-2")
    assert load_run("run", root) == made


def test_a_beginning_of_two_ids_lists_both(root: Path) -> None:
    finished(root, "run-1")
    finished(root, "run-2")
    with pytest.raises(UsageError, match="'run' begins 2 runs: run-1, run-2; say more of the id"):
        load_run("run", root)


def test_an_unknown_run_names_near_ones_and_what_exists(root: Path) -> None:
    finished(root, "llama-a_eval-1")
    finished(root, "other")
    with pytest.raises(
        UsageError, match=r"no run named 'lama-a_eval-1'; did you mean llama-a_eval-1\? there are: llama-a_eval-1, other"
    ):
        load_run("lama-a_eval-1", root)


def test_an_unknown_run_among_many_lists_only_the_newest(root: Path) -> None:
    for i in range(40):
        (root / f"r{i:02}").mkdir(parents=True)
        (root / f"r{i:02}" / "spec.json").write_text("{}")
    with pytest.raises(UsageError, match=r"and 28 more\)") as caught:
        load_run("zzz", root)
    assert len(str(caught.value)) < 250


def test_without_any_run_latest_says_so(root: Path) -> None:
    with pytest.raises(UsageError, match="there is no finished run in"):
        load_run("latest", root)
    with pytest.raises(UsageError, match="there are: none"):
        load_run("x", root)


def test_a_path_without_a_run_says_what_is_missing(root: Path) -> None:
    root.mkdir()
    with pytest.raises(UsageError, match=r"holds no run \(no record.json, no spec.json\)"):
        load_run(root)
    with pytest.raises(UsageError, match="does not exist"):
        load_run(root / "gone")


def test_an_unfinished_run_says_how_to_resume(root: Path) -> None:
    with RunFolder.create_or_resume(root, "r1", SPEC):
        pass
    with pytest.raises(
        IncompleteRun, match=r"run 'r1' is unfinished \(last: interrupted at .*\): give the command that began it once more"
    ):
        load_run("r1", root)


def test_a_running_run_names_the_process(root: Path) -> None:
    with (
        RunFolder.create_or_resume(root, "r1", SPEC),
        pytest.raises(IncompleteRun, match=f"still being written by process {os.getpid()}"),
    ):
        load_run("r1", root)


def test_a_record_of_another_schema_names_both_versions_and_its_writer(root: Path) -> None:
    finished(root, "r1")
    edit(root / "r1" / "record.json", schema_version="harness.run/2")
    with pytest.raises(
        DataError, match=r"'harness.run/2', this version reads 'harness.run/1'; it was written by culture-harness 0.1.0"
    ):
        load_run("r1", root)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\xff"])
def test_a_record_that_is_no_json_object_is_named(root: Path, text: str) -> None:
    finished(root, "r1")
    (root / "r1" / "record.json").write_text(text, encoding="latin-1")
    with pytest.raises(DataError, match=r"r1/record\.json: "):
        load_run("r1", root)


def test_a_record_with_a_wrong_field_names_the_field(root: Path) -> None:
    finished(root, "r1")
    edit(root / "r1" / "record.json", complete="perhaps")
    with pytest.raises(DataError, match="not a run record: complete: "):
        load_run("r1", root)


def test_a_changed_sample_file_is_found_out(root: Path) -> None:
    finished(root, "r1")
    file = root / "r1" / "samples" / "demo_tu.jsonl"
    file.write_text(file.read_text().replace('"acc":1.0', '"acc":0.0'))
    with pytest.raises(DataError, match="changed since the run was recorded"):
        load_run("r1", root)
    with pytest.raises(DataError, match="changed since the run was recorded"):
        read_samples("r1", root=root)
    assert load_run("r1", root, verify=False).id == "r1"


def test_a_record_kept_without_its_samples_loads_but_gives_no_samples(root: Path, tmp_path: Path) -> None:
    made = finished(root, "r1")
    kept = tmp_path / "kept.json"
    shutil.copy(root / "r1" / "record.json", kept)
    assert load_run(kept) == made
    with pytest.raises(DataError, match=r"demo_tu\.jsonl: missing"):
        read_samples(kept)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "samples/../../x.jsonl", "spec.json"])
def test_a_record_cannot_make_us_read_other_files(root: Path, name: str) -> None:
    finished(root, "r1")
    edit(root / "r1" / "record.json", samples={name: "0" * 64})
    with pytest.raises(DataError, match="names a sample file"):
        load_run("r1", root)


def test_samples_of_one_task_only(root: Path) -> None:
    with RunFolder.create_or_resume(root, "r1", SPEC) as folder:
        for task in ("demo_tu", "demo_ie"):
            folder.write_samples(task, [result(f"{task}-1", task=task)])
        folder.finish(record("r1", samples=folder.sample_hashes))
    assert [r.sample.id for r in read_samples("r1", "demo_ie", root=root)] == ["demo_ie-1"]
    assert [r.sample.id for r in read_samples("r1", root=root)] == ["demo_ie-1", "demo_tu-1"]
    with pytest.raises(UsageError, match=r"no task in run 'r1' named 'demo_ti'; did you mean"):
        read_samples("r1", "demo_ti", root=root)


def test_a_broken_sample_line_is_named_with_its_number(root: Path) -> None:
    finished(root, "r1")
    file = root / "r1" / "samples" / "demo_tu.jsonl"
    file.write_text(file.read_text().replace('"s-1"', "1"))
    edit(root / "r1" / "record.json", samples={"samples/demo_tu.jsonl": hashlib.sha256(file.read_bytes()).hexdigest()})
    with pytest.raises(DataError, match=r"demo_tu\.jsonl:2: not a sample result: sample\.id"):
        list(read_samples("r1", root=root))


def test_a_hidden_folder_and_a_stray_file_are_no_runs(root: Path) -> None:
    (root / ".store").mkdir(parents=True)
    (root / ".store" / "spec.json").write_text("{}")
    (root / "notes.txt").write_text("x")
    (root / "empty").mkdir()
    assert list_runs(root) == []


def test_a_missing_folder_holds_no_runs(root: Path) -> None:
    assert list_runs(root) == []


def test_a_list_shows_every_state(root: Path) -> None:
    finished(root, "done")
    finished(root, "lacking", complete=False, comparable=False, limit=5)
    with RunFolder.create_or_resume(root, "stopped", SPEC):
        pass
    (root / "odd").mkdir()
    (root / "odd" / "record.json").write_text('{"schema_version": "harness.run/9"}')
    with RunFolder.create_or_resume(root, "busy", SPEC):
        states = {run.id: run.state for run in list_runs(root)}
    assert states == {"done": "finished", "lacking": "incomplete", "stopped": "unfinished", "odd": "broken", "busy": "running"}
    lacking = next(run for run in list_runs(root) if run.id == "lacking")
    assert (lacking.model, lacking.benchmarks, lacking.limit, lacking.comparable) == ("tiny", ("demo",), 5, False)
    assert next(run for run in list_runs(root) if run.id == "stopped").model == "tiny"


def test_a_list_begins_with_the_run_started_last(root: Path) -> None:
    made = record()
    for name, day in (("a", "20"), ("b", "22"), ("c", "21")):
        finished(root, name, usage=made.usage.model_copy(update={"started": f"2026-08-{day}T00:00:00+00:00"}))
    assert [run.id for run in list_runs(root)] == ["b", "c", "a"]


def test_a_record_written_by_another_hand_in_another_order_is_listed(root: Path) -> None:
    made = finished(root, "r1", scores=tuple(share("demo", "topic", f"t{i}", "acc", 1, 2) for i in range(400)))
    fields = json.loads((root / "r1" / "record.json").read_text())
    (root / "r1" / "record.json").write_text(json.dumps({"scores": fields.pop("scores"), **fields}))
    assert list_runs(root)[0].model == "tiny"
    assert load_run("r1", root) == made


def test_a_thousand_runs_of_a_thousand_scores_are_listed_in_two_seconds(root: Path) -> None:
    big = record("r", scores=tuple(share("demo", "topic", f"topic {i}", "acc", 1, 2) for i in range(1000)))
    data = record_bytes(big)
    assert len(data) > 200_000
    for i in range(1000):
        (root / f"r{i:03}").mkdir(parents=True)
        (root / f"r{i:03}" / "record.json").write_bytes(data)
    began = time.process_time()
    runs = list_runs(root)
    assert len(runs) == 1000
    assert runs[0].state == "finished"
    assert time.process_time() - began < 2
