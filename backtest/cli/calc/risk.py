"""`backtest calc risk`: how likely the liquidation price is met, by a volatility and by a history."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from backtest import venues
from backtest.calculator import assess, touch_probability, touched_share
from backtest.calculator.risk import YEAR_NS
from backtest.cli.calc.position import MARK, POSITION, SHOWN, optional, position_of
from backtest.cli.calc.showing import price_text, show
from backtest.cli.options import several
from backtest.clock import interval_ns, time_range, time_text
from backtest.config import fraction
from backtest.errors import UsageError
from backtest.market.loading import load
from backtest.report.numbers import percent
from backtest.venues.symbols import canonical


@click.command()
@several(POSITION, MARK)
@click.option("--within", default="24h", show_default=True, help="Time in which the price may be met.")
@click.option("--volatility", help="Volatility of a year: 60%.  [that of the history]")
@click.option("-r", "--range", "range_", help="Stored history to look at: FROM..TO, or 365d.  [none]")
@click.option("--timeframe", default="1h", show_default=True, help="Bars of the history.")
@click.option("--history", "kept", help="Venue whose stored history is looked at.  [--venue]")
@several(SHOWN)
def risk(
    as_json: bool,
    explained: bool,
    mark: str | None,
    within: str,
    volatility: str | None,
    range_: str | None,
    timeframe: str,
    kept: str | None,
    **given: Any,
) -> None:
    """How likely the liquidation price is met within a time.

    By a volatility (a driftless random walk, touched once), and by how often a stored history moved that far.
    """
    position = position_of(given)
    at = optional(mark, "--mark")
    found = assess(position, at)
    if volatility is None and range_ is None:
        raise UsageError("give --volatility (of a year), or --range for a stored history, or both")
    if found.liquidation_price is None or found.distance is None:
        raise UsageError("this position has no liquidation price that could be met")
    time_ns = interval_ns(within)
    document: dict[str, Any] = {
        "liquidation_price": found.liquidation_price,
        "distance": found.distance,
        "within": within,
    }
    lines = [f"Liquidation {price_text(found.liquidation_price)}, {percent(found.distance)} from the mark"]
    year = None if volatility is None else fraction(volatility, "--volatility")
    if range_ is not None:
        venue = kept or given["venue"] or "binance"
        symbol = canonical(given["symbol"] or venues.default_contract(venue).symbol, venue)
        span = time_range(range_)
        history = load(venue, symbol, timeframe, start=span.start, end=span.end)
        share = touched_share(history, symbol, position.side, found.distance, time_ns)
        year = share.volatility if year is None else year
        document["history"] = {**asdict(share), "share": share.share, "venue": venue, "symbol": symbol}
        lines.append(
            f"From {time_text(history.start_ns)} to {time_text(history.end_ns)} the mark went that far against it "
            f"within {within} of {share.touched:,} of {share.starts:,} bars ({percent(share.share)}); "
            f"the worst move was {percent(share.worst)}"
        )
    assert year is not None
    chance = touch_probability(found.mark_price, found.liquidation_price, year, time_ns)
    document |= {"volatility": year, "touch_probability": chance}
    sigmas = found.distance / (year * (time_ns / YEAR_NS) ** 0.5)
    lines.append(
        f"At a volatility of {percent(year, digits=1)} a year that is {sigmas:.2f} σ of {within}: "
        f"met with a probability of {percent(chance)}"
    )
    show(document, lines, position.terms, as_json=as_json, explained=position if explained else None, mark_price=at)
