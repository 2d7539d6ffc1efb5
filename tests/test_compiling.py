"""The cache of compiled kernels: what a warm start loads, and which folders are kept."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from backtest import compiling

BARE_RUN = """
import sys
import backtest as bt
from strategies.buy_and_hold import BuyAndHold
bt.run(BuyAndHold, bt.load("sample", ["BTC/USDT:USDT"], "1h", store=sys.argv[1]), cash=10_000)
print(sorted({"scipy.linalg", "numba.np.arraymath", "pandas", "matplotlib", "ccxt", "rich"} & set(sys.modules)))
"""
DAY = 86_400


def test_a_run_with_warm_kernels_loads_no_compiler_back_end_and_no_tables(tmp_path: Path) -> None:
    said = []
    for _ in ("kernels may be compiled", "kernels are warm"):
        done = subprocess.run(
            [sys.executable, "-c", BARE_RUN, str(tmp_path)], capture_output=True, text=True, check=True
        )
        said.append(done.stdout.strip())
    assert said[-1] == "[]"


def made(place: Path, name: str, days: float) -> Path:
    """A folder of compiled code that was last used so many days ago."""
    folder = place / name
    folder.mkdir()
    (folder / "advance.nbi").write_bytes(b"code")
    then = time.time() - days * DAY
    os.utime(folder, (then, then))
    return folder


def digest(number: int) -> str:
    return f"{number:020x}"


def test_folders_that_were_not_used_for_long_are_removed(tmp_path: Path) -> None:
    old, young = made(tmp_path, digest(1), 31), made(tmp_path, digest(2), 29)
    compiling.tidy(tmp_path)
    assert (old.exists(), young.exists()) == (False, True)


def test_only_the_folders_used_last_are_kept_and_none_that_may_be_in_use(tmp_path: Path) -> None:
    in_use = [made(tmp_path, digest(number), 0.01) for number in range(compiling.KEPT_FOLDERS + 3)]
    older = [made(tmp_path, digest(100 + number), 1 + number) for number in range(3)]
    compiling.tidy(tmp_path)
    assert all(each.exists() for each in in_use)
    assert not any(each.exists() for each in older)


def test_nothing_else_in_the_cache_is_touched(tmp_path: Path) -> None:
    others = [made(tmp_path, "notes", 400), made(tmp_path, "0123", 400)]
    half_removed = made(tmp_path, f".removed-{digest(7)}-99", 1.0)
    removed_long_ago = made(tmp_path, f".removed-{digest(8)}-99", 31)
    (tmp_path / digest(9)).symlink_to(others[0])
    compiling.tidy(tmp_path)
    assert all(each.exists() for each in others) and (tmp_path / digest(9)).is_symlink()
    assert half_removed.exists() and not removed_long_ago.exists()


def test_a_new_folder_tidies_and_one_in_use_counts_as_used(tmp_path: Path) -> None:
    place = tmp_path / "isomargin"
    place.mkdir()
    old = made(place, digest(1), 60)
    ask = "from backtest import compiling; print(compiling.cache_folder())"
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", ask],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        )
        folder = Path(done.stdout.strip())
        assert not old.exists()
        assert time.time() - folder.stat().st_mtime < 60
        os.utime(folder, (1.0, 1.0))
