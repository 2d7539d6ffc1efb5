"""freqtrade's feather layout: the name says what it is, stamps lose their jitter."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import feather

from backtest.clock import HOUR_NS, moment_ns
from backtest.errors import MarketDataError, UsageError
from backtest.market.loader import FileRequest
from backtest.market.series import Bars, FundingRates, SeriesKind
from data.freqtrade_files import FreqtradeFiles

BASE_NS = moment_ns("2021-11-18")


def written(folder: Path, name: str, stamps: list[int], **columns: list[float | None]) -> Path:
    table = {"date": pa.array(stamps).cast(pa.timestamp("ns", tz="UTC"))}
    for column in ("open", "high", "low", "close", "volume"):
        table[column] = pa.array(columns.get(column, [1.0] * len(stamps)), pa.float64())
    feather.write_feather(pa.table(table), folder / name)
    return folder / name


def test_the_name_says_symbol_kind_and_interval(tmp_path: Path) -> None:
    path = written(tmp_path, "XRP_USDT_USDT-1h-mark.feather", [BASE_NS, BASE_NS + HOUR_NS], volume=[None, None])
    bars = FreqtradeFiles().read(path, FileRequest(venue="binance")).series
    assert isinstance(bars, Bars)
    assert (bars.symbol, bars.kind, bars.interval_ns) == ("XRP/USDT:USDT", SeriesKind.MARK, HOUR_NS)


def test_funding_is_in_the_open_column_with_jittered_stamps(tmp_path: Path) -> None:
    stamps = [BASE_NS + 17_000_000, BASE_NS + 8 * HOUR_NS + 7_000_000]
    path = written(tmp_path, "XRP_USDT_USDT-8h-funding_rate.feather", stamps, open=[0.0001, -0.0002], high=[0.0, 0.0])
    rates = FreqtradeFiles().read(path, FileRequest(venue="binance")).series
    assert isinstance(rates, FundingRates)
    assert rates.time_ns.tolist() == [BASE_NS, BASE_NS + 8 * HOUR_NS]
    assert rates.rate.tolist() == [0.0001, -0.0002]


def test_an_option_that_contradicts_the_name_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "XRP_USDT_USDT-1h-futures.feather", [BASE_NS, BASE_NS + HOUR_NS])
    with pytest.raises(UsageError, match="the name says XRP/USDT:USDT, the command BTC/USDT:USDT"):
        FreqtradeFiles().read(path, FileRequest(venue="binance", symbol="BTC/USDT:USDT"))


@pytest.mark.parametrize("name", ["XRP_USDT-1h.feather", "XRP_USDT_USDT-1h-premiumIndex.feather"])
def test_spot_and_unknown_files_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no name of freqtrade's futures data"):
        FreqtradeFiles().read(written(tmp_path, name, [BASE_NS]), FileRequest(venue="binance"))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "XRP_USDT_USDT-1h-futures.feather"
    path.write_bytes(b"ARROW1 and no more")
    with pytest.raises(MarketDataError, match="cannot be read as feather"):
        FreqtradeFiles().read(path, FileRequest(venue="binance"))
