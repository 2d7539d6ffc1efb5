"""Markets of contracts that are settled in several currencies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backtest.broker.records import FUNDING
from backtest.market.history import MarketHistory
from tests.builders import HOUR_NS, START_NS, bars, contract

LINEAR, BITCOIN, ETHER = "BTC/USDT:USDT", "BTC/USD:BTC", "ETH/USD:ETH"
DEPOSITS = {"USDT": 10_000.0, "BTC": 1.0, "ETH": 5.0}


def market(
    btc: Sequence[float],
    eth: Sequence[float] | None = None,
    *,
    symbols: Sequence[str] = (LINEAR, BITCOIN, ETHER),
    funding: Sequence[tuple[int, int, float]] = (),
    spread: float = 0.0,
) -> MarketHistory:
    """Hourly bars from closes, one of bitcoin for both its contracts; `funding` as (bar, leg, rate)."""
    closes = {"BTC": btc, "ETH": eth if eth is not None else btc}
    rates = np.zeros(len(funding), FUNDING)
    for row, (bar, leg, rate) in zip(rates, funding, strict=True):
        row["time_ns"], row["bar"], row["leg"], row["rate"] = START_NS + bar * HOUR_NS, bar, leg, rate
    facts = [
        {} if symbol.endswith("USDT") else {"inverse": True, "lot": 1.0, "minimum_notional": 0.0} for symbol in symbols
    ]
    return MarketHistory(
        venue="binance",
        symbols=tuple(symbols),
        interval_ns=HOUR_NS,
        timeframe_ns=HOUR_NS,
        start_ns=START_NS,
        prices=np.stack([bars(closes[symbol[:3]], spread=spread) for symbol in symbols]),
        funding=rates,
        contracts=tuple(contract(symbol, **its) for symbol, its in zip(symbols, facts, strict=True)),
    )


def wandering(bars: int, price: float, seed: int, deviation: float = 0.01) -> list[float]:
    """Closes of a random walk."""
    steps = np.random.default_rng(seed).normal(0.0, deviation, bars)
    return list(price * np.exp(np.cumsum(steps)))
