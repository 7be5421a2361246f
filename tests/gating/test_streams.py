"""A candidate that is asked batch by batch gives what a whole run gives, asks nothing twice, and survives an interruption."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from harness.demo.benchmark import Part, read
from harness.gating.sides import Wish, asked, opened, spec_of
from harness.gating.streams import Live, Replayed
from harness.models import resolve
from harness.pairs import Run
from harness.schema import GateReport, SampleResult
from tests import stock
from tests.conftest import Cli
from tests.loopback import Loopback

Start = Callable[..., Loopback]
SMALL = ("--gen", "max_gen_toks=8", "--model-arg", "dtype=float32")
SKILLS: Final[tuple[Part, ...]] = ("tu", "ie", "tg", "lr", "tp", "en")
POLICY = """
[[rules]]
benchmark = "demo_skills"
metric = "acc"
question = "release"
margin = 0.1
"""


def run_of(root: Path, done: Any) -> Run:
    assert done.code == 0, done.err
    return opened(json.loads(done.out)["id"], root)


def batches(run: Run, size: int) -> list[dict[str, list[str]]]:
    """All items of a run in random order, cut into batches."""
    places = [(task, id_) for task in run.samples for id_ in run.samples[task]]
    Random(0).shuffle(places)
    cut: list[dict[str, list[str]]] = []
    for place, (task, id_) in enumerate(places):
        if place % size == 0:
            cut.append({})
        cut[-1].setdefault(task, []).append(id_)
    return cut


def live(run: Run, model: str, **wish: Any) -> Live:
    ref = resolve(model, backend=None, base_url=None, model_args=wish.pop("model_args", {}), runs=run.folder.parent)
    made = asked(ref, run.record.asked, Wish(**wish), run, spec_of(run))
    return Live.opened(made, run.folder.parent)


def whole(run: Run, stream: Live, size: int) -> dict[tuple[str, str], SampleResult]:
    found: dict[tuple[str, str], SampleResult] = {}
    for wanted in batches(run, size):
        found |= stream.ask(wanted)
    return found


def same(run: Run) -> dict[tuple[str, str], SampleResult]:
    return {(task, id_): one for task, of in run.samples.items() for id_, one in of.items()}


def lookup(wrong: float = 0.0) -> Callable[[dict[str, Any]], str]:
    """A model that knows the demo's skills, but for a share of them."""
    known = {sample.question: sample for part in SKILLS for sample in read(part)}

    def answer(body: dict[str, Any]) -> str:
        sample = known[body["messages"][-1]["content"].strip()]
        return "不知道" if int(sample.hash[:6], 16) / 16**6 < wrong else str(sample.target)

    return answer


# --- the same answers as a whole run ----------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Local copies of well-known data sets, with items of our own."""
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "data"))
    return stock.copies(tmp_path / "data")


@pytest.mark.long
def test_batches_in_random_order_give_what_a_whole_run_gives(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    short = ("--gen", "max_gen_toks=2", "--model-arg", "dtype=float32")
    run = run_of(tmp_path / "runs", cli("eval", "-m", str(tiny_model), "-t", "demo_tu,demo_mcq,demo_risk_di", *short, "--json"))
    stream = live(run, str(tiny_model), model_args={"dtype": "float32"}, batch_size=1)
    assert stream.facts.provenance.model_dump(exclude={"packages"}) == run.record.provenance.model_dump(exclude={"packages"})
    found, expected = whole(run, stream, 100), same(run)
    assert found.keys() == expected.keys()
    assert stream.generated == len({one.sample.hash for one in found.values()})
    for place, one in found.items():
        assert (one.sample, one.prompt) == (expected[place].sample, expected[place].prompt)
        assert one.metrics.keys() == expected[place].metrics.keys()


def test_lm_evals_tasks_have_their_metrics_batch_by_batch(cli: Cli, tiny_model: Path, tmp_path: Path, data: Path) -> None:
    names = "arc_easy,winogrande,gsm8k,lambada_openai"
    run = run_of(tmp_path / "runs", cli("eval", "-m", str(tiny_model), "-t", names, *SMALL, "--batch-size", "1", "--json"))
    stream = live(run, str(tiny_model), model_args={"dtype": "float32"}, batch_size=1)
    found, expected = whole(run, stream, 3), same(run)
    assert found.keys() == expected.keys()
    assert {place: one.metrics for place, one in found.items()} == {place: one.metrics for place, one in expected.items()}
    assert [one.prompt for one in found.values()] == [expected[place].prompt for place in found]


def test_examples_of_a_prompt_are_those_of_the_whole_run(cli: Cli, loopback: Start, tmp_path: Path, data: Path) -> None:
    stock.write(data / "lm_eval/openai/gsm8k/main/test.jsonl", _sums())
    server = loopback(answer=lambda _body: "#### 7")
    model = f"{server.base_url}#m"
    run = run_of(tmp_path / "runs", cli("eval", "-m", model, "-t", "gsm8k", "--json"))
    sent = len(server.requests)
    stream = live(run, model)
    found = whole(run, stream, 3)
    assert len({json.dumps(request["messages"]) for request in server.requests}) == sent == len(found)
    assert (stream.generated, len(server.requests)) == (0, sent)


def _sums() -> list[dict[str, str]]:
    return [{"question": f"A box holds {i} nails and 7 more. How many?", "answer": f"{i} + 7\n#### {i + 7}"} for i in range(9)]


def test_a_finished_run_is_looked_up(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "runs", cli("eval", "-m", str(tiny_model), "-t", "demo_tu", *SMALL, "--json"))
    stream = Replayed(run)
    first = next(iter(run.samples["demo_tu"]))
    assert stream.ask({"demo_tu": [first, "nobody"]}) == {("demo_tu", first): run.samples["demo_tu"][first]}
    assert (stream.facts.run, stream.facts.provenance) == (run.record.id, run.record.provenance)


# --- a gate that asks a model -----------------------------------------------------------------------------------------------


@pytest.fixture
def base(cli: Cli, loopback: Start, tmp_path: Path) -> str:
    """A baseline that knows everything, and the policy."""
    (tmp_path / "p.toml").write_text(POLICY)
    server = loopback(answer=lookup())
    return str(json.loads(cli("eval", "-m", f"{server.base_url}#good", "-t", "demo_skills", "--json").out)["id"])


def gate(cli: Cli, tmp_path: Path, base: str, model: str, *more: str) -> tuple[int, GateReport]:
    words = ("--baseline", base, "--candidate", model, "--policy", str(tmp_path / "p.toml"), "--sequential", "--json")
    done = cli("gate", *words, *more)
    assert done.code in (0, 4), done.err
    return done.code, GateReport.model_validate_json(done.out)


def test_a_broken_model_is_asked_for_a_tenth_and_ends_with_4(
    cli: Cli, tiny_no_template: Path, loopback: Start, tmp_path: Path, base: str
) -> None:
    code, report = gate(cli, tmp_path, base, str(tiny_no_template), "--model-arg", "dtype=float32", "--batch-size", "32")
    assert (code, report.ruling, report.candidate.run) == (4, "FAIL", None)
    assert report.sequence is not None
    assert report.sequence.share < 0.12
    assert "no chat template: prompts were sent as plain text, dialogues as labelled lines" in report.notes
    assert stored(tmp_path / "runs", without=648) <= report.sequence.asked


def test_a_good_endpoint_passes_and_shares_its_answers_with_a_whole_run(
    cli: Cli, loopback: Start, tmp_path: Path, base: str
) -> None:
    server = loopback(answer=lookup(wrong=0.01))
    model = f"{server.base_url}#next"
    code, report = gate(cli, tmp_path, base, model)
    assert (code, report.ruling) == (0, "PASS")
    assert report.sequence is not None
    assert report.sequence.share < 0.5
    assert len(server.requests) == report.sequence.asked
    again = gate(cli, tmp_path, base, model)
    assert again == (code, report)
    done = json.loads(cli("eval", "-m", model, "-t", "demo_skills", "--json").out)
    assert done["usage"]["generated"] == len(server.requests) - report.sequence.asked == 648 - report.sequence.asked


def test_a_model_that_does_not_answer_is_no_basis(cli: Cli, loopback: Start, tmp_path: Path, base: str) -> None:
    server = loopback(answer=lookup(), faults=lambda _body, _seen: "content_filter")
    model = f"{server.base_url}#silent"
    words = ("--baseline", base, "--candidate", model, "--policy", str(tmp_path / "p.toml"), "--sequential", "--json")
    done = cli("gate", *words)
    assert done.code == 3
    assert "items asked lack a response or verdict, more than 1%; the same command asks what is missing" in done.err
    assert len(server.requests) < 100
    server.faults = None
    assert gate(cli, tmp_path, base, model)[1].ruling == "PASS"


def silent(share: float) -> Callable[[dict[str, Any], int], Any]:
    """An endpoint that never answers a share of the demo's items, and how many that are."""
    lost = {one.question for part in SKILLS for one in read(part) if int(one.hash[6:12], 16) / 16**6 < share}
    return lambda body, _seen: "content_filter" if body["messages"][-1]["content"].strip() in lost else None


def test_a_few_requests_without_an_answer_are_wrong_and_more_than_1_percent_are_no_basis(
    cli: Cli, loopback: Start, tmp_path: Path, base: str
) -> None:
    (tmp_path / "p.toml").write_text(POLICY.replace("release", "gain"))
    few = loopback(answer=lookup(), faults=silent(0.006))
    code, report = gate(cli, tmp_path, base, f"{few.base_url}#few")
    (found,) = report.lines
    assert (code, report.ruling) == (0, "UNDECIDED")
    assert found.paired is not None
    assert 0 < found.missing <= 6
    assert (found.paired.losses, found.paired.wins) == (found.missing, 0)
    many = loopback(answer=lookup(), faults=silent(0.05))
    words = ("--baseline", base, "--candidate", f"{many.base_url}#many", "--policy", str(tmp_path / "p.toml"), "--sequential")
    done = cli("gate", *words)
    assert done.code == 3
    assert "items asked lack a response or verdict, more than 1%" in done.err


def test_a_model_that_is_not_comparable_is_refused_before_its_first_item(
    cli: Cli, tiny_model: Path, tmp_path: Path, base: str
) -> None:
    before = stored(tmp_path / "runs")
    words = ("--baseline", base, "--candidate", str(tiny_model), "--policy", str(tmp_path / "p.toml"), "--sequential")
    done = cli("gate", *words)
    assert done.code == 3
    assert "they differ in chat_template" in done.err
    assert stored(tmp_path / "runs") == before


def test_likelihood_tasks_of_an_endpoint_are_refused_before_anything_is_asked(
    cli: Cli, loopback: Start, tiny_model: Path, tmp_path: Path, data: Path
) -> None:
    base = json.loads(cli("eval", "-m", str(tiny_model), "-t", "arc_easy", *SMALL, "--json").out)["id"]
    server = loopback()
    done = cli("gate", "--baseline", base, "--candidate", f"{server.base_url}#m", "--sequential")
    assert done.code == 1
    assert "likelihood tasks (arc_easy) need --backend hf or vllm" in done.err


# --- interruption -----------------------------------------------------------------------------------------------------------


def stored(runs: Path, without: int = 0) -> int:
    path = runs / ".store" / "responses.sqlite"
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT count(*) FROM responses").fetchone()[0]) - without
    except sqlite3.Error:
        return 0


@pytest.mark.long
def test_an_interrupted_gate_goes_on_and_asks_nothing_twice(cli: Cli, loopback: Start, tmp_path: Path) -> None:
    """Neither side knows a thing, so that no gain is proven and all 96 items are asked."""
    runs = tmp_path / "runs"
    (tmp_path / "p.toml").write_text('[[rules]]\nbenchmark = "demo_tu"\nmetric = "acc"\nquestion = "gain"\n')
    server = loopback(answer=lookup(wrong=1.0), latency=0.15)
    base = str(json.loads(cli("eval", "-m", f"{server.base_url}#base", "-t", "demo_tu", "--json").out)["id"])
    model = f"{server.base_url}#next"
    words = ("--baseline", base, "--candidate", model, "--policy", str(tmp_path / "p.toml"), "--concurrency", "2", "--sequential")
    command = [sys.executable, "-m", "harness", "gate", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        deadline = time.monotonic() + 120
        while stored(runs) < 96 + 40:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    kept = stored(runs) - 96
    assert process.returncode == 130
    assert "the same command goes on" in said
    assert not list((tmp_path / "gates").rglob("report.json"))
    assert 40 <= kept < 96
    before = len(server.requests)
    _, resumed = gate(cli, tmp_path, base, model)
    assert resumed.sequence is not None
    assert (resumed.sequence.asked, stored(runs)) == (96, 96 + 96)
    assert len(server.requests) - before == 96 - kept
    assert gate(cli, tmp_path, base, model)[1] == resumed
    assert len(server.requests) - before == 96 - kept
    (runs / ".store" / "responses.sqlite").rename(tmp_path / "elsewhere")
    assert gate(cli, tmp_path, base, model)[1] == resumed
    assert len(server.requests) - before == 96 - kept + 96


@pytest.mark.long
def test_a_killed_gate_is_in_nobodys_way_and_two_at_once_are_not_let_in(cli: Cli, loopback: Start, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    (tmp_path / "p.toml").write_text('[[rules]]\nbenchmark = "demo_tu"\nmetric = "acc"\nquestion = "gain"\n')
    server = loopback(answer=lookup(wrong=1.0), latency=0.3)
    base = str(json.loads(cli("eval", "-m", f"{server.base_url}#base", "-t", "demo_tu", "--json").out)["id"])
    model = f"{server.base_url}#next"
    words = ("--baseline", base, "--candidate", model, "--policy", str(tmp_path / "p.toml"), "--concurrency", "2", "--sequential")
    command = [sys.executable, "-m", "harness", "gate", *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ) as process:
        deadline = time.monotonic() + 120
        while stored(runs) < 96 + 33:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        second = cli("gate", *words)
        process.kill()
        process.communicate(timeout=60)
    assert second.code == 2
    assert f"is being written by process {process.pid}" in second.err
    kept, before = stored(runs) - 96, len(server.requests)
    assert 33 <= kept < 96
    _, resumed = gate(cli, tmp_path, base, model)
    assert resumed.sequence is not None
    assert (resumed.sequence.asked, stored(runs)) == (96, 96 + 96)
    assert len(server.requests) - before == 96 - kept


def test_a_local_model_repeats_no_batch_and_shares_none_with_a_whole_run(cli: Cli, tiny_model: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "runs", cli("eval", "-m", str(tiny_model), "-t", "demo_tu", *SMALL, "--json"))
    first, second, *_ = batches(run, 20)
    one = live(run, str(tiny_model), model_args={"dtype": "float32"})
    answers = one.ask(first)
    again = live(run, str(tiny_model), model_args={"dtype": "float32"})
    assert again.ask(first) == answers
    assert again.ask(second).keys().isdisjoint(answers)
    assert again.ask(first) == answers
    assert (one.generated, again.generated, stored(tmp_path / "runs")) == (20, 20, 96 + 40)
