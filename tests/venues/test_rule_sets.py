"""The shipped rule sets: all of them load, each field says where it was read, and they say what the venues said."""

from __future__ import annotations

from dataclasses import fields

import pytest

from backtest import venues
from backtest.clock import moment_ns
from backtest.enums import (
    Basis,
    FeeReserve,
    LeverageChange,
    LiquidationRounding,
    LiquidationStyle,
    PartialStyle,
    Pocket,
    Removable,
    TierUnit,
)
from backtest.errors import UsageError
from backtest.venues.rules import VenueRules

ELEVEN = {
    "binance", "binance-coin", "bybit", "okx", "gate", "bitget", "kucoin", "bitmex", "deribit", "hyperliquid", "dydx",
}  # fmt: skip
ONLY_WITH = {
    "reserve_fee": lambda rules: rules.reserve_fee is not None,
    "reserve_in_trigger": lambda rules: rules.fee_reserve is not FeeReserve.NONE,
    "partial_tiers": lambda rules: rules.partial is PartialStyle.TIERS,
    "partial_from_tier": lambda rules: rules.partial is PartialStyle.TIERS,
    "partial_fraction": lambda rules: rules.partial is PartialStyle.FRACTION,
    "partial_above": lambda rules: rules.partial is PartialStyle.FRACTION,
    "partial_cooldown_ns": lambda rules: rules.partial is not PartialStyle.NONE,
    "freezes": lambda rules: rules.partial is not PartialStyle.NONE,
    "backstop": lambda rules: rules.backstop > 0,
}
"""Fields that mean nothing unless another one gives them a meaning."""

FIELDS = [field.name for field in fields(VenueRules)]
FIELDS = [name for name in FIELDS if name not in ("id", "name", "valid_from_ns", "sources", "notes")]
SETS = [rules for venue in sorted(ELEVEN) for rules in venues.find(venue).rule_sets]


def name_of(rules: VenueRules) -> str:
    return f"{rules.id} {rules.valid_from_ns or ''}".strip()


def test_the_eleven_rule_sets_ship_beside_the_sample_market() -> None:
    assert set(venues.venue_ids()) == ELEVEN | {"sample"}


@pytest.mark.parametrize("rules", SETS, ids=name_of)
def test_each_field_of_each_rule_set_says_where_it_was_read(rules: VenueRules) -> None:
    meant = [name for name in FIELDS if ONLY_WITH.get(name, lambda _: True)(rules)]
    assert [name for name in meant if name not in rules.sources] == []
    assert [name for name, source in rules.sources.items() if source.startswith("stated in") or len(source) < 20] == []


@pytest.mark.parametrize("venue", sorted(ELEVEN))
def test_an_open_question_is_argued_and_names_the_field_that_answers_it(venue: str) -> None:
    found = venues.find(venue)
    asked = {name for rules in found.rule_sets for name, source in rules.sources.items() if "open question" in source}
    assert asked - set(found.questions) <= {"partial_above", "partial_cooldown_ns", "freezes", "lower_leverage"}
    assert [name for name, why in found.questions.items() if len(why) < 40] == []


@pytest.mark.parametrize("rules", SETS, ids=name_of)
def test_the_record_holds_the_rules(rules: VenueRules) -> None:
    record = rules.record(taker=0.0006, liquidation_fee=0.01)[0]
    assert record["maintenance_basis"] == int(rules.maintenance_basis)
    assert record["whole_tiers"] == (not rules.marginal)
    assert record["order_limit"] == rules.order_limit
    expected = {"taker": 0.0006, "liquidation": 0.01}.get(str(rules.trigger_fee), rules.trigger_fee)
    assert record["trigger_fee"] == expected


@pytest.mark.parametrize(
    ("venue", "day", "expected"),
    [
        ("binance", "2024-02-29", {"trigger_fee": 0.0, "funding_pocket": Pocket.MARGIN, "lower_leverage": False}),
        ("binance", "2024-02-29", {"liquidation_style": LiquidationStyle.MARKET_CLOSE, "hedge": True, "strict": True}),
        ("binance-coin", "2024-02-29", {"trigger_fee": 0.0, "fee_reserve": FeeReserve.NONE, "marginal": True}),
        # "Starting Sep 2, 2025 … MM will be calculated using the Mark Price … The risk limit tier will now adjust"
        ("bybit", "2025-09-01", {"maintenance_basis": Basis.ENTRY, "tier_unit": TierUnit.ENTRY, "marginal": True}),
        ("bybit", "2025-09-02", {"maintenance_basis": Basis.MARK, "tier_unit": TierUnit.NOTIONAL}),
        ("bybit", "2022-11-22", {"fee_reserve": FeeReserve.BANKRUPTCY, "reserve_in_trigger": True, "marginal": False}),
        ("bybit", "2026-05-27", {"fee_reserve": FeeReserve.MOVING_BANKRUPTCY, "reserve_in_trigger": True}),
        ("bybit", "2022-11-22", {"leverage_change": LeverageChange.RESETS, "auto_margin": True, "partial_tiers": 1}),
        ("okx", "2023-11-02", {"trigger_fee": "taker", "tier_unit": TierUnit.QUANTITY, "marginal": False}),
        ("okx", "2023-11-02", {"funding_pocket": Pocket.CAPPED, "partial_tiers": 2, "partial_from_tier": 3}),
        ("okx", "2023-11-02", {"partial_cooldown_ns": 60 * 10**9, "freezes": True, "strict": False}),
        ("okx", "2023-11-02", {"rounding": LiquidationRounding.TICK_BEYOND}),
        ("gate", "2025-07-28", {"marginal": False, "reserve_fee": 0.00075, "trigger_fee": 0.00075}),
        ("gate", "2025-07-29", {"marginal": True, "fee_reserve": FeeReserve.VALUE, "reserve_in_trigger": False}),
        ("bitget", "2025-11-10T07:59", {"marginal": False, "trigger_fee": "taker", "fee_in_maintenance": True}),
        ("bitget", "2025-11-10T08:00", {"marginal": True, "leverage_change": LeverageChange.DRAWS}),
        ("kucoin", "2025-05-21", {"maintenance_basis": Basis.ENTRY, "fee_reserve": FeeReserve.VALUE_AND_MARGIN}),
        ("kucoin", "2025-05-22", {"maintenance_basis": Basis.MARK, "fee_reserve": FeeReserve.NONE}),
        ("kucoin", "2025-05-22", {"trigger_fee": "liquidation", "reserve_in_trigger": False, "auto_margin": True}),
        ("bitmex", "2020-08-01", {"funding_pocket": Pocket.MARGIN, "maintenance_basis": Basis.ENTRY}),
        ("bitmex", "2020-08-01", {"liquidation_style": LiquidationStyle.BANKRUPTCY, "partial": PartialStyle.TIERS}),
        ("deribit", "2023-01-01", {"trigger_fee": 0.0, "partial": PartialStyle.FRACTION, "strict": True}),
        ("hyperliquid", "2024-01-01", {"opening_fee_pocket": Pocket.MARGIN, "removable": Removable.TENTH}),
        ("hyperliquid", "2024-01-01", {"partial_fraction": 0.2, "partial_above": 100_000, "backstop": 2 / 3}),
        ("hyperliquid", "2024-01-01", {"partial_cooldown_ns": 30 * 10**9, "freezes": False, "hedge": False}),
        ("dydx", "2025-01-01", {"strict": True, "liquidation_style": LiquidationStyle.MARKET_CLOSE}),
    ],
)
def test_the_rules_of_a_date_are_what_the_venue_said(venue: str, day: str, expected: dict[str, object]) -> None:
    rules = venues.rules(venue, moment_ns(day))
    assert {name: getattr(rules, name) for name in expected} == expected


def test_without_a_date_the_latest_rules_hold_and_before_all_dates_the_first() -> None:
    assert venues.rules("kucoin").valid_from_ns == moment_ns("2025-05-22")
    assert venues.rules("kucoin", 0).valid_from_ns is None


def test_a_field_that_no_change_names_stays_and_keeps_its_source() -> None:
    before, after = venues.find("kucoin").rule_sets
    assert after.liquidation_style is before.liquidation_style
    assert after.sources["liquidation_style"] == before.sources["liquidation_style"]


def test_an_unknown_venue_is_answered_with_the_near_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'kucoin'"):
        venues.rules("kukoin")
