"""The metrics of a run as one mapping from name to number; `definitions` says what each means."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backtest.enums import Liquidity, NoticeKind, OrderStatus, label
from backtest.errors import UsageError, near
from backtest.report import margin_use, performance, trading
from backtest.report.definitions import DEFINITIONS, GROUPS
from backtest.report.numbers import figure

if TYPE_CHECKING:
    import pandas as pd

HOUR_NS = 3_600_000_000_000


class Metrics(Mapping[str, float]):
    """Names and numbers, in the order of `GROUPS`; a figure that cannot be worked out is NaN.

    >>> metrics = Metrics({"net_pnl": 12.5})
    >>> metrics["net_pnl"], metrics.help("net_pnl")
    (12.5, 'equity at the end less the deposit')
    """

    def __init__(self, values: Mapping[str, float], currency: str = "") -> None:
        self._values = dict(values)
        self.currency = currency

    def __getitem__(self, name: str) -> float:
        try:
            return self._values[name]
        except KeyError:
            raise KeyError(f"there is no metric '{name}'; {near(name, self._values)}see Metrics.table()") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def help(self, name: str) -> str:
        """The sentence that defines a metric."""
        if name not in DEFINITIONS:
            raise UsageError(f"there is no metric '{name}'; {near(name, DEFINITIONS)}see Metrics.table()")
        return DEFINITIONS[name].sentence

    def table(self) -> pd.DataFrame:
        """All metrics with group, value, unit and definition."""
        import pandas as pd

        rows = [
            {"group": group, "metric": name, "value": self._values[name], "unit": one.unit, "definition": one.sentence}
            for group, members in GROUPS.items()
            for name, one in members.items()
            if name in self._values
        ]
        return pd.DataFrame(rows, columns=["group", "metric", "value", "unit", "definition"]).set_index("metric")

    def __repr__(self) -> str:
        width = max(map(len, self._values), default=0)
        lines = [
            f"{name:<{width}}  {figure(value, DEFINITIONS[name].unit, self.currency)}"
            for name, value in self._values.items()
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(name)}</td>"
            f"<td style='text-align:right'>{figure(value, DEFINITIONS[name].unit, self.currency)}</td>"
            f"<td>{escape(DEFINITIONS[name].sentence)}</td></tr>"
            for name, value in self._values.items()
        )
        head = "<thead><tr><th>metric</th><th>value</th><th>meaning</th></tr></thead>"
        return f"<table>{head}<tbody>{rows}</tbody></table>"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the metrics are worked out from."""

    cash: float
    interval_ns: int
    close_ns: NDArray[np.int64]
    """Close of each base bar."""
    bar_equity: NDArray[np.float64]
    bar_equity_low: NDArray[np.float64]
    benchmark: NDArray[np.float64]
    """Equity of buy and hold at the close of each base bar."""
    nearest: NDArray[np.float64]
    equity: pd.DataFrame
    positions: pd.DataFrame
    trades: pd.DataFrame
    ledger: pd.DataFrame
    orders: pd.DataFrame
    notices: pd.DataFrame
    origin: margin_use.Attribution | None = None
    """Where the change of equity came from, where the ledger alone does not say it (several currencies)."""


def measure(evidence: Evidence, currency: str = "") -> Metrics:
    """All metrics of a run, with money in `currency`."""
    values = _result(evidence)
    values |= _origin(evidence, values["net_pnl"])
    values |= _risk(evidence, values["cagr"])
    values |= _trades(evidence)
    values |= _margin(evidence)
    values |= _costs(evidence, values)
    values |= _orders(evidence)
    return Metrics({name: float(values[name]) for name in DEFINITIONS}, currency)


def _days(evidence: Evidence) -> float:
    return evidence.bar_equity.size * evidence.interval_ns / performance.DAY_NS


def _result(evidence: Evidence) -> dict[str, float]:
    cash, days = evidence.cash, _days(evidence)
    equity = float(evidence.bar_equity[-1]) if evidence.bar_equity.size else cash
    held = float(evidence.benchmark[-1]) if evidence.benchmark.size else cash
    return {
        "cash": cash,
        "equity": equity,
        "net_pnl": equity - cash,
        "total_return": performance.total_return(equity, cash),
        "cagr": performance.cagr(equity, cash, days),
        "days": days,
        "ruined": performance.is_ruined(evidence.bar_equity),
        "buy_and_hold_return": performance.total_return(held, cash),
    }


def _origin(evidence: Evidence, net_pnl: float) -> dict[str, float]:
    unrealised = float(evidence.equity["unrealised_pnl"].iloc[-1]) if len(evidence.equity) else 0.0
    parts = evidence.origin or margin_use.attribution(evidence.ledger, unrealised, net_pnl)
    named = {f"pnl_{name}": amount for name, amount in parts._asdict().items() if name != "residual"}
    return named | {"residual": parts.residual}


def _risk(evidence: Evidence, growth: float) -> dict[str, float]:
    daily = performance.daily_equity(evidence.close_ns, evidence.bar_equity, evidence.cash)
    returns = performance.daily_returns(daily)
    held = performance.daily_returns(performance.daily_equity(evidence.close_ns, evidence.benchmark, evidence.cash))
    line = performance.regression(returns, held)
    closes = performance.drawdown(evidence.close_ns, evidence.bar_equity, evidence.bar_equity, evidence.cash)
    inside = performance.drawdown(evidence.close_ns, evidence.bar_equity_low, evidence.bar_equity, evidence.cash)
    return {
        "max_drawdown": closes.depth,
        "max_drawdown_intrabar": min(closes.depth, inside.depth),
        "drawdown_days": closes.longest_ns / performance.DAY_NS,
        "volatility": performance.volatility(returns),
        "sharpe": performance.sharpe(returns),
        "sortino": performance.sortino(returns),
        "calmar": performance.calmar(growth, closes.depth),
        "omega": performance.omega(returns),
        "ulcer_index": performance.ulcer_index(daily, evidence.cash),
        "var_95": performance.value_at_risk(returns),
        "cvar_95": performance.conditional_value_at_risk(returns),
        "skew": performance.skewness(returns),
        "kurtosis": performance.kurtosis(returns),
        "psr": performance.probabilistic_sharpe(returns),
        "alpha": line.alpha,
        "beta": line.beta,
        "time_in_market": float((evidence.equity["notional"] > 0.0).mean()) if len(evidence.equity) else 0.0,
    }


def _closed(trades: pd.DataFrame) -> pd.DataFrame:
    return trades[trades["close_time"].notna()]


def _trades(evidence: Evidence) -> dict[str, float]:
    closed = _closed(evidence.trades)
    pnl = closed["pnl"].to_numpy()
    rows = trading.streaks(pnl)
    return {
        "trades": len(closed),
        "open_trades": len(evidence.trades) - len(closed),
        "win_rate": trading.win_rate(pnl),
        "average_win": trading.average_win(pnl),
        "average_loss": trading.average_loss(pnl),
        "payoff": trading.payoff(pnl),
        "profit_factor": trading.profit_factor(pnl),
        "expectancy": trading.expectancy(pnl),
        "expectancy_r": trading.expectancy_r(pnl),
        "sqn": trading.system_quality(pnl),
        "kelly": trading.kelly(pnl),
        "best_trade": float(pnl.max()) if pnl.size else math.nan,
        "worst_trade": float(pnl.min()) if pnl.size else math.nan,
        "longest_wins": rows.wins,
        "longest_losses": rows.losses,
        "mean_hours": float(closed["bars"].mean()) * evidence.interval_ns / HOUR_NS if len(closed) else math.nan,
    }


def _margin(evidence: Evidence) -> dict[str, float]:
    closed = _closed(evidence.trades)
    taken = margin_use.liquidations(evidence.ledger)
    near_misses = margin_use.nearness(evidence.nearest)
    saved = margin_use.rescue(closed)
    rate = trading.wilson(taken.number, len(closed))
    survived = evidence.trades.loc[evidence.trades["exit_reason"] != "liquidation", "min_distance"]
    notices = evidence.notices["kind"]
    return {
        "max_leverage": _most(evidence.equity["leverage"]),
        "mean_leverage": float(evidence.equity["leverage"].mean()),
        "max_margin_use": _most(evidence.equity["margin_use"]),
        "mean_margin_use": float(evidence.equity["margin_use"].mean()),
        "max_margin_ratio": _most(evidence.positions["margin_ratio"]),
        "min_distance": near_misses.least,
        "min_distance_survived": float(survived.min()),
        "median_distance": float(evidence.trades["min_distance"].median()) if len(evidence.trades) else math.nan,
        "distance_p01": near_misses.percentile_1,
        "distance_p05": near_misses.percentile_5,
        "time_below_5_percent": near_misses.share_below_5,
        "margin_calls": int((notices == label(NoticeKind.MARGIN_CALL)).sum()),
        "alerts": int((notices == label(NoticeKind.ALERT)).sum()),
        "top_ups": int(evidence.trades["top_ups"].sum()),
        "margin_added": float(evidence.trades["margin_added"].sum()),
        "margin_removed": float(evidence.trades["margin_removed"].sum()),
        "top_up_rescue_rate": saved.rate,
        "margin_lost_after_top_up": saved.margin_lost,
        "liquidations": taken.number,
        "liquidation_loss": taken.loss,
        "liquidation_share": margin_use.liquidation_share(taken.loss, evidence.trades["pnl"]),
        "liquidation_rate": rate.share,
        "liquidation_rate_low": rate.low,
        "liquidation_rate_high": rate.high,
        "insurance_paid": taken.insurance_paid,
    }


def _costs(evidence: Evidence, values: Mapping[str, float]) -> dict[str, float]:
    flow = margin_use.funding_flow(evidence.ledger["funding"])
    fees, price = -values["pnl_fees"], abs(values["pnl_price"])
    margin = float(evidence.equity["margin"].mean()) if len(evidence.equity) else 0.0
    return {
        "turnover": margin_use.turnover(evidence.ledger),
        "fees": fees,
        "fees_maker": margin_use.fees_of(evidence.ledger, Liquidity.MAKER),
        "fees_taker": margin_use.fees_of(evidence.ledger, Liquidity.TAKER),
        "fee_share": fees / price if price else math.nan,
        "fee_on_margin": fees / margin if margin else math.nan,
        "funding_paid": flow.paid,
        "funding_received": flow.received,
        "funding_net": flow.net,
        "funding_share": flow.net / price if price else math.nan,
        "funding_apr_on_margin": margin_use.yearly_on_margin(flow.net, margin, _days(evidence)),
        "liquidation_fees": -values["pnl_liquidation_fees"],
        "slippage": -values["pnl_slippage"],
    }


def _orders(evidence: Evidence) -> dict[str, float]:
    notices = evidence.notices["kind"]
    return {
        "orders": len(evidence.orders),
        "orders_filled": int((evidence.orders["status"] == label(OrderStatus.FILLED)).sum()),
        "rejections": int((notices == label(NoticeKind.REJECTION)).sum()),
        "ambiguous_bars": int((notices == label(NoticeKind.AMBIGUOUS)).sum()),
    }


def _most(values: pd.Series[float]) -> float:
    return float(values.max()) if len(values) else math.nan
