"""`backtest calc …`: the isolated-margin calculator, on the rules that a backtest runs on. One file a question."""

from __future__ import annotations

import click

from backtest.cli.calc.average import average
from backtest.cli.calc.batch import batch
from backtest.cli.calc.break_even import break_even
from backtest.cli.calc.close import close
from backtest.cli.calc.cross import cross
from backtest.cli.calc.entry import entry
from backtest.cli.calc.funding import funding
from backtest.cli.calc.ladder import ladder
from backtest.cli.calc.liquidation import liquidation
from backtest.cli.calc.margin import margin
from backtest.cli.calc.max_leverage import max_leverage
from backtest.cli.calc.pnl import pnl
from backtest.cli.calc.remove import remove
from backtest.cli.calc.risk import risk
from backtest.cli.calc.sequence import sequence
from backtest.cli.calc.size import size
from backtest.cli.calc.top_up import top_up

EPILOG = """\b
Examples:
  backtest calc liquidation --entry 60000 --leverage 10
  backtest calc liquidation --venue bybit --symbol ETHUSDT --side short --entry 2500 --size 4 --leverage 25 --explain
  backtest calc top-up --entry 60000 --size 0.5 --margin 3000 --target 50000
  backtest calc sequence --step "open long 0.5 @ 60000 10x" --step "top-up 500" --step "close 50% @ 61000"
  backtest calc batch positions.csv --json
"""


@click.group(epilog=EPILOG)
def calc() -> None:
    """Isolated-margin calculator: venue, symbol and date, or a maintenance rate given outright."""


for command in (
    liquidation,
    margin,
    max_leverage,
    size,
    entry,
    top_up,
    remove,
    pnl,
    break_even,
    funding,
    risk,
    ladder,
    close,
    average,
    sequence,
    cross,
    batch,
):
    calc.add_command(command)
