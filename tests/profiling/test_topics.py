"""Rows × a benchmark -> distances: known answers for made-up distributions."""

from __future__ import annotations

import math
import random

import pytest

from harness.profiling.mass import near_duplicates
from harness.profiling.topics import Question, by_areas, by_text
from tests.curating.made import row

THEMES = {
    "茶": ["茶叶", "茶壶", "泡茶", "茶园", "绿茶", "红茶", "茶香"],
    "车": ["火车", "车站", "铁路", "车票", "站台", "乘客", "车厢"],
    "鱼": ["渔船", "鱼网", "河鱼", "钓鱼", "鱼塘", "鱼汤", "捕鱼"],
}


def asked(topic: str, number: int) -> str:
    draw = random.Random(f"{topic}{number}")
    return f"请讲讲{'、'.join(draw.sample(THEMES[topic], 4))}之间的关系。"


def items(counts: dict[str, int]) -> list[Question]:
    return [Question(t, t, number % 2 == 0, asked(t, number)) for t, count in counts.items() for number in range(count)]


def test_the_same_distribution_is_at_no_distance_and_another_one_at_the_distance_of_jensen_and_shannon() -> None:
    benchmark = items({"茶": 10, "车": 10})
    same = by_areas({"b/茶": 50, "b/车": 50, "other/x": 9}, 109, "b", benchmark)
    one_sided = by_areas({"b/茶": 30}, 60, "b", benchmark)
    assert same is not None
    assert one_sided is not None
    assert same.value == 0
    half = (0.5 * math.log2(0.5 / 0.75) + 0.5 * math.log2(0.5 / 0.25) + math.log2(1 / 0.75)) / 2
    assert one_sided.value == pytest.approx(math.sqrt(half))
    assert one_sided.outside == pytest.approx(0.5)


def test_rows_without_a_tag_of_the_benchmark_have_no_distance_by_areas() -> None:
    assert by_areas({"untagged": 5}, 5, "b", items({"茶": 3})) is None


def test_by_text_questions_go_to_the_topic_they_resemble() -> None:
    benchmark = items({"茶": 40, "车": 40, "鱼": 40})
    rows = [row(asked(t, 1000 + n), "答", f"{t}{n}") for t, count in (("茶", 30), ("车", 10)) for n in range(count)]
    rows += [row("How do you spell the word bicycle?", "答", f"e{n}") for n in range(10)]
    found = by_text(rows, "b", benchmark)
    assert found is not None
    shares = {name: share for name, _, share in found.parts}
    assert found.sharpness is not None
    assert found.sharpness > 0.9
    assert found.outside == pytest.approx(0.2, abs=0.12)
    assert shares["茶"] == pytest.approx(0.75, abs=0.1)
    assert shares["鱼"] == pytest.approx(0, abs=0.03)
    assert 0 < found.value < 1
    assert found.halves == 0


def test_rows_like_the_benchmark_are_nearer_to_it_than_rows_of_one_topic() -> None:
    benchmark = items({"茶": 40, "车": 40, "鱼": 40})
    even = [row(asked(t, 500 + n), "答", f"{t}{n}") for t in THEMES for n in range(30)]
    one = [row(asked("茶", 500 + n), "答", n) for n in range(90)]
    near, far = by_text(even, "b", benchmark), by_text(one, "b", benchmark)
    assert near is not None
    assert far is not None
    assert near.value < 0.1 < far.value


def test_a_benchmark_of_one_topic_has_no_distance_by_text() -> None:
    assert by_text([row("问", "答")], "b", items({"茶": 5})) is None


def test_near_duplicates_are_rows_that_have_another_one_like_them() -> None:
    text = "春天的茶园里，老师带着孩子们认识茶叶，听邻居讲采茶的故事，一直走到河边的石桥。"
    rows = [
        row(text, "好。", 1),
        row(text.replace("孩子们", "学生们"), "好。", 2),
        row("完全不同的一句话，说的是别的事情。", "是。", 3),
    ]
    found = near_duplicates(rows)
    assert (found.rows, found.of) == (2, 3)
