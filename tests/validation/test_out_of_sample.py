"""Out of sample: the time before the test range is known, and nothing is traded in it."""

from __future__ import annotations

import numpy as np
import pytest

import backtest as bt
from backtest.config import RunConfig
from backtest.result import Result
from backtest.validation.out_of_sample import from_bar, run_from
from tests import builders
from tests.builders import HOUR_NS, START_NS

CLOSES = (100.0, 102.0, 104.0, 106.0, 108.0, 110.0, 99.0, 121.0)
FIRST = START_NS + 5 * HOUR_NS
SEEN: list[tuple[int, float]] = []


class Mean(bt.Strategy):
    """Buys once the mean of three closes is known and notes what it saw."""

    def init(self) -> None:
        self.mean = self.indicator(lambda close: close.rolling(3).mean(), "close")
        SEEN.clear()

    def next(self) -> None:
        symbol = self.symbols[0]
        SEEN.append((self.bar, self.mean[symbol]))
        if not self.position(symbol) and self.mean[symbol] > 0.0:
            self.buy(symbol, notional=1000.0, leverage=2)


class Planned(bt.Strategy):
    """Half long from the first bar on, flat from bar 6 on."""

    def plan(self) -> bt.Schedule:
        return bt.Schedule.of_targets([0, 6], [0, 0], exposure=[0.5, 0.0], leverage=2)


def on_range(strategy: type[bt.Strategy], **facts: object) -> Result:
    market = builders.history(CLOSES, **facts)  # type: ignore[arg-type]
    return run_from(strategy, market, FIRST, config=RunConfig(), parameters={})


def test_the_first_decision_falls_on_the_ranges_first_instant_and_indicators_are_warm() -> None:
    on_range(Mean)
    # bar 4 closes when the range begins; the mean of 104, 106, 108
    assert SEEN[0] == (4, pytest.approx(106.0))
    assert [bar for bar, _ in SEEN] == [4, 5, 6, 7]


def test_nothing_is_traded_before_and_the_first_fill_is_the_ranges_first_open() -> None:
    result = on_range(Mean)
    fills = result.ledger[result.ledger["kind"] == "open"]
    assert fills["bar"].tolist() == [0]
    assert fills["price"].tolist() == [108.0]  # bar 5 opens at the close of bar 4
    assert fills.index[0].value == FIRST


def test_what_is_left_behind_is_of_the_test_range_alone() -> None:
    result = on_range(Mean, funding=[(2, 0, 0.01), (6, 0, 0.01)])
    assert result.history.start_ns == FIRST
    assert result.length == 3
    # 9.259 bought at 108 (rounded down to the lot of 0.001), 121 at the end; funding at bar 6 on its mark open of 110
    held = 9.259
    assert result.metrics["net_pnl"] == pytest.approx(held * (121.0 - 108.0) - held * 110.0 * 0.01)
    assert result.metrics["days"] == pytest.approx(3.0 / 24.0)
    assert len(result.equity) == 3
    assert [each.value for each in result.funding.index] == [FIRST + HOUR_NS]


def test_a_plan_goes_on_from_the_target_that_stands() -> None:
    result = on_range(Planned)
    fills = result.ledger[result.ledger["quantity"] != 0.0]
    # 10,000 · 0.5 / 108 = 46.296 (to the lot) at the open of bar 5; sold at that of bar 7, bar 2 of the range
    assert fills["bar"].tolist() == [0, 2]
    assert fills["quantity"].tolist() == pytest.approx([46.296, -46.296])
    assert fills["price"].tolist() == [108.0, 99.0]


def test_a_standing_target_is_not_given_twice_nor_one_with_a_bracket() -> None:
    plan = bt.Schedule.of_targets([0, 4], [0, 0], exposure=[0.5, 0.7])
    assert from_bar(plan, 4).commands["size"].tolist() == [0.7]
    stopped = bt.Schedule.of_targets([0], [0], exposure=[0.5], stop=[90.0])
    assert len(from_bar(stopped, 4)) == 0
    two = bt.Schedule.of_targets([0, 1, 2], [0, 1, 0], notional=[100.0, 200.0, 300.0])
    rows = from_bar(two, 4).commands
    assert dict(zip(rows["leg"].tolist(), rows["size"].tolist(), strict=True)) == {0: 300.0, 1: 200.0}
    assert np.all(rows["bar"] == 4)
