"""Auto-replenishment, rule 5.5, and the pockets of capped funding, rule 2.2.

A long of 1 at 100 with 10x has a margin of 10 and, at 1 %, a liquidation price of 90 / 0.99. Its initial margin of 10
is what each replenishment adds: 20 make it 80 / 0.99.
"""

from __future__ import annotations

import pytest

from backtest.enums import LedgerKind, NoticeKind, OrderKind, Pocket, Reason
from tests.rulebook.scene import Scene, Symbol, flat

CALM = [flat(100.0), flat(100.0)]
OFFERED = {"auto_margin": 1}
FIRST = 90 / 0.99  # 90.909
SECOND = 80 / 0.99  # 80.808


def test_margin_is_added_where_the_mark_meets_the_liquidation_price() -> None:
    scene = Scene(bars=[*CALM, (100.0, 100.0, 85.0, 85.0)], rules=OFFERED).buy(0, quantity=1, leverage=10)
    scene.buy(0, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=50.0)
    played = scene.auto_margin(0).play()
    row = played.row(LedgerKind.AUTO_MARGIN)
    assert (row["wallet"], row["margin"], row["margin_after"]) == (-10.0, 10.0, 20.0)
    assert row["mark_price"] == pytest.approx(FIRST)
    assert row["liquidation_after"] == pytest.approx(SECOND)
    # the position stays whole, and so does the order
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.AUTO_MARGIN]
    assert not played.reasons(NoticeKind.CANCELLATION)


def test_it_is_added_again_until_the_requirement_is_met() -> None:
    # at 65 a margin of 10 has become -25: three times 10 make it 5, above the 0.65 that are asked for
    played = Scene(bars=[*CALM, flat(65.0)], rules=OFFERED).buy(0, quantity=1, leverage=10).auto_margin(0).play()
    rows = played.rows(LedgerKind.AUTO_MARGIN)
    assert list(rows["margin"]) == [10.0, 10.0, 10.0]
    assert played.kinds()[-1] is LedgerKind.AUTO_MARGIN


def test_the_margin_never_exceeds_the_value_of_the_position() -> None:
    # at 30 the first brings the margin from 10 to 20, the second to the 30 that the position is worth;
    # its loss of 70 is beyond that, and it is taken over at 100 - 30
    played = Scene(bars=[*CALM, flat(30.0)], rules=OFFERED).buy(0, quantity=1, leverage=10).auto_margin(0).play()
    assert list(played.rows(LedgerKind.AUTO_MARGIN)["margin_after"]) == [20.0, 30.0]
    assert played.row(LedgerKind.LIQUIDATION)["price"] == pytest.approx(70.0)
    assert played.wallet() == pytest.approx(970.0)


def test_the_wallet_bounds_it() -> None:
    # 14 were there; 4 are left, which bring the liquidation price to 86 / 0.99
    scene = Scene(bars=[*CALM, (100.0, 100.0, 85.0, 85.0)], cash=14.0, rules=OFFERED).buy(0, quantity=1, leverage=10)
    played = scene.auto_margin(0).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.AUTO_MARGIN, LedgerKind.LIQUIDATION]
    assert played.row(LedgerKind.AUTO_MARGIN)["margin"] == pytest.approx(4.0)
    assert played.row(LedgerKind.LIQUIDATION)["price"] == pytest.approx(86 / 0.99)


def test_of_two_symbols_the_first_of_the_run_draws_on_the_wallet_first() -> None:
    # each needs 10 at the open of 90; the wallet has 12: the first gets 10, the second 2
    symbols = [Symbol(bars=[*CALM, flat(90.5)]), Symbol(bars=[*CALM, flat(90.5)])]
    scene = Scene(symbols=symbols, cash=32.0, rules=OFFERED)
    for leg in (1, 0):
        scene.buy(0, quantity=1, leverage=10, leg=leg).auto_margin(0, leg=leg)
    played = scene.play()
    rows = played.rows(LedgerKind.AUTO_MARGIN)
    assert list(zip(rows["leg"], rows["margin"], strict=True)) == [(0, 10.0), (1, pytest.approx(2.0))]
    # with 12 the second is liquidated at 88 / 0.99 and not at 90.5
    assert not len(played.rows(LedgerKind.LIQUIDATION))


def test_of_two_symbols_met_on_the_path_the_one_met_first_draws_first() -> None:
    # the second symbol falls twice as far in the same time, and meets its price when the first has come half the way
    symbols = [
        Symbol(bars=[*CALM, (100.0, 100.0, 90.5, 90.5)]),
        Symbol(bars=[*CALM, (100.0, 100.0, 81.0, 81.0)]),
    ]
    scene = Scene(symbols=symbols, cash=32.0, rules=OFFERED)
    for leg in (0, 1):
        scene.buy(0, quantity=1, leverage=10, leg=leg).auto_margin(0, leg=leg)
    rows = scene.play().rows(LedgerKind.AUTO_MARGIN)
    assert list(zip(rows["leg"], rows["margin"], strict=True)) == [(1, 10.0), (0, pytest.approx(2.0))]


def test_it_can_be_taken_back() -> None:
    scene = Scene(bars=[*CALM, flat(100.0), flat(85.0)], rules=OFFERED).buy(0, quantity=1, leverage=10)
    played = scene.auto_margin(0).auto_margin(1, False).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.LIQUIDATION]


def test_a_venue_that_does_not_offer_it_refuses() -> None:
    played = Scene(bars=[*CALM, flat(85.0)]).buy(0, quantity=1, leverage=10).auto_margin(0).play()
    assert played.reasons(NoticeKind.REJECTION) == [Reason.AUTO_MARGIN_NOT_OFFERED]
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.LIQUIDATION]


def capped(rate: float, cash: float) -> Scene:
    symbol = Symbol(bars=[*CALM, flat(100.0)], funding=[(2, rate)])
    return Scene(symbols=[symbol], cash=cash, rules={"funding_pocket": Pocket.CAPPED}).buy(0, quantity=1, leverage=10)


def test_capped_funding_is_paid_by_the_wallet_first() -> None:
    # 2 % of 100 are 2: the wallet has 1.5, the margin pays 0.5
    row = capped(0.02, 11.5).play().row(LedgerKind.FUNDING)
    assert (row["wallet"], row["margin"], row["funding"]) == pytest.approx((-1.5, -0.5, 2.0))


def test_capped_funding_never_liquidates() -> None:
    # 15 % are 15: the wallet has 1, and the margin of 10 pays the 9 above its requirement of 1
    played = capped(0.15, 11.0).play()
    row = played.row(LedgerKind.FUNDING)
    assert (row["wallet"], row["margin"], row["funding"]) == pytest.approx((-1.0, -9.0, 10.0))
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.FUNDING]


def test_capped_funding_is_received_by_the_wallet() -> None:
    row = capped(-0.02, 11.5).play().row(LedgerKind.FUNDING)
    assert (row["wallet"], row["margin"], row["funding"]) == pytest.approx((2.0, 0.0, -2.0))
