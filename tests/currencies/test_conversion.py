"""At what a currency is told in another one: chains of marks, of the run's contracts or of stored ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import backtest as bt
from backtest.errors import UsageError
from backtest.market.conversion import conversions
from backtest.market.series import SeriesKind
from backtest.market.store import Store
from tests.currencies.worlds import BITCOIN, ETHER, LINEAR, market
from tests.market.making import bars


def test_a_chain_multiplies_marks_and_divides_by_those_read_backwards() -> None:
    history = market([40_000.0, 50_000.0], [2_000.0, 2_500.0])
    tether, bitcoin, ether = conversions(history, "USDT")
    assert tether.rates(history).tolist() == [1.0, 1.0, 1.0]
    assert bitcoin.rates(history).tolist() == [40_000.0, 40_000.0, 50_000.0]
    assert ether.rates(history) == pytest.approx([2_000.0, 2_000.0, 2_500.0])
    coins = conversions(history, "BTC")
    assert coins[0].steps == ((LINEAR, True),)
    assert coins[2].rates(history) == pytest.approx([0.05, 0.05, 0.05])


def test_a_missing_mark_is_the_last_known_and_before_the_first_that_one() -> None:
    from dataclasses import replace

    history = market([40_000.0, 41_000.0, 42_000.0, 43_000.0], symbols=(LINEAR, BITCOIN))
    prices = history.prices.copy()
    prices[0, :, 0] = prices[0, :, 2] = np.nan
    holed = replace(history, prices=prices)
    assert conversions(holed, "USDT")[1].rates(holed).tolist() == [41_000.0, 41_000.0, 41_000.0, 41_000.0, 43_000.0]


class Idle(bt.Strategy):
    def next(self) -> None:
        pass


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Bybit's bitcoin in USDT and its inverse ether, which no contract links; ether in USDT is stored beside them."""
    place = Store(root=tmp_path)
    for symbol, price in ((LINEAR, 40_000.0), (ETHER, 2_000.0), ("ETH/USDT:USDT", 2_010.0)):
        for kind in (SeriesKind.OHLCV, SeriesKind.MARK):
            place.write(bars([price, price, 1.1 * price], symbol=symbol, kind=kind, venue="bybit"))
    return place


def test_marks_that_the_run_lacks_are_read_from_the_store(store: Store) -> None:
    history = bt.load("bybit", [LINEAR, ETHER], "1h", store=store)
    assert list(history.references) == ["ETH/USDT:USDT"]
    found = bt.run(Idle, history, cash={"USDT": 100, "ETH": 2})
    assert "ETH is told in USDT at the mark price of the moment (ETH/USDT:USDT)" in found.notes
    # 100 + 2 x 2,010, at the end 100 + 2 x 2,211
    assert found.equity["equity"].tolist() == pytest.approx([4_120.0, 4_120.0, 4_522.0])
    assert history.fingerprint != bt.load("bybit", [LINEAR], "1h", store=store).fingerprint
    assert history.between(end="2024-03-01 02:00").references["ETH/USDT:USDT"].shape == (2, 2)


def test_where_nothing_links_two_currencies_it_is_said(store: Store) -> None:
    history = bt.load("bybit", [LINEAR, ETHER], "1h", store=store, report_currency="EUR")
    assert history.references == {}
    with pytest.raises(UsageError, match=r"no contract of this run says what USDT is worth in EUR; import the marks"):
        bt.run(Idle, history, cash={"USDT": 100, "ETH": 2}, report_currency="EUR")
