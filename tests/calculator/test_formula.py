"""The explanation's last line is an equation that holds: its figures, worked out, are the liquidation price."""

from __future__ import annotations

from itertools import product

import pytest

from backtest import calculator as calc

VENUES = ("binance", "bybit", "okx", "gate", "bitget", "kucoin", "bitmex", "deribit", "hyperliquid", "dydx")
CASES = [
    case
    for case in product(VENUES, ("2021-06-01", "2026-06-01"), ("long", "short"), (False, True))
    if not (case[3] and case[0] in ("hyperliquid", "dydx"))
]


@pytest.mark.parametrize(("venue", "date", "side", "inverse"), CASES)
def test_the_figures_put_in_give_the_liquidation_price(venue: str, date: str, side: str, inverse: bool) -> None:
    terms = calc.Terms.of(
        venue=venue, date=date, inverse=inverse, maintenance_rate=0.01, maintenance_amount=0.001, taker=0.0006
    )
    quantity = 80_000.0 if inverse else 2.0
    position = calc.Position.opened(side, quantity, 40_000.0, terms=terms, leverage=8, added_margin=0.01)
    price = calc.liquidation_price(position)
    symbols, figures, result = calc.explain(position).splitlines()[-1].split(" = ")[1:]
    assert symbols.count("(") == symbols.count(")")
    worked_out = eval(figures.replace("·", "*").replace("−", "-"))
    assert worked_out == pytest.approx(price, rel=1e-7)
    assert float(result) == pytest.approx(price, rel=1e-7)


@pytest.mark.parametrize(("side", "inverse"), [("long", False), ("short", True)])
def test_the_figures_are_exact_enough_where_the_price_is_a_small_difference_of_them(side: str, inverse: bool) -> None:
    # at 1x, less a fee of 0.05 %: dYdX 35,372.4 x 0.0005 / 0.988 of a long; inverse, 1 - 0.012 over 0.0005 of a short
    venue, size, entry = ("deribit", 163_501.643128, 17_909.2) if inverse else ("dydx", 2.0305961, 35_372.4)
    terms = calc.Terms.of(venue=venue, inverse=inverse, maintenance_rate=0.012, taker=0.0005)
    position = calc.Position.opened(side, size, entry, terms=terms, leverage=1)
    by_hand = entry * 0.988 / 0.0005 if inverse else entry * 0.0005 / 0.988
    figures, result = calc.explain(position).splitlines()[-1].split(" = ")[2:]
    assert eval(figures.replace("·", "*").replace("−", "-")) == pytest.approx(by_hand, rel=2e-8)
    assert float(result) == pytest.approx(by_hand, rel=1e-7)


@pytest.mark.parametrize(
    ("venue", "date", "reserve"),
    [
        ("bybit", "2022-06-01", "fee·value at bankruptcy"),
        ("bybit", "2026-06-01", "fee·value at bankruptcy"),
        ("gate", "2026-06-01", "fee·value"),
        ("kucoin", "2022-06-01", "fee·(value + initial margin)"),
    ],
)
def test_a_fee_that_is_set_aside_is_explained(venue: str, date: str, reserve: str) -> None:
    terms = calc.Terms.of(venue=venue, date=date, maintenance_rate=0.01, inverse=False)
    position = calc.Position.opened("short", 2.0, 40_000.0, terms=terms, leverage=8)
    line = next(each for each in calc.explain(position).splitlines() if each.startswith("fee to close"))
    assert line.startswith(f"fee to close F = {reserve} = ")
    figures, result = line.split(" = ")[2:4]
    worked_out = eval(figures.replace("·", "*").replace("−", "-"))
    assert worked_out == pytest.approx(position.fee_reserve, rel=1e-7)
    assert float(result.split(",")[0]) == pytest.approx(position.fee_reserve, rel=1e-7)


def test_the_tier_that_holds_at_the_liquidation_price_is_named() -> None:
    # 310,000 at entry; at the liquidation price below 300,000, where the first tier holds
    position = calc.Position.opened("long", 3.1, 100_000.0, terms=calc.Terms.of(symbol="BTCUSDT"), leverage=10)
    assert "maintenance, tier 1 of 12 (up to a notional of 300000): m = 0.004" in calc.explain(position)


def test_without_a_liquidation_price_the_reason_is_given() -> None:
    terms = calc.Terms.of(maintenance_rate=0.01)
    covered = calc.Position.opened("long", 1.0, 100.0, terms=terms, margin=120.0)
    assert calc.explain(covered).endswith("none, for the margin covers the position's whole value")
    spent = calc.Position.opened("short", 1.0, 100.0, terms=terms, margin=-150.0)
    assert calc.explain(spent).endswith("none, for the position is past it at every price")
