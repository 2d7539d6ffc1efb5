"""`backtest walk-forward STRATEGY`: parameters chosen on each training range, tried on the test range after it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from backtest import plugins
from backtest.cli.choosing import load_history
from backtest.cli.documents import market_of, printed, records_of, written
from backtest.cli.finished import SCHEMA_VERSION
from backtest.cli.options import MARKET, PATH, SETTINGS, request, several, values_of
from backtest.cli.progress import Progress
from backtest.validation.walk_forward import walk_forward as walk
from backtest.validation.walk_forward_result import WalkForwardResult
from backtest.workspace import Workspace

EPILOG = """\b
Examples:
  backtest walk-forward volatility-scaled --train 180d --test 30d -p window=72,168 -p trend=240:720:240
  backtest walk-forward gradual-leverage --train 1w --test 1d --anchored -p top=2,3,5 --constraint liquidations==0
"""


@click.command(name="walk-forward", epilog=EPILOG)
@click.argument("strategy")
@click.option("--train", required=True, help="Length of the (first) training range, such as 180d.")
@click.option("--test", required=True, help="Length of each test range, such as 30d.")
@click.option("--step", help="From one fold to the next.  [the test range]")
@click.option("--embargo", default="0d", help="Left out between training and test range.  [0d]")
@click.option("--anchored", is_flag=True, help="Every training range begins where the first does.")
@click.option(
    "-p", "--param", "texts", multiple=True, metavar="NAME=VALUES",
    help="Values of a parameter: 2,5,10 or 50:200:50 to choose from, one value to set.",
)  # fmt: skip
@click.option("--maximize", metavar="METRIC", help="Metric whose highest value is chosen.  [sharpe]")
@click.option("--minimize", metavar="METRIC", help="Metric whose lowest value is chosen, in its place.")
@click.option("--constraint", "constraints", multiple=True, metavar="'METRIC==NUMBER'", help="What a choice must meet.")
@several(MARKET, SETTINGS, PATH)
@click.option("--seed", help="Seed of the strategy's own random numbers.  [0]")
@click.option("-j", "--jobs", type=int, help="Threads or processes.  [all processors]")
@click.option("--cluster", metavar="ADDRESS", help="Do the work on a Ray cluster (or 'local'), in their place.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the tables and the figure.  [none]"
)
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document in place of the summary.")
def walk_forward(
    strategy: str,
    train: str,
    test: str,
    step: str | None,
    embargo: str,
    anchored: bool,
    texts: Sequence[str],
    maximize: str | None,
    minimize: str | None,
    constraints: Sequence[str],
    jobs: int | None,
    cluster: str | None,
    out: Path | None,
    quiet: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    """Choose parameters of STRATEGY on one stretch of time, try the choice on the next, and go on."""
    if maximize and minimize:
        raise click.UsageError("--maximize and --minimize exclude each other; give one")
    wanted = request(flags, Workspace.find().run_defaults())
    kind = plugins.strategy(strategy)
    with Progress(strategy, quiet=quiet) as progress:
        result = walk(
            kind,
            load_history(wanted),
            train=train,
            test=test,
            step=step,
            anchored=anchored,
            embargo=embargo,
            grid=values_of(texts, "-p"),
            metric=minimize or maximize or "sharpe",
            goal="min" if minimize else "max",
            constraint=constraints,
            jobs=jobs,
            cluster=cluster,
            config=wanted.configs[0],
            progress=progress,
        )
    files: list[str] = []
    if out is not None:
        tables = {"folds": result.table, "trials": result.trials, "equity": result.equity.reset_index()}
        files = written(out, tables, {"walk-forward": result.figure()})
    click.echo(printed(document(result, files)) if as_json else "\n".join([repr(result), *files]))
    return 0


def document(result: WalkForwardResult, files: Sequence[str]) -> dict[str, Any]:
    """A walk forward as plain values."""
    return {
        "schema_version": SCHEMA_VERSION,
        "strategy": {"name": result.strategy, "settings": [dict(each) for each in result.settings]},
        "market": market_of(result.history),
        "config": result.config.to_mapping(),
        "choice": str(result.choice),
        "metrics": dict(result.metrics),
        "folds": records_of(result.table),
        "files": list(files),
        "notes": list(result.history.notes),
    }
