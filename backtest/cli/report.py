"""`backtest report RUN`: where the page of a finished run is, a copy of it elsewhere, or a look at it."""

from __future__ import annotations

import shutil
import webbrowser
from pathlib import Path

import click

from backtest.cli.finished import shown
from backtest.errors import BacktestError, UsageError
from backtest.runs import open_run


@click.command()
@click.argument("run")
@click.option("--html", "copy", type=click.Path(dir_okay=False, path_type=Path), help="Copy the page to this file.")
@click.option("--open", "look", is_flag=True, help="Open the page in the browser.")
@click.option("--runs", "root", type=click.Path(file_okay=False, path_type=Path), help="Folder.  [the workspace's]")
def report(run: str, copy: Path | None, look: bool, root: Path | None) -> None:
    """Say where the page of RUN (an id, its first digits, or a folder) is; it is one file that loads nothing else."""
    saved = open_run(run, root)
    page = saved.report
    if page is None:
        raise UsageError(
            f"run {saved.id} was made with --no-report, so it has no page; the same run without it writes one"
        )
    if copy is not None:
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(page, copy)
        except OSError as error:
            raise BacktestError(f"{copy} could not be written: {error.strerror}; choose another place") from error
        page = copy
    click.echo(shown(page.resolve()))
    if look and not webbrowser.open(page.resolve().as_uri()):
        raise UsageError("no browser could be opened; open the file named above by hand")
