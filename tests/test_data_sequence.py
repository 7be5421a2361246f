"""The sequence of docs/data.md and examples/data.sh, command by command: from source files to rows that a mix has drawn."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from threading import Thread
from types import ModuleType

import pytest

from harness.rows.dataset import read_dataset, read_rows
from harness.schema import Mix
from tests.conftest import Cli, Done

EXAMPLES = Path(__file__).parents[1] / "examples" / "data"


def example(name: str) -> ModuleType:
    """A program of the example, as a module."""
    spec = spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def writer(folder: Path) -> Iterator[str]:
    """The stand-in for a strong model, on a port of its own; gives its address."""
    import asyncio

    from aiohttp import web

    answers = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(example("writer").application(answers))
    loop.run_until_complete(runner.setup())
    loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", 0).start())
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(runner.cleanup())
        loop.close()


@pytest.fixture
def typed(cli: Cli) -> Callable[..., Done]:
    """A command that must end well."""

    def run(*words: object) -> Done:
        done = cli(*map(str, words))
        assert done.code == 0, done.err
        return done

    return run


def program(name: str, monkeypatch: pytest.MonkeyPatch, *words: object) -> None:
    monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
    example(name).main()


def test_from_source_files_to_rows_that_a_mix_has_drawn(
    benchmarks: Path, typed: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(benchmarks.parent))
    sources, curated, refined, sheet = (tmp_path / name for name in ("sources", "curated", "refined", "sheet.csv"))
    program("shapes", monkeypatch, sources, "--rows", 200)
    files = [f"--source={one}" for one in (f"alpaca:{sources}/alpaca.json", f"refgpt:{sources}/refgpt.json")]
    files.append(f"--source=belle_multiturn:{sources}/multiturn.jsonl")

    typed("curate", "zh_cn/knowledge", "--out", curated, "--workers", 1, *files)
    made = read_dataset(curated)
    why = {name: count for step in made.steps for name, count in step.reasons.items()}
    assert made.rows + made.dropped == sum(source.records for source in made.sources)
    assert why["not JSON"] == 1
    assert why["empty reply"] >= 2
    assert why["exact duplicate"] >= 8
    assert why["near-duplicate"] >= 8
    assert {"a_eval", "chisafetybench_v0_mcq", "benign_zh"} <= set(made.contamination)
    assert {"a_eval/TU", "a_eval/IE", "a_eval/LR", "a_eval/TP"} <= set(made.by_area)

    typed("review", curated, "--sample", 200, "--export", sheet)
    program("reviewer", monkeypatch, sheet, sources / "faults.json")
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        flagged = {one["item"] for one in csv.DictReader(file) if one["action"] == "flag"}
    assert flagged
    typed("review", curated, "--import", sheet)

    before = {row.id: row for row in read_rows(curated)}
    with writer(sources) as address:
        monkeypatch.setenv("HARNESS_WRITER_BASE_URL", address)
        typed("refine", curated, "--what", "flagged", "--with", "openai:stand-in", "--out", refined)
    after = {row.id: row for row in read_rows(refined)}
    right = json.loads((sources / "answers.json").read_text(encoding="utf-8"))
    changed = {name for name in after if after[name].messages != before[name].messages}
    assert changed
    assert changed <= flagged
    assert all(after[name].messages[-1].content == right[after[name].messages[-2].content] for name in changed)
    assert all(after[name].origin == "refined:stand-in" for name in changed)
    assert read_dataset(refined).parent == made.digest

    program("unable", monkeypatch, "a_eval", tmp_path / "answers.jsonl")
    typed("eval", "--model", f"replay:{tmp_path}/answers.jsonl", "--tasks", "a_eval", "--judge", "rules")
    typed("diagnose", "latest", "--out", tmp_path / "diagnosis.json")
    asked = ("--diagnosis", tmp_path / "diagnosis.json", "--stage", "knowledge", "--data", refined, "--data-only")
    mix = Mix.model_validate_json(typed("mix", *asked, "--replay", "mmlu=0", "--rows", 300, "--json").out)
    drawn = [json.loads(line) for line in (tmp_path / "mixes" / mix.id / "rows.jsonl").read_text("utf-8").splitlines()]
    assert len(drawn) == mix.rows > 100
    assert {one["area"] for one in drawn} == {share.area for share in mix.shares}
    for one in drawn:
        row = after[f"{one['source']}/{one['source_id']}"]
        assert one["area"] in row.areas
        assert one["messages"] == [turn.model_dump() for turn in row.messages]
