"""Bar 2: trials of a fetch from a venue on which everything goes wrong, each drawn from its number.

    python -m tests.loopback.trials [200]

A trial draws a wire format, a range, how much goes wrong and the venue's clock, which may stand within the range, so
that its last bars are unfinished or still to come. It holds if the fetch ends with a store equal to what was served, or
with an error of the project's own and a store that holds nothing but served rows and becomes equal by one more fetch.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backtest.clock import MINUTE_NS
from backtest.errors import MarketDataError
from backtest.market.catalogue import catalogue
from backtest.market.fetch import fetch
from backtest.market.loader import Access
from backtest.market.series import SeriesKind
from backtest.market.store import Store
from data.exchange import patience
from data.loopback.faults import Fault, Faults
from data.loopback.server import LoopbackServer
from data.loopback.shelf import Shelf, standing_clock
from data.loopback.venue import WIRES, wire_of
from tests.loopback.making import MILLISECOND_NS, START_NS, differences, made

MINUTES = 2400


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What a trial's number draws."""

    number: int
    venue: str
    start_ns: int
    end_ns: int
    now_ns: int
    share: float
    patient: bool

    @classmethod
    def of(cls, number: int) -> Trial:
        """The trial of a number."""
        draw = np.random.default_rng([5, number])
        first, length = int(draw.integers(0, 1200)), int(draw.integers(30, 1200))
        now = int(draw.integers(first + 1, MINUTES)) if draw.random() < 0.4 else MINUTES + 60
        return cls(
            number=number,
            venue=WIRES[number % len(WIRES)],
            start_ns=START_NS + first * MINUTE_NS,
            end_ns=START_NS + (first + length) * MINUTE_NS,
            now_ns=START_NS + now * MINUTE_NS + int(draw.integers(0, 60)) * 10**9,
            share=float(draw.uniform(0.05, 0.5)),
            patient=bool(draw.random() < 0.7),
        )


def served(root: Path) -> dict[str, Shelf]:
    """A shelf for each wire format, of a store below `root`."""
    shelves = {}
    for venue in WIRES:
        kinds = (SeriesKind.OHLCV,) if venue == "hyperliquid" else (SeriesKind.OHLCV, SeriesKind.MARK)
        store = made(root / venue, venue, minutes=MINUTES, funding_hours=1, kinds=kinds)
        shelves[venue] = Shelf.of_store(store, venue, standing_clock(0))
    return shelves


def run(trial: Trial, shelves: dict[str, Shelf], root: Path, folder: Path) -> tuple[str, list[str]]:
    """How a trial ended ("equal" or "error, then equal"), and what is wrong with it."""
    kinds = tuple(Fault) if not trial.patient else tuple(kind for kind in Fault if kind is not Fault.BAN)
    faults = Faults(seed=trial.number, share=trial.share, kinds=kinds, stall_s=0.02, retry_after_s=0)
    now_ms = trial.now_ns // MILLISECOND_NS + faults.skew_ms
    wire = wire_of(trial.venue, shelves[trial.venue].at(standing_clock(now_ms)), whole_history=True)
    closed_ns = min(trial.end_ns, now_ms * MILLISECOND_NS // MINUTE_NS * MINUTE_NS)
    ended = "equal"
    if closed_ns <= trial.start_ns:
        return "still to come", []
    try:
        with LoopbackServer(wire, faults=faults) as server:
            _fetch(trial, server.url, folder, attempts=8 if trial.patient else 2)
    except MarketDataError:
        ended = "error, then equal"
        strange = invented(root / trial.venue, folder, trial.venue)
        if strange:
            return ended, strange
        with LoopbackServer(wire) as server:
            _fetch(trial, server.url, folder, attempts=1)
    stamps_ns = min(trial.end_ns, now_ms * MILLISECOND_NS)
    unlike = differences(root / trial.venue, folder, trial.venue, trial.start_ns, closed_ns, stamps_ns)
    return ended, unlike + invented(root / trial.venue, folder, trial.venue)


def hurried() -> None:
    """Shortens the delays between attempts: the trials are about what is asked again, not about how long one waits."""
    patience.LOCAL_FIRST_S, patience.LOCAL_MOST_S = 0.001, 0.01


def _fetch(trial: Trial, url: str, folder: Path, *, attempts: int) -> None:
    fetch(
        trial.venue,
        ["BTC", "ETH"],
        "1m",
        start=trial.start_ns,
        end=trial.end_ns,
        kinds=["ohlcv", "funding"] if trial.venue == "hyperliquid" else ["ohlcv", "mark", "funding"],
        store=folder,
        access=Access(address=url, timeout_s=5.0, attempts=attempts, workers=3),
    )


def invented(root: Path, folder: Path, venue: str) -> list[str]:
    """Rows of a store that were never served."""
    theirs, ours = Store(root=root), Store(root=folder)
    found = []
    for key in (line.key for line in catalogue(ours) if line.key.kind is not SeriesKind.TIERS):
        if key.kind is SeriesKind.FUNDING:
            pair = [store.funding(venue, key.symbol) for store in (theirs, ours)]
            names: tuple[str, ...] = ("time_ns", "rate")
        else:
            pair = [store.bars(key) for store in (theirs, ours)]
            names = ("time_ns", "open", "high", "low", "close")
        known = set(zip(*(getattr(pair[0], name).tolist() for name in names), strict=True))
        extra = set(zip(*(getattr(pair[1], name).tolist() for name in names), strict=True)) - known
        if extra:
            found.append(f"{key.symbol} {key.kind.value}: {len(extra)} rows that were never served")
    return found


def main() -> None:
    """Runs the trials and prints what came of them."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    root = Path(tempfile.mkdtemp())
    shelves, outcomes, wrong = served(root / "served"), Counter[str](), 0
    hurried()
    began = time.perf_counter()
    for number in range(count):
        folder = root / "fetched"
        ended, found = run(Trial.of(number), shelves, root / "served", folder)
        shutil.rmtree(folder, ignore_errors=True)
        outcomes[ended] += 1
        if found:
            wrong += 1
            print(f"trial {number} ({Trial.of(number)}): {ended}: {'; '.join(found)}", flush=True)
    shutil.rmtree(root)
    said = ", ".join(f"{each} {times}" for each, times in sorted(outcomes.items()))
    print(f"{count} trials in {time.perf_counter() - began:.0f} s: {said}; {wrong} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
