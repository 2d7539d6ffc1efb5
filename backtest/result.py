"""What a run leaves behind: the broker's records, and pandas tables that are worked out of them when asked for.

Tables are indexed by `time` (UTC); `table.attrs["columns"]` says what each column means. Money is the settlement
currency, ratios are plain fractions. Equity is nowhere written down during a run: it follows from the ledger and the
mark prices. Pictures and the report are functions of a result (`backtest.report`), not methods of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backtest.clock import interval_text, time_text
from backtest.config import RunConfig
from backtest.enums import PositionMode
from backtest.errors import UsageError
from backtest.market.history import MARK_CLOSE, MARK_OPEN, MarketHistory
from backtest.market.legs import Legs
from backtest.report.benchmark import buy_and_hold
from backtest.report.metrics import Evidence, Metrics, measure
from backtest.report.numbers import percent, with_name
from backtest.report.summary import Heading, summary
from backtest.tables import curves, events
from backtest.tables.risk_log import risk_table
from backtest.tables.trades import trade_table

if TYPE_CHECKING:
    import pandas as pd

    from backtest.vectorbt_portfolio import PerpetualPortfolio


@dataclass(frozen=True, kw_only=True, eq=False)
class Records:
    """The broker's rows as they were written: LEDGER, ORDER and NOTICE records; `tags` are the strategy's words."""

    ledger: NDArray[np.void]
    orders: NDArray[np.void]
    notices: NDArray[np.void]
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StrategyFacts:
    """Which strategy ran: its name, the parameters it ran with, its source text and the SHA-256 of that."""

    name: str
    parameters: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    source: str = ""
    digest: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """A finished run.

    history, config, strategy: what was run on what.
    records: what the broker wrote down.
    notes: what the reader must know to judge the numbers (the history's notes among them).
    interrupted: the run was broken off by its user; `stopped` says why it ended early on its own.
    bars: base bars that the run covers; None for the whole history.
    """

    history: MarketHistory
    records: Records
    config: RunConfig
    strategy: StrategyFacts
    notes: tuple[str, ...] = ()
    interrupted: bool = False
    stopped: str | None = None
    bars: int | None = None

    @cached_property
    def legs(self) -> Legs:
        """What the numbers of positions stand for."""
        return Legs(symbols=self.history.symbols, hedge=self.config.position_mode == PositionMode.HEDGE)

    @property
    def length(self) -> int:
        """Number of base bars that the run covers."""
        return self.history.length if self.bars is None else self.bars

    @cached_property
    def metrics(self) -> Metrics:
        """Figures of merit by name; `metrics.help(name)` says what one means, `metrics.table()` shows all."""
        bars = self.length
        return measure(
            Evidence(
                cash=self.deposit,
                interval_ns=self.history.interval_ns,
                close_ns=curves.close_ns(self.history, np.arange(bars)),
                bar_equity=self.extremes.equity,
                bar_equity_low=self.extremes.equity_low,
                benchmark=self.benchmark,
                nearest=self.extremes.nearest,
                equity=self.equity,
                positions=self.positions,
                trades=self.trades,
                ledger=self.ledger,
                orders=self.orders,
                notices=self.notices,
            ),
            self.currency,
        )

    @property
    def deposit(self) -> float:
        """What the account began with."""
        return self.config.deposit

    @property
    def currency(self) -> str:
        """The currency that the account is told in: what its contracts are settled in."""
        return self.history.currencies[0]

    @cached_property
    def benchmark(self) -> NDArray[np.float64]:
        """Equity of buy and hold at the close of each base bar."""
        prices, bars = self.history.prices, self.length
        inverse = [contract.inverse for contract in self.history.contracts]
        opens, closes = prices[:, MARK_OPEN, :bars], prices[:, MARK_CLOSE, :bars]
        return buy_and_hold(opens, closes, self.history.funding, self.deposit, inverse)

    @cached_property
    def equity(self) -> pd.DataFrame:
        """The account at the close of each decision bar, labelled by that instant; the last bar is always there."""
        return curves.equity_table(self.decision_curves, self.history, self.deposit)

    def equity_at(self, when: str) -> pd.DataFrame:
        """The account at every `decision` (as `equity`) or at every base `bar`; the latter with `equity_low`."""
        if when == "decision":
            return self.equity
        if when != "bar":
            raise UsageError(f"equity_at('{when}') is not known; ask for 'decision' or 'bar'")
        every = curves.follow_ledger(self.records.ledger, self.history, np.arange(self.length), self.legs.each)
        frame = curves.equity_table(every, self.history, self.deposit)
        frame.insert(1, "equity_low", self.extremes.equity_low)
        return frame

    @cached_property
    def positions(self) -> pd.DataFrame:
        """Every open position at the close of each decision bar: margin, margin ratio, liquidation price, distance."""
        return curves.position_table(self.decision_curves, self.history, self.legs)

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Flat-to-flat episodes of each symbol. `roe` is the profit over the highest margin posted at one time."""
        end = np.arange(self.length)[-1:]
        return trade_table(
            self.records.ledger,
            self.history,
            self.legs,
            self.records.tags,
            end=curves.follow_ledger(self.records.ledger, self.history, end, self.legs.each),
            extremes=self.extremes,
            cash=self.deposit,
        )

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """Every movement of money in double entry: the amounts `wallet` … `deposit` of a row sum to zero."""
        return events.ledger_table(self.records.ledger, self.legs, self.records.tags)

    @cached_property
    def orders(self) -> pd.DataFrame:
        """Every order that reached the venue, and what became of it."""
        return events.order_table(self.records.orders, self.history, self.legs, self.records.tags)

    @cached_property
    def notices(self) -> pd.DataFrame:
        """Everything worth telling that moved no money."""
        return events.notice_table(self.records.notices, self.legs, self.records.tags)

    @cached_property
    def rejections(self) -> pd.DataFrame:
        """What the venue refused, each with its reason as a sentence."""
        return events.rejection_table(self.notices)

    @cached_property
    def funding(self) -> pd.DataFrame:
        """Every funding settlement of an open position."""
        return events.funding_table(self.ledger)

    @cached_property
    def margin_events(self) -> pd.DataFrame:
        """Margin added, removed and topped up; changes of leverage and of the tier table."""
        return events.margin_table(self.ledger)

    @cached_property
    def risk_log(self) -> pd.DataFrame:
        """Liquidations, margin calls, alerts, margin events, refusals and ambiguous bars in their order."""
        return risk_table(self.ledger, self.notices)

    @cached_property
    def extremes(self) -> curves.Extremes:
        """What happened inside the base bars: nearness to liquidation, equity at its worst."""
        return curves.walk_bars(self.records.ledger, self.history, self.length, self.config.path, self.legs.each)

    @cached_property
    def decision_curves(self) -> curves.Curves:
        """The state of the account and of each leg at the decision bars, as arrays."""
        decided = curves.decision_bars(self.history, self.length)
        return curves.follow_ledger(self.records.ledger, self.history, decided, self.legs.each)

    def to_vectorbt(self) -> PerpetualPortfolio:
        """A vectorbt portfolio of this run's own fills: one column a symbol, one wallet, funding carried along."""
        if any(contract.inverse for contract in self.history.contracts):
            raise UsageError(
                "vectorbt counts profit as quantity × price, which an inverse contract's is not; "
                "use result.trades and result.equity instead"
            )
        from backtest.vectorbt_portfolio import portfolio_of

        return portfolio_of(self.ledger, self.history, self.legs, self.decision_curves, self.deposit)

    @property
    def heading(self) -> Heading:
        """What was run on what, as texts."""
        history = self.history
        return Heading(
            strategy=self.strategy.name,
            parameters=self.strategy.parameters,
            symbols=history.symbols,
            venue=history.venue,
            timeframe=interval_text(history.timeframe_ns),
            interval=interval_text(history.interval_ns),
            start=time_text(history.start_ns),
            end=time_text(history.time_ns(self.length)),
            margin_mode=self.config.margin_mode + (", hedge mode" if self.legs.hedge else ""),
            synthetic=history.synthetic,
            notes=self.notes,
            interrupted=self.interrupted,
            stopped=self.stopped,
            currency=self.currency,
        )

    def __repr__(self) -> str:
        return summary(self.heading, self.metrics)

    def _repr_html_(self) -> str:
        heading, metrics = self.heading, self.metrics
        made = with_name(metrics["net_pnl"], self.currency, sign=True)
        cards = {
            "Net PnL": f"{made} ({percent(metrics['total_return'], sign=True)})",
            "Max drawdown": percent(metrics["max_drawdown"], digits=1),
            "Sharpe (daily, 365)": f"{metrics['sharpe']:.2f}",
            "Trades": f"{metrics['trades']:.0f}",
            "Liquidations": f"{metrics['liquidations']:.0f}",
            "Closest to liquidation": percent(metrics["min_distance"]),
        }
        shown = "".join(
            "<div style='display:inline-block;margin:0 1.5em .6em 0'>"
            f"<div style='opacity:.7;font-size:85%'>{escape(name)}</div><b>{escape(text)}</b></div>"
            for name, text in cards.items()
        )
        notes = "".join(f"<li>{escape(note)}</li>" for note in heading.notes)
        return (
            f"<div><div><b>{escape(heading.title)}</b> {escape(heading.market)}<br>{escape(heading.range)}</div>"
            f"<div style='margin-top:.5em'>{shown}</div>{_sparkline(self.equity['equity'].to_numpy())}"
            f"{'<ul>' + notes + '</ul>' if notes else ''}</div>"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def _sparkline(equity: NDArray[np.float64], width: int = 480, height: int = 60) -> str:
    """The equity curve as a small static picture."""
    known = equity[np.isfinite(equity)]
    if known.size < 2:
        return ""
    kept = known[np.linspace(0, known.size - 1, min(known.size, width)).astype(np.int64)]
    low, high = float(kept.min()), float(kept.max())
    x = np.linspace(2.0, width - 2.0, kept.size)
    y = height - 3.0 - (kept - low) / ((high - low) or 1.0) * (height - 6.0)
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
    return (
        f"<svg role='img' aria-label='equity' width='{width}' height='{height}' viewBox='0 0 {width} {height}'>"
        f"<polyline points='{points}' fill='none' stroke='#0072b2' stroke-width='1.5'/></svg>"
    )
