"""Time: UTC nanoseconds inside, text at the edge.

An instant is an int64 of nanoseconds since 1970-01-01 00:00 UTC, in a name that ends in `_ns`. Text is met here and
nowhere else: text without a zone is UTC (the command line knows no other), whereas a `datetime` object without a
zone is an error, because it may have come from a local clock. The end of a range is exclusive.

Left out: months and years as intervals (they have no fixed length), leap seconds (exchanges smear them).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from backtest.errors import UsageError

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
WEEK_NS = 7 * DAY_NS

UNITS_NS = {"m": MINUTE_NS, "h": HOUR_NS, "d": DAY_NS, "w": WEEK_NS}
_WEEK_PHASE_NS = 4 * DAY_NS  # 1970-01-01 was a Thursday; weekly bars open on a Monday

Moment = str | int | date | datetime
"""A point in time as a user may state it: text, nanoseconds, a date (its midnight UTC) or an aware datetime."""

_SPAN = re.compile(r"^(\d+)\s*([mhdw])$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class TimeRange:
    """A stretch of time with an exclusive end; a missing side is as far as the data goes.

    `start` may also be a `timedelta`: that long before the end of what there is.
    """

    start: int | timedelta | None = None
    end: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.start, int) and self.end is not None and self.start >= self.end:
            raise UsageError(
                f"the range {time_text(self.start)}..{time_text(self.end)} is empty: the end is exclusive and must be "
                "later than the start"
            )


def interval_ns(text: str) -> int:
    """Length in nanoseconds of an interval text: minutes, hours, days or weeks.

    >>> interval_ns("4h") // HOUR_NS
    4
    """
    found = _SPAN.match(text.strip().lower() if text.strip() != "1M" else "month")
    if found is None or int(found.group(1)) == 0:
        raise UsageError(f"'{text}' is no interval; write a whole number and m, h, d or w, such as 1m, 4h, 1d")
    return int(found.group(1)) * UNITS_NS[found.group(2)]


def interval_text(length_ns: int) -> str:
    """The shortest interval text of a length in nanoseconds; hours up to a day, days up to a week.

    >>> interval_text(interval_ns("60m")), interval_text(interval_ns("24h"))
    ('1h', '1d')
    """
    for unit in ("w", "d", "h", "m"):
        if length_ns > 0 and length_ns % UNITS_NS[unit] == 0:
            return f"{length_ns // UNITS_NS[unit]}{unit}"
    raise UsageError(f"{length_ns} ns is no whole number of minutes, so it is no interval of bars")


def grid_phase_ns(length_ns: int) -> int:
    """Offset of an interval's grid from the epoch: weeks open on Monday, everything else at a UTC multiple."""
    return _WEEK_PHASE_NS if length_ns % WEEK_NS == 0 else 0


def floor_ns(time_ns: int, length_ns: int) -> int:
    """The last grid point of an interval that is not after `time_ns`."""
    phase = grid_phase_ns(length_ns)
    return (time_ns - phase) // length_ns * length_ns + phase


def ceil_ns(time_ns: int, length_ns: int) -> int:
    """The first grid point of an interval that is not before `time_ns`."""
    return floor_ns(time_ns + length_ns - 1, length_ns)


def moment_ns(moment: Moment) -> int:
    """UTC nanoseconds of a moment; text without a zone is UTC, a datetime without one is an error.

    >>> moment_ns("2020-01-07") == moment_ns("20200107") == moment_ns("2020-01-07 00:00+00:00")
    True
    """
    if isinstance(moment, int):
        return moment
    if isinstance(moment, str):
        return _text_ns(moment)
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    if moment.tzinfo is None:
        raise UsageError(
            f"the time {moment} has no zone, so it could mean any of several instants; "
            "use datetime(..., tzinfo=UTC) or text, which is always read as UTC"
        )
    since = moment - _EPOCH
    whole = (since.days * 86_400 + since.seconds) * SECOND_NS + since.microseconds * 1_000
    return whole + int(getattr(moment, "nanosecond", 0))


def _text_ns(text: str) -> int:
    plain = text.strip()
    try:
        read = datetime.fromisoformat(plain)
    except ValueError:
        raise UsageError(
            f"'{text}' is no time; write a date such as 2020-01-07, or a time such as 2020-01-07T13:00 (UTC)"
        ) from None
    return moment_ns(read if read.tzinfo is not None else read.replace(tzinfo=UTC))


def time_text(time_ns: int) -> str:
    """UTC text of an instant, to the minute, or finer where it is not a whole minute.

    >>> time_text(moment_ns("2021-07-26T01:00"))
    '2021-07-26 01:00'
    """
    seconds, rest = divmod(int(time_ns), SECOND_NS)
    when = _EPOCH + timedelta(seconds=seconds)
    text = when.strftime("%Y-%m-%d %H:%M")
    if seconds % 60 or rest:
        text += when.strftime(":%S")
    if rest:
        text += f".{rest:09d}".rstrip("0")
    return text


def span(text: str) -> timedelta | None:
    """The length a text such as `90d` states, or None when the text is no span."""
    found = _SPAN.match(text.strip().lower())
    return timedelta(microseconds=interval_ns(text) // 1_000) if found else None


def time_range(text: str) -> TimeRange:
    """A range of time: `2020-01-07..2022-05-01`, an open side, `20240101-20240630`, or `90d` (the last ninety days).

    >>> time_range("2020-01-07..2022-05-01") == time_range("20200107-20220501")
    True
    >>> time_range("90d").start
    datetime.timedelta(days=90)
    """
    plain = text.strip()
    length = span(plain)
    if length is not None:
        return TimeRange(start=length)
    if ".." in plain:
        first, _, last = plain.partition("..")
    elif re.fullmatch(r"(\d{8})?-(\d{8})?", plain) and plain != "-":
        first, _, last = plain.partition("-")
    else:
        raise UsageError(
            f"'{text}' is no range of time; write 2020-01-07..2022-05-01 (the end is exclusive), "
            "20240101-20240630, or 90d for the last ninety days"
        )
    return TimeRange(start=_side(first), end=_side(last))


def _side(text: str) -> int | None:
    return _text_ns(text) if text.strip() else None
