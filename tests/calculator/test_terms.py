"""What a position is judged by: named by venue, symbol and date, given outright, or both."""

from __future__ import annotations

from pathlib import Path

import pytest

from backtest import calculator as calc
from backtest.calculator.naming import is_inverse, venue_named
from backtest.errors import MarketDataError, UsageError


def test_without_a_name_the_terms_are_those_of_binances_usual_contract_without_its_steps() -> None:
    terms = calc.Terms.of()
    assert (terms.rules.id, terms.symbol, terms.tick, terms.lot) == ("binance", "", 0.0, 0.0)
    assert "BTC/USDT:USDT" in terms.notes[0]


def test_a_symbol_brings_its_steps() -> None:
    terms = calc.Terms.of(symbol="BTCUSDT")
    assert (terms.symbol, terms.tick, terms.lot) == ("BTC/USDT:USDT", 0.1, 0.001)
    assert terms.notes == ()


def test_the_date_chooses_rules_fees_and_tiers() -> None:
    # Bybit took 0.06 % in 2022 and 0.055 % later; its maintenance margin is of the mark price since September 2025
    early, late = (calc.Terms.of(venue="bybit", date=date) for date in ("2022-11-22", "2026-01-01"))
    assert (early.taker, late.taker) == (0.0006, 0.00055)
    assert early.rules.maintenance_basis != late.rules.maintenance_basis


def test_tiers_of_another_date_are_noted_and_refused_when_strict() -> None:
    terms = calc.Terms.of(symbol="BTCUSDT", date="2021-01-01")
    assert "no leverage tiers of BTC/USDT:USDT of 2021-01-01 are known" in terms.notes[0]
    assert "2022-07-03" in terms.notes[0]
    with pytest.raises(MarketDataError, match="2022-07-03, 2023-03-31"):
        calc.Terms.of(symbol="BTCUSDT", date="2021-01-01", strict=True)


def test_a_rate_stands_alone_or_under_a_venues_rules() -> None:
    assert calc.Terms.of(maintenance_rate=0.005).rules.id == "given"
    bybit = calc.Terms.of(venue="bybit", maintenance_rate=0.005, maintenance_amount=50.0, taker=0.001)
    assert (bybit.rules.id, float(bybit.term["reserve_fee"])) == ("bybit", 0.001)
    assert [float(bybit.tiers[0][name]) for name in ("rate", "amount")] == [0.005, 50.0]


def test_an_inverse_contract_of_a_house_is_found_at_its_other_venue() -> None:
    assert calc.Terms.of(venue="binance", inverse=True).rules.id == "binance-coin"


def test_a_venue_file_without_contracts_is_enough_where_the_rate_is_given(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'name = "Own"\n[rules]\nopening_fee_pocket = "wallet"\nfunding_pocket = "margin"\nstrict = false\n'
        'liquidation_style = "bankruptcy"\nlower_leverage = true\nwhole_leverage = true\norder_limit = 10\n'
        'maintenance_basis = "entry"\n',
        encoding="utf-8",
    )
    terms = calc.Terms.of(venue=str(own), maintenance_rate=0.01)
    position = calc.Position.opened("long", 1.0, 100.0, terms=terms, leverage=10)
    assert calc.liquidation_price(position) == pytest.approx(91.0)  # 100 x (1 - 0.1 + 0.01)
    with pytest.raises(UsageError):
        calc.Terms.of(venue=str(own))


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"maintenance_amount": 5.0}, "goes with a maintenance rate"),
        ({"maintenance_rate": 5.0}, "no fraction below 1"),
        ({"maintenance_rate": 0.01, "maintenance_amount": -1.0}, "maintenance amount of -1"),
        ({"maintenance_rate": 0.01, "taker": 1.5}, "taker fee of 1.5"),
        ({"maintenance_rate": 0.01, "date": "2021-01-01"}, "name one of them"),
        ({"symbol": "BTCUSDT", "inverse": True}, "is linear"),
        ({"venue": "binanze"}, "did you mean 'binance'"),
    ],
)
def test_terms_that_contradict_themselves_are_wrong_use(named: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        calc.Terms.of(**named)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "venue"),
    [
        ("Binance USDⓈ-M", "binance"),
        ("BINANCE COIN-M", "binance-coin"),
        ("binance-coin", "binance-coin"),
        ("Bybit", "bybit"),
        ("OKEx", "okx"),
        ("Gate.io", "gate"),
        ("KuCoin Futures", "kucoin"),
        ("kucoinfutures", "kucoin"),
        ("gateio", "gate"),
        ("binanceusdm", "binance"),
        ("binancecoinm", "binance-coin"),
        ("dYdX v4", "dydx"),
        ("HyperLiquid", "hyperliquid"),
        ("my/Own.toml", "my/Own.toml"),
        ("binancee", "binancee"),
    ],
)
def test_a_venue_is_known_by_its_id_and_its_name_in_any_case(text: str, venue: str) -> None:
    assert venue_named(text) == venue


def test_a_contract_type_is_linear_inverse_or_blank() -> None:
    assert [is_inverse(text) for text in ("linear", "INVERSE", "coin-m", " ")] == [False, True, True, None]
    assert not any(is_inverse(text) for text in ("USDT-M", "usdm", "USDⓈ-M", "USD-margined", "linear perpetual"))
    assert all(is_inverse(text) for text in ("COINM", "coin_m", "coin-margined", "inverse perpetual", "inverse-form"))


@pytest.mark.parametrize("text", ["quanto", "USD", "perpetual", "USDT inverse"])
def test_a_contract_type_that_says_neither_or_both_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match=f"contract_type is '{text}'"):
        is_inverse(text)


def test_a_maintenance_amount_of_nothing_goes_without_a_rate() -> None:
    assert calc.Terms.of(venue="binance", maintenance_amount=0.0).tiers[1]["amount"] == pytest.approx(300.0)
