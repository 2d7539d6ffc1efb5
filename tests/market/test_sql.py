"""SQL over the store: the rows as they are stored, any SELECT and nothing else, answers to mistakes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import backtest as bt
from backtest.clock import MINUTE_NS
from backtest.errors import MarketDataError, UsageError
from backtest.market.contract import TierTable
from backtest.market.key import SeriesKey
from backtest.market.series import SeriesKind
from backtest.market.sql import connect, select
from backtest.market.store import Store
from tests.market.making import BTC, ETH, bars, funding

HOURS = [100.0 + hour for hour in range(48)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(root=tmp_path / "the user's store")
    made.write(bars(HOURS))
    made.write(bars([5.0, 6.0], symbol=ETH, interval_ns=MINUTE_NS))
    made.write(bars([7.0], kind=SeriesKind.MARK))
    made.write(funding([0, 8, 16], rate=0.0003))
    return made


def rows(store: Store, query: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in select(store, query).read_all().to_pylist()]


def test_a_symbols_bars_are_found_by_its_columns(store: Store) -> None:
    asked = f"select close, volume from ohlcv where symbol = '{BTC}' and timeframe = '1h' order by time"
    assert rows(store, asked) == [(close, 5.0) for close in HOURS]
    assert rows(store, "select distinct venue, symbol, timeframe from ohlcv order by all") == [
        ("binance", BTC, "1h"),
        ("binance", ETH, "1m"),
    ]


def test_times_are_utc(store: Store) -> None:
    asked = f"select close from ohlcv where symbol = '{BTC}' and time = '2024-03-01 05:00'"
    assert rows(store, asked) == [(105.0,)]
    day = "strftime(date_trunc('day', time), '%Y-%m-%d')"
    days = f"select {day}, max(close) from ohlcv where symbol = '{BTC}' group by 1"
    assert rows(store, f"{days} order by 1") == [("2024-03-01", 123.0), ("2024-03-02", 147.0)]


def test_every_kind_has_its_view_though_nothing_is_stored(store: Store) -> None:
    assert rows(store, "select close from mark") == [(7.0,)]
    assert rows(store, "select close from index") == []
    assert rows(store, "select venue, symbol, sum(rate)::decimal(9,4)::varchar from funding group by all") == [
        ("binance", BTC, "0.0009")
    ]


def test_tiers_are_those_that_a_run_would_use(store: Store) -> None:
    shipped = "select rate, leverage from tiers where symbol = 'BTC/USDT:USDT' order by time, floor limit 1"
    assert rows(store, shipped) == [(0.004, 125.0)]
    store.write(bars(HOURS, symbol="XYZ/USDT:USDT"))
    table = TierTable.from_rungs(0, [(50_000, 0.01, 50), (90_000, 0.02, 20)], "mine")
    store.write_tiers("binance", "XYZ/USDT:USDT", [table])
    asked = "select floor, cap, rate, leverage, source from tiers where symbol like 'XYZ%' order by floor"
    assert rows(store, asked) == [(0.0, 50_000.0, 0.01, 50.0, "mine"), (50_000.0, 90_000.0, 0.02, 20.0, "mine")]


def test_contracts_have_their_steps(store: Store) -> None:
    assert rows(store, f"select tick > 0, lot > 0, time is null from contracts where symbol = '{BTC}'") == [
        (True, True, True)
    ]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select * from ohclv", "there is no view 'ohclv'; did you mean 'ohlcv'"),
        ("select closs from ohlcv", 'Referenced column "closs" not found'),
        ("selec 1", 'syntax error at or near "selec"'),
        ("", "a query is one SELECT"),
        ("select 1; select 2", "a query is one SELECT"),
        ("drop view ohlcv", "a query is one SELECT"),
        ("copy (select 1) to 'x.csv'", "a query is one SELECT"),
        ("set threads = 1", "a query is one SELECT"),
        (f"select * from read_text('{__file__}')", "a query sees the stored series only"),
    ],
)
def test_a_mistake_is_answered_in_one_line(store: Store, query: str, said: str) -> None:
    with pytest.raises(UsageError) as told:
        rows(store, query)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_a_damaged_file_is_named(store: Store) -> None:
    key = SeriesKey(venue="binance", symbol=ETH, kind=SeriesKind.OHLCV, interval_ns=MINUTE_NS)
    (path,) = store.files(key)
    rows(store, "select 1")  # the catalogue is made
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"\0" * (len(whole) - len(whole) // 2))
    with pytest.raises(MarketDataError, match=r"2024-03\.parquet"):
        rows(store, "select * from ohlcv")


def test_a_notebook_gets_a_table_or_a_connection(store: Store) -> None:
    frame = bt.sql("select time, close from ohlcv where timeframe = '1m' order by time", store=store.root)
    assert frame["close"].tolist() == [5.0, 6.0]
    assert str(frame["time"].dt.tz) == "UTC"
    assert connect(store).sql("select count(*) from ohlcv").fetchall() == [(50,)]


def test_without_duckdb_the_extra_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(UsageError, match=r"pip install 'isomargin\[sql\]'"):
        rows(store, "select 1")


def test_duckdb_is_imported_only_when_asked() -> None:
    script = "import sys; import backtest.market.sql; assert 'duckdb' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
