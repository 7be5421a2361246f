"""Refinement, Generation -> what a terminal shows of them: what was asked, what came of it, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report.text import count, one_line
from harness.schema import Forecast, Generation, Refinement, RequestCounts


def show_refinement(found: Refinement) -> Group:
    """One fact a line."""
    title = f"{count(found.rows, 'row')}, {found.asked_rows:,} to be answered again"
    head = Text(title if found.asked_rows else f"{count(found.rows, 'row')}: none is to be answered again, nothing was asked")
    head.stylize("bold")
    return Group(head, _facts(_refined(found)), *_end(found.dataset is not None, found.folder, found.forecast is not None))


def show_generation(found: Generation) -> Group:
    """One fact a line."""
    read = "reference" if found.kind == "grounded" else "topic"
    head = Text(f"{count(found.topics, read)}, {count(found.dialogues, 'dialogue')} to be written", style="bold")
    return Group(head, _facts(_generated(found)), *_end(found.dataset is not None, found.folder, found.forecast is not None))


def _refined(found: Refinement) -> Iterator[tuple[str, str]]:
    people = {name: number for name, number in found.people.model_dump().items() if number}
    yield "people", _counts(people)
    yield "why again", _counts(found.reasons)
    if found.left:
        yield "left for later", f"{found.left:,} (--max-rows)"
    if found.forecast is not None:
        yield from _forecast(found.forecast)
        return
    if not found.asked_rows:
        return
    yield "accepted", f"{found.accepted:,}, of which {found.changed:,} say something else than before"
    if found.characters_before is not None and found.characters_after is not None:
        yield "mean length", f"{found.characters_before:,.0f} characters before, {found.characters_after:,.0f} after"
    yield "not accepted", _counts(found.unaccepted)
    yield "no reply yet", _counts(found.waiting)
    if found.dataset is not None and (found.kept_old or found.set_aside):
        yield "without one", f"{found.kept_old:,} stay as they were, {found.set_aside:,} are set aside in dropped.jsonl"
    yield "asked", _cost(found.requests)


def _generated(found: Generation) -> Iterator[tuple[str, str]]:
    yield "left out", _counts(found.dropped)
    if found.forecast is not None:
        yield from _forecast(found.forecast)
        return
    yield "written", f"{count(found.written, 'dialogue')} with {count(found.replies, 'reply', 'replies')}"
    yield "ended by", _counts(found.ends)
    if found.flagged:
        yield "in doubt", f"{found.flagged:,} are flagged: people should see them first"
    yield "no reply yet", _counts(found.waiting)
    yield "asked", _cost(found.requests)


def _forecast(found: Forecast) -> Iterator[tuple[str, str]]:
    stored = "" if not found.stored else f", {found.stored:,} of them answered before"
    yield "requests", f"{found.requests:,}{stored}; a reply that cannot be used costs one more"
    most = f"at most {found.completion_tokens_most:,}"
    yield "tokens", f"about {found.prompt_tokens:,} asked and {found.completion_tokens:,} answered, {most}"


def _cost(found: RequestCounts) -> str:
    spent = f"{found.spent_prompt_tokens:,} + {found.spent_completion_tokens:,} tokens"
    return f"{count(found.asked, 'request')} now ({spent}), {found.stored:,} answered before"


def _counts(found: Mapping[str, int]) -> str:
    ordered = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{one_line(name)} {number:,}" for name, number in ordered)


def _facts(facts: Iterator[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, said in facts:
        if said:
            table.add_row(name, Text(said))
    return table


def _end(made: bool, folder: str, dry: bool) -> Iterator[RenderableType]:
    if dry:
        yield Text("this is a dry run: nothing was asked, nothing written", style="dim")
    elif made:
        yield Text(f"the data set is in {one_line(folder)}", style="bold")
