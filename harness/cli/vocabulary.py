"""The commands about vocabularies: vocab measure, train, extend."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness import options
from harness.cli.app import app, console, print_json, watched

vocab_app = typer.Typer(no_args_is_help=True, help="The tokenizer's side of a model: measure a text, learn new tokens, add them.")
app.add_typer(vocab_app, name="vocab")

Base = Annotated[str, typer.Option("--base", help="Alias, checkpoint, folder or hub id whose files are here.")]
Texts = Annotated[
    list[str],
    typer.Option("--text", metavar="FILE", help="Plain text, JSONL, training rows, a data set, or [b]demo:zh[/] (repeatable)."),
]
Script = Annotated[
    str,
    typer.Option(help="What every new token holds a character of: [b]letters[/] (beyond ASCII), han, cyrillic, …, or [b]any[/]."),
]
PadTo = Annotated[
    int, typer.Option("--pad-to-multiple-of", metavar="N", help="Rows of the embedding matrix are a multiple of it.")
]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write the page with its plots.")]


@vocab_app.command("measure")
def measure_command(
    base: Base,
    text: Texts,
    others: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="VOCAB|MODEL", help="What it is compared with (repeatable)."),
    ] = None,
    trial: Annotated[
        int | None,
        typer.Option(
            "--try",
            metavar="N",
            help="New tokens learnt here from half of the lines, and counted on the other half; 0: none.",
            show_default="4000 without --with",
        ),
    ] = None,
    script: Script = "letters",
    lines: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N lines of each text.")] = None,
    pad_to: PadTo = 64,
    html: Html = None,
    markdown: options.Markdown = False,
    as_json: options.Json = False,
) -> None:
    """Count the tokens of a text, before and after, and say whether a longer vocabulary pays."""
    from harness.verbs.vocab_measure import vocab_measure

    with watched(as_json) as watch:
        found = vocab_measure(base, others or (), text, lines=lines, trial=trial, script=script, pad_to=pad_to, watch=watch)
    from harness.report import vocabulary as report

    if html is not None:
        from harness.runs.write import make_folder, write_whole

        make_folder(html.parent)
        write_whole(html, [report.fertility_html(found).encode()])
    if as_json:
        print_json(found.model_dump(mode="json"))
    elif markdown:
        sys.stdout.write(report.fertility_markdown(found))
    else:
        console().print(report.fertility_console(found))


@vocab_app.command("train")
def train_command(
    base: Annotated[str, typer.Option("--like", "--base", help="Model whose tokenizer goes on.")],
    text: Texts,
    size: Annotated[int, typer.Option(min=1, metavar="N", help="New tokens, at most.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder to be made.")],
    script: Script = "letters",
    coverage: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the script's characters that need not fall apart into bytes.")
    ] = 0.9995,
    force: Annotated[bool, typer.Option("--force", help="Make anew what stands there.")] = False,
    as_json: options.Json = False,
) -> None:
    """Learn new tokens from texts: the base's own byte pair encoding, taken up where it stopped."""
    from harness.verbs.vocab_train import vocab_train

    with watched(as_json) as watch:
        made = vocab_train(base, text, size, out, script=script, coverage=coverage, force=force, watch=watch)
    from harness.report import vocabulary as report

    if as_json:
        print_json(made.model_dump(mode="json"))
    else:
        console().print(report.vocabulary_console(made))


@vocab_app.command("extend")
def extend_command(
    base: Base,
    vocabulary: Annotated[Path, typer.Option("--vocabulary", metavar="FOLDER", help="What [b]vocab train[/] wrote.")],
    name: Annotated[str, typer.Option("--name", help="Of the checkpoint.")],
    checkpoints: Annotated[
        Path | None,
        typer.Option("--checkpoints", envvar="HARNESS_CHECKPOINTS", metavar="FOLDER", show_default="checkpoints"),
    ] = None,
    pad_to: PadTo = 64,
    size: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N of the new tokens.")] = None,
    tensor_parallel: Annotated[
        int, typer.Option(min=1, metavar="N", help="GPUs that the rows of the embedding matrix must divide among.")
    ] = 1,
    force: Annotated[bool, typer.Option("--force", help="Make anew; what stands there is moved aside.")] = False,
    as_json: options.Json = False,
) -> None:
    """Give a base new tokens, as a checkpoint that every other command finds by its name."""
    from harness.verbs.vocab_extend import vocab_extend

    with watched(as_json) as watch:
        made = vocab_extend(
            base,
            vocabulary,
            name,
            checkpoints=checkpoints,
            pad_to=pad_to,
            size=size,
            tensor_parallel=tensor_parallel,
            force=force,
            watch=watch,
        )
    from harness.report import vocabulary as report

    if as_json:
        print_json(made.model_dump(mode="json"))
    else:
        console().print(report.extension_console(made))
