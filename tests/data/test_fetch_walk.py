"""The walk through a venue's history: whatever the venue's page sizes, orders, caps and holes, each row comes once."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from backtest.errors import MarketDataError
from data.exchange.walk import DAY_MS, BarWalk, Row, numbered_rates, rates, tidy

STEP = 60_000
Ask = Callable[[int, int, int], Sequence[Row]]


def bar(at: int) -> Row:
    """A row whose values follow from its time."""
    return (at, at % 97 + 10, at % 97 + 12, at % 97 + 9, at % 97 + 11, at % 7)


class Venue:
    """Answers out of a set of times. `newest`: a full answer holds the newest rows of its window, else the oldest."""

    def __init__(self, times: Sequence[int], *, cap: int, newest: bool = False, shuffled: bool = False) -> None:
        self.times = sorted(times)
        self.cap = cap
        self.newest = newest
        self.shuffled = shuffled
        self.asked: list[tuple[int, int, int]] = []

    def __call__(self, start: int, end: int, step: int) -> list[Row]:
        self.asked.append((start, end, step))
        times = self.times if step == STEP else sorted({at - at % DAY_MS for at in self.times})
        inside = [at for at in times if start <= at < end]
        rows = [bar(at) for at in (inside[-self.cap :] if self.newest else inside[: self.cap])]
        if self.shuffled:
            random.Random(start).shuffle(rows)
        return rows


def walked(ask: Ask, start: int, end: int, *, rows: int = 100, leap: int = DAY_MS, now: int = 10**9) -> list[int]:
    """The times that a walk brings, in the order in which they come."""
    walk = BarWalk(name="BTC ohlcv 1m", ask=ask, rows=rows, step_ms=STEP, leap_ms=leap, now_ms=now)
    return [int(row[0]) for page, _ in walk.pages(start, end) for row in page]


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("cap", [7, 60, 100, 500])
def test_every_row_comes_once_and_in_order(cap: int, newest: bool) -> None:
    drawn = random.Random(cap + newest)
    times = [at * STEP for at in range(2_000) if drawn.random() < 0.9 and not 700 <= at < 1_150]
    venue = Venue(times, cap=cap, newest=newest, shuffled=True)
    assert walked(venue, 0, 2_000 * STEP) == times


def test_pages_overlap_by_one_row() -> None:
    venue = Venue([at * STEP for at in range(250)], cap=100)
    walked(venue, 0, 250 * STEP)
    assert [start // STEP for start, _, _ in venue.asked] == [0, 99, 198]


def test_an_empty_answer_is_not_the_end() -> None:
    times = [at * STEP for at in range(300)]
    venue = Venue(times, cap=100)
    answers = 0

    def ask(start: int, end: int, step: int) -> list[Row]:
        nonlocal answers
        answers += 1
        return [] if answers in (2, 3, 5) else venue(start, end, step)

    assert walked(ask, 0, 300 * STEP) == times


def test_an_answer_that_begins_late_is_asked_for_again() -> None:
    times = [at * STEP for at in range(300)]
    venue = Venue(times, cap=100)

    def ask(start: int, end: int, step: int) -> list[Row]:
        rows = venue(start, end, step)
        return rows[40:] if len(venue.asked) == 2 else rows

    assert walked(ask, 0, 300 * STEP) == times


def test_years_before_the_first_bar_cost_a_few_requests() -> None:
    first = 900 * DAY_MS
    venue = Venue([first + at * STEP for at in range(3_000)], cap=1000)
    assert len(walked(venue, 0, first + 3_000 * STEP, rows=1000)) == 3_000
    assert len(venue.asked) < 15


def test_a_venue_without_daily_bars_is_walked_window_by_window() -> None:
    times = [at * STEP for at in (*range(50), *range(6_000, 6_050))]
    venue = Venue(times, cap=1000)

    def ask(start: int, end: int, step: int) -> list[Row]:
        return venue(start, end, step) if step == STEP else []

    assert walked(ask, 0, 8_000 * STEP, rows=1000) == times


def test_a_venue_that_keeps_the_latest_bars_is_asked_where_they_begin() -> None:
    times = [at * STEP for at in range(95_000, 100_000)]
    venue = Venue(times, cap=5_000)
    assert walked(venue, 0, 100_000 * STEP, rows=5_000, leap=STEP) == times
    assert len(venue.asked) < 15


def test_one_time_with_two_sets_of_values_names_the_time() -> None:
    rows = [bar(0), bar(STEP), (STEP, 1, 1, 1, 1, 1)]
    with pytest.raises(MarketDataError, match=r"two different rows for 1970-01-01 00:01: .*1, 1, 1, 1, 1"):
        tidy("BTC ohlcv 1m", rows, 0, 10 * STEP)
    assert tidy("BTC ohlcv 1m", [bar(STEP), bar(0), bar(STEP), bar(20 * STEP)], 0, 10 * STEP) == [bar(0), bar(STEP)]


def test_a_row_that_changes_between_two_pages_names_the_time() -> None:
    venue = Venue([at * STEP for at in range(200)], cap=100)

    def ask(start: int, end: int, step: int) -> list[Row]:
        rows = venue(start, end, step)
        return [(rows[0][0], 5, 5, 5, 5, 5), *rows[1:]] if len(venue.asked) == 2 else rows

    with pytest.raises(MarketDataError, match="two different rows for 1970-01-01 01:39"):
        walked(ask, 0, 200 * STEP)


HOUR = 3_600_000


def settlements() -> list[Row]:
    """Eight-hourly settlements that become hourly for a while, then four-hourly; with some milliseconds of jitter."""
    times, at = [], 0
    while at < 3_000 * HOUR:
        times.append(at + at // HOUR % 9)
        at += 8 * HOUR if at < 800 * HOUR else HOUR if at < 1_500 * HOUR else 4 * HOUR
    return [(at, at % 13 / 1e5) for at in times]


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("cap", [2, 10, 100, 5_000])
def test_no_interval_of_funding_and_no_page_size_is_assumed(cap: int, newest: bool) -> None:
    rows = settlements()

    def ask(start: int, end: int) -> list[Row]:
        inside = [row for row in rows if start <= row[0] < end]
        return inside[-cap:] if newest else inside[:cap]

    assert rates("BTC funding", ask, 0, 3_000 * HOUR) == rows


def test_numbered_pages_are_read_back_to_the_start_and_end_when_nothing_new_comes() -> None:
    rows = settlements()[::-1]
    asked = []

    def ask(page: int) -> list[Row]:
        asked.append(page)
        return rows[(page - 1) * 100 : page * 100]

    found = numbered_rates("BTC funding", ask, 2_000 * HOUR, 3_000 * HOUR)
    assert found == [row for row in rows[::-1] if row[0] >= 2_000 * HOUR]
    assert max(asked) == 3  # 250 four-hourly settlements lie after hour 2,000
    assert len(numbered_rates("BTC funding", lambda page: rows[:50], 0, 3_000 * HOUR)) == 50
