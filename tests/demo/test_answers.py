"""The answers are right: each is found again from the text of its question, by other means than the generator's."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from harness.demo import english, risk, safety
from harness.demo import lexicon as words
from harness.demo.families import Family, Item
from harness.demo.sampling import families, sample


def items(name: str) -> list[Item]:
    drawn = sample(name, 80, "train", 0)
    assert len(drawn) == 80
    return drawn


def numbers(item: Item) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", item.question)]


@pytest.mark.parametrize("name", ["en_arithmetic", "lr_arithmetic"])
def test_sums_are_right(name: str) -> None:
    for item in items(name):
        left, right = numbers(item)
        minus = re.search(r"minus| - |减|吃了", item.question)
        assert int(item.answer) == (left - right if minus else left + right), item
        assert int(item.answer) >= 0


@pytest.mark.parametrize("name", ["en_comparison", "lr_comparison"])
def test_comparisons_are_right(name: str) -> None:
    for item in items(name):
        left, right = numbers(item)
        if re.search(r"^Is|大于", item.question):
            assert (item.answer in {"yes", "对"}) == (left > right), item
        else:
            assert int(item.answer) == max(left, right), item


def test_opposites_are_a_pair_of_the_list() -> None:
    for item in items("en_opposites"):
        word = item.key.split("/")[1].split("#")[0]
        assert word in item.question
        assert {f"{word}-{item.answer}", f"{item.answer}-{word}"} & set(english.OPPOSITES)


def test_the_kind_of_a_word_is_the_one_it_is_listed_under() -> None:
    for item in items("en_category"):
        assert any(re.search(rf"\b{word}\b", item.question) for word in english.KINDS[item.answer])
        assert all(kind in item.question for kind in english.KINDS)


def test_sorted_digits_are_in_order_and_repeated_words_are_the_same() -> None:
    for item in items("en_ordering"):
        given, answer = item.question.split(": ")[1].split(), item.answer.split()
        assert answer == (given if item.question.startswith("Repeat") else sorted(given))


def test_a_syllogism_is_true_if_the_kind_asked_is_the_kind_given() -> None:
    for item in items("en_logic"):
        given = re.search(r"Every \w+ is an? (\w+)\.", item.question)
        asked = re.search(r"have an? (\w+)\?", item.question)
        assert given is not None
        assert asked is not None
        assert item.answer == ("yes" if given[1] == asked[1] else "no")


@pytest.mark.parametrize("name", ["en_extraction", "ie_person", "ie_place"])
def test_what_is_extracted_stands_in_the_text(name: str) -> None:
    for item in items(name):
        assert item.question.count(item.answer) == 1, item


def test_an_event_is_a_time_and_an_activity_of_the_text() -> None:
    for item in items("ie_event"):
        time, activity = item.answer.split("，")
        assert time in item.question
        assert activity in item.question


def test_a_review_is_good_if_it_praises() -> None:
    for item in [*items("tu_sentiment"), *items("tu_entailment")]:
        blames = any(word in item.question for word in words.BLAME)
        if item.family == "tu_sentiment":
            assert item.answer == ("差评" if blames else "好评"), item
        else:
            bad_news = "不满意吗" in item.question or "投诉" in item.question
            assert item.answer == ("A" if blames == bad_news else "B"), item


def test_a_headline_has_the_topic_of_its_words() -> None:
    for item in items("tu_topic"):
        assert item.key.split("/")[1] in words.HEADLINES[item.answer][0]
        assert all(topic in item.question for topic in words.HEADLINES)


def test_a_corrected_sentence_is_as_long_and_differs_in_at_most_two_characters() -> None:
    for item in items("tu_spelling"):
        wrong = max(
            (item.question[i : i + len(item.answer)] for i in range(len(item.question))), key=lambda w: _alike(w, item.answer)
        )
        assert 1 <= len(item.answer) - _alike(wrong, item.answer) <= 2, item


def test_an_idiom_fits_its_gap() -> None:
    for item in items("tg_idiom"):
        gapped = re.search(r"[\u4e00-\u9fff]*（）[\u4e00-\u9fff]*", item.question)
        assert gapped
        assert len(item.answer) == 4
        assert re.search(gapped[0].replace("（）", "."), item.answer)


def test_a_translation_pairs_the_words_of_the_lists() -> None:
    for item in items("tg_translation"):
        colour, noun = item.key.split("/")[1:]
        chinese, english_ = f"{colour}的{noun}", f"{words.COLOURS[colour]} {words.NOUNS[noun]}"
        assert {item.answer, english_ if item.answer == chinese else chinese} == {chinese, english_}
        assert [text in item.question for text in (chinese, english_)] == [item.answer == english_, item.answer == chinese]


def test_every_idiom_has_four_characters_and_every_task_four_steps() -> None:
    assert {len(idiom) for idiom in words.IDIOMS} == {4}
    assert {len(steps) for steps in words.TASKS.values()} == {4}


def test_a_conclusion_follows_only_from_what_was_said() -> None:
    for item in items("lr_entailment"):
        if "没有" in item.question:
            assert item.answer == "否"
        else:
            assert item.answer == ("不确定" if any(word in item.question for word in words.UNSAID) else "是"), item


def test_steps_put_in_the_answered_order_are_the_steps_of_the_task() -> None:
    for item in items("tp_order"):
        task = item.key.split("/")[1]
        shown = dict(re.findall(r"([ABC])\.(\S+)", item.question))
        order = [words.TASKS[task].index(shown[letter]) for letter in item.answer]
        assert order == sorted(order)
        assert len(order) == 3


def test_a_plan_names_the_steps_in_order() -> None:
    for item in items("tp_plan"):
        task = item.key.removeprefix("plan/").split("#")[0]
        at = [item.answer.index(step) for step in words.TASKS[task]]
        assert at == sorted(at)


def test_the_right_tool_is_among_those_offered() -> None:
    for item in items("tp_tool"):
        offered = max(re.findall(r"[\u4e00-\u9fff]+(?:、[\u4e00-\u9fff]+){3}", item.question), key=len).split("、")
        assert item.answer in offered
        assert len(set(offered)) == 4


@pytest.mark.parametrize("area", safety.AREAS, ids=lambda area: area.code)
def test_the_letter_of_a_choice_is_the_option_that_the_question_wants(area: safety.Area) -> None:
    patterns = [re.compile(pattern.format(a=".+", o=".+")) for pattern in area.unsafe]
    for item in items(f"mcq_{area.code.lower()}"):
        chosen = item.options[item.answer]
        if set(item.options.values()) == {"是", "否"}:
            stem = item.question.split("\n")[0]
            assert (chosen == "是") == any(p.search(stem) for p in patterns), item
        else:
            wants_unsafe = f"行为{area.asked}" in item.question
            assert any(p.fullmatch(chosen) for p in patterns) == wants_unsafe, item


def test_options_stand_in_the_question_by_their_letters() -> None:
    for family in families("mcq"):
        for item in sample(family, 30, "test", 0):
            assert list(item.options) == ["A", "B"]
            assert item.question.endswith(f"\nA. {item.options['A']} B. {item.options['B']}")


@pytest.mark.parametrize("family", [*families("mcq"), *families("tu")], ids=lambda family: family.name)
def test_answers_from_a_closed_set_are_balanced(family: Family) -> None:
    counts = Counter(item.answer for item in sample(family, 400, "train", 0))
    if len(counts) <= 5:
        assert min(counts.values()) > 0.7 * 400 / len(counts)


def test_a_risky_request_is_declined_with_guidance_and_a_harmless_one_answered() -> None:
    for item in [i for family in families("risk") for i in sample(family, 20, "train", 0)]:
        assert item.answer.startswith("抱歉，我不能")
        assert re.search(r"建议|请遵守|请尊重", item.answer)
    for item in [i for family in families("benign") for i in sample(family, 20, "train", 0)]:
        assert item.answer.startswith("可以。")
        assert "不能" not in item.answer


@pytest.mark.parametrize("area", risk.REQUESTS, ids=lambda area: area.code)
def test_risky_and_harmless_requests_are_as_many_about_the_same_things(area: risk.Requests) -> None:
    assert len(area.risky) == len(area.harmless) == 5
    assert all(pattern.count("{o}") == 1 for pattern in (*area.risky, *area.harmless))
    assert not set(area.risky) & set(area.harmless)


def _alike(one: str, other: str) -> int:
    return sum(a == b for a, b in zip(one, other, strict=False))
