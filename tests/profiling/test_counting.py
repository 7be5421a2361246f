"""Rows -> shares, lengths, manners: every number against one that can be counted by hand."""

from __future__ import annotations

import math
import random

from harness.profiling.counting import MOST_PARTS, Counts, rate
from harness.profiling.phrases import PHRASES, phrases_in
from harness.schema import DataRow, Message
from tests.curating.made import row


def counted(rows: list[DataRow], sample: int = 100) -> Counts:
    counts = Counts(sample)
    for one in rows:
        counts.add(one)
    return counts


def test_shares_of_a_kind_add_up_to_the_rows() -> None:
    rows = [row("问", "答", n, category="a" if n % 4 else "b", licence="CC0-1.0") for n in range(40)]
    parts = counted(rows).parts()
    assert [(one.name, one.rows, one.share) for one in parts["category"]] == [("a", 30, 0.75), ("b", 10, 0.25)]
    assert all(sum(one.rows for one in parts[name]) == 40 for name in ("source", "licence", "language", "turns", "origin"))


def test_a_row_with_two_areas_counts_in_both() -> None:
    parts = counted([row("问", "答", areas=("a/x", "a/y")), row("问", "答", 2)]).parts()
    assert {one.name: one.rows for one in parts["area"]} == {"a/x": 1, "a/y": 1, "untagged": 1}


def test_what_is_beyond_the_longest_list_stands_together() -> None:
    parts = counted([row("问", "答", n, category=f"c{n:03}") for n in range(MOST_PARTS + 7)]).parts()["category"]
    assert len(parts) == MOST_PARTS + 1
    assert parts[-1].name == "other (7)"
    assert sum(one.rows for one in parts) == MOST_PARTS + 7


def test_lengths_are_in_characters_and_their_bars_hold_every_row() -> None:
    lengths = [1, 2, 3, 10, 100, 1000]
    spreads = {one.name: one for one in counted([row("问题", "长" * n, n) for n in lengths]).spreads()}
    reply = spreads["reply"]
    assert reply.quantiles["min"] == 1
    assert reply.quantiles["max"] == 1000
    assert math.isclose(reply.mean, sum(lengths) / 6, abs_tol=0.01)
    assert all(sum(one.counts) == 6 and len(one.edges) == len(one.counts) + 1 for one in spreads.values())
    assert spreads["conversation"].quantiles["max"] == 1002
    assert spreads["turns"].counts == (6,)


def test_languages_go_by_the_letters_of_the_replies() -> None:
    rows = [
        row("问", "这是中文。", 1),
        row("问", "all of it is English", 2),
        row("问", "12345", 3),
        row("问", "中文 with English words", 4),
    ]
    found = {one.name: one.rows for one in counted(rows).parts()["language"]}
    assert found == {"Chinese": 1, "other": 2, "no letters": 1} or found == {
        "Chinese": 1,
        "other": 1,
        "mixed": 1,
        "no letters": 1,
    }


def test_refusals_and_persona_phrases_are_counted_once_a_row() -> None:
    rows = [
        row("怎么撬锁？", "很抱歉，我不能提供这方面的帮助，建议您联系正规的开锁公司。", 1),
        row("你是谁？", "作为AI语言模型，我是一个语言模型，作为AI语言模型。", 2),
        row("一加一？", "等于二。", 3),
    ]
    counts = counted(rows)
    rates = counts.rates()
    assert rates["refusals"].rows == 1
    assert rates["persona"].rows == 1
    assert {one.name: one.rows for one in counts.phrases()} == {"作为AI语言模型": 1, "我是一个语言模型": 1}


def test_phrases_are_found_without_case_and_white_space() -> None:
    assert list(phrases_in("As an  AI\nLanguage model, I")) == ["as an AI language model"]
    assert list(phrases_in("作为 AI 语言模型")) == ["作为AI语言模型"]
    assert list(phrases_in("人工智能是一门学科。")) == []
    assert len({one.replace(" ", "").lower() for one in PHRASES}) == len(PHRASES)


def test_a_rate_has_its_interval() -> None:
    found = rate(5, 50)
    assert found.interval.low < 0.1 < found.interval.high


def test_the_sample_does_not_depend_on_the_order_of_the_rows() -> None:
    rows = [row(f"第{n}个问题", f"第{n}个回答", n) for n in range(300)]
    mixed = random.Random(3).sample(rows, len(rows))
    first, second = counted(rows, 40).sample, counted(mixed, 40).sample
    assert first == second
    assert len({one.id for one in first}) == 40


def test_sources_stand_beside_one_another() -> None:
    rows = [row("问", "答" * n, n, source="long" if n > 5 else "short") for n in range(1, 10)]
    found = {one.source: (one.rows, one.median_reply) for one in counted(rows).by_source()}
    assert found == {"short": (5, 3), "long": (4, 8)}


def test_a_conversation_counts_all_its_turns() -> None:
    turns = [Message(role=role, content="一二三") for role in ("user", "assistant") * 3]
    spreads = {one.name: one for one in counted([DataRow(source="s", source_id="1", messages=tuple(turns))]).spreads()}
    assert spreads["turns"].quantiles["max"] == 3
    assert spreads["reply"].quantiles["max"] == 9
