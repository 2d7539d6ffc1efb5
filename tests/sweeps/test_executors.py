"""Every executor gives the same rows; a lost process is replaced."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtest.errors import BacktestError, UsageError
from backtest.sweeps import executors
from backtest.sweeps.executors import Executor, Processes, Serial, Threads

CHUNKS = [(number, number + 1) for number in range(0, 8, 2)]
LARGE = np.arange(100_000.0)


def squares(shared: np.ndarray[Any, Any], chunk: tuple[int, ...]) -> list[dict[str, float]]:
    return [{"trial": number, "value": float(shared[number] ** 2)} for number in chunk]


def where(shared: dict[str, Any], chunk: tuple[int, ...]) -> list[tuple[int, bool, bool]]:
    return [(os.getpid(), shared["large"].flags.owndata, shared["large"].flags.writeable)]


def killed_once(shared: Path, chunk: tuple[int, ...]) -> list[int]:
    mark = shared / f"seen-{chunk[0]}"
    if chunk[0] == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return list(chunk)


def always_killed(shared: None, chunk: tuple[int, ...]) -> list[int]:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def raising(shared: None, chunk: tuple[int, ...]) -> list[int]:
    if chunk[0] == 4:
        raise UsageError("no such thing")
    return []


@pytest.mark.parametrize("executor", [Serial(), Threads(2), Processes(1)], ids=lambda each: type(each).__name__)
def test_all_executors_give_the_same_rows(executor: Executor) -> None:
    found = dict(executor.run(squares, LARGE, CHUNKS))
    assert sorted(found) == [0, 1, 2, 3]
    assert found[3] == [{"trial": 6, "value": 36.0}, {"trial": 7, "value": 49.0}]


@pytest.mark.parametrize("executor", [Serial(), Threads(2), Processes(1)], ids=lambda each: type(each).__name__)
def test_an_error_of_the_task_is_raised_where_the_rows_are_read(executor: Executor) -> None:
    with pytest.raises(UsageError, match="no such thing"):
        list(executor.run(raising, None, CHUNKS))


def test_processes_see_the_large_arrays_without_a_copy_and_read_only() -> None:
    found = [row for _, rows in Processes(1).run(where, {"large": LARGE}, CHUNKS) for row in rows]
    assert all(not owned and not writeable for _, owned, writeable in found)
    assert os.getpid() not in {process for process, _, _ in found}


def test_a_lost_process_is_started_again_and_its_chunk_redone(tmp_path: Path) -> None:
    found = dict(Processes(2).run(killed_once, tmp_path, CHUNKS))
    assert (tmp_path / "seen-2").exists()
    assert found == {0: [0, 1], 1: [2, 3], 2: [4, 5], 3: [6, 7]}


def test_a_chunk_that_loses_every_process_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "RETRIES", 1)
    with pytest.raises(BacktestError, match="ended 2 times with exit status -9"):
        list(Processes(1).run(always_killed, None, CHUNKS[:1]))


def test_leaving_early_ends_the_processes() -> None:
    work = Processes(1).run(squares, LARGE, CHUNKS)
    next(work)
    work.close()


def test_no_jobs_are_refused() -> None:
    with pytest.raises(UsageError, match="0 jobs can do nothing"):
        Threads(0)
