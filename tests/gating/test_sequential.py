"""A sequential gate on finished runs: how soon it rules, what it asks, and what it does not."""

from __future__ import annotations

import json
import math
from pathlib import Path
from random import Random

import pytest

from harness.errors import DataError, IncompleteRun
from harness.gating.plan import Planned, plan
from harness.gating.sequential import judge, notes
from harness.gating.streams import Answers, Facts, Kept, Replayed, Wanted
from harness.pairs import Run
from harness.schema import GateLine, GateReport, Policy, Rule, Sequence
from tests.conftest import Cli
from tests.gating.made import Values, changed, made, opened

HALF = [1.0, 0.0] * 300


def policy(*rules: Rule, **more: float) -> Policy:
    return Policy(name="test", rules=rules, **more)  # type: ignore[arg-type]


def line(benchmark: str = "demo_tu", metric: str = "acc", **more: object) -> Rule:
    return Rule(benchmark=benchmark, metric=metric, **{"margin": 0.05, "question": "release", **more})  # type: ignore[arg-type]


def gated(was: Run, now: Run, wanted: Policy, lines: tuple[Planned, ...] | None = None) -> tuple[tuple[GateLine, ...], Sequence]:
    return judge(wanted, lines or plan(wanted, was, {}), was, Replayed(now))


def ruled(root: Path, before: Values, after: Values, wanted: Policy) -> tuple[tuple[GateLine, ...], Sequence]:
    return gated(opened(root, "was", before), opened(root, "now", after), wanted)


def shuffled(values: list[float], lost: int, gained: int, seed: int) -> list[float]:
    """`values` after `lost` of its ones and `gained` of its zeros, drawn at random, changed."""
    random, after = Random(seed), list(values)
    for old, count in ((1.0, lost), (0.0, gained)):
        for place in random.sample([i for i, value in enumerate(values) if value == old], count):
            after[place] = 1.0 - old
    return after


# --- how soon it rules ------------------------------------------------------------------------------------------------------


def test_a_broken_candidate_costs_a_tenth(tmp_path: Path) -> None:
    (found,), went = ruled(tmp_path, {"demo_tu": HALF}, {"demo_tu": [0.0] * 600}, policy(line()))
    assert (found.ruling, went.of) == ("FAIL", 600)
    assert went.share <= 0.1
    assert found.bets is not None
    assert found.bets.stopped
    assert found.bets.items == went.asked
    assert found.p_drop is not None
    assert found.p_drop == pytest.approx(math.exp(-found.bets.log_e_drop))
    assert found.why.endswith(f"a drop beyond doubt after {went.asked} of 600 items")


def test_a_candidate_that_lost_nothing_passes_early(tmp_path: Path) -> None:
    (found,), went = ruled(tmp_path, {"demo_tu": HALF}, {"demo_tu": shuffled(HALF, 12, 12, 1)}, policy(line(margin=0.1)))
    assert found.ruling == "PASS"
    assert went.share < 0.6
    assert found.bets is not None
    assert found.bets.log_e_pass >= math.log(20)
    assert "a loss above 10.0 points is excluded after" in found.why


def test_a_gain_passes_early_and_none_is_undecided_after_all_items(tmp_path: Path) -> None:
    wanted = policy(line(question="gain", margin=None))
    (gained,), went = ruled(tmp_path / "1", {"demo_tu": HALF}, {"demo_tu": shuffled(HALF, 0, 120, 1)}, wanted)
    (same,), all_ = ruled(tmp_path / "2", {"demo_tu": HALF}, {"demo_tu": HALF}, wanted)
    assert (gained.ruling, same.ruling) == ("PASS", "UNDECIDED")
    assert went.share < 0.5
    assert all_.share == 1.0
    assert same.why == "+0.0 points, no gain is proven after 600 of 600 items"


def test_equal_candidates_hardly_ever_fail(tmp_path: Path) -> None:
    """Two of 400 did."""
    was = opened(tmp_path, "was", {"demo_tu": HALF, "demo_en": HALF})
    wanted = policy(line(question="regression", margin=0.03), line("demo_en"))
    failed = 0
    for seed in range(12):
        after = {"demo_tu": shuffled(HALF, 45, 45, seed), "demo_en": shuffled(HALF, 45, 45, 100 + seed)}
        found, _ = gated(was, opened(tmp_path, f"now{seed}", after), wanted)
        failed += "FAIL" in [one.ruling for one in found]
    assert failed <= 1


def test_a_regression_within_its_tolerance_is_none(tmp_path: Path) -> None:
    after = {"demo_tu": shuffled(HALF, 90, 0, 3)}
    strict = policy(line(question="regression"))
    mild = policy(line(question="regression", tolerance=0.15))
    (failed,), _ = ruled(tmp_path / "1", {"demo_tu": HALF}, after, strict)
    (open_,), _ = ruled(tmp_path / "2", {"demo_tu": HALF}, after, mild)
    assert (failed.ruling, open_.ruling) == ("FAIL", "UNDECIDED")


def test_a_rise_of_harm_is_a_drop(tmp_path: Path) -> None:
    (found,), went = ruled(
        tmp_path, {"demo_risk_di": [0.0] * 300}, {"demo_risk_di": [1.0] * 300}, policy(line("demo_risk_di", "hr"))
    )
    assert (found.ruling, found.target.ceiling) == ("FAIL", True)
    assert went.share < 0.2


def test_a_margin_of_everything_is_held_without_a_bet(tmp_path: Path) -> None:
    (found,), went = ruled(tmp_path, {"demo_tu": HALF}, {"demo_tu": shuffled(HALF, 30, 30, 2)}, policy(line(margin=1.0)))
    assert (found.ruling, went.batches) == ("PASS", 1)


def test_too_few_items_for_a_margin_are_said_to_be_too_few(tmp_path: Path) -> None:
    few, _ = ruled(tmp_path / "1", {"demo_tu": [1.0] * 40}, {"demo_tu": [1.0] * 40}, policy(line(margin=0.06)))
    many, _ = ruled(tmp_path / "2", {"demo_tu": HALF}, {"demo_tu": HALF}, policy(line(margin=0.06)))
    assert (few[0].ruling, few[0].power) == ("UNDECIDED", 0.0)
    assert many[0].power is not None
    assert many[0].power > 0.5
    assert "demo_tu acc: too few items to exclude a loss of that margin batch by batch" in notes(few)[0]
    assert notes(many) == ()


# --- several lines ----------------------------------------------------------------------------------------------------------


def test_a_drop_ends_the_gate_for_all_lines(tmp_path: Path) -> None:
    before = {"demo_tu": HALF, "demo_en": HALF}
    found, went = ruled(tmp_path, before, {"demo_tu": [0.0] * 600, "demo_en": HALF}, policy(line(), line("demo_en", margin=0.02)))
    assert [one.ruling for one in found] == ["FAIL", "UNDECIDED"]
    assert found[1].why.endswith("cut short, since a drop is proven elsewhere")
    assert went.share < 0.15


def test_each_line_of_many_needs_more_evidence(tmp_path: Path) -> None:
    tasks = ("demo_tu", "demo_ie", "demo_tg", "demo_lr", "demo_tp")
    before = dict.fromkeys(tasks, HALF)
    after = {**before, "demo_tu": shuffled(HALF, 120, 0, 4)}
    alone, _ = ruled(tmp_path / "1", {"demo_tu": HALF}, {"demo_tu": after["demo_tu"]}, policy(line(margin=0.02)))
    among, _ = ruled(tmp_path / "2", before, after, policy(*(line(task, margin=0.02) for task in tasks)))
    assert (alone[0].ruling, among[0].ruling) == ("FAIL", "FAIL")
    assert among[0].p_drop is not None
    assert among[0].p_drop_adjusted == pytest.approx(5 * among[0].p_drop)
    assert among[0].p_drop <= 0.01
    assert alone[0].bets is not None
    assert among[0].bets is not None
    assert among[0].bets.items >= alone[0].bets.items


def test_a_line_that_passed_bets_no_more_and_its_items_are_asked_only_for_others(tmp_path: Path) -> None:
    before = {"demo_tu": HALF, "demo_ie": HALF[:40]}
    rules = (line("demo_skills", dimensions=("TU",), margin=0.2), line("demo_skills", dimensions=("IE",), margin=0.05))
    was, now = opened(tmp_path, "was", before), opened(tmp_path, "now", before)
    stream = Kept(Replayed(now))
    wanted = policy(*rules)
    found, went = judge(wanted, plan(wanted, was, {}), was, stream)
    asked = [task for task, _ in stream.answers]
    assert [one.ruling for one in found] == ["PASS", "UNDECIDED"]
    assert found[0].bets is not None
    assert asked.count("demo_ie") == 40
    assert asked.count("demo_tu") == found[0].bets.items < 200
    assert went.asked == len(asked)


def test_lines_that_are_only_reported_cause_no_item_to_be_asked(tmp_path: Path) -> None:
    before = {"demo_tu": HALF, "demo_en": HALF}
    rules = (line(margin=0.2), line(question="report"), line("demo_en", question="report"))
    found, went = ruled(tmp_path, before, before, policy(*rules))
    assert [one.ruling for one in found] == ["PASS", None, None]
    assert found[0].bets is not None
    assert went.asked == found[0].bets.items
    assert found[1].paired is not None
    assert found[1].paired.n == went.asked
    assert found[1].p_drop_adjusted is None
    assert (found[2].paired, found[2].why) == (None, "not asked, after 0 of 600 items")


def test_a_reported_line_shows_nothing_from_behind_an_item_that_was_left_out(tmp_path: Path) -> None:
    before = {"demo_tu": HALF, "demo_ie": HALF}
    rules = (line("demo_skills", dimensions=("TU",)), line("demo_skills", question="report"))
    found, _ = ruled(tmp_path, before, before, policy(*rules))
    assert found[1].bets is not None
    assert found[1].bets.items < 20


def test_a_group_and_its_part_ask_an_item_once(tmp_path: Path) -> None:
    before = {"demo_tu": HALF[:100], "demo_ie": HALF[:100]}
    was = opened(tmp_path, "was", before)
    wanted = policy(line("demo_skills", question="gain"), line("demo_tu", question="gain"))
    found, went = gated(was, opened(tmp_path, "now", before), wanted)
    assert (went.asked, went.of) == (200, 200)
    assert went.order.startswith("demo_skills+demo_tu ")
    assert [one.bets.items for one in found if one.bets] == [200, 100]


# --- what it asks -----------------------------------------------------------------------------------------------------------


def reversed_(run: Run) -> Run:
    run.__dict__["samples"] = {task: dict(reversed(list(of.items()))) for task, of in reversed(list(run.samples.items()))}
    return run


def test_the_order_is_random_and_not_that_of_the_file(tmp_path: Path) -> None:
    before, after = {"demo_tu": HALF}, {"demo_tu": shuffled(HALF, 80, 20, 5)}
    wanted = policy(line())
    one = gated(opened(tmp_path, "was", before), opened(tmp_path, "now", after), wanted)
    was, now = (opened(tmp_path / "2", name, of) for name, of in (("was", before), ("now", after)))
    assert gated(reversed_(was), reversed_(now), wanted) == one
    stream = Kept(Replayed(now))
    judge(wanted, plan(wanted, was, {}), was, stream)
    first = [int(id_.rpartition("-")[2]) for _, id_ in list(stream.answers)[:30]]
    assert max(first) > 300


def test_a_sorted_file_does_not_fail_an_equal_candidate(tmp_path: Path) -> None:
    before = [1.0] * 300 + [0.0] * 300
    (found,), _ = ruled(tmp_path, {"demo_tu": before}, {"demo_tu": before[::-1]}, policy(line(question="regression")))
    assert found.ruling != "FAIL"


def test_other_content_is_another_order(tmp_path: Path) -> None:
    wanted = policy(line(question="gain"))
    _, one = ruled(tmp_path / "1", {"demo_tu": HALF}, {"demo_tu": HALF}, wanted)
    _, other = ruled(tmp_path / "2", {"demo_tu": HALF[1:]}, {"demo_tu": HALF[1:]}, wanted)
    assert one.order != other.order


def test_near_duplicates_are_one_bet(tmp_path: Path) -> None:
    before, after = {"demo_tu": [1.0] * 120}, {"demo_tu": [0.0] * 120}
    was, now = opened(tmp_path, "was", before), opened(tmp_path, "now", after)
    wanted = policy(line())
    hashes = [one.sample.hash for one in was.samples["demo_tu"].values()]
    fours = {name: hashes[place // 4 * 4] for place, name in enumerate(hashes)}
    (alone,), _ = gated(was, now, wanted)
    (found,), _ = gated(was, now, wanted, plan(wanted, was, fours))
    assert found.bets is not None
    assert alone.bets is not None
    assert found.bets.items == 4 * found.bets.units
    assert found.clusters == 3 * found.bets.units
    assert found.bets.log_e_drop < alone.bets.log_e_drop / 3
    assert found.paired is not None
    assert found.paired.n == found.bets.units


# --- what is missing --------------------------------------------------------------------------------------------------------


def test_a_missing_response_is_wrong(tmp_path: Path) -> None:
    (found,), _ = ruled(tmp_path, {"demo_tu": HALF}, {"demo_tu": [None, *HALF[1:]]}, policy(line(question="gain")))
    assert found.missing == 1
    assert found.paired is not None
    assert (found.paired.losses, found.paired.wins) == (1, 0)


def test_too_much_that_is_missing_ends_the_gate_at_once(tmp_path: Path) -> None:
    class Counting:
        def __init__(self, run: Run) -> None:
            self.stream, self.asked = Replayed(run), 0

        @property
        def facts(self) -> Facts:
            return self.stream.facts

        def ask(self, wanted: Wanted) -> Answers:
            self.asked += sum(len(ids) for ids in wanted.values())
            return self.stream.ask(wanted)

    was = opened(tmp_path, "was", {"demo_tu": HALF})
    stream = Counting(opened(tmp_path, "now", {"demo_tu": [None] * 600}))
    wanted = policy(line())
    with pytest.raises(IncompleteRun, match="32 of 32 items asked lack a response or verdict, more than 1%"):
        judge(wanted, plan(wanted, was, {}), was, stream)
    assert stream.asked == 32


def test_a_few_missing_items_are_no_ground_to_fail(tmp_path: Path) -> None:
    was = opened(tmp_path, "was", {"demo_tu": HALF})
    wanted = policy(line())
    lines = plan(wanted, was, {})
    stream = Kept(Replayed(opened(tmp_path, "bad", {"demo_tu": [0.0] * 600})))
    judge(wanted, lines, was, stream)
    first = [int(id_.rpartition("-")[2]) for _, id_ in stream.answers]
    for lost in (1, 3):
        gone = set(first[:lost])
        now = opened(tmp_path, f"lost{lost}", {"demo_tu": [None if i in gone else 0.0 for i in range(600)]})
        if lost == 1:
            assert judge(wanted, lines, was, Replayed(now))[0][0].ruling == "FAIL"
            continue
        with pytest.raises(IncompleteRun, match="3 of "):
            judge(wanted, lines, was, Replayed(now))


def test_an_item_that_is_not_the_same_is_refused(tmp_path: Path) -> None:
    was, now = opened(tmp_path, "was", {"demo_tu": HALF}), opened(tmp_path, "now", {"demo_tu": HALF})
    now.__dict__["samples"] = {
        "demo_tu": {
            id_: one.model_copy(update={"sample": one.sample.model_copy(update={"hash": "x"})})
            for id_, one in now.samples["demo_tu"].items()
        }
    }
    with pytest.raises(DataError, match="is not the same in the baseline and for the candidate"):
        gated(was, now, policy(line()))


# --- the command ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    made(folder, "base", {"demo_tu": HALF, "demo_en": HALF})
    made(folder, "broken", {"demo_tu": [0.0] * 600, "demo_en": [0.0] * 600})
    made(folder, "same", {"demo_tu": changed(HALF, 5, 5), "demo_en": HALF})
    return folder


def test_a_finished_run_shows_what_it_would_have_cost(runs: Path, cli: Cli, tmp_path: Path) -> None:
    done = cli("gate", "--baseline", "base", "--candidate", "broken", "--sequential", "--json")
    report = GateReport.model_validate_json(done.out)
    assert (done.code, report.ruling) == (4, "FAIL")
    assert report.sequence is not None
    assert report.sequence.share < 0.15
    folder = next((tmp_path / "gates").iterdir())
    assert folder.name.startswith("tiny-vs-tiny-")
    assert GateReport.model_validate_json((folder / "report.json").read_text("utf-8")) == report
    kept = [json.loads(text) for file in folder.glob("samples/*.jsonl") for text in file.read_text("utf-8").splitlines()]
    assert len(kept) == report.sequence.asked


def test_the_same_command_writes_the_same_bytes(runs: Path, cli: Cli, tmp_path: Path) -> None:
    words = ("gate", "--baseline", "base", "--candidate", "same", "--sequential", "--json")
    first = cli(*words)
    files = {file: file.read_bytes() for file in (tmp_path / "gates").rglob("*") if file.is_file()}
    assert cli(*words).out == first.out
    assert {file: file.read_bytes() for file in (tmp_path / "gates").rglob("*") if file.is_file()} == files
    assert first.code == 0


def test_runs_that_are_not_comparable_are_refused_and_leave_nothing(runs: Path, cli: Cli, tmp_path: Path) -> None:
    made(runs, "other", {"demo_tu": HALF, "demo_en": HALF}, threshold=60.0)
    done = cli("gate", "--baseline", "base", "--candidate", "other", "--sequential")
    assert done.code == 3
    assert "cannot be compared: they differ in threshold" in done.err
    assert not (tmp_path / "gates").exists()
