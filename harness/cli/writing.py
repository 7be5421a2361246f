"""The options of commands in which a strong model writes: refine and generate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness import options

Out = Annotated[
    Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the new data set goes; an unfinished one goes on.")
]
With = Annotated[
    str | None,
    typer.Option("--with", metavar="MODEL", envvar="HARNESS_WRITER", help="[b]openai:MODEL[/] or URL#MODEL: who writes."),
]
OwnGuidance = Annotated[
    Path | None, typer.Option("--guidance", metavar="FILE", help="What the model is told.", show_default="the culture's")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Count requests and tokens; ask and write nothing.")]
Tries = Annotated[int, typer.Option(min=1, max=5, help="Replies that are read before one is given up.")]
Temperature = Annotated[float, typer.Option(min=0, max=2, metavar="T", rich_help_panel=options.ASKED)]
MaxTokens = Annotated[int, typer.Option("--max-tokens", min=1, metavar="N", help="Of a reply.", rich_help_panel=options.ASKED)]
Concurrency = Annotated[
    int,
    typer.Option(
        envvar="HARNESS_WRITER_CONCURRENCY", min=1, metavar="N", help="Requests in flight.", rich_help_panel=options.ASKED
    ),
]
Timeout = Annotated[float, typer.Option(min=1, metavar="S", help="Seconds for one attempt.", rich_help_panel=options.ASKED)]
Retries = Annotated[
    int, typer.Option(min=0, metavar="N", help="Further attempts at a request that failed.", rich_help_panel=options.ASKED)
]
