"""`load`: from the store to the history of a run, with everything that stands in for something named."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from backtest.clock import DAY_NS, HOUR_NS, MINUTE_NS, moment_ns, time_text
from backtest.enums import PriceSource
from backtest.errors import MarketDataError, UsageError
from backtest.market.contract import TierTable
from backtest.market.history import CLOSE, MARK_CLOSE
from backtest.market.key import SeriesKey
from backtest.market.loading import load
from backtest.market.series import SeriesKind
from backtest.market.store import Store
from tests.market.making import BASE_NS, BTC, ETH, bars, funding

MARK = SeriesKind.MARK
DAYS = [100.0 + hour % 7 for hour in range(72)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(root=tmp_path / "store")
    made.write(bars(DAYS))
    made.write(bars([price + 0.5 for price in DAYS], kind=MARK))
    made.write(funding(range(0, 72, 8)))
    return made


def test_any_form_of_a_symbol_loads(store: Store) -> None:
    for name in (BTC, "BTCUSDT", "btc-perp"):
        assert load("binance", name, "1h", store=store).symbols == (BTC,)


def test_a_store_may_be_a_path_or_the_workspaces_own(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load("binance", [BTC], "1h", store=str(store.root)).length == 72
    monkeypatch.chdir(store.root.parent)
    assert load("binance", [BTC], "1h").length == 72


def test_a_range_is_exclusive_at_its_end(store: Store) -> None:
    day = load("binance", [BTC], "1h", start="2024-03-02", end="2024-03-03", store=store)
    assert (day.start_ns, day.length) == (BASE_NS + DAY_NS, 24)
    assert day.funding["bar"].tolist() == [0, 8, 16]
    with pytest.raises(UsageError, match="exclusive"):
        load("binance", [BTC], "1h", start="2024-03-02", end="2024-03-02", store=store)


@pytest.mark.parametrize("start", ["1d", timedelta(days=1)])
def test_a_span_reaches_back_from_the_end(store: Store, start: str | timedelta) -> None:
    assert load("binance", [BTC], "1h", start=start, store=store).start_ns == BASE_NS + 2 * DAY_NS
    ended = load("binance", [BTC], "1h", start=start, end="2024-03-03", store=store)
    assert ended.start_ns == BASE_NS + DAY_NS


def test_longer_bars_are_made_of_stored_shorter_ones(store: Store) -> None:
    four = load("binance", [BTC], "4h", store=store)
    assert (four.interval_ns, four.length) == (4 * HOUR_NS, 18)
    assert four.prices[0, 3, 0] == DAYS[3]


def test_decisions_may_be_coarser_than_the_bars_that_are_walked(store: Store) -> None:
    detailed = load("binance", [BTC], "4h", detail_timeframe="1h", store=store)
    assert (detailed.interval_ns, detailed.timeframe_ns, detailed.length) == (HOUR_NS, 4 * HOUR_NS, 72)


def test_an_hourly_mark_is_no_mark_for_minutes(store: Store) -> None:
    store.write(bars([100] * 120, interval_ns=MINUTE_NS))
    minutes = load("binance", [BTC], "1m", store=store)
    assert any("no mark series, the last price stands in" in note for note in minutes.notes)


def test_judged_on_last(store: Store) -> None:
    judged = load("binance", [BTC], "1h", store=store, judge=PriceSource.LAST)
    assert judged.prices[0, MARK_CLOSE].tolist() == DAYS


def test_an_unstored_symbol_says_what_is_stored_and_how_to_import(store: Store) -> None:
    with pytest.raises(MarketDataError, match=r"stored are BTC/USDT:USDT; import them: backtest data import"):
        load("binance", [ETH], "1h", store=store)
    with pytest.raises(UsageError, match=r"did you mean 'BTC/USDT:USDT'"):
        load("binance", ["BTC/USTD:USDT"], "1h", store=store)


def test_an_unstored_interval_says_which_are_stored(store: Store) -> None:
    with pytest.raises(MarketDataError, match=r"no 1m bars .* stored are 1h 2024-03-01 00:00..2024-03-04 00:00"):
        load("binance", [BTC], "1m", store=store)


def test_an_unknown_venue_is_answered(store: Store) -> None:
    with pytest.raises(UsageError, match="did you mean 'binance'"):
        load("binanc", [BTC], "1h", store=store)


def test_tiers_younger_than_the_bars_are_named_and_refused_when_strict(tmp_path: Path) -> None:
    old = Store(root=tmp_path)
    old.write(bars(DAYS, hours=range(-40_000, -39_928)))
    loaded = load("binance", [BTC], "1h", store=old)
    assert any("leverage tiers of 2022-07-03, the earliest known, stand in" in note for note in loaded.notes)
    with pytest.raises(MarketDataError, match="without --strict"):
        load("binance", [BTC], "1h", store=old, strict_tiers=True)
    table = TierTable.from_rungs(moment_ns("2019-01-01"), [(50_000, 0.004, 125)], "mine")
    old.write_tiers("binance", BTC, [table])
    strict = load("binance", [BTC], "1h", store=old, strict_tiers=True)
    assert strict.contracts[0].tiers_at(strict.start_ns) == table


def test_imported_tiers_make_an_unknown_contract_usable_and_what_is_assumed_is_not_hidden(tmp_path: Path) -> None:
    own = Store(root=tmp_path)
    own.write(bars(DAYS, symbol="XYZ/USDT:USDT"))
    with pytest.raises(UsageError, match="import its leverage tiers"):
        load("binance", ["XYZUSDT"], "1h", store=own)
    own.write_tiers("binance", "XYZ/USDT:USDT", [TierTable.from_rungs(0, [(50_000, 0.01, 50)], "mine")])
    contract = load("binance", ["XYZUSDT"], "1h", store=own).contracts[0]
    assert any("assumed" in source for source in contract.sources)


def test_the_sample_market_is_made_at_first_use(tmp_path: Path) -> None:
    first = load("sample", ["ETHUSDT"], "1h", start="2025-01-01", end="2025-02-01", store=tmp_path)
    assert first.synthetic
    assert first.notes == ("synthetic market, seed 7: no real prices",)
    assert first.length == 31 * 24
    assert not np.isnan(first.prices).any()
    assert load("sample", ["ETHUSDT"], "1h", start="2025-01-01", end="2025-02-01", store=tmp_path).fingerprint == (
        first.fingerprint
    )
    with pytest.raises(UsageError, match="the sample market has no 'XRP/USDT:USDT'"):
        load("sample", ["XRPUSDT"], "1h", store=tmp_path)


def test_loading_imports_nothing_heavy() -> None:
    script = (
        "import sys; import backtest.market.loading\n"
        "heavy = {'matplotlib', 'vectorbt', 'ccxt', 'rich', 'pandas', 'numba'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_months_are_put_side_by_side_and_what_is_missing_between_them_is_a_hole(tmp_path: Path) -> None:
    store = Store(root=tmp_path)
    hours = [*range(700, 740), *range(750, 800)]  # March has 744 hours: the last 4 and April's first 6 are missing
    prices = [100.0 + hour % 9 for hour in hours]
    store.write(bars(prices, hours=hours))
    assert len(store.files(SeriesKey(venue="binance", symbol=BTC, kind=SeriesKind.OHLCV, interval_ns=HOUR_NS))) == 2
    history = load("binance", [BTC], "1h", store=store)
    closes = history.prices[0, CLOSE]
    assert history.length == 100
    assert closes[~np.isnan(closes)].tolist() == prices
    assert np.flatnonzero(np.isnan(history.prices).all(axis=(0, 1))).tolist() == list(range(40, 50))
    assert [(hole.kind, hole.first_bar, hole.bars) for hole in history.holes] == [(SeriesKind.OHLCV, 40, 10)]


def test_a_range_may_reach_beyond_the_bars_of_one_of_its_symbols(tmp_path: Path) -> None:
    store = Store(root=tmp_path)
    store.write(bars(DAYS))
    store.write(bars(DAYS[:24], symbol=ETH, hours=range(24, 48)))
    both = load("binance", [BTC, ETH], "1h", start="2024-03-01", end="2024-03-04", store=store)
    missing = np.isnan(both.prices[1, CLOSE])
    assert np.flatnonzero(~missing).tolist() == list(range(24, 48))
    assert [(hole.first_bar, hole.bars) for hole in both.holes] == [(0, 24), (48, 24)]


def test_bars_longer_than_a_day_are_made_across_the_edge_of_a_month(tmp_path: Path) -> None:
    store = Store(root=tmp_path)
    store.write(bars([100.0 + hour for hour in range(24 * 40)]))  # from Friday 1 March to 9 April
    weeks = load("binance", [BTC], "1w", store=store)
    assert time_text(weeks.start_ns) == "2024-03-04 00:00"
    assert weeks.prices[0, CLOSE].tolist() == [100.0 + 24 * day - 1 for day in (10, 17, 24, 31, 38)]


def test_a_longer_bar_that_lacks_one_of_its_shorter_ones_does_not_appear(tmp_path: Path) -> None:
    store = Store(root=tmp_path)
    store.write(bars(DAYS[:23], hours=[hour for hour in range(24) if hour != 9]))
    four = load("binance", [BTC], "4h", store=store)
    assert np.isnan(four.prices[0, CLOSE]).tolist() == [False, False, True, False, False, False]
    assert [(hole.first_bar, hole.bars) for hole in four.holes] == [(2, 1)]


def test_of_several_stored_intervals_the_longest_that_has_the_range_is_taken(store: Store) -> None:
    store.write(bars([50.0] * 60 * 24, interval_ns=MINUTE_NS, hours=range(5 * 1440, 6 * 1440)))  # 6 March, by minutes
    assert (
        load("binance", [BTC], "1h", start="2024-03-02", end="2024-03-03", store=store).prices[0, CLOSE, 0] == DAYS[24]
    )
    later = load("binance", [BTC], "1h", start="2024-03-06", end="2024-03-07", store=store)
    assert (later.length, later.prices[0, CLOSE, 0]) == (24, 50.0)


def test_a_file_of_the_wrong_month_is_refused(store: Store) -> None:
    key = SeriesKey(venue="binance", symbol=BTC, kind=SeriesKind.OHLCV, interval_ns=HOUR_NS)
    (path,) = store.files(key)
    path.with_name("2024-04.parquet").write_bytes(path.read_bytes())
    with pytest.raises(MarketDataError, match="holds bars of another month"):
        load("binance", [BTC], "1h", store=store)


def test_the_mark_is_not_read_where_the_last_price_judges(store: Store) -> None:
    key = SeriesKey(venue="binance", symbol=BTC, kind=MARK, interval_ns=HOUR_NS)
    (path,) = store.files(key)
    path.write_bytes(b"not read")
    assert load("binance", [BTC], "1h", store=store, judge=PriceSource.LAST).length == 72
    with pytest.raises(MarketDataError, match="is damaged"):
        load("binance", [BTC], "1h", store=store)


def test_a_history_takes_little_more_memory_than_its_prices(tmp_path: Path) -> None:
    store = Store(root=tmp_path)
    count = 1440 * 90
    for kind in (SeriesKind.OHLCV, MARK):
        store.write(bars([100.0] * count, kind=kind, interval_ns=MINUTE_NS))
    load("binance", [BTC], "1m", end="2024-03-02", store=store)  # what is imported at first use
    tracemalloc.start()
    history = load("binance", [BTC], "1m", store=store)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert history.prices.nbytes == count * 9 * 8
    assert most < 2 * history.prices.nbytes
