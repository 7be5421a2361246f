"""Conversations become the ids of the model's own template, with loss on exactly what the assistant says and its end of turn."""

from __future__ import annotations

from typing import Any

import pytest
from ft_chat import Encoded, TemplateError, encode, encode_all, end_of_turn

from tests.tiny import _tokenizer
from tests.trainers.full_ft.templates import CHATML, ENDS, MARKED, SHAPES, tokenizer

ONE = [{"role": "user", "content": "今天的天气很好 blue?"}, {"role": "assistant", "content": "对，我们去公园。"}]
TWO = [*ONE, {"role": "user", "content": " two  plus two"}, {"role": "assistant", "content": "Four, 四。\n\nThe end"}]
SYSTEM = [{"role": "system", "content": "Be short."}, *TWO]
LONG = [{"role": "user", "content": "why " * 50}, ONE[1]]


def answers(made: Any, row: Encoded) -> list[str]:
    """What has loss, one string for each stretch of tokens."""
    stretches: list[list[int]] = []
    before = -100
    for label in row.labels.tolist():
        if label != -100:
            stretches[len(stretches) - (before != -100) :] = [[*(stretches[-1] if before != -100 else []), label]]
        before = label
    return [made.decode(stretch) for stretch in stretches]


@pytest.mark.parametrize("shape", SHAPES)
def test_ids_are_those_of_the_template_and_loss_is_on_answers_and_their_ends(shape: str) -> None:
    made, end = tokenizer(SHAPES[shape]), ENDS[shape]
    for messages in (ONE, TWO) if shape == "brackets" else (ONE, TWO, SYSTEM):
        row = encode(made, messages, 4096)
        assert row.input_ids.tolist() == made.apply_chat_template(messages, tokenize=True, return_dict=True)["input_ids"]
        said = [message["content"] + end for message in messages if message["role"] == "assistant"]
        if shape == "thinking":
            said[-1] = "<think>\n\n</think>\n\n" + said[-1]
        assert answers(made, row) == ([" " + text for text in said] if shape == "brackets" else said)
        assert row.supervised == sum(label != -100 for label in row.labels)
        assert not row.truncated
    assert made.convert_ids_to_tokens(list(end_of_turn(made))) == [end]


@pytest.mark.parametrize("shape", SHAPES)
def test_many_rows_are_encoded_as_each_alone(shape: str) -> None:
    made = tokenizer(SHAPES[shape])
    rows = [ONE, TWO, LONG, TWO] * 3
    kept, counts = encode_all(made, rows, 4096)
    for row, messages in zip(kept, rows, strict=True):
        alone = encode(made, messages, 4096)
        assert row.input_ids.tolist() == alone.input_ids.tolist()
        assert row.labels.tolist() == alone.labels.tolist()
    assert counts["rows"] == counts["kept"] == 12
    assert counts["tokens"] == sum(map(len, kept))
    assert counts["supervised_tokens"] == sum(row.supervised for row in kept)


def test_marks_and_prompts_find_the_same_tokens() -> None:
    for messages in (ONE, TWO, SYSTEM):
        marked, prompted = encode(tokenizer(MARKED), messages, 4096), encode(tokenizer(CHATML), messages, 4096)
        assert marked.input_ids.tolist() == prompted.input_ids.tolist()
        assert marked.labels.tolist() == prompted.labels.tolist()


def test_marks_are_read_as_transformers_reads_them() -> None:
    made = _tokenizer(768, True)
    for messages in (ONE, TWO, SYSTEM):
        wanted = made.apply_chat_template(messages, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
        row = encode(made, messages, 4096)
        assert row.input_ids.tolist() == wanted["input_ids"]
        assert [label != -100 for label in row.labels.tolist()] == [bool(marked) for marked in wanted["assistant_masks"]]


def test_an_end_of_turn_token_right_behind_the_mark_is_learned_too() -> None:
    outside = MARKED.replace(
        "{{ m.content + '<|im_end|>' }}{% endgeneration %}", "{{ m.content }}{% endgeneration %}{{ '<|im_end|>' }}"
    )
    assert outside != MARKED
    assert encode(tokenizer(outside), TWO, 4096).labels.tolist() == encode(tokenizer(MARKED), TWO, 4096).labels.tolist()


def test_long_rows_are_cut_at_the_end_and_those_without_loss_are_left_out() -> None:
    made = tokenizer(CHATML)
    whole = len(encode(made, LONG, 4096))
    kept, counts = encode_all(made, [ONE, LONG, LONG], whole - 8)
    assert (counts["truncated"], counts["unsupervised"], counts["kept"]) == (2, 0, 3)
    assert [row.truncated for row in kept] == [False, True, True]
    assert len(kept[1]) == whole - 8
    kept, counts = encode_all(made, [ONE, LONG, LONG], 40)
    assert (counts["truncated"], counts["unsupervised"], counts["kept"]) == (2, 2, 1)
    assert encode(made, LONG, 40).supervised == 0


def test_conversations_without_an_answer_are_left_out() -> None:
    kept, counts = encode_all(tokenizer(CHATML), [ONE, ONE[:1]], 4096)
    assert (len(kept), counts["unsupervised"]) == (1, 1)


def test_conversations_that_the_template_refuses_are_counted() -> None:
    kept, counts = encode_all(tokenizer(SHAPES["brackets"]), [SYSTEM, ONE], 4096)
    assert (len(kept), counts["refused"], counts["rows"]) == (1, 1, 2)
    with pytest.raises(TemplateError, match="only user and assistant turns are known"):
        encode(tokenizer(SHAPES["brackets"]), SYSTEM, 4096)
    with pytest.raises(TemplateError, match="refuses every row; the first: .*only user and assistant"):
        encode_all(tokenizer(SHAPES["brackets"]), [SYSTEM, SYSTEM], 4096)


def test_a_conversation_that_begins_with_an_answer_is_refused_where_it_cannot_be_told_apart() -> None:
    with pytest.raises(TemplateError, match="begins with the assistant's turn"):
        encode(tokenizer(CHATML), ONE[1:], 4096)


def test_a_token_that_is_half_prompt_has_no_loss_and_is_counted() -> None:
    """Alone the prompt ends with one line end; before an answer that begins with one, both become one token."""
    made = tokenizer(CHATML)
    glued = [ONE[0], {"role": "assistant", "content": "\nYes"}]
    (row,), counts = encode_all(made, [glued], 4096)
    assert row.input_ids.tolist() == made.apply_chat_template(glued, tokenize=True, return_dict=True)["input_ids"]
    assert answers(made, row) == ["Yes<|im_end|>"]
    assert counts["joined"] == 1


def test_an_answer_that_holds_the_end_of_turn_mark_ends_there() -> None:
    made = tokenizer(CHATML)
    row = encode(made, [ONE[0], {"role": "assistant", "content": "one<|im_end|>two"}], 4096)
    assert answers(made, row) == ["one<|im_end|>"]


def test_a_prompt_whose_tokens_change_before_an_answer_is_refused() -> None:
    """At work the model would be asked with other tokens than it was taught on."""
    with pytest.raises(TemplateError, match="has other tokens alone than before an answer"):
        encode(tokenizer(SHAPES["headed"], like_gpt2=True), ONE, 4096)


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        (None, "the tokenizer has no chat template"),
        ("{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}", "no end-of-turn token after .* follows"),
        (
            "{{ messages | length }}" + CHATML,
            "no {% generation %} marks, and what it writes before turn 1 changes when the conversation goes on",
        ),
        (
            MARKED.replace("m.role == 'assistant'", "m.role == 'assistant' and loop.last"),
            "marks 1 assistant turns where there are 2",
        ),
        (
            MARKED.replace(
                "{{ m.content + '<|im_end|>' }}{% endgeneration %}", "{{ m.content }}{% endgeneration %}{{ '\n<|im_end|>' }}"
            ),
            "marks leave out the end-of-turn token",
        ),
        (CHATML.replace("m.content", "m.content[:3]"), "changes or loses an assistant's turn"),
        ("{{ raise_exception('not today') }}", "refuses a conversation: not today"),
    ],
)
def test_templates_that_cannot_be_trusted_are_refused_in_one_line(template: str | None, complaint: str) -> None:
    made = tokenizer(template)
    for ask in (lambda: encode(made, ONE, 4096), lambda: encode_all(made, [ONE], 4096)):
        with pytest.raises(TemplateError, match=complaint) as error:
            ask()
        assert "\n" not in str(error.value)
