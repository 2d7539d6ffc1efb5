"""Whole commands, wall time: help, a run on the sample with everything warm, and the first-ever run that compiles."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import Line


def _wall(arguments: list[str], folder: Path, cache: Path | None = None) -> float:
    environment = {**os.environ, **({"XDG_CACHE_HOME": str(cache)} if cache else {})}
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "backtest", *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    taken = time.perf_counter() - begun
    if done.returncode:
        raise RuntimeError(f"backtest {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return taken


def lines() -> list[Line]:
    """Seconds from the start of the process to its end."""
    run = ["run", "buy-and-hold", "--quiet"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _wall(run, folder)
        first = [_wall(run, folder, folder / "cache")]
        shown = sorted(_wall(["--help"], folder) for _ in range(5))
        bare = sorted(_wall([*run, "--no-report"], folder) for _ in range(5))
        whole = sorted(_wall(run, folder) for _ in range(5))
    return [
        _line("backtest --help", shown, 0.3),
        _line("backtest run buy-and-hold on the hourly sample", whole, 2.0, "with its report"),
        _line("backtest run buy-and-hold --no-report", bare, None),
        _line("the first-ever run, kernels compiled", first, 30.0),
    ]


def _line(work: str, taken: list[float], bar: float | None, note: str = "") -> Line:
    middle = taken[len(taken) // 2]
    return Line(
        work=work,
        engine="isomargin",
        unit="s wall",
        value=middle,
        fastest=taken[0],
        slowest=taken[-1],
        bar=bar,
        note=note,
    )
