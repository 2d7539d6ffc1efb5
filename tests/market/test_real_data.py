"""Recorded history through the importer, the store and the checks: equal row by row, and the known faults found."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from backtest.cli.data import data
from backtest.cli.main import status
from backtest.clock import interval_ns, moment_ns
from backtest.market.catalogue import catalogue
from backtest.market.checks import check
from backtest.market.history import HIGH, LOW, MARK_HIGH, MARK_LOW
from backtest.market.key import SeriesKey
from backtest.market.loading import load
from backtest.market.series import SeriesKind
from backtest.market.store import Store

pytestmark = pytest.mark.real_data

NAME = re.compile(r"^(binance|hyperliquid)_([A-Z]+)(USDT|USDC)_(ohlcv|mark|funding)(?:_(1h|1m|2025))?\.parquet$")


@pytest.fixture(scope="module")
def store(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Every price and funding file of the folder, imported with the command line."""
    made = Store(root=tmp_path_factory.mktemp("real") / "store")
    for path in sorted(real_data.glob("*_*.parquet")):
        found = NAME.match(path.name)
        if found is None:
            continue
        venue, base, quote, kind, _ = found.groups()
        line = ["import", str(path), "--venue", venue, "--symbol", f"{base}/{quote}:{quote}", "--kind", kind]
        done = CliRunner().invoke(data, [*line, "--store", str(made.root)], catch_exceptions=False)
        assert done.exit_code == 0
    return made


def test_every_row_of_every_file_is_stored_as_it_was(store: Store, real_data: Path) -> None:
    seen = 0
    for path in sorted(real_data.glob("*_*.parquet")):
        found = NAME.match(path.name)
        if found is None:
            continue
        venue, base, quote, kind, interval = found.groups()
        symbol, table = f"{base}/{quote}:{quote}", pq.read_table(path)
        times = table["time"].to_numpy().view(np.int64)
        if kind == "funding":
            rates = store.funding(venue, symbol, int(times[0]), int(times[-1]) + 1)
            assert rates is not None
            assert np.array_equal(rates.time_ns, times)
            assert np.array_equal(rates.rate, table["funding_rate"].to_numpy())
        else:
            key = SeriesKey(
                venue=venue, symbol=symbol, kind=SeriesKind.from_text(kind), interval_ns=interval_ns(interval)
            )
            bars = store.bars(key)
            assert bars is not None
            assert np.array_equal(bars.time_ns, times)
            for name in ("open", "high", "low", "close"):
                assert np.array_equal(getattr(bars, name), table[name].to_numpy())
        seen += 1
    assert seen == 25


def test_the_known_faults_are_found(store: Store) -> None:
    texts = {
        (v.series.key.symbol, v.series.key.kind.value, f.text)
        for v in check(store, catalogue(store))
        for f in v.findings
    }
    said = "\n".join(" ".join(each) for each in texts)
    for symbol in ("BTC", "ETH", "XRP"):
        assert f"{symbol}/USDT:USDT mark frozen 2020-07-27 20:00 → 2020-07-27 21:00" in said
    for symbol in ("BTC", "ETH"):
        assert f"{symbol}/USDT:USDT mark begins 2019-12-23 11:00, later than the traded bars" in said
    assert "BTC/USDT:USDT ohlcv last far from mark at 2021-07-26 01:00: high 48168.6 last, 39744.8124 mark" in said
    assert "ETH/USDT:USDT ohlcv last far from mark at 2020-03-13 02:00: high 323 last, 119.4669011 mark" in said
    assert "ETH/USDT:USDT ohlcv last far from mark at 2021-05-19 13:00: low 1400.73 last, 1764.258181 mark" in said
    assert not any(kind != "funding" and text.startswith("gap") for _, kind, text in texts)


def test_funding_intervals_are_read_from_the_stamps(store: Store) -> None:
    hours = {
        (line.key.venue, line.key.symbol): (line.interval_ns or 0) // interval_ns("1h")
        for line in catalogue(store)
        if line.key.kind is SeriesKind.FUNDING
    }
    assert hours == {
        **{("binance", f"{base}/USDT:USDT"): 8 for base in ("BNB", "BTC", "ETH", "SOL", "XRP")},
        **{("hyperliquid", f"{base}/USDC:USDC"): 1 for base in ("BTC", "ETH", "SOL")},
    }


def test_a_volatility_index_is_no_price_file(
    real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["data", "import", str(real_data / "deribit_BTC_dvol_1d.parquet"), "--venue", "deribit", "--kind", "index"]
    assert status([*line, "--symbol", "BTC/USD:BTC", "--store", str(tmp_path)]) == 2
    assert "no column looks like 'open' (the file has time, dvol)" in capsys.readouterr().err


def test_the_gap_in_the_volatility_index_is_found(real_data: Path, tmp_path: Path) -> None:
    line = ["import", str(real_data / "deribit_BTC_dvol_1d.parquet"), "--venue", "deribit", "--kind", "index"]
    line += ["--symbol", "BTCDVOL/USD:BTC", "--map", "open=dvol,high=dvol,low=dvol,close=dvol"]
    runner = CliRunner()
    assert runner.invoke(data, [*line, "--store", str(tmp_path)], catch_exceptions=False).exit_code == 0
    done = runner.invoke(data, ["check", "--store", str(tmp_path)], catch_exceptions=False, standalone_mode=False)
    assert done.return_value == 3
    assert "gap 2025-11-11 00:00 → 2025-11-12 00:00 (1 bar)" in done.output


def test_the_range_of_the_main_job_loads_whole(store: Store) -> None:
    history = load(
        "binance", ["BTCUSDT", "ETHUSDT", "XRPUSDT"], "1h", start="2020-01-07", end="2022-05-01", store=store
    )
    assert history.length == 845 * 24  # 2020-01-07 to 2022-05-01: 360 + 365 + 120 days
    assert history.holes == ()
    assert not np.isnan(history.prices).any()
    assert all("leverage tiers of 2022-07-03" in note for note in history.notes)
    bar = history.bar_at(moment_ns("2021-07-26T01:00"))
    assert history.prices[0, HIGH, bar] == 48_168.6
    assert history.prices[0, MARK_HIGH, bar] == pytest.approx(39_744.8124)
    bar = history.bar_at("2021-05-19T13:00")
    assert (history.prices[1, LOW, bar], round(history.prices[1, MARK_LOW, bar], 2)) == (1400.73, 1764.26)
    funding = history.funding[history.funding["leg"] == 0]
    assert set(np.diff(funding["time_ns"])) == {8 * 3_600_000_000_000}


def test_freqtrades_files_are_read_by_their_names(real_data: Path, tmp_path: Path) -> None:
    store = Store(root=tmp_path)
    files = [str(path) for path in sorted((real_data / "freqtrade-format").glob("*.feather"))]
    line = ["import", *files, "--venue", "binance", "--store", str(store.root)]
    done = CliRunner().invoke(data, line, catch_exceptions=False)
    assert done.exit_code == 0
    assert re.search(r"funding  91 rows .*\d+ stamps up to 19 ms after the minute: floored to it", done.output)
    kept = {(line.key.kind.value, line.key.interval_ns): line.rows for line in catalogue(store)}
    hour = interval_ns("1h")
    assert kept == {
        ("funding", None): 91,
        ("mark", hour): 100,
        ("mark", 8 * hour): 91,
        ("ohlcv", hour): 100,
        ("ohlcv", interval_ns("5m")): 1999,
    }
    rates = store.funding("binance", "XRP/USDT:USDT")
    assert rates is not None
    assert not (rates.time_ns % (8 * hour)).any()
