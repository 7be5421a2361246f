"""The command that turns a diagnosis into training rows: mix."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from harness import options
from harness.cli.app import app, console, print_json, watched
from harness.errors import UsageError

DIAGNOSIS = "diagnosis.json"

DiagnosisOf = Annotated[
    str, typer.Option("--diagnosis", "-d", help="JSON file of a diagnosis, or the run that was diagnosed.", metavar="FILE|RUN")
]
Stage = Annotated[Literal["knowledge", "safety"], typer.Option(help="Which stage the rows are for.")]
CultureName = Annotated[str | None, typer.Option("--culture", help="Name or folder.", show_default="the one that was diagnosed")]
Rows = Annotated[int | None, typer.Option(min=1, help="Rows at most.", show_default="the culture's")]
Replayed = Annotated[
    list[str] | None,
    typer.Option("--replay", help="Share of the rows that keeps a benchmark or retained task; 0: none.", metavar="NAME=SHARE"),
]
Seed = Annotated[int, typer.Option(help="Of which rows are drawn, and of their order.")]
KeepUndecided = Annotated[bool, typer.Option("--keep-undecided", help="Train on undecided areas too.")]
Without = Annotated[
    list[str] | None,
    typer.Option("--without", help="Leave out a weak area, or all of a benchmark (repeatable).", metavar="AREA"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what the mix would be; write nothing.")]


@app.command("mix")
def mix_command(
    diagnosis: DiagnosisOf,
    stage: Stage,
    culture: CultureName = None,
    rows: Rows = None,
    replay: Replayed = None,
    seed: Seed = 1234,
    keep_undecided: KeepUndecided = False,
    without: Without = None,
    data: options.Data = None,
    data_only: options.DataOnly = False,
    mixes: options.Mixes = None,
    dry_run: DryRun = False,
    runs: options.Runs = None,
    as_json: options.Json = False,
) -> None:
    """Make training rows for what a diagnosis found weak. The same command makes the same rows."""
    from harness.verbs.mix import mix

    with watched(as_json) as watch:
        made = mix(
            _diagnosis_file(diagnosis, runs),
            stage=stage,
            culture=culture,
            rows=rows,
            replay=_shares(replay),
            seed=seed,
            mixes=mixes,
            keep_undecided=keep_undecided,
            without=without or (),
            data=data or (),
            data_only=data_only,
            dry_run=dry_run,
            watch=watch,
        )
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    from harness.report.mix import show_held, show_mix

    console().print(show_mix(made, stored=not dry_run))
    if data and dry_run:
        from harness.culture import load
        from harness.mixing.datasets import held, open_sets

        console().print(show_held(held(open_sets(data, load(culture or made.culture)))))


def _diagnosis_file(named: str, runs: Path | None) -> Path:
    """The file itself, or the one that `harness diagnose RUN --out` has put beside a run."""
    path = Path(named).expanduser()
    if path.is_file():
        return path
    if path.suffix == ".json":
        raise UsageError(f"there is no diagnosis at '{named}'")
    from harness.folders import runs_dir
    from harness.runs import find_run

    run = find_run(named, runs_dir(runs))
    if not (run / DIAGNOSIS).is_file():
        raise UsageError(
            f"run '{run.name}' has no {DIAGNOSIS}; make it with: harness diagnose {run.name} --out {run / DIAGNOSIS}"
        )
    return run / DIAGNOSIS


def _shares(given: list[str] | None) -> dict[str, float]:
    shares = {}
    for one in given or ():
        name, equals, share = one.partition("=")
        try:
            shares[name.strip()] = float(share)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise UsageError(f"--replay {one} is not NAME=SHARE, e.g. demo_en=0.3")
    return shares
