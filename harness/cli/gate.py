"""The commands that rule on checkpoints: gate, and policies, which say what is asked of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from harness import options
from harness.cli.app import COMPLAINT, app, console, print_json, printing, watched
from harness.cli.gate_files import GateFiles, summary_file
from harness.errors import EXIT_REFUSED, EXIT_UNDECIDED, HarnessError

if TYPE_CHECKING:
    from harness.schema import GateReport

FILES: Final = "Files for CI"

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
        metavar="NAME|FILE",
        help="What must be gained or held ([b]harness policies[/] lists them).",
        show_default="the contract of the culture that the baseline measured, else regression",
    ),
]
Some = Annotated[
    str | None,
    typer.Option("--tasks", "-t", metavar="NAMES", help="Only these benchmarks of the policy, comma-separated."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 5 if it is undecided.")]
Sequential = Annotated[
    bool, typer.Option("--sequential", help="Ask the candidate batch by batch, in random order, until the ruling is sure.")
]
Junit = Annotated[
    Path | None,
    typer.Option("--junit", metavar="FILE", help="JUnit XML: a test case for each line of the policy.", rich_help_panel=FILES),
]
Comment = Annotated[
    Path | None, typer.Option("--comment", metavar="FILE", help="Markdown for a pull request's comment.", rich_help_panel=FILES)
]
Badge = Annotated[
    Path | None, typer.Option("--badge", metavar="FILE", help="A badge, as shields.io reads it.", rich_help_panel=FILES)
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="The report as JSON.", rich_help_panel=FILES)]
Summary = Annotated[
    bool | None,
    typer.Option(
        "--summary/--no-summary",
        help="Append the page to $GITHUB_STEP_SUMMARY.",
        show_default="where that is set",
        rich_help_panel=FILES,
    ),
]
Audits = Annotated[
    list[Path] | None,
    typer.Option("--audit", metavar="FILE", help="What [b]judge-audit --out[/] wrote: how good the judge is (repeatable)."),
]
AllowChosen = Annotated[
    bool, typer.Option("--allow-chosen", help="Take a baseline run that was one of several candidates of earlier gates.")
]
Name = Annotated[str | None, typer.Argument(help="Show the rules of this policy.", metavar="NAME|FILE")]


@app.command("gate")
def gate_command(
    baseline: Baseline,
    candidate: Candidate,
    policy: PolicyName = None,
    tasks: Some = None,
    sequential: Sequential = False,
    strict: Strict = False,
    junit: Junit = None,
    comment: Comment = None,
    badge: Badge = None,
    out: Out = None,
    summary: Summary = None,
    judge: options.JudgeName = "rules",
    threshold: options.Threshold = 90.0,
    backend: options.Backend = None,
    base_url: options.BaseUrl = None,
    model_args: options.ModelArgs = None,
    keys: options.KeyFiles = None,
    batch_size: options.BatchSize = None,
    concurrency: options.Concurrency = 32,
    judge_concurrency: options.JudgeConcurrency = 64,
    audits: Audits = None,
    allow_chosen: AllowChosen = False,
    runs: options.Runs = None,
    markdown: options.Markdown = False,
    as_json: options.Json = False,
) -> None:
    """Rule on a checkpoint: PASS, FAIL (exit 4) or UNDECIDED (exit 5 with --strict), by what two runs prove.

    Exit 3: a run is incomplete, or the two were not measured the same way. Files for CI are written whatever it ends with.

    How replies are judged and a model is asked matters only to a baseline that is a model; a candidate goes by its baseline.
    """
    from harness.verbs.gate import gate

    files = GateFiles(junit=junit, comment=comment, badge=badge, out=out, summary=summary_file(summary))
    files.prepare(_read(policy, baseline, candidate, audits or [], keys or []))
    with _told(files, policy, baseline, candidate, runs), watched(as_json or markdown) as watch:
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
            audits=tuple(audits or ()),
            allow_chosen=allow_chosen,
            runs=runs,
            watch=watch,
        )
    files.write(report, strict=strict)
    with printing():
        _print(report, markdown=markdown, as_json=as_json)
    if report.ruling == "FAIL":
        raise typer.Exit(EXIT_REFUSED)
    if report.ruling == "UNDECIDED" and strict:
        raise typer.Exit(EXIT_UNDECIDED)


@app.command("policies")
def policies_command(name: Name = None, markdown: options.Markdown = False, as_json: options.Json = False) -> None:
    """List the policies of gates, or show the rules of one."""
    from harness.gating import policy as policies
    from harness.report.policies import policies_markdown, policy_markdown, show_policies, show_policy

    if name is None:
        found = (*policies.listed(), policies.builtin())
        noun: Any = [one.model_dump(mode="json") for one in found]
        page, shown = policies_markdown(found), show_policies(found)
    else:
        one = policies.builtin() if name == policies.REGRESSION else policies.load(name)
        noun, page, shown = one.model_dump(mode="json"), policy_markdown(one), show_policy(one)
    with printing():
        if as_json:
            print_json(noun)
        elif markdown:
            sys.stdout.write(page)
        else:
            console().print(shown)


def _read(policy: str | None, baseline: str, candidate: str, audits: list[Path], keys: list[str]) -> dict[str, Path]:
    """What is read, and was given by its path -> its file."""
    from harness.runs.layout import RECORD

    found = {"--policy": Path(policy or "").expanduser()}
    for option, side in (("--baseline", baseline), ("--candidate", candidate)):
        place = Path(side).expanduser()
        found[option] = place / RECORD if place.is_dir() else place
    found |= {f"--audit {file}": file for file in audits}
    found |= {f"--keys {one}": Path(one.rpartition("=")[2]).expanduser() for one in keys}
    return {what: file for what, file in found.items() if file.is_file()}


@contextmanager
def _told(files: GateFiles, policy: str | None, baseline: str, candidate: str, runs: Path | None) -> Iterator[None]:
    """Whatever keeps the gate from ruling is said in its files too."""
    try:
        yield
    except HarnessError as error:
        if not files.wanted:
            raise
        from harness.report.text import one_line
        from harness.schema import GateRefusal

        known = _policy_name(policy, baseline, runs)
        said = one_line(str(error), COMPLAINT)
        refusal = GateRefusal(policy=known, baseline=baseline, candidate=candidate, error=said, exit_code=error.exit_code)
        try:
            files.refuse(refusal)
        except HarnessError as second:
            typer.echo(f"harness: {second}", err=True)
        raise


def _policy_name(policy: str | None, baseline: str, runs: Path | None) -> str:
    """What a report would have called the policy, so that a workflow finds the same comment; else what was asked for."""
    from harness import folders
    from harness.gating import policy as policies
    from harness.gating.sides import opened
    from harness.report.gate_facts import policy_name

    with suppress(HarnessError):
        if policy is None:
            return policy_name(policies.choose(None, opened(baseline, folders.runs_dir(runs)).record))
        return policy if policy == policies.REGRESSION else policy_name(policies.load(policy))
    return (Path(policy).stem if policy.endswith(".toml") else policy) if policy else policies.REGRESSION


def _print(report: GateReport, *, markdown: bool, as_json: bool) -> None:
    if as_json:
        print_json(report.model_dump(mode="json"))
    elif markdown:
        from harness.report.gate import gate_markdown

        sys.stdout.write(gate_markdown(report))
    else:
        from harness.report.gate import show_gate

        console().print(show_gate(report))
