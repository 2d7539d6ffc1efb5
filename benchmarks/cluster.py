"""A 2,000-setting sweep on a Ray cluster of three nodes on this machine, one of them killed in the middle (bar 7), and
once more with its driver killed in the middle and started again.

    python -m benchmarks.cluster [SETTINGS]

Says whether all rows came back, whether they equal those of the same sweep in threads, what the cluster cost over the
threads, and how many rows the second driver found done. It needs the extra `isomargin[cluster]` and takes minutes, for
which reason it is no test.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import backtest as bt
from backtest.market.history import MarketHistory
from backtest.sweeps.result import SweepResult
from backtest.sweeps.sweep import PLANNED_CHUNK
from benchmarks import generator, works
from benchmarks.environments import ROOT
from benchmarks.own import market
from benchmarks.sweeping import Crossing

STORE_BYTES = 250_000_000
NODES = 3
KILL_AT = 0.35
"""Share of the settings after which a node is killed."""


def swept(
    history: MarketHistory,
    settings: int,
    cluster: str | None = None,
    progress: object = None,
    out: Path | None = None,
) -> SweepResult:
    """Fast means by slow means, `settings` of them in all."""
    grid = {"fast": range(20, 70), "slow": range(1000, 1000 + 10 * max(2, settings // 50), 10)}
    return bt.sweep(Crossing, history, grid=grid, jobs=2, cash=works.CASH, cluster=cluster, progress=progress, out=out)


DRIVER = """
import sys
from pathlib import Path
from benchmarks.cluster import swept
from benchmarks.own import market
swept(market("W1", 0, True), int(sys.argv[1]), sys.argv[2], out=Path(sys.argv[3]))
"""


def resumed(history: MarketHistory, settings: int, cluster: str, out: Path) -> SweepResult:
    """The sweep whose driver is killed once a third of the rows are kept, done to its end by another driver."""
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(settings), cluster, str(out)], cwd=ROOT)
    begun = time.monotonic()
    while (kept := len(list(out.glob("*/parts/[0-9]*.parquet")))) * PLANNED_CHUNK < settings / 3:
        if driver.poll() is not None or time.monotonic() - begun > 600:
            raise RuntimeError(f"the driver was to be killed in the middle, and ended with {driver.poll()} at {kept}")
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    return swept(history, settings, cluster, out=out)


def main(settings: int = 2_000) -> int:
    """Measure and print."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    generator.make()
    history = market("W1", 0, True)
    swept(history, 100)
    begun = time.perf_counter()
    local = swept(history, settings)
    threads = time.perf_counter() - begun
    print(f"{len(local.frame):,} settings in 2 threads: {threads:.1f} s", flush=True)
    begun = time.perf_counter()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": STORE_BYTES})
    nodes = [cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES) for _ in range(NODES)]
    started = time.perf_counter() - begun
    killed: list[float] = []

    def kill(share: float) -> None:
        if share >= KILL_AT and not killed:
            killed.append(share)
            cluster.remove_node(nodes[1], allow_graceful=False)

    try:
        begun = time.perf_counter()
        found = swept(history, settings, cluster.address, kill)
        taken = time.perf_counter() - begun
        with tempfile.TemporaryDirectory() as folder:
            again = resumed(history, settings, cluster.address, Path(folder))
    finally:
        cluster.shutdown()
    same = local.frame.equals(found.frame)
    whole = local.frame.equals(again.frame)
    print(
        f"{len(found.frame):,} settings on {NODES} nodes, one killed after {killed[0]:.0%}: {taken:.1f} s, "
        f"{taken / threads:.2f} of the threads' time (the start of the cluster, {started:.1f} s, left out); "
        f"rows equal to the threads': {same}"
    )
    print(
        f"driver killed in the middle: the next one found {again.resumed:,} of {len(again.frame):,} rows done; "
        f"rows equal to the threads': {whole}"
    )
    return 0 if same and whole and 0 < again.resumed < len(again.frame) else 1


if __name__ == "__main__":
    raise SystemExit(main(*map(int, sys.argv[1:])))
