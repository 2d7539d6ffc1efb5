"""A year of one-minute last and mark bars and funding, two contracts, fetched from the loopback venue in each format.

    python -m benchmarks.loopback_year [--days 365] [binance bybit okx hyperliquid]

The market is a random walk; server and fetch are processes of their own, the store that comes out is compared with the
one that was served row for row, and the line says how long the fetch took. Hyperliquid has no bars of the mark.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backtest.clock import DAY_NS, MINUTE_NS, time_text
from backtest.market.series import SeriesKind
from data.loopback.venue import WIRES
from tests.loopback.making import START_NS, differences, made

COMMAND = (sys.executable, "-m", "backtest", "data")


@contextmanager
def serving(venue: str, store: Path) -> Iterator[str]:
    """Address of a server process."""
    line = [
        *COMMAND,
        "serve",
        "--venue-format",
        venue,
        "--port",
        "0",
        "--whole-history",
        "--store",
        str(store),
        "--json",
    ]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.wait()


def measured(venue: str, days: int) -> str:
    """One line: rows, seconds, rows a second, and whether both stores are equal."""
    kinds = (SeriesKind.OHLCV,) if venue == "hyperliquid" else (SeriesKind.OHLCV, SeriesKind.MARK)
    hours = 1 if venue == "hyperliquid" else 8
    with tempfile.TemporaryDirectory() as folder:
        served = made(Path(folder) / "served", venue, minutes=days * 1440, kinds=kinds, funding_hours=hours)
        fetched = Path(folder) / "fetched"
        with serving(venue, served.root) as url:
            span = f"{time_text(START_NS)[:10]}..{time_text(START_NS + days * DAY_NS)[:10]}"
            names = ",".join([*(kind.value for kind in kinds), "funding"])
            line = [*COMMAND, "fetch", "--venue", venue, "-s", "BTC", "-s", "ETH", "--timeframe", "1m", "-r", span]
            line += ["--kind", names, "--base-url", url, "--store", str(fetched)]
            began = time.perf_counter()
            subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
            spent = time.perf_counter() - began
        found = differences(served.root, fetched, venue)
    rows = 2 * len(kinds) * days * DAY_NS // MINUTE_NS + 2 * days * 24 // hours
    verdict = "equal row for row" if not found else "; ".join(found)
    return f"{venue:<12} {rows:>9,} rows  {spent:6.1f} s  {rows / spent:>8,.0f} rows/s  {verdict}"


def main() -> None:
    """Measures the formats asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("venues", nargs="*", default=list(WIRES))
    parser.add_argument("--days", type=int, default=365)
    asked = parser.parse_args()
    for venue in asked.venues:
        print(measured(venue, asked.days), flush=True)


if __name__ == "__main__":
    main()
