"""Bar 4: two processes that fetch overlapping ranges at once leave a correct store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from backtest.clock import HOUR_NS, MINUTE_NS, time_text
from backtest.market.catalogue import catalogue
from backtest.market.store import Store
from data.loopback.faults import Fault, Faults
from data.loopback.server import LoopbackServer
from tests.loopback.making import LATER_MS, START_NS, differences, made, wire

MINUTES = 4 * 1440
FIRST_NS = START_NS - 2 * 24 * HOUR_NS  # two months
SLOW = Faults(seed=1, share=0.5, run=1, kinds=(Fault.TIMEOUT, Fault.RESET), stall_s=0.05, skewed=False)


@pytest.mark.parametrize("faults", [None, SLOW], ids=["calm", "in fits and starts"])
def test_two_fetches_of_overlapping_ranges_at_once(tmp_path: Path, faults: Faults | None) -> None:
    store = made(tmp_path / "served", "binance", minutes=MINUTES, start_ns=FIRST_NS)
    moments = [time_text(FIRST_NS + MINUTES * MINUTE_NS * share // 4).replace(" ", "T") for share in (0, 1, 3, 4)]
    place = tmp_path / "fetched"
    with LoopbackServer(wire(store, "binance", now_ms=LATER_MS), faults=faults) as server:
        line = [sys.executable, "-m", "backtest", "data", "fetch", "--venue", "binance", "-s", "BTC", "-s", "ETH"]
        line += ["--kind", "ohlcv,mark,funding", "--base-url", server.url, "--store", str(place), "--json"]
        both = [
            subprocess.Popen([*line, "-r", span], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            for span in (f"{moments[0]}..{moments[2]}", f"{moments[1]}..{moments[3]}")
        ]
        said = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert differences(store.root, place, "binance") == []
    assert all(line.gaps == 0 for line in catalogue(Store(root=place)))
    assert not list(place.rglob("*.part"))
