"""`make bench`: every engine on every work, one table with ratios, kept in benchmarks/RESULTS.md.

`make bench-self` (`--self`): isomargin alone with the vectorbt it is installed with, beside the last release's figures.
`--keep` keeps this run's figures as those of the release.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from backtest.errors import BacktestError
from benchmarks import callbacks, cold, comparison, generator, growth, sweeping
from benchmarks.environments import QUICK, UnavailableError, alone, timed
from benchmarks.minimal import Rule
from benchmarks.table import Figure, figures

FOLDER = Path(__file__).parent
RESULTS, KEPT = FOLDER / "RESULTS.md", FOLDER / "kept.json"
ABSENT = (
    "freqtrade is not timed: before each backtest it asks the exchange for its markets, so it does not run on a made "
    "market without a connection."
)


def main() -> None:
    """Time everything; a missed bar is said in the table, and the exit code stays 0: a figure is no test."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--peers", nargs="*", default=[], help="names, or their beginnings; all without it")
    parser.add_argument("--works", nargs="*", default=list(comparison.WORKS), choices=list(comparison.WORKS))
    parser.add_argument("--self", action="store_true", dest="alone")
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args()
    os.environ.update(alone())
    generator.make()
    begun, load = time.monotonic(), os.getloadavg()[0]
    found = comparison.ours(asked.works)
    missing: list[str] = []
    if asked.alone:
        found += _installed(asked.works)
    else:
        others, missing = comparison.peers(comparison.chosen(asked.peers), asked.works)
        found += others
    held = comparison.lines(found)
    whole = not asked.peers and len(asked.works) == len(comparison.WORKS)
    if whole:
        for part in (growth, callbacks, sweeping, cold):
            print(part.__name__, file=sys.stderr)
            try:
                held += part.lines()
            except (AssertionError, BacktestError, OSError, RuntimeError, subprocess.CalledProcessError) as error:
                missing.append(f"{part.__name__} failed: {type(error).__name__}: {error}")
    kept = json.loads(KEPT.read_text()) if asked.alone and KEPT.exists() else None
    machine = _machine(load, time.monotonic() - begun)
    print(f"{comparison.table(found)}\n")
    if kept is not None:
        print(f"Against isomargin {kept['version']} ({kept['machine']}):\n")
    print(f"{figures(held, None if kept is None else kept['figures'])}\n\n{machine}")
    print("\n".join(missing))
    if whole and not asked.alone:
        RESULTS.write_text(_document(found, held, machine, missing))
    if whole and asked.keep:
        values = {each.name: each.value for each in held}
        KEPT.write_text(
            json.dumps({"version": version("isomargin"), "machine": machine, "figures": values}, indent=1) + "\n"
        )


def _installed(works: list[str]) -> list[comparison.Entry]:
    """vectorbt as isomargin's own environment has it."""
    found = []
    for work in (work for work in works if work in QUICK):
        try:
            found.append(timed(sys.executable, "peers.vectorbt_", work, QUICK[work], "numba"))
        except UnavailableError as error:
            print(error, file=sys.stderr)
    return [comparison.entry(each, Rule.NEXT_OPEN) for each in found]


def _machine(load: float, seconds: float) -> str:
    names = ("isomargin", "numba", "numpy", "pandas")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return (
        f"{time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, {_processor()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, {versions}; load {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end; "
        f"{seconds / 60:.0f} minutes in all."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _document(found: list[comparison.Entry], held: list[Figure], machine: str, missing: list[str]) -> str:
    works = "\n".join(f"- {name}: {said}" for name, said in comparison.WORKS.items())
    absent = "\n".join(f"- {each}" for each in [*missing, ABSENT])
    return f"""# Results of `make bench`

{machine}

## The works, by every engine

{works}

CPU nanoseconds of the engine's own run call for each bar × symbol (× setting of W3; W4: for each symbol-hour), signals
and set-up apart; medians of warm runs on one thread. Where an engine is too slow for the whole work it does the part
that is named. Trades are held to a minimal loop (`benchmarks/minimal.py`): the same number of fills, and the final
equity to {comparison.TOLERANCE:g}. isomargin runs with its full isolated-margin rules.

{comparison.table(found)}

## The bars

{figures(held)}

Absent:

{absent}
"""


if __name__ == "__main__":
    main()
