"""Model × messages -> responses, without a task around them: for models that help, such as voters on a key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from lm_eval.api.instance import Instance

from harness.lm import template
from harness.lm.backends import open_backend
from harness.schema import Message, ModelRef, Response


def prompt_many(
    ref: ModelRef,
    prompts: Sequence[Sequence[Message]],
    max_tokens: int,
    deliver: Callable[[int, Response], None],
    *,
    runs: Path,
    batch_size: int | None = None,
) -> None:
    """Ask a local model everything, without sampling; each response is delivered as its batch is done.

    Prompts go through the model's chat template where it has one, else as plain text, turns below one another.

    Raises:
        ModelError: the model cannot be loaded, or refuses.
    """
    backend = open_backend(ref, batch_size=batch_size, concurrency=1, seed=0, runs=runs)
    applied = template.inspect(backend, "auto").applied
    requests = [_request(backend.lm, turns, number, max_tokens, applied) for number, turns in enumerate(prompts)]
    by_length = sorted(range(len(requests)), key=lambda number: (-len(str(requests[number].args[0])), number))
    unit = backend.unit or 1
    for start in range(0, len(by_length), unit):
        batch = by_length[start : start + unit]

        def pass_on(place: int, response: Response, batch: Sequence[int] = batch) -> None:
            deliver(batch[place], response)

        backend.generate([requests[number] for number in batch], pass_on)


def _request(lm: object, turns: Sequence[Message], number: int, max_tokens: int, applied: bool) -> Instance:
    history = [{"role": turn.role, "content": turn.content} for turn in turns]
    text = lm.apply_chat_template(history) if applied else "\n".join(turn.content for turn in turns)  # type: ignore[attr-defined]
    settings = {"until": [], "max_gen_toks": max_tokens, "do_sample": False}
    return Instance("generate_until", {}, (text, settings), 0, metadata=("prompt", number, 1))
