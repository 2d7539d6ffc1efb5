"""Binance's rules and the dated facts that ship with the project."""

from __future__ import annotations

from math import inf

import pytest

from backtest import venues
from backtest.clock import moment_ns
from backtest.enums import LiquidationStyle, Pocket
from backtest.errors import MarketDataError, UsageError

TEN = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "1000PEPE", "WIF", "BLUR", "AGIX")


def maintenance(symbol: str, when: str, notional: float) -> float:
    tiers = venues.contract("binance", symbol).tiers_at(moment_ns(when)).tiers
    held = next(tier for tier in tiers if notional <= tier.cap)
    return notional * held.rate - held.amount


def test_the_ten_contracts_have_dated_tiers() -> None:
    assert set(venues.symbols_of("binance")) == {f"{base}/USDT:USDT" for base in TEN}


def test_the_last_snapshot_was_seen_on_the_last_day() -> None:
    last = venues.contract("binance", "ADAUSDT").tier_tables[-1]
    assert last.seen_ns == (moment_ns("2025-03-27"), moment_ns("2026-09-29"))


@pytest.mark.parametrize(
    ("symbol", "when", "notional", "expected"),
    [
        # BTC, September 2026: ≤ 300k 0.4 %; 300k · 0.004 + 500k · 0.005 = 3,700 at 800k
        ("BTCUSDT", "2026-09-29", 300_000, 1_200),
        ("BTCUSDT", "2026-09-29", 800_000, 3_700),
        # BTC, July 2022: 50k · 0.004 + 200k · 0.005 + 750k · 0.01 = 8,700 at 1M
        ("BTCUSDT", "2022-07-03", 1_000_000, 8_700),
        # SOL, September 2026: 50k · 0.005 + 350k · 0.0065 + 600k · 0.01 = 8,525 at 1M
        ("SOLUSDT", "2026-09-29", 1_000_000, 8_525),
    ],
)
def test_the_maintenance_margin_is_a_sum_over_brackets(
    symbol: str, when: str, notional: float, expected: float
) -> None:
    assert maintenance(symbol, when, notional) == pytest.approx(expected, abs=1e-9)


def test_a_table_holds_from_the_first_date_it_was_seen_to_the_next_change() -> None:
    contract = venues.contract("binance", "BTCUSDT")
    assert contract.tiers_at(moment_ns("2025-03-27")) is contract.tiers_at(moment_ns("2024-09-30"))
    assert contract.tiers_at(moment_ns("2024-09-29")).tiers[2].leverage == 50
    assert contract.tiers_at(moment_ns("2024-09-30")).tiers[2].leverage == 75


def test_a_cap_that_the_venue_does_not_state_is_infinite() -> None:
    assert venues.contract("binance", "BTCUSDT").tiers_at(moment_ns("2022-07-03")).tiers[-1].cap == inf


def test_captured_facts_have_their_source_and_assumed_ones_are_called_so() -> None:
    bitcoin, solana = venues.contract("binance", "BTCUSDT"), venues.contract("binance", "SOLUSDT")
    assert (bitcoin.tick, bitcoin.lot, bitcoin.minimum_notional) == (0.1, 0.001, 100)
    assert (bitcoin.liquidation_fee, bitcoin.price_band, bitcoin.taker) == (0.0125, 0.05, 0.0005)
    assert not any("general knowledge" in source for source in bitcoin.sources)
    assert any(
        source == "tick, lot, minimum notional, liquidation fee: assumed, general knowledge"
        for source in solana.sources
    )


def test_the_rules_are_those_of_isolated_margin_on_binance() -> None:
    rules = venues.rules("binance")
    assert rules.funding_pocket is Pocket.MARGIN
    assert rules.opening_fee_pocket is Pocket.WALLET
    assert rules.liquidation_style is LiquidationStyle.MARKET_CLOSE
    assert (rules.strict, rules.lower_leverage, rules.whole_leverage) == (True, False, True)
    assert (rules.order_limit, rules.trigger_fee) == (200, 0.0)


def test_each_rule_says_where_it_was_read() -> None:
    rules = venues.rules("binance")
    assert not [name for name, source in rules.sources.items() if source.startswith("stated in")]


def test_the_record_holds_the_rules() -> None:
    record = venues.rules("binance").record()[0]
    assert (record["funding_pocket"], record["strict"], record["order_limit"]) == (int(Pocket.MARGIN), 1, 200)


@pytest.mark.parametrize("venue", ["sample", "sample-11"])
def test_the_sample_market_is_traded_under_binances_rules(venue: str) -> None:
    assert venues.rules(venue) == venues.rules("binance")
    assert venues.contract(venue, "BTC-PERP").tick == 0.1


def test_unknown_venues_and_symbols_are_answered_with_the_near_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'binance'"):
        venues.rules("binanc")
    with pytest.raises(UsageError, match=r"did you mean 'DOGE/USDT:USDT'"):
        venues.contract("binance", "DOGGE/USDT:USDT")


def test_a_contract_whose_tiers_are_not_known_says_how_to_get_them() -> None:
    with pytest.raises(MarketDataError, match="backtest data import FILE --kind tiers"):
        venues.contract("binance", "BNBUSDT")
