"""The commands about answer keys: keys (what there is), keys propose, review, audit, freeze, status."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness import options
from harness.cli.app import app, console, print_json, watched
from harness.errors import EXIT_INCOMPLETE

PAGE = "The page"
"""Panel of the options that show a review to a person."""

keys_app = typer.Typer(
    invoke_without_command=True,
    help="Answer keys: what there is, and how to make one that people stand behind (propose, review, audit, freeze).",
)
app.add_typer(keys_app, name="keys")

Benchmark = Annotated[str, typer.Argument(metavar="BENCHMARK", help="Group or task, e.g. chisafetybench_v1_mcq or a_eval.")]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder", metavar="FOLDER", help="Work folder. Keep it private: people's pages in it hold the questions.",
        show_default="keys/BENCHMARK",
    ),
]  # fmt: skip
Voters = Annotated[
    list[str] | None,
    typer.Option("--voter", metavar="MODEL@FAMILY", help="openai:NAME, URL#NAME or a local model, with its family (repeatable)."),
]
From = Annotated[
    list[Path] | None,
    typer.Option("--from", metavar="FILE", help="A drafted key, or another folder's proposals.jsonl (repeatable)."),
]
Drafted = Annotated[bool, typer.Option("--drafted", help="Take over the key that comes with the benchmark.")]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude-family", metavar="FAMILY", help="Leave a family's votes out: a key to measure its models with."),
]
Orders = Annotated[int, typer.Option(min=3, metavar="N", help="Orders of its options in which each voter sees an item.")]
Annotators = Annotated[
    list[str] | None,
    typer.Option(
        "--annotator",
        metavar="NAME",
        help="Show the page to this person (repeatable: an address for each). Without, only the folder is made.",
        rich_help_panel=PAGE,
    ),
]
Adjudicate = Annotated[bool, typer.Option("--adjudicate", help="Settle what two people differ on.", rich_help_panel=PAGE)]
Port = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="0: any free one.", rich_help_panel=PAGE)]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.", rich_help_panel=PAGE)]
Sample = Annotated[int, typer.Option("--n", min=1, metavar="N", help="Items drawn of each stratum (number of options).")]
DrawSeed = Annotated[int, typer.Option("--seed", metavar="N", help="Of the draw.")]
Sequential = Annotated[bool, typer.Option("--sequential", help="May stop at any time; a little dearer for the same bound.")]
Version = Annotated[str, typer.Option("--version", metavar="NAME", help="Of the key; frozen once.")]
MaxError = Annotated[
    float, typer.Option("--max-error", min=0, max=1, metavar="E", help="Largest share that can be wrong, at 95%.")
]
HumanError = Annotated[
    float, typer.Option("--human-error", min=0, max=0.5, metavar="E", help="Share that people misread alike; added to the bound.")
]
OfRun = Annotated[str | None, typer.Option("--run", metavar="RUN", help="Also show this run's ACC under the key.")]


@keys_app.callback()
def keys_command(context: typer.Context, as_json: options.Json = False) -> None:
    """List the answer keys, their provenance and how sure they are; or make one (COMMAND)."""
    if context.invoked_subcommand is not None:
        return
    from harness.report import listings
    from harness.verbs.keys import keys

    summaries = keys()
    if as_json:
        print_json([summary.model_dump(mode="json") for summary in summaries])
    else:
        console().print(listings.key_table(summaries))


@keys_app.command("propose")
def propose_command(
    benchmark: Benchmark,
    folder: Folder = None,
    voter: Voters = None,
    source: From = None,
    drafted: Drafted = False,
    exclude_family: Exclude = None,
    orders: Orders = 3,
    base_url: options.BaseUrl = None,
    concurrency: options.Concurrency = 32,
    as_json: options.Json = False,
) -> None:
    """Let models vote on every item, or take over drafted answers. The same command goes on where it stopped."""
    from harness.verbs.key_propose import propose

    with watched(as_json) as watch:
        made = propose(
            benchmark,
            folder,
            voter=voter or (),
            source=source or (),
            drafted=drafted,
            exclude_family=exclude_family or (),
            orders=orders,
            base_url=base_url,
            concurrency=concurrency,
            watch=watch,
        )
    if as_json:
        print_json(made.model_dump(mode="json"))
    else:
        from harness.report.keys import proposed_text

        console().print(proposed_text(made))
    if made.failed:
        typer.echo(f"harness: {made.failed:,} requests failed; the same command asks them again", err=True)
        raise typer.Exit(EXIT_INCOMPLETE)


@keys_app.command("review")
def review_command(
    benchmark: Benchmark,
    folder: Folder = None,
    annotator: Annotators = None,
    adjudicate: Adjudicate = False,
    port: Port = 0,
    browser: Browser = True,
    as_json: options.Json = False,
) -> None:
    """Ask people about all items that voters do not agree on: two who do not see one another, then an adjudicator.

    The folder is a review as harness review knows it, too: with its page, Label Studio and CSV.
    """
    from harness.verbs import key_review

    place, items = key_review.review(benchmark, folder)
    if as_json:
        print_json({"folder": str(place), "items": items})
    else:
        typer.echo(
            f"{items:,} items for people in {place}" if items else "all items are unanimous: nothing to review, draw an audit"
        )
    if annotator and items:
        _serve(place, annotator, adjudicate, port, browser)


@keys_app.command("audit")
def audit_command(
    benchmark: Benchmark,
    folder: Folder = None,
    n: Sample = 150,
    seed: DrawSeed = 0,
    sequential: Sequential = False,
    annotator: Annotators = None,
    adjudicate: Adjudicate = False,
    port: Port = 0,
    browser: Browser = True,
    as_json: options.Json = False,
) -> None:
    """Ask people about a random sample of the items that voters agree on; their answer is not shown."""
    from harness.verbs import key_review

    place, plan = key_review.audit(benchmark, folder, n=n, seed=seed, sequential=sequential)
    if as_json:
        print_json({"folder": str(place), **plan.model_dump(mode="json")})
    else:
        from harness.report.keys import audit_table

        console().print(audit_table(plan, str(place)))
    if annotator:
        _serve(place, annotator, adjudicate, port, browser)


@keys_app.command("freeze")
def freeze_command(
    benchmark: Benchmark,
    version: Version,
    folder: Folder = None,
    max_error: MaxError = 0.02,
    human_error: HumanError = 0.0,
    as_json: options.Json = False,
) -> None:
    """Write the key with its stated error bound. Exit 3: items await people. Exit 4: too many answers can still be wrong."""
    from harness.verbs.key_freeze import freeze

    made = freeze(benchmark, version, folder, max_error=max_error, human_error=human_error)
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    from harness.report.keys import frozen_text

    console().print(frozen_text(made, benchmark))


@keys_app.command("status")
def status_command(
    benchmark: Benchmark,
    folder: Folder = None,
    run: OfRun = None,
    runs: options.Runs = None,
    human_error: HumanError = 0.0,
    as_json: options.Json = False,
) -> None:
    """Show what is proposed, decided and audited, how people agree, the bound, and what remains."""
    from harness.verbs.key_status import status

    found = status(benchmark, folder, run=run, runs=runs, human_error=human_error)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    from harness.report.keys import show_status

    console().print(show_status(found))


def _serve(folder: Path, annotators: list[str], adjudicate: bool, port: int, browser: bool) -> None:
    """Show the page to each person; addresses go to the error stream, so that JSON stays JSON."""
    from harness.report.text import one_line
    from harness.verbs import key_review

    left = list(dict.fromkeys(annotators))
    typer.echo("Each address opens the page in one browser, once. Ctrl-C ends; nothing that was saved is lost.", err=True)

    def ready(address: str) -> None:
        typer.echo(f"{one_line(left.pop(0))}: {address}", err=True)

    key_review.serve(folder, annotators=left[:], adjudicate=adjudicate, port=port, open_browser=browser, on_ready=ready)
