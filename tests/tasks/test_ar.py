"""Culture `ar`: one of lm-eval's own groups as a benchmark, from an evaluation to a leaderboard, over items of our own in its columns."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import catalog
from harness import culture as cultures
from harness.adapting.freeze import Diagnosed, freeze
from harness.errors import DataError
from harness.gating import policy as policies
from harness.pairs import Run, pairs
from harness.rows import benchmarks
from harness.runs import load_run, read_samples
from harness.schema import Diagnosis, Rule, RunRecord
from harness.stats.claim import judge_claim
from harness.verbs.diagnose import diagnose
from harness.verbs.evaluate import evaluate
from harness.verbs.gate import gate
from harness.verbs.mix import mix
from tests.conftest import Cli
from tests.tasks import arabic
from tests.tiny import make_tiny

GROUPS = {"STEM", "Social Science", "Humanities", "Language", "Other"}
ASKED = ("arabicmmlu", "ar_safety")


@dataclass(frozen=True)
class World:
    """A tiny model, measured once for this module."""

    data: Path
    runs: Path
    model: Path
    record: RunRecord
    diagnosis: Diagnosis


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    place = tmp_path_factory.mktemp("ar")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HARNESS_DATA", str(place / "data"))
        patch.setenv("HARNESS_CACHE", str(place / "cache"))
        arabic.sources(arabic.copies(place / "data", items=4))
        model = make_tiny(place / "tiny-ar", seed=1)
        settings = {"model_args": {"dtype": "float32"}, "generation": {"max_gen_toks": 2}}
        record = evaluate(str(model), ASKED, runs=place / "runs", **settings)
        found = diagnose(record, runs=place / "runs")
    return World(place / "data", place / "runs", model, record, found)


@pytest.fixture
def there(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world, found by commands."""
    monkeypatch.setenv("HARNESS_DATA", str(world.data))
    monkeypatch.setenv("HARNESS_RUNS", str(world.runs))
    return world


# --- dimensions of lm-eval's own groups -------------------------------------------------------------------------------------


def test_a_benchmark_of_sub_groups_has_these_as_dimensions_and_its_tasks_as_topics() -> None:
    places = catalog.read().places(["arabicmmlu"])
    assert {place.dimension for place in places.values()} == GROUPS
    assert len({place.topic for place in places.values()}) == len(places) == 40
    assert places["arabicmmlu_driving_test"] == catalog.Place("Other", "Driving Test")


def test_a_sub_group_asked_for_itself_has_its_tasks_as_dimensions() -> None:
    places = catalog.read().places(["arabicmmlu_language", "gsm8k"])
    assert places["arabicmmlu_arabic_language_grammar"] == catalog.Place("Arabic Language (Grammar)")
    assert places["gsm8k"] == catalog.Place("gsm8k")


def test_a_group_of_ones_own_may_hold_groups_of_lm_eval(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "group: mine\ntask: [mmlu_stem, mmlu_humanities, gsm8k]\naggregate_metric_list: [{metric: acc}]\n", encoding="utf-8"
    )
    places = catalog.read([tmp_path]).places(["mine"])
    assert Counter(place.dimension for place in places.values()) == {"stem": 19, "humanities": 13, "gsm8k": 1}
    assert places["gsm8k"].topic is None


def test_the_culture_sets_one_standard_a_group_and_knows_no_other_dimension(tmp_path: Path) -> None:
    found = cultures.load("ar").benchmarks["arabicmmlu"]
    assert set(found.standards["acc"]) == set(found.sources) == GROUPS
    folder = shutil.copytree(cultures.load("ar").folder, tmp_path / "ar")
    text = (folder / "culture.toml").read_text(encoding="utf-8")
    for was, becomes, said in (
        ('"Social Science" = 0.50', "Sociology = 0.50", "no dimension named 'Sociology'"),
        ("standards.acc = { STEM", "standards.accuracy = { STEM", "no metric to set a standard for named 'accuracy'"),
        ("[benchmarks.arabicmmlu]", "[benchmarks.arabicmmlux]", "no task or group named 'arabicmmlux'.*lm-eval has arabicmmlu"),
    ):
        (folder / "culture.toml").write_text(text.replace(was, becomes, 1), encoding="utf-8")
        with pytest.raises(DataError, match=said):
            cultures.load(folder)


def test_one_number_is_the_standard_of_every_group(tmp_path: Path) -> None:
    folder = shutil.copytree(cultures.load("ar").folder, tmp_path / "ar")
    file = folder / "culture.toml"
    lines = file.read_text(encoding="utf-8").splitlines()
    short = ["standards.acc = 0.4" if line.startswith("standards.acc = {") else line for line in lines]
    file.write_text("\n".join(short), encoding="utf-8")
    assert cultures.load(folder).benchmarks["arabicmmlu"].standards == {"acc": dict.fromkeys(sorted(GROUPS), 0.4)}


# --- from a run to a leaderboard --------------------------------------------------------------------------------------------


def test_a_run_has_scores_by_group_and_by_subject(world: World) -> None:
    record = world.record
    mine = [one for one in record.scores if (one.benchmark, one.metric, one.subset) == ("arabicmmlu", "acc", "all")]
    assert {one.name for one in mine if one.scope == "dimension"} == GROUPS
    assert len([one for one in mine if one.scope == "topic"]) == 40
    assert record.complete
    assert {one.judged for one in record.coverage if one.task.startswith("arabicmmlu")} == {4}


def test_each_subject_is_halved(world: World) -> None:
    halves: dict[str, Counter[str]] = {}
    for one in read_samples(load_run(world.record.id, world.runs), root=world.runs):
        if one.task.startswith("arabicmmlu"):
            halves.setdefault(one.task, Counter())[one.sample.split] += 1
    assert all(found == {"dev": 2, "test": 2} for found in halves.values())


def test_the_diagnosis_has_few_dimensions_with_many_items(world: World) -> None:
    findings = [one for one in world.diagnosis.findings if one.benchmark == "arabicmmlu"]
    assert world.diagnosis.culture == "ar"
    assert {one.dimension for one in findings} == GROUPS
    assert sum(one.n for one in findings) == 80
    assert all(one.stage == "knowledge" and 0.2 < one.chance < 0.5 for one in findings)
    assert len([one for one in world.diagnosis.topics if one.benchmark == "arabicmmlu"]) == 40
    assert {"ar_risk/DI", "ar_risk/VV"} <= set(world.diagnosis.areas("weak", "safety"))


def test_a_mix_teaches_what_is_weak_and_is_compared_with_all_items(there: World, tmp_path: Path) -> None:
    made = mix(there.diagnosis, stage="knowledge", rows=30, keep_undecided=True, replay={"mmlu": 0.1}, mixes=tmp_path)
    assert {share.area for share in made.shares if share.area.startswith("arabicmmlu/")}
    assert made.checked["arabicmmlu"] == 160
    assert made.checked["ar_safety_mcq"] == 60
    assert made.rows == 30


def test_without_the_items_of_a_benchmark_of_lm_eval_no_row_can_be_compared(world: World) -> None:
    ar, known = cultures.load("ar"), catalog.read()
    with pytest.raises(DataError, match="its data set 'MBZUAI/ArabicMMLU'"):
        benchmarks.items(ar, known)
    with pytest.raises(DataError, match="benchmark 'arabicmmlu' of culture 'ar' cannot be read"):
        benchmarks.registered(ar)


def test_other_items_are_another_identity(there: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ar, known = cultures.load("ar"), catalog.read()
    before = benchmarks.identity(ar, known)
    monkeypatch.setenv("HARNESS_DATA", str(arabic.copies(tmp_path / "other", items=2)))
    changed = {task for task, digest in benchmarks.identity(ar, known).items() if digest != before[task]}
    assert changed == set(known.leaves("arabicmmlu"))


def test_an_adaptation_is_planned_without_measuring(cli: Cli, there: World) -> None:
    done = cli("adapt", "--model", str(there.model), "--culture", "ar", "--dry-run", "--json")
    assert done.code == 0, done.err
    knowledge, safety = json.loads(done.out)["stages"]
    assert set(knowledge["areas"]) == {f"arabicmmlu/{group}" for group in GROUPS}
    assert safety["replay"] == {"mmlu": 0.1, "arabicmmlu": 0.15, "ar_benign": 0.1}
    assert knowledge["tokens"] > 0
    assert safety["tokens"] > 0


def test_a_claim_is_made_of_groups_and_judged_on_the_other_half(world: World) -> None:
    known = catalog.read()
    ar = cultures.load("ar").model_copy(update={"retained": {}})
    run = Run(world.record, world.runs, known)
    plan = freeze("knowledge", "tiny", ar, Diagnosed(world.diagnosis, "0" * 64, run), ())
    aimed = {aim.target.dimensions[0] for aim in plan.aims}
    assert aimed == {one.dimension for one in world.diagnosis.findings if (one.stage, one.state) == ("knowledge", "weak")}
    claim = judge_claim(plan, "0" * 64, run.record.id, run.record.id, pairs(run, run), {})
    assert claim.plan_sha256 == "0" * 64
    assert claim.answer != "yes"


@pytest.mark.parametrize("name", ["contract", "knowledge", "safety"])
def test_the_policies_rule_on_a_run_of_the_benchmarks(world: World, name: str, tmp_path: Path) -> None:
    policy = policies.load(f"ar/{name}")
    assert {rule.benchmark for rule in policy.rules} == {"arabicmmlu", "ar_safety_mcq", "ar_risk", "ar_benign", *_RETAINED}
    asked = [rule for rule in policy.rules if rule.benchmark not in _RETAINED]
    each = Rule(benchmark="arabicmmlu", metric="acc", each="dimension")
    own = tmp_path / "own.toml"
    own.write_text("title = 'own'\n" + "".join(map(_table, (*asked, each))), encoding="utf-8")
    report = gate(world.record.id, _twin(world, tmp_path), str(own), runs=world.runs)
    assert {line.name for line in report.lines} >= {f"arabicmmlu/{group} acc" for group in GROUPS}
    first = next(line for line in report.lines if line.rule == asked[0])
    assert (first.target.benchmark, first.missing) == ("arabicmmlu", 0)
    assert first.paired
    assert first.paired.n + first.clusters == 80
    assert report.ruling == "UNDECIDED"


_RETAINED = {"mmlu", "gsm8k", "hellaswag", "arc_challenge", "ifeval"}


def _table(rule: Rule) -> str:
    margin = "" if rule.margin is None else f"margin = {rule.margin}\n"
    each = f"each = '{rule.each}'\n" if rule.each else ""
    named = f"benchmark = '{rule.benchmark}'\nmetric = '{rule.metric}'\nquestion = '{rule.question}'\nsubset = '{rule.subset}'\n"
    return f"[[rules]]\n{named}{margin}{each}"


def _twin(world: World, tmp_path: Path) -> str:
    """The same run under another name, as if a model that answers alike had been measured."""
    place = shutil.copytree(world.runs / world.record.id, tmp_path / "twin")
    record = json.loads((place / "record.json").read_text(encoding="utf-8"))
    (place / "record.json").write_text(json.dumps(record | {"id": "twin"}), encoding="utf-8")
    return str(place)


def test_the_leaderboard_has_a_column_for_each_group_and_no_table_for_a_part(cli: Cli, there: World, tmp_path: Path) -> None:
    folder = ("--folder", str(tmp_path))
    assert cli("leaderboard", "--add", there.record.id, *folder).code == 0
    assert cli("leaderboard", "--html", "--culture", "ar", *folder).code == 0
    page = (tmp_path / "ar.md").read_text(encoding="utf-8")
    heading = next(line for line in page.splitlines() if line.startswith("| tier") and "STEM" in line)
    assert all(f" {group} " in heading for group in GROUPS)
    assert "arabicmmlu_stem" not in page
    assert cli("leaderboard", "--check", *folder).code == 0


def test_a_leaderboard_without_any_model_says_so(cli: Cli, tmp_path: Path) -> None:
    folder = ("--folder", str(tmp_path))
    assert cli("leaderboard", "--html", "--culture", "ar", *folder).code == 0
    assert "arabicmmlu" in (tmp_path / "ar.md").read_text(encoding="utf-8")
    assert cli("leaderboard", "--check", "--culture", "ar", *folder).code == 0


def test_plain_lm_eval_loads_the_tasks_too() -> None:
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(Path(cultures.load("ar").folder)), include_defaults=False)
    loaded = manager.load(["ar_safety"])
    assert set(loaded["tasks"]) == set(catalog.read().leaves("ar_safety"))
    assert {len(task.eval_docs) for name, task in loaded["tasks"].items() if "mcq" in name} == {12}
