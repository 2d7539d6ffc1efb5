"""`backtest compare RUN`: the same strategy, the same data, another margin mode (or another setting), side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from backtest import runs
from backtest.cli.finished import SCHEMA_VERSION, shown
from backtest.config import MARGIN_MODES
from backtest.errors import UsageError, near
from backtest.workspace import Workspace

EPILOG = """\b
Examples:
  backtest compare 7f3a91c2 --margin isolated,cross
  backtest compare 7f3a91c2 --margin isolated,cross --figure compared.svg --json
"""


@click.command(epilog=EPILOG)
@click.argument("run")
@click.option("--margin", "modes", default=",".join(MARGIN_MODES), help="Margin modes.  [isolated,cross]")
@click.option("--figure", type=click.Path(dir_okay=False, path_type=Path), help="Write the picture: .svg, .png, .pdf.")
@click.option("--runs", "root", type=click.Path(file_okay=False, path_type=Path), help="Folder of runs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document in place of the table.")
def compare(run: str, modes: str, figure: Path | None, root: Path | None, as_json: bool) -> int:
    """Repeat RUN (an id or a folder) in each margin mode and set the outcomes side by side.

    Only the mode differs: the strategy's source and parameters are those that the run kept, and the market must still
    be the same. Each outcome is kept as a run of its own.
    """
    from backtest.repeating import rerun
    from backtest.side_by_side import compare as side_by_side

    wanted = _modes(modes)
    place = root or Workspace.find().runs
    saved = runs.open_run(run, place)
    results = {mode: rerun(saved, margin_mode=mode) for mode in wanted}
    folders = {mode: runs.save(result, place, report=False) for mode, result in results.items()}
    found = side_by_side(**results)
    if figure is not None:
        _draw(found.plot(), figure)
    if as_json:
        told = {"schema_version": SCHEMA_VERSION, "run_ids": {mode: each.name for mode, each in folders.items()}}
        click.echo(json.dumps(told | found.document(), indent=2, allow_nan=False))
        return 0
    lines = [found.text(), ""]
    lines += [f"Run {folder.name} ({mode}): {shown(folder)}" for mode, folder in folders.items()]
    if figure is not None:
        lines.append(f"Figure: {shown(figure.resolve())}")
    click.echo("\n".join(lines))
    return 0


def _modes(text: str) -> Sequence[str]:
    found = [word.strip() for word in text.split(",") if word.strip()]
    for mode in found:
        if mode not in MARGIN_MODES:
            raise UsageError(f"--margin {text}: '{mode}' is none; {near(mode, MARGIN_MODES)}write isolated,cross")
    if len(set(found)) < 2:
        raise UsageError(f"--margin {text} names one mode; a comparison takes two: --margin isolated,cross")
    return found


def _draw(picture: object, path: Path) -> None:
    if path.suffix not in (".svg", ".png", ".pdf"):
        raise UsageError(f"--figure {path}: the name must end in .svg, .png or .pdf")
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(path)  # type: ignore[attr-defined]
