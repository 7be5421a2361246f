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


def test_a_part_of_a_group_has_the_units_of_the_group(tmp_path: Path) -> None:
    """Once 14,000 items of a group and its part took 5 s longer than the group alone."""
    rows = [asked("demo_tu", f"{number:03}", f"{STEM}{number // 3}" * (1 + number % 3)) for number in range(60)]
    run = holding(tmp_path, demo_tu=rows[:40], demo_ie=rows[40:])
    alone = units(run, ["demo_skills"])
    assert units(run, ["demo_tu", "demo_skills"]) == units(run, ["demo_skills", "demo_ie", "demo_skills"]) == alone


def test_chains_of_shared_items_become_one_unit(tmp_path: Path) -> None:
    """a-b are near in the first, b-c in the second, c-d in the third benchmark."""
    texts = {name: f"{STEM}{OTHER}"[start : start + 40] for name, start in (("a", 0), ("b", 3), ("c", 6), ("d", 9))}
    rows = {name: asked("demo_tu", name, text) for name, text in texts.items()}
    run = holding(
        tmp_path, demo_tu=[rows["a"], rows["b"]], demo_mcq_di=[rows["c"], rows["d"]], demo_mcq_vv=[rows["b"], rows["c"]]
    )
    for order in (["demo_tu", "demo_mcq_di", "demo_mcq_vv"], ["demo_mcq_vv", "demo_mcq_di", "demo_tu"]):
        assert set(units(run, order).values()) == {"hash-a"}


def test_many_items_of_one_form_are_many_units_and_few_are_one(tmp_path: Path) -> None:
    """A puzzle generator's 250 items would be one bet, and a broken candidate would never fail."""
    sums = [(number * 7919 % 8999 + 1000, number * 6007 % 8999 + 1000) for number in range(1, 81)]
    forms = [
        f"商店里有{one}支铅笔，又运来{other}支铅笔，现在一共有多少支铅笔？请先想清楚再回答，只写数字，不要写单位。"
        for one, other in sums
    ]
    rows = [asked("demo_tu", f"{number:03}", text) for number, text in enumerate(forms)]
    many = units(holding(tmp_path / "1", demo_tu=rows), ["demo_tu"])
    few = units(holding(tmp_path / "2", demo_tu=rows[:20]), ["demo_tu"])
    assert len(set(many.values())) >= 60
    assert len(set(few.values())) == 1


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
