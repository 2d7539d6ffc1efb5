"""A value as a small head and its large arrays apart, so that many processes read the arrays from one place.

Arrays leave the pickle by protocol 5 (PEP 574) and come back as read-only views on whatever holds their bytes: a
memory-mapped file on this machine, the object store of a cluster. Classes and functions of a script, a notebook or a
strategy file travel by value, for no other process can import them.
"""

from __future__ import annotations

import copyreg
import mmap
import pickle
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numba import cloudpickle
from numpy.typing import NDArray

from backtest.market.history import MarketHistory
from backtest.plugins import USER_MODULES

LARGE = 64 * 1024
"""Bytes from which an array is kept apart."""
_HEAD, _BYTES, _SIZES = "head.pickle", "arrays.bin", "sizes.pickle"
_ALIGNED = 64


def _apart(history: MarketHistory) -> tuple[Any, ...]:
    """How a history is pickled: its prices as they lie in memory, bar by bar, so that they need no copy."""
    given = {each.name: getattr(history, each.name) for each in fields(history) if each.name != "prices"}
    return _together, (given, history.bars)


def _together(given: dict[str, Any], bars: NDArray[np.float64]) -> MarketHistory:
    return MarketHistory(prices=bars.transpose(1, 2, 0), **given)


copyreg.pickle(MarketHistory, _apart)


@dataclass(frozen=True)
class Packed:
    """The pickled head of a value, and the bytes of its large arrays."""

    head: bytes
    arrays: tuple[memoryview, ...]


def pack(value: object) -> Packed:
    """Take a value apart; no array is copied."""
    arrays: list[memoryview] = []

    def keep_apart(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < LARGE:
            return True
        arrays.append(raw)
        return False

    for name, module in list(sys.modules.items()):
        if name.startswith(USER_MODULES):
            cloudpickle.register_pickle_by_value(module)
    head = cloudpickle.dumps(value, protocol=5, buffer_callback=keep_apart)
    return Packed(head, tuple(arrays))


def unpack(head: bytes, arrays: Sequence[Any]) -> Any:
    """The value again, its large arrays being views on `arrays`."""
    return pickle.loads(head, buffers=arrays)


def write(packed: Packed, folder: Path) -> None:
    """Write a packed value into a folder, its arrays one after the other in one file."""
    (folder / _HEAD).write_bytes(packed.head)
    (folder / _SIZES).write_bytes(pickle.dumps([array.nbytes for array in packed.arrays]))
    with (folder / _BYTES).open("wb") as file:
        for array in packed.arrays:
            file.write(array)
            file.write(b"\0" * (-array.nbytes % _ALIGNED))


def read(folder: Path) -> Any:
    """The value written by `write`; its arrays are views on the mapped file, shared by all that read it."""
    sizes = pickle.loads((folder / _SIZES).read_bytes())
    arrays: list[memoryview] = []
    if sizes:
        with (folder / _BYTES).open("rb") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        start = 0
        for size in sizes:
            arrays.append(mapped[start : start + size])
            start += size + -size % _ALIGNED
    return unpack((folder / _HEAD).read_bytes(), arrays)
