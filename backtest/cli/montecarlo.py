"""`backtest montecarlo STRATEGY|RUN`: the strategy on many paths made of its history's own blocks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from backtest import plugins
from backtest.cli.choosing import load_history
from backtest.cli.documents import market_of, printed, records_of, written
from backtest.cli.finished import SCHEMA_VERSION
from backtest.cli.main import INTERRUPTED
from backtest.cli.options import MARKET, PATH, SETTINGS, request, several, values_of
from backtest.cli.past import of_run
from backtest.cli.progress import Progress
from backtest.cli.request import parameters
from backtest.enums import label
from backtest.validation.montecarlo import MonteCarloResult
from backtest.validation.montecarlo import montecarlo as simulate
from backtest.validation.montecarlo_text import caveats
from backtest.workspace import Workspace

EPILOG = """\b
Examples:
  backtest montecarlo gradual-leverage -n 1000 --block 3d --ruin 50%
  backtest montecarlo buy-and-hold -s BTC/USDT:USDT --vary leverage=1,2,3,5 --out ruin/
  backtest montecarlo 7f3a91c2 -n 500                 # a finished run: its strategy, parameters, market and settings
"""


@click.command(epilog=EPILOG)
@click.argument("strategy", metavar="STRATEGY|RUN")
@click.option("-n", "--paths", default=1000, show_default=True, help="Number of paths.")
@click.option("--block", default="3d", show_default=True, help="Length of a block of bars (the mean one).")
@click.option("--blocks", default="stationary", show_default=True, help="stationary (lengths vary) or fixed.")
@click.option("--ruin", default="50%", show_default=True, help="Share of the deposit at which an account is ruined.")
@click.option("--seed", default=0, show_default=True, help="Seed of the paths.")
@click.option("--vary", "varied", multiple=True, metavar="NAME=A,B,C", help="Values of a parameter to compare.")
@click.option("-p", "--param", "texts", multiple=True, metavar="NAME=VALUE", help="A parameter of the strategy.")
@several(MARKET, SETTINGS, PATH)
@click.option("-j", "--jobs", type=int, help="Threads or processes.  [all processors]")
@click.option("--cluster", metavar="ADDRESS", help="Do the work on a Ray cluster (or 'local'), in their place.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the tables and a figure a setting.  [none]",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document in place of the summary.")
def montecarlo(
    strategy: str,
    paths: int,
    block: str,
    blocks: str,
    ruin: str,
    seed: int,
    varied: Sequence[str],
    texts: Sequence[str],
    jobs: int | None,
    cluster: str | None,
    out: Path | None,
    quiet: bool,
    as_json: bool,
    **flags: Any,
) -> int:
    """How often STRATEGY would have been liquidated or ruined, on paths made of its history's own blocks.

    A finished RUN in place of a strategy brings its parameters, market and settings; flags change single ones. Paths
    that are finished are kept in the workspace's montecarlo/: the same command, broken off or with more paths, goes on.
    """
    workspace = Workspace.find()
    past = of_run(strategy, workspace)
    kind = plugins.strategy(strategy) if past is None else past.strategy
    wanted = request(flags, workspace.run_defaults() if past is None else past.settings)
    vary = values_of(varied, "--vary")
    given = {**({} if past is None else past.parameters), **parameters(texts)}
    try:
        with Progress(strategy, quiet=quiet) as progress:
            result = simulate(
                kind,
                load_history(wanted),
                paths=paths,
                block=block,
                blocks=blocks,
                ruin=ruin,
                vary=vary,
                seed=seed,
                jobs=jobs,
                cluster=cluster,
                config=wanted.configs[0],
                out=workspace.root / "montecarlo",
                progress=progress,
                said=None if quiet else _say,
                **{name: value for name, value in given.items() if past is None or name not in vary},
            )
    except KeyboardInterrupt:
        _say("interrupted; the paths that are finished are kept: run the same command again to go on")
        return INTERRUPTED
    files: list[str] = []
    if out is not None:
        tables = {"paths": result.frame, "settings": result.table, "symbols": result.liquidations()}
        names = ["montecarlo", *(f"montecarlo-{setting}" for setting in range(1, len(result.settings)))]
        files = written(out, tables, {name: result.figure(setting) for setting, name in enumerate(names)})
    remarks = [] if past is None else past.remarks
    click.echo(printed(document(result, files)) if as_json else "\n".join([repr(result), *files]))
    for remark in remarks:
        _say(remark)
    return 0


def _say(text: str) -> None:
    click.echo(text, err=True)


def document(result: MonteCarloResult, files: Sequence[str]) -> dict[str, Any]:
    """A Monte Carlo result as plain values; the single paths are in `paths.parquet` (--out)."""
    return {
        "schema_version": SCHEMA_VERSION,
        "strategy": {"name": result.strategy, "settings": [dict(each) for each in result.settings]},
        "market": market_of(result.bootstrap.history),
        "config": result.config.to_mapping(),
        "paths": result.paths,
        "resumed": result.resumed,
        "block_bars": result.bootstrap.block_bars,
        "blocks": label(result.bootstrap.blocks),
        "seed": result.bootstrap.seed,
        "ruin_share": result.ruin_share,
        "settings": records_of(result.table),
        "symbols": records_of(result.liquidations()),
        "caveats": list(caveats(result)),
        "files": list(files),
        "notes": list(result.bootstrap.history.notes),
    }
