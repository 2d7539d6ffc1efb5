"""Bar 3: `kill -9` at random moments of a fetch and of an import, in processes forked from one that has loaded all.

    python -m tests.loopback.kills [50]

A moment is a share of the time that an undisturbed command took, or the point just before one of its renames. After
each kill another process opens the store and reads all of it, the command is given again, and the files that come out
must be those of the undisturbed command, byte for byte.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import ccxt
import numpy as np
import pandas as pd

from backtest.cli.main import status
from backtest.clock import DAY_NS, MINUTE_NS, time_text
from backtest.market import fetch, parquet
from backtest.market.catalogue import catalogue
from backtest.market.key import SeriesKey
from backtest.market.series import SeriesKind
from backtest.market.store import Store
from data.exchange import connection
from tests.loopback.making import START_NS, made, symbols

VENUE = "binance"
FIRST_NS, MINUTES = START_NS - 3 * DAY_NS, 6 * 1440
WRITTEN_ROWS = 2000
"""Rows that a fetch stores at once here, so that a short one has many moments of writing, in two months."""
LOADED = (ccxt, connection)
"""Loaded before the fork, so that a killed process is killed at its work and not at its imports."""


def commands(folder: Path, url: str) -> dict[str, list[str]]:
    """The command lines of a fetch of two symbols and of an import, all but the store."""
    span = f"{time_text(FIRST_NS)[:10]}..{time_text(FIRST_NS + MINUTES * MINUTE_NS)[:10]}"
    fetched = ["fetch", "--venue", VENUE, "-s", "BTC", "-s", "ETH", "-r", span, "--base-url", url]
    place = ["--venue", VENUE, "--symbol", "BTC/USDT:USDT", "--timeframe", "1m"]
    return {
        "fetch": ["data", *fetched, "--kind", "ohlcv,mark,funding", "--json"],
        "import": ["data", "import", str(folder / "bars.csv"), *place],
    }


def prepared(folder: Path) -> Store:
    """The market that is served, and a file of it to import."""
    store = made(folder / "served", VENUE, minutes=MINUTES, start_ns=FIRST_NS)
    (symbol,) = symbols(VENUE, "BTC")
    bars = store.bars(SeriesKey(venue=VENUE, symbol=symbol, kind=SeriesKind.OHLCV, interval_ns=MINUTE_NS))
    assert bars is not None
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    pd.DataFrame({"time": bars.time_ns // 1_000_000, **columns}).to_csv(folder / "bars.csv", index=False)
    return store


@contextmanager
def serving(store: Path) -> Iterator[str]:
    """Address of a server in a process of its own."""
    line = [sys.executable, "-m", "backtest", "data", "serve", "--port", "0", "--store", str(store), "--json"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def forked(work: Callable[[], int]) -> int:
    """A child that does some work in silence and ends with its result; returns its process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        code = work()
    finally:
        os._exit(code)


def ended(child: int) -> int:
    """Exit code of a child; negative where a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_before(rename: int) -> None:
    """Makes this process kill itself just before the n-th rename into the store."""
    put, count = parquet.put_in_place, 0

    def dying(parts: Sequence[tuple[Path, Path]]) -> None:
        nonlocal count
        for part in parts:
            count += 1
            if count == rename:
                os.kill(os.getpid(), signal.SIGKILL)
            put([part])

    parquet.put_in_place = dying


def opened(folder: Path) -> int:
    """Reads all that a store has; 0 where that works."""
    store = Store(root=folder)
    for line in catalogue(store):
        if line.key.kind is SeriesKind.FUNDING:
            assert store.funding(line.key.venue, line.key.symbol) is not None
        else:
            assert store.bars(line.key) is not None
    return 0


def contents(folder: Path) -> dict[str, bytes]:
    """The series files of a store, by their place."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("[!.]*.parquet"))}


def torn(command: Sequence[str], whole: dict[str, bytes], folder: Path, moment: float, rename: int) -> tuple[str, int]:
    """Kills one command at a moment (seconds), or before a rename where that is not 0; says what is wrong after it.

    Returns "" where all is well, and how many files the kill had left.
    """
    line = [*command, "--store", str(folder)]

    def work() -> int:
        if rename:
            killed_before(rename)
        return status(line)

    child = forked(work)
    if not rename:
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
    ended(child)
    left = len(contents(folder)) if folder.exists() else 0
    if ended(forked(lambda: opened(folder))) != 0:
        return "the store does not open", left
    if ended(forked(lambda: status(line))) != 0:
        return "the command fails when it is given again", left
    if any(folder.rglob(f"*{parquet.TEMPORARY}")):
        return "a temporary file is left", left
    if contents(folder) != whole:
        return "the files differ from those of an undisturbed command", left
    return "", left


def run(name: str, command: Sequence[str], folder: Path, kills: int, seed: int = 3) -> tuple[list[str], list[int]]:
    """Kills a command many times; returns what went wrong, and how many files each kill had left."""
    began = time.perf_counter()
    assert ended(forked(lambda: status([*command, "--store", str(folder / "whole")]))) == 0, f"{name} fails undisturbed"
    length = time.perf_counter() - began
    whole = contents(folder / "whole")
    assert whole
    draw = np.random.default_rng(seed)
    wrong, left = [], []
    for number in range(kills):
        moment, rename = float(draw.uniform(0, length)), int(draw.integers(1, len(whole) + 1))
        place = folder / "torn"
        found, files = torn(command, whole, place, moment, rename if number % 3 == 2 else 0)
        left.append(files)
        if found:
            wrong.append(f"{name}, kill {number} at {moment:.3f} s: {found}")
        shutil.rmtree(place, ignore_errors=True)
    return wrong, left


def main() -> None:
    """Kills a fetch and an import so many times each and prints what came of it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    fetch.BUFFER_ROWS = WRITTEN_ROWS
    folder = Path(tempfile.mkdtemp())
    store = prepared(folder)
    failed = False
    with serving(store.root) as url:
        for name, command in commands(folder, url).items():
            began = time.perf_counter()
            wrong, left = run(name, command, folder / name, count)
            failed = failed or bool(wrong)
            spent = time.perf_counter() - began
            print(f"{name}: {count} kills in {spent:.0f} s, {len(wrong)} wrong; files left by each: {left}")
            print("\n".join(wrong), end="\n" if wrong else "")
    shutil.rmtree(folder)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
