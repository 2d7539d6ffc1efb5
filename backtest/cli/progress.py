"""Progress of a long run on stderr: a bar on a terminal, one line per ten percent elsewhere, nothing on a short run."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

import click

PATIENCE_S = 1.5


class Progress:
    """Called with the share done, 0 to 1; silent in the first second and a half, and always when `quiet`.

    with Progress("gradual-leverage", quiet=False) as progress:
        engine.run(strategy, history, progress=progress)
    """

    def __init__(self, title: str, *, quiet: bool) -> None:
        self._title = title
        self._quiet = quiet
        self._began: float | None = None
        self._told = 0
        self._bar: TerminalBar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: float) -> None:
        now = time.monotonic()
        if self._began is None:
            self._began = now
        if self._quiet or now - self._began < PATIENCE_S:
            return
        if sys.stderr.isatty():
            if self._bar is None:
                self._bar = TerminalBar(self._title)
            self._bar.show(done)
            return
        tenth = int(done * 10)
        if tenth > self._told:
            self._told = tenth
            spent = now - self._began
            left = spent / done - spent
            click.echo(f"{self._title}: {tenth * 10} % after {spent:.0f} s, about {left:.0f} s left", err=True)


class TerminalBar:
    """A bar with the time left, drawn by rich on stderr and wiped at the end."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._progress = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task(title, total=1.0)
        self._progress.start()

    def show(self, done: float) -> None:
        self._progress.update(self._task, completed=done)

    def stop(self) -> None:
        self._progress.stop()
