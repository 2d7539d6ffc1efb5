"""A position from what a trader knows: margin and leverage follow from each other by the venue's rule."""

from __future__ import annotations

import pytest

from backtest import calculator as calc
from backtest.errors import UsageError

PLAIN = calc.Terms.of(maintenance_rate=0.005)


def test_the_margin_follows_from_the_leverage_and_what_was_added_and_paid() -> None:
    position = calc.Position.opened("buy", 2.0, 100.0, terms=PLAIN, leverage=10, added_margin=5.0, funding_paid=1.5)
    assert (position.side, position.margin) == ("long", 20.0 + 5.0 - 1.5)


def test_funding_that_the_wallet_pays_leaves_the_margin() -> None:
    terms = calc.Terms.of(venue="okx", maintenance_rate=0.005)
    position = calc.Position.opened("long", 2.0, 100.0, terms=terms, leverage=10, funding_paid=1.5)
    assert position.margin == 20.0


def test_an_opening_fee_that_the_venue_takes_out_of_the_margin_is_missing_from_it() -> None:
    terms = calc.Terms.of(venue="hyperliquid", maintenance_rate=0.01, taker=0.00025)
    position = calc.Position.opened("long", 2.0, 100.0, terms=terms, leverage=10)
    assert position.margin == pytest.approx(20.0 - 200.0 * 0.00025)


@pytest.mark.parametrize(
    ("venue", "date", "margin"),
    [
        # value 1,000 at 10x, fee 0.1 %: initial margin 100 and
        ("bybit", "2022-06-01", 100.0 + 0.9),  # fee on the value at bankruptcy: 0.001 x 1000 x (1 - 1/10)
        ("bybit", "2026-06-01", 100.0 + 0.9),
        ("kucoin", "2022-06-01", 100.0 + 1.1),  # on value and initial margin
        ("gate", "2024-06-01", 100.0 + 0.75),  # 0.075 % of the value, whatever the taker fee
        ("binance", "2024-06-01", 100.0),
    ],
)
def test_the_fee_to_close_lies_in_the_margin_where_the_venue_sets_it_aside(
    venue: str, date: str, margin: float
) -> None:
    terms = calc.Terms.of(venue=venue, date=date, maintenance_rate=0.005, taker=0.001)
    position = calc.Position.opened("long", 10.0, 100.0, terms=terms, leverage=10)
    assert position.margin == pytest.approx(margin, rel=1e-12)
    assert position.fee_reserve == pytest.approx(margin - 100.0, rel=1e-9, abs=1e-12)
    again = calc.Position.opened("long", 10.0, 100.0, terms=terms, margin=margin)
    assert again.leverage == pytest.approx(10.0)


def test_a_leverage_that_follows_is_one_at_least() -> None:
    for margin in (250.0, -5.0, 0.0):
        assert calc.Position.opened("short", 2.0, 100.0, terms=PLAIN, margin=margin).leverage == 1.0
    assert calc.Position.opened("short", 2.0, 100.0, terms=PLAIN, margin=50.0).leverage == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"side": "up"}, "side is 'up'"),
        ({"quantity": 0.0}, "quantity is 0"),
        ({"quantity": -1.0}, "quantity is -1"),
        ({"entry_price": float("nan")}, "entry price is nan"),
        ({"leverage": 0.0}, "leverage is 0"),
        ({"leverage": None}, "neither leverage nor margin"),
        ({"margin": float("inf")}, "margin is inf"),
    ],
)
def test_figures_that_make_no_position_are_wrong_use(changes: dict[str, object], message: str) -> None:
    given = {"side": "long", "quantity": 1.0, "entry_price": 100.0, "terms": PLAIN, "leverage": 5.0, **changes}
    with pytest.raises(UsageError, match=message):
        calc.Position.opened(**given)  # type: ignore[arg-type]
