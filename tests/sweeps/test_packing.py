"""A history travels without a copy, and what no other process can import travels by value."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from backtest import plugins
from backtest.sweeps import packing
from tests.sweeps.worlds import market


def test_the_prices_of_a_history_are_neither_copied_when_packed_nor_when_unpacked() -> None:
    history = market(2_000, legs=3)
    packed = packing.pack({"history": history})
    assert len(packed.head) < 40_000  # the prices alone are 432,000 bytes
    again = packing.unpack(packed.head, packed.arrays)["history"]
    assert np.shares_memory(again.prices, history.prices)
    assert again.fingerprint == history.fingerprint


def test_a_folder_holds_the_value_and_its_arrays_are_read_only(tmp_path: Path) -> None:
    values = {"one": np.arange(20_000.0), "other": np.arange(9_001, dtype=np.int64), "small": 7}
    packing.write(packing.pack(values), tmp_path)
    found = packing.read(tmp_path)
    assert found["small"] == 7
    for name in ("one", "other"):
        np.testing.assert_array_equal(found[name], values[name])
        assert not found[name].flags.writeable


def test_a_strategy_of_a_file_travels_by_value(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import backtest as bt\n\nclass Mine(bt.Strategy):\n    size = bt.Param(3, low=1, high=9)\n")
    mine = plugins.strategy(f"{file}:Mine")
    packed = packing.pack(mine)
    assert b"backtest_user_" in packed.head
    with_name_only = pickle.dumps(mine)
    assert len(packed.head) > 3 * len(with_name_only)
