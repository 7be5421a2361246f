from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from harness.report import console
from harness.runs import RunSummary
from harness.schema import Message, ModelRef, Response, RunRecord, Sample, Verdict
from tests.report.conftest import Render
from tests.runs.made import provenance, record, result, share

HOSTILE = "[bold red]x[/] [/nope] \x1b[31mred\x07\x9b2J \u202eback :smile: \ud83d"


def row(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(name))


def test_a_benchmark_shows_its_dimensions_then_both_averages(full: RunRecord, render: Render) -> None:
    text = render(console.show_run(full))
    assert row(text, "TU").split() == ["TU", "186", "46.77", "39.7–53.9", "96.77"]
    first = text[: text.index("mcq\n")]
    assert [line.split()[0] for line in first.splitlines() if line[:2] in ("TU", "TP", "ov")] == [
        "TU",
        "TP",
        "overall,",
        "overall,",
    ]
    assert row(text, "overall, micro").split()[2:5] == ["236", "39.83", "33.8–46.2"]
    assert row(text, "overall, macro").split()[2:4] == ["236", "30.39"]


def test_metrics_go_by_their_published_names(full: RunRecord, render: Render) -> None:
    text = render(console.show_run(full))
    for name in ("ACC", "RR-1", "RR-2", "HR", "always A", "always B", "chance", "zh share"):
        assert name in text


def test_baselines_stand_beside_multiple_choice_and_expose_what_they_explain(full: RunRecord, render: Render) -> None:
    text = render(console.show_run(full))
    assert row(text, "DI").split() == ["DI", "1,114", "45.42", "42.5–48.4", "29.98", "62.03", "41.02", "0.00"]
    assert "ACC is not clearly above answering without reading: DI (always B 62.03), SR (always B 61.54)" in text


def test_a_column_of_zeros_is_said_once(full: RunRecord, render: Render) -> None:
    text = render(console.show_run(full))
    assert "also, overall: unjudged 0.00" in text


def test_coverage_and_key_stand_under_their_benchmark(full: RunRecord, render: Render) -> None:
    text = render(console.show_run(full))
    said = "236 asked · 235 with a reply · 233 judged (98.7%) · 200 with a usable key · 12 contested · 2 unjudged"
    assert said in text
    assert "key drafted-v1@3fa9c1d2 · drafted by models · not reviewed · at least medium confidence" in text
    assert "high-confidence keys only: ACC 59.41 [49.7–68.5], n 101" in text
    assert "1,552 asked · all judged · 2 invalid" in text


def test_the_head_says_what_was_asked_of_whom(full: RunRecord, render: Render) -> None:
    head = render(console.show_run(full)).splitlines()[:4]
    assert head[0] == "llama3-8b-safe"
    assert head[1] == "hf · checkpoints/safe · safety after llama3-8b-kg"
    assert head[3] == "2026-08-22 14:03 UTC · 64 s · 1,540 tokens · judge rules@1 · harness 0.1.0 (9a1c2de)"


def test_the_head_names_a_rubric_that_was_chosen(render: Render) -> None:
    chosen = {f"belle_{one}": f"1.0@6b57e75b by upstream_{one}@4ea28a7e" for one in ("extract", "rewrite")}
    made = record("run", provenance=provenance(judge="openai:j", tasks={**chosen, "a_eval_tu": "1.0@6b57e75b"}))
    assert "judge openai:j by rubric upstream ·" in render(console.show_run(made))
    own = record("run", provenance=provenance(judge="openai:j", tasks={"belle_extract": "1.0@6b57e75b by mine@4ea28a7e"}))
    assert "judge openai:j by rubric mine ·" in render(console.show_run(own))


def test_notes_are_shown(full: RunRecord, render: Render) -> None:
    assert "· judged by rules: indicative only" in render(console.show_run(full))


def test_a_limited_and_an_incomplete_run_say_so_first(render: Render) -> None:
    text = render(console.show_run(record(comparable=False, limit=5, complete=False)))
    assert text.index("! not comparable: only the first 5 samples of each task") < text.index("demo\n")
    assert "! incomplete" in text


def test_what_a_note_says_already_is_not_said_twice(render: Render) -> None:
    text = render(console.show_run(record(comparable=False, limit=5, notes=("limited run: not comparable",))))
    assert text.count("not comparable") == 1


def test_a_run_without_scores_says_so(render: Render) -> None:
    text = render(console.show_run(record(scores=())))
    assert "No scores: nothing was judged." in text


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
@pytest.mark.parametrize("by", ["dimension", "topic", "level"])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_cut(
    full: RunRecord, render: Render, width: int, by: console.By
) -> None:
    text = render(console.show_run(full, by), width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    for number in ("39.83", "55.03", "52.38"):
        assert number in text
    assert "…" not in text


def test_in_a_narrow_terminal_lesser_columns_become_a_line_and_intervals_go_below(full: RunRecord, render: Render) -> None:
    text = render(console.show_run(full), 60)
    lines = text[text.index("refusal\n") :].splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("VV"))
    assert lines[place].split() == ["VV", "266", "81.20", "69.92", "0.00"]
    assert lines[place + 1].split() == ["76.1–85.4", "64.2–75.1", "0.0–1.4"]
    assert "always A 30.03 · always B 61.98 · chance" in " ".join(text.split())


def test_by_topic_shows_topics_with_chinese_names_aligned(full: RunRecord, render: Render) -> None:
    text = render(console.show_run(full, "topic"))
    assert row(text, "短文本分类").split() == ["短文本分类", "26", "38.46", "22.4–57.5", "–"]
    assert cell_len(row(text, "短文本分类").rstrip()) == cell_len(row(text, "语义解析").rstrip())
    assert "TU" not in text


def test_levels_go_from_easy_to_hard(full: RunRecord, render: Render) -> None:
    text = render(console.show_run(full, "level"))
    assert text.index("easy") < text.index("medium") < text.index("hard")


def test_a_benchmark_that_mixes_questions_and_requests_gets_two_tables(render: Render) -> None:
    mixed = [share("mixed", "dimension", "DI", metric, 5, n) for metric, n in (("acc", 10), ("hr", 20))]
    lines = render(console.show_run(record(scores=tuple(mixed), benchmarks=("mixed",)))).splitlines()
    rows = [line.split()[:2] for line in lines if line.startswith("DI")]
    assert rows == [["DI", "10"], ["DI", "20"]]


def test_a_metric_of_a_plug_in_is_shown_under_its_own_name(render: Render) -> None:
    odd = share("demo", "dimension", "TU", "style_points", 5, 10)
    assert "style points" in render(console.show_run(record(scores=(odd,))))


def test_nothing_a_model_or_data_file_says_steers_the_terminal(render: Render) -> None:
    hostile = record(
        model=ModelRef(name=HOSTILE, backend="hf", source=HOSTILE),
        scores=(share(HOSTILE, "dimension", HOSTILE, "acc", 1, 2),),
        benchmarks=(HOSTILE,),
        notes=(HOSTILE,),
        provenance=provenance(judge=HOSTILE),
    )
    text = render(console.show_run(hostile), 200)
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\ud83d"} & set(text)
    assert text.count("[bold red]x[/]") == 6
    assert ":smile:" in text
    worst = result(HOSTILE, response=Response(text=HOSTILE), metrics={"acc": 0.0}, flags=(HOSTILE,))
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(render(console.show_samples([worst])))


def troubled() -> list[object]:
    options = {"A": "red", "B": "blue"}
    asked = Sample(id="mcq-1", hash="h", question="Which?", dimension="DI", topic="colours", options=options, target="A")
    turns = (Message(role="user", content="hello"), Message(role="assistant", content="hello"))
    return [
        result("fine"),
        result("flagged", flags=("cut_off",)),
        result("wrong", sample=asked, verdict=Verdict(state="ok", label="B", judge="r"), metrics={"acc": 0.0}),
        result("both", verdict=Verdict(state="invalid", reason="two letters", judge="r"), metrics={"acc": 0.0, "invalid": 1.0}),
        result("lost", response=Response(text=None, error="HTTP 400"), verdict=None, metrics={}, flags=("error",)),
        result("harm", sample=asked.model_copy(update={"id": "harm", "history": turns}), metrics={"hr": 1.0, "rr_1": 0.0}),
        result("mild", metrics={"hr": 0.0, "rr_1": 0.0}),
        result("prude", metrics={"answered": 0.0}),
        result("open", verdict=Verdict(state="unjudged", reason="no JSON", judge="r"), metrics={"unjudged": 1.0}),
    ]


def test_the_worst_samples_come_first_and_fine_ones_not_at_all(render: Render) -> None:
    text = render(console.show_samples(troubled()))  # type: ignore[arg-type]
    heads = [line.split("  ")[0] for line in text.splitlines() if line and not line.startswith(" ")]
    assert heads == [
        "harmful: said A, right is A",
        "no answer [error]",
        "unjudged",
        "invalid",
        "wrong: said B, right is A",
        "not refused: said A",
        "refused a harmless request: said A",
        "odd: said A [cut_off]",
    ]
    assert "mcq-1 · demo_tu · DI · colours" in text
    assert "2 turns of dialogue" in text
    assert "HTTP 400" in text
    assert "fine" not in text


def test_only_as_many_as_asked_are_shown_and_low_scores_first(render: Render) -> None:
    low = [result(f"s-{score}", metrics={"acc": 0.0, "score": float(score)}) for score in (70, 10, 40)]
    text = render(console.show_samples(low, worst=2))
    assert text.index("s-10") < text.index("s-40")
    assert "s-70" not in text


def test_long_text_is_shortened(render: Render) -> None:
    text = render(console.show_samples([result("long", response=Response(text="长" * 5000), metrics={"acc": 0.0})]))
    assert "…" in text
    assert len(text) < 1500


def test_a_run_without_trouble_says_so(render: Render) -> None:
    assert "No harmful, wrong" in render(console.show_samples([result()]))


def test_an_empty_reply_is_visible(render: Render) -> None:
    assert "(empty)" in render(console.show_samples([result(response=Response(text="  "), metrics={"acc": 0.0})]))


def test_a_list_of_runs_shows_state_and_limit(render: Render) -> None:
    one = RunSummary(
        id="a-run", path=Path("a"), state="finished", model="m", started="2026-08-22T14:03:11+00:00", comparable=False, limit=20
    )
    two = one.model_copy(update={"id": "b-run", "state": "broken", "comparable": None, "why": "schema harness.run/9"})
    text = render(console.list_table([one, two]), 80)
    assert (
        row(text, "2026").split(None, 2) == ["2026-08-22", "14:03", "finished, limit 20   a-run"] or "finished, limit 20" in text
    )
    assert "schema harness.run/9" in text


def test_an_empty_list_of_runs_says_how_to_begin(render: Render) -> None:
    assert "harness eval" in render(console.list_table([]))
