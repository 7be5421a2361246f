"""What of a source may be learnt from, and in which order it is drawn."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from harness.demo import lessons
from harness.demo.sampling import sample
from harness.mixing.pools import Pool, Sieve, Taught, demo_pools, file_pool
from harness.rows.contamination import BenchmarkItem
from harness.schema import Message, Source


def write(folder: Path, *pairs: tuple[str, str]) -> Path:
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps({"instruction": q, "input": "", "output": a}) + "\n" for q, a in pairs))
    return file


def opened(file: Path, *items: BenchmarkItem, most: int = 100, seed: int = 0) -> tuple[Pool, Sieve]:
    sieve = Sieve(items)
    return file_pool("rows", Source(path=file.name, format="alpaca"), file, most=most, seed=seed, sieve=sieve), sieve


def why(sieve: Sieve) -> dict[str, str]:
    return {one.id: one.why for one in sieve.dropped.values()}


NUMBERED = tuple((f"第{n}个问题是什么？", f"第{n}个回答。") for n in range(40))


def test_troubles_duplicates_and_benchmark_items_are_left_out_and_noted(tmp_path: Path) -> None:
    file = write(
        tmp_path,
        ("水为什么会结冰？", "因为冷。"),
        ("水为什么 会结冰？", "因为温度低。"),
        ("3-5=?", "-2"),
        ("35=?", "等式不完整。"),
        ("空的", "  "),
        ("请解释以下职业在社会上的刻板印象：律师", "……"),
        ("写一首诗", "请解释以下职业在社会上的刻板印象：医生"),
    )
    item = BenchmarkItem("exam", "q-1", ("请解释以下职业在社会上的刻板印象：医生",))
    pool, sieve = opened(file, item)
    assert sorted(row.id for row in pool.rows) == ["1", "3", "4"]
    assert pool.size == 3
    assert why(sieve) == {"2": "duplicate", "5": "empty reply", "6": "in a benchmark: exam", "7": "in a benchmark: exam"}
    hit = sieve.dropped["rows", "7"].hit
    assert hit is not None
    assert (hit.item, hit.rule, hit.share) == ("q-1", "same text", 1.0)


def test_a_question_asked_in_another_file_is_a_duplicate_too(tmp_path: Path) -> None:
    pool, sieve = opened(write(tmp_path, *NUMBERED))
    again = file_pool("again", Source(path="x", format="alpaca"), tmp_path / "rows.jsonl", most=9, seed=0, sieve=sieve)
    assert (pool.size, again.size) == (40, 0)


def test_the_seed_gives_the_order_and_a_smaller_part_is_the_beginning_of_it(tmp_path: Path) -> None:
    file = write(tmp_path, *NUMBERED)
    whole = opened(file)[0]
    assert [row.id for row in whole.rows] == [row.id for row in opened(file)[0].rows]
    assert [row.id for row in whole.rows] != [row.id for row in opened(file, seed=1)[0].rows]
    assert opened(file, most=7)[0].rows == whole.rows[:7]
    assert opened(file, most=7)[0].size == 40


def test_rows_repeat_only_when_all_have_been_drawn_and_then_in_another_order() -> None:
    rows = [Taught((Message(role="user", content=str(n)),), "rows", str(n)) for n in range(10)]
    pool = Pool("rows", rows, 10)
    drawn = [row.id for row in pool.draw(25, 3)]
    assert drawn[:10] == [str(n) for n in range(10)]
    assert sorted(drawn[10:20], key=int) == drawn[:10]
    assert drawn[10:20] != drawn[:10]
    assert max(Counter(drawn).values()) == 3
    assert drawn == [row.id for row in pool.draw(25, 3)]
    assert Pool("empty", [], 0).draw(5, 0) == []


def test_a_generator_gives_as_many_different_rows_as_a_mix_needs() -> None:
    pool = demo_pools("demo:ie_person", most=50, seed=1, sieve=Sieve([]))["ie_person"]
    assert (pool.size, pool.room(1000, 4)) == (50, 1000)
    drawn = pool.draw(300, 1)
    assert len({row.messages[0].content for row in drawn}) == 300
    assert drawn[:50] == list(pool.rows)
    small = demo_pools("demo:risk_di", most=300, seed=1, sieve=Sieve([]))["risk_di"]
    assert small.room(5000, 4) == 4 * small.size < 800


def test_a_generators_rows_pass_beside_its_own_benchmark_though_their_templates_are_alike() -> None:
    asked = [
        BenchmarkItem("demo_mcq", f"q-{n}", (item.question,), "demo") for n, item in enumerate(sample("mcq_ir", 30, "test", 0))
    ]
    sieve = Sieve(asked)
    pools = demo_pools("demo:mcq_ir", most=200, seed=0, sieve=sieve)
    assert pools["mcq_ir"].size == 200
    assert sieve.dropped == {}
    by_grams = Sieve([BenchmarkItem(item.benchmark, item.id, item.texts) for item in asked])
    kept = demo_pools("demo:mcq_ir", most=200, seed=0, sieve=by_grams)["mcq_ir"].size
    assert kept < 100


def test_a_generators_row_that_its_benchmark_asks_word_for_word_is_left_out() -> None:
    first = lessons.different("tp_plan", 20, 0)[0]
    sieve = Sieve([BenchmarkItem("demo_skills", "q-1", (first.question,), "demo")])
    assert demo_pools("demo:tp_plan", most=20, seed=0, sieve=sieve)["tp_plan"].size == 19
    assert why(sieve) == {"tp_plan#1": "in a benchmark: demo_skills"}


def test_a_generators_row_with_a_filling_that_is_asked_is_left_out() -> None:
    first = lessons.different("tp_order", 20, 0)[0]
    sieve = Sieve([BenchmarkItem("demo_skills", "q-1", ("别的问题",), "demo")], frozenset({first.key}))
    left = demo_pools("demo:tp_order", most=20, seed=0, sieve=sieve)["tp_order"]
    assert first.question not in {row.messages[0].content for row in left.rows}
    assert {one.hit.rule for one in sieve.dropped.values() if one.hit} == {"same filling"}


def test_a_file_is_compared_with_the_generators_benchmark_by_n_grams(tmp_path: Path) -> None:
    asked = sample("mcq_ir", 1, "test", 0)[0].question
    pool, sieve = opened(write(tmp_path, (asked.replace("A.", "甲："), "A")), BenchmarkItem("demo_mcq", "q-1", (asked,), "demo"))
    assert pool.size == 0
    assert why(sieve) == {"1": "in a benchmark: demo_mcq"}
