"""The legs of a run: what the broker's position numbers stand for.

In one-way mode a symbol has one leg, of either side. In hedge mode it has two, its long (2k) and its short (2k + 1),
each a position of its own (Binance: positionSide BOTH, LONG, SHORT).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backtest.enums import PositionSide, label


@dataclass(frozen=True, kw_only=True)
class Legs:
    """The legs of these symbols, in the broker's order.

    >>> legs = Legs(symbols=("BTC", "ETH"), hedge=True)
    >>> legs.titles, legs.number(1, PositionSide.SHORT)
    (('BTC long', 'BTC short', 'ETH long', 'ETH short'), 3)
    """

    symbols: tuple[str, ...]
    hedge: bool = False

    @property
    def each(self) -> int:
        """Legs of a symbol."""
        return 2 if self.hedge else 1

    def __len__(self) -> int:
        return self.each * len(self.symbols)

    @cached_property
    def symbol(self) -> NDArray[np.int64]:
        """The index of each leg's symbol."""
        return np.repeat(np.arange(len(self.symbols)), self.each)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The symbol of each leg."""
        return tuple(symbol for symbol in self.symbols for _ in range(self.each))

    @cached_property
    def position_sides(self) -> tuple[PositionSide, ...]:
        """Which side each leg takes."""
        both = (PositionSide.LONG, PositionSide.SHORT) if self.hedge else (PositionSide.BOTH,)
        return both * len(self.symbols)

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """A name for each leg that no other has: the symbol, in hedge mode with its side."""
        if not self.hedge:
            return self.symbols
        return tuple(f"{name} {label(side)}" for name, side in zip(self.names, self.position_sides, strict=True))

    def number(self, symbol: int, side: PositionSide) -> int:
        """The leg of a symbol (its index) that takes a side; in one-way mode its only one."""
        return self.each * symbol + (1 if self.hedge and side == PositionSide.SHORT else 0)

    def of(self, symbol: int) -> range:
        """The legs of a symbol (its index)."""
        return range(self.each * symbol, self.each * (symbol + 1))
