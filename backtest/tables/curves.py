"""The account and each position through time: what stood at the close of a bar, and the extremes inside it.

Nothing here was written down while the run went on. It follows from the ledger (which says how a leg stood after each
event) and from the mark prices, by the broker's own compiled rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backtest.broker.trail import EXCURSION, TRAIL, extremes, follow
from backtest.tables.columns import named, table
from backtest.venues.terms import RunTerms

if TYPE_CHECKING:
    import pandas as pd

    from backtest.enums import Path
    from backtest.market.history import MarketHistory
    from backtest.market.legs import Legs


@dataclass(frozen=True, kw_only=True)
class Curves:
    """The state at the close of each of `bars` (numbers of base bars)."""

    bars: NDArray[np.int64]
    wallet: NDArray[np.float64]
    trail: NDArray[np.void]
    """TRAIL records (bars, legs)."""

    @property
    def equity(self) -> NDArray[np.float64]:
        """Wallet + margins + unrealised PnL."""
        posted: NDArray[np.float64] = (self.trail["margin"] + self.trail["unrealised_pnl"]).sum(axis=1)
        return self.wallet + posted


@dataclass(frozen=True, kw_only=True)
class Extremes:
    """What happened inside the base bars."""

    excursions: NDArray[np.void]
    """One EXCURSION record a trade; row = number of the trade − 1."""
    nearest: NDArray[np.float64]
    """Least distance to liquidation within each base bar (legs, bars); NaN while flat."""
    equity: NDArray[np.float64]
    """Equity at the close of each base bar."""
    equity_low: NDArray[np.float64]
    """Equity of each base bar with every position at its adverse mark extreme."""


def decision_bars(history: MarketHistory, bars: int) -> NDArray[np.int64]:
    """The base bars at whose close a strategy decides, and the last bar of the run."""
    every = history.timeframe_ns // history.interval_ns
    closes = np.arange(every - 1, bars, every, dtype=np.int64)
    if bars and (not closes.size or closes[-1] != bars - 1):
        closes = np.append(closes, np.int64(bars - 1))
    return closes


def follow_ledger(ledger: NDArray[np.void], history: MarketHistory, bars: NDArray[np.int64], each: int = 1) -> Curves:
    """The curves at the close of `bars`, which must rise; `each` symbol has so many legs."""
    wallet = np.zeros(bars.size)
    trail = np.zeros((bars.size, each * len(history.symbols)), TRAIL)
    terms = RunTerms.of(history.venue, history.contracts, history.start_ns)
    follow(
        ledger, history.prices, history.start_ns, history.interval_ns, np.repeat(terms.rows(), each), terms.tier_tables,
        terms.tiers, bars, wallet, trail,
    )  # fmt: skip
    return Curves(bars=bars, wallet=wallet, trail=trail)


def walk_bars(ledger: NDArray[np.void], history: MarketHistory, bars: int, path: Path, each: int = 1) -> Extremes:
    """The extremes inside base bars 0 … `bars` − 1; `each` symbol has so many legs."""
    trades = int(ledger["trade"].max()) if ledger.size else 0
    excursions = np.zeros(trades, EXCURSION)
    excursions["distance"] = np.inf
    excursions["nearest_bar"] = -1
    nearest = np.full((each * len(history.symbols), bars), np.nan)
    equity, equity_low = np.zeros(bars), np.zeros(bars)
    terms = np.repeat(RunTerms.of(history.venue, history.contracts, history.start_ns).rows(), each)
    extremes(ledger, history.prices, terms, int(path), bars, excursions, nearest, equity, equity_low)
    return Extremes(excursions=excursions, nearest=nearest, equity=equity, equity_low=equity_low)


def close_ns(history: MarketHistory, bars: NDArray[np.int64]) -> NDArray[np.int64]:
    """The instants at which base bars close."""
    closes: NDArray[np.int64] = history.start_ns + (bars + 1) * history.interval_ns
    return closes


def equity_table(curves: Curves, history: MarketHistory, cash: float) -> pd.DataFrame:
    """The account at the close of each bar."""
    legs = curves.trail
    margin = legs["margin"].sum(axis=1)
    unrealised = legs["unrealised_pnl"].sum(axis=1)
    notional = np.nan_to_num(legs["notional"]).sum(axis=1)
    equity = curves.equity
    peak = np.maximum.accumulate(np.maximum(equity, cash))
    with np.errstate(divide="ignore", invalid="ignore"):
        leverage = np.where(equity > 0.0, notional / equity, np.nan)
        use = np.where(margin + curves.wallet > 0.0, margin / (margin + curves.wallet), np.nan)
    columns = {
        "equity": equity,
        "wallet": curves.wallet,
        "margin": margin,
        "unrealised_pnl": unrealised,
        "drawdown": equity / peak - 1.0,
        "notional": notional,
        "leverage": leverage,
        "margin_use": use,
        "maintenance_margin": legs["maintenance_margin"].sum(axis=1),
    }
    return table(columns, close_ns(history, curves.bars))


def position_table(curves: Curves, history: MarketHistory, legs: Legs) -> pd.DataFrame:
    """Every open position at the close of each bar, one row a bar and position."""
    at, leg = np.nonzero(curves.trail["quantity"])
    rows = curves.trail[at, leg]
    notional = rows["notional"]
    balance = rows["margin"] + rows["unrealised_pnl"]
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = np.where(balance > 0.0, notional / balance, np.nan)
    columns = {
        "symbol": named(leg, legs.names),
        "trade": rows["trade"],
        "side": np.where(rows["quantity"] > 0.0, "long", "short").tolist(),
        "quantity": rows["quantity"],
        "entry_price": rows["entry_price"],
        "mark_price": rows["mark_price"],
        "notional": notional,
        "margin": rows["margin"],
        "margin_balance": balance,
        "maintenance_margin": rows["maintenance_margin"],
        "margin_ratio": rows["margin_ratio"],
        "liquidation_price": rows["liquidation_price"],
        "distance": np.where(np.isinf(rows["distance"]), np.nan, rows["distance"]),
        "leverage": rows["leverage"],
        "effective_leverage": effective,
        "unrealised_pnl": rows["unrealised_pnl"],
    }
    return table(columns, close_ns(history, curves.bars[at]))
