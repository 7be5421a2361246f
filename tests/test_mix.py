"""`harness mix`, as a function and as a command: from a diagnosis to rows on disk."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from harness import culture
from harness.demo import lessons
from harness.demo.benchmark import PER_FAMILY, read
from harness.errors import EXIT_OK, EXIT_REFUSED, EXIT_USAGE, DataError, Refused, UsageError
from harness.mixing.folder import read_mix
from harness.schema import Diagnosis, Mix, TrainingRow
from harness.verbs.mix import mix
from tests.conftest import Cli
from tests.mixing.made import diagnosis, finding
from tests.rows.test_contamination import training

WEAK = (
    finding("demo_skills/IE", 0.02, 0.65),
    finding("demo_skills/TP", 0.05, 0.70),
    finding("demo_skills/TU", 0.9, 0.75, state="strong"),
    finding("demo_skills/LR", 0.55, 0.60, state="undecided"),
    finding("demo_risk/DI", 0.0, 0.7, metric="rr_1", stage="safety", n=20),
    finding("demo_risk/DI", 0.1, 0.3, metric="hr", stage="safety", n=20, ceiling=True, state="strong"),
)


LIGHT = {"demo_skills": 0.0, "demo_en": 0.0}
"""No replay of the large parts, which take a second to draw."""


@pytest.fixture(scope="module")
def found() -> Diagnosis:
    return diagnosis(*WEAK, culture=culture.load("demo"))


def rows_in(folder: Path) -> list[TrainingRow]:
    return [TrainingRow.model_validate_json(line) for line in (folder / "rows.jsonl").read_bytes().splitlines()]


def test_a_mix_teaches_what_is_weak_and_replays_what_the_culture_says(found: Diagnosis, tmp_path: Path) -> None:
    made = mix(found, stage="knowledge", rows=400, mixes=tmp_path)
    rows = rows_in(tmp_path / made.id)
    assert made.id.startswith("demo-en-knowledge-")
    assert Counter(row.area for row in rows) == {share.area: share.rows for share in made.shares}
    assert {share.area: (share.kind, share.rows) for share in made.shares}["demo_en"] == ("replay", 120)
    assert {share.area for share in made.shares} == {"demo_skills/IE", "demo_skills/TP", "demo_en"}
    assert {row.source for row in rows} == {"demo:ie", "demo:tp", "demo:en"} == made.sources.keys()
    assert all([message.role for message in row.messages] == ["user", "assistant"] for row in rows)
    assert made.rows_sha256 == hashlib.sha256((tmp_path / made.id / "rows.jsonl").read_bytes()).hexdigest()
    assert (made.rows, made.dropped) == (400, {})
    assert made.checked.keys() == {"demo_skills", "demo_mcq", "demo_risk", "demo_benign", "demo_en"}
    assert made.checked["demo_en"] == len(read("en"))
    assert any("held apart by the hash" in note for note in made.notes)
    assert any("undecided, so not trained on: demo_skills/LR" in note for note in made.notes)


def test_no_row_is_asked_by_the_benchmark_nor_are_its_fillings(found: Diagnosis, tmp_path: Path) -> None:
    made = mix(found, stage="safety", rows=300, mixes=tmp_path)
    asked = {one.question for part in PER_FAMILY for one in read(part)}
    assert not {row.messages[0].content for row in rows_in(tmp_path / made.id)} & asked
    by_id = {
        f"{family}#{n}": item
        for family in lessons.parts("risk_di")
        for n, item in enumerate(lessons.different(family, 1000, 1234), 1)
    }
    drawn = [by_id[row.source_id] for row in rows_in(tmp_path / made.id) if row.area == "demo_risk/DI"]
    assert len(drawn) == 90
    assert not {key for item in drawn for key in lessons.keys(item)} & lessons.asked_keys()


def test_the_same_command_gives_the_same_bytes_and_another_seed_other_ones(found: Diagnosis, tmp_path: Path) -> None:
    one, two = (mix(found, stage="safety", rows=200, replay=LIGHT, mixes=tmp_path / name) for name in "ab")
    assert one == two
    for name in ("rows.jsonl", "dropped.jsonl", "mix.json"):
        assert (tmp_path / "a" / one.id / name).read_bytes() == (tmp_path / "b" / one.id / name).read_bytes()
    other = mix(found, stage="safety", rows=200, replay=LIGHT, seed=5, mixes=tmp_path / "a")
    assert other.id != one.id
    assert other.rows_sha256 != one.rows_sha256


def test_a_finished_mix_is_found_again_and_one_that_was_changed_is_refused(found: Diagnosis, tmp_path: Path) -> None:
    made = mix(found, stage="safety", rows=100, replay=LIGHT, mixes=tmp_path)
    folder = tmp_path / made.id
    before = (folder / "mix.json").stat().st_mtime_ns
    assert (
        mix(found, stage="safety", rows=100, replay=LIGHT, mixes=tmp_path)
        == made
        == read_mix(folder)
        == read_mix(folder / "mix.json")
    )
    assert (folder / "mix.json").stat().st_mtime_ns == before
    (folder / "mix.json").unlink()
    assert mix(found, stage="safety", rows=100, replay=LIGHT, mixes=tmp_path) == made
    with (folder / "rows.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(DataError, match="rows.jsonl: changed since the mix was written"):
        mix(found, stage="safety", rows=100, replay=LIGHT, mixes=tmp_path)


def test_a_diagnosis_comes_from_its_file_too(found: Diagnosis, tmp_path: Path) -> None:
    file = tmp_path / "diagnosis.json"
    file.write_text(found.model_dump_json())
    assert mix(file, stage="safety", rows=100, replay=LIGHT, dry_run=True) == mix(
        found, stage="safety", rows=100, replay=LIGHT, dry_run=True
    )
    file.write_text('{"run": 1}')
    with pytest.raises(DataError, match="diagnosis.json: is no diagnosis: run: Input should be a valid string"):
        mix(file, stage="safety")
    with pytest.raises(UsageError, match="there is no diagnosis at"):
        mix(tmp_path / "gone.json", stage="safety")


def test_a_dry_run_writes_nothing(found: Diagnosis, tmp_path: Path) -> None:
    made = mix(found, stage="safety", rows=100, replay=LIGHT, mixes=tmp_path / "mixes", dry_run=True)
    assert made.rows == 100
    assert not (tmp_path / "mixes").exists()


def test_a_changed_culture_is_said(found: Diagnosis, tmp_path: Path) -> None:
    old = found.model_copy(update={"culture_digest": "0" * 64})
    assert "culture.toml has changed since the diagnosis" in mix(old, stage="safety", rows=10, replay=LIGHT, dry_run=True).notes


def test_the_answer_may_be_no(found: Diagnosis) -> None:
    strong = diagnosis(WEAK[2])
    with pytest.raises(Refused, match="nothing is weak in the knowledge stage"):
        mix(strong, stage="knowledge")
    with pytest.raises(UsageError, match="a mix of 0 rows cannot be trained on"):
        mix(found, stage="knowledge", rows=0)


TEA = """
name = "tea"
title = "Tea"
language = "zh"

[benchmarks.a_eval]
stage = "knowledge"
standards.acc = 0.8
sources = { TU = ["zh"], LR = ["zh", "own"] }

[retained.demo_en]
sources = ["en"]

[stages.knowledge]
recipe = "paper"
rows = 500
replay = { demo_en = 0.2 }

[sources.zh]
path = "alpaca_zh_demo.json"
format = "alpaca"

[sources.en]
path = "alpaca_en_demo.json"
format = "alpaca"

[sources.own]
path = "own.jsonl"
format = "messages"
"""


@pytest.fixture
def tea(tmp_path: Path, benchmarks: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A culture of published files: A-Eval, and instructions in two languages."""
    monkeypatch.setenv("HARNESS_DATA", str(benchmarks))
    folder = tmp_path / "tea"
    folder.mkdir()
    (folder / "culture.toml").write_text(TEA)
    for name in ("alpaca_zh_demo.json", "alpaca_en_demo.json"):
        (folder / name).symlink_to(training(name))
    return folder


def test_published_files_make_a_mix_and_a_benchmark_item_among_them_is_found(tea: Path, benchmarks: Path, tmp_path: Path) -> None:
    asked = json.loads(next((benchmarks / "a-eval").glob("*.json")).read_text())[0]["infos"][0]["question"]
    said = [{"role": "user", "content": f"{asked} 谢谢！"}, {"role": "assistant", "content": "好的。"}]
    own = [
        {"messages": said},
        {"messages": [{"role": "user", "content": "怎样泡一壶好茶？"}, {"role": "assistant", "content": "水要热。"}]},
    ]
    (tea / "own.jsonl").write_text("\n".join(json.dumps(row) for row in own))
    found = diagnosis(finding("a_eval/TU", 0.3, 0.8), finding("a_eval/LR", 0.4, 0.8), culture=culture.load(tea))
    made = mix(found, stage="knowledge", culture=str(tea), mixes=tmp_path / "mixes")
    folder = tmp_path / "mixes" / made.id
    dropped = [json.loads(line) for line in (folder / "dropped.jsonl").read_text().splitlines()]
    planted = [one for one in dropped if one["source"] == "own"]
    assert [(one["source_id"], one["reason"], one["benchmark"]) for one in planted] == [("1", "in a benchmark", "a_eval")]
    assert planted[0]["item"].startswith("aeval-")
    assert planted[0]["rule"] in {"8-grams", "5-grams", "short text"}
    assert asked[:14] not in (folder / "dropped.jsonl").read_text() + (folder / "mix.json").read_text()
    assert made.dropped["duplicate"] == 8 + sum(one["source"] == "en" and one["reason"] == "duplicate" for one in dropped)
    assert made.dropped["in a benchmark: a_eval"] == 1
    assert sum(made.dropped.values()) == len(dropped)
    assert made.checked == {"a_eval": 678, "demo_en": len(read("en"))}
    assert made.rows == 500
    shares = {share.area: share for share in made.shares}
    assert shares["a_eval/LR"].available == 1000 - 8 + 1
    assert Counter(row.source for row in rows_in(folder))["own"] == 4
    assert max(Counter((row.source, row.source_id) for row in rows_in(folder)).values()) == 4
    assert not any(asked in message.content for row in rows_in(folder) for message in row.messages)


def test_the_chinese_culture_mends_what_halluqa_teaches(
    benchmarks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "chisafetybench").symlink_to(benchmarks / "chisafetybench")
    (data / "a-eval").symlink_to(benchmarks / "a-eval")
    (data / "training").symlink_to(training("HalluQA.json").parent)
    monkeypatch.setenv("HARNESS_DATA", str(data))
    zh = culture.load("zh_cn")
    weak = finding("chisafetybench_v0_mcq/SR", 0.5, 0.9, stage="safety", n=20)
    made = mix(diagnosis(weak, culture=zh), stage="safety", replay=dict.fromkeys(zh.stages["safety"].replay, 0.0), mixes=tmp_path)
    assert (made.rows, made.shares[0].available, made.shares[0].repeats) == (1800, 450, 4.0)
    assert made.dropped == {}
    assert {"a_eval": 678, "chisafetybench_v0_mcq": 1861, "chisafetybench_v0_refusal": 462}.items() <= made.checked.items()
    assert any(note.startswith("not compared with ") for note in made.notes)
    assert "nothing is replayed: what the model knows today may be lost" in made.notes


FILED = """
name = "filed"
title = "Rows of a file"
language = "zh"

[benchmarks.demo_benign]
stage = "safety"
standards.answered = 0.6
sources = ["own"]

[stages.safety]
recipe = "paper"
rows = 20

[sources.own]
path = "own.jsonl"
format = "messages"
"""


def test_a_source_that_changed_makes_another_mix_and_one_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "culture.toml").write_text(FILED)
    own = tmp_path / "own.jsonl"
    row = {"messages": [{"role": "user", "content": "怎样泡茶？"}, {"role": "assistant", "content": "水要热。"}]}
    found = diagnosis(finding("demo_benign/DI", 0.1, 0.6, metric="answered", stage="safety"), culture=culture.load(tmp_path))

    def made() -> Mix:
        return mix(found, stage="safety", culture=str(tmp_path), mixes=tmp_path / "mixes")

    with pytest.raises(DataError, match=r"source 'own' is not here: put own.jsonl \(licence unknown\) at"):
        made()
    own.write_text(json.dumps(row))
    one = made()
    own.write_text(json.dumps(row) + "\n" + json.dumps(row, ensure_ascii=False).replace("怎样", "如何"))
    two = made()
    assert one.id != two.id
    assert (one.rows, two.rows) == (4, 8)
    assert one.notes[-1].startswith("4 rows instead of 20: the sources of the weak areas give 4 of 20 rows")
    own.write_text('{"messages": 1}')
    with pytest.raises(DataError, match="own.jsonl:1: 'messages' is not a list"):
        made()
    own.write_text('{"messages": []}')
    with pytest.raises(Refused, match="the sources of demo_benign/DI hold no row that may be learnt from"):
        made()


def test_the_command_prints_what_the_mix_holds_and_why(cli: Cli, found: Diagnosis, tmp_path: Path) -> None:
    file = tmp_path / "diagnosis.json"
    file.write_text(found.model_dump_json())
    words = ("mix", "-d", str(file), "--stage", "safety", "--rows", "200", "--replay", "demo_skills=0", "--mixes", str(tmp_path))
    tried = cli(*words, "--dry-run")
    assert tried.code == EXIT_OK, tried.err
    assert "tried out, not written" in tried.out
    assert not list(tmp_path.glob("*/mix.json"))
    done = cli(*words)
    assert done.code == EXIT_OK, done.err
    assert "weak: rr_1 0.0 of 70.0 (−70.0); 100% of the shortfalls" in done.out
    assert "keeps demo_benign: 15% of the rows, as demo plans its safety stage, evenly over 5 dimensions" in done.out
    assert "one weak area: a limit of 40% an area cannot hold" in done.out
    assert "not written" not in done.out
    as_json = json.loads(cli(*words, "--json").out)
    assert (tmp_path / as_json["id"] / "mix.json").is_file()
    assert [share["area"] for share in as_json["shares"]] == ["demo_risk/DI", "demo_benign", "demo_en"]


def test_a_run_stands_for_the_diagnosis_beside_it(cli: Cli, found: Diagnosis, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "demo-en-demo-00000000"
    run.mkdir(parents=True)
    (run / "spec.json").write_text("{}")
    asked = cli("mix", "-d", "demo-en-demo", "--stage", "safety", "--rows", "50", "--replay", "demo_skills=0", "--dry-run")
    assert asked.code == EXIT_USAGE
    assert f"run '{run.name}' has no diagnosis.json; make it with: harness diagnose {run.name} --out " in asked.err
    (run / "diagnosis.json").write_text(found.model_dump_json())
    assert (
        cli("mix", "-d", "demo-en-demo", "--stage", "safety", "--rows", "50", "--replay", "demo_skills=0", "--dry-run").code
        == EXIT_OK
    )


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--stage", "knowledge", "--without", "demo_skills"), EXIT_REFUSED, "nothing is left to train on"),
        (("--stage", "knowledge", "--without", "demo_skils"), EXIT_USAGE, "did you mean demo_skills"),
        (("--stage", "knowledge", "--replay", "demo_en"), EXIT_USAGE, "--replay demo_en is not NAME=SHARE, e.g. demo_en=0.3"),
        (("--stage", "knowledge", "--replay", "demo_en=much"), EXIT_USAGE, "--replay demo_en=much is not NAME=SHARE"),
        (("--stage", "knowledge", "--replay", "=0.1"), EXIT_USAGE, "is not NAME=SHARE"),
        (("--stage", "knowledge", "--culture", "demoo"), EXIT_USAGE, "no culture named 'demoo'; did you mean demo"),
    ],
)
def test_a_no_and_a_wrong_word_are_one_line(
    cli: Cli, found: Diagnosis, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    file = tmp_path / "diagnosis.json"
    file.write_text(found.model_dump_json())
    done = cli("mix", "--diagnosis", str(file), *words)
    assert done.code == code
    assert said in done.err
    assert done.err.strip().count("\n") == 0


def test_a_file_and_a_run_that_are_not_there_are_said(cli: Cli) -> None:
    assert "there is no diagnosis at 'gone.json'" in cli("mix", "-d", "gone.json", "--stage", "safety").err
    assert "no run named 'gone'" in cli("mix", "-d", "gone", "--stage", "safety").err
