"""`backtest data sql`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backtest.cli.main import status
from backtest.market.series import SeriesKind
from backtest.market.store import Store
from tests.market.making import bars, funding


@pytest.fixture
def held(workspace: Path) -> Path:
    store = Store(root=workspace / "store")
    store.write(bars([100.0 + hour for hour in range(48)]))
    store.write(bars([100.5], kind=SeriesKind.MARK))
    store.write(funding([0, 8]))
    return workspace


def test_a_table_for_people(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["data", "sql", "select time, close, symbol from mark"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "time              close  symbol",
        "2024-03-01 00:00  100.5  BTC/USDT:USDT",
    ]
    assert status(["data", "sql", "select close from ohlcv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (len(lines), lines[-1]) == (42, "(the first 40 rows; --csv or --json prints all)")
    assert status(["data", "sql", "select close from index"]) == 0
    assert capsys.readouterr().out == "close\n(no rows)\n"


def test_json_is_one_document(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "select time, rate, null as none, 'nan'::double as odd, 2::decimal(4,1) as n from funding order by time"
    assert status(["data", "sql", line, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema_version": 1,
        "columns": ["time", "rate", "none", "odd", "n"],
        "rows": [
            {"time": "2024-03-01 00:00", "rate": 0.0001, "none": None, "odd": None, "n": "2.0"},
            {"time": "2024-03-01 08:00", "rate": 0.0001, "none": None, "odd": None, "n": "2.0"},
        ],
    }


def test_csv_has_every_row(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["data", "sql", "select time, close from ohlcv order by time", "--csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (len(lines), lines[0], lines[1]) == (49, "time,close", "2024-03-01 00:00,100.0")


def test_mistakes_end_with_exit_code_2(held: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["data", "sql", "select * from ohlc"]) == 2
    assert "did you mean 'ohlcv'" in capsys.readouterr().err
    assert status(["data", "sql", "select 1", "--csv", "--json"]) == 2
    assert status(["data", "sql", "select 'a'::int from ohlcv"]) == 2
    assert "Could not convert" in capsys.readouterr().err


def test_an_empty_store_has_empty_views(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["data", "sql", "select count(*) as n from ohlcv"]) == 0
    assert capsys.readouterr().out == "n\n0\n"
