"""The command line: parse, call one verb, print one noun, exit with its code. Nothing heavy is imported before it is needed.

Exit codes: 0 done · 1 unexpected error, or the model or judge cannot be used · 2 the command or a file is wrong ·
3 the run is incomplete · 130 interrupted (the same command goes on).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.errors import EXIT_ERROR, EXIT_INCOMPLETE, HarnessError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from harness.measure import Watch
    from harness.schema import RunRecord

EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="harness",
    help="Measure an English LLM in another culture, adapt it, and prove what was done.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


class Backend(StrEnum):
    """Backends for a path or hub id."""

    HF = "hf"
    VLLM = "vllm"


class Confidence(StrEnum):
    """How sure an answer key is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class By(StrEnum):
    """What scores are broken down by."""

    DIMENSION = "dimension"
    TOPIC = "topic"
    LEVEL = "level"


class Template(StrEnum):
    """Whether the model's chat template is used."""

    AUTO = "auto"
    NONE = "none"


Runs = Annotated[
    Path | None, typer.Option("--runs", envvar="HARNESS_RUNS", help="Folder of the runs.  [default: runs]", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
JudgeName = Annotated[
    str,
    typer.Option(
        "--judge", envvar="HARNESS_JUDGE", help="[b]rules[/] (offline, indicative only), [b]openai:MODEL[/] or [b]none[/]."
    ),
]
KeyFiles = Annotated[
    list[str] | None, typer.Option("--keys", help="Own answer key: FILE, or BENCHMARK=FILE (repeatable).", metavar="[NAME=]FILE")
]
MinConfidence = Annotated[
    Confidence | None,
    typer.Option("--key-min-confidence", "--key_min_confidence", help="Score only samples whose key is at least this sure."),
]
JudgeConcurrency = Annotated[
    int,
    typer.Option(
        "--judge-concurrency", "--judge_concurrency", envvar="HARNESS_JUDGE_CONCURRENCY", min=1, help="Judge requests in flight."
    ),
]


@app.command("eval")
def eval_command(
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            envvar="HARNESS_MODEL",
            help="Alias, checkpoint, path, hub id, openai:NAME, URL#NAME, replay:RUN or replay:FILE.jsonl.",
        ),
    ],
    tasks: Annotated[
        str, typer.Option("--tasks", "-t", help="Tasks, groups or patterns, comma-separated ([b]harness tasks[/] lists them).")
    ] = "a_eval,chisafetybench_v0",
    judge: JudgeName = "rules",
    threshold: Annotated[
        float, typer.Option(envvar="HARNESS_THRESHOLD", min=0, max=100, help="ACC of judged scores: share that reach it.")
    ] = 90.0,
    limit: Annotated[
        int | None, typer.Option("--limit", "-L", min=1, help="First N samples of each task; the run is not comparable.")
    ] = None,
    backend: Annotated[Backend | None, typer.Option(help="For a path or hub id.  [default: hf]", show_default=False)] = None,
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", "--base_url", envvar="HARNESS_MODEL_BASE_URL", help="Endpoint of an openai:NAME model."),
    ] = None,
    model_args: Annotated[
        list[str] | None,
        typer.Option(
            "--model-arg", "--model_args", help="Backend argument, e.g. dtype=float32 (repeatable).", metavar="KEY=VALUE"
        ),
    ] = None,
    generation: Annotated[
        list[str] | None,
        typer.Option("--gen", "--gen_kwargs", help="Generation setting, e.g. max_gen_toks=64 (repeatable).", metavar="KEY=VALUE"),
    ] = None,
    chat_template: Annotated[
        Template, typer.Option("--chat-template", "--chat_template", help="[b]none[/] sends plain text.")
    ] = Template.AUTO,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size", "--batch_size", "-b", min=1, help="Sequences a batch (hf).  [default: 16]", show_default=False
        ),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(envvar="HARNESS_CONCURRENCY", min=1, help="Requests in flight to an endpoint under test.")
    ] = 32,
    judge_concurrency: JudgeConcurrency = 64,
    keys: KeyFiles = None,
    key_min_confidence: MinConfidence = None,
    seed: Annotated[int, typer.Option(help="Sent to endpoints; part of the run's identity.")] = 1234,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask again, into a new run, even where answers are stored.")] = False,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Measure a model. Interrupted? The same command goes on where it stopped."""
    from harness.verbs.evaluate import evaluate

    with _watched(as_json) as watch:
        record = evaluate(
            model,
            _words(tasks),
            judge=judge,
            threshold=threshold,
            limit=limit,
            backend=backend.value if backend else None,
            base_url=base_url,
            model_args=_pairs(model_args, "--model-arg"),
            key_files=_key_files(keys),
            key_min_confidence=key_min_confidence.value if key_min_confidence else None,
            generation=_pairs(generation, "--gen"),
            chat_template=chat_template.value,
            batch_size=batch_size,
            concurrency=concurrency,
            judge_concurrency=judge_concurrency,
            seed=seed,
            fresh=fresh,
            runs=runs,
            watch=watch,
        )
    _print_record(record, By.DIMENSION, as_json)
    _exit_if_incomplete(record, judge)


@app.command("judge")
def judge_command(
    run: Annotated[str, typer.Argument(help="Run id, unique prefix, path, or [b]latest[/].")],
    judge: JudgeName = "rules",
    threshold: Annotated[float | None, typer.Option(min=0, max=100, help="[default: the run's own]", show_default=False)] = None,
    keys: KeyFiles = None,
    key_min_confidence: MinConfidence = None,
    judge_concurrency: JudgeConcurrency = 64,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Score the stored responses of a run again, without the model, as a new run."""
    from harness.verbs.judge import judge as judge_again

    with _watched(as_json) as watch:
        record = judge_again(
            run,
            judge=judge,
            threshold=threshold,
            key_files=_key_files(keys),
            key_min_confidence=key_min_confidence.value if key_min_confidence else None,
            judge_concurrency=judge_concurrency,
            runs=runs,
            watch=watch,
        )
    _print_record(record, By.DIMENSION, as_json)
    _exit_if_incomplete(record, judge)


@app.command("runs")
def runs_command(runs: Runs = None, as_json: Json = False) -> None:
    """List the runs, unfinished ones too."""
    from harness import folders
    from harness.report import console
    from harness.runs import list_runs

    summaries = list_runs(folders.runs_dir(runs))
    if as_json:
        _print_json([summary.model_dump(mode="json") for summary in summaries])
    else:
        _console().print(console.list_table(summaries))


@app.command("show")
def show_command(
    run: Annotated[str, typer.Argument(help="Run id, unique prefix, path, or [b]latest[/].")] = "latest",
    by: Annotated[By, typer.Option(help="Break the scores down by this.")] = By.DIMENSION,
    worst: Annotated[int, typer.Option(min=0, help="Show the N worst samples.")] = 0,
    task: Annotated[str | None, typer.Option(help="Worst samples of this task only.")] = None,
    metric: Annotated[str | None, typer.Option(help="Only these metrics, comma-separated, e.g. acc,hr.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print GitHub markdown.")] = False,
    runs: Runs = None,
    as_json: Json = False,
) -> None:
    """Show the scores of a run, and its worst samples."""
    from harness import folders
    from harness.report import console
    from harness.report.markdown import run_markdown
    from harness.runs import find_run, load_run, read_samples

    root = folders.runs_dir(runs)
    record = load_run(run, root)
    if task is not None and task not in record.tasks:
        from harness.errors import unknown

        raise unknown(f"task in run {record.id}", task, record.tasks)
    if metric is not None:
        record = _only_metrics(record, _words(metric))
    if markdown:
        sys.stdout.write(run_markdown(record, by=by.value))
        return
    _print_record(record, by, as_json)
    if worst and not as_json:
        _console().print(console.show_samples(read_samples(find_run(run, root), task), worst=worst))


@app.command("tasks")
def tasks_command(
    name: Annotated[str | None, typer.Argument(help="Show one task or group.")] = None,
    path: Annotated[bool, typer.Option("--path", help="Print the task folder, for lm-eval's --include_path.")] = False,
    as_json: Json = False,
) -> None:
    """List what can be evaluated."""
    from harness import catalog, folders

    if path:
        typer.echo(folders.home() / "tasks")
        return
    known = catalog.read()
    names = [name] if name else sorted(known.entries)
    rows = [_task_row(known, known.find(one)) for one in names]
    if as_json:
        _print_json(rows)
    else:
        from harness.report import listings

        _console().print(listings.task_table(rows, whole=name is not None))


@app.command("models")
def models_command(as_json: Json = False) -> None:
    """List the models that --model knows by name."""
    from harness.models import list_models
    from harness.report import listings

    models = list_models()
    if as_json:
        _print_json([model.model_dump(mode="json") for model in models])
    else:
        _console().print(listings.model_table(models))


@app.command("keys")
def keys_command(as_json: Json = False) -> None:
    """List the answer keys, their provenance and how sure they are."""
    from harness.report import listings
    from harness.verbs.keys import keys

    summaries = keys()
    if as_json:
        _print_json([summary.model_dump(mode="json") for summary in summaries])
    else:
        _console().print(listings.key_table(summaries))


def _only_metrics(record: RunRecord, names: list[str]) -> RunRecord:
    from harness.errors import unknown

    known = {score.metric for score in record.scores}
    wanted = {name.lower().replace("-", "_") for name in names}
    for name in sorted(wanted - known):
        raise unknown(f"metric in run {record.id}", name, known)
    return record.model_copy(update={"scores": tuple(score for score in record.scores if score.metric in wanted)})


def _task_row(known: Any, entry: Any) -> dict[str, Any]:
    return {
        "name": entry.name,
        "alias": entry.alias,
        "kind": "group" if entry.is_group else "task",
        "tasks": list(known.leaves(entry.name)),
        "version": entry.metadata.get("version"),
        "path": str(entry.path),
    }


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _pairs(items: list[str] | None, option: str) -> dict[str, Any]:
    """`["a=1,b=x"]` -> {"a": 1, "b": "x"}; values are JSON where they parse as JSON."""
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


def _key_files(items: list[str] | None) -> dict[str, str]:
    found = {}
    for item in items or []:
        name, equals, path = item.rpartition("=")
        found[name if equals else ""] = str(Path(path).expanduser().resolve())
    return found


def _print_record(record: RunRecord, by: By, as_json: bool) -> None:
    if as_json:
        _print_json(record.model_dump(mode="json"))
        return
    from harness.report import console

    _console().print(console.show_run(record, by=by.value))


def _exit_if_incomplete(record: RunRecord, judge: str) -> None:
    if not record.complete and judge != "none":
        missing = [f"{c.task} {c.judged}/{c.n}" for c in record.coverage if c.share < 0.99]
        typer.echo(f"harness: incomplete: judged {', '.join(missing)}; the same command asks again for what is missing", err=True)
        raise typer.Exit(EXIT_INCOMPLETE)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


@contextmanager
def _watched(quiet: bool) -> Iterator[Watch | None]:
    """Progress bars on stderr, one a stage; none where stderr is no terminal and JSON was asked."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet and not sys.stderr.isatty()) as progress:
        bars: dict[str, Any] = {}

        def watch(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage, total=total)
            progress.update(bars[stage], completed=done, total=total)

        try:
            yield watch
        except KeyboardInterrupt:
            progress.stop()
            typer.echo("harness: interrupted; nothing that was answered is lost, the same command goes on", err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None


def main() -> None:
    """Entry point: every error is one line on stderr; `HARNESS_DEBUG=1` adds the traceback of an unexpected one."""
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except HarnessError as error:
        typer.echo(f"harness: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_ERROR)
    except Exception as error:
        if os.environ.get("HARNESS_DEBUG"):
            raise
        text = " ".join(str(error).split())[:300]
        typer.echo(f"harness: unexpected {type(error).__name__}: {text} (HARNESS_DEBUG=1 shows where)", err=True)
        sys.exit(EXIT_ERROR)


if __name__ == "__main__":
    main()
