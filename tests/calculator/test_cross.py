"""Cross margin beside isolated margin, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from backtest import calculator as calc
from backtest.errors import UsageError
from tests.rulebook.kernel_positions import FIRST_MARK, in_kernel, liquidations

PLAIN = calc.Terms.of(maintenance_rate=0.004)


def test_a_wallet_alone_answers_for_one_position() -> None:
    # (30000 - 10000) / (0.5 x 0.996)
    position = calc.Position.opened("long", 0.5, 60_000.0, terms=PLAIN, leverage=10)
    (row,) = calc.side_by_side([calc.Held(position=position, mark_price=60_000.0)], 10_000.0)
    assert row.liquidation_price == pytest.approx(54_216.87, abs=0.005)
    assert row.cross_liquidation_price == pytest.approx(40_160.64, abs=0.005)
    assert (row.bankruptcy_price, row.cross_bankruptcy_price) == (54_000.0, 40_000.0)


def test_what_the_others_lose_and_need_is_missing() -> None:
    # the other has lost 100 and needs 0.4 % of 1,900 = 7.6: 1,000 - 107.6 are left
    one = calc.Position.opened("short", 10.0, 100.0, terms=PLAIN, leverage=5)
    other = calc.Position.opened("long", 1.0, 2_000.0, terms=PLAIN, leverage=5)
    held = [calc.Held(position=one, mark_price=100.0), calc.Held(position=other, mark_price=1_900.0)]
    rows = calc.side_by_side(held, 1_000.0)
    assert rows[0].cross_margin == pytest.approx(892.4)
    assert rows[0].cross_liquidation_price == pytest.approx((1_000.0 + 892.4) / (10.0 * 1.004))
    assert rows[0].cross_bankruptcy_price == pytest.approx(100.0 + 900.0 / 10.0)
    assert rows[1].cross_margin == pytest.approx(1_000.0 - 0.004 * 1_000.0)


def test_linear_and_inverse_contracts_share_no_wallet() -> None:
    linear = calc.Position.opened("long", 1.0, 100.0, terms=PLAIN, leverage=5)
    inverse = calc.Position.opened(
        "long", 1.0, 100.0, terms=calc.Terms.of(maintenance_rate=0.01, inverse=True), leverage=5
    )
    with pytest.raises(UsageError, match="share no wallet"):
        calc.cross_position(linear, 100.0, [calc.Held(position=inverse, mark_price=100.0)])


@pytest.mark.parametrize(
    "venue", ["binance", "bybit", "okx", "gate", "bitget", "kucoin", "bitmex", "deribit", "hyperliquid", "dydx"]
)
@pytest.mark.parametrize("date", ["2021-06-01", "2026-06-01"])
@pytest.mark.parametrize("side", ["long", "short"])
def test_the_kernel_liquidates_the_account_at_the_cross_price(venue: str, date: str, side: str) -> None:
    terms = calc.Terms.of(venue=venue, date=date, maintenance_rate=0.01, inverse=False)
    one = calc.Position.opened(side, 1.0, 1_000.0, terms=terms, leverage=10)
    other = calc.Position.opened("long", 2.0, 500.0, terms=terms, leverage=10)
    price = calc.liquidation_price(calc.cross_position(one, 400.0, [calc.Held(position=other, mark_price=510.0)]))
    assert price is not None
    step = 1e-6 * price * (1.0 if side == "long" else -1.0)
    ledger = in_kernel([one, other], np.array([[price + step, price - step], [510.0, 510.0]]), shared_wallet=400.0)
    assert liquidations(ledger)["bar"].min() == FIRST_MARK + 1
