"""The commands that rule on checkpoints: gate, and policies, which say what is asked of them."""

from __future__ import annotations

from typing import Annotated

import typer

from harness import options
from harness.cli.app import app, console, print_json, watched
from harness.errors import EXIT_REFUSED, EXIT_UNDECIDED

Baseline = Annotated[
    str, typer.Option("--baseline", help="What is in use: a run, or a model, which is then measured.", metavar="RUN|MODEL")
]
Candidate = Annotated[
    str,
    typer.Option("--candidate", help="What is to take its place; a model is measured as the baseline was.", metavar="RUN|MODEL"),
]
PolicyName = Annotated[
    str | None,
    typer.Option(
        "--policy",
        help="Name or file ([b]harness policies[/] lists them).  [default: the culture's contract, else regression]",
        show_default=False,
    ),
]
Some = Annotated[
    str | None, typer.Option("--tasks", "-t", help="Only these benchmarks of the policy, comma-separated.", show_default=False)
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 5 if it is undecided.")]
Sequential = Annotated[
    bool, typer.Option("--sequential", help="Ask the candidate batch by batch, in random order, until the ruling is sure.")
]


@app.command("gate")
def gate_command(
    baseline: Baseline,
    candidate: Candidate,
    policy: PolicyName = None,
    tasks: Some = None,
    sequential: Sequential = False,
    strict: Strict = False,
    judge: options.JudgeName = "rules",
    threshold: options.Threshold = 90.0,
    backend: options.Backend = None,
    base_url: options.BaseUrl = None,
    model_args: options.ModelArgs = None,
    keys: options.KeyFiles = None,
    batch_size: options.BatchSize = None,
    concurrency: options.Concurrency = 32,
    judge_concurrency: options.JudgeConcurrency = 64,
    runs: options.Runs = None,
    as_json: options.Json = False,
) -> None:
    """Rule on a checkpoint: PASS, FAIL (exit 4) or UNDECIDED (exit 5 with --strict), by what two runs prove.

    Exit 3: a run is incomplete, or the two were not measured the same way.
    """
    from harness.verbs.gate import gate

    with watched(as_json) as watch:
        report = gate(
            baseline,
            candidate,
            policy,
            tasks=options.words(tasks or ""),
            sequential=sequential,
            judge=judge,
            threshold=threshold,
            backend=backend,
            base_url=base_url,
            model_args=options.pairs(model_args, "--model-arg"),
            key_files=options.key_files(keys),
            batch_size=batch_size,
            concurrency=concurrency,
            judge_concurrency=judge_concurrency,
            runs=runs,
            watch=watch,
        )
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        from harness.report.gate import show_gate

        console().print(show_gate(report))
    if report.ruling == "FAIL":
        raise typer.Exit(EXIT_REFUSED)
    if report.ruling == "UNDECIDED" and strict:
        raise typer.Exit(EXIT_UNDECIDED)
