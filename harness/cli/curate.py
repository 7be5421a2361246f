"""The command that turns source files into a data set: curate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness import options
from harness.cli.app import app, console, print_json, watched
from harness.errors import HarnessError, UsageError

if TYPE_CHECKING:
    from harness.curating.pipeline import Pipeline

PipelineName = Annotated[
    str | None,
    typer.Argument(metavar="PIPELINE", help="A preset such as zh_cn/alpaca_zh, or a TOML file.", show_default="list presets"),
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Where the data set goes; an unfinished one goes on.")
]
Sources = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        "-s",
        metavar="NAME[=PATH]|FORMAT:PATH",
        help="Instead of the pipeline's sources; the format auto is guessed (repeatable).",
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Records of each source at most, to try a pipeline out.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes.", show_default="all cores")]
KeepWork = Annotated[
    bool, typer.Option("--keep-work", help="Leave the shards of all stages, rows as read, for a rerun with other last steps.")
]


@app.command("curate")
def curate_command(
    pipeline: PipelineName = None,
    out: Out = None,
    source: Sources = None,
    limit: Limit = None,
    workers: Workers = None,
    keep_work: KeepWork = False,
    as_json: options.Json = False,
) -> None:
    """Clean, deduplicate, decontaminate and tag training data; every dropped row is kept with its reason.

    After Ctrl-C or a kill the same command goes on. Exit 2: the pipeline or a file is wrong. Exit 4: a source looks like a
    benchmark.
    """
    if pipeline is None:
        _list(as_json=as_json)
        return
    if out is None:
        raise UsageError("say where the data set goes: --out FOLDER")
    from harness.verbs.curate import curate

    with watched(as_json) as watch:
        made = curate(pipeline, out, given=source or (), limit=limit, workers=workers, keep_work=keep_work, watch=watch)
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    from harness.report.dataset import show_dataset

    console().print(show_dataset(made, out))


def _list(*, as_json: bool) -> None:
    from harness.curating.pipeline import load, presets
    from harness.report.dataset import show_pipelines

    found: dict[str, Pipeline | str] = {}
    for name, path in presets().items():
        try:
            found[name] = load(name)
        except HarnessError as error:
            found[name] = str(error).removeprefix(f"{path}: ")
    if as_json:
        print_json({name: {"broken": one} if isinstance(one, str) else _told(one) for name, one in found.items()})
        return
    rows = [
        (name, f"broken: {one}", []) if isinstance(one, str) else (name, one.about, [step.use for step in one.steps])
        for name, one in found.items()
    ]
    console().print(show_pipelines(rows))


def _told(one: Pipeline) -> dict[str, Any]:
    return {"about": one.about, "culture": one.culture, "steps": [step.use for step in one.steps]}
