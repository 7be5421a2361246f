"""The exact list of tasks, and what the catalogue says about broken folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness import catalog
from harness.errors import DataError, UsageError

AREAS = ("di", "vv", "cv", "ir", "sr")
BELLE = (
    *("others", "rewrite", "classification", "generation", "summarization"),
    *("extract", "open_qa", "brainstorming", "closed_qa"),
)

TASKS = sorted(
    [f"a_eval_{d}" for d in ("tu", "ie", "tg", "lr", "tp")]
    + [f"chisafetybench_{v}_{kind}_{a}" for v in ("v0", "v1") for kind in ("mcq", "mcq_ll") for a in AREAS]
    + [f"chisafetybench_{v}_refusal_{a}" for v in ("v0", "v1") for a in ("di", "vv")]
    + [f"chisafetybench_v1_dialogue_{a}" for a in ("di", "vv")]
    + [f"benign_zh_{a}" for a in ("di", "vv")]
    + [f"belle_{name}" for name in BELLE]
    + [f"ar_safety_mcq_{a}" for a in AREAS]
    + [f"ar_{kind}_{a}" for kind in ("risk", "benign") for a in ("di", "vv")]
    + [f"demo_{d}" for d in ("en", "tu", "ie", "tg", "lr", "tp")]
    + [f"demo_{kind}_{a}" for kind in ("mcq", "risk", "benign") for a in AREAS]
    + [f"demo2_{d}" for d in ("vorto", "tempo", "nombro")]
    + [f"demo2_{kind}_{a}" for kind in ("mcq", "risk", "benign") for a in ("privato", "honesto")]
)

GROUPS = sorted(
    ["ar_safety", "ar_safety_mcq", "ar_risk", "ar_benign"]
    + ["a_eval", "belle", "benign_zh", "demo", "demo_skills", "demo_mcq", "demo_risk", "demo_benign"]
    + ["demo2", "demo2_skills", "demo2_mcq", "demo2_risk", "demo2_benign"]
    + [f"chisafetybench_{v}{part}" for v in ("v0", "v1") for part in ("", "_mcq", "_mcq_ll", "_refusal")]
    + ["chisafetybench_v1_dialogue", "chisafetybench_v1_risk"]
)


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_tasks_and_groups_are_exactly_these() -> None:
    entries = catalog.read().entries
    assert sorted(n for n, e in entries.items() if not e.is_group) == TASKS
    assert sorted(n for n, e in entries.items() if e.is_group) == GROUPS


def test_lm_eval_sees_the_same_names() -> None:
    from lm_eval.tasks import TaskManager

    from harness import folders

    manager = TaskManager(include_path=[str(f) for f in folders.task_folders()], include_defaults=False)
    assert manager.all_subtasks == TASKS
    assert manager.all_groups == GROUPS


def test_a_task_inside_an_asked_group_is_not_asked_twice() -> None:
    known = catalog.read()
    assert known.expand(["a_eval_tu", "a_eval", "demo_risk_*", "demo_risk"]) == ("a_eval", "demo_risk")


def test_an_unknown_name_is_answered_with_near_matches() -> None:
    with pytest.raises(UsageError, match="no task or group named 'a_evl'; did you mean a_eval"):
        catalog.read().expand(["a_evl"])
    with pytest.raises(UsageError, match="no task or group named 'BELLE'; did you mean belle[?] there are"):
        catalog.read().expand(["BELLE"])


def test_a_pattern_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(UsageError, match="no task matching named 'mmlu_\\*'"):
        catalog.read().expand(["mmlu_*"])


def test_yaml_that_does_not_parse_is_named_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "tasks", "broken.yaml", "task: x\nmetadata: {version: 1.0\n")
    monkeypatch.setenv("HARNESS_PATH", str(tmp_path))
    with pytest.raises(DataError, match=f"{path}:\\d+: not YAML"):
        catalog.read()


def test_a_missing_include_is_named(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "include: _nowhere\ntask: a\n")
    with pytest.raises(DataError, match="_nowhere: cannot be read"):
        catalog.read([tmp_path])


def test_a_file_that_is_neither_task_nor_group_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a.yaml", "output_type: generate_until\n")
    with pytest.raises(DataError, match=f"{path}: neither a task"):
        catalog.read([tmp_path])


def test_two_files_with_one_name_are_an_error(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "task: same\n")
    write(tmp_path, "b.yaml", "task: same\n")
    with pytest.raises(DataError, match="'same' is already defined in .*a.yaml"):
        catalog.read([tmp_path])


def test_a_group_with_an_undefined_member_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "group: g\ntask: [nothing]\n")
    with pytest.raises(DataError, match="group 'g' names 'nothing'"):
        catalog.read([tmp_path])


def test_the_digest_covers_included_files(tmp_path: Path) -> None:
    write(tmp_path, "_base", "output_type: generate_until\n")
    write(tmp_path, "a.yaml", "include: _base\ntask: a\n")
    before = catalog.read([tmp_path]).find("a").digest
    write(tmp_path, "_base", "output_type: multiple_choice\n")
    assert catalog.read([tmp_path]).find("a").digest != before


def test_a_plugin_folder_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_PATH", "/nowhere/at/all")
    with pytest.raises(UsageError, match="HARNESS_PATH names '/nowhere/at/all'"):
        catalog.read()


def test_an_installed_package_brings_its_tasks_by_entry_point(tmp_path: Path) -> None:
    package = tmp_path / "site" / "their_pack"
    write(package / "tasks", "theirs.yaml", "task: their_task\n")
    write(package, "__init__.py", "")
    info = tmp_path / "site" / "their_pack-1.0.dist-info"
    write(info, "METADATA", "Metadata-Version: 2.1\nName: their-pack\nVersion: 1.0\n")
    write(info, "entry_points.txt", "[harness.plugins]\ntheirs = their_pack\n")
    program = "from harness import catalog; print(catalog.read().find('their_task').path)"
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run([sys.executable, "-c", program], env=env, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(package / "tasks" / "theirs.yaml")


@pytest.mark.parametrize("name", TASKS)
def test_every_function_that_a_task_names_exists_with_or_without_its_data(name: str) -> None:
    from lm_eval.tasks._yaml_loader import load_yaml

    from harness.lm.tasks import SampleTask

    config = load_yaml(catalog.read().find(name).path)
    assert issubclass(config["class"], SampleTask)
    assert callable(config["custom_dataset"])
    assert config["metadata"]["version"]
    assert config["output_type"] == "multiple_choice" or config["generation_kwargs"]["until"] == []
