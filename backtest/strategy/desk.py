"""What a strategy's side needs of the broker: one simulation, or several with a wallet each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from backtest.enums import ThresholdKind

Records = np.ndarray[Any, np.dtype[Any]]


class Desk(Protocol):
    """The account and the positions as they stand, and where commands go; legs are numbered as the run's symbols."""

    @property
    def account(self) -> Records:
        """One ACCOUNT row."""

    @property
    def positions(self) -> Records:
        """POSITION rows, one a leg."""

    @property
    def terms(self) -> Records:
        """TERMS rows, one a leg."""

    @property
    def tiers(self) -> Records:
        """The tiers that `terms` points into."""

    @property
    def order(self) -> Callable[..., int]:
        """Ask for an order; returns its number. Called as `Simulation.order`."""

    @property
    def command(self) -> Callable[..., None]:
        """Ask for a cancel, a margin command or a top-up policy. Called as `Simulation.command`."""

    def watch(self, leg: int, threshold: ThresholdKind, level: float, number: int = 0) -> int:
        """Watch a threshold; returns the alert's number."""
