"""The command that turns source files into a data set: curate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness import options
from harness.cli.app import app, console, print_json, watched

PipelineName = Annotated[str, typer.Argument(metavar="PIPELINE", help="A preset such as zh_cn/alpaca_zh, or a TOML file.")]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the data set goes; an unfinished one goes on.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes.", show_default="all cores")]
KeepWork = Annotated[bool, typer.Option("--keep-work", help="Leave the shards of all stages, for a rerun with other last steps.")]


@app.command("curate")
def curate_command(
    pipeline: PipelineName, out: Out, workers: Workers = None, keep_work: KeepWork = False, as_json: options.Json = False
) -> None:
    """Clean, deduplicate, decontaminate and tag training data; every dropped row is kept with its reason.

    After Ctrl-C or a kill the same command goes on. Exit 2: the pipeline or a file is wrong.
    """
    from harness.verbs.curate import curate

    with watched(as_json) as watch:
        made = curate(pipeline, out, workers=workers, keep_work=keep_work, watch=watch)
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    from harness.report.dataset import show_dataset

    console().print(show_dataset(made, out))
