"""Chunks on a Ray cluster (extra `cluster`): the history lies once in each node's object store and is read from there.

Ray schedules and moves; what it loses with a node is handed out again. Address `local` starts a cluster of this
machine's cores for the time of the sweep, `auto` takes the one that runs here, `host:6379` one elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from backtest.errors import BacktestError, UsageError
from backtest.sweeps import packing
from backtest.sweeps.executors import RETRIES

Shared = TypeVar("Shared")
Chunk = TypeVar("Chunk")
Row = TypeVar("Row")

LOCAL = "local"
AHEAD = 3
"""Chunks handed out beyond each core, so that no worker waits for the driver."""


class Cluster:
    """The chunks are done by the workers of a Ray cluster; a lost one is done again, up to `RETRIES` times."""

    def __init__(self, address: str) -> None:
        self.address = address

    def run(
        self, task: Callable[[Shared, Chunk], list[Row]], shared: Shared, chunks: Sequence[Chunk]
    ) -> Generator[tuple[int, list[Row]]]:
        """See `Executor`."""
        ray = _ray()
        with _connected(ray, self.address):
            packed = packing.pack((task, shared))
            arrays = [ray.put(_bytes(array)) for array in packed.arrays]
            head = ray.put(packed.head)
            done = ray.remote(max_retries=RETRIES, num_cpus=1)(_do)
            room = max(1, int(ray.cluster_resources().get("CPU", 1))) + AHEAD
            waiting = list(enumerate(chunks))[::-1]
            out: dict[Any, int] = {}
            try:
                while waiting or out:
                    while waiting and len(out) < room:
                        number, chunk = waiting.pop()
                        out[done.remote(head, chunk, *arrays)] = number
                    ready, _ = ray.wait(list(out), num_returns=1)
                    for reference in ready:
                        number = out.pop(reference)
                        yield number, _found(ray, reference, number)
            finally:
                for reference in out:
                    ray.cancel(reference, force=True)


def _do(head: bytes, chunk: Any, *arrays: Any) -> tuple[bool, Any]:
    """One chunk, on a worker: whether it was done, and its rows or the error."""
    task, shared = _unpacked(head, arrays)
    try:
        return True, task(shared, chunk)
    except BacktestError as error:
        return False, error


_LAST: list[tuple[bytes, Any]] = []
"""What this worker unpacked last: the same for all chunks of a sweep, and with it the index of the history."""


def _unpacked(head: bytes, arrays: Sequence[Any]) -> Any:
    if not _LAST or _LAST[0][0] != head:
        _LAST[:] = [(head, packing.unpack(head, arrays))]
    return _LAST[0][1]


def _bytes(array: memoryview) -> Any:
    import numpy as np

    return np.frombuffer(array, np.uint8)


def _found(ray: Any, reference: Any, number: int) -> Any:
    try:
        done, found = ray.get(reference)
    except ray.exceptions.RayError as error:
        raise BacktestError(
            f"the cluster could not do chunk {number}, after {RETRIES} new tries: {error}; what is finished is kept: "
            "start the sweep again to go on"
        ) from error
    if not done:
        raise found
    return found


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise UsageError("--cluster needs Ray; install it with: pip install 'isomargin[cluster]'") from error
    return ray


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """Connected to the cluster; left again only if the connection was made here."""
    if ray.is_initialized():
        yield
        return
    common: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    try:
        if address == LOCAL:
            os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # it is reached from this machine only
            ray.init(address=LOCAL, **common)
        else:
            common.pop("include_dashboard")
            ray.init(address=address, **common)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"no Ray cluster answers at '{address}': {error}; start one with `ray start --head`, or use --cluster local"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()
