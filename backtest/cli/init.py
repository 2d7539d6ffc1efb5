"""`backtest init DIR`: a workspace in the shape of this repository, ready for a first run."""

from __future__ import annotations

from pathlib import Path

import click

from backtest.cli.templates import filled
from backtest.errors import UsageError
from backtest.workspace import CONFIG_NAME

FILES = {
    CONFIG_NAME: "backtest.toml",
    "strategies/breakout.py": "strategy.py",
    "notebooks/01_first_run.ipynb": "notebook.ipynb",
    "data/README.md": "data.md",
    ".gitignore": "gitignore",
}
"""File of a new workspace: the template it is written from."""


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".", metavar="DIR")
def init(folder: Path) -> None:
    """Make a workspace in DIR (the current folder unless given): settings, a strategy of your own, a notebook."""
    there = [name for name in FILES if (folder / name).exists()]
    if CONFIG_NAME in there:
        raise UsageError(f"{folder / CONFIG_NAME} is there already, so {folder} is a workspace; choose another folder")
    names = {"class_name": "Breakout", "summary": "A break-out of the last bars' range."}
    for name, template in FILES.items():
        if name not in there:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(filled(template, **names), encoding="utf-8")
            click.echo(f"  {target}")
        else:
            click.echo(f"  {folder / name} (kept as it was)")
    step = "" if folder.resolve() == Path.cwd() else f"cd {folder} && "
    click.echo(f"Next: {step}backtest run breakout")
