"""The embedded sample market: three synthetic perpetuals, said to be synthetic wherever they appear.

`sample` is the market of seed 7, `sample-11` that of seed 11, and so on. Two years of hourly bars, sixty days of
one-minute bars inside them (the hourly bars of those days are made of the same minutes), 8 h funding. It is traded
under Binance's rules. How it is made and calibrated stands in `market_model.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from backtest.clock import HOUR_NS, MINUTE_NS
from backtest.errors import UsageError, near
from backtest.market.loader import Delivery, MarketRequest
from backtest.market.series import Bars, FundingRates, SeriesKind
from data import market_model as model

SEED = 7
VENUE = "sample"


def seed_of(venue: str) -> int:
    """The seed that a venue's name states: `sample` is 7, `sample-11` is 11."""
    text = venue.removeprefix(VENUE).removeprefix("-")
    if not venue.startswith(VENUE) or (text and not text.isdigit()):
        raise UsageError(f"'{venue}' is no synthetic market; write {VENUE}, or {VENUE}-11 for another seed")
    return int(text) if text else SEED


class SampleMarket:
    """Loader of the synthetic market."""

    summary = "synthetic sample market: BTC, ETH, SOL; hourly for two years, one-minute for sixty days"
    automatic = True

    def serves(self, venue: str) -> bool:
        """Whether a venue is a synthetic market."""
        return venue == VENUE or (venue.startswith(f"{VENUE}-") and venue.removeprefix(f"{VENUE}-").isdigit())

    def symbols(self, venue: str) -> tuple[str, ...]:
        """The three perpetuals."""
        return tuple(asset.symbol for asset in model.ASSETS)

    def series(self, request: MarketRequest) -> Iterator[Delivery]:
        """Last and mark bars, and funding: hourly bars where they make the interval, else one-minute bars."""
        length = HOUR_NS if request.interval_ns % HOUR_NS == 0 else MINUTE_NS
        known = self.symbols(request.venue)
        for symbol in request.symbols:
            if symbol not in known:
                raise UsageError(f"the sample market has no '{symbol}'; {near(symbol, known)}it has {', '.join(known)}")
            walked = _walked(seed_of(request.venue), known.index(symbol))
            yield Delivery(series=_bars(request.venue, walked, SeriesKind.OHLCV, length))
            yield Delivery(series=_bars(request.venue, walked, SeriesKind.MARK, length))
            yield Delivery(series=_funding(request.venue, walked))


@lru_cache(maxsize=1)
def _walked(seed: int, index: int) -> model.Path:
    return model.path(seed, index)


def _source(venue: str) -> str:
    return f"synthetic market, seed {seed_of(venue)}: no real prices"


def _bars(venue: str, walked: model.Path, kind: SeriesKind, length_ns: int) -> Bars:
    traded = kind is SeriesKind.OHLCV
    first = walked.first[0 if traded else 1]
    close = walked.close if traded else walked.mark_close
    high, low = (walked.high, walked.low) if traded else (walked.mark_high, walked.mark_low)
    count = length_ns // MINUTE_NS
    opened = np.concatenate([[first], close[:-1]])
    time_ns = model.START_NS + np.arange(model.MINUTES // count, dtype=np.int64) * length_ns
    rows = slice(None)
    if length_ns == MINUTE_NS:
        rows = slice(*((at - model.START_NS) // MINUTE_NS for at in (model.MINUTES_FROM_NS, model.MINUTES_TO_NS)))
    return Bars(
        venue=venue,
        symbol=walked.asset.symbol,
        kind=kind,
        interval_ns=length_ns,
        time_ns=time_ns[rows],
        open=opened[::count][rows],
        high=high.reshape(-1, count).max(axis=1)[rows],
        low=low.reshape(-1, count).min(axis=1)[rows],
        close=close[count - 1 :: count][rows],
        volume=np.round(walked.volume.reshape(-1, count).sum(axis=1), 3)[rows]
        if traded
        else np.full(time_ns.size, np.nan)[rows],
        source=_source(venue),
        synthetic=True,
    )


def _funding(venue: str, walked: model.Path) -> FundingRates:
    stamps = model.START_NS + (1 + np.arange(walked.funding.size, dtype=np.int64)) * 8 * HOUR_NS
    within = stamps < model.END_NS
    return FundingRates(
        venue=venue,
        symbol=walked.asset.symbol,
        time_ns=stamps[within],
        rate=walked.funding[within],
        source=_source(venue),
        synthetic=True,
    )
