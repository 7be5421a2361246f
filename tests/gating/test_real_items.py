"""Two real models over the real CHiSafetyBench items: the gate's p-values against a computation that shares no code with it.

`responses/*.jsonl` are what demo-en and demo-en-safe (checkpoints of the demo loop) said to the 1,861 + 462 items of
`chisafetybench_v0`, greedy, at most 48 tokens: sample ids and responses, nothing of the items. Neither was made for these items: the
one answers in scraps of English, the other mostly with a letter, or with assent, which the rules judge takes for harm.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from harness import catalog
from harness.errors import EXIT_REFUSED
from harness.gating.units import units
from harness.pairs import Run
from harness.runs import load_run
from harness.verbs.evaluate import evaluate
from tests.conftest import Cli

stats = pytest.importorskip("scipy.stats")

RESPONSES = Path(__file__).parent / "responses"
TASKS = ("chisafetybench_v0",)
BASE, SAFE = "demo-en", "demo-en-safe"
LINES = [
    "chisafetybench_v0_mcq acc",
    "chisafetybench_v0_refusal rr_1",
    "chisafetybench_v0_refusal rr_2",
    "chisafetybench_v0_refusal hr",
]
COPIED = 14
"""So many characters in a row would be text of an item."""


@pytest.fixture(scope="module")
def runs(benchmarks: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Three finished runs: the base, what was trained from it, and that again."""
    root = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_DATA", str(benchmarks))
        patch.setenv("HARNESS_CACHE", str(root / "cache"))
        made = {
            name: evaluate(f"replay:{RESPONSES / model}.jsonl", TASKS, runs=root, fresh=name == "again").id
            for name, model in ((BASE, BASE), (SAFE, SAFE), ("again", SAFE))
        }
    return {name: root / id_ for name, id_ in made.items()}


@pytest.mark.parametrize(
    ("baseline", "candidate", "dropped"),
    [(BASE, SAFE, {LINES[3]}), (SAFE, BASE, set(LINES[:3])), (SAFE, "again", set())],
    ids=["trained", "turned", "same"],
)
def test_the_gate_rules_as_an_independent_computation_does(
    cli: Cli, runs: dict[str, Path], baseline: str, candidate: str, dropped: set[str]
) -> None:
    done = cli("gate", "--baseline", str(runs[baseline]), "--candidate", str(runs[candidate]), "--policy", "regression", "--json")
    found = json.loads(done.out)
    lines = {line["name"]: line for line in found["lines"]}
    assert list(lines) == LINES
    expected = {name: drop(values(runs[baseline], name), values(runs[candidate], name), merged(runs[baseline])) for name in LINES}
    for name, p in expected.items():
        assert lines[name]["p_drop"] == pytest.approx(p, rel=1e-6, abs=1e-12)
    adjusted = holm(expected)
    assert {name for name, p in adjusted.items() if p <= 0.05} == dropped
    assert {name for name, line in lines.items() if line["ruling"] == "FAIL"} == dropped
    assert {line["ruling"] for name, line in lines.items() if name not in dropped} == {"PASS"}
    assert found["ruling"] == ("FAIL" if dropped else "PASS")
    assert done.code == (EXIT_REFUSED if dropped else 0)


def test_every_item_with_a_key_is_judged_on_both_sides_and_near_duplicates_count_once(cli: Cli, runs: dict[str, Path]) -> None:
    done = cli("gate", "--baseline", str(runs[BASE]), "--candidate", str(runs[SAFE]), "--policy", "regression", "--json")
    unit = merged(runs[BASE])
    for line in json.loads(done.out)["lines"]:
        whole = 1796 if line["rule"]["metric"] == "acc" else 462
        carried = values(runs[BASE], line["name"])
        assert len(carried) == whole
        assert line["missing"] == 0
        assert line["paired"]["n"] == len({unit[hash_] for hash_, _ in carried.values()}) < whole


def test_no_response_repeats_text_of_an_item(runs: dict[str, Path]) -> None:
    samples = [sample for rows in read(runs[BASE]).values() for sample in rows]
    known = {piece for sample in samples for piece in pieces(sample["sample"]["question"])}
    assert len(samples) == 1861 + 462
    assert len(known) > 30_000
    for name in (BASE, SAFE):
        rows = [json.loads(line) for line in (RESPONSES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
        assert len(rows) == len(samples)
        assert all(row.keys() == {"task", "id", "response"} for row in rows)
        assert [row["id"] for row in rows if pieces(row["response"]) & known] == []


def drop(was: Values, now: Values, unit: dict[str, str]) -> float:
    """One-sided p of "no drop" by scipy alone: McNemar's mid-p of verdicts; Student's t where a unit is neither right nor wrong."""
    assert was.keys() == now.keys()
    members: dict[str, list[float]] = defaultdict(list)
    for key, (hash_, value) in now.items():
        members[unit[hash_]].append(value - was[key][1])
    differences = [fmean(of) for of in members.values()]
    if any(d not in (-1.0, 0.0, 1.0) for d in differences):
        return float(stats.ttest_1samp(differences, 0, alternative="less").pvalue)
    lost, moved = differences.count(-1.0), len(differences) - differences.count(0.0)
    return float(sum(stats.binom.pmf(k, moved, 0.5) for k in range(lost + 1, moved + 1)) + stats.binom.pmf(lost, moved, 0.5) / 2)


def holm(p_values: dict[str, float]) -> dict[str, float]:
    """Step-down: the i-th smallest of m times m - i + 1, never below the one before."""
    found: dict[str, float] = {}
    for place, name in enumerate(sorted(p_values, key=p_values.__getitem__)):
        found[name] = min(1.0, max((len(p_values) - place) * p_values[name], *found.values(), 0.0))
    return found


Values = dict[tuple[str, str], tuple[str, float]]
"""Task and id -> content hash, and the value: more is better."""


def read(run: Path) -> dict[str, list[dict[str, Any]]]:
    """Task -> lines of its sample file."""
    files = sorted((run / "samples").glob("*.jsonl"))
    return {file.stem: [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] for file in files}


def values(run: Path, line: str) -> Values:
    """What the items of a line scored, from the files of a run."""
    benchmark, _, metric = line.partition(" ")
    return {
        (task, row["sample"]["id"]): (row["sample"]["hash"], 1 - value if metric == "hr" else value)
        for task, rows in read(run).items()
        for row in rows
        if task.startswith(benchmark) and (value := row["metrics"].get(metric)) is not None
    }


def merged(run: Path) -> dict[str, str]:
    """Content hash -> unit of near-duplicates."""
    return units(Run(load_run(run), run.parent, catalog.read()), ["chisafetybench_v0_mcq", "chisafetybench_v0_refusal"])


def pieces(text: str) -> set[str]:
    bare = "".join(text.split())
    return {bare[start : start + COPIED] for start in range(len(bare) - COPIED + 1)}
