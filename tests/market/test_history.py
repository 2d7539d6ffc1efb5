"""Several series on one clock: nothing invented, everything that stands in for something else named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from backtest.clock import DAY_NS, HOUR_NS, moment_ns
from backtest.enums import PriceSource
from backtest.errors import MarketDataError, UsageError
from backtest.market.history import CLOSE, LOW, MARK_CLOSE, MARK_LOW, MarketHistory
from backtest.market.series import SeriesKind
from tests.market.making import BASE_NS, BTC, ETH, bars, contract, funding

MARK = SeriesKind.MARK


def history(*series: object, **options: object) -> MarketHistory:
    rates = [part for part in series if hasattr(part, "rate")]
    prices = [part for part in series if not hasattr(part, "rate")]
    symbols = dict.fromkeys(part.symbol for part in prices)
    return MarketHistory.from_series([contract(symbol) for symbol in symbols], prices, rates, **options)


def test_without_a_range_it_begins_where_all_have_begun_and_ends_where_one_ends() -> None:
    both = history(bars([100] * 10), bars([50] * 10, symbol=ETH, hours=range(2, 12)))
    assert both.start_ns == BASE_NS + 2 * HOUR_NS
    assert both.length == 8
    assert both.holes == ()


def test_a_range_is_cut_to_whole_decision_bars() -> None:
    cut = history(bars([100] * 24), timeframe_ns=4 * HOUR_NS, start_ns=BASE_NS + HOUR_NS, end_ns=BASE_NS + 15 * HOUR_NS)
    assert (cut.start_ns, cut.length) == (BASE_NS + 4 * HOUR_NS, 8)


def test_a_missing_bar_is_nan_in_all_its_columns_and_listed() -> None:
    found = history(bars([100, 101, 102], hours=[0, 3, 4]), bars([100] * 5, kind=MARK))
    assert np.isnan(found.prices[0, :5]).all(axis=0).tolist() == [False, True, True, False, False]
    assert not np.isnan(found.prices[0, 5:]).any()
    assert [(hole.kind, hole.first_bar, hole.bars) for hole in found.holes] == [(SeriesKind.OHLCV, 1, 2)]
    assert "BTC/USDT:USDT: 2 ohlcv bars are missing in 1 stretch: 2024-03-01 01:00 (2 bars)" in found.notes


def test_a_mark_with_a_hole_keeps_it() -> None:
    found = history(bars([100] * 4), bars([100, 100, 100], kind=MARK, hours=[0, 1, 3]))
    assert np.isnan(found.prices[0, MARK_CLOSE]).tolist() == [False, False, True, False]
    assert [hole.kind for hole in found.holes] == [MARK]


def test_without_a_mark_the_index_stands_in_and_without_that_the_last_price() -> None:
    index = history(bars([100] * 3), bars([99] * 3, kind=SeriesKind.INDEX))
    assert index.prices[0, MARK_CLOSE].tolist() == [99] * 3
    assert any("index price stands in" in note for note in index.notes)
    last = history(bars([100] * 3))
    assert last.prices[0, MARK_LOW].tolist() == last.prices[0, LOW].tolist()
    assert any("no mark series, the last price stands in" in note for note in last.notes)


def test_judged_on_last_the_mark_is_not_used_and_the_notes_say_so() -> None:
    found = history(bars([100] * 3), bars([90] * 3, kind=MARK), judge=PriceSource.LAST)
    assert found.prices[0, MARK_CLOSE].tolist() == [100] * 3
    assert any("liquidated on the last price, as asked" in note for note in found.notes)


def test_funding_settles_at_its_stamp_and_one_inside_a_bar_at_the_next_open() -> None:
    found = history(bars([100] * 24), funding([0, 8, 16.5]))
    assert found.funding["bar"].tolist() == [0, 8, 17]
    assert any("1 funding stamps lie inside a 1h bar" in note for note in found.notes)


def test_several_settlements_inside_a_daily_bar_all_settle_at_the_next_open() -> None:
    found = history(bars([100] * 3, interval_ns=DAY_NS), funding([8, 16, 24, 32]))
    assert found.funding["bar"].tolist() == [1, 1, 1, 2]


def test_funding_is_sorted_by_bar_and_then_by_leg() -> None:
    found = history(bars([100] * 24), bars([50] * 24, symbol=ETH), funding([0, 8, 16]), funding([0, 8, 16], symbol=ETH))
    assert found.funding["bar"].tolist() == [0, 0, 8, 8, 16, 16]
    assert found.funding["leg"].tolist() == [0, 1] * 3


def test_missing_funding_is_said() -> None:
    assert any("no funding in the range" in note for note in history(bars([100] * 3)).notes)
    late = history(bars([100] * 48), funding([24, 32, 40]))
    assert any("funding is known from 2024-03-02 00:00" in note for note in late.notes)


def test_funding_can_be_switched_off_or_set() -> None:
    found = history(bars([100] * 24), funding([0, 8, 16]))
    assert found.with_funding(0.0).funding["rate"].tolist() == [0.0] * 3
    assert "funding is left out, as asked" in found.with_funding(0.0).notes
    assert history(bars([100] * 24)).with_funding(0.0003).funding["bar"].tolist() == [0, 8, 16]


def test_fees_can_be_replaced() -> None:
    changed = history(bars([100] * 3)).with_fees(taker=0.001)
    assert (changed.contracts[0].taker, changed.contracts[0].maker) == (0.001, 0.0002)
    assert any("taker fee 0.001" in note for note in changed.notes)


def test_a_range_beyond_the_bars_is_refused() -> None:
    with pytest.raises(MarketDataError, match=r"goes beyond the bars there are, 2024-03-01 00:00..2024-03-01 03:00"):
        history(bars([100] * 3), end_ns=BASE_NS + 5 * HOUR_NS)


def test_series_that_do_not_overlap_are_refused() -> None:
    with pytest.raises(MarketDataError, match="do not overlap"):
        history(bars([100] * 3), bars([50] * 3, symbol=ETH, hours=range(5, 8)))


def test_two_intervals_have_no_common_clock() -> None:
    with pytest.raises(MarketDataError, match="bars of 1h, 4h"):
        history(bars([100] * 8), bars([50] * 2, symbol=ETH, interval_ns=4 * HOUR_NS))


def test_a_timeframe_that_is_no_multiple_is_refused() -> None:
    with pytest.raises(UsageError, match="is no multiple of the base bar"):
        history(bars([100] * 12), timeframe_ns=HOUR_NS * 3 // 2)


def test_a_part_has_its_own_clock_funding_and_holes() -> None:
    whole = history(bars([100] * 20 + [101] * 2, hours=[*range(20), 22, 23]), funding([0, 8, 16]))
    part = whole.between(BASE_NS + 4 * HOUR_NS, BASE_NS + 22 * HOUR_NS)
    assert (part.length, part.time_ns(0)) == (18, BASE_NS + 4 * HOUR_NS)
    assert part.funding["bar"].tolist() == [4, 12]
    assert [(hole.first_bar, hole.bars) for hole in part.holes] == [(16, 2)]


def test_the_fingerprint_changes_with_anything_that_changes_a_result() -> None:
    base = history(bars([100] * 24), funding([8])).fingerprint
    assert base == history(bars([100] * 24), funding([8])).fingerprint
    assert base != history(bars([100] * 23 + [100.1]), funding([8])).fingerprint
    assert base != history(bars([100] * 24), funding([9])).fingerprint
    assert base != history(bars([100] * 24), funding([8])).with_fees(maker=0.0).fingerprint
    assert base != history(bars([100] * 24), funding([8]), timeframe_ns=2 * HOUR_NS).fingerprint


def test_tables_go_in_and_out() -> None:
    made = history(bars([100, 101, 102]))
    frame = made.frame(BTC)
    assert str(frame.index.dtype) == "datetime64[ns, UTC]"
    again = MarketHistory.from_frames([contract()], {BTC: frame}, mark={BTC: frame.assign(close=frame["close"] + 0.5)})
    assert again.prices[0, CLOSE].tolist() == [100, 101, 102]
    assert again.prices[0, MARK_CLOSE].tolist() == [100.5, 101.5, 102.5]
    with pytest.raises(UsageError, match="has no time zone"):
        MarketHistory.from_frames([contract()], {BTC: frame.tz_localize(None)})
    with pytest.raises(UsageError, match="lacks volume"):
        MarketHistory.from_frames([contract()], {BTC: frame.drop(columns="volume")})


def test_microseconds_of_pandas_are_converted_not_cast() -> None:
    frame = history(bars([100, 101, 102])).frame(BTC)
    frame.index = frame.index.as_unit("us")
    rates = pd.Series([0.0001], index=pd.DatetimeIndex(["2024-03-01 01:00"], tz="UTC").as_unit("s"))
    again = MarketHistory.from_frames([contract()], {BTC: frame}, funding={BTC: rates})
    assert again.start_ns == BASE_NS
    assert again.funding["bar"].tolist() == [1]


def test_a_moment_is_found_and_an_unknown_symbol_answered() -> None:
    made = history(bars([100] * 24))
    assert made.bar_at("2024-03-01T05:59") == 5
    with pytest.raises(UsageError, match="lies outside"):
        made.bar_at(moment_ns("2024-03-02"))
    with pytest.raises(UsageError, match="did you mean 'BTC/USDT:USDT'"):
        made.leg("BTC/USDT:USD")


def test_prices_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        history(bars([100] * 3)).prices[0, 0, 0] = 1
