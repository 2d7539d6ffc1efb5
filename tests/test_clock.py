"""Times and ranges: text at the edge, UTC nanoseconds inside."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
import pytest

from backtest.clock import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    WEEK_NS,
    ceil_ns,
    floor_ns,
    interval_ns,
    interval_text,
    moment_ns,
    time_range,
    time_text,
)
from backtest.errors import UsageError

JAN_7_2020 = 1_578_355_200_000_000_000  # date -u -d 2020-01-07 +%s


def test_an_instant_is_read_from_text_dates_aware_datetimes_and_nanoseconds() -> None:
    east = timezone(timedelta(hours=2))
    for moment in (
        "2020-01-07",
        "20200107",
        "2020-01-07T00:00:00Z",
        "2020-01-07 02:00+02:00",
        date(2020, 1, 7),
        datetime(2020, 1, 7, tzinfo=UTC),
        datetime(2020, 1, 7, 2, tzinfo=east),
        pd.Timestamp("2020-01-07", tz="UTC"),
        JAN_7_2020,
    ):
        assert moment_ns(moment) == JAN_7_2020


def test_nanoseconds_of_a_pandas_timestamp_are_kept() -> None:
    assert moment_ns(pd.Timestamp(JAN_7_2020 + 7, tz="UTC", unit="ns")) == JAN_7_2020 + 7


def test_a_datetime_without_a_zone_is_an_error() -> None:
    with pytest.raises(UsageError, match="has no zone"):
        moment_ns(datetime(2020, 1, 7))


@pytest.mark.parametrize("text", ["yesterday", "2020-13-01", ""])
def test_text_that_is_no_time_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        moment_ns(text)


@pytest.mark.parametrize(
    ("text", "length"),
    [("1m", MINUTE_NS), ("4h", 4 * HOUR_NS), ("1d", DAY_NS), ("1w", WEEK_NS), ("90m", 90 * MINUTE_NS)],
)
def test_an_interval_goes_to_nanoseconds_and_back(text: str, length: int) -> None:
    assert interval_ns(text) == length
    assert interval_text(length) == text


@pytest.mark.parametrize("text", ["1M", "0h", "h", "1 hour", "-1h", "1.5h", ""])
def test_an_unknown_interval_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match="is no interval"):
        interval_ns(text)


@pytest.mark.parametrize("text", ["2020-01-07..2022-05-01", "20200107-20220501", " 2020-01-07 .. 2022-05-01 "])
def test_a_range_has_two_sides(text: str) -> None:
    assert time_range(text).start == JAN_7_2020
    assert time_range(text).end == moment_ns("2022-05-01")


def test_a_side_of_a_range_may_be_open() -> None:
    assert time_range("2020-01-07..").end is None
    assert time_range("-20200107").start is None
    assert time_range("..2020-01-07").end == JAN_7_2020


def test_a_span_is_a_range_that_ends_where_the_data_does() -> None:
    assert time_range("90d").start == timedelta(days=90)
    assert time_range("36h").start == timedelta(hours=36)


@pytest.mark.parametrize("text", ["2020", "-", "2020-01-07", "a..b"])
def test_text_that_is_no_range_is_an_error(text: str) -> None:
    with pytest.raises(UsageError):
        time_range(text)


def test_the_end_is_exclusive_so_an_empty_range_is_an_error() -> None:
    with pytest.raises(UsageError, match="empty"):
        time_range("2020-01-07..2020-01-07")


def test_weeks_open_on_monday() -> None:
    wednesday = moment_ns("2024-01-03T05:00")
    assert floor_ns(wednesday, WEEK_NS) == moment_ns("2024-01-01")
    assert ceil_ns(wednesday, WEEK_NS) == moment_ns("2024-01-08")
    assert ceil_ns(moment_ns("2024-01-01"), WEEK_NS) == moment_ns("2024-01-01")


def test_times_are_written_as_finely_as_they_are() -> None:
    assert time_text(JAN_7_2020) == "2020-01-07 00:00"
    assert time_text(JAN_7_2020 + 1_000_000_000) == "2020-01-07 00:00:01"
    assert time_text(JAN_7_2020 + 17_000_000) == "2020-01-07 00:00:00.017"
