"""A run as a vectorbt portfolio, so that vectorbt's statistics, drawdowns and plots work on it.

vectorbt 1.x knows no margin and no funding. Nothing is simulated again: its `Portfolio` is built from the run's own
fills. There a buy takes its whole notional out of a cash balance, so that cash + position × close is algebraically
our equity but for funding, which a subclass carries as a matrix of payments. A liquidation is only a closing trade at
its price; its fee stands among the fees.

The index is UTC without a zone: with one, vectorbt turns every stamp into a Python object and takes a hundred times as
long. A trade's `Return` there is on the notional (our `return_price` less costs), not on the margin.

Importing this module imports vectorbt, which takes seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import vectorbt as vbt
from numpy.typing import NDArray
from vectorbt.portfolio.enums import OrderSide, log_dt, order_dt

from backtest.enums import FILL_KINDS, label

if TYPE_CHECKING:
    from backtest.market.history import MarketHistory
    from backtest.market.legs import Legs
    from backtest.tables.curves import Curves

_FILLS = [label(kind) for kind in FILL_KINDS]


class PerpetualPortfolio(vbt.Portfolio):  # type: ignore[misc]
    """A `vectorbt.Portfolio` whose cash also pays funding: `funding` is (bars, symbols), what was paid in each bar."""

    def __init__(self, *args: Any, funding: NDArray[np.float64], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._config: Any = self.config.merge_with({"funding": funding})
        self._funding = funding

    @property
    def funding(self) -> pd.DataFrame:
        """Funding paid in each bar by each symbol (negative: received), quote currency."""
        frame: pd.DataFrame = self.wrapper.wrap(self._funding, group_by=False)
        return frame

    def indexing_func(self, pd_indexing_func: Any, **kwargs: Any) -> PerpetualPortfolio:
        """Selecting columns selects their funding too."""
        _, _, _, columns = self.wrapper.indexing_func_meta(pd_indexing_func, column_only_select=True, **kwargs)
        selected = super().indexing_func(pd_indexing_func, **kwargs)
        return selected.replace(funding=self._funding[:, columns])  # type: ignore[no-any-return]

    def cash_flow(self, group_by: Any = None, free: bool = False, wrap_kwargs: Any = None, engine: Any = None) -> Any:
        """Cash flow of the fills less funding, per column or group."""
        flow = super().cash_flow(group_by=group_by, free=free, wrap_kwargs=wrap_kwargs, engine=engine)
        paid = self._funding
        if self.wrapper.grouper.is_grouped(group_by=group_by):
            # an ungrouped request inside vectorbt has funding taken off already; a grouped one sums those
            return flow
        return flow - (paid[:, 0] if flow.ndim == 1 else paid)

    def total_profit(self, group_by: Any = None, wrap_kwargs: Any = None, engine: Any = None) -> Any:
        """Profit of the fills less funding, per column or group."""
        profit = super().total_profit(group_by=group_by, wrap_kwargs=wrap_kwargs, engine=engine)
        if self.wrapper.grouper.is_grouped(group_by=group_by):
            return profit
        paid = self._funding.sum(axis=0)
        return profit - (float(paid[0]) if np.ndim(profit) == 0 else paid)


def portfolio_of(
    ledger: pd.DataFrame, history: MarketHistory, legs: Legs, curves: Curves, cash: float
) -> PerpetualPortfolio:
    """The portfolio of a run: one column a leg (a symbol, in hedge mode its long and its short), one cash balance for
    all, a row at the close of each decision bar.

    `curves` is the state at the decision bars, whose mark prices value the positions.
    """
    closes = history.start_ns + (curves.bars + 1) * history.interval_ns
    index = pd.DatetimeIndex(closes.view("datetime64[ns]"), name="time")
    marks = pd.DataFrame(curves.trail["mark_price"], index=index, columns=list(legs.titles))
    wrapper = vbt.ArrayWrapper.from_obj(marks, freq=pd.Timedelta(history.timeframe_ns, "ns"), group_by=True)
    return PerpetualPortfolio(
        wrapper,
        marks,
        order_records(ledger, curves.bars),
        np.zeros(0, log_dt),
        np.array([cash]),
        True,
        funding=funding_matrix(ledger, curves.bars, len(legs)),
    )


def order_records(ledger: pd.DataFrame, bars: NDArray[np.int64]) -> NDArray[np.void]:
    """The fills as vectorbt's order records, by symbol and time; `bars` are the base bars at which its rows close."""
    fills = ledger[ledger["kind"].isin(_FILLS)].sort_values("leg", kind="stable")
    records = np.zeros(len(fills), order_dt)
    records["id"] = np.arange(len(fills))
    records["col"] = fills["leg"]
    records["idx"] = np.searchsorted(bars, fills["bar"].to_numpy())
    records["size"] = fills["quantity"].abs()
    records["price"] = fills["price"]
    records["fees"] = fills["fees"] + fills["liquidation_fee"] + fills["insurance"]
    records["side"] = np.where(fills["quantity"] > 0.0, OrderSide.Buy, OrderSide.Sell)
    return records


def funding_matrix(ledger: pd.DataFrame, bars: NDArray[np.int64], legs: int) -> NDArray[np.float64]:
    """Funding paid, (rows, legs)."""
    rows = ledger[ledger["funding"] != 0.0]
    paid = np.zeros((bars.size, legs))
    np.add.at(paid, (np.searchsorted(bars, rows["bar"].to_numpy()), rows["leg"].to_numpy()), rows["funding"].to_numpy())
    return paid
