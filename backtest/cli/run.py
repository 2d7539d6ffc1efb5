"""`backtest run STRATEGY`: history in, one run (two for `--path both`), its folder and its summary out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import click

from backtest import compiling, engine, plugins, runs
from backtest.cli.choosing import load_history
from backtest.cli.finished import Finished, as_document, as_text
from backtest.cli.gates import Gate
from backtest.cli.main import INTERRUPTED
from backtest.cli.options import MARKET, SETTINGS, several
from backtest.cli.progress import Progress
from backtest.cli.request import RunRequest, fees, parameters
from backtest.errors import GateError
from backtest.workspace import Workspace

EPILOG = """\b
Examples:
  backtest run gradual-leverage
  backtest run ./my_strategy.py:MyStrategy -s BTC/USDT:USDT -r 90d -p lookback=72
  backtest run hedged-pairs --venue binance -s BTC/USDT:USDT -s ETH/USDT:USDT -r 2020-01-07..2022-05-01 --json
"""


@click.command(epilog=EPILOG)
@click.argument("strategy")
@several(MARKET)
@click.option("-p", "--param", "texts", multiple=True, metavar="NAME=VALUE", help="A parameter of the strategy.")
@several(SETTINGS)
@click.option("--path", help="adverse-first, favourable-first, or both side by side.  [adverse-first]")
@click.option("--seed", help="Seed of the strategy's own random numbers.  [0]")
@click.option("--fail-if", "gate_texts", multiple=True, metavar="'METRIC>NUMBER'", help="Exit with 6 when it holds.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder of runs.  [runs/ of the workspace]"
)
@click.option("--no-report", is_flag=True, help="Leave out report.html, which takes longer than the run.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no remarks on stderr.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document in place of the summary.")
def run(
    strategy: str,
    texts: Sequence[str],
    fees_text: str | None,
    gate_texts: Sequence[str],
    range_: str | None,
    out: Path | None,
    no_report: bool,
    quiet: bool,
    as_json: bool,
    strict: bool,
    **flags: object,
) -> int:
    """Run STRATEGY, a name that `backtest strategies list` shows or a path such as ./my_strategy.py:MyStrategy."""
    gates = [Gate.from_text(text) for text in gate_texts]
    values = parameters(texts)
    workspace = Workspace.find()
    asked = {**flags, "range": range_, "strict": strict or None, **(fees(fees_text) if fees_text else {})}
    request = RunRequest.resolve(asked, workspace.run_defaults())
    chosen = plugins.strategy(strategy)
    history = load_history(request)
    if not quiet and not compiling.is_warm():
        click.echo(
            "compiling the broker's kernels for the first run on this machine; later runs start at once", err=True
        )
    finished: list[Finished] = []
    for config in request.configs:
        with Progress(strategy, quiet=quiet) as progress, redirect_stdout(sys.stderr):
            result = engine.run(chosen, history, config=config, progress=progress, **values)
        finished.append(Finished(result=result, folder=runs.save(result, out or workspace.runs, report=not no_report)))
        if result.interrupted:
            break
    click.echo(as_document(finished, gates) if as_json else as_text(finished))
    if finished[-1].result.interrupted:
        click.echo(f"interrupted; the part up to then is kept and marked in {finished[-1].folder}", err=True)
        return INTERRUPTED
    failed = [(gate, one.result.metrics) for gate in gates for one in finished if gate.holds(one.result.metrics)]
    if failed:
        held = "; ".join(f"{gate}, for it is {metrics[gate.name]:g}" for gate, metrics in failed)
        raise GateError(f"gate failed: {held}")
    return 0
