"""What a history says of its venue: tiers of another time, assumed ones, rules that change within the range."""

from __future__ import annotations

from pathlib import Path

import pytest

from backtest import venues
from backtest.clock import DAY_NS, moment_ns
from backtest.errors import MarketDataError
from backtest.market.contract import TierTable
from backtest.market.loading import load
from backtest.market.store import Store
from backtest.venues.terms import RunTerms
from tests.market.making import BASE_NS, bars

CLOSES = [100.0 + day % 7 for day in range(40)]


def stored(folder: Path, venue: str, first: str, symbol: str = "BTC/USDT:USDT") -> Store:
    """Forty days of daily bars of one symbol."""
    store = Store(root=folder / "store")
    begin = (moment_ns(first) - BASE_NS) // DAY_NS
    store.write(bars(CLOSES, venue=venue, symbol=symbol, hours=range(begin, begin + 40), interval_ns=DAY_NS))
    return store


def notes(store: Store, venue: str, symbol: str = "BTC") -> str:
    return "\n".join(load(venue, symbol, "1d", store=store).notes)


def refusal(store: Store, venue: str, symbol: str = "BTC") -> str:
    with pytest.raises(MarketDataError) as caught:
        load(venue, symbol, "1d", store=store, strict_tiers=True)
    return str(caught.value)


def test_tiers_younger_than_the_range_are_named_and_the_refusal_names_all_that_there_are(tmp_path: Path) -> None:
    store = stored(tmp_path, "binance", "2021-01-01")
    early = "leverage tiers of 2022-07-03, the earliest known, stand in for those of 2021-01-01 00:00..2021-02-10 00:00"
    assert early in notes(store, "binance")
    said = refusal(store, "binance")
    assert early in said
    assert (
        "tables are known of 2022-07-03, 2023-03-31, 2024-02-29, 2024-09-30, 2025-09-29; choose a range from then on, "
        "import others, or run without --strict"
    ) in said


def test_tiers_of_the_time_are_not_mentioned(tmp_path: Path) -> None:
    store = stored(tmp_path, "binance", "2023-05-01")
    assert "leverage tiers" not in notes(store, "binance")
    assert load("binance", "BTC", "1d", store=store, strict_tiers=True).length == 40


def test_tiers_last_seen_before_the_range_are_named(tmp_path: Path) -> None:
    store = stored(tmp_path, "okx", "2024-06-01", "ADA/USDT:USDT")
    assert "leverage tiers of 2023-11-02, the latest known, are taken to hold on" in notes(store, "okx", "ADA")
    assert "tables are known of 2021-06-11, 2023-05-19, 2023-10-31, 2023-11-02" in refusal(store, "okx", "ADA")


def test_assumed_tiers_are_named_and_refused(tmp_path: Path) -> None:
    store = stored(tmp_path, "okx", "2024-06-01", "SOL/USDT:USDT")
    said = "SOL/USDT:USDT: no leverage tiers of okx are known, assumed are the rates of ADA-USDT-SWAP"
    assert said in notes(store, "okx", "SOL")
    assert "import the venue's own (`backtest data import FILE --kind tiers`)" in refusal(store, "okx", "SOL")


def test_imported_tiers_of_the_time_satisfy_a_strict_run(tmp_path: Path) -> None:
    store = stored(tmp_path, "okx", "2024-06-01", "SOL/USDT:USDT")
    table = TierTable.from_rungs(moment_ns("2024-01-01"), [(1_000, 0.01, 50), (5_000, 0.02, 20)], "mine")
    store.write_tiers("okx", "SOL/USDT:USDT", [table])
    strict = load("okx", "SOL", "1d", store=store, strict_tiers=True)
    (used,) = strict.contracts[0].tier_tables
    assert ([tier.cap for tier in used.tiers], used.tiers[1].amount) == ([1_000, 5_000], 0)


def test_rules_that_change_within_the_range_are_named_and_those_of_its_start_hold(tmp_path: Path) -> None:
    store = stored(tmp_path, "bybit", "2025-08-15")
    history = load("bybit", "BTC", "1d", store=store)
    assert (
        "Bybit changed its rules on 2025-09-02 00:00, within the range (maintenance_basis, tier_unit, fee_reserve); "
        "those of the range's start hold throughout"
    ) in history.notes
    terms = RunTerms.of(history.venue, history.contracts, history.start_ns)
    assert terms.rules[0]["maintenance_basis"] == 1  # on the entry value


def test_rules_that_change_outside_the_range_are_not_mentioned(tmp_path: Path) -> None:
    assert "changed its rules" not in notes(stored(tmp_path, "bybit", "2025-10-01"), "bybit")


@pytest.mark.parametrize(("venue", "when"), [("gate", "2025-07-29 00:00"), ("bitget", "2025-11-10 08:00")])
def test_tiers_that_become_marginal_within_the_range_do_so_for_all_positions(
    venue: str, when: str, tmp_path: Path
) -> None:
    store = stored(tmp_path, venue, "2025-07-15" if venue == "gate" else "2025-10-20")
    said = notes(store, venue)
    assert f"leverage tiers are marginal from {when} on, for open positions too" in said
    assert "changed its rules" not in said


def test_what_a_venue_file_has_to_say_is_said(tmp_path: Path) -> None:
    store = stored(tmp_path, "dydx", "2025-08-01", "BTC/USDC:USDC")
    assert "dYdX v4: liquidation is judged on the mark price here, on the oracle price by the venue" in notes(
        store, "dydx"
    )


def test_fees_are_those_of_the_ranges_start(tmp_path: Path) -> None:
    store = stored(tmp_path, "bybit", "2022-12-15")
    assert load("bybit", "BTC", "1d", store=store).contracts[0].taker == 0.0006


def test_a_venue_of_ones_own_trades_the_history_of_the_one_that_it_extends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text('extends = "binance"\n[rules]\ntrigger_fee = 0.001\n', encoding="utf-8")
    store = stored(tmp_path, "binance", "2023-05-01")
    history = load("./mine.toml", "BTC", "1d", store=store)
    assert (history.venue, history.symbols) == ("./mine.toml", ("BTC/USDT:USDT",))
    Path("mine.toml").unlink()  # the history carries the rules
    assert RunTerms.of(history.venue, history.contracts, history.start_ns).rules[0]["trigger_fee"] == 0.001
    assert history.fingerprint != load("binance", "BTC", "1d", store=store).fingerprint


def test_a_bare_coin_is_the_venues_usual_contract(tmp_path: Path) -> None:
    store = stored(tmp_path, "binance-coin", "2023-05-01", "BTC/USD:BTC")
    assert load("binance-coin", "BTC", "1d", store=store).contracts[0].inverse
    assert venues.contract("binance-coin", "BTC").symbol == "BTC/USD:BTC"
