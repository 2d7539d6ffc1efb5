"""`backtest runs list | show`."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click

from backtest.cli.finished import plain, shown
from backtest.errors import UsageError, near
from backtest.report.definitions import DEFINITIONS
from backtest.report.numbers import percent, with_name
from backtest.runs import SavedRun, list_runs, open_run
from backtest.workspace import Workspace

SCHEMA_VERSION = 1
TITLES: tuple[str, ...] = (
    "RUN", "STRATEGY", "SYMBOLS", "BARS", "RANGE (UTC)", "NET PNL", "RETURN", "DRAWDOWN", "LIQ.", "",
)  # fmt: skip

_root = click.option(
    "--runs", "root", type=click.Path(file_okay=False, path_type=Path), help="Folder.  [the workspace's]"
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def runs() -> None:
    """List finished runs, show one."""


@runs.command("list")
@click.option("--sort", help="A metric, largest first.  [the time they were written, latest first]")
@_root
@_json
def list_(sort: str | None, root: Path | None, as_json: bool) -> None:
    """List the runs of the workspace."""
    place = root or Workspace.find().runs
    found = ordered(list_runs(place), sort)
    if as_json:
        known = [{"run_id": run.id, **described(run)} for run in found]
        click.echo(json.dumps({"schema_version": SCHEMA_VERSION, "runs": known}, indent=2, allow_nan=False))
        return
    if not found:
        click.echo(f"No run in {shown(place)} yet.  Next: backtest run gradual-leverage")
        return
    rows = [TITLES, *(line(run) for run in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (
            f"{cell:>{width}}" if column in (5, 6, 7, 8) else f"{cell:<{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        click.echo("  ".join(cells).rstrip())


@runs.command()
@click.argument("run")
@_root
@_json
def show(run: str, root: Path | None, as_json: bool) -> None:
    """Show the summary of RUN (an id, its first digits, or a folder)."""
    saved = open_run(run, root)
    if as_json:
        document = {
            "schema_version": SCHEMA_VERSION,
            "run_id": saved.id,
            "folder": str(saved.folder),
            **described(saved),
        }
        click.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    click.echo(f"{saved!r}\n\nRun {saved.id}: {shown(saved.folder)}")
    if saved.report is not None:
        click.echo(f"Report: {shown(saved.report)}")


def ordered(found: tuple[SavedRun, ...], sort: str | None) -> list[SavedRun]:
    """Runs by a metric (largest first, those without a figure last), or by the time they were written."""
    if sort is None:
        return sorted(found, key=lambda run: run.folder.stat().st_mtime_ns, reverse=True)
    if sort not in DEFINITIONS:
        raise UsageError(f"'{sort}' is no metric; {near(sort, DEFINITIONS)}known are {', '.join(DEFINITIONS)}")
    return sorted(found, key=lambda run: -math.inf if math.isnan(value := run.metrics[sort]) else value, reverse=True)


def line(run: SavedRun) -> tuple[str, ...]:
    """A run as cells of the list."""
    heading, metrics = run.heading, run.metrics
    return (
        run.id,
        heading.strategy,
        " ".join(symbol.partition(":")[0] for symbol in heading.symbols),
        heading.timeframe,
        f"{heading.start[:10]}..{heading.end[:10]}",
        with_name(metrics["net_pnl"], heading.currency, sign=True),
        percent(metrics["total_return"], sign=True),
        percent(metrics["max_drawdown"], digits=1),
        f"{metrics['liquidations']:.0f}",
        "interrupted" if heading.interrupted else "",
    )


def described(run: SavedRun) -> dict[str, object]:
    """A run as plain values."""
    heading = run.heading
    return {
        "strategy": {"name": heading.strategy, "parameters": dict(heading.parameters)},
        "venue": heading.venue,
        "symbols": list(heading.symbols),
        "timeframe": heading.timeframe,
        "start": heading.start,
        "end": heading.end,
        "currency": heading.currency,
        "synthetic": heading.synthetic,
        "interrupted": heading.interrupted,
        "metrics": plain(run.metrics),
        "notes": list(heading.notes),
    }
