"""Leverage tiers against figures that the venues published: amounts, requirements, bounds, and the dates they hold."""

from __future__ import annotations

from itertools import pairwise
from math import inf

import pytest

from backtest import venues
from backtest.clock import moment_ns, time_text
from backtest.market.contract import Contract, Tier

CONTRACTS = [
    venues.contract(venue, symbol)
    for venue in venues.venue_ids()
    if venue != venues.SAMPLE
    for symbol in venues.symbols_of(venue)
]


def tier(venue: str, symbol: str, day: str, size: float) -> Tier:
    tiers = venues.contract(venue, symbol).tiers_at(moment_ns(day)).tiers
    return next(each for each in tiers if size <= each.cap)


def needed(venue: str, symbol: str, day: str, notional: float) -> float:
    """Maintenance margin of a notional, without any fee."""
    held = tier(venue, symbol, day, notional)
    return notional * held.rate - held.amount


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda each: f"{each.venue} {each.symbol}")
def test_marginal_requirements_have_no_jump_and_whole_position_ones_no_amount(contract: Contract) -> None:
    for table in contract.tier_tables:
        assert table.tiers[0].floor == 0
        for lower, upper in pairwise(table.tiers):
            assert upper.floor == lower.cap
            if table.marginal:
                before = lower.cap * lower.rate - lower.amount
                assert lower.cap * upper.rate - upper.amount == pytest.approx(before, rel=1e-7, abs=1e-7)
            else:
                assert upper.amount == 0


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda each: f"{each.venue} {each.symbol}")
def test_the_shape_of_a_table_is_that_of_the_rules_of_its_time(contract: Contract) -> None:
    for table in contract.tier_tables:
        if len(table.tiers) > 1:
            assert table.marginal == venues.rules(contract.venue, table.valid_from_ns).marginal


@pytest.mark.parametrize(
    ("venue", "symbol", "day", "floor", "amount"),
    [
        # Binance help of 5 February 2021: level 5 from 50 BTC, maintenance amount 1.81 BTC
        ("binance-coin", "BTC/USD:BTC", "2021-02-05", 50, 1.81),
        # /v5/market/risk-limit as captured: mmDeduction of rungs 2, 12, 29 and 35 (BTC) and 30 (LTC)
        ("bybit", "BTCUSDT", "2026-02-26", 2_000_000, 1_200),
        ("bybit", "BTCUSDT", "2026-02-26", 20_000_000, 160_000),
        ("bybit", "BTCUSDT", "2026-02-26", 120_000_000, 9_382_000),
        ("bybit", "BTCUSDT", "2026-02-26", 800_000_000, 226_382_000),
        ("bybit", "LTCUSDT", "2026-05-18", 9_400_000, 2_670_780),
        # Hyperliquid docs: deduction = 150M · (2.5 % − 1.25 %)
        ("hyperliquid", "BTC", "2026-09-27", 150_000_000, 1_875_000),
    ],
)
def test_an_amount_is_the_venues_own(venue: str, symbol: str, day: str, floor: float, amount: float) -> None:
    held = tier(venue, symbol, day, floor + 1)
    assert (held.floor, held.amount) == (floor, pytest.approx(amount, rel=1e-9))


@pytest.mark.parametrize(
    ("venue", "symbol", "day", "notional", "expected"),
    [
        # square post 27630175253050: 1.2M USDT of BTC needed 6,000, and 4,900 from 29 July 2025 on
        ("gate", "BTC_USDT", "2025-07-28", 1_200_000, 6_000),
        ("gate", "BTC_USDT", "2025-07-29", 1_200_000, 4_900),
        # help on position tiers: 330,000 USDT need 1,848 flat and 1,648 tiered, 0.06 % (198) of which is the fee
        ("bitget", "BTCUSDT", "2025-11-10T07:59", 330_000, 1_848 - 198),
        ("bitget", "BTCUSDT", "2025-11-10T08:00", 330_000, 1_648 - 198),
        # riskLimitsExamples: 180 XBT need 0.90 XBT, 230 XBT 1 %
        ("bitmex", "XBTUSD", "2021-09-01", 180, 0.90),
        ("bitmex", "XBTUSD", "2021-09-01", 230, 2.30),
        # docs, margining: 10,000 at 20x highest leverage need 250
        ("hyperliquid", "SOL", "2024-10-01", 10_000, 250),
        # isolated mode, unified trading account: 0.5 % of 60,000 USD at 50,000, 1.2 BTC
        ("bybit", "BTC/USD:BTC", "2023-01-01", 1.2, 0.006),
    ],
)
def test_a_requirement_is_the_published_one(
    venue: str, symbol: str, day: str, notional: float, expected: float
) -> None:
    assert needed(venue, symbol, day, notional) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("symbol", "size", "mark", "initial", "maintenance"),
    [
        # support.deribit.com 25944738177565: 25 and 350 BTC at 100,000, 6,000 SOL at 200
        ("BTC_USDC-PERPETUAL", 25, 100_000, 53_125, 28_125),
        ("BTC_USDC-PERPETUAL", 350, 100_000, 1_312_500, None),
        ("SOL_USDC-PERPETUAL", 6_000, 200, 84_000, None),
    ],
)
def test_deribits_rates_rise_with_the_size(
    symbol: str, size: float, mark: float, initial: float, maintenance: float | None
) -> None:
    (only,) = venues.contract("deribit", symbol).tier_tables[0].tiers
    value = size * mark
    assert (1 / only.leverage + only.slope * size) * value == pytest.approx(initial, rel=1e-12)
    if maintenance is not None:
        assert (only.rate + only.slope * size) * value == pytest.approx(maintenance, rel=1e-12)


@pytest.mark.parametrize("size", [5, 10, 50, 100, 400, 1_000])
def test_deribits_inverse_curve_is_exact_at_its_knots(size: float) -> None:
    # maintenance = (1 % + 0.005 % · size) · size, in BTC
    assert needed("deribit", "BTC-PERPETUAL", "2023-01-01", size) == pytest.approx((0.01 + 0.00005 * size) * size)


@pytest.mark.parametrize("size", [0.5, 3, 7.5, 25, 62, 175, 350, 700])
def test_deribits_inverse_curve_is_never_below_the_venues_and_hardly_above(size: float) -> None:
    exact = (0.01 + 0.00005 * size) * size
    assert exact <= needed("deribit", "BTC-PERPETUAL", "2023-01-01", size) <= 1.03 * exact


def test_okx_counts_its_tiers_in_contracts() -> None:
    # 11 June 2021: 3,000, 6,000 and 12,000 contracts of 0.1 ETH, then 12,000 and half a point more a tier
    tiers = venues.contract("okx", "ETH-USDT-SWAP").tiers_at(moment_ns("2021-06-11")).tiers
    assert [each.cap for each in tiers[:4]] == pytest.approx([300, 600, 1_200, 2_400])
    assert [each.rate for each in tiers[:4]] == [0.004, 0.005, 0.01, 0.015]
    assert [each.leverage for each in tiers[:4]] == [125, 100, 66.66, 50]


def test_okx_announced_three_tables_of_ada_in_2023() -> None:
    contract = venues.contract("okx", "ADA-USDT-SWAP")
    assert [time_text(table.valid_from_ns)[:10] for table in contract.tier_tables] == [
        "2021-06-11", "2023-05-19", "2023-10-31", "2023-11-02",
    ]  # fmt: skip
    assert [table.tiers[0].leverage for table in contract.tier_tables] == [75, 75, 50, 50]


@pytest.mark.parametrize(
    ("coin", "day", "leverage"), [("BTC", "2024-10-15", 50), ("BTC", "2026-10-01", 40), ("ETH", "2026-10-01", 25)]
)
def test_hyperliquids_rate_is_half_the_reciprocal_of_the_highest_leverage(coin: str, day: str, leverage: float) -> None:
    first = tier("hyperliquid", coin, day, 1)
    assert (first.leverage, first.rate) == (leverage, pytest.approx(0.5 / leverage))


def test_bybits_ladder_has_thirty_five_rungs() -> None:
    tiers = venues.contract("bybit", "BTCUSDT").tiers_at(moment_ns("2026-03-01")).tiers
    assert (len(tiers), tiers[0].rate, tiers[-1].rate, tiers[-1].cap) == (35, 0.005, 0.6, inf)


def test_a_table_is_cut_where_the_venue_went_over_to_marginal_tiers() -> None:
    old, cut, captured = venues.contract("bybit", "BTCUSDT").tier_tables
    assert (old.marginal, cut.marginal, captured.marginal) == (False, True, True)
    assert time_text(cut.valid_from_ns)[:10] == "2024-09-10"
    assert [each.cap for each in cut.tiers] == [each.cap for each in old.tiers]
    assert cut.tiers[1].amount == 10_000  # 2M · (1 % − 0.5 %)


def test_a_later_table_stands_in_for_earlier_times_in_their_shape() -> None:
    early, later = venues.contract("bybit", "LTCUSDT").tier_tables
    assert (early.valid_from_ns, early.marginal) == (0, False)
    assert (time_text(later.valid_from_ns)[:10], later.marginal) == ("2024-09-10", True)
    assert early.seen_ns == later.seen_ns == (moment_ns("2026-05-18"), moment_ns("2026-05-18"))


def test_what_is_not_known_of_a_contract_is_assumed_and_says_why() -> None:
    (solana,) = venues.contract("okx", "SOL").tier_tables
    assert "the rates of ADA-USDT-SWAP on 2023-11-02" in solana.assumed
    assert venues.contract("okx", "ADA").tier_tables[0].assumed == ""


def test_imported_tiers_take_the_place_of_assumed_ones_and_the_shape_of_the_rules() -> None:
    theirs = venues.contract("binance", "BTCUSDT").tier_tables[-1]
    (table,) = venues.contract("okx", "SOL", imported=(theirs,)).tier_tables
    assert (table.assumed, table.marginal, table.tiers[1].amount) == ("", False, 0)
    assert [each.cap for each in table.tiers] == [each.cap for each in theirs.tiers]
