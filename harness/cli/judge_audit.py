"""The command that asks people, a second pass and other judges how far a judge can be believed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness import options
from harness.cli.app import app, console, print_json
from harness.errors import UsageError
from harness.schema import SHEET_ROWS

if TYPE_CHECKING:
    from harness.schema import JudgeAudit

Sheet = Annotated[
    Path | None, typer.Option("--sheet", metavar="FILE", help="Draw answers for people into this .csv or .jsonl, and stop.")
]
Count = Annotated[
    int, typer.Option("--n", "-n", min=1, help="Answers to draw, of all benchmarks; a few more where many are called harmful.")
]
Seed = Annotated[int, typer.Option(help="Of the draw, its order and the bootstrap.")]
LabelFiles = Annotated[
    list[Path] | None,
    typer.Option("--labels", metavar="FILE", help="Sheet that people filled in (repeatable)."),
]
Some = Annotated[
    str | None, typer.Option("--tasks", "-t", metavar="NAMES", help="Only these benchmarks or tasks, comma-separated.")
]
Retest = Annotated[
    str | None,
    typer.Option("--retest", metavar="RUN", help="The same responses, by the same judge again ([b]harness judge --fresh[/])."),
]
Versus = Annotated[
    list[str] | None, typer.Option("--versus", metavar="RUN", help="The same responses by another judge (repeatable).")
]
Panel = Annotated[
    list[str] | None, typer.Option("--panel", metavar="RUN", help="The same responses by one judge more of a panel (repeatable).")
]
Against = Annotated[
    str | None,
    typer.Option("--against", metavar="RUN", help="Another model's run on the same items: correct the difference to it too."),
]
LabelsAgainst = Annotated[
    list[Path] | None, typer.Option("--labels-against", metavar="FILE", help="Its labels, where they are in other files.")
]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the audit as JSON, for [b]gate --audit[/].")]


@app.command("judge-audit")
def judge_audit_command(
    run: options.Run = "latest",
    sheet: Sheet = None,
    n: Count = SHEET_ROWS,
    labels: LabelFiles = None,
    tasks: Some = None,
    threshold: options.OwnThreshold = None,
    retest: Retest = None,
    versus: Versus = None,
    panel: Panel = None,
    against: Against = None,
    labels_against: LabelsAgainst = None,
    seed: Seed = 0,
    runs: options.Runs = None,
    out: Out = None,
    markdown: options.Markdown = False,
    as_json: options.Json = False,
) -> None:
    """Audit the judge of a run: by people's labels, by a second pass, by other judges; correct every rate.

    First --sheet draws answers for people, without what the judge said; then --labels reads what they filled in.

    Exit 2: a label is wrong (with file and line). Exit 3: another run does not hold the same responses.
    """
    from harness.verbs.judge_audit import audit

    chosen = options.words(tasks or "")
    if sheet is not None:
        if labels or retest or versus or panel or labels_against or out is not None:
            raise UsageError("--sheet only draws; it goes with --n, --tasks, --seed and --against")
        _draw(run, n, sheet, seed, chosen, against, runs, as_json=as_json)
        return
    found = audit(
        run,
        tuple(labels or ()),
        tasks=chosen,
        threshold=threshold,
        retest=retest,
        versus=tuple(versus or ()),
        panel=tuple(panel or ()),
        against=against,
        labels_against=tuple(labels_against or ()),
        seed=seed,
        runs=runs,
    )
    if out is not None:
        _write(found, out)
    _print(found, markdown=markdown, as_json=as_json)


def _draw(
    run: str, n: int, sheet: Path, seed: int, tasks: list[str], against: str | None, runs: Path | None, *, as_json: bool
) -> None:
    from harness.verbs.judge_audit import draw

    rows = draw(run, n, sheet, seed, tasks=tasks, against=against, runs=runs)
    if as_json:
        print_json({"sheet": str(sheet), "rows": len(rows), "tasks": len({row.task for row in rows})})
        return
    typer.echo(f"{len(rows):,} answers of {len({row.task for row in rows})} tasks in {sheet}")
    typer.echo("people fill in 'label' (and 'annotator'); leave all other columns as they are, and save it as UTF-8")


def _write(found: JudgeAudit, out: Path) -> None:
    from harness.runs.write import make_folder, write_whole

    make_folder(out.parent)
    text = json.dumps(found.model_dump(mode="json"), ensure_ascii=False, indent=1)
    write_whole(out, [text.encode() + b"\n"])


def _print(found: JudgeAudit, *, markdown: bool, as_json: bool) -> None:
    if as_json:
        print_json(found.model_dump(mode="json"))
    elif markdown:
        from harness.report.audit import audit_markdown

        sys.stdout.write(audit_markdown(found))
    else:
        from harness.report.audit import show_audit

        console().print(show_audit(found))
