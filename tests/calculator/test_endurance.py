"""How long a margin lasts, by hand."""

from __future__ import annotations

import math

import pytest

from backtest import calculator as calc

PLAIN = calc.Terms.of(maintenance_rate=0.004, taker=0.0005)
LONG = calc.Position.opened("long", 0.5, 60_000.0, terms=PLAIN, leverage=10)


def test_how_long_a_margin_lasts() -> None:
    # (3000 - 120) / 3 settlements; each moves the liquidation price by 3 / (0.5 x 0.996)
    found = calc.endurance(LONG, 0.0001)
    assert (found.payment, found.intervals) == (pytest.approx(3.0), pytest.approx(960.0))
    assert found.shift == pytest.approx(3.0 / 0.498)
    assert calc.endurance(LONG, 0.001).intervals == pytest.approx(96.0)
    assert math.isinf(calc.endurance(LONG, -0.0001).intervals)
    assert calc.endurance(LONG, 0.0001, mark_price=54_000.0).intervals == 0.0


def test_where_the_wallet_pays_first_it_lasts_as_long_as_the_wallet_and_the_margin() -> None:
    # 0.5 x 60,000 at 0.5 %: 150; fee to close 0.0005 x 27,000 = 13.5 in margin and requirement alike
    terms = calc.Terms.of(venue="bybit", date="2022-06-01", maintenance_rate=0.005, taker=0.0005)
    position = calc.Position.opened("long", 0.5, 60_000.0, terms=terms, leverage=10)
    found = calc.endurance(position, 0.0001, wallet=300.0)
    assert (found.from_wallet, found.intervals) == (pytest.approx(100.0), pytest.approx(100.0 + 2_850.0 / 3.0))


def test_where_funding_cannot_liquidate_it_lasts_for_ever() -> None:
    terms = calc.Terms.of(venue="okx", maintenance_rate=0.005)
    found = calc.endurance(calc.Position.opened("long", 0.5, 60_000.0, terms=terms, leverage=10), 0.0001)
    assert math.isinf(found.intervals)
    assert "OKX takes no funding" in found.reason
