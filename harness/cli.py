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
from typing import TYPE_CHECKING, Any

import typer

from harness import options
from harness.errors import EXIT_ERROR, EXIT_INCOMPLETE, HarnessError

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


@app.command("eval")
def eval_command(
    model: options.Model,
    tasks: options.Tasks = "a_eval,chisafetybench_v0",
    judge: options.JudgeName = "rules",
    threshold: options.Threshold = 90.0,
    limit: options.Limit = None,
    backend: options.Backend = None,
    base_url: options.BaseUrl = None,
    model_args: options.ModelArgs = None,
    generation: options.Generation = None,
    chat_template: options.ChatTemplate = "auto",
    batch_size: options.BatchSize = None,
    concurrency: options.Concurrency = 32,
    judge_concurrency: options.JudgeConcurrency = 64,
    keys: options.KeyFiles = None,
    key_min_confidence: options.MinConfidence = None,
    seed: options.Seed = 1234,
    fresh: options.Fresh = False,
    runs: options.Runs = None,
    as_json: options.Json = False,
) -> None:
    """Measure a model. Interrupted? The same command goes on where it stopped."""
    from harness.verbs.evaluate import evaluate

    with _watched(as_json) as watch:
        record = evaluate(
            model,
            options.words(tasks),
            judge=judge,
            threshold=threshold,
            limit=limit,
            backend=backend,
            base_url=base_url,
            model_args=options.pairs(model_args, "--model-arg"),
            key_files=options.key_files(keys),
            key_min_confidence=key_min_confidence,
            generation=options.pairs(generation, "--gen"),
            chat_template=chat_template,
            batch_size=batch_size,
            concurrency=concurrency,
            judge_concurrency=judge_concurrency,
            seed=seed,
            fresh=fresh,
            runs=runs,
            watch=watch,
        )
    _print_record(record, "dimension", as_json)
    _exit_if_incomplete(record, judge)


@app.command("judge")
def judge_command(
    run: options.Run,
    judge: options.JudgeName = "rules",
    threshold: options.OwnThreshold = None,
    keys: options.KeyFiles = None,
    key_min_confidence: options.MinConfidence = None,
    judge_concurrency: options.JudgeConcurrency = 64,
    runs: options.Runs = None,
    as_json: options.Json = False,
) -> None:
    """Score the stored responses of a run again, without the model, as a new run."""
    from harness.verbs.judge import judge as judge_again

    with _watched(as_json) as watch:
        record = judge_again(
            run,
            judge=judge,
            threshold=threshold,
            key_files=options.key_files(keys),
            key_min_confidence=key_min_confidence,
            judge_concurrency=judge_concurrency,
            runs=runs,
            watch=watch,
        )
    _print_record(record, "dimension", as_json)
    _exit_if_incomplete(record, judge)


@app.command("runs")
def runs_command(runs: options.Runs = None, as_json: options.Json = False) -> None:
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
    run: options.Run = "latest",
    by: options.ShownBy = "dimension",
    worst: options.Worst = 0,
    task: options.WorstOf = None,
    metric: options.Metrics = None,
    markdown: options.Markdown = False,
    runs: options.Runs = None,
    as_json: options.Json = False,
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
        record = _only_metrics(record, options.words(metric))
    if markdown:
        sys.stdout.write(run_markdown(record, by=by))
        return
    _print_record(record, by, as_json)
    if worst and not as_json:
        _console().print(console.show_samples(read_samples(find_run(run, root), task), worst=worst))


@app.command("tasks")
def tasks_command(name: options.TaskName = None, path: options.ShowPath = False, as_json: options.Json = False) -> None:
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
def models_command(as_json: options.Json = False) -> None:
    """List the models that --model knows by name."""
    from harness.models import list_models
    from harness.report import listings

    models = list_models()
    if as_json:
        _print_json([model.model_dump(mode="json") for model in models])
    else:
        _console().print(listings.model_table(models))


@app.command("keys")
def keys_command(as_json: options.Json = False) -> None:
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


def _print_record(record: RunRecord, by: options.By, as_json: bool) -> None:
    if as_json:
        _print_json(record.model_dump(mode="json"))
        return
    from harness.report import console

    _console().print(console.show_run(record, by=by))


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
