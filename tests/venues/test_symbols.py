"""One name for a contract, whichever way it is written."""

from __future__ import annotations

import pytest

from backtest.errors import UsageError
from backtest.venues.symbols import canonical, folder_name


@pytest.mark.parametrize(
    "text", ["BTC/USDT:USDT", "BTCUSDT", "BTC-PERP", "btc/usdt", "BTC_USDT", " btcusdt ", "BTC-USDT", "BTC", "btc"]
)
def test_a_symbol_has_one_canonical_form(text: str) -> None:
    assert canonical(text, "binance") == "BTC/USDT:USDT"


@pytest.mark.parametrize(
    ("venue", "text", "symbol"),
    [
        ("okx", "BTC-USDT-SWAP", "BTC/USDT:USDT"),
        ("okx", "BTC-USD-SWAP", "BTC/USD:BTC"),
        ("gate", "BTC_USDT", "BTC/USDT:USDT"),
        ("gate", "BTC_USD", "BTC/USD:BTC"),
        ("kucoin", "ETHUSDTM", "ETH/USDT:USDT"),
        ("kucoin", "XBTUSDTM", "BTC/USDT:USDT"),
        ("kucoin", "XBTUSDM", "BTC/USD:BTC"),
        ("bitmex", "XBTUSD", "BTC/USD:BTC"),
        ("bitmex", "XBTUSDT", "BTC/USDT:USDT"),
        ("bybit", "BTCUSD", "BTC/USD:BTC"),
        ("binance-coin", "BTCUSD_PERP", "BTC/USD:BTC"),
        ("deribit", "BTC-PERPETUAL", "BTC/USD:BTC"),
        ("deribit", "SOL_USDC-PERPETUAL", "SOL/USDC:USDC"),
        ("hyperliquid", "ETH/USDC:USDC", "ETH/USDC:USDC"),
        ("hyperliquid", "BTC-USD", "BTC/USDC:USDC"),
        ("dydx", "BTC-USD", "BTC/USDC:USDC"),
    ],
)
def test_each_venues_own_names_are_understood(venue: str, text: str, symbol: str) -> None:
    assert canonical(text, venue) == symbol


@pytest.mark.parametrize(
    ("venue", "symbol"),
    [
        ("binance", "SOL/USDT:USDT"),
        ("sample-11", "SOL/USDT:USDT"),
        ("binance-coin", "SOL/USD:SOL"),
        ("deribit", "SOL/USD:SOL"),
        ("hyperliquid", "SOL/USDC:USDC"),
        ("dydx", "SOL/USDC:USDC"),
        ("a-recorder-of-my-own", "SOL/USDT:USDT"),
    ],
)
def test_a_bare_coin_is_the_venues_usual_contract(venue: str, symbol: str) -> None:
    assert canonical("SOL", venue) == canonical("SOL-PERP", venue) == symbol


def test_a_multiplied_contract_keeps_its_number() -> None:
    assert canonical("1000PEPEUSDT", "binance") == "1000PEPE/USDT:USDT"


@pytest.mark.parametrize("text", ["BTC/USD:BTC", "BTC/USD", "BTC-USD", "BTCUSD", "xbt/usd"])
def test_dollars_mean_an_inverse_contract_where_a_venue_has_such(text: str) -> None:
    assert canonical(text, "binance") == "BTC/USD:BTC"


@pytest.mark.parametrize("text", ["", "BTC//USDT", "USDT", "BTC:USDT", "BTC USDT", "ÄTH"])
def test_what_is_no_symbol_is_answered_with_one(text: str) -> None:
    with pytest.raises(UsageError, match="is no symbol of a perpetual; write BTC/USDT:USDT, BTCUSDT or BTC"):
        canonical(text, "binance")


def test_an_unknown_quote_is_answered_with_the_near_one() -> None:
    with pytest.raises(UsageError, match="'BTC/USDX' is no symbol of a perpetual; did you mean 'USD"):
        canonical("BTC/USDX", "binance")


def test_a_folder_bears_the_symbol_without_its_signs() -> None:
    assert folder_name("1000PEPE/USDT:USDT") == "1000PEPEUSDTUSDT"
