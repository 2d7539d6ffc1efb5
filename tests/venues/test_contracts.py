"""What the shipped contracts are: linear or inverse, how large one is, what it costs and since when."""

from __future__ import annotations

import pytest

from backtest import venues
from backtest.clock import moment_ns
from backtest.errors import UsageError


@pytest.mark.parametrize(
    ("venue", "symbol", "size"),
    [
        ("binance-coin", "BTCUSD_PERP", 100),
        ("binance-coin", "ETHUSD_PERP", 10),
        ("bybit", "BTCUSD", 1),
        ("okx", "BTC-USD-SWAP", 100),
        ("okx", "ETH-USD-SWAP", 10),
        ("bitmex", "XBTUSD", 1),
        ("kucoin", "XBTUSDM", 1),
        ("deribit", "BTC-PERPETUAL", 10),
    ],
)
def test_one_inverse_contract_is_so_many_dollars(venue: str, symbol: str, size: float) -> None:
    found = venues.contract(venue, symbol)
    assert (found.inverse, found.contract_size) == (True, size)
    assert found.lot % found.contract_size == 0


@pytest.mark.parametrize(
    ("venue", "symbol", "size"),
    [("okx", "BTC-USDT-SWAP", 0.01), ("kucoin", "XBTUSDTM", 0.001), ("kucoin", "ETHUSDTM", 0.01)],
)
def test_one_linear_contract_is_so_much_coin(venue: str, symbol: str, size: float) -> None:
    found = venues.contract(venue, symbol)
    assert (found.inverse, found.contract_size) == (False, size)


@pytest.mark.parametrize(
    ("venue", "symbol", "day", "taker"),
    [
        ("bybit", "BTCUSD", "2020-01-01", 0.00075),  # help 360039261334
        ("bybit", "ETHUSDT", "2022-11-22", 0.0006),  # a real position reserves 0.06 %
        ("bybit", "ETHUSDT", "2026-05-27", 0.00055),
        ("hyperliquid", "ETH", "2024-01-15", 0.00025),  # a real position paid 0.025 %
        ("hyperliquid", "ETH", "2026-01-01", 0.00045),
        ("kucoin", "XBTUSDTM", "2021-12-01", 0.0006),
        ("bitget", "BTCUSDT", "2025-11-10", 0.0006),
        ("okx", "BTC-USDT-SWAP", "2023-11-02", 0.0005),
    ],
)
def test_fees_are_those_of_the_date(venue: str, symbol: str, day: str, taker: float) -> None:
    assert venues.contract(venue, symbol, at_ns=moment_ns(day)).taker == taker


@pytest.mark.parametrize(
    ("venue", "inverse", "expected"),
    [
        ("binance", None, ("binance", "BTC/USDT:USDT")),
        ("binance", True, ("binance-coin", "BTC/USD:BTC")),
        ("binance-coin", None, ("binance-coin", "BTC/USD:BTC")),
        ("binance-coin", False, ("binance", "BTC/USDT:USDT")),
        ("bybit", True, ("bybit", "BTC/USD:BTC")),
        ("bitmex", None, ("bitmex", "BTC/USD:BTC")),
        ("bitmex", False, ("bitmex", "BTC/USDT:USDT")),
        ("deribit", False, ("deribit", "BTC/USDC:USDC")),
        ("dydx", None, ("dydx", "BTC/USDC:USDC")),
        ("sample", None, ("sample", "BTC/USDT:USDT")),
    ],
)
def test_where_no_contract_is_named_bitcoins_is_meant(
    venue: str, inverse: bool | None, expected: tuple[str, str]
) -> None:
    found = venues.default_contract(venue, inverse=inverse)
    assert (found.venue, found.symbol) == expected


def test_a_venue_without_inverse_contracts_says_so() -> None:
    with pytest.raises(UsageError, match="hyperliquid has no inverse contract"):
        venues.default_contract("hyperliquid", inverse=True)


def test_an_inverse_contract_is_sought_where_the_house_has_it() -> None:
    with pytest.raises(UsageError, match=r"'BTC/USD:BTC' at binance; its inverse contracts are those of binance-coin"):
        venues.contract("binance", "BTC/USD")


def test_a_contract_carries_the_rules_it_is_traded_under() -> None:
    assert venues.contract("kucoin", "BTC").rules == venues.find("kucoin").rule_sets


def test_where_nothing_is_stated_the_assumption_is() -> None:
    sources = venues.contract("bybit", "SOL").sources
    assert any(said.endswith("assumed, general knowledge") and "tick, lot" in said for said in sources)
    assert any(said.startswith("tiers: assumed are those of LTCUSDT") for said in sources)
