"""Series are checked when made: each refusal names the row and its time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backtest.clock import HOUR_NS, MINUTE_NS, moment_ns
from backtest.errors import MarketDataError, UsageError
from backtest.market.series import FundingRates, SeriesKind
from tests.market.making import BASE_NS, bars, funding

GOOD = bars([100, 101, 102])


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ([0, 2, 1], r"row 2 \(2024-03-01 01:00\) comes after 2024-03-01 02:00"),
        ([0, 1, 1], r"2024-03-01 01:00 stands twice, in row 1 and row 2"),
    ],
)
def test_unsorted_and_repeated_rows_are_refused(hours: list[int], said: str) -> None:
    with pytest.raises(MarketDataError, match=said):
        bars([100, 101, 102], hours=hours)


def test_a_bar_off_the_grid_would_overlap_and_is_refused() -> None:
    with pytest.raises(MarketDataError, match=r"row 1 opens at 2024-03-01 01:30, off the grid"):
        replace(GOOD, time_ns=GOOD.time_ns + np.array([0, HOUR_NS // 2, 0]))


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
def test_a_price_that_is_no_positive_number_is_refused(column: str, value: float) -> None:
    wrong = getattr(GOOD, column).copy()
    wrong[1] = value
    with pytest.raises(MarketDataError, match=rf"{column} .* in row 1 \(2024-03-01 01:00\) is not a positive number"):
        replace(GOOD, **{column: wrong})


def test_a_high_below_the_close_and_a_low_above_it_are_refused() -> None:
    with pytest.raises(MarketDataError, match=r"row 2 .* lies below the bar's open or close"):
        replace(GOOD, high=np.array([102, 103, 101.5]))
    with pytest.raises(MarketDataError, match=r"row 0 .* lies above the bar's open or close"):
        replace(GOOD, low=np.array([100.5, 99, 99]))


def test_volume_is_needed_for_traded_bars_only() -> None:
    with pytest.raises(MarketDataError, match="volume nan in row 0"):
        replace(GOOD, volume=np.full(3, np.nan))
    assert np.isnan(bars([100, 101], kind=SeriesKind.MARK).volume).all()


def test_columns_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="read-only"):
        GOOD.close[0] = 1.0


def test_gaps_are_kept_and_listed() -> None:
    assert bars([100, 101, 102], hours=[0, 3, 4]).gaps == ((BASE_NS + HOUR_NS, 2),)


def test_a_longer_bar_appears_only_when_it_is_complete() -> None:
    # hours 1, 2, 3 | 4, 5, 6, 7 | 8: only the middle four make a whole 4 h bar
    joined = bars([101, 99, 103, 104, 102, 108, 105, 106], hours=range(1, 9)).resampled(4 * HOUR_NS)
    assert joined.time_ns.tolist() == [moment_ns("2024-03-01T04:00")]
    assert (joined.open[0], joined.high[0], joined.low[0], joined.close[0]) == (103, 109, 101, 105)
    assert joined.volume[0] == 20
    with pytest.raises(MarketDataError, match="no multiple"):
        GOOD.resampled(90 * MINUTE_NS)


def test_a_missing_bar_leaves_no_longer_bar() -> None:
    assert len(bars([100, 101, 102], hours=[0, 1, 3]).resampled(4 * HOUR_NS)) == 0


def test_funding_stamps_lose_their_jitter() -> None:
    jittered = funding([0, 8, 16])
    again = replace(jittered, time_ns=jittered.time_ns + np.array([17_000_000, 0, 7_000_000]))
    assert again.time_ns.tolist() == jittered.time_ns.tolist()


def test_repeated_funding_stamps_are_refused() -> None:
    stamps = np.array([BASE_NS, BASE_NS + 8 * HOUR_NS, BASE_NS + 8 * HOUR_NS + 3_000_000])
    with pytest.raises(MarketDataError, match="2024-03-01 08:00 stands twice"):
        FundingRates(venue="v", symbol="s", time_ns=stamps, rate=np.zeros(3), source="test")


def test_a_rate_in_percent_or_missing_is_refused() -> None:
    with pytest.raises(MarketDataError, match=r"write 0.01 % as 0.0001"):
        replace(funding([0, 8]), rate=np.array([0.0001, np.nan]))
    with pytest.raises(MarketDataError, match="no fraction"):
        funding([0, 8], rate=5.0)


def test_funding_knows_its_intervals() -> None:
    assert [length // HOUR_NS for _, length in funding([0, 8, 16, 20, 24]).intervals] == [8, 4]


def test_an_unknown_kind_is_answered_with_the_near_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'mark'"):
        SeriesKind.from_text("markk")
