"""The cluster's executor, on a stand-in for Ray that does the tasks at once.

A cluster of three nodes of which one is killed, and a driver that is killed, are set up by `python -m
benchmarks.cluster`: starting it takes longer than a test may.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import backtest as bt
from backtest.errors import BacktestError, UsageError
from backtest.sweeps.cluster import Cluster
from tests.sweeps.worlds import market

CHUNKS = [(number, number + 1) for number in range(0, 20, 2)]


class LostError(Exception):
    """Stands for an error of Ray's own."""


@dataclass(eq=False)
class Reference:
    """Stands for a reference to a task's result."""

    chunk: Any
    found: Any


def stand_in(lost: int = -1) -> SimpleNamespace:
    """What the executor uses of Ray: objects are their own references, tasks are done when they are handed out."""
    log: dict[str, Any] = {"put": 0, "ahead": 0, "open": 0, "shut": 0}

    def put(value: Any) -> Any:
        log["put"] += 1
        return value

    class Remote:
        def __init__(self, function: Callable[..., Any]) -> None:
            self.function = function

        def remote(self, head: bytes, chunk: Any, *arrays: Any) -> Any:
            log["open"] += 1
            log["ahead"] = max(log["ahead"], log["open"])
            return Reference(chunk, self.function(head, chunk, *arrays))

    def get(reference: Any) -> Any:
        log["open"] -= 1
        if reference.chunk[0] == lost:
            raise LostError("the node died")
        return reference.found

    return SimpleNamespace(
        put=put,
        get=get,
        remote=lambda **_: Remote,
        wait=lambda references, num_returns: (references[:num_returns], references[num_returns:]),
        cancel=lambda reference, force: None,
        is_initialized=lambda: True,
        cluster_resources=lambda: {"CPU": 2.0},
        exceptions=SimpleNamespace(RayError=LostError),
        log=log,
    )


def doubled(shared: np.ndarray[Any, Any], chunk: tuple[int, ...]) -> list[float]:
    assert not shared.flags.owndata
    return [2.0 * float(shared[number]) for number in chunk]


def refusing(shared: None, chunk: tuple[int, ...]) -> list[float]:
    raise UsageError("no such parameter")


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    made = stand_in()
    monkeypatch.setitem(sys.modules, "ray", made)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    return made


def test_all_chunks_come_back_and_the_shared_arrays_are_put_once(ray: SimpleNamespace) -> None:
    found = dict(Cluster("auto").run(doubled, np.arange(100_000.0), CHUNKS))
    assert found == {k: [4.0 * k, 4.0 * k + 2.0] for k in range(10)}
    assert ray.log["put"] == 2  # the head and one array
    assert ray.log["ahead"] <= 2 + 3


def test_an_error_of_the_task_is_raised_as_it_is(ray: SimpleNamespace) -> None:
    with pytest.raises(UsageError, match="no such parameter"):
        list(Cluster("auto").run(refusing, None, CHUNKS))


def test_what_the_cluster_cannot_do_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", stand_in(lost=4))
    with pytest.raises(BacktestError, match=r"could not do chunk 2.*the node died.*start the sweep again"):
        list(Cluster("auto").run(doubled, np.arange(100_000.0), CHUNKS))


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'isomargin\[cluster\]'"):
        list(Cluster("auto").run(doubled, np.arange(100_000.0), CHUNKS))


class Sized(bt.Strategy):
    """One long, opened at the first bar."""

    leverage = bt.Param(2, low=1, high=20)
    margin = bt.Param(1_000, low=10, high=9_000)

    def plan(self) -> bt.Schedule:
        return bt.Schedule.of_targets([0], [0], margin=[self.margin], leverage=self.leverage)


GRID = {"leverage": [2, 5, 10, 20], "margin": list(range(100, 4_100, 100))}
DRIVER = """
import sys, time
from tests.sweeps import test_cluster as here
ray = here.stand_in()
at_once = ray.get
ray.get = lambda reference: (time.sleep(0.05), at_once(reference))[1]
sys.modules["ray"] = ray
import backtest as bt
bt.sweep(here.Sized, here.market(), grid=here.GRID, jobs=2, cluster="auto", out=sys.argv[1])
"""


def test_a_driver_killed_in_the_middle_loses_no_finished_result(ray: SimpleNamespace, tmp_path: Path) -> None:
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)], cwd=Path(__file__).parents[2])
    until = time.monotonic() + 300
    while len(list(tmp_path.glob("*/parts/[0-9]*.parquet"))) < 3:
        assert driver.poll() is None and time.monotonic() < until
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    resumed = bt.sweep(Sized, market(), grid=GRID, jobs=2, cluster="auto", out=tmp_path)
    assert 0 < resumed.resumed < len(resumed.frame) == 160
    assert resumed.frame.equals(bt.sweep(Sized, market(), grid=GRID, jobs=1).frame)
