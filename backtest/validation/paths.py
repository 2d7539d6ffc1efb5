"""New market paths out of a history's own pieces: a block bootstrap of its bars.

A path is a row of blocks drawn with replacement. A block is a stretch of consecutive bars of *all* symbols together, so
what moved together still does. Its bars are carried over as they are, last and mark, each multiplied by one factor a
symbol that makes the block begin at the price that the path has reached (the gap from the last close before the block
is the history's own). So log returns, the shapes of bars, and the ratio of mark to last are those of the history. A
missing bar travels as a missing bar, volume as it is; the hour of the day does not travel. Funding settles at the
path's own stamps, which are those of the history, at the rate that was due next where the block's bar came from.

Stationary blocks have geometrically distributed lengths and wrap around the end (D. N. Politis and J. P. Romano, "The
Stationary Bootstrap", 1994); fixed blocks all have one length (H. R. Künsch, 1989: the moving-block bootstrap). Path
`number` of a seed is the same whatever else is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backtest.clock import interval_text
from backtest.errors import UsageError
from backtest.market.history import CLOSE, OPEN, VOLUME, MarketHistory


class Blocks(IntEnum):
    """How long a block is."""

    STATIONARY = 1
    FIXED = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Bootstrap:
    """Paths of one history.

    block_ns: length of a block (the mean one, if stationary), a whole number of base bars. seed: of the draws.

    `path(7)` is the eighth path, a MarketHistory on the history's own clock.
    """

    history: MarketHistory
    block_ns: int
    blocks: Blocks = Blocks.STATIONARY
    seed: int = 0

    def __post_init__(self) -> None:
        history = self.history
        if self.block_ns < history.interval_ns or self.block_ns % history.interval_ns:
            raise UsageError(
                f"a block of {interval_text(self.block_ns)} is no whole number of base bars of "
                f"{interval_text(history.interval_ns)}"
            )
        if self.block_bars > history.length:
            raise UsageError(
                f"a block of {interval_text(self.block_ns)} is longer than the history of {history.length:,} bars; "
                "choose a shorter one, or a longer range"
            )

    @property
    def block_bars(self) -> int:
        """Base bars of a (mean) block."""
        return self.block_ns // self.history.interval_ns

    def source_bars(self, number: int) -> NDArray[np.int64]:
        """Which bar of the history each bar of a path comes from."""
        random = np.random.default_rng([self.seed, number])
        bars, block = self.history.length, self.block_bars
        if self.blocks is Blocks.FIXED:
            starts = random.integers(0, bars - block + 1, -(-bars // block))
            return np.asarray((starts[:, None] + np.arange(block)).ravel()[:bars], np.int64)
        lengths = random.geometric(1.0 / block, bars // block + 1)
        while lengths.sum() < bars:
            lengths = np.append(lengths, random.geometric(1.0 / block, bars // block + 1))
        ends = np.cumsum(lengths)
        lengths = lengths[: int(np.searchsorted(ends, bars)) + 1]
        starts = random.integers(0, bars, lengths.size)
        offsets = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return np.asarray(((np.repeat(starts, lengths) + offsets) % bars)[:bars], np.int64)

    def path(self, number: int) -> MarketHistory:
        """Path `number` of the seed, from 0."""
        return self.joined(self.source_bars(number), f"path {number} of seed {self.seed}, made of the history's blocks")

    def joined(self, source: NDArray[np.int64], note: str) -> MarketHistory:
        """The path whose bar t is the history's bar `source[t]`."""
        history = self.history
        bars = np.take(history.bars, source, axis=0)
        volume = bars[:, :, VOLUME].copy()
        bars *= np.ascontiguousarray(self._factors(source).T)[:, :, None]  # whole rows: half the time of the columns
        bars[:, :, VOLUME] = volume
        funding = history.funding.copy()
        funding["rate"] = self._due[funding["leg"], source[funding["bar"]]]
        return replace(
            history, prices=bars.transpose(1, 2, 0), funding=funding, notes=(note,), holes=(), synthetic=True
        )

    def _factors(self, source: NDArray[np.int64]) -> NDArray[np.float64]:
        """What the history's prices are multiplied by, (symbols, bars): constant within a stretch of bars."""
        joint = np.concatenate(([True], np.diff(source) != 1))
        first = np.flatnonzero(joint)
        last = np.append(first[1:], source.size) - 1
        before = self._before[:, source[first]]
        growth = self._closes[:, source[last]] / before
        reached = np.cumprod(np.concatenate((self._before[:, :1], growth[:, :-1]), axis=1), axis=1)
        factors: NDArray[np.float64] = np.repeat(reached / before, last - first + 1, axis=1)
        return factors

    @cached_property
    def _closes(self) -> NDArray[np.float64]:
        """The last known close at the end of each bar (symbols, bars)."""
        closes = self.history.prices[:, CLOSE]
        bars = np.arange(closes.shape[1])
        known = np.maximum.accumulate(np.where(np.isnan(closes), -1, bars), axis=1)
        filled = np.take_along_axis(closes, np.maximum(known, 0), axis=1)
        closed: NDArray[np.float64] = np.where(known < 0, self._first_open, filled)
        return closed

    @cached_property
    def _before(self) -> NDArray[np.float64]:
        """The last known close before each bar; before the first one, its open."""
        return np.concatenate((self._first_open, self._closes[:, :-1]), axis=1)

    @cached_property
    def _first_open(self) -> NDArray[np.float64]:
        opens = self.history.prices[:, OPEN]
        first = (~np.isnan(opens)).argmax(axis=1)
        found: NDArray[np.float64] = opens[np.arange(len(opens)), first][:, None]
        return found

    @cached_property
    def _due(self) -> NDArray[np.float64]:
        """The rate that the next settlement at or after each bar had (after the last one, that one's)."""
        history = self.history
        due = np.zeros((len(history.symbols), history.length))
        bars = np.arange(history.length)
        for leg in range(len(history.symbols)):
            rows = history.funding[history.funding["leg"] == leg]
            if not len(rows):
                continue
            at, place = np.unique(rows["bar"], return_inverse=True)
            mean = np.bincount(place, weights=rows["rate"]) / np.bincount(place)
            due[leg] = mean[np.minimum(np.searchsorted(at, bars), at.size - 1)]
        return due
