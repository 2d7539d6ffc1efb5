"""New processes, wall time: help, `bt.run` with the kernel cache warm, whole commands, and the kernels compiled."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.environments import ROOT
from benchmarks.table import Figure, figure

BARE_RUN = """
import backtest as bt
from strategies.buy_and_hold import BuyAndHold
bt.run(BuyAndHold, bt.load("sample", ["BTC/USDT:USDT"], "1h"), cash=10_000)
"""


def _wall(arguments: list[str], folder: Path, cache: Path | None = None) -> float:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **({"XDG_CACHE_HOME": str(cache)} if cache else {})}
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    taken = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(f"python {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return taken


def lines() -> list[Figure]:
    """Bar 6: seconds from the start of a process to its end."""
    command = ["-m", "backtest", "run", "buy-and-hold", "--quiet"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _wall(command, folder)
        compiled = [_wall(["-c", BARE_RUN], folder, folder / "cache")]
        bare, helped, whole = (
            [_wall(each, folder) for _ in range(5)]
            for each in (["-c", BARE_RUN], ["-m", "backtest", "--help"], command)
        )
    return [
        figure("cold: bt.run in a new process, kernel cache warm", "s wall", bare, bar=1.5, note="imports included"),
        figure("cold: the same, kernels compiled from nothing", "s wall", compiled, bar=30.0),
        figure("cold: backtest --help", "s wall", helped, bar=0.3),
        figure("cold: backtest run with its report", "s wall", whole, note="hourly sample market"),
    ]
