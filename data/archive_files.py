"""Which files of Binance's public archive hold a stretch of a series: their addresses and the time each covers.

    data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip          and .../daily/...-2024-01-31.zip
    data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-01.zip        (funding: by the month only)

`um` holds USDⓈ-M contracts and `cm` COIN-M ones; beside each file lies its SHA-256 as `<file>.CHECKSUM`. Source:
https://github.com/binance/binance-public-data (README, read 2026-11-22). Left out: dated futures, spot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from backtest.clock import DAY_NS, SECOND_NS, floor_ns, interval_text
from backtest.errors import UsageError
from backtest.market.loader import Stretch
from backtest.market.series import SeriesKind

MARKETS = {"binance": "um", "binance-coin": "cm"}
FOLDERS = {SeriesKind.OHLCV: "klines", SeriesKind.MARK: "markPriceKlines", SeriesKind.INDEX: "indexPriceKlines"}
INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")
FEW_DAYS = 3
"""So many days of a month or fewer are asked for as files of a day."""

_CANONICAL = re.compile(r"^([A-Z0-9]+)/([A-Z0-9]+):([A-Z0-9]+)$")


@dataclass(frozen=True, kw_only=True)
class ArchiveFile:
    """One file: its path below the archive's root, and the time [start, end) that it covers."""

    path: str
    start_ns: int
    end_ns: int

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Month:
    """A month of a stretch: its file, and the files of its days that are wanted (none where there are none of days)."""

    whole: ArchiveFile
    days: tuple[ArchiveFile, ...]

    @property
    def by_days(self) -> bool:
        """Whether the days are better asked for than the whole."""
        return 0 < len(self.days) <= FEW_DAYS


def venue_symbol(venue: str, symbol: str) -> str:
    """The archive's name of a perpetual.

    >>> venue_symbol("binance", "BTC/USDT:USDT"), venue_symbol("binance-coin", "BTC/USD:BTC")
    ('BTCUSDT', 'BTCUSD_PERP')
    """
    found = _CANONICAL.match(symbol)
    if found is None:
        raise UsageError(f"'{symbol}' is no symbol of a perpetual; write BTC/USDT:USDT")
    base, quote, settle = found.groups()
    if MARKETS[venue] == "cm":
        if settle != base:
            raise UsageError(f"{symbol} is no coin-margined contract; {venue} has {base}/USD:{base}")
        return f"{base}{quote}_PERP"
    if settle != quote:
        raise UsageError(f"{symbol} is not margined in its quote currency; {venue} has {base}/USDT:USDT")
    return f"{base}{quote}"


def months(venue: str, stretch: Stretch) -> Iterator[Month]:
    """The files of a stretch, month by month."""
    name = venue_symbol(venue, stretch.symbol)
    start = _date(stretch.start_ns).replace(day=1)
    while _ns(start) < stretch.end_ns:
        after = (start + timedelta(days=32)).replace(day=1)
        whole = _file(venue, name, stretch, "monthly", f"{start:%Y-%m}", _ns(start), _ns(after))
        yield Month(whole=whole, days=tuple(_days(venue, name, stretch, _ns(start), _ns(after))))
        start = after


def _days(venue: str, name: str, stretch: Stretch, start_ns: int, end_ns: int) -> Iterator[ArchiveFile]:
    if stretch.kind is SeriesKind.FUNDING:
        return
    low, high = max(start_ns, floor_ns(stretch.start_ns, DAY_NS)), min(end_ns, stretch.end_ns)
    for day_ns in range(low, high, DAY_NS):
        yield _file(venue, name, stretch, "daily", f"{_date(day_ns):%Y-%m-%d}", day_ns, day_ns + DAY_NS)


def _file(venue: str, name: str, stretch: Stretch, period: str, date: str, start_ns: int, end_ns: int) -> ArchiveFile:
    root = f"data/futures/{MARKETS[venue]}/{period}"
    if stretch.interval_ns is None:
        path = f"{root}/fundingRate/{name}/{name}-fundingRate-{date}.zip"
    else:
        if stretch.kind is SeriesKind.INDEX:
            name = name.removesuffix("_PERP")  # an index belongs to the pair
        length = interval_text(stretch.interval_ns)
        path = f"{root}/{FOLDERS[stretch.kind]}/{name}/{length}/{name}-{length}-{date}.zip"
    return ArchiveFile(path=path, start_ns=start_ns, end_ns=end_ns)


def _date(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns // DAY_NS * 86_400, tz=UTC)


def _ns(date: datetime) -> int:
    return int(date.timestamp()) * SECOND_NS
