"""Partial liquidation, rule 5.6: the ladders of Bybit, OKX and Hyperliquid, worked out beside the kernel.

The tiers are the venues' own (`tests/venues` holds them against what was published). The rules that matter here are
written out, so that each story can be worked out by hand from this page.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

import numpy as np
import pytest

from backtest.clock import moment_ns
from backtest.enums import LedgerKind, LiquidationStyle, NoticeKind, OrderKind, PartialStyle, Reason, SizeKind, TierUnit
from backtest.venues import contract, rules
from tests.rulebook.scene import HOUR_NS, Prices, Scene, Symbol, TierRow, flat

RUNGS = contract("bybit", "BTCUSDT").tiers_at(moment_ns("2026-03-01")).tiers
BYBIT_TIERS: list[TierRow] = [(tier.floor, tier.cap, tier.rate, tier.amount, 2.0) for tier in RUNGS]
"""With a leverage of two on every rung: the venue would not lend it, but the ladder is walked from its top."""

BYBIT = {"partial": PartialStyle.TIERS, "partial_tiers": 1, "partial_from_tier": 2, "freezes": 0}
OKX = {
    "partial": PartialStyle.TIERS,
    "partial_tiers": 2,
    "partial_from_tier": 3,
    "partial_cooldown_ns": HOUR_NS,
    "freezes": 1,
    "tier_unit": TierUnit.QUANTITY,
    "whole_tiers": 1,
    "trigger_fee": 0.0005,
}
HYPERLIQUID = {
    "partial": PartialStyle.FRACTION,
    "partial_fraction": 0.2,
    "partial_above": 100_000.0,
    "partial_cooldown_ns": 30_000_000_000,
    "freezes": 0,
    "backstop": 2 / 3,
}


@pytest.mark.parametrize(("venue", "story"), [("bybit", BYBIT), ("okx", OKX), ("hyperliquid", HYPERLIQUID)])
def test_the_stories_are_told_under_the_rules_of_the_venue(venue: str, story: dict[str, float]) -> None:
    shipped = rules(venue).record(0.0005)[0]
    for name, value in story.items():
        # a minute or half a minute: the open of the next bar, as an hour would be
        assert shipped[name] == (value if name != "partial_cooldown_ns" or venue != "okx" else 60_000_000_000), name


def bybit_ladder(quantity: str, entry: str, mark: str) -> list[dict[str, Decimal]]:
    """The ladder of a long with 2x that opens at `mark` below its liquidation price, and falls on from there.

    Margin q E / 2, liquidated where M + q (p - E) = q p m - d, which is p = (q E - M - d) / (q (1 - m)); cut to what
    the rung below holds at p, in steps of 0.001; its loss and 0.055 % of what is closed come out of the margin. The
    deductions are d = d' + cap' (m - m').
    """
    caps = [Decimal(str(tier.cap)) for tier in RUNGS]
    rates = [Decimal(str(tier.rate)) for tier in RUNGS]
    deductions = [Decimal(0)]
    for rung in range(1, len(RUNGS)):
        deductions.append(deductions[-1] + caps[rung - 1] * (rates[rung] - rates[rung - 1]))
    held, paid, price = Decimal(quantity), Decimal(entry), Decimal(mark)
    margin, step, fee = held * paid / 2, Decimal("0.001"), Decimal("0.00055")
    ladder = []
    while True:
        rung = next(number for number, cap in enumerate(caps) if held * price <= cap)
        if margin + held * (price - paid) > held * price * rates[rung] - deductions[rung]:
            price = (held * paid - margin - deductions[rung]) / (held * (1 - rates[rung]))
        if rung == 0:
            ladder.append({"rung": Decimal(1), "price": price, "margin": margin, "held": held})
            return ladder
        kept = (caps[rung - 1] / price / step).to_integral_value(ROUND_FLOOR) * step
        closed = held - kept
        margin += closed * (price - paid) - fee * closed * price
        held = kept
        ladder.append({"rung": Decimal(rung + 1), "price": price, "closed": closed, "margin": margin, "held": held})


def bybit_scene(*bars: Prices) -> Scene:
    symbol = Symbol(bars=[flat(50_000.0), flat(50_000.0), *bars], tiers=BYBIT_TIERS, tick=0.1, liquidation_fee=0.00055)
    return Scene(symbols=[symbol], cash=2e9, style=LiquidationStyle.BANKRUPTCY, rules=BYBIT)


def test_bybit_walks_down_all_thirty_five_rungs() -> None:
    # 40,000 BTC at 50,000: worth 2,000 million with a margin of 1,000. The mark opens at 25,060, where the balance is
    # 1,000,000,000 - 40,000 x 24,940 = 2,400,000 and rung 35 asks for 1,002,400,000 x 0.6 - 226,382,000.
    ladder = bybit_ladder("40000", "50000", "25060")
    played = bybit_scene((25_060.0, 25_060.0, 20_000.0, 20_000.0)).buy(0, quantity=40_000, leverage=2).play()
    parts, whole = played.rows(LedgerKind.PARTIAL_LIQUIDATION), played.row(LedgerKind.LIQUIDATION)
    assert [int(step["rung"]) for step in ladder] == list(range(35, 0, -1))
    assert len(parts) == 34
    for row, step in zip(parts, ladder, strict=False):
        assert -row["quantity"] == pytest.approx(float(step["closed"]), abs=1e-9)
        assert row["price"] == pytest.approx(float(step["price"]), rel=1e-12)
        assert row["margin_after"] == pytest.approx(float(step["margin"]), rel=1e-9)
        assert row["position_after"] == pytest.approx(float(step["held"]), abs=1e-9)
        assert (row["wallet"], row["insurance"], row["leverage_after"], row["entry_after"]) == (0, 0, 2, 50_000)
    # by hand, the first: 800,000,000 / 25,060 = 31,923.3838, so 8,076.617 are closed: a loss of 24,940 each, which is
    # 201,430,827.98, and 0.055 % of 202,400,022.02, which is 111,320.01211
    assert parts[0]["quantity"] == pytest.approx(-8_076.617)
    assert parts[0]["pnl"] == pytest.approx(201_430_827.98)
    assert parts[0]["liquidation_fee"] == pytest.approx(111_320.01211)
    assert parts[0]["margin_after"] == pytest.approx(1_000_000_000 - 201_430_827.98 - 111_320.01211)
    # the gap is met at the open, rung after rung at the same mark, until the balance is above the requirement; each of
    # the others where the falling mark comes to it
    at_open = parts[parts["segment"] == 0]
    assert set(at_open["price"]) == {25_060.0}
    assert 1 < len(at_open) < 34
    assert (np.diff(parts["price"][len(at_open) :]) < 0).all()
    # the lowest rung is taken over at the bankruptcy price, E - M / q: all that was left of the margin is lost
    last = ladder[-1]
    assert -whole["quantity"] == pytest.approx(float(last["held"]))
    assert whole["mark_price"] == pytest.approx(float(last["price"]), rel=1e-12)
    assert whole["price"] == pytest.approx(float(50_000 - last["margin"] / last["held"]), rel=1e-12)
    assert whole["margin"] == pytest.approx(-float(last["margin"]), rel=1e-9)
    assert whole["wallet"] == 0.0
    assert played.wallet() == 1e9


def test_bybit_cuts_no_further_than_the_rung_whose_requirement_is_met() -> None:
    # 100 BTC at 50,000 with 2x fall from rung 6 to rung 2 (0.56 %, deduction 1,200), and are liquidated where
    # 2,500,000 + 100 (p - 50,000) = 0.56 p - 1,200, p = 2,498,800 / 99.44 = 25,128.72: worth 2,512,872
    scene = bybit_scene((50_000.0, 50_000.0, 25_100.0, 25_200.0)).buy(0, quantity=100, leverage=2)
    scene.buy(0, quantity=1, leverage=2, order_kind=OrderKind.LIMIT, price=20_000.0)
    played = scene.play()
    part = played.row(LedgerKind.PARTIAL_LIQUIDATION)
    price = 2_498_800 / 99.44
    assert part["price"] == pytest.approx(price)
    # rung 1 holds 2,000,000 / 25,128.72 = 79.590 BTC
    assert part["position_after"] == pytest.approx(79.590)
    assert part["quantity"] == pytest.approx(-20.410)
    fee = 0.00055 * 20.410 * price
    assert part["liquidation_fee"] == pytest.approx(fee)
    assert part["margin_after"] == pytest.approx(2_500_000 + 20.410 * (price - 50_000) - fee)
    # the balance of 12,872 less a fee of 282 is above 0.5 % of 2,000,000: the rest lives on down to 25,096, its orders
    # do not
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.PARTIAL_LIQUIDATION]
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.POSITION_LIQUIDATED]


# ETH-USDT-SWAP of June 2021, in ETH (a contract holds 0.1): the whole position at the rate of its tier.
OKX_TIERS: tuple[TierRow, ...] = (
    (0.0, 300.0, 0.004, 0.0, 125.0),
    (300.0, 600.0, 0.005, 0.0, 100.0),
    (600.0, 1_200.0, 0.01, 0.0, 66.66),
    (1_200.0, 2_400.0, 0.015, 0.0, 50.0),
    (2_400.0, np.inf, 0.02, 0.0, 40.0),
)


def okx_scene(*bars: Prices) -> Scene:
    symbol = Symbol(bars=[flat(2_000.0), flat(2_000.0), *bars], tiers=OKX_TIERS, liquidation_fee=0.0005)
    return Scene(symbols=[symbol], cash=100_000.0, style=LiquidationStyle.BANKRUPTCY, rules=OKX)


# 2,000 ETH at 2,000 with 50x: margin 80,000, on tier 4, whose requirement is 1.5 % and the fee of 0.05 %:
# 80,000 + 2,000 (p - 2,000) = 2,000 p x 0.0155, p = 3,920,000 / 1,969.
OKX_FIRST = 3_920_000 / 1_969  # 1,990.858
# Two tiers lower hold 600 ETH. 1,400 ETH are closed: they lose 12,798.4 and cost a fee of 1,393.6.
OKX_MARGIN = 80_000 + 1_400 * (OKX_FIRST - 2_000) - 0.0005 * 1_400 * OKX_FIRST  # 65,808.0
# What is left is on tier 2, at 0.55 %: 65,808 + 600 (p - 2,000) = 600 p x 0.0055.
OKX_SECOND = (1_200_000 - OKX_MARGIN) / (600 * 0.9945)  # 1,900.774


def test_okx_cuts_two_tiers_and_looks_away() -> None:
    played = okx_scene((2_000.0, 2_000.0, 1_895.0, 1_899.0), flat(1_950.0)).buy(0, quantity=2_000, leverage=50).play()
    # the low of 1,895 is beyond the liquidation price of the rest, but the position is frozen for the rest of the bar,
    # and when it is looked at again its requirement is met
    part = played.row(LedgerKind.PARTIAL_LIQUIDATION)
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.PARTIAL_LIQUIDATION]
    assert part["price"] == pytest.approx(OKX_FIRST)
    assert (part["quantity"], part["position_after"]) == (-1_400.0, 600.0)
    assert part["liquidation_fee"] == pytest.approx(0.0005 * 1_400 * OKX_FIRST)
    assert part["margin_after"] == pytest.approx(OKX_MARGIN)
    assert part["liquidation_after"] == pytest.approx(OKX_SECOND)


def test_okx_takes_the_two_lowest_tiers_whole_after_the_pause() -> None:
    played = okx_scene((2_000.0, 2_000.0, 1_895.0, 1_899.0), flat(1_899.0)).buy(0, quantity=2_000, leverage=50).play()
    whole = played.row(LedgerKind.LIQUIDATION)
    assert (whole["bar"], whole["segment"], whole["quantity"]) == (3, 0, -600.0)
    # at the price where the margin is lost: 2,000 - 65,808 / 600 = 1,890.32
    assert whole["price"] == pytest.approx(2_000 - OKX_MARGIN / 600)
    assert whole["pnl"] == pytest.approx(OKX_MARGIN)
    assert whole["wallet"] == 0.0
    assert played.wallet() == pytest.approx(20_000.0)


def test_okx_takes_no_order_while_it_waits() -> None:
    scene = okx_scene((2_000.0, 2_000.0, 1_980.0, 1_985.0), flat(1_985.0), flat(1_985.0), flat(1_985.0))
    scene.rules = OKX | {"partial_cooldown_ns": int(1.5 * HOUR_NS)}
    scene.buy(0, quantity=2_000, leverage=50)
    for bar in (2, 3):
        scene.sell(bar, quantity=100, reduce_only=1)
    played = scene.play()
    # a pause of one and a half bars from bar 2 on ends with the open of bar 4
    assert [(row["bar"], row["reason"]) for row in played.notices if row["kind"] == NoticeKind.REJECTION] == [
        (3, Reason.POSITION_FROZEN)
    ]
    assert played.row(LedgerKind.CLOSE)["bar"] == 4


def test_margin_can_be_added_while_the_venue_waits() -> None:
    scene = okx_scene((2_000.0, 2_000.0, 1_980.0, 1_985.0), flat(1_899.0), flat(1_899.0))
    scene.rules = OKX | {"partial_cooldown_ns": 2 * HOUR_NS}
    played = scene.buy(0, quantity=2_000, leverage=50).add_margin(2, 5_000.0).play()
    # at 1,899 the rest was due at 1,900.77; frozen in bar 3 and with 5,000 more above it in bar 4
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.PARTIAL_LIQUIDATION, LedgerKind.ADD_MARGIN]


def test_a_target_brings_no_bracket_while_the_venue_waits() -> None:
    scene = okx_scene((2_000.0, 2_000.0, 1_980.0, 1_985.0), flat(1_985.0), flat(1_985.0))
    scene.rules = OKX | {"partial_cooldown_ns": 2 * HOUR_NS}
    scene.buy(0, quantity=2_000, leverage=50)
    scene.buy(2, quantity=600, size_kind=SizeKind.TARGET_QUANTITY, stop=1_900.0)
    played = scene.play()
    assert played.reasons(NoticeKind.REJECTION) == [Reason.POSITION_FROZEN]


# BTC of March 2025: 1.25 % up to 40x.
HYPERLIQUID_TIERS: tuple[TierRow, ...] = ((0.0, np.inf, 0.0125, 0.0, 40.0),)


def hyperliquid_scene(*bars: Prices) -> Scene:
    symbol = Symbol(bars=[flat(60_000.0), flat(60_000.0), *bars], tiers=HYPERLIQUID_TIERS, lot=0.00001)
    return Scene(symbols=[symbol], cash=100_000.0, strict=True, rules=HYPERLIQUID)


# 10 BTC at 60,000 with 20x: margin 30,000. 30,000 + 10 (p - 60,000) = 10 p x 0.0125, p = 570,000 / 9.875.
FIFTH = 570_000 / 9.875  # 57,721.519
# A fifth, 2 BTC, loses 4,556.962; there is no fee.
AFTER_FIFTH = 30_000 + 2 * (FIFTH - 60_000)  # 25,443.038
# 25,443.038 + 8 (p - 60,000) = 8 p x 0.0125
WHOLE = (480_000 - AFTER_FIFTH) / 7.9  # 57,538.856


def test_hyperliquid_sells_a_fifth_first() -> None:
    played = hyperliquid_scene((60_000.0, 60_000.0, 57_600.0, 57_700.0)).buy(0, quantity=10, leverage=20).play()
    part = played.row(LedgerKind.PARTIAL_LIQUIDATION)
    assert (part["price"], part["margin_after"]) == (pytest.approx(FIFTH), pytest.approx(AFTER_FIFTH))
    assert (part["quantity"], part["liquidation_fee"], part["wallet"]) == (-2.0, 0.0, 0.0)
    assert part["liquidation_after"] == pytest.approx(WHOLE)
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.PARTIAL_LIQUIDATION]


def test_hyperliquid_sells_the_rest_within_the_cooldown() -> None:
    played = hyperliquid_scene((60_000.0, 60_000.0, 57_000.0, 57_000.0)).buy(0, quantity=10, leverage=20).play()
    whole = played.row(LedgerKind.LIQUIDATION)
    assert (whole["quantity"], whole["price"]) == (-8.0, pytest.approx(WHOLE))
    # at the mark, without a fee: the maintenance margin of 8 x 57,538.856 x 0.0125 is what comes back
    assert whole["wallet"] == pytest.approx(8 * WHOLE * 0.0125)
    assert whole["liquidation_fee"] == 0.0
    assert played.wallet() == pytest.approx(70_000 + 8 * WHOLE * 0.0125)


def test_hyperliquid_sells_another_fifth_after_the_cooldown() -> None:
    bars = (60_000.0, 60_000.0, 57_600.0, 57_700.0), (57_700.0, 57_700.0, 57_500.0, 57_500.0)
    played = hyperliquid_scene(*bars).buy(0, quantity=10, leverage=20).play()
    second = played.rows(LedgerKind.PARTIAL_LIQUIDATION)[1]
    # a fifth of 8 BTC at the next bar's 57,538.856
    assert (second["bar"], second["quantity"], second["price"]) == (3, pytest.approx(-1.6), pytest.approx(WHOLE))
    assert second["margin_after"] == pytest.approx(AFTER_FIFTH + 1.6 * (WHOLE - 60_000))


def test_hyperliquid_sells_a_small_position_whole() -> None:
    # 1.7 BTC are worth 98,126 where they are liquidated, below the 100,000
    played = hyperliquid_scene((60_000.0, 60_000.0, 57_000.0, 57_000.0)).buy(0, quantity=1.7, leverage=20).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.LIQUIDATION]
    assert played.row(LedgerKind.LIQUIDATION)["wallet"] == pytest.approx(1.7 * FIFTH * 0.0125)


@pytest.mark.parametrize(
    ("opens", "kinds"),
    [
        # balance 30,000 - 10 x 2,400 = 6,000, above two thirds of 10 x 57,600 x 0.0125, which is 4,800: a fifth
        pytest.param(57_600.0, [LedgerKind.OPEN, LedgerKind.PARTIAL_LIQUIDATION], id="a gap short of the backstop"),
        # balance 30,000 - 10 x 2,700 = 3,000, below two thirds of 7,162.5, which is 4,775
        pytest.param(57_300.0, [LedgerKind.OPEN, LedgerKind.LIQUIDATION], id="a gap to the backstop"),
    ],
)
def test_hyperliquids_backstop_takes_position_and_margin(opens: float, kinds: list[LedgerKind]) -> None:
    played = hyperliquid_scene(flat(opens)).buy(0, quantity=10, leverage=20).play()
    assert played.kinds() == kinds
    if kinds[-1] is LedgerKind.LIQUIDATION:
        row = played.row(LedgerKind.LIQUIDATION)
        # at the bankruptcy price of 60,000 - 3,000: nothing returns, though 3,000 were left at the mark
        assert (row["price"], row["wallet"], row["pnl"]) == (pytest.approx(57_000.0), 0.0, pytest.approx(30_000.0))
        assert played.wallet() == pytest.approx(70_000.0)


def test_a_new_position_has_no_cooldown() -> None:
    bars = [(60_000.0, 60_000.0, 57_600.0, 57_700.0), flat(57_700.0), (57_700.0, 57_700.0, 55_500.0, 55_510.0)]
    scene = hyperliquid_scene(*bars)
    scene.rules = HYPERLIQUID | {"partial_cooldown_ns": 5 * HOUR_NS}
    scene.buy(0, quantity=10, leverage=20).sell(2, quantity=8, reduce_only=1).buy(3, quantity=10, leverage=20)
    played = scene.play()
    # 577,000 with a margin of 28,850: p = (577,000 - 28,850) / 9.875 = 55,508.86, within five bars of the first part
    parts = played.rows(LedgerKind.PARTIAL_LIQUIDATION)
    assert [row["bar"] for row in parts] == [2, 4]
    assert parts[1]["price"] == pytest.approx(548_150 / 9.875)
    assert not len(played.rows(LedgerKind.LIQUIDATION))


def test_a_fraction_that_is_all_of_it_is_the_whole_position() -> None:
    # a fifth of two lots, rounded up, is a lot, and of one lot that lot: 0.002, then 0.001 are left of 0.003
    scene = Scene(bars=[flat(100.0), flat(100.0), (100.0, 100.0, 80.0, 80.0)], strict=True)
    scene.rules = {"partial": PartialStyle.FRACTION, "partial_fraction": 0.2}
    played = scene.buy(0, quantity=0.003, leverage=10).play()
    assert list(played.rows(LedgerKind.PARTIAL_LIQUIDATION)["position_after"]) == [0.002, 0.001]
    assert played.row(LedgerKind.LIQUIDATION)["quantity"] == -0.001


def test_a_position_that_is_smaller_than_the_lot_of_the_lower_tier_is_taken_whole() -> None:
    # tier 1 ends at a notional of 5, less than the lot of 0.1 at 100
    tiers = ((0.0, 5.0, 0.01, 0.0, 50.0), (5.0, np.inf, 0.02, 0.05, 20.0))
    symbol = Symbol(bars=[flat(100.0), flat(100.0), (100.0, 100.0, 80.0, 80.0)], tiers=tiers, lot=0.1)
    played = Scene(symbols=[symbol], rules=BYBIT).buy(0, quantity=1, leverage=10).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.LIQUIDATION]


def test_the_fee_of_a_part_takes_no_more_than_the_balance() -> None:
    # 10 at 100 with 10x, one tier below of 500: at 90.82 (m = 2 %, amount 5) the balance is 13.16 and the fee on
    # 4.495 x 90.82 = 408 would be 20.4
    tiers = ((0.0, 500.0, 0.01, 0.0, 50.0), (500.0, np.inf, 0.02, 5.0, 20.0))
    symbol = Symbol(bars=[flat(100.0), flat(100.0), (100.0, 100.0, 90.0, 90.0)], tiers=tiers, liquidation_fee=0.05)
    played = Scene(symbols=[symbol], rules=BYBIT).buy(0, quantity=10, leverage=10).play()
    price = (1_000 - 100 - 5) / (10 * 0.98)
    part = played.row(LedgerKind.PARTIAL_LIQUIDATION)
    assert part["price"] == pytest.approx(price)
    assert part["liquidation_fee"] == pytest.approx(100 + 10 * (price - 100))
    # with nothing left the rest is taken at the same point, at the bankruptcy price, which is the mark
    whole = played.row(LedgerKind.LIQUIDATION)
    assert whole["price"] == pytest.approx(price)
    assert played.wallet() == pytest.approx(900.0)
