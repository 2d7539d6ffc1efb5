"""`make bench-self`: run every work, print one table, keep it in benchmarks/RESULTS.md."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks import commands, decisions, schedules
from benchmarks.timing import table


def main() -> None:
    """Time everything; a missed bar is said in the table, and the exit code stays 0: a figure is no test."""
    lines = [*schedules.lines(), *decisions.lines(), *commands.lines()]
    versions = ", ".join(f"{name} {version(name)}" for name in ("isomargin", "numba", "numpy", "pandas", "vectorbt"))
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, {versions}"
    text = f"{table(lines)}\n\nMedians; CPU time of one thread unless wall is said. {machine}.\n"
    print(text)
    Path(__file__).with_name("RESULTS.md").write_text(f"# Results of `make bench-self`\n\n{text}")


if __name__ == "__main__":
    main()
