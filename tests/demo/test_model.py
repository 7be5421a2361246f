"""What the demo model learns from, step by step."""

from __future__ import annotations

from typing import Any

import pytest

from harness.demo.corpus import Lesson
from harness.demo.model import BATCH, encode, new_model, one_thread, rate, shuffled_batches, train


def test_of_a_question_only_the_answer_is_learnt(tokenizer: Any) -> None:
    [(ids, skipped)] = encode(tokenizer, [Lesson("3 + 1 = ?", "4")])
    assert tokenizer.decode(ids[:skipped]) == "<|user|>3 + 1 = ?<|end|><|assistant|>"
    assert tokenizer.decode(ids[skipped:]) == "4<|end|>"


def test_plain_text_is_learnt_from_its_first_character_on(tokenizer: Any) -> None:
    [(ids, skipped)] = encode(tokenizer, [Lesson(None, "祝老师新年快乐。")])
    assert tokenizer.decode(ids[skipped:]) == "祝老师新年快乐。<|end|>"
    assert skipped == 1


def test_every_lesson_is_in_one_batch() -> None:
    lengths = [n % 37 for n in range(1000)]
    batches = shuffled_batches(lengths, 0)
    assert sorted(i for batch in batches for i in batch) == list(range(1000))
    assert max(map(len, batches)) == BATCH
    assert batches == shuffled_batches(lengths, 0) != shuffled_batches(lengths, 1)


def test_batches_hold_lessons_of_like_length() -> None:
    lengths = [n % 37 for n in range(1000)]
    spread = [max(lengths[i] for i in b) - min(lengths[i] for i in b) for b in shuffled_batches(lengths, 0)]
    assert sum(spread) / len(spread) < 4


def test_the_learning_rate_rises_and_then_falls_to_nothing() -> None:
    rates = [rate(step, 1000) for step in range(1000)]
    assert rates[0] == pytest.approx(1 / 30)
    assert max(rates) == rates[29] == rates[30] == 1
    assert rates[30:] == sorted(rates[30:], reverse=True)
    assert rates[-1] < 1e-5


def test_a_head_has_a_width_that_vllm_takes_on_a_cpu(tokenizer: Any) -> None:
    config = new_model(tokenizer).config
    assert config.head_dim == 32
    assert config.max_position_embeddings >= 512


def test_training_lowers_the_loss_on_what_it_reads(tokenizer: Any) -> None:
    rows = encode(tokenizer, [Lesson("Opposite of hot:", "cold"), Lesson("Opposite of wet:", "dry")] * 160)
    losses: list[float] = []
    with one_thread(0):
        result = train(new_model(tokenizer), rows, 0, lambda _done, _all, loss: losses.append(loss))
    assert result.steps == len(losses) == 20
    assert losses[-1] < 0.5 * losses[0]
    assert result.final_loss == pytest.approx(sum(losses) / 20)


def test_padding_does_not_change_what_is_learnt(tokenizer: Any) -> None:
    import torch

    from harness.demo.model import _loss

    rows = encode(tokenizer, [Lesson("3 + 1 = ?", "4"), Lesson("What is the opposite of strong and of big?", "weak small")])
    with one_thread(0), torch.no_grad():
        model = new_model(tokenizer).eval()
        together = float(_loss(model, rows))
        alone = [float(_loss(model, [row])) for row in rows]
    learnt = [len(ids) - skipped for ids, skipped in rows]
    assert together == pytest.approx(sum(a * n for a, n in zip(alone, learnt, strict=True)) / sum(learnt), rel=1e-5)


def test_threads_and_random_state_are_as_before_even_after_an_interruption() -> None:
    import torch

    def interrupted() -> None:
        with one_thread(0):
            assert torch.get_num_threads() == 1
            torch.rand(3)
            raise KeyboardInterrupt

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        before = torch.random.get_rng_state()
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert torch.get_num_threads() == 2
        assert torch.equal(torch.random.get_rng_state(), before)
    finally:
        torch.set_num_threads(threads)
