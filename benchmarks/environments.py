"""The peers: what each needs, its own virtual environment, made when it is first asked for, and its script's run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from benchmarks.measure import Measured
from benchmarks.minimal import Rule

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = Path(__file__).parent / ".environments"
OLDER = {"3.12": ("python3.12", ".pyenv/versions/3.12*/bin/python")}
"""Where an interpreter that a peer asks for is looked for: on the path, then under the home folder."""


class UnavailableError(Exception):
    """A peer cannot be set up here; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """How much of a work a peer does: bars (0: all), timed runs, settings of W3."""

    bars: int = 0
    runs: int = 3
    settings: int = 100


@dataclass(frozen=True, kw_only=True)
class Peer:
    """An engine: its script, requirements, interpreter, the works it does, and what its trades are held to."""

    name: str
    module: str
    needs: tuple[str, ...]
    parts: Mapping[str, Part]
    engine: str = ""
    python: str = ""
    rule: Rule = Rule.NEXT_OPEN
    rules: Mapping[str, Rule] = field(default_factory=dict)

    def rule_of(self, work: str) -> Rule:
        """What the trades of a work are held to."""
        return self.rules.get(work, self.rule)


VECTORBT = ("vectorbt[rust]==1.2.0",)
QUICK = {"W1": Part(runs=7), "W2": Part(runs=3), "W3": Part(runs=1)}
PEERS = (
    Peer(name="vectorbt rust", module="vectorbt_", needs=VECTORBT, engine="rust", parts=QUICK),
    Peer(
        name="vectorbt numba",
        module="vectorbt_",
        needs=VECTORBT,
        engine="numba",
        parts={**QUICK, "W4": Part(runs=3)},
    ),
    Peer(
        name="vectorbt python",
        module="vectorbt_",
        needs=VECTORBT,
        engine="python",
        parts={"W4": Part(bars=3_000, runs=1)},
    ),
    Peer(
        name="backtesting.py",
        module="backtesting_",
        needs=("backtesting==0.6.6",),
        rule=Rule.OWN_WALLETS,
        parts={
            "W1": Part(bars=200_000, runs=2),
            "W2": Part(bars=20_000, runs=1),
            "W3": Part(bars=200_000, runs=1, settings=1),
            "W4": Part(runs=2),
        },
    ),
    Peer(
        name="bt",
        module="bt_",
        needs=("bt==1.4.1",),
        parts={
            "W1": Part(bars=200_000, runs=2),
            "W2": Part(bars=50_000, runs=1),
            "W3": Part(bars=200_000, runs=1, settings=1),
            "W4": Part(runs=2),
        },
    ),
    Peer(
        name="nautilus_trader",
        module="nautilus_",
        needs=("nautilus_trader==1.231.0", "pandas<3"),
        python="3.12",
        rule=Rule.SAME_CLOSE,
        parts={
            "W1": Part(bars=100_000, runs=2),
            "W2": Part(bars=10_000, runs=1),
            "W3": Part(bars=100_000, runs=1, settings=1),
            "W4": Part(bars=2_500, runs=2),
        },
    ),
    Peer(
        name="backtrader",
        module="backtrader_",
        needs=("backtrader==1.9.78.123", "numpy", "pandas"),
        parts={
            "W1": Part(bars=50_000, runs=2),
            "W2": Part(bars=6_000, runs=1),
            "W3": Part(bars=50_000, runs=1, settings=1),
            "W4": Part(bars=3_000, runs=2),
        },
    ),
)


def interpreter(version: str) -> str:
    """An interpreter of a version, this one if none is asked for."""
    if not version:
        return sys.executable
    name, pattern = OLDER[version]
    for candidate in (shutil.which(name), *sorted(Path.home().glob(pattern), reverse=True)):
        asked = [str(candidate), "-c", "import sys; print('.'.join(map(str, sys.version_info[:2])))"]
        if candidate and subprocess.run(asked, capture_output=True, text=True).stdout.strip() == version:
            return str(candidate)
    raise UnavailableError(f"it needs Python {version}, and none was found")


@cache
def environment(module: str, needs: tuple[str, ...], version: str) -> Path:
    """The interpreter of a peer's own environment; set up unless it stands already."""
    folder = ENVIRONMENTS / module.rstrip("_")
    ready, python = folder / ".ready", folder / "bin" / "python"
    if ready.exists() and ready.read_text() == "\n".join(needs):
        return python
    source = interpreter(version)
    print(f"setting up {', '.join(needs)} in {folder.relative_to(ROOT)} (once)", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    for command in ([source, "-m", "venv", folder], [python, "-m", "pip", "install", "--quiet", *needs]):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if done.returncode:
            shutil.rmtree(folder, ignore_errors=True)
            raise UnavailableError(f"its set-up failed: {done.stderr.strip().splitlines()[-1]}")
    ready.write_text("\n".join(needs))
    return python


def alone() -> dict[str, str]:
    """The environment of a process that keeps to one thread."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
    return {**os.environ, **one, "PYTHONPATH": str(ROOT)}


def timed(python: Path | str, module: str, work: str, part: Part, engine: str = "") -> Measured:
    """Run a script of this package in an interpreter and read what it found."""
    command = [str(python), "-m", f"benchmarks.{module}", work, "--runs", str(part.runs), "--bars", str(part.bars)]
    command += ["--engine", engine] if engine else []
    done = subprocess.run(command, cwd=ROOT, env=alone(), capture_output=True, text=True)
    if done.returncode:
        raise UnavailableError(f"{module} {work} failed: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
    return Measured(**json.loads(done.stdout.strip().splitlines()[-1]))
