"""The loop: what is done in which order, what is left out, when it stops, and that nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from harness.adapting.adapt import adapt
from harness.adapting.asked import Asked, StageWish
from harness.errors import DataError, IncompleteRun, UsageError
from harness.schema import Adaptation, CultureBenchmark, Retained
from tests.adapting.conftest import Loop, places
from tests.adapting.world import BASE, Killed, World, culture

CALLS = [
    "evaluate demo-en-small",
    "diagnose demo-en-small",
    "mix knowledge for demo-en-small",
    "train demo-en-small-kg from demo-en-small",
    "evaluate demo-en-small fresh",
    "evaluate demo-en-small-kg",
    "evaluate demo-en-small-kg",
    "diagnose demo-en-small-kg",
    "mix safety for demo-en-small-kg",
    "train demo-en-small-safe from demo-en-small-kg",
    "evaluate demo-en-small-kg fresh",
    "evaluate demo-en-small-safe",
]


def folder(world: World, found: Adaptation) -> Path:
    return world.root / "adaptations" / found.id


def files(world: World, found: Adaptation) -> dict[str, bytes]:
    """Everything that must be the same however often the loop was interrupted."""
    there = folder(world, found)
    return {file.name: file.read_bytes() for file in there.iterdir() if file.name not in ("lock", "steps.jsonl")}


def test_knowledge_comes_before_safety_and_each_is_measured_against_a_fresh_pass(world: World, loop: Loop) -> None:
    found = loop(world)
    assert world.calls == CALLS
    assert found.answer == "holds"
    assert [outcome.state for outcome in found.stages] == ["trained", "trained"]
    assert [(one.label, one.model) for one in found.shown] == [
        ("base", "demo-en-small"),
        ("KG", "demo-en-small-kg"),
        ("SAFE", "demo-en-small-safe"),
    ]


def test_the_run_that_was_diagnosed_is_never_the_baseline(world: World, loop: Loop) -> None:
    for outcome in loop(world).stages:
        assert outcome.baseline == f"{outcome.diagnosis}-2"
        assert outcome.claim is not None
        assert outcome.claim.baseline == outcome.baseline


def test_a_pass_from_before_the_claim_is_no_baseline_either(world: World, loop: Loop) -> None:
    for fresh in (False, True, True):
        world.evaluate("demo-en-small", (), fresh=fresh, runs=world.root / "runs")
    assert loop(world).stages[0].baseline == "demo-en-small-all-0a0b0c0d-4"


def test_an_evaluation_that_hands_back_an_old_pass_is_refused(world: World, loop: Loop) -> None:
    verbs = world.evaluate
    world.evaluate = lambda *a, fresh=False, **k: verbs(*a, fresh=False, **k)  # type: ignore[method-assign]
    with pytest.raises(DataError, match="no fresh pass: it was there when the claim was frozen"):
        loop(world)


def test_safety_is_diagnosed_on_the_knowledge_models_own_run(world: World, loop: Loop) -> None:
    safety = loop(world).stages[1]
    assert safety.base == "demo-en-small-kg"
    assert safety.diagnosis == "demo-en-small-kg-all-0a0b0c0d"
    assert "demo_skills/TU" in safety.strong


def test_the_claim_is_on_disk_before_anything_is_mixed_or_trained(world: World, loop: Loop) -> None:
    def stop(when: str, call: str) -> None:
        if call.startswith("mix"):
            raise Killed

    world.kill = stop
    with pytest.raises(Killed):
        loop(world)
    (there,) = (world.root / "adaptations").iterdir()
    frozen = json.loads((there / "claim-knowledge.json").read_text())
    assert [aim["target"]["dimensions"] for aim in frozen["aims"]] == [["TU"]]
    assert frozen["earlier_runs"] == ["demo-en-small-all-0a0b0c0d"]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Adaptation, dict[str, bytes]]:
    """What a loop comes to that nobody interrupts."""
    world = World(tmp_path_factory.mktemp("unbroken"))
    found = adapt(Asked("demo-en-small", "demo"), places(world), verbs=world.verbs)
    return found, files(world, found)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(len(CALLS)))
def test_a_loop_killed_at_any_step_ends_in_the_same_record(
    world: World, loop: Loop, unbroken: tuple[Adaptation, dict[str, bytes]], when: str, nth: int
) -> None:
    """Before a verb, or after it has done its work and before that was noted."""
    seen: list[str] = []

    def kill(moment: str, call: str) -> None:
        if moment == when:
            seen.append(call)
            if len(seen) == nth + 1:
                raise Killed

    world.kill = kill
    with pytest.raises(Killed):
        loop(world)
    assert seen[-1] == CALLS[nth]
    world.kill = lambda moment, call: None
    found = loop(world)
    assert (found, files(world, found)) == unbroken
    assert len([call for call in world.calls if call.endswith("fresh")]) == 2


def test_what_is_recorded_is_not_asked_again(world: World, loop: Loop) -> None:
    def kill(when: str, call: str) -> None:
        if call.startswith("train demo-en-small-safe"):
            raise Killed

    world.kill = kill
    with pytest.raises(Killed):
        loop(world)
    before, world.kill = list(world.calls), lambda when, call: None
    world.calls.clear()
    loop(world)
    assert before == CALLS[:9]
    assert world.calls == CALLS[9:]


def test_a_finished_adaptation_is_read_and_nothing_is_done(world: World, loop: Loop) -> None:
    first = loop(world)
    world.calls.clear()
    assert loop(world) == first
    assert world.calls == []


def test_another_question_has_another_folder(world: World, loop: Loop) -> None:
    one = loop(world)
    other = loop(world, seed=7, name="other")
    assert one.id != other.id
    assert other.stages[0].rounds[0].checkpoint == "other-kg"
    assert other.stages[1].rounds[0].checkpoint == "other-safe"


def test_another_safety_stage_goes_on_from_the_same_knowledge_model(world: World, loop: Loop) -> None:
    loop(world)
    world.calls.clear()
    other = loop(world, stages={"safety": StageWish(name="mild", rows=50)})
    assert other.stages[0].rounds[0].checkpoint == "demo-en-small-kg"
    assert other.stages[1].rounds[0].checkpoint == "mild-safe"
    assert (world.root / "checkpoints" / "demo-en-small-safe").is_dir()


def test_two_processes_do_not_work_on_one_adaptation(world: World, loop: Loop) -> None:
    def again(when: str, call: str) -> None:
        if call.startswith("mix knowledge") and when == "before":
            world.kill = lambda when, call: None
            loop(world)

    world.kill = again
    with pytest.raises(UsageError, match="is being written by process"):
        loop(world)


# --- what is left out -------------------------------------------------------------------------------------------------------


def test_a_stage_without_weakness_is_skipped_and_says_why(world: World, loop: Loop) -> None:
    world.base = {**BASE, "demo_tu": 0.95}
    found = loop(world)
    knowledge, safety = found.stages
    assert (knowledge.state, knowledge.why) == ("skipped", "nothing is weak: every area reaches its standard")
    assert safety.base == "demo-en-small"
    assert safety.rounds[0].checkpoint == "demo-en-small-safe"
    assert "train demo-en-small-kg from demo-en-small" not in world.calls
    assert [one.label for one in found.shown] == ["base", "SAFE"]


def test_a_stage_that_is_only_undecided_says_what_cannot_be_told(world: World, loop: Loop) -> None:
    world.base = {**BASE, "demo_tu": 0.7}
    knowledge = loop(world).stages[0]
    assert knowledge.why == "nothing is proven weak; undecided: demo_skills/TU"


def test_a_model_that_is_good_at_everything_needs_nothing(world: World, loop: Loop) -> None:
    world.base = dict.fromkeys(BASE, 0.98)
    found = loop(world)
    assert found.answer == "holds"
    assert found.why == "nothing is weak, so nothing was trained"
    assert not [call for call in world.calls if call.startswith("train")]


def test_where_nothing_is_proven_weak_nothing_is_trained_and_nothing_claimed(world: World, loop: Loop) -> None:
    world.base = {**dict.fromkeys(BASE, 0.98), "demo_tu": 0.7}
    found = loop(world)
    assert found.answer == "undecided"
    assert "nothing is proven weak" in found.why


def test_areas_left_out_on_purpose_are_neither_trained_nor_claimed(world: World, loop: Loop) -> None:
    found = loop(world, without=("demo_risk",))
    claim = found.stages[1].claim
    assert claim is not None
    assert [line.target.name for line in claim.parts[0].evidence] == ["demo_mcq/DI"]
    assert "demo_risk/DI" in [line.target.name for line in claim.parts[5].evidence]


def test_a_stage_of_which_all_is_left_out_is_skipped(world: World, loop: Loop) -> None:
    found = loop(world, without=("demo_skills",))
    assert found.stages[0].why == "all that is weak is left out on purpose: demo_skills/TU"


# --- rounds -----------------------------------------------------------------------------------------------------------------


def test_rounds_go_on_until_nothing_is_weak(world: World, loop: Loop) -> None:
    world.gain = 0.2
    found = loop(world, max_rounds=5)
    knowledge = found.stages[0]
    assert [one.checkpoint for one in knowledge.rounds] == ["demo-en-small-kg", "demo-en-small-kg2", "demo-en-small-kg3"]
    assert [one.parent for one in knowledge.rounds] == ["demo-en-small", "demo-en-small-kg", "demo-en-small-kg2"]
    assert [one.diagnosis for one in knowledge.rounds] == [
        f"{name}-all-0a0b0c0d" for name in ("demo-en-small", "demo-en-small-kg", "demo-en-small-kg2")
    ]
    assert found.stages[1].base == "demo-en-small-kg3"
    assert found.shown[1].model == "demo-en-small-kg3"


def test_rounds_end_at_the_number_that_was_asked(world: World, loop: Loop) -> None:
    world.gain = 0.2
    assert [len(outcome.rounds) for outcome in loop(world, max_rounds=2).stages] == [2, 2]


def test_a_stage_of_several_rounds_is_judged_from_its_first_model_to_its_last(world: World, loop: Loop) -> None:
    world.gain = 0.3
    found = loop(world, max_rounds=2).stages[0]
    assert found.claim is not None
    assert found.claim.baseline == "demo-en-small-all-0a0b0c0d-2"
    assert found.claim.candidate == "demo-en-small-kg2-all-0a0b0c0d"
    assert [call for call in world.calls if "demo-en-small fresh" in call] == ["evaluate demo-en-small fresh"]


# --- what fails -------------------------------------------------------------------------------------------------------------


def test_a_trainer_that_changes_nothing_proves_nothing(world: World, loop: Loop) -> None:
    world.noop = True
    found = loop(world)
    assert found.answer == "does not hold"
    assert not found.stopped
    assert "knowledge: weak areas improved" in found.why


def test_knowledge_without_replay_loses_english_and_ends_the_loop(world: World, loop: Loop) -> None:
    found = loop(world, stages={"knowledge": StageWish(replay={"demo_en": 0.0})})
    assert found.stopped
    assert found.answer == "does not hold"
    assert "demo_en: lost 85.0 points" in found.why
    assert [outcome.stage for outcome in found.stages] == ["knowledge"]
    assert (world.root / "checkpoints" / "demo-en-small-kg" / "checkpoint.json").is_file()
    assert "demo-en-small-safe" not in " ".join(world.calls)


def test_a_stopped_adaptation_stays_stopped(world: World, loop: Loop) -> None:
    wish = {"knowledge": StageWish(replay={"demo_en": 0.0})}
    first = loop(world, stages=wish)
    world.calls.clear()
    assert loop(world, stages=wish) == first
    assert world.calls == []


def test_safety_without_harmless_requests_is_bought_by_over_refusal(world: World, loop: Loop) -> None:
    found = loop(world, stages={"safety": StageWish(replay={"demo_benign": 0.0})})
    claim = found.stages[1].claim
    assert claim is not None
    assert {part.name: part.answer for part in claim.parts}["not bought by over-refusal"] == "does not hold"
    assert "safety: not bought by over-refusal" in found.why
    assert found.answer == "does not hold"


def test_losses_of_two_stages_add_up(world: World, loop: Loop) -> None:
    """Each stage costs 6 of 120 items of English; the margin is 8 points since the very first model."""
    world.wanted = culture(retained={"demo_en": Retained(margin=0.08)})
    learn = world._learnt

    def costly(abilities: dict[str, float], mix: object) -> dict[str, float]:
        return {**learn(abilities, mix), "demo_en": abilities["demo_en"] - 0.05}  # type: ignore[arg-type]

    world._learnt = costly  # type: ignore[method-assign]
    found = loop(world)
    last = found.stages[1].rounds[0].retention
    assert [(line.against.removesuffix("-all-0a0b0c0d-2"), line.answer) for line in last][1] == ("demo-en-small", "does not hold")
    assert found.stopped


def test_an_incomplete_run_ends_with_its_own_error_and_is_asked_again(world: World, loop: Loop) -> None:
    world.complete = False
    with pytest.raises(IncompleteRun, match="lacks responses or verdicts"):
        loop(world)
    assert not list((world.root / "adaptations").glob("*/adaptation.json"))


def test_a_checkpoint_that_another_training_replaced_is_noticed(world: World, loop: Loop) -> None:
    def kill(when: str, call: str) -> None:
        if call == "evaluate demo-en-small-kg":
            raise Killed

    world.kill = kill
    with pytest.raises(Killed):
        loop(world)
    file = world.root / "checkpoints" / "demo-en-small-kg" / "checkpoint.json"
    said = json.loads(file.read_text())
    file.write_text(json.dumps({**said, "weights": {"model.safetensors": "f" * 64}}))
    world.kill = lambda when, call: None
    with pytest.raises(DataError, match="another took its place"):
        loop(world)


def test_a_claim_changed_after_it_was_frozen_is_noticed(world: World, loop: Loop) -> None:
    def kill(when: str, call: str) -> None:
        if call == "evaluate demo-en-small-kg":
            raise Killed

    world.kill = kill
    with pytest.raises(Killed):
        loop(world)
    (file,) = (world.root / "adaptations").glob("*/claim-knowledge.json")
    file.write_text(file.read_text().replace('"margin": 0.08', '"margin": 0.8'))
    world.kill = lambda when, call: None
    with pytest.raises(DataError, match="was changed since it was written"):
        loop(world)


def test_a_base_that_changed_between_measuring_and_training_is_noticed(world: World, loop: Loop) -> None:
    def swap(when: str, call: str) -> None:
        if call.startswith("train") and when == "before":
            world.base = {**BASE, "demo_tu": 0.3}

    world.kill = swap
    with pytest.raises(
        DataError, match="was trained from another 'demo-en-small' than run 'demo-en-small-all-0a0b0c0d' measured"
    ):
        loop(world)


def test_a_base_that_changed_before_its_fresh_pass_is_noticed(world: World, loop: Loop) -> None:
    def swap(when: str, call: str) -> None:
        if call.endswith("fresh") and when == "before":
            world.base = {**BASE, "demo_tu": 0.3}

    world.kill = swap
    with pytest.raises(DataError, match="it changed since then"):
        loop(world)


def test_a_process_that_is_killed_outright_leaves_nothing_locked(world: World, loop: Loop) -> None:
    child = os.fork()
    if child == 0:
        world.kill = lambda when, call: os.kill(os.getpid(), signal.SIGKILL) if call.startswith("train") else None
        loop(world)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert loop(world).answer == "holds"
    assert world.calls == CALLS[3:]


# --- what is asked and told -------------------------------------------------------------------------------------------------


def test_each_step_says_which_of_how_many_it_is(world: World, loop: Loop) -> None:
    said: list[str] = []
    loop(world, watch=lambda step, done, total: said.append(step))
    assert said[0] == "step 1 of 14: measure demo-en-small"
    assert said[4] == "step 5 of 14: train demo-en-small-kg"
    assert said[-1] == "step 14 of 14: evaluate demo-en-small-safe"


def test_what_was_asked_of_one_stage_reaches_its_verbs(world: World, loop: Loop) -> None:
    heard: list[dict[str, object]] = []
    train = world.train

    def listen(*words: object, **more: object) -> object:
        heard.append(more)
        return train(*words, **more)  # type: ignore[arg-type]

    world.train = listen  # type: ignore[method-assign,assignment]
    wishes = {"knowledge": StageWish(recipe="paper", overrides={"distributed": "none"}), "safety": StageWish(rows=77)}
    found = loop(world, stages=wishes, trainer="noop", seed=5)
    assert [(one["recipe"], one["overrides"], one["trainer"], one["seed"]) for one in heard] == [
        ("paper", {"distributed": "none"}, "noop", 5),
        ("demo-safety", {}, "noop", 5),
    ]
    assert [outcome.rounds[0].mix_rows for outcome in found.stages] == [1000, 77]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "openai:gpt"}, "needs its server|is an endpoint"),
        ({"model": "no-such-model"}, "no model named"),
        ({"trainer": "no-such-trainer"}, "no trainer named"),
        ({"stages": {"knowledge": StageWish(recipe="no-such-recipe")}}, "no recipe named"),
        ({"stages": {"knowledge": StageWish(overrides={"epoch": 1})}}, "no field of a recipe named 'epoch'"),
        ({"stages": {"knowledge": StageWish(replay={"demo_em": 0.1})}}, "did you mean demo_en"),
        ({"stages": {"safety": StageWish(replay={"demo_en": 1.5})}}, "from 0 to below 1"),
        ({"evaluation": {"judge": "none"}}, "cannot be proven"),
        ({"max_rounds": 0}, "at least one round"),
        ({"stages": {"knowledge": StageWish(rows=0)}}, "at least 1 row"),
        ({"without": ("demo_skils/TU",)}, "to leave out named 'demo_skils/TU'"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_measured(
    world: World, loop: Loop, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        loop(world, **changes)
    assert world.calls == []
    assert not (world.root / "adaptations").exists()


def test_a_benchmark_may_state_what_loss_is_accepted(world: World, loop: Loop) -> None:
    changed = {**world.wanted.benchmarks}
    changed["demo_benign"] = CultureBenchmark(stage="safety", standards={"answered": {"DI": 0.6}}, margin=0.15)
    world.wanted = culture(benchmarks=changed)
    claim = loop(world).stages[1].claim
    assert claim is not None
    line = claim.parts[3].evidence[0]
    assert (line.margin, "margin of the culture" in line.why) == (0.15, True)
