"""Where chunks of work are done: here, in threads, in processes. (`cluster` has the fourth: on Ray.)

The unit of work is a chunk: some parameter sets, a fold, some bootstrap paths. A task is a function of what all
chunks share (the history and the settings) and of one chunk; it returns rows. They must depend on nothing else, so
that every executor gives the same ones.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, Protocol, TypeVar

from backtest.errors import BacktestError, UsageError
from backtest.sweeps import packing
from backtest.sweeps.worker import receive, send

Shared = TypeVar("Shared")
Chunk = TypeVar("Chunk")
Row = TypeVar("Row")

PACKAGE = Path(__file__).resolve().parents[2]
"""The folder that this package is imported from."""

RETRIES = 3
"""How often a chunk is done again after the process that had it was lost."""


class Executor(Protocol):
    """Does chunks and hands back their rows."""

    def run(
        self, task: Callable[[Shared, Chunk], list[Row]], shared: Shared, chunks: Sequence[Chunk]
    ) -> Generator[tuple[int, list[Row]]]:
        """The number of each chunk with its rows, as they are finished, in any order.

        An error of the task is raised here and ends the work; closing the iterator ends it too.
        """
        ...


class Serial:
    """One chunk after the other, in this thread."""

    def run(
        self, task: Callable[[Shared, Chunk], list[Row]], shared: Shared, chunks: Sequence[Chunk]
    ) -> Generator[tuple[int, list[Row]]]:
        """See `Executor`."""
        for number, chunk in enumerate(chunks):
            yield number, task(shared, chunk)


class Threads:
    """`jobs` threads: for tasks that spend their time in compiled code, which runs without the interpreter's lock."""

    def __init__(self, jobs: int) -> None:
        self.jobs = _counted(jobs)

    def run(
        self, task: Callable[[Shared, Chunk], list[Row]], shared: Shared, chunks: Sequence[Chunk]
    ) -> Generator[tuple[int, list[Row]]]:
        """See `Executor`."""
        pool = ThreadPoolExecutor(self.jobs, thread_name_prefix="isomargin")
        try:
            numbers = {pool.submit(task, shared, chunk): number for number, chunk in enumerate(chunks)}
            for future in as_completed(numbers):
                yield numbers.pop(future), future.result()
        finally:
            pool.shutdown(cancel_futures=True)


class Processes:
    """`jobs` processes, which read the history from one memory-mapped file: for strategies that decide in Python.

    A process that is lost (killed, out of memory) is started again and its chunk is done again, up to `RETRIES` times.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = _counted(jobs)

    def run(
        self, task: Callable[[Shared, Chunk], list[Row]], shared: Shared, chunks: Sequence[Chunk]
    ) -> Generator[tuple[int, list[Row]]]:
        """See `Executor`."""
        with tempfile.TemporaryDirectory(prefix="isomargin-") as folder:
            packing.write(packing.pack((task, shared)), Path(folder))
            crew = _Crew(Path(folder), list(chunks))
            try:
                yield from crew.work(min(self.jobs, len(chunks)))
            finally:
                crew.dismiss()


def _counted(jobs: int) -> int:
    if jobs < 1:
        raise UsageError(f"{jobs} jobs can do nothing; give 1 or more")
    return jobs


class _LostError(Exception):
    """A process ended in the middle of a chunk; holds its exit status."""


class _Process:
    """One worker process and the pipes to it."""

    def __init__(self, folder: Path) -> None:
        paths = [str(PACKAGE), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "backtest.sweeps.worker", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,
        )
        self._greeted = False

    def ask(self, chunk: object) -> tuple[bool, Any]:
        """Whether the chunk was done, and its rows or the error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            if not self._greeted:
                send(self._process.stdin, [path for path in sys.path if path])
                self._greeted = True
            send(self._process.stdin, chunk)
            reply: Any = receive(self._process.stdout)
        except (EOFError, OSError) as error:
            raise _LostError(self.end()) from error
        done, found = reply
        return done, found

    def kill(self) -> None:
        """Have the process end; the thread that waits for its answer finds it lost."""
        self._process.kill()

    def end(self) -> int:
        """End the process and close its pipes; its exit status."""
        self._process.kill()
        status = self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                _close(pipe)
        return status


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except OSError:  # what was still to be written to an ended process is of no use to it
        return


class _Crew:
    """The processes of one sweep, a thread for each, and the chunks that wait."""

    def __init__(self, folder: Path, chunks: list[Any]) -> None:
        self._folder = folder
        self._left = len(chunks)
        self._waiting: queue.SimpleQueue[tuple[int, Any, int]] = queue.SimpleQueue()
        for number, chunk in enumerate(chunks):
            self._waiting.put((number, chunk, 0))
        self._done: queue.SimpleQueue[tuple[int, Any] | BaseException] = queue.SimpleQueue()
        self._dismissed = threading.Event()
        self._processes: list[_Process] = []
        self._threads: list[threading.Thread] = []

    def work(self, jobs: int) -> Iterator[tuple[int, Any]]:
        """Rows of the chunks as they are finished."""
        self._threads = [threading.Thread(target=self._attend, daemon=True) for _ in range(jobs)]
        for thread in self._threads:
            thread.start()
        while self._left:
            found = self._done.get()
            if isinstance(found, BaseException):
                raise found
            self._left -= 1
            yield found

    def dismiss(self) -> None:
        """End all processes."""
        self._dismissed.set()
        while any(thread.is_alive() for thread in self._threads):
            for process in list(self._processes):
                process.kill()
            for thread in self._threads:
                thread.join(0.05)
        for process in self._processes:
            process.end()

    def _attend(self) -> None:
        try:
            self._attend_one()
        except BaseException as error:
            self._done.put(error)

    def _attend_one(self) -> None:
        process: _Process | None = None
        while not self._dismissed.is_set():
            try:
                number, chunk, lost = self._waiting.get_nowait()
            except queue.Empty:
                return
            if process is None:
                process = _Process(self._folder)
                self._processes.append(process)
            try:
                done, found = process.ask(chunk)
            except _LostError as loss:
                self._processes.remove(process)
                process = None
                self._again(number, chunk, lost + 1, loss.args[0])
                continue
            self._done.put((number, found) if done else found)

    def _again(self, number: int, chunk: Any, lost: int, status: int) -> None:
        if self._dismissed.is_set():
            return
        if lost > RETRIES:
            raise BacktestError(
                f"the worker process of chunk {number} ended {lost} times with exit status {status}; -9 means that it "
                "was killed, most often because the memory ran out: use fewer jobs, fewer symbols or a shorter range"
            )
        self._waiting.put((number, chunk, lost))
