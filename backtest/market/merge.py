"""Joining new rows with rows already stored: nothing doubled, nothing overwritten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtest.clock import time_text
from backtest.errors import MarketDataError


@dataclass(frozen=True, kw_only=True)
class Merged:
    """Columns after a merge, and how many of the new rows were new."""

    columns: dict[str, NDArray[Any]]
    added: int


def merge(name: str, old: Mapping[str, NDArray[Any]], new: Mapping[str, NDArray[Any]]) -> Merged:
    """Join two sets of columns sorted by `time`; a time in both with different values raises, naming the row."""
    where = np.searchsorted(old["time"], new["time"])
    inside = np.minimum(where, max(old["time"].size - 1, 0))
    known = (where < old["time"].size) & (old["time"][inside] == new["time"]) if old["time"].size else where < 0
    for column, values in new.items():
        if column == "time":
            continue
        stored, said = old[column][where[known]], values[known]
        differs = ~((stored == said) | (np.isnan(stored.astype(np.float64)) & np.isnan(said.astype(np.float64))))
        if differs.any():
            row = int(np.argmax(differs))
            when = time_text(int(new["time"][known][row]))
            raise MarketDataError(
                f"{name}: at {when} the store has {column} {stored[row]:.10g}, the new row says {said[row]:.10g} "
                f"({int(differs.sum())} rows differ); the store keeps what it has: find out which is right, and remove "
                "the stored month before importing the other"
            )
    fresh = ~known
    joined = {column: np.concatenate([old[column], values[fresh]]) for column, values in new.items()}
    order = np.argsort(joined["time"], kind="stable")
    return Merged(columns={column: values[order] for column, values in joined.items()}, added=int(fresh.sum()))
