"""What counts as too alike, that the index finds exactly what comparing all pairs finds, and the published files."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import folders
from harness.data import readers
from harness.data.taxonomy import load_taxonomy
from harness.rows import contamination, holders
from harness.rows.contamination import LIMITS, SHORT, STRETCH, BenchmarkItem, Hit, Index, bare, grams
from harness.rows.folding import simplified
from harness.rows.formats import READERS
from harness.rows.ngrams import Coder
from harness.schema import Sample
from tests.conftest import SHARED

STEADY = settings(deadline=None, derandomize=True)


def index(*texts: str) -> Index:
    return Index(BenchmarkItem("made", f"item-{n}", (text,)) for n, text in enumerate(texts, 1))


def test_case_width_punctuation_and_space_do_not_count_but_symbols_do() -> None:
    assert bare("  Ｗhat，is\u3000“it”？ ①\n") == "whatisit1"
    assert bare("3 + 5 = ?") == "3+5="
    assert bare("17+3") != bare("17-3")
    assert bare("。，！？") == ""


def test_a_run_of_combining_marks_takes_no_time() -> None:
    started = time.process_time()
    bare("a" + "\u0316\u0301" * 100_000)
    assert time.process_time() - started < 2


def test_the_same_text_is_found_whatever_its_marks() -> None:
    found = index("写一个工作场所的例子，并解释为什么。").find("写一个 工作场所的例子 并解释为什么？")
    assert found == Hit("made", "item-1", "same text", 1.0)


def test_a_copy_with_a_word_exchanged_is_found() -> None:
    found = index("请解释以下职业在社会上的刻板印象：医生").find("请解释以下职业在社会上的刻板印象：律师")
    assert found is not None
    assert (found.item, found.rule) == ("item-1", "5-grams")
    assert found.share == pytest.approx(12 / 14, abs=0.001)


def test_an_item_quoted_in_a_long_text_is_found_and_half_of_it_counts_by_8_grams() -> None:
    item = "中华人民共和国的首都在哪一座城市里它有多少年的建都历史呢"
    assert index(item).find(f"{'今天天气不错我们去散步吧' * 20}{item}。{'晚饭吃什么好呢大家说说看' * 20}") == Hit(
        "made", "item-1", "8-grams", 1.0
    )
    half = index(item).find(f"有人问，{item[:18]}，别的我都不记得了，你去问问别人吧")
    assert half == Hit("made", "item-1", "8-grams", round(11 / 21, 3))


def test_a_common_opening_is_not_enough() -> None:
    assert (
        index("请根据下面的材料回答问题：小明有几个苹果").find("请根据下面的材料回答问题，谁写了这封很长的信，他为什么要写")
        is None
    )


def test_a_short_item_counts_only_whole_and_in_a_text_hardly_longer() -> None:
    short = index("什么是人工智能？", "你好")
    assert short.find("请问什么是人工智能呢") == Hit("made", "item-1", "short text", 1.0)
    assert short.find("很多人想知道什么是人工智能，我们今天就来谈一谈这个问题") is None
    assert short.find("什么是人工降雨") is None
    assert short.find("你好！") == Hit("made", "item-2", "same text", 1.0)
    assert short.find("你好吗") is None


def test_the_most_alike_item_is_named() -> None:
    texts = ("小明有三个苹果又买了五个一共有几个", "小明有三个苹果又买了五个还剩几个呢")
    assert index(*texts).find("小明有三个苹果，又买了五个，还剩几个？").item == "item-2"  # type: ignore[union-attr]


def test_every_text_of_an_item_is_searched_and_every_text_of_a_row() -> None:
    made = Index([BenchmarkItem("b", "d-1", ("那他后来怎么样了呢", "请讲讲守株待兔这个成语的故事"))])
    assert made.find_any(["一", "请讲讲守株待兔这个成语的故事吧"]) == Hit("b", "d-1", "8-grams", 1.0)
    assert made.find_any(["一", "二"]) is None
    assert Index([]).find("随便什么文字都不会被找到") is None


def naive(items: Sequence[str], text: str) -> tuple[str, float] | None:
    """The rule as it is written, over all pairs."""
    said, best = bare(text), None
    for item in map(bare, items):
        if item and item == said:
            return "same text", 1.0
        shorter, longer = sorted((len(item), len(said)))
        for n in LIMITS:
            one, other = grams(item, n), grams(said, n)
            if not one or not other:
                continue
            share = len(one & other) / min(len(one), len(other))
            short = shorter < SHORT
            if (short and n == 5 and share == 1 and longer <= STRETCH * shorter) or (not short and share >= LIMITS[n]):
                rule = "short text" if short else f"{n}-grams"
                best = max(best or (rule, 0.0), (rule, share), key=lambda hit: hit[1])
    return best


TEXTS = st.lists(st.sampled_from(["我", "你", "他", "来", "去", "！", "请问", "今天天气", "一二三四五六七八"]), max_size=14).map(
    "".join
)


@STEADY
@given(st.lists(TEXTS, max_size=5), TEXTS)
def test_the_index_finds_what_comparing_every_pair_finds(items: list[str], text: str) -> None:
    expected, found = naive(items, text), index(*items).find(text)
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert found.share == pytest.approx(expected[1], abs=0.001)
        assert (found.rule == "same text") == (expected[0] == "same text")


@STEADY
@given(st.lists(TEXTS, max_size=5), st.lists(st.lists(TEXTS, max_size=3), max_size=6))
def test_many_rows_at_once_find_what_each_finds_alone(items: list[str], rows: list[list[str]]) -> None:
    made = index(*items)
    found = list(made.find_rows(rows))
    assert found == [made.find_any(row) for row in rows]
    for row, hit in zip(rows, found, strict=True):
        first = next((expected for text in row if (expected := naive(items, text))), None)
        assert (hit is None) == (first is None)
        assert hit is None or first is None or hit.share == pytest.approx(first[1], abs=0.001)


def test_longer_texts_than_are_looked_at_together_are_cut_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of places, batches of texts and parts of the pairs are all made smaller than one text."""
    draw = random.Random(7)
    items = ["".join(draw.choices("甲乙丙", k=draw.randrange(5, 60))) for _ in range(40)]
    rows = [["".join(draw.choices("甲乙丙", k=draw.randrange(0, 90))) for _ in range(draw.randrange(3))] for _ in range(60)]
    rows += [[f"前言{items[3]}后语", items[4]], [items[5][:-2]], [""], []]
    made = index(*items)
    expected = list(made.find_rows(rows))
    assert sum(hit is not None for hit in expected) > 3
    for row, hit in zip(rows, expected, strict=True):
        first = next((found for text in row if (found := naive(items, text))), None)
        assert (None if hit is None else hit.share) == (None if first is None else pytest.approx(first[1], abs=0.001))
    monkeypatch.setattr(holders, "_BLOCK", 7)
    monkeypatch.setattr(contamination, "_PAIRS", 5)
    monkeypatch.setattr(contamination, "_BATCH", 50)
    assert list(made.find_rows(rows)) == expected


@STEADY
@given(st.lists(st.text(), max_size=4))
def test_the_table_of_code_points_says_what_bare_says(texts: list[str]) -> None:
    found = Coder().codes(texts)
    assert ["".join(map(chr, found.text(number).tolist())) for number in range(len(texts))] == [bare(text) for text in texts]


@pytest.mark.parametrize("text", ["ΣΑΣ", "İI", "ｶﾞｷﾞ", "e\u0301", "각", "①②", "ﬁ", "\ud800甲", "甲\u0301乙", "Ⅷ卷", "豈"])
def test_what_cannot_be_looked_at_by_itself_is_what_bare_says_too(text: str) -> None:
    found = Coder().codes(["平常", text, "ordinary"])
    assert found.text(1).tolist() == [ord(character) for character in bare(text)]
    assert found.text(2).tolist() == list(map(ord, "ordinary"))


def test_a_saved_index_finds_the_same_and_holds_no_text(tmp_path: Path) -> None:
    items = ["请讲讲守株待兔这个成语的故事", "什么是人工智能", "好"]
    rows = [["请讲讲守株待兔这个成语的由来", "嗯"], ["什么是人工智能呢"], ["好！"], ["别的"]]
    made = index(*items)
    made.save(tmp_path)
    again = Index.load(tmp_path)
    assert list(again.find_rows(rows)) == list(made.find_rows(rows))
    assert [hit.item if hit else None for hit in again.find_rows(rows)] == ["item-1", "item-2", "item-3", None]
    kept = b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))
    for encoding in ("utf-8", "utf-16-le", "utf-32-le"):
        assert "守株".encode(encoding) not in kept
    assert "\\u5b88" not in kept.decode("latin-1")


def test_traditional_characters_count_as_simplified_ones_where_that_is_asked_for() -> None:
    pytest.importorskip("opencc")
    fold = simplified()
    assert fold is not None
    items = [BenchmarkItem("made", "item-1", ("请介绍中国传统节日里龙舟竞渡的来历",))]
    written = "請介紹中國傳統節日裡龍舟競渡的來歷？"
    assert Index(items).find(written) is None
    assert Index(items, fold).find(written) == Hit("made", "item-1", "same text", 1.0)
    assert Index(items, fold).find("请介绍中国传统节日里龙舟竞渡的来历") == Hit("made", "item-1", "same text", 1.0)
    assert Index([BenchmarkItem("made", "item-2", (written,))], fold).find("请介绍中国传统节日里龙舟竞渡的来历") is not None


def published(benchmarks: Path) -> dict[str, list[Sample]]:
    tasks = folders.home() / "tasks/zh_cn"
    a_eval = load_taxonomy(tasks / "a_eval/taxonomy.json")
    safety = load_taxonomy(tasks / "chisafetybench/taxonomy.json")
    chi = benchmarks / "chisafetybench"
    return {
        "a_eval": readers.a_eval(next((benchmarks / "a-eval").glob("*.json")), a_eval),
        "mcq v0": readers.chisafetybench_mcq(next((chi / "v0").glob("safety_content*.json")), safety),
        "mcq v1": readers.chisafetybench_mcq(chi / "v1/mcq.json", safety),
        "refusal": readers.chisafetybench_refusal(chi / "v1/risky_questions_without_dialog_history.json", safety),
        "dialogue": readers.chisafetybench_dialogue(chi / "v1/risky_questions_with_dialog_history.json", safety),
    }


def training(name: str) -> Path:
    file = SHARED / "training" / name
    if not file.is_file():
        pytest.skip(f"{name} is not on this machine (set HARNESS_TEST_SHARED)")
    return file


def rows(name: str, kind: str) -> list[list[str]]:
    return [[message.content for message in read.messages] for read in READERS[kind](training(name))]


def test_the_published_training_files_repeat_nothing_of_a_eval_and_chisafetybench(benchmarks: Path) -> None:
    found = published(benchmarks)
    assert [len(samples) for samples in found.values()] == [678, 1861, 1567, 462, 101]
    made = Index(
        BenchmarkItem(benchmark, one.id, (one.question, *(turn.content for turn in one.history if len(turn.content) >= SHORT)))
        for benchmark, samples in found.items()
        for one in samples
    )
    taught = [*rows("HalluQA.json", "halluqa"), *rows("alpaca_zh_demo.json", "alpaca")]
    assert len(taught) == 450 + 1000
    assert [made.find_any(texts) for texts in taught] == [None] * len(taught)


def test_two_of_belles_seed_tasks_stand_in_belles_evaluation(benchmarks: Path) -> None:
    """One word for word, one with another profession; a third quotes a trivial instruction, which is no hit in a whole prompt."""
    taxonomy = load_taxonomy(folders.home() / "tasks/zh_cn/belle/taxonomy.json")
    asked = readers.belle(benchmarks / "belle/eval_set.json", taxonomy)
    made = Index(BenchmarkItem("belle", sample.id, (sample.question,)) for sample in asked)
    seeds = [json.loads(line) for line in training("belle_zh_seed_tasks.json").read_text().splitlines()]
    hits = {}
    for seed in seeds:
        first = seed["instances"][0]
        hit = made.find_any(["\n".join(filter(None, (seed["instruction"], first["input"]))), first["output"]])
        if hit:
            hits[seed["id"]] = (hit.item, hit.rule)
    assert hits == {"seed_task_46": ("belle-411", "same text"), "seed_task_54": ("belle-303", "5-grams")}
