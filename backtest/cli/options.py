"""The flags that every command shares that runs a strategy over a market: which market, which settings of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from backtest.cli.request import RunRequest, fees
from backtest.errors import UsageError

Command = Callable[..., Any]

MARKET = (
    click.option(
        "--venue",
        help="Venue whose rules and history are used, by id or by the path of a file.  [sample: the synthetic market]",
    ),
    click.option("-s", "--symbol", "symbols", multiple=True, help="Symbol; may be repeated.  [all that the venue has]"),
    click.option(
        "-r", "--range", "range_", help="FROM..TO in UTC, the end exclusive, or 90d for the last days.  [all]"
    ),
    click.option("--timeframe", "--tf", help="How often the strategy decides.  [1h]"),
    click.option(
        "--detail-timeframe", "--detail-tf", help="Finer bars that fills and liquidations walk.  [the timeframe]"
    ),
)
PATH = (click.option("--path", help="Which extreme of a bar comes first.  [adverse-first]"),)
SETTINGS = (
    click.option(
        "--cash",
        help="Deposit, in the settlement currency; of several each: BTC=1,USDT=10000.  [10000; an inverse market's: 1]",
    ),
    click.option("--report-currency", help="What an account in several currencies is told in.  [of its first linear]"),
    click.option("--margin-mode", help="isolated, or cross: one wallet behind all positions.  [isolated]"),
    click.option("--position-mode", help="one-way, or hedge: a long and a short of a symbol at once.  [one-way]"),
    click.option("--judge", help="Price that values and liquidates: mark, or last for comparison.  [mark]"),
    click.option("--holes", help="A missing bar under an open position: refuse, or hold.  [refuse]"),
    click.option("--slippage", help="Of the price, paid by market orders: 2bps, 0.02%.  [0]"),
    click.option("--volume-slippage", help="Of the price, per share of the bar's volume taken.  [0]"),
    click.option("--adl", help="Stress: close winners after a mark move this large within a bar: 20%.  [0: never]"),
    click.option("--fees", "fees_text", metavar="maker=…,taker=…", help="In place of the contracts' own fees."),
    click.option("--funding", help="history, zero, or one rate for all settlements: const:0.01%.  [history]"),
    click.option("--margin-call", help="Margin ratio at which a margin call is given.  [0.8]"),
    click.option("--strict", is_flag=True, help="Refuse leverage tiers that are not of the range's own time."),
)


def several(*groups: tuple[Callable[[Command], Command], ...]) -> Callable[[Command], Command]:
    """A decorator that adds groups of options to a command, shown in their order."""

    def decorate(command: Command) -> Command:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return decorate


def request(flags: Mapping[str, Any], defaults: Mapping[str, object]) -> RunRequest:
    """The market and settings that the flags above ask for, over the `[run]` table; one path only."""
    asked = {name: value for name, value in flags.items() if name not in ("range_", "fees_text", "strict")}
    asked |= {"range": flags["range_"], "strict": flags["strict"] or None}
    found = RunRequest.resolve(asked | (fees(flags["fees_text"]) if flags["fees_text"] else {}), defaults)
    if len(found.configs) != 1:
        raise UsageError("'both' paths side by side are for backtest run; choose --path adverse-first or another one")
    return found


def values_of(texts: Sequence[str], flag: str) -> dict[str, str]:
    """`NAME=VALUES` texts by name; what the values mean is for the strategy's parameters to say.

    >>> values_of(["leverage=2,5,10"], "--vary")
    {'leverage': '2,5,10'}
    """
    found: dict[str, str] = {}
    for text in texts:
        name, sign, values = (word.strip() for word in text.partition("="))
        name = name.replace("-", "_")
        if not sign or not name.isidentifier() or not values:
            raise UsageError(
                f"'{flag} {text}' sets no parameter; write {flag} NAME=VALUES, as in {flag} lookback=24,48"
            )
        if name in found:
            raise UsageError(f"'{flag} {name}' is given twice; keep one")
        found[name] = values
    return found
