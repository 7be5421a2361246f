"""The options of the command line, each written once, and the small languages their values are written in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from harness.errors import UsageError

By = Literal["dimension", "topic", "level"]

ASKED: Final = "How a model is asked"
JUDGED: Final = "How replies are judged"
"""Panels of the help texts: of what most commands never need, below what they are about."""

Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        envvar="HARNESS_MODEL",
        help="Alias, checkpoint, path, hub id, openai:NAME, URL#NAME, replay:RUN or replay:FILE.jsonl.",
    ),
]
Tasks = Annotated[
    str, typer.Option("--tasks", "-t", help="Tasks, groups or patterns, comma-separated ([b]harness tasks[/] lists them).")
]
JudgeName = Annotated[
    str,
    typer.Option(
        "--judge",
        envvar="HARNESS_JUDGE",
        metavar="JUDGE",
        help="[b]rules[/] (offline, indicative only), [b]openai:MODEL[/] or [b]none[/].",
        rich_help_panel=JUDGED,
    ),
]
Threshold = Annotated[
    float,
    typer.Option(
        envvar="HARNESS_THRESHOLD",
        min=0,
        max=100,
        metavar="T",
        help="ACC of judged scores: share that reach it.",
        rich_help_panel=JUDGED,
    ),
]
OwnThreshold = Annotated[
    float | None, typer.Option("--threshold", min=0, max=100, metavar="T", show_default="the run's own", rich_help_panel=JUDGED)
]
Limit = Annotated[
    int | None, typer.Option("--limit", "-L", min=1, help="First N samples of each task; the run is not comparable.")
]
Backend = Annotated[
    Literal["hf", "vllm"] | None, typer.Option(help="For a path or hub id.", show_default="hf", rich_help_panel=ASKED)
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        envvar="HARNESS_MODEL_BASE_URL",
        metavar="URL",
        help="Endpoint of an openai:NAME model.",
        rich_help_panel=ASKED,
    ),
]
ModelArgs = Annotated[
    list[str] | None,
    typer.Option(
        "--model-arg",
        help="Backend argument, e.g. dtype=float32 (repeatable).",
        metavar="KEY=VALUE",
        rich_help_panel=ASKED,
    ),
]
Generation = Annotated[
    list[str] | None,
    typer.Option(
        "--gen",
        help="Generation setting, e.g. max_gen_toks=64 (repeatable).",
        metavar="KEY=VALUE",
        rich_help_panel=ASKED,
    ),
]
ChatTemplate = Annotated[
    Literal["auto", "none"], typer.Option("--chat-template", help="[b]none[/] sends plain text.", rich_help_panel=ASKED)
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size", "-b", min=1, metavar="N", help="Sequences a batch (hf).", show_default="16", rich_help_panel=ASKED
    ),
]
Concurrency = Annotated[
    int,
    typer.Option(
        envvar="HARNESS_CONCURRENCY",
        min=1,
        metavar="N",
        help="Requests in flight to an endpoint under test.",
        rich_help_panel=ASKED,
    ),
]
JudgeConcurrency = Annotated[
    int,
    typer.Option(
        "--judge-concurrency",
        envvar="HARNESS_JUDGE_CONCURRENCY",
        min=1,
        metavar="N",
        help="Judge requests in flight.",
        rich_help_panel=JUDGED,
    ),
]
KeyFiles = Annotated[
    list[str] | None,
    typer.Option(
        "--keys",
        help="Own answer key: FILE, or BENCHMARK=FILE (repeatable).",
        metavar="[NAME=]FILE",
        rich_help_panel=JUDGED,
    ),
]
MinConfidence = Annotated[
    Literal["high", "medium", "low"] | None,
    typer.Option("--key-min-confidence", help="Score only samples whose key is at least this sure.", rich_help_panel=JUDGED),
]
RubricNames = Annotated[
    list[str] | None,
    typer.Option(
        "--rubric",
        help="Judge by another rubric: a name that the benchmark lists ([b]upstream[/]), or a FILE (repeatable).",
        metavar="[NAME=]RUBRIC",
        rich_help_panel=JUDGED,
    ),
]
Seed = Annotated[int, typer.Option(metavar="N", help="Sent to endpoints; part of the run's identity.", rich_help_panel=ASKED)]
Fresh = Annotated[bool, typer.Option("--fresh", help="Ask again, into a new run, even where answers are stored.")]
FreshJudge = Annotated[
    bool, typer.Option("--fresh", help="Ask the judge again, into a new run, even where its verdicts are cached (--retest).")
]
Runs = Annotated[
    Path | None,
    typer.Option("--runs", envvar="HARNESS_RUNS", metavar="FOLDER", help="Folder of the runs.", show_default="runs"),
]
TrainerName = Annotated[str, typer.Option("--trainer", envvar="HARNESS_TRAINER", help="[b]harness trainers[/] lists them.")]
TrainerOptions = Annotated[
    list[str] | None, typer.Option("--option", help="For this trainer alone (repeatable).", metavar="KEY=VALUE")
]
Mixes = Annotated[
    Path | None,
    typer.Option("--mixes", envvar="HARNESS_MIXES", metavar="FOLDER", help="Folder of the mixes.", show_default="mixes"),
]
Data = Annotated[
    list[Path] | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        help="Data set whose tagged rows teach their areas, in place of the culture's sources (repeatable).",
    ),
]
DataOnly = Annotated[
    bool, typer.Option("--data-only", help="Refuse (exit 4) what --data cannot teach; retained tasks keep their sources.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Run = Annotated[str, typer.Argument(help="Run id, unique prefix, path, or [b]latest[/].", metavar="RUN")]
ShownBy = Annotated[By, typer.Option(help="Break the scores down by this.")]
Worst = Annotated[int, typer.Option(min=0, help="Show the N worst samples.")]
WorstOf = Annotated[str | None, typer.Option("--task", help="Worst samples of this task only.")]
Metrics = Annotated[
    str | None, typer.Option("--metric", metavar="NAMES", help="Only these metrics, comma-separated, e.g. acc,hr.")
]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print GitHub markdown.")]
ShowPath = Annotated[bool, typer.Option("--path", help="Print the task folder, for lm-eval's --include_path.")]


def words(text: str) -> list[str]:
    """`"a, b"` -> ["a", "b"]."""
    return [word.strip() for word in text.split(",") if word.strip()]


def pairs(items: list[str] | None, option: str) -> dict[str, Any]:
    """`["a=1,b=x"]` -> {"a": 1, "b": "x"}; values are JSON where they parse as JSON.

    Raises:
        UsageError: A part has no `=`.
    """
    found: dict[str, Any] = {}
    for item in (part for text in items or [] for part in text.split(",")):
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} takes KEY=VALUE, not '{item}'")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = {"True": True, "False": False, "None": None}.get(value, value)
    return found


def rubrics(items: list[str] | None) -> dict[str, str]:
    """`["belle=upstream"]` -> {"belle": "upstream"}; without a benchmark it is for all (''). A file becomes an absolute path.

    Raises:
        UsageError: two rubrics for one benchmark.
    """
    found: dict[str, str] = {}
    for item in items or []:
        name, _, what = item.rpartition("=")
        is_file = what.endswith(".toml") or "/" in what or what.startswith("~")
        rubric = str(Path(what).expanduser().resolve()) if is_file else what
        if found.setdefault(name, rubric) != rubric:
            raise UsageError(f"--rubric names two rubrics for {name or 'all tasks'}: '{found[name]}' and '{rubric}'")
    return found


def key_files(items: list[str] | None) -> dict[str, str]:
    """`["a_eval=mine.jsonl"]` -> {"a_eval": "/…/mine.jsonl"}; a bare file is for all benchmarks (name '')."""
    found = {}
    for item in items or []:
        name, equals, path = item.rpartition("=")
        found[name if equals else ""] = str(Path(path).expanduser().resolve())
    return found
