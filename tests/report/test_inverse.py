"""Figures of inverse contracts, in coin and by hand."""

from __future__ import annotations

import numpy as np
import pytest

import backtest as bt
from backtest.broker.records import FUNDING
from backtest.errors import UsageError
from backtest.report.benchmark import buy_and_hold
from backtest.report.numbers import money, with_name
from tests.builders import contract, history

NO_FUNDING = np.zeros(0, FUNDING)


class OneLong(bt.Strategy):
    def next(self) -> None:
        if self.bar == 0:
            self.buy("BTC/USD:BTC", quantity=20_000, leverage=4)


@pytest.fixture
def result() -> bt.Result:
    """A long of 20,000 USD at 20,000, a wallet of two coins; 25,000 at the end, funding of a basis point there."""
    rules = contract("BTC/USD:BTC", inverse=True, lot=1.0, minimum_notional=0.0)
    market = history((20_000.0, 20_000.0, 25_000.0, 25_000.0, 25_000.0), contracts=(rules,), funding=((4, 0, 0.0001),))
    return bt.run(OneLong, market, cash=2.0)


def test_equity_funding_and_notional_are_in_coin(result: bt.Result) -> None:
    # 1 - 20,000 / 25,000 = 0.2 coins won; funding 0.8 x 0.0001
    assert result.equity["equity"].iloc[-1] == pytest.approx(2.2 - 0.00008, rel=1e-12)
    assert result.equity["notional"].iloc[-1] == pytest.approx(0.8, rel=1e-12)
    assert result.funding["rate"].tolist() == pytest.approx([0.0001])
    assert result.funding["payment"].tolist() == pytest.approx([0.00008])
    assert result.metrics["turnover"] == pytest.approx(1.0)
    assert result.metrics["pnl_price"] == pytest.approx(0.2)
    assert result.currency == "BTC"
    assert "Equity                                 2.00000000 → 2.19992000 BTC" in repr(result)


def test_buy_and_hold_of_an_inverse_contract_is_a_long_of_the_deposits_worth() -> None:
    opens, closes = np.array([[20_000.0, 25_000.0, 10_000.0]]), np.array([[25_000.0, 10_000.0, 40_000.0]])
    held = buy_and_hold(opens, closes, NO_FUNDING, 2.0, [True])
    # 40,000 USD: 2 + 2 - 40,000 / 25,000 = 2.4; at half the price all is gone, and stays so
    assert held.tolist() == pytest.approx([2.4, 0.0, 0.0])


def test_its_funding_is_paid_in_coin() -> None:
    rates = np.zeros(1, FUNDING)
    rates["bar"], rates["rate"] = 1, 0.01
    prices = np.full((1, 2), 20_000.0)
    assert buy_and_hold(prices, prices, rates, 2.0, [True]).tolist() == pytest.approx([2.0, 1.98])


def test_vectorbt_is_refused(result: bt.Result) -> None:
    with pytest.raises(UsageError, match="an inverse contract's is not"):
        result.to_vectorbt()


def test_a_currency_has_its_digits() -> None:
    assert (money(0.123456789, "BTC"), money(-1e-12, "BTC"), money(5.0, "USDC")) == ("0.12345679", "0.00000000", "5.00")
    assert with_name(1.0, "ETH", sign=True) == "+1.00000000 ETH"
