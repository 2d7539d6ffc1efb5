"""Small markets for the strategies, and what a run did in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backtest.market.history import MarketHistory
from backtest.result import Result
from tests.builders import contract, history

SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "XRP/USDT:USDT")
BTC, ETH, XRP = SYMBOLS


def world(*closes: np.ndarray, spread: float = 0.0, **facts: object) -> MarketHistory:
    """An hourly market of one symbol per array of closes; mark equals last."""
    return history(*closes, spread=spread, contracts=[contract(name, **facts) for name in SYMBOLS[: len(closes)]])


def alternating(step: float, bars: int, *, price: float = 100.0) -> np.ndarray:
    """Closes that go back and forth between `price` and `price` × (1 + step)."""
    return np.round(price * (1.0 + step) ** (np.arange(bars) % 2), 4)


def rising(bars: int, *, price: float = 100.0, step: float = 0.01) -> np.ndarray:
    """Closes that grow by `step` (negative: fall) in every bar, beginning one step after `price`."""
    return np.round(price * (1.0 + step) ** np.arange(1, bars + 1), 2)


def correlated(bars: int, *, legs: int = 3, seed: int = 5) -> list[np.ndarray]:
    """Closes of symbols that follow one walk, each with a smaller one of its own."""
    random = np.random.default_rng(seed)
    common = random.normal(0.0, 0.01, bars)
    own = random.normal(0.0, 0.004, (legs, bars))
    return [np.round(100.0 * np.exp(np.cumsum(common + each)), 2) for each in own]


def another_future(market: MarketHistory, bar: int, *, seed: int = 11) -> MarketHistory:
    """The same market up to the close of `bar`, and quite another one after it."""
    prices = market.prices.copy()
    random = np.random.default_rng(seed)
    for leg in prices:
        moves = random.normal(0.0, 0.03, market.length - bar - 1)
        closes = np.round(leg[3, bar] * np.exp(np.cumsum(moves)), 2)
        leg[:, bar + 1 :] = history(closes).prices[0]
    return replace(market, prices=prices)


def kinds(result: Result) -> dict[str, int]:
    """How many ledger rows of each kind a run wrote."""
    return {str(kind): int(rows) for kind, rows in result.ledger["kind"].value_counts().items()}
