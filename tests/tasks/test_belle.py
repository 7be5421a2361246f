"""BELLE's 1,000 items: what the file holds, a real run over all of them by a real judge over HTTP, and its averages by hand."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from harness.data.readers import belle
from harness.data.taxonomy import load_taxonomy
from harness.errors import DataError
from harness.folders import home
from harness.runs import read_samples
from harness.schema import RunRecord, Sample, SampleResult
from harness.verbs.evaluate import evaluate
from harness.verbs.judge import judge
from tests.conftest import Cli
from tests.loopback import serving

FOLDER = home() / "tasks" / "zh_cn" / "belle"
OTHERS = "others"
DIMENSIONS = {
    OTHERS: 113,
    "rewrite": 131,
    "classification": 65,
    "generation": 98,
    "summarization": 40,
    "extract": 37,
    "open_qa": 285,
    "brainstorming": 179,
    "closed_qa": 52,
}
FREE = {"rewrite", "generation", "brainstorming"}


def rating_of(prompt: str) -> float:
    """What the judge of these tests says of a prompt: 0, 0.1, … 1."""
    return int(hashlib.sha256(prompt.encode()).hexdigest(), 16) % 11 / 10


def says(body: dict[str, Any]) -> str:
    """A judge that obeys: JSON where a schema is sent, else a line as the published prompts want it."""
    prompt = body["messages"][-1]["content"]
    if "response_format" not in body:
        return f"得分: {rating_of(prompt)}\n理由：按标准答案来看，回答的第 1 步有 2 处问题，满分为 1 分。"
    nonce = re.search(r"[0-9a-f]{16}", prompt)
    return json.dumps({"id": nonce.group() if nonce else "", "score": rating_of(prompt), "reason": "理由"}, ensure_ascii=False)


@dataclass(frozen=True)
class World:
    """Two runs over the same replies: judged in our own words, and in the published ones."""

    record: RunRecord
    upstream: RunRecord
    results: list[SampleResult]
    published: list[SampleResult]
    bodies: list[dict[str, Any]]
    """Requests of the second run's judge."""
    runs: Path
    url: str
    """Of the judge."""


@pytest.fixture(scope="module")
def world(tiny_model: Path, benchmarks: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    runs = tmp_path_factory.mktemp("belle")
    with pytest.MonkeyPatch.context() as patch, serving(answer=says) as server:
        patch.setenv("HARNESS_DATA", str(benchmarks))
        patch.setenv("HARNESS_CACHE", str(runs / "cache"))
        patch.setenv("HARNESS_JUDGE_BASE_URL", server.base_url)
        asked: dict[str, Any] = {"generation": {"max_gen_toks": 2}, "model_args": {"dtype": "float32", "max_length": 96}}
        record = evaluate(str(tiny_model), ["belle"], judge="openai:judge", batch_size=100, runs=runs, **asked)
        first = len(server.requests)
        upstream = judge(record.id, judge="openai:judge", rubrics={"belle": "upstream"}, runs=runs)
        own, published = (list(read_samples(runs / one.id)) for one in (record, upstream))
        yield World(record, upstream, own, published, server.requests[first:], runs, server.base_url)


def lines(benchmarks: Path, name: str = "eval_set.json") -> list[dict[str, str]]:
    return [json.loads(line) for line in (benchmarks / "belle" / name).read_text(encoding="utf-8").split("\n") if line]


def read(path: Path) -> list[Sample]:
    return belle(path, load_taxonomy(FOLDER / "taxonomy.json"))


def value(record: RunRecord, metric: str, how: str = "micro", scope: str = "overall", name: str = "") -> float:
    place = (metric, how, scope, name, "all")
    (found,) = [s for s in record.scores if (s.metric, s.aggregation, s.scope, s.name, s.subset) == place]
    assert found.interval is None or found.interval.low <= found.value <= found.interval.high
    return found.value


# --- the file


def test_every_item_is_read_and_every_class_counted(benchmarks: Path) -> None:
    samples = read(benchmarks / "belle" / "eval_set.json")
    assert Counter(sample.dimension for sample in samples) == DIMENSIONS
    assert Counter(sample.topic for sample in samples if sample.dimension == OTHERS) == {"math": 75, "code": 38}
    assert [sample.id for sample in samples] == [f"belle-{number}" for number in range(1, 1001)]
    assert len({sample.hash for sample in samples}) == 1000
    halves = Counter((sample.topic, sample.split) for sample in samples)
    assert all(abs(halves[topic, "dev"] - halves[topic, "test"]) <= 1 for topic, _ in halves)


def test_the_class_with_a_hard_blank_in_its_name_is_found(benchmarks: Path) -> None:
    raw = [line["class"] for line in lines(benchmarks)]
    assert raw.count("closed\u00a0qa") == 52
    samples = read(benchmarks / "belle" / "eval_set.json")
    assert [n for n, name in enumerate(raw) if "\u00a0" in name] == [
        n for n, s in enumerate(samples) if s.dimension == "closed_qa"
    ]


def test_a_reference_is_a_target_but_where_the_official_page_shows_none(benchmarks: Path) -> None:
    raw = lines(benchmarks)
    for sample, line in zip(read(benchmarks / "belle" / "eval_set.json"), raw, strict=True):
        assert sample.target == (None if sample.topic in FREE else line["std_answer"])
    assert sum(line["class"] == "rewrite" and bool(line["std_answer"]) for line in raw) == 39


def write(folder: Path, *rows: Any) -> Path:
    path = folder / "set.json"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    return path


GOOD = {"question": "三加四是多少？", "std_answer": "七", "class": "Math"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('{"question": "半', "set.json:2: JSON ends too early"),
        ("{'question': 1}", "set.json:2: not JSON"),
        ({**GOOD, "class": "poetry"}, "class of line 2 cannot be placed: unknown category label 'poetry'"),
        ({**GOOD, "class": "maths"}, "did you mean math"),
        ({**GOOD, "std_answer": ""}, "std_answer of line 2 is empty"),
        ({**GOOD, "std_answer": None}, "std_answer of line 2 is not a string but null"),
        ({**GOOD, "question": 4}, "question of line 2 is not a string but a number"),
        ({"question": "问", "class": "math"}, "line 2 has no 'std_answer'"),
        (["问"], "line 2 is not an object but a list"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, row: Any, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(write(tmp_path, GOOD, row))
    assert message in str(caught.value)


def test_a_file_with_another_hash_is_refused(cli: Cli, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "belle").mkdir(parents=True)
    write(tmp_path / "data" / "belle", GOOD).rename(tmp_path / "data" / "belle" / "eval_set.json")
    monkeypatch.setenv("HARNESS_DATA", str(tmp_path / "data"))
    done = cli("eval", "-m", str(tiny_model), "-t", "belle")
    assert done.code == 2
    assert "wrong file: SHA-256 is" in done.err


# --- a run over all items


def test_all_items_are_answered_and_judged(world: World) -> None:
    assert sum(c.n for c in world.record.coverage) == sum(c.judged for c in world.record.coverage) == 1000
    assert world.record.complete
    assert {c.benchmark for c in world.record.coverage} == {"belle"}
    assert {c.keyed for c in world.record.coverage} == {None}
    classes = ("math", "code", *(DIMENSIONS.keys() - {OTHERS}))
    assert world.record.provenance.rubrics.keys() == {f"belle_{name}" for name in classes}


def test_each_item_is_judged_by_the_rubric_of_its_class(world: World) -> None:
    for result in world.results:
        assert result.verdict
        assert result.verdict.rubric
        name = (result.sample.topic or "").replace(" ", "_")
        assert result.verdict.rubric.startswith(f"belle_{name}@")
        assert result.metrics["rating"] == result.verdict.score
        assert result.metrics.keys() - {"rating", "unjudged"} == (
            set() if result.sample.dimension == OTHERS else {"rating_wo_others"}
        )


def test_the_averages_are_those_of_a_count_by_hand(world: World) -> None:
    groups: dict[str, list[float]] = defaultdict(list)
    for result in world.results:
        assert result.verdict
        assert result.verdict.score is not None
        groups[result.sample.dimension].append(result.verdict.score)
    kept = {name: values for name, values in groups.items() if name != OTHERS}
    assert value(world.record, "rating") == pytest.approx(fmean(v for values in groups.values() for v in values))
    assert value(world.record, "rating", "macro") == pytest.approx(sum(map(fmean, groups.values())) / 9)
    assert value(world.record, "rating_wo_others") == pytest.approx(fmean(v for values in kept.values() for v in values))
    assert value(world.record, "rating_wo_others", "macro") == pytest.approx(sum(map(fmean, kept.values())) / 8)
    for name, values in groups.items():
        assert value(world.record, "rating", scope="dimension", name=name) == pytest.approx(fmean(values))
    overall = [s for s in world.record.scores if s.scope == "overall" and s.metric.startswith("rating")]
    assert {s.metric for s in overall} == {"rating", "rating_wo_others"}
    assert all(s.interval is not None for s in overall)


def test_lm_evals_own_table_says_the_same(world: World) -> None:
    file = next((world.runs / world.record.id).rglob("results_*.json"))
    theirs = json.loads(file.read_text(encoding="utf-8"))["groups"]["belle"]
    for metric in ("rating", "rating_wo_others"):
        assert theirs[f"{metric},none"] == pytest.approx(value(world.record, metric))
        assert theirs[f"{metric}_macro,none"] == pytest.approx(value(world.record, metric, "macro"))


def test_a_run_is_shown_compared_gated_and_ranked(
    world: World, cli: Cli, benchmarks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    monkeypatch.setenv("HARNESS_JUDGE_BASE_URL", world.url)
    run, runs = world.record.id, ("--runs", str(world.runs))
    shown = cli("show", run, *runs)
    assert "rating w/o others" in shown.out
    assert "closed_qa" in shown.out
    assert cli("show", run, "--worst", "3", *runs).code == 0
    again = json.loads(cli("judge", run, "--judge", "openai:judge", "--fresh", "--json", *runs).out)["id"]
    compared = cli("compare", run, again, "--json", *runs)
    assert compared.code == 0, compared.err
    assert {row["metric"] for row in json.loads(compared.out)["differences"]} == {"rating"}
    sides = ("--baseline", run, "--policy", "regression", *runs)
    assert cli("gate", "--candidate", again, *sides).code == 0
    other = cli("gate", "--candidate", world.upstream.id, *sides)
    assert (other.code, "they differ in tasks" in other.err) == (3, True), other.err
    added = cli("leaderboard", "--add", run, "--folder", str(tmp_path), *runs)
    assert added.code == 0, added.err
    kept = json.loads((tmp_path / "zh_cn" / "tiny.json").read_text(encoding="utf-8"))
    assert list(kept["benchmarks"]) == ["belle"]
    audit = cli("judge-audit", run, *runs)
    assert (audit.code, "ratings from 0 to 1" in audit.err) == (2, True)


# --- the published prompts


def page(prompt: str, line: dict[str, str], reply: str) -> str:
    """The message that the official page would build."""
    if line["class"] in FREE:
        return f"{prompt} {line['question']}  模型回答： '{reply}'。请针对模型回答给出得分，顺便给出理由："
    shown = f"标准回答:{line['std_answer']}  模型回答：' {reply}'"
    return f"{prompt} {line['question']} {shown}。请针对模型回答给出得分，顺便给出理由："


def test_the_judge_gets_the_official_pages_message_letter_for_letter(world: World, benchmarks: Path) -> None:
    prompts = {line["class"].replace("\u00a0", " ").lower(): line["prompt"] for line in lines(benchmarks, "eval_prompt.json")}
    replies = {result.sample.id: result.response.text for result in world.published}
    wanted = set()
    for number, line in enumerate(lines(benchmarks), 1):
        prompt = prompts[line["class"].replace("\u00a0", " ")]
        wanted.add(page(prompt, line, (replies[f"belle-{number}"] or "").strip()))
    assert {body["messages"][0]["content"] for body in world.bodies} == wanted
    assert {tuple(turn["role"] for turn in body["messages"]) for body in world.bodies} == {("user",)}
    assert not any("response_format" in body for body in world.bodies)
    assert {body["temperature"] for body in world.bodies} == {0}


def test_scores_in_free_text_are_read(world: World) -> None:
    assert world.upstream.complete
    said = {body["messages"][0]["content"]: rating_of(body["messages"][0]["content"]) for body in world.bodies}
    assert sorted(set(said.values())) == [n / 10 for n in range(11)]
    assert fmean(r.metrics["rating"] for r in world.published) == pytest.approx(value(world.upstream, "rating"))
    assert all(r.verdict and r.verdict.rubric and r.verdict.rubric.startswith("upstream_") for r in world.published)
    assert len(world.upstream.provenance.rubrics) == 10
    assert world.upstream.id != world.record.id
    assert world.upstream.parent == world.record.id


# --- other rubrics


OWN = """
name = "mine"
kind = "score"
language = "zh"
low = 0
high = 10
system = "你是评审。"
user = "{{ nonce }} {{ question }} {{ response }}"
"""


@pytest.fixture
def short(cli: Cli, tiny_model: Path, benchmarks: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`short("--rubric", …)`: a few items, on real files."""
    with serving(answer=says) as server:
        monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
        monkeypatch.setenv("HARNESS_JUDGE_BASE_URL", server.base_url)
        words = ("eval", "-m", str(tiny_model), "--limit", "2", "--gen", "max_gen_toks=2", "--model-arg", "dtype=float32")
        yield lambda *more: cli(*words, "--judge", "openai:judge", *more)


def test_a_rubric_of_somebodys_own_is_used_for_all_classes_and_its_range_is_a_share(short: Any, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(OWN, encoding="utf-8")
    done = short("-t", "belle_others,belle_rewrite", "--rubric", f"belle={file}", "--json")
    assert done.code == 0, done.err
    record = json.loads(done.out)
    assert list(record["provenance"]["rubrics"]) == ["mine"]
    ratings = [s["value"] for s in record["scores"] if s["metric"] == "rating" and s["scope"] == "overall"]
    assert ratings
    assert all(0 <= value <= 0.1 for value in ratings)
    other = short("-t", "belle_others,belle_rewrite", "--json")
    assert json.loads(other.out)["id"] != record["id"]


def test_a_choice_of_rubric_that_cannot_be_kept_is_one_line(short: Any, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(OWN.replace("high = 10", "high = -1"), encoding="utf-8")
    label = tmp_path / "label.toml"
    label.write_text(OWN.replace('"score"', '"label"').replace("low = 0\nhigh = 10", "labels = {a = 1, b = 0}"), encoding="utf-8")
    for words, message in (
        (("-t", "belle", "--rubric", "upstreem"), "no rubric of belle named 'upstreem'; did you mean upstream"),
        (("-t", "a_eval", "--rubric", "a_eval=upstream"), "no rubric of a_eval named 'upstream'"),
        (("-t", "belle", "--rubric", "a_eval=upstream"), "no judged benchmark among the asked ones named 'a_eval'"),
        (("-t", "belle", "--rubric", str(tmp_path / "none.toml")), "there is no file"),
        (("-t", "belle", "--rubric", "upstream", "--rubric", "own"), "two rubrics for all tasks: 'upstream' and 'own'"),
        (("-t", "belle_others", "--rubric", str(file)), "low < high"),
        (("-t", "belle_others", "--rubric", str(label)), "rubric 'mine' is of kind label, and this task needs one of score"),
    ):
        done = short(*words)
        assert (done.code, message in done.err) == (2, True), done.err
        assert done.err.count("harness:") == 1
        assert "Traceback" not in done.err


def test_a_rubric_without_a_judge_to_read_it_is_refused(cli: Cli, tiny_model: Path, benchmarks: Path) -> None:
    done = cli("eval", "-m", str(tiny_model), "-t", "belle", "--judge", "none", "--rubric", "upstream")
    assert (done.code, "--judge none asks none" in done.err) == (2, True), done.err


def test_why_no_reply_of_a_judge_was_a_verdict_is_said_once(
    cli: Cli, tiny_model: Path, benchmarks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_100(body: dict[str, Any]) -> str:
        said = json.loads(says(body))
        return json.dumps({**said, "score": 80})

    with serving(answer=of_100) as server:
        monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
        monkeypatch.setenv("HARNESS_JUDGE_BASE_URL", server.base_url)
        words = ("-m", str(tiny_model), "-t", "belle_others", "--limit", "2", "--gen", "max_gen_toks=2")
        done = cli("eval", *words, "--judge", "openai:judge", "--json")
    assert done.code == 3
    assert "2 replies unjudged: the judge's score is none of the rubric's: 0 to 1" in json.loads(done.out)["notes"]


def test_rules_rate_no_reply_without_a_reference_and_say_what_can(
    cli: Cli, tiny_model: Path, benchmarks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    done = cli("eval", "-m", str(tiny_model), "-t", "belle", "--limit", "1", "--gen", "max_gen_toks=2", "--json")
    assert done.code == 3
    assert "a model judge can: --judge openai:MODEL" in done.err
    record = json.loads(done.out)
    unjudged = {c["task"] for c in record["coverage"] if c["unjudged"]}
    assert unjudged == {f"belle_{name}" for name in FREE}
    assert any("without a reference are not rated" in note for note in record["notes"])


def test_the_published_sampling_reaches_an_endpoint(cli: Cli, benchmarks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answer=lambda body: "好的。", models=("tested",)) as server:
        monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
        words = ("eval", "-m", f"{server.base_url}#tested", "-t", "belle_extract", "--limit", "2")
        assert cli(*words, "--gen", "temperature=0.001,do_sample=true").code == 0
        assert {body["temperature"] for body in server.requests} == {0.001}
        assert not any("do_sample" in body for body in server.requests)
        before = len(server.requests)
        assert cli(*words).code == 0
        assert {body["temperature"] for body in server.requests[before:]} == {0}


def test_the_published_sampling_reaches_a_local_model(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lm_eval.api.instance import Instance

    from harness.lm.backends import open_backend
    from harness.models import resolve
    from harness.schema import Response

    backend = open_backend(
        resolve(str(tiny_model), model_args={"dtype": "float32"}, runs=tmp_path),
        batch_size=1,
        concurrency=1,
        seed=1,
        runs=tmp_path,
    )
    model, seen = backend.lm.model, list[dict[str, Any]]()
    generate = model.generate

    def watched(**asked: Any) -> Any:
        seen.append(asked)
        return generate(**asked)

    monkeypatch.setattr(model, "generate", watched)
    settings = {"until": [], "max_gen_toks": 4, "do_sample": True, "temperature": 0.001}
    replies: list[Response] = []
    backend.generate([Instance("generate_until", {}, ("问", settings), 0)], lambda _, reply: replies.append(reply))
    assert (seen[0]["do_sample"], seen[0]["temperature"]) == (True, 0.001)
    assert replies[0].text is not None


@pytest.mark.parametrize(("sampled", "temperature"), [(True, 0.001), (False, 0.0)])
def test_the_published_sampling_reaches_vllm_only_with_do_sample(sampled: bool, temperature: float) -> None:
    """By the function through which lm-eval's vLLM model puts all settings; vLLM itself need not be here."""
    from lm_eval.models.utils import normalize_gen_kwargs

    settings = {"until": [], "max_gen_toks": 4, "do_sample": sampled, "temperature": 0.001}
    assert normalize_gen_kwargs(settings, default_max_gen_toks=8)["temperature"] == temperature


def test_the_published_sampling_is_shown_as_it_is_typed(cli: Cli) -> None:
    assert "--gen do_sample=true,temperature=0.001" in cli("tasks", "belle").out


def test_the_task_files_hold_no_text_of_the_benchmark_or_its_prompts(benchmarks: Path) -> None:
    published = [*(line["question"] + "\n" + line["std_answer"] for line in lines(benchmarks))]
    published += [line["prompt"] for line in lines(benchmarks, "eval_prompt.json")]
    pieces = {piece for text in published for n in range(len(text) - 13) if not (piece := text[n : n + 14]).isascii()}
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not [text[n : n + 14] for n in range(len(text) - 13) if text[n : n + 14] in pieces], path
