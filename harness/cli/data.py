"""The commands about training data as it comes: data list, fetch, show, report."""

from __future__ import annotations

import typer

from harness.cli.app import app

data_app = typer.Typer(no_args_is_help=True, help="Sources of training data: what there is, where it lies, what is in it.")
app.add_typer(data_app, name="data")
