"""How fast market history goes into the store, is checked and comes out: ten symbols, five years of 1-minute bars.

    python -m benchmarks.market_data [--symbols 10] [--years 5]

The market is a seeded random walk, written once as CSV files into a folder that Git ignores. Each step runs in a
process of its own: wall and CPU seconds, and the most memory above what it held before. Results: RESULTS-data.md.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv

from backtest.cli.main import status
from backtest.market.catalogue import catalogue
from backtest.market.loading import load
from backtest.market.store import Store
from benchmarks.dataset import FOLDER
from benchmarks.measure import peak_mb

NAMES = ("BTC", "ETH", "SOL", "XRP", "BNB", "DOGE", "ADA", "LINK", "AVAX", "LTC")
START_MS, YEAR = 1_577_836_800_000, 525_600
PLACE = FOLDER / "market-data"
RESULTS = Path(__file__).with_name("RESULTS-data.md")
WARM_RUNS = 5


def symbol(name: str) -> str:
    """The canonical symbol of a name."""
    return f"{name}/USDT:USDT"


def make(name: str, seed: int, bars: int) -> Path:
    """The CSV file of a symbol: a random walk with four steps a bar, in the columns of the public archive."""
    path = PLACE / f"{name}USDT-1m-{bars}.csv"
    if path.is_file():
        return path
    draw = np.random.default_rng(seed)
    walk = np.cumsum(draw.normal(0.0, 0.0004, bars * 4)) + np.log(1_000.0)
    walk -= np.linspace(0.0, walk[-1] - walk[0], walk.size)
    steps = np.round(np.exp(walk), 2).reshape(bars, 4)
    opened = np.concatenate([[1_000.0], steps[:-1, 3]])
    table = pa.table(
        {
            "open_time": START_MS + np.arange(bars) * 60_000,
            "open": opened,
            "high": np.maximum(steps.max(axis=1), opened),
            "low": np.minimum(steps.min(axis=1), opened),
            "close": steps[:, 3],
            "volume": np.round(draw.lognormal(1.0, 1.0, bars), 3),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    csv.write_csv(table, part)
    part.replace(path)
    return path


def imported(root: Path, files: list[str]) -> dict[str, object]:
    """`backtest data import` of every file."""
    with contextlib.redirect_stdout(io.StringIO()):
        for file in files:
            name = Path(file).name.partition("USDT")[0]
            line = ["data", "import", file, "--venue", "binance", "--symbol", symbol(name), "--store", str(root)]
            assert status([*line, "--timeframe", "1m"]) == 0
    return {"files": len(files)}


def listed(root: Path) -> dict[str, object]:
    """The catalogue of the store, made from the files; then read again."""
    rows = sum(line.rows for line in catalogue(Store(root=root)))
    began = time.perf_counter()
    catalogue(Store(root=root))
    return {"rows": rows, "again_s": time.perf_counter() - began}


def checked(root: Path) -> dict[str, object]:
    """`backtest data check` of everything."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        assert status(["data", "check", "--store", str(root)]) == 0
    return {"said": said.getvalue().splitlines()[-1]}


def loaded(root: Path) -> dict[str, object]:
    """One symbol-year for a run: once to warm up, then the fastest and the median of some."""
    year = {"start": "2022-01-01", "end": "2023-01-01", "store": root}
    load("binance", "BTCUSDT", "1m", **{**year, "start": "2022-12-30"})
    before = _fresh_peak()
    history = load("binance", "BTCUSDT", "1m", **year)
    above = peak_mb() - before
    columns = history.prices.nbytes / 2**20
    del history
    walls, cpus = [], []
    for _ in range(WARM_RUNS):
        wall, cpu = time.perf_counter(), time.process_time()
        load("binance", "BTCUSDT", "1m", **year)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    median = WARM_RUNS // 2
    return {"warm_s": sorted(walls)[median], "warm_cpu_s": sorted(cpus)[median], "above_mb": above, "columns": columns}


def _fresh_peak() -> float:
    """MB held now, from which the kernel's high-water mark is counted anew."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_mb()


STEPS: dict[str, Callable[..., dict[str, object]]] = {
    "import": imported,
    "list": listed,
    "check": checked,
    "load": loaded,
}


def child(step: str, arguments: list[str]) -> None:
    """Run a step in this process and print what it took as one JSON line."""
    root, *files = arguments
    before = _fresh_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    found = STEPS[step](Path(root), files) if step == "import" else STEPS[step](Path(root))
    took = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu, "mb": peak_mb() - before}
    print(json.dumps({**took, **found}))


def run(step: str, *arguments: str) -> dict[str, float]:
    """A step in a process of its own."""
    line = [sys.executable, "-m", "benchmarks.market_data", "--step", step, *arguments]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    print(f"{step}: {done.stdout.strip()}", file=sys.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(names: list[str], years: int) -> str:
    """All steps, as a table."""
    bars, root = years * YEAR, PLACE / "store"
    files = [str(make(name, seed, bars)) for seed, name in enumerate(names)]
    shutil.rmtree(root, ignore_errors=True)
    found = {step: run(step, str(root), *(files if step == "import" else ())) for step in STEPS}
    csv_mb = sum(Path(file).stat().st_size for file in files) / 2**20
    store_mb = sum(path.stat().st_size for path in root.rglob("*.parquet")) / 2**20
    total = bars * len(names) / 1e6
    load_, list_ = found["load"], found["list"]
    rows = [
        (f"import of {len(files)} CSV files ({csv_mb:,.0f} MB) into the store ({store_mb:,.0f} MB)", found["import"]),
        (f"catalogue made anew (again from its file: {list_['again_s']:.3f} s)", list_),
        ("`data check` of all of it", found["check"]),
    ]
    lines = [
        "# Market data: import, check and load",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"numpy {np.__version__}, pyarrow {pa.__version__}; load {os.getloadavg()[0]:.1f} at the end. "
        f"`python -m benchmarks.market_data`: {len(names)} symbols, {years} years of 1-minute bars, "
        f"{total:.1f} million in all, synthetic.",
        "",
        "| step | wall s | CPU s | MB above the start |",
        "| --- | ---: | ---: | ---: |",
        *(f"| {what} | {took['wall_s']:.2f} | {took['cpu_s']:.2f} | {took['mb']:.0f} |" for what, took in rows),
        f"| one symbol-year loaded for a run, warm | {load_['warm_s']:.3f} | {load_['warm_cpu_s']:.3f} "
        f"| {load_['above_mb']:.0f} (its columns: {load_['columns']:.0f}) |",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, and keep it where the whole was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=len(NAMES))
    parser.add_argument("--years", type=int, default=5)
    parser.add_argument("--step", choices=tuple(STEPS))
    parser.add_argument("arguments", nargs="*")
    given = parser.parse_args()
    if given.step:
        child(given.step, given.arguments)
        return
    text = measure(list(NAMES[: given.symbols]), given.years)
    print(text)
    if (given.symbols, given.years) == (len(NAMES), 5):
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
