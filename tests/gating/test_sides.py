"""RUN|MODEL -> a side: what a name means, and that a model is asked as the run it is compared with was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.demo.benchmark import read
from harness.errors import DataError, UsageError
from harness.gating.sides import Wish, asked, find, opened, spec_of
from harness.pairs import Run
from harness.runs import load_run
from harness.schema import ModelRef, RunRecord
from harness.verbs.evaluate import evaluate
from harness.verbs.gate import gate
from tests.conftest import Cli
from tests.gating.made import made

RULE = '[[rules]]\nbenchmark = "demo_tu"\nmetric = "acc"\nquestion = "release"\nmargin = 0.1\n'


def replies(root: Path, name: str, wrong: int = 0) -> str:
    """A model that has all but the first `wrong` questions of demo_tu right."""
    samples = [sample for sample in read("tu") if sample.dimension == "TU"]
    said = ["不知道" if place < wrong else str(sample.target) for place, sample in enumerate(samples)]
    rows = [json.dumps({"hash": s.hash, "response": text}, ensure_ascii=False) for s, text in zip(samples, said, strict=True)]
    file = root / f"{name}.jsonl"
    file.write_text("\n".join(rows), encoding="utf-8")
    return f"replay:{file}"


def measured(root: Path, name: str, **more: object) -> RunRecord:
    return evaluate(replies(root, name), ["demo_tu"], runs=root / "runs", **more)  # type: ignore[arg-type]


def test_a_whole_id_a_path_and_latest_are_runs(tmp_path: Path) -> None:
    made(tmp_path, "demo-en", {"demo_tu": [1.0]})
    for name in ("demo-en", str(tmp_path / "demo-en"), str(tmp_path / "demo-en" / "record.json"), "latest"):
        found = find(name, tmp_path, Wish())
        assert isinstance(found, Run)
        assert found.record.id == "demo-en"
        assert next(found.tasks("demo_tu").__iter__()) == "demo_tu"


def test_a_model_goes_before_the_beginning_of_a_runs_id(tmp_path: Path) -> None:
    made(tmp_path, "demo-en-demo-1234", {"demo_tu": [1.0]})
    assert isinstance(find("demo-en", tmp_path, Wish()), ModelRef)
    assert isinstance(find("demo-en-demo", tmp_path, Wish()), Run)


def test_what_is_neither_is_refused_with_both_lists(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'nobody' is no run \(harness runs lists them\), and no model: .*there are: demo-en"):
        find("nobody", tmp_path, Wish())


def test_a_candidate_is_asked_as_its_baseline_was(tmp_path: Path) -> None:
    was = opened(measured(tmp_path, "one", threshold=60.0, seed=7, generation={"max_gen_toks": 8}).id, tmp_path / "runs")
    found = asked(ModelRef(name="m", backend="hf", source="m"), ("demo_tu",), Wish(threshold=90.0), was, spec_of(was))
    assert (found.threshold, found.seed, found.generation, found.judge) == (60.0, 7, {"max_gen_toks": 8}, "rules")


def test_a_baseline_with_its_own_key_file_wants_it_again(tmp_path: Path) -> None:
    was = opened(measured(tmp_path, "one").id, tmp_path / "runs")
    spec = {**spec_of(was), "keys": {"a_eval": "0" * 64}}
    with pytest.raises(DataError, match="scored with a key file of its own \\(a_eval\\); give the same file with --keys"):
        asked(was.record.model, ("demo_tu",), Wish(), was, spec)


def test_a_candidate_that_is_a_model_is_measured_and_gated(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "p.toml").write_text(RULE)
    runs = str(tmp_path / "runs")
    base = measured(tmp_path, "one", threshold=60.0).id
    words = ("gate", "--baseline", base, "--policy", str(tmp_path / "p.toml"), "--runs", runs, "--json", "--candidate")
    good = cli(*words, replies(tmp_path, "two", wrong=1))
    bad = cli(*words, replies(tmp_path, "three", wrong=40))
    assert (good.code, bad.code) == (0, 4)
    said = json.loads(bad.out)
    assert said["ruling"] == "FAIL"
    assert load_run(said["candidate"]["run"], tmp_path / "runs").provenance.threshold == 60.0


def test_two_models_need_a_policy(tmp_path: Path) -> None:
    one, two = replies(tmp_path, "one"), replies(tmp_path, "two", wrong=1)
    with pytest.raises(UsageError, match="is a model: say with --policy or --tasks"):
        gate(one, two, runs=tmp_path / "runs")
    (tmp_path / "p.toml").write_text(RULE)
    assert gate(one, two, str(tmp_path / "p.toml"), runs=tmp_path / "runs").ruling == "PASS"


def test_a_misspelt_candidate_is_refused_before_the_baseline_is_measured(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(RULE)
    with pytest.raises(UsageError, match="'nobody' is no run"):
        gate(replies(tmp_path, "one"), "nobody", str(tmp_path / "p.toml"), runs=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
