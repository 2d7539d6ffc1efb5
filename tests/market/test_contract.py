"""Contracts and their dated leverage tiers."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest

from backtest.clock import moment_ns
from backtest.errors import MarketDataError
from backtest.market.contract import Tier, TierTable, records
from tests.market.making import BTC, ETH, contract

RUNGS = [(50_000, 0.004, 125), (250_000, 0.005, 100), (inf, 0.01, 50)]


def test_amounts_follow_from_the_rates() -> None:
    # 50,000 · (0.005 − 0.004) = 50; 50 + 250,000 · (0.01 − 0.005) = 1,300: Binance's own amounts for BTC in 2022
    assert [tier.amount for tier in TierTable.from_rungs(0, RUNGS, "test").tiers] == [0, 50, 1300]


def tier(**changes: float) -> Tier:
    return Tier(**({"floor": 0.0, "cap": 50_000.0, "rate": 0.004, "amount": 0.0, "leverage": 125.0} | changes))


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (tier(floor=60_000, cap=250_000, rate=0.005, amount=50, leverage=100), "leave no gap"),
        (tier(floor=50_000, cap=250_000, rate=0.004, amount=0, leverage=100), "rate does not rise"),
        (tier(floor=50_000, cap=250_000, rate=0.005, amount=50, leverage=150), "leverage rises"),
        (tier(floor=50_000, cap=250_000, rate=0.005, amount=60, leverage=100), "50 keeps the requirement"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(second: Tier, said: str) -> None:
    with pytest.raises(MarketDataError, match=said):
        TierTable(valid_from_ns=0, tiers=(tier(), second), source="test")


@pytest.mark.parametrize("wrong", [{"rate": 0.4e1}, {"rate": 0}, {"leverage": 0.5}, {"cap": 0}, {"amount": -1}])
def test_a_tier_that_is_no_tier_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(MarketDataError):
        tier(**wrong)


def test_the_table_of_the_date_holds_and_before_all_dates_the_first() -> None:
    first = TierTable.from_rungs(moment_ns("2022-07-03"), RUNGS, "first")
    second = TierTable.from_rungs(moment_ns("2023-03-31"), RUNGS, "second")
    both = replace(contract(), tier_tables=(first, second))
    assert both.tiers_at(moment_ns("2020-01-07")) is first
    assert both.tiers_at(moment_ns("2023-03-30T23:59")) is first
    assert both.tiers_at(moment_ns("2023-03-31")) is second


@pytest.mark.parametrize(
    "wrong", [{"tick": 0.0}, {"lot": -1.0}, {"taker": -0.1}, {"price_band": 0.0}, {"tier_tables": ()}]
)
def test_a_contract_that_is_no_contract_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(MarketDataError, match="BTC/USDT:USDT"):
        replace(contract(), **wrong)


def test_the_records_of_several_contracts_point_into_one_list_of_tiers() -> None:
    contracts, tables, tiers = records([contract(BTC), contract(ETH)])
    assert contracts["first_table"].tolist() == [0, 1]
    assert contracts["tables"].tolist() == [1, 1]
    assert tables["first"].tolist() == [0, 2]
    assert tables["tiers"].tolist() == [2, 2]
    assert tiers["amount"].tolist() == [0, 50, 0, 50]
    assert contracts["price_band"].tolist() == [inf, inf]
