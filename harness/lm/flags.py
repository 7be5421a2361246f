"""Response -> trouble that can be seen in it."""

from __future__ import annotations

from harness.schema import FinishReason, Response


def flags(response: Response, visible: str, cut_reasoning: bool) -> tuple[str, ...]:
    """Names of what went wrong, sorted.

    Args:
        response: as generated.
        visible: its text without the reasoning.
        cut_reasoning: it ends inside its reasoning.
    """
    if response.text is None:
        return ("error",)
    seen = {
        "cut_reasoning": cut_reasoning,
        "cut_off": response.finish_reason is FinishReason.LENGTH,
        "empty": not visible.strip(),
        "truncated_prompt": response.truncated_prompt,
    }
    return tuple(sorted(flag for flag, yes in seen.items() if yes))
