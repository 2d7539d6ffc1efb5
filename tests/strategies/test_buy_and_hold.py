"""Buy and hold: one long per symbol with an equal share of the deposit, opened once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import backtest as bt
from strategies.buy_and_hold import BuyAndHold
from tests.strategies.worlds import correlated, kinds, world


def test_each_symbol_gets_an_equal_share_of_the_deposit() -> None:
    market = world(np.full(10, 100.0), np.full(10, 50.0))
    result = bt.run(BuyAndHold, market, cash=10_000, leverage=2)
    # 10,000 / 2 = 5,000 each; 5,000 × 2 / (1 + 0.005 × 2) = 9,900.990099 of notional
    # 9,900.990099 / 100 = 99.0099 and / 50 = 198.0198, rounded down to the lot of 0.001
    opened = result.ledger[result.ledger["kind"] == "open"]
    assert opened["quantity"].tolist() == pytest.approx([99.009, 198.019], abs=1e-9)
    assert opened["margin"].tolist() == pytest.approx([99.009 * 100 / 2, 198.019 * 50 / 2], abs=1e-9)
    assert opened["leverage_after"].tolist() == [2, 2]


def test_what_was_opened_is_never_touched() -> None:
    result = bt.run(BuyAndHold, world(*correlated(200)), cash=10_000)
    assert kinds(result) == {"deposit": 1, "open": 3}


@pytest.mark.parametrize("leverage", [1, 5, 20])
def test_the_reserve_pays_the_fee_and_the_slippage(leverage: int) -> None:
    market = world(np.full(10, 100.0), np.full(10, 50.0), taker=0.001)
    result = bt.run(BuyAndHold, market, cash=10_000, leverage=leverage, slippage=0.001)
    assert len(result.rejections) == 0
    assert kinds(result)["open"] == 2


def test_a_symbol_listed_later_is_bought_at_its_first_known_price_with_the_share_that_waited() -> None:
    market = world(np.full(10, 100.0), np.full(10, 50.0))
    prices = market.prices.copy()
    prices[1, :, :4] = np.nan
    result = bt.run(BuyAndHold, replace(market, prices=prices), cash=10_000)
    opened = result.records.ledger[result.records.ledger["kind"] == bt.enums.LedgerKind.OPEN]
    assert opened["bar"].tolist() == [1, 5]  # known at the close of bars 0 and 4, filled at the next open
    # 5,000 / 1.005 = 4,975.124378: 49.751 at 100, 99.502 at 50
    assert opened["quantity"].tolist() == pytest.approx([49.751, 99.502], abs=1e-9)


def test_unlevered_it_survives_what_a_levered_one_does_not() -> None:
    fall = np.concatenate((np.full(3, 100.0), np.full(10, 40.0), np.full(10, 100.0)))
    assert "liquidation" not in kinds(bt.run(BuyAndHold, world(fall)))
    levered = bt.run(BuyAndHold, world(fall), leverage=3)
    assert kinds(levered) == {"deposit": 1, "open": 1, "liquidation": 1}
