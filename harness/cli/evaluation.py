"""The commands that measure and show: eval, judge, runs, show, models."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from harness import options
from harness.cli.app import app, console, print_json, watched
from harness.errors import EXIT_INCOMPLETE

if TYPE_CHECKING:
    from harness.schema import RunRecord


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
    rubrics: options.RubricNames = None,
    seed: options.Seed = 1234,
    fresh: options.Fresh = False,
    runs: options.Runs = None,
    as_json: options.Json = False,
) -> None:
    """Measure a model. Interrupted? The same command goes on where it stopped."""
    from harness.verbs.evaluate import evaluate

    with watched(as_json) as watch:
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
            rubrics=options.rubrics(rubrics),
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
    rubrics: options.RubricNames = None,
    judge_concurrency: options.JudgeConcurrency = 64,
    fresh: options.FreshJudge = False,
    runs: options.Runs = None,
    as_json: options.Json = False,
) -> None:
    """Score the stored responses of a run again, without the model, as a new run."""
    from harness.verbs.judge import judge as judge_again

    with watched(as_json) as watch:
        record = judge_again(
            run,
            judge=judge,
            threshold=threshold,
            key_files=options.key_files(keys),
            key_min_confidence=key_min_confidence,
            rubrics=options.rubrics(rubrics),
            judge_concurrency=judge_concurrency,
            fresh=fresh,
            runs=runs,
            watch=watch,
        )
    _print_record(record, "dimension", as_json)
    _exit_if_incomplete(record, judge)


@app.command("runs")
def runs_command(runs: options.Runs = None, as_json: options.Json = False) -> None:
    """List the runs, unfinished ones too."""
    from harness import folders
    from harness.report import console as tables
    from harness.runs import list_runs

    summaries = list_runs(folders.runs_dir(runs))
    if as_json:
        print_json([summary.model_dump(mode="json") for summary in summaries])
    else:
        console().print(tables.list_table(summaries))


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
    from harness.report import console as tables
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
        console().print(tables.show_samples(read_samples(find_run(run, root), task), worst=worst))


@app.command("models")
def models_command(as_json: options.Json = False) -> None:
    """List the models that --model knows by name."""
    from harness.models import list_models
    from harness.report import listings

    models = list_models()
    if as_json:
        print_json([model.model_dump(mode="json") for model in models])
    else:
        console().print(listings.model_table(models))


def _only_metrics(record: RunRecord, names: list[str]) -> RunRecord:
    from harness.errors import unknown

    known = {score.metric for score in record.scores}
    wanted = {name.lower().replace("-", "_") for name in names}
    for name in sorted(wanted - known):
        raise unknown(f"metric in run {record.id}", name, known)
    return record.model_copy(update={"scores": tuple(score for score in record.scores if score.metric in wanted)})


def _print_record(record: RunRecord, by: options.By, as_json: bool) -> None:
    if as_json:
        print_json(record.model_dump(mode="json"))
        return
    from harness.report import console as tables

    console().print(tables.show_run(record, by=by))


def _exit_if_incomplete(record: RunRecord, judge: str) -> None:
    if not record.complete and judge != "none":
        missing = [f"{c.task} {c.judged}/{c.n}" for c in record.coverage if c.share < 0.99]
        advice = "the same command asks again for what is missing"
        if judge == "rules" and any(c.judged < c.responses for c in record.coverage):
            advice = "rules cannot rate replies without a reference, a model judge can: --judge openai:MODEL"
        typer.echo(f"harness: incomplete: judged {', '.join(missing)}; {advice}", err=True)
        raise typer.Exit(EXIT_INCOMPLETE)
