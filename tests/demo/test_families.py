"""Which fillings are held out, and that the two sides never meet."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from harness.demo import corpus
from harness.demo import lexicon as words
from harness.demo.benchmark import PER_FAMILY, read
from harness.demo.families import HELD_OUT, Draft, Family, Phrasing, filling
from harness.demo.sampling import families, family_named, sample
from harness.errors import UsageError

every_family = pytest.mark.parametrize("family", families(), ids=lambda family: family.name)


@every_family
def test_no_filling_and_no_question_of_one_side_occurs_on_the_other(family: Family) -> None:
    train = sample(family, 2000, "train", 0, unique=False)
    test = sample(family, 500, "test", 0, unique=False)
    keys = [{key for item in items for key in item.key.split(" + ")} for items in (train, test)]
    assert len(train) == 2000
    assert len(test) == 500
    assert not keys[0] & keys[1]
    assert not {item.question for item in train} & {item.question for item in test}


def test_a_name_held_out_in_one_family_is_held_out_in_all_families_with_names() -> None:
    named = ("ie_person", "ie_place", "ie_event", "lr_entailment")
    train = {item.key for name in named for item in sample(name, 500, "train", 0)}
    test = {item.key for name in named for item in sample(name, 500, "test", 0)}
    assert all(key.startswith("name/") for key in train | test)
    assert not train & test


@pytest.mark.parametrize(("english", "chinese"), [("en_arithmetic", "lr_arithmetic"), ("en_comparison", "lr_comparison")])
def test_a_sum_asked_in_one_language_is_not_learnt_in_the_other(english: str, chinese: str) -> None:
    for learnt, asked in ((english, chinese), (chinese, english)):
        known = {item.key for item in sample(learnt, 3000, "train", 0, unique=False)}
        assert not known & {item.key for item in sample(asked, 200, "test", 0, unique=False)}


def test_about_a_fifth_of_all_fillings_is_held_out() -> None:
    held = sum(filling("name", number).held_out for number in range(10_000))
    assert held == pytest.approx(10_000 * HELD_OUT, rel=0.06)


def test_exactly_one_phrasing_of_every_subject_is_held_out() -> None:
    held = [[Phrasing(subject, number, 5).held_out for number in range(5)] for subject in words.IDIOMS]
    assert [sum(one) for one in held] == [1] * len(words.IDIOMS)
    assert len({one.index(True) for one in held}) == 5


def test_a_question_made_of_a_held_out_and_a_free_filling_is_of_no_use() -> None:
    numbered = [filling("name", number) for number in range(100)]
    held = next(key for key in numbered if key.held_out)
    free = next(key for key in numbered if not key.held_out)
    assert Draft("?", "!", (held, free)).side is None
    assert Draft("?", "!", (held,)).side == "test"
    assert Draft("?", "!", (free, free)).side == "train"


@every_family
def test_the_same_arguments_draw_the_same_items(family: Family) -> None:
    assert sample(family, 20, "test", 3) == sample(family, 20, "test", 3)
    assert sample(family, 20, "test", 3)[:5] == sample(family, 5, "test", 3)
    assert sample(family, 20, "test", 3) != sample(family, 20, "test", 4)


def test_another_process_draws_the_same_items() -> None:
    code = "from harness.demo.sampling import sample; print(sample('tp_tool', 5, 'test', 0))"
    for hash_seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(sys.path), "PYTHONUTF8": "1"}
        printed = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, encoding="utf-8", env=environment
        ).stdout
        assert printed.strip() == str(sample("tp_tool", 5, "test", 0))


@every_family
def test_unique_items_ask_nothing_twice(family: Family) -> None:
    items = sample(family, 40, "train", 0)
    assert len({item.question for item in items}) == len(items) == 40


def test_a_family_with_few_fillings_delivers_fewer_rather_than_forever() -> None:
    assert 0 < len(sample("tp_plan", 500, "test", 0)) < 500


def test_every_family_belongs_to_a_part_that_the_benchmark_has() -> None:
    assert {family.part for family in families()} == set(PER_FAMILY)
    assert len({family.name for family in families()}) == len(families()) == 40


def test_a_wrong_family_is_told_the_right_names() -> None:
    with pytest.raises(UsageError, match="no demo family named 'en_aritmetic'; did you mean en_arithmetic"):
        family_named("en_aritmetic")


def test_nothing_the_benchmark_asks_is_among_the_lessons() -> None:
    learnt = {lesson.question for lesson in corpus.pretraining(5000, 0)}
    asked = {one.question for part in PER_FAMILY for one in read(part)}
    assert not learnt & asked


def test_plain_sentences_hold_no_held_out_filling() -> None:
    plain = "\n".join(lesson.answer for lesson in corpus.plain_text(3000, 0))
    headlines = [(a, b, c) for who, does, what in words.HEADLINES.values() for a in who for b in does for c in what]
    held = ["".join(one) for one in headlines if filling("headline", *one).held_out]
    pairs = [(colour, noun) for colour in words.COLOURS for noun in words.NOUNS]
    held += [f"{colour}的{noun}很" for colour, noun in pairs if filling("translation", colour, noun).held_out]
    assert len(held) > 50
    assert not [text for text in held if text in plain]


def test_one_line_in_twenty_that_the_base_reads_is_chinese() -> None:
    lessons = corpus.pretraining(10_000, 0)
    chinese = sum(not f"{lesson.question}{lesson.answer}".isascii() for lesson in lessons)
    # Translations may have an English answer, but never a whole English line.
    assert len(lessons) == 10_000
    assert chinese / len(lessons) == pytest.approx(corpus.CHINESE, abs=0.002)
    assert Counter(lesson.question is None for lesson in lessons)[True] > 200
