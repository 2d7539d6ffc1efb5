"""What one run on one path comes to: the few figures that a distribution is made of, and a thinned equity curve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backtest.config import RunConfig
from backtest.engine import Driver
from backtest.enums import LedgerKind
from backtest.errors import BacktestError
from backtest.market.history import MARK_HIGH, MARK_LOW, MARK_OPEN, MarketHistory
from backtest.report.performance import drawdown
from backtest.result import Result
from backtest.strategy.parameters import Value
from backtest.strategy.protocol import Strategy
from backtest.tables.curves import close_ns
from backtest.validation.paths import Bootstrap

POINTS = 200
"""Instants at which a path's equity is kept."""
HISTORY = -1
"""Number under which the history itself runs, beside the paths."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """One run. Money in the settlement currency, the drawdown negative; `lowest` at the closes of base bars."""

    path: int
    setting: int
    equity: float
    lowest: float
    drawdown: float
    liquidations: tuple[int, ...]
    """One count a symbol."""
    curve: NDArray[np.float64]
    """Equity at `sampled` bars."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Paths:
    """What all chunks share: one strategy in several settings, on the paths of one history.

    The history is as `config` asks for it.
    """

    strategy: type[Strategy]
    settings: tuple[Mapping[str, Value], ...]
    bootstrap: Bootstrap
    config: RunConfig


def sampled(history: MarketHistory) -> NDArray[np.int64]:
    """The base bars at whose close a path's equity is kept."""
    return np.unique(np.linspace(0, history.length - 1, min(POINTS, history.length)).astype(np.int64))


def outcomes(shared: Paths, numbers: tuple[int, ...]) -> list[Outcome]:
    """Every setting on each of the numbered paths; a path is built once, for all settings."""
    found = []
    for number in numbers:
        market = shared.bootstrap.history if number == HISTORY else shared.bootstrap.path(number)
        for setting, parameters in enumerate(shared.settings):
            found.append(_outcome(shared, market, number, setting, parameters))
    return found


def _outcome(
    shared: Paths, market: MarketHistory, number: int, setting: int, parameters: Mapping[str, Value]
) -> Outcome:
    try:
        driver = Driver(shared.strategy, dict(parameters), market, shared.config)
        driver.run(None)
    except BacktestError as error:
        if number == HISTORY:
            raise
        said = f"on path {number} of seed {shared.bootstrap.seed}, with {dict(parameters)}: {error}"
        raise type(error)(said) from error
    if driver.interrupted:
        raise KeyboardInterrupt
    return measured(driver.result(), number, setting)


def measured(result: Result, number: int, setting: int) -> Outcome:
    """The figures of one result."""
    history, ledger = result.history, result.records.ledger
    equity = result.extremes.equity
    taken = result.legs.symbol[ledger["leg"][ledger["kind"] == LedgerKind.LIQUIDATION]]
    closes = close_ns(history, np.arange(equity.size))
    return Outcome(
        path=number,
        setting=setting,
        equity=float(equity[-1]),
        lowest=float(equity.min()),
        drawdown=drawdown(closes, equity, equity, result.deposit).depth,
        liquidations=tuple(np.bincount(taken, minlength=len(history.symbols)).tolist()),
        curve=equity[sampled(history)],
    )


def largest_move(history: MarketHistory) -> float:
    """The largest move of a symbol's mark within one base bar, from its open to an extreme, as a fraction."""
    opened, high, low = (history.prices[:, row] for row in (MARK_OPEN, MARK_HIGH, MARK_LOW))
    moves = np.fmax(high / opened - 1.0, 1.0 - low / opened)
    return float(np.nanmax(moves)) if np.isfinite(moves).any() else float("nan")
