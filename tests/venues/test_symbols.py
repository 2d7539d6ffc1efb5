"""One name for a contract, whichever way it is written."""

from __future__ import annotations

import pytest

from backtest.errors import UsageError
from backtest.venues.symbols import canonical, folder_name


@pytest.mark.parametrize(
    "text", ["BTC/USDT:USDT", "BTCUSDT", "BTC-PERP", "btc/usdt", "BTC_USDT", " btcusdt ", "BTC-USDT"]
)
def test_a_symbol_has_one_canonical_form(text: str) -> None:
    assert canonical(text, "binance") == "BTC/USDT:USDT"


def test_a_multiplied_contract_keeps_its_number() -> None:
    assert canonical("1000PEPEUSDT", "binance") == "1000PEPE/USDT:USDT"


def test_the_quote_of_a_short_form_is_the_venues() -> None:
    assert canonical("ETH-PERP", "hyperliquid") == "ETH/USDC:USDC"


def test_an_inverse_contract_is_left_as_it_is() -> None:
    assert canonical("BTC/USD:BTC", "binance") == "BTC/USD:BTC"


@pytest.mark.parametrize("text", ["", "BTC//USDT", "USDT", "BTC/USTD"])
def test_what_is_no_symbol_is_answered_with_one(text: str) -> None:
    with pytest.raises(UsageError, match="is no symbol of a perpetual; "):
        canonical(text, "binance")


def test_a_folder_bears_the_symbol_without_its_signs() -> None:
    assert folder_name("1000PEPE/USDT:USDT") == "1000PEPEUSDTUSDT"
