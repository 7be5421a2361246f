"""How the demo model's texts are cut, and how its chats are written."""

from __future__ import annotations

from typing import Any

import pytest

from harness.demo import corpus
from harness.demo.benchmark import PER_FAMILY, read
from harness.demo.tokenizer import CHAT_TEMPLATE, SPECIALS, prompt

SYSTEM = {"role": "system", "content": "简短回答。"}
USER = {"role": "user", "content": "3 + 1 = ?"}
ASSISTANT = {"role": "assistant", "content": "4"}


def ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def chat(tokenizer: Any, *turns: dict[str, str], **settings: Any) -> str:
    return str(tokenizer.apply_chat_template(list(turns), tokenize=False, **settings))


@pytest.mark.parametrize(
    "text",
    [
        "端午节吃粽子，中秋节吃月饼。",
        "计算：17加3等于多少？\nA. 是 B. 否",
        "What is 39 minus 2?  Two  blanks",
        "“引号”、（括号）！；：",
        "𠮷野家 🏔 café 龘",
        "\t制表\r\n换行",
    ],
)
def test_any_text_survives_the_tokenizer(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(ids(tokenizer, text)) == text


def test_every_digit_is_one_token_in_any_language(tokenizer: Any) -> None:
    for text in ("1234", "有1234个", "12 + 34"):
        pieces = [tokenizer.decode([i]) for i in ids(tokenizer, text)]
        assert sum(piece.strip().isdigit() for piece in pieces) == 4
    assert ids(tokenizer, "7") == ids(tokenizer, "有7")[1:]


def test_every_character_of_the_world_is_one_token(tokenizer: Any) -> None:
    texts = "".join(one.question + (one.target or "") for part in PER_FAMILY for one in read(part))
    foreign = sorted({c for c in texts if not c.isascii()})
    assert set(foreign) <= set(corpus.alphabet())
    assert [c for c in foreign if len(ids(tokenizer, c)) != 1] == []


def test_characters_are_never_merged_with_each_other(tokenizer: Any) -> None:
    text = "中国的首都是哪里？端午节吃粽子。" * 3
    assert len(ids(tokenizer, text)) == len(text)


def test_a_character_of_no_task_still_has_its_bytes(tokenizer: Any) -> None:
    assert len(ids(tokenizer, "龘")) in {2, 3}


def test_english_words_are_merged(tokenizer: Any) -> None:
    text = "What is the opposite of strong?"
    assert len(ids(tokenizer, text)) < len(text) / 2


def test_the_special_tokens_have_the_first_ids(tokenizer: Any) -> None:
    assert [tokenizer.convert_tokens_to_ids(token) for token in SPECIALS] == [0, 1, 2, 3]
    assert (tokenizer.pad_token, tokenizer.eos_token, tokenizer.bos_token) == ("<pad>", "<|end|>", None)


def test_a_saved_tokenizer_keeps_the_template(tokenizer: Any) -> None:
    assert tokenizer.chat_template == CHAT_TEMPLATE


def test_a_question_is_written_as_the_lessons_had_it(tokenizer: Any) -> None:
    assert chat(tokenizer, USER, add_generation_prompt=True) == prompt(USER["content"])


def test_turns_are_written_one_after_the_other(tokenizer: Any) -> None:
    written = chat(tokenizer, USER, ASSISTANT, USER, add_generation_prompt=True)
    assert written == "<|user|>3 + 1 = ?<|end|><|assistant|>4<|end|><|user|>3 + 1 = ?<|end|><|assistant|>"


def test_a_system_turn_becomes_the_first_line_of_the_user_turn_after_it(tokenizer: Any) -> None:
    assert chat(tokenizer, SYSTEM, USER) == "<|user|>简短回答。\n3 + 1 = ?<|end|>"
    assert chat(tokenizer, SYSTEM, USER, ASSISTANT, USER).count("简短回答") == 1


def test_a_system_turn_in_the_middle_goes_before_the_next_user_turn(tokenizer: Any) -> None:
    written = chat(tokenizer, USER, ASSISTANT, SYSTEM, USER)
    assert written.endswith("4<|end|><|user|>简短回答。\n3 + 1 = ?<|end|>")


def test_white_space_of_a_turn_is_kept(tokenizer: Any) -> None:
    assert chat(tokenizer, {"role": "user", "content": "\n 一 \n"}) == "<|user|>\n 一 \n<|end|>"


def test_an_unknown_role_is_an_error_that_names_it(tokenizer: Any) -> None:
    with pytest.raises(Exception, match="no role tool; there are: system, user, assistant"):
        chat(tokenizer, {"role": "tool", "content": "x"})


def test_a_trainer_finds_the_answers_in_a_chat(tokenizer: Any) -> None:
    encoded = tokenizer.apply_chat_template(
        [SYSTEM, USER, ASSISTANT], return_dict=True, return_assistant_tokens_mask=True, tokenize=True
    )
    learnt = [i for i, is_answer in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if is_answer]
    assert tokenizer.decode(learnt) == "4<|end|>"


def test_the_longest_answer_fits_in_the_40_tokens_that_tasks_allow(tokenizer: Any) -> None:
    lengths = {one.id: len(ids(tokenizer, f"{one.target}<|end|>")) for part in PER_FAMILY for one in read(part)}
    assert max(lengths.values()) <= 40
