"""Inverse contracts: quantities in quote units, money in coin. All amounts are worked out by hand beside the test."""

from __future__ import annotations

import pytest

from backtest.enums import LedgerKind
from tests.rulebook.scene import Prices, Scene, Symbol, flat


def coin(*bars: Prices, **more: object) -> Scene:
    """One inverse contract and a wallet of one coin."""
    settings = {name: more.pop(name) for name in ("slippage",) if name in more}
    symbol = Symbol(bars=bars, inverse=True, tick=0.5, lot=100.0, **more)  # type: ignore[arg-type]
    return Scene(symbols=[symbol], cash=1.0, **settings)  # type: ignore[arg-type]


def test_a_long_through_a_rise_of_a_tenth() -> None:
    scene = coin(flat(20_000.0), flat(20_000.0), flat(22_000.0)).buy(0, quantity=20_000, leverage=10)
    played = scene.sell(1, quantity=20_000).play()
    # 20,000 USD at 20,000 are 1 coin, a tenth of it margin; 1 - 20,000 / 22,000 = 1 / 11 of a coin is won
    assert played.row(LedgerKind.OPEN)["margin_after"] == pytest.approx(0.1, rel=1e-12)
    assert played.row(LedgerKind.CLOSE)["pnl"] == pytest.approx(-1.0 / 11.0, rel=1e-12)
    assert played.wallet() == pytest.approx(12.0 / 11.0, rel=1e-12)


def test_a_short_through_the_same_rise_loses_as_many_coins() -> None:
    scene = coin(flat(20_000.0), flat(20_000.0), flat(22_000.0)).sell(0, quantity=20_000, leverage=5)
    assert scene.buy(1, quantity=20_000).play().wallet() == pytest.approx(10.0 / 11.0, rel=1e-12)


def test_funding_is_paid_in_coin_on_the_notional_at_the_mark() -> None:
    scene = coin(flat(20_000.0), flat(20_000.0), flat(25_000.0), funding=[(2, 0.0001)])
    row = scene.buy(0, quantity=20_000, leverage=10).play().row(LedgerKind.FUNDING)
    # 20,000 / 25,000 = 0.8 coin, a basis point of it
    assert row["funding"] == pytest.approx(0.00008, rel=1e-12)
    assert row["margin_after"] == pytest.approx(0.09992, rel=1e-12)


def test_a_long_is_liquidated_where_the_coins_left_are_the_requirement() -> None:
    scene = coin(flat(20_000.0), flat(20_000.0), (20_000.0, 20_000.0, 18_000.0, 18_000.0))
    played = scene.buy(0, quantity=20_000, leverage=10).play()
    # 0.1 + 1 - 20,000 / p = 1 % of 20,000 / p: p = 20,200 / 1.1; 200 / p come back
    row = played.row(LedgerKind.LIQUIDATION)
    assert row["price"] == pytest.approx(20_200.0 / 1.1, rel=1e-12)
    assert row["wallet"] == pytest.approx(220.0 / 20_200.0, rel=1e-9)
    assert played.wallet() == pytest.approx(0.9 + 220.0 / 20_200.0, rel=1e-9)


def test_a_short_of_twice_the_price_cannot_lose_a_margin_that_covers_its_value() -> None:
    scene = coin(flat(20_000.0), flat(20_000.0), (20_000.0, 900_000.0, 20_000.0, 900_000.0))
    played = scene.sell(0, quantity=10_000, leverage=1).add_margin(1, 0.01).play()
    # 0.51 coins of margin against 0.5 coins of notional: at any price less than 0.5 can be lost
    assert LedgerKind.LIQUIDATION not in played.kinds()


def test_slippage_is_told_in_coin() -> None:
    played = coin(flat(20_000.0), flat(20_000.0), flat(20_000.0), slippage=0.001).buy(0, quantity=20_020).play()
    # bought at 20,020 in place of 20,000: 20,000 (rounded to the lot) x (1 / 20,000 - 1 / 20,020)
    row = played.row(LedgerKind.OPEN)
    assert row["price"] == 20_020.0
    assert row["slippage"] == pytest.approx(1.0 - 20_000.0 / 20_020.0, rel=1e-12)
