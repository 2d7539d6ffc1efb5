"""A strategy on a test range that knows the time before it: indicators have warmed up, nothing has been traded.

The run itself begins where the fold's training range does, so that indicators, and every bar that the strategy may look
back at, are there. Until the test range begins the strategy is not asked: `next` is first called at the decision that
falls on the range's first instant (it sees closed bars only; what it asks for fills at the range's first open), and of
a plan the commands from that decision on are kept, together with the target that stands there for each symbol if it has
no bracket (whether a bracket would have ended it in the meantime is not known, so such a target is left out).
What is left behind is then cut to the test range, so that every table and metric is of that range alone.

What a strategy remembers from one `next` to the next (not its indicators) begins with the test range.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtest.config import RunConfig
from backtest.engine import Driver
from backtest.enums import CommandKind, SizeKind
from backtest.market.history import MarketHistory
from backtest.result import Records, Result
from backtest.strategy.parameters import Value
from backtest.strategy.protocol import Strategy, overridden
from backtest.strategy.schedule import TARGETS, Schedule

_TARGETS = tuple(int(SizeKind(kind)) for kind in TARGETS.values())


def run_from(
    strategy: type[Strategy],
    history: MarketHistory,
    start_ns: int,
    *,
    config: RunConfig,
    parameters: Mapping[str, Value],
) -> Result:
    """Run on the history (as `config` asks for it), trading from `start_ns` on only; the result is of
    [start_ns, end of the history).
    """
    first = history.bar_at(start_ns)
    driver = Driver(waiting(strategy, first), dict(parameters), history, config)
    driver.run(None)
    if driver.interrupted:
        raise KeyboardInterrupt
    return cut(driver.result(), first)


def waiting(strategy: type[Strategy], first: int) -> type[Strategy]:
    """The strategy, asked for the first time at the decision on the open of base bar `first`."""

    def init(self: Any) -> None:
        self._first_row = int(np.searchsorted(self._stage.closes, first - 1))
        strategy.init(self)

    def next_(self: Any) -> None:
        if self._stage.now.row >= self._first_row:
            strategy.next(self)

    def plan(self: Any) -> Schedule | None:
        whole = strategy.plan(self)
        return None if whole is None else from_bar(whole, first - 1)

    methods: dict[str, Callable[..., Any]] = {"init": init, "next": next_}
    if overridden(strategy, ["plan"]):
        methods["plan"] = plan
    named = {"__module__": strategy.__module__, "__qualname__": strategy.__qualname__, "__doc__": strategy.__doc__}
    return type(strategy.__name__, (strategy,), {**methods, **named})


def from_bar(plan: Schedule, bar: int) -> Schedule:
    """The commands given at the close of base bar `bar` or later, and the targets that stand there.

    >>> plan = Schedule.of_targets([0, 5], [0, 0], exposure=[0.5, 0.0])
    >>> from_bar(plan, 3).commands["bar"].tolist(), from_bar(plan, 3).commands["size"].tolist()
    ([3, 5], [0.5, 0.0])
    """
    rows = plan.commands
    kept = rows[rows["bar"] >= bar]
    now = kept[kept["bar"] == bar]
    standing = [
        targets[-1:]
        for leg in np.unique(rows["leg"])
        if len(targets := _targets(rows[(rows["bar"] < bar) & (rows["leg"] == leg)]))
        and not len(_targets(now[now["leg"] == leg]))
    ]
    carried = np.concatenate([*standing, rows[:0]])
    plain = np.isnan([carried[name] for name in ("stop", "take_profit", "trailing_stop")]).all(axis=0)
    carried = carried[plain & (carried["size"] != 0.0)]
    carried["bar"] = bar
    return Schedule(np.concatenate([carried, kept]))


def _targets(rows: NDArray[np.void]) -> NDArray[np.void]:
    chosen: NDArray[np.void] = rows[(rows["kind"] == CommandKind.ORDER) & np.isin(rows["size_kind"], _TARGETS)]
    return chosen


def cut(result: Result, first: int) -> Result:
    """The part of a result from base bar `first` on, for a run that did nothing before it."""
    history = result.history
    records = {}
    for name in ("ledger", "orders", "notices"):
        rows = getattr(result.records, name).copy()
        for column in ("bar", "done_bar", "expires_bar", "moved_bar"):
            if column in (rows.dtype.names or ()):
                rows[column] = np.where(rows[column] < first, np.minimum(rows[column], 0), rows[column] - first)
        if name != "orders":
            rows["time_ns"] = np.maximum(rows["time_ns"], history.time_ns(first))
        records[name] = rows
    return replace(
        result, history=history.between(history.time_ns(first)), records=Records(**records, tags=result.records.tags)
    )
