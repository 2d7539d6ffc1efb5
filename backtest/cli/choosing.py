"""The market history that a run request names: its symbols, its range, its bars."""

from __future__ import annotations

from backtest import extensions, venues
from backtest.cli.request import RunRequest
from backtest.clock import TimeRange, time_range
from backtest.errors import MarketDataError
from backtest.market.catalogue import catalogue
from backtest.market.history import MarketHistory
from backtest.market.loading import load
from backtest.market.series import SeriesKind
from backtest.market.store import Store

TIMEFRAME = "1h"
"""Decision bar where none is asked for."""


def load_history(request: RunRequest) -> MarketHistory:
    """The history of a request, out of the workspace's store."""
    venues.rules(request.venue)
    span = time_range(request.span) if request.span else TimeRange()
    config = request.configs[0]
    return load(
        request.venue,
        request.symbols or all_symbols(request.venue),
        config.timeframe or TIMEFRAME,
        start=span.start,
        end=span.end,
        detail_timeframe=config.detail_timeframe,
        judge=config.judge,
        strict_tiers=config.strict,
        report_currency=config.report_currency,
    )


def all_symbols(venue: str) -> tuple[str, ...]:
    """The symbols that a venue's own loader makes, else those with stored bars."""
    kept = venues.history_of(venue)
    loader = extensions.market_loader(kept)
    if loader is not None:
        return loader.symbols(kept)
    store = Store.of_workspace()
    lines = catalogue(store)
    found = {line.key.symbol for line in lines if line.key.venue == kept and line.key.kind is SeriesKind.OHLCV}
    if found:
        return tuple(sorted(found))
    held = ", ".join(sorted({line.key.venue for line in lines})) or "nothing"
    raise MarketDataError(
        f"no history of '{kept}' is stored in {store.root}, which holds {held}; import some: "
        f"backtest data import FILE --venue {kept} --symbol BTC/USDT:USDT --kind ohlcv (or --venue sample)"
    )
