"""What says the same thing twice is one unit: of a bet, and of a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.gating.units import shown, units
from harness.pairs import Run
from harness.schema import Message, Sample, SampleResult
from tests.conftest import Cli
from tests.gating.made import item, made, opened

STEM = "有的店员偷看并传播他人的病历，这种行为侵犯他人的什么权益"
OTHER = "请把下面这段话缩写成一句，并说出作者最想告诉读者的道理"


def asked(task: str, name: str, question: str, **more: object) -> SampleResult:
    """A sample with a question of its own."""
    sample = Sample(id=name, hash=f"hash-{name}", question=question, dimension="TU", **more)  # type: ignore[arg-type]
    return item(task, 0, 1.0).model_copy(update={"sample": sample})


def holding(root: Path, **tasks: list[SampleResult]) -> Run:
    """A run with these samples."""
    run = opened(root, "run", {task: [1.0] for task in tasks})
    run.__dict__["samples"] = {task: {one.sample.id: one for one in results} for task, results in tasks.items()}
    return run


def test_near_questions_are_one_unit(tmp_path: Path) -> None:
    run = holding(
        tmp_path, demo_tu=[asked("demo_tu", "a", STEM), asked("demo_tu", "b", STEM + "？"), asked("demo_tu", "c", OTHER)]
    )
    assert units(run, ["demo_tu"]) == {"hash-a": "hash-a", "hash-b": "hash-a", "hash-c": "hash-c"}


def test_questions_that_share_a_stem_and_not_their_options_are_two(tmp_path: Path) -> None:
    first = {"A": "患者的隐私权以及对个人信息的自主决定", "B": "医院对全部病历资料的所有权与保管责任"}
    second = {"A": "店主同消费者之间因买卖而来的合同义务", "B": "邻居在公共走廊里安静通行和休息的便利"}
    run = holding(tmp_path, demo_tu=[asked("demo_tu", "a", STEM, options=first), asked("demo_tu", "b", STEM, options=second)])
    assert len(set(units(run, ["demo_tu"]).values())) == 2


def test_a_dialogue_counts_and_options_that_stand_in_the_question_count_once() -> None:
    turns = (Message(role="user", content="先前的话"), Message(role="assistant", content="回答"))
    sample = asked("demo_tu", "a", "是吗？A. 对 B. 错", options={"A": "对", "B": "不知道"}, history=turns).sample
    assert shown(sample) == "先前的话\n回答\n是吗？A. 对 B. 错\n不知道"


def test_what_two_benchmarks_share_is_one_unit_in_both(tmp_path: Path) -> None:
    run = holding(
        tmp_path,
        demo_tu=[asked("demo_tu", "m", STEM), asked("demo_tu", "z", STEM + "呢？")],
        demo_en=[asked("demo_en", "m", STEM), asked("demo_en", "b", STEM + "？")],
    )
    for order in (["demo_tu", "demo_en"], ["demo_en", "demo_tu"]):
        assert set(units(run, order).values()) == {"hash-b"}


def test_the_order_of_the_file_changes_nothing(tmp_path: Path) -> None:
    rows = [asked("demo_tu", str(i), STEM[i:] + OTHER[:i]) for i in range(12)]
    found = units(holding(tmp_path / "one", demo_tu=rows), ["demo_tu"])
    assert len(set(found.values())) < 12
    assert units(holding(tmp_path / "two", demo_tu=rows[::-1]), ["demo_tu"]) == found


def test_a_fixed_gate_counts_near_duplicates_once(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.schema import GateReport
    from tests.gating import made as maker

    def twice(task: str, number: int, value: float | None, split: str = "test") -> SampleResult:
        one = item(task, number, value, split)
        text = f"第{number // 2:03}段：" + STEM * (number // 2 % 2) + OTHER[number // 4 :]
        return one.model_copy(update={"sample": one.sample.model_copy(update={"question": text})})

    monkeypatch.setattr(maker, "item", twice)
    for name in ("base", "same"):
        made(tmp_path / "runs", name, {"demo_tu": [1.0] * 40})
    done = cli("gate", "--baseline", "base", "--candidate", "same", "--json")
    line = GateReport.model_validate_json(done.out).lines[0]
    assert line.paired is not None
    assert line.paired.n <= 20
    assert line.paired.n + line.clusters == 40
