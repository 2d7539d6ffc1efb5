"""The metrics of a trial: those of `Result.metrics` that follow from the ledger and the daily marks alone.

Every figure is made by the function of `backtest.report` that makes it for a result, so there is one definition; what
would need a walk over all bars (distances to liquidation, intrabar drawdown) or tables is left out. Money is the
settlement currency, ratios are plain fractions.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from backtest.broker.simulation import Simulation
from backtest.enums import ADDED_KINDS, FILL_KINDS, LedgerKind, NoticeKind, OrderStatus
from backtest.report import performance, trading
from backtest.sweeps.curve import CURVE, LEG, follow_curve
from backtest.sweeps.marks import SIZE, WIDE_SIZE, Marks
from backtest.sweeps.tally import KIND, TOTAL, TRADE, tally

RETURN_DAYS = "return_days"
"""Number of daily returns behind the Sharpe ratio: the one figure here that `Result.metrics` does not have."""
NAMES = (
    "equity", "net_pnl", "total_return", "cagr", "ruined", "max_drawdown", "volatility", "sharpe", "sortino", "calmar",
    "omega", "skew", "kurtosis", "trades", "open_trades", "win_rate", "profit_factor", "expectancy", "best_trade",
    "worst_trade", "liquidations", "liquidation_loss", "margin_calls", "top_ups", "margin_added", "fees",
    "funding_paid", "funding_received", "funding_net", "liquidation_fees", "slippage", "insurance_paid", "turnover",
    "orders", "orders_filled", "rejections", "ambiguous_bars", RETURN_DAYS,
)  # fmt: skip
_KINDS = max(LedgerKind) + 1
_FILLS = [int(kind) for kind in FILL_KINDS]
_ADDED = [int(kind) for kind in ADDED_KINDS]


def measure(simulation: Simulation, marks: Marks, cash: float) -> dict[str, float]:
    """The figures named in `NAMES`, of a simulation that has come to its end."""
    ledger = simulation.ledger
    found = _of_equity(ledger, marks, cash, simulation.positions["symbol"])
    found |= _of_ledger(ledger, marks.inverse[simulation.positions["symbol"]])
    orders, notices = simulation.orders, np.bincount(simulation.notices["kind"], minlength=max(NoticeKind) + 1)
    found |= {
        "margin_calls": int(notices[NoticeKind.MARGIN_CALL]),
        "orders": len(orders),
        "orders_filled": int((orders["status"] == OrderStatus.FILLED).sum()),
        "rejections": int(notices[NoticeKind.REJECTION]),
        "ambiguous_bars": int(notices[NoticeKind.AMBIGUOUS]),
    }
    return {name: float(found[name]) for name in NAMES}


def nothing() -> dict[str, float]:
    """The figures of a trial that could not be run: all unknown."""
    return dict.fromkeys(NAMES, math.nan)


def _of_equity(ledger: NDArray[np.void], marks: Marks, cash: float, symbols: NDArray[np.int64]) -> dict[str, float]:
    curve, legs = np.zeros(1, CURVE), np.zeros(len(symbols), LEG)
    legs["symbol"], legs["inverse"] = symbols, marks.inverse[symbols]
    for name in ("peak", "low", "deepest_peak", "deepest_low"):
        curve[name] = cash
    daily = np.empty(marks.day_bars.size)
    follow_curve(
        ledger, marks.closes, marks.lows, marks.highs, SIZE, marks.wide_lows, marks.wide_highs, WIDE_SIZE,
        marks.day_bars, curve[0], legs, daily,
    )  # fmt: skip
    equity, fall = float(curve["last"][0]), np.array([curve["deepest_peak"][0], curve["deepest_low"][0]])
    returns = performance.daily_returns(performance.daily_equity(marks.day_close_ns, daily, cash))
    depth = performance.drawdown(np.arange(2), fall, fall, cash).depth
    growth = performance.cagr(equity, cash, marks.days)
    return {
        "equity": equity,
        "net_pnl": equity - cash,
        "total_return": performance.total_return(equity, cash),
        "cagr": growth,
        "ruined": performance.is_ruined(fall),
        "max_drawdown": depth,
        "volatility": performance.volatility(returns),
        "sharpe": performance.sharpe(returns),
        "sortino": performance.sortino(returns),
        "calmar": performance.calmar(growth, depth),
        "omega": performance.omega(returns),
        "skew": performance.skewness(returns),
        "kurtosis": performance.kurtosis(returns),
        RETURN_DAYS: int(np.isfinite(returns).sum()),
    }


def _of_ledger(ledger: NDArray[np.void], inverse: NDArray[np.bool_]) -> dict[str, float]:
    trades = np.zeros(int(ledger["trade"].max()) + 1, TRADE)
    kinds, totals = np.zeros(_KINDS, KIND), np.zeros(1, TOTAL)
    tally(ledger, inverse, trades, kinds, totals[0])
    pnl, total, taken = _profits(trades), totals[0], kinds[LedgerKind.LIQUIDATION]
    paid, received = float(total["funding_paid"]), float(total["funding_received"])
    return {
        "trades": pnl.size,
        "open_trades": trades.size - 1 - pnl.size,
        "win_rate": trading.win_rate(pnl),
        "profit_factor": trading.profit_factor(pnl),
        "expectancy": trading.expectancy(pnl),
        "best_trade": float(pnl.max()) if pnl.size else math.nan,
        "worst_trade": float(pnl.min()) if pnl.size else math.nan,
        "liquidations": int(taken["rows"]),
        "liquidation_loss": float(total["liquidation_loss"]),
        "top_ups": int(kinds["rows"][LedgerKind.TOP_UP]),
        "margin_added": float(kinds["margin"][_ADDED].sum()),
        "fees": float(total["fees"]),
        "funding_paid": paid,
        "funding_received": received,
        "funding_net": paid - received,
        "liquidation_fees": float(total["liquidation_fee"]),
        "slippage": float(total["slippage"]),
        "insurance_paid": float(total["insurance_paid"]),
        "turnover": float(kinds["value"][_FILLS].sum()),
    }


def _profits(trades: NDArray[np.void]) -> NDArray[np.float64]:
    """What each closed trade made after all costs, in the order of opening."""
    closed = trades[trades["closed"] == 1]
    made: NDArray[np.float64] = -closed["pnl"]
    for cost in ("fees", "funding", "liquidation_fee", "insurance"):
        made = made - closed[cost]
    return made
