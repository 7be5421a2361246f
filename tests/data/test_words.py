"""Texts -> the words that tell their parts apart, in any script, without a list of words."""

from __future__ import annotations

import random

import pytest

from harness.data.words import LEAST, LONGEST, telling


def found(texts: list[str], parts: list[str], most: int = 50) -> dict[str, int]:
    return {one.word: one.n for one in telling(texts, parts, most)}


def chinese(subject: str, number: int, seed: int = 3) -> list[str]:
    """Sentences about a subject in changing surroundings."""
    draw = random.Random(seed)
    heads = ["我想知道", "请你说说", "他昨天问起", "大家都关心", "书里写着", "老师讲过"]
    tails = ["从哪里来", "有多重", "贵不贵", "好看吗", "怎样保存", "跟谁有关", "什么颜色"]
    return [f"{draw.choice(heads)}{subject}{draw.choice(tails)}？" for _ in range(number)]


def test_words_between_blanks_are_told_apart_by_where_they_stand() -> None:
    texts = [
        "The tide turns the boat",
        "the tide and the moon",
        "tide by the moon",
        "the bread rises",
        "warm the bread",
        "bread the",
    ]
    words = telling(texts, ["sea"] * 3 + ["oven"] * 3, 10)
    assert {one.word for one in words[:2]} == {"tide", "bread"}
    assert [one.word for one in words][-1] == "the", "it stands everywhere, so it tells nothing"
    assert words[-1].weight == pytest.approx(0)
    assert dict(words[0].parts) in ({"sea": 3}, {"oven": 3})


def test_a_word_is_counted_once_a_text_and_by_its_lower_case() -> None:
    assert found(["Tea tea TEA", "tea", "Tea?"], ["a", "a", "b"]) == {"tea": 3}


def test_chinese_words_are_found_by_what_they_do_in_the_texts() -> None:
    texts = chinese("葡萄", 40) + chinese("自行车", 40, 4)
    words = found(texts, ["fruit"] * 40 + ["ride"] * 40)
    assert (words["葡萄"], words["自行车"]) == (40, 40)
    assert "自行" not in words, "a part of a word that never stands without it"
    assert "行车" not in words
    assert list(words)[:2] == ["自行车", "葡萄"]


def test_kana_are_cut_like_chinese_and_blanks_are_not_waited_for() -> None:
    texts = [text.replace("葡萄", "りんご") for text in chinese("葡萄", 30)] + chinese("自行车", 50, 4)
    assert found(texts, ["a"] * 30 + ["b"] * 50)["りんご"] == 30


def test_marks_on_letters_belong_to_their_word() -> None:
    assert found(["हिन्दी भाषा"] * 3, ["a"] * 3) == {"हिन्दी": 3, "भाषा": 3}


def test_no_word_is_longer_than_eight_characters_whatever_its_script() -> None:
    texts = ["internationalisation matters " + "长" * 30 + " " + "長長ながい文" * 5] * 5
    assert all(len(word) <= LONGEST for word in found(texts, ["a", "b", "a", "b", "a"]))
    assert "matters" in found(texts, ["a", "b", "a", "b", "a"])


def test_rare_words_numbers_and_single_letters_are_none() -> None:
    assert found(["x 1234 once", *["x 1234 often"] * LEAST], ["a"] * (LEAST + 1)) == {"often": LEAST}


def test_without_parts_a_word_of_every_text_weighs_nothing() -> None:
    words = telling(["the cat", "the dog", "the cat", "the cat", "the dog", "the dog", "the"], ["all"] * 7, 9)
    assert [one.word for one in words] == ["cat", "dog", "the"]
    assert words[-1].weight == 0


def test_the_order_of_the_texts_changes_nothing() -> None:
    texts, parts = chinese("葡萄", 30) + chinese("自行车", 30, 4), ["a"] * 30 + ["b"] * 30
    both = list(zip(texts, parts, strict=True))
    random.Random(1).shuffle(both)
    assert telling([t for t, _ in both], [p for _, p in both], 40) == telling(texts, parts, 40)


def test_no_texts_have_no_words() -> None:
    assert telling([], [], 5) == ()
    assert telling(["", "…", "?"], ["a", "b", "c"], 5) == ()
