"""What a strategy sees of one currency's wallet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backtest.broker.records import ACCOUNT

_FIELD = {name: number for number, name in enumerate(ACCOUNT.names or ())}
_EQUITY, _WALLET, _RESERVED = _FIELD["equity"], _FIELD["wallet"], _FIELD["reserved"]


class Wallet:
    """The money of all contracts that are settled in one currency (`symbols`), in that currency; a live view."""

    __slots__ = ("_row", "currency", "symbols")

    def __init__(self, currency: str, symbols: Sequence[str], account: np.ndarray[Any, np.dtype[Any]]) -> None:
        self.currency = currency
        self.symbols = tuple(symbols)
        self._row = memoryview(account.view(np.float64).data)

    @property
    def equity(self) -> float:
        """Wallet + Σ (margin + unrealised PnL) of the contracts settled in this currency."""
        return self._row[_EQUITY]

    @property
    def cash(self) -> float:
        """What is free: not in positions, not reserved for resting limit orders."""
        return self._row[_WALLET] - self._row[_RESERVED]

    def __repr__(self) -> str:
        return f"<{self.equity:,.8g} {self.currency}, {self.cash:,.8g} free>"
