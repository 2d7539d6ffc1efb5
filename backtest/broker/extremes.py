"""What a simulation reads of the market besides its bars: their extremes in blocks, holes, and put-off settlements.

Blocks and holes are made once for a history and shared by all runs on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backtest.broker import codes
from backtest.broker.records import FUNDING, HOLE
from backtest.broker.search import block_extremes

Records = np.ndarray[Any, np.dtype[Any]]


class Extremes:
    """What all runs over one history share: its bars as the kernel reads them, its holes, and its block index.

    `bars` is (bars, symbols, columns): the prices of a bar lie side by side, for all symbols, for an event reads all
    of one bar and little of its neighbours. `fine` and `coarse` are the extremes of blocks in two sizes.
    """

    def __init__(self, prices: np.ndarray, blocks: tuple[int, int] = (8, 128)) -> None:
        self.bars = np.ascontiguousarray(prices.transpose(2, 0, 1))
        self.missing = np.isnan(prices[:, codes.OPEN]) | np.isnan(prices[:, codes.MARK_OPEN])
        self.holes = holes_of(self.missing)
        self.fine_bars, self.coarse_bars = blocks
        self.fine, self.coarse = (np.empty((len(prices), 4, -(-prices.shape[2] // size))) for size in blocks)
        block_extremes(self.bars, self.fine_bars, self.fine)
        block_extremes(self.bars, self.coarse_bars, self.coarse)


def holes_of(missing: np.ndarray) -> Records:
    """Runs of missing bars, sorted by bar and leg."""
    edges = np.diff(missing.astype(np.int8), axis=1, prepend=0, append=0)
    legs, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    holes = np.zeros(len(starts), HOLE)
    holes["bar"], holes["bars"], holes["leg"] = starts, ends - starts, legs
    return holes[np.lexsort((legs, starts))]


def with_crashes(holes: Records, prices: np.ndarray, adl: float) -> Records:
    """The holes, and the bars after those in which a mark moved by `adl` (a fraction) from its open to an extreme."""
    opened, high, low = prices[:, codes.MARK_OPEN], prices[:, codes.MARK_HIGH], prices[:, codes.MARK_LOW]
    rows = []
    for crash, moved in ((1, high >= opened * (1.0 + adl)), (-1, low <= opened * (1.0 - adl))):
        legs, bars = np.nonzero(moved[:, :-1])
        found = np.zeros(len(bars), HOLE)
        found["bar"], found["leg"], found["crash"] = bars + 1, legs, crash
        rows.append(found)
    together = np.concatenate([holes, *rows])
    return together[np.lexsort((together["leg"], together["bar"]))]


def deferred(funding: Records, missing: np.ndarray) -> Records:
    """Funding with the settlements that fall into a hole put off to the symbol's next present bar; those after the
    end dropped.
    """
    settled = funding.astype(FUNDING, copy=True)
    bars = missing.shape[1]
    for leg in np.unique(settled["leg"]):
        if not missing[leg].any():
            continue
        there = np.flatnonzero(~missing[leg])
        rows = settled["leg"] == leg
        following = np.searchsorted(there, settled["bar"][rows])
        settled["bar"][rows] = np.append(there, bars)[following]
    settled = settled[settled["bar"] < bars]
    order = np.lexsort((settled["time_ns"], settled["leg"], settled["bar"]))
    in_order: Records = settled[order]
    return in_order
