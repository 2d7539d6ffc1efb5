"""Leverage tiers out of JSON and CSV, under the names that exchanges and ccxt use."""

from __future__ import annotations

import json
from math import inf
from pathlib import Path

import pytest

from backtest.clock import moment_ns
from backtest.errors import MarketDataError, UsageError
from data.tier_files import tables

BTC = "BTC/USDT:USDT"
CCXT = [
    {"tier": 1, "minNotional": 0, "maxNotional": 50_000, "maintenanceMarginRate": 0.004, "maxLeverage": 125},
    {"tier": 2, "minNotional": 50_000, "maxNotional": 9.3e18, "maintenanceMarginRate": 0.005, "maxLeverage": 100},
]


def written(folder: Path, document: object, name: str = "tiers.json") -> Path:
    path = folder / name
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.parametrize("document", [CCXT, {BTC: CCXT}, {"tiers": {BTC: CCXT}}])
def test_ccxts_shape_is_read_wherever_it_stands(tmp_path: Path, document: object) -> None:
    (table,) = tables(written(tmp_path, document), BTC, moment_ns("2024-02-29"))
    assert table.valid_from_ns == moment_ns("2024-02-29")
    assert [(tier.cap, tier.rate, tier.amount) for tier in table.tiers] == [(50_000, 0.004, 0), (inf, 0.005, 50)]


def test_a_date_in_the_file_is_used(tmp_path: Path) -> None:
    (table,) = tables(written(tmp_path, {"date": "2022-07-03", "tiers": {BTC: CCXT}}), BTC, None)
    assert table.valid_from_ns == moment_ns("2022-07-03")


def test_a_csv_may_hold_tables_of_several_dates(tmp_path: Path) -> None:
    rows = ["valid_from,cap,rate,leverage"]
    rows += ["2024-01-01,50000,0.004,125", "2024-06-01,60000,0.004,125", "2024-01-01,90000,0.01,50"]
    first, second = tables(written(tmp_path, "\n".join(rows), "tiers.csv"), BTC, None)
    assert [tier.cap for tier in first.tiers] == [50_000, 90_000]
    assert second.valid_from_ns == moment_ns("2024-06-01")


def test_tiers_without_a_date_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--valid-from"):
        tables(written(tmp_path, CCXT), BTC, None)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"BTC/USDT:USD": CCXT}, "did you mean 'BTC/USDT:USD'"),
        ([{"maxNotional": 1, "maxLeverage": 5}], "tier 1 has no rate"),
        ([], "no tier in it"),
        ("{", "no JSON"),
        ([{**CCXT[0], "maxLeverage": "many"}], "leverage 'many' is no number"),
        ([CCXT[0], {**CCXT[1], "maintenanceMarginRate": 0.003}], "rate does not rise"),
    ],
)
def test_what_is_no_table_of_tiers_is_refused(tmp_path: Path, document: object, said: str) -> None:
    with pytest.raises(MarketDataError, match=said):
        tables(written(tmp_path, document), BTC, 0)
