from __future__ import annotations

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from harness.report.markdown import escape, list_markdown, run_markdown, samples_markdown
from harness.runs import RunSummary
from harness.schema import ModelRef, Response, RunRecord
from tests.runs.made import provenance, record, result, share

HOSTILE = [
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "a | b",
    "<img src=x onerror=alert(1)>",
    "&lt;b&gt; &copy;",
    "[text](http://evil.example)",
    "![image](http://evil.example/x.png)",
    "**bold** _it_ __b__ ~~gone~~ `code`",
    "line\nbreak\n\n# heading",
    "\\| \\<b>",
    "```\nfence",
    "$x$",
    "=== ---",
]


def html(markdown: str) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)


def test_the_table_has_numbers_intervals_and_baselines(full: RunRecord) -> None:
    text = run_markdown(full)
    assert "| dimension | n | ACC | invalid | always A | always B | chance |" in text
    assert "| DI | 1,114 | 45.42 (42.5–48.4) | 0.00 | 29.98 | 62.03 | 41.02 |" in text
    assert "| **overall, micro** | 462 | 52.38 (47.8–56.9) | 41.99 (37.6–46.5) | 0.65 (0.2–1.9) |" in text


def test_it_says_what_the_console_says(full: RunRecord) -> None:
    text = run_markdown(full)
    assert "- 236 asked · 235 with a reply · 233 judged (98.7%)" in text
    assert "- **ACC is not clearly above answering without reading: DI (always B 62.03), SR (always B 61.54)**" in text
    assert "- judged by rules: indicative only" in text
    limited = run_markdown(record(comparable=False, limit=5))
    assert "> **not comparable: only the first 5 samples of each task**" in limited


def test_the_same_record_gives_the_same_bytes(full: RunRecord) -> None:
    assert run_markdown(full) == run_markdown(RunRecord.model_validate_json(full.model_dump_json()))


def test_every_table_row_has_as_many_cells_as_its_head(full: RunRecord) -> None:
    tables = [line for line in run_markdown(full, "topic").splitlines() if line.startswith("|")]
    blocks: list[set[int]] = []
    for line in tables:
        if line.startswith("| topic"):
            blocks.append(set())
        blocks[-1].add(line.replace("\\|", "").count("|"))
    assert blocks
    assert all(len(block) == 1 for block in blocks)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_models_and_data_is_no_markup(text: str) -> None:
    hostile = record(
        model=ModelRef(name=text, backend="hf", source=text),
        scores=(share(text, "dimension", text, "acc", 1, 2),),
        benchmarks=(text,),
        notes=(text,),
        provenance=provenance(judge=text),
    )
    plain = html(run_markdown(record(notes=("x",), scores=(share("x", "dimension", "x", "acc", 1, 2),), benchmarks=("x",))))
    shown = html(run_markdown(hostile))
    for tag in (
        "<h1",
        "<h2",
        "<h3",
        "<a",
        "<img",
        "<em",
        "<strong",
        "<code",
        "<li",
        "<ol",
        "<blockquote",
        "<s>",
        "<td",
        "<pre",
        "<b>",
    ):
        assert shown.count(tag) == plain.count(tag), tag


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_escaped_reads_as_it_was(text: str) -> None:
    shown = html(f"x {escape(text)}")
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        shown = shown.replace(entity, char)
    assert shown.strip().replace("\u200b", "") == f"<p>x {' '.join(text.split())}</p>"


def test_nobody_is_mentioned_and_nothing_is_linked() -> None:
    assert "@someone" not in escape("thanks @someone")
    assert "://" in escape("http://h/v1").replace("\u200b", "")
    assert "http://" not in escape("see http://evil.example")
    assert "#12" not in escape("fixes #12")
    assert escape("judge rules@1, drafted-v1@3fa9, a_eval_tu") == "judge rules@1, drafted-v1@3fa9, a_eval_tu"


def test_samples_are_listed_worst_first_without_markup() -> None:
    text = samples_markdown([result(metrics={"acc": 0.0}, response=Response(text="<b>no</b>\n# not a heading"))])
    assert text.startswith("**wrong: said A** — s-1 · demo_tu · TU\n")
    assert "<b>" not in html(text)
    assert "<h1" not in html(text)
    assert samples_markdown([result()]) == "No harmful, wrong, invalid, unjudged or flagged samples.\n"


def test_a_list_of_runs_is_a_table() -> None:
    run = RunSummary(
        id="r|1", path=Path("r"), state="finished", model="m", benchmarks=("a", "b"), started="2026-08-22T14:03:11+00:00"
    )
    assert list_markdown([run]).splitlines()[2] == "| r\\|1 | m | a, b | finished | 2026-08-22 14:03 UTC |"
