"""One simulation for each settlement currency, which a strategy sees as one account.

A wallet pays for the contracts settled in its currency and for no others, so the simulations do not touch each other:
what links them is the strategy. It sees all of them as they stood at the last close that all have reached, and the one
whose event it is told of as it stands at that event, so that no wallet shows another one's future.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtest.broker.records import ACCOUNT, POSITION, TERMS
from backtest.broker.simulation import Simulation, Stop
from backtest.enums import CommandKind, Side, SizeKind, ThresholdKind
from backtest.errors import UsageError
from backtest.strategy.desk import Records


class Purse(Simulation):
    """The simulation of one currency: it can be run to a bar, and its commands can be held back until it is there."""

    def run_to(self, bars: int) -> Stop:
        """Advance, but not beyond the close of base bar `bars` − 1, which counts as an end."""
        self._settings["bars"] = bars
        return self.advance()

    @property
    def idle(self) -> bool:
        """Whether nothing can happen before the next command: no position, no working order, nothing asked for."""
        rows = self._positions
        return not (self._accounts[0]["command_rows"] or rows["quantity"].any() or rows["orders"].any())

    def withdraw(self) -> np.void:
        """Take the command that was given last back out of the queue."""
        self._accounts[0]["command_rows"] -= 1
        row: np.void = self._commands[self._accounts[0]["command_rows"]].copy()
        return row

    def give(self, row: np.void) -> None:
        """Put a command into the queue."""
        self._push(tuple(row.tolist()))


class Accounts:
    """The desk of several purses. `legs` says, for each leg of the run, which purse and which leg of it."""

    def __init__(self, purses: Sequence[Purse], legs: Sequence[tuple[int, int]], rates: NDArray[np.float64]) -> None:
        self._purses, self._places = purses, legs
        self._rates = rates
        """(purses, bars + 1): at the first open, and at each close."""
        self._of = [np.array([at for at, place in enumerate(legs) if place[0] == each]) for each in range(len(purses))]
        self._first_tier = np.cumsum([0, *(len(purse.tiers) for purse in purses[:-1])])
        self._account = np.zeros(1, ACCOUNT)
        self._shown = np.zeros(len(purses), ACCOUNT)
        self._positions = np.zeros(len(legs), POSITION)
        self._terms = np.zeros(len(legs), TERMS)
        self._tiers = np.concatenate([purse.tiers for purse in purses])
        self._behind: set[int] = set()
        self._telling = -1
        self._held: list[tuple[int, np.void]] = []
        self._before = self._shown[0].copy(), self._positions[:0]
        self._tables = [-1] * len(purses)
        self.show_all()

    @property
    def account(self) -> Records:
        """One row: the point of time, and money in the currency that the account is told in."""
        return self._account

    @property
    def positions(self) -> Records:
        """The positions as the strategy may see them, each in its own currency."""
        return self._positions

    @property
    def terms(self) -> Records:
        """What each leg is judged by."""
        return self._terms

    @property
    def tiers(self) -> Records:
        """The tiers of all purses."""
        return self._tiers

    def wallet(self, purse: int) -> Records:
        """The account of one purse as the strategy may see it, one row."""
        return self._shown[purse : purse + 1]

    def begin_bar(self) -> None:
        """All purses are about to run on."""
        self._behind = set(range(len(self._purses)))

    def tell(self, purse: int) -> None:
        """A purse has come to an event: show it as it stands, and send what is asked for elsewhere when it is due."""
        if self._telling != purse:
            self._telling = purse
            self._before = self._shown[purse].copy(), self._positions[self._of[purse]]
        self._show(purse)
        self._value(self._purses[purse].account[0])

    def done(self, purse: int) -> None:
        """A purse has reached the close: it is shown as before until all have, and gets the commands held back."""
        if self._telling == purse:
            self._telling = -1
            self._shown[purse], self._positions[self._of[purse]] = self._before
        self._behind.discard(purse)
        if not self._held:
            return
        due = [row for whose, row in self._held if whose == purse]
        self._held = [each for each in self._held if each[0] != purse]
        for row in due:
            self._purses[purse].give(row)

    def show_all(self) -> None:
        """All purses stand at the same close."""
        self._telling = -1
        for purse in range(len(self._purses)):
            self._show(purse)
        first = self._purses[0].account[0]
        self._known = int(first["bar"]) + (1 if first["segment"] == 4 else 0)
        self._value(first)

    def _show(self, purse: int) -> None:
        source, legs = self._purses[purse], self._of[purse]
        self._shown[purse] = source.account[0]
        self._positions[legs] = source.positions
        tables = int(source.terms["table"].sum())
        if tables != self._tables[purse]:
            self._tables[purse] = tables
            rows = source.terms.copy()
            rows["first"] += self._first_tier[purse]
            self._terms[legs] = rows

    def _value(self, point: np.void) -> None:
        account, rates = self._account[0], self._rates[:, max(0, self._known)]
        for name in ("bar", "stage", "segment", "fraction"):
            account[name] = point[name]
        for name in ("equity", "wallet", "reserved"):
            account[name] = float((self._shown[name] * rates).sum())

    def number(self, purse: int, number: int) -> int:
        """The run's own number of a purse's order or alert."""
        return number * len(self._purses) + purse if number > 0 else number

    def order(self, leg: int, side: Side, kind: int, size_kind: SizeKind, size: float, **more: Any) -> int:
        """Ask for an order; its size is of the wallet that the contract is settled in."""
        purse, its = self._places[leg]
        if more.get("group"):
            if more["group"] % len(self._purses) != purse:
                raise UsageError("orders of which one cancels the other are of one wallet; these are of two currencies")
            more["group"] //= len(self._purses)
        number = self._purses[purse].order(its, side, kind, size_kind, size, **more)
        self._hold(purse)
        return self.number(purse, number)

    def command(self, kind: CommandKind, leg: int, **more: Any) -> None:
        """Ask for a cancel, a margin command or a top-up policy."""
        purse, its = self._places[leg]
        if more.get("order"):
            more["order"] //= len(self._purses)
        self._purses[purse].command(kind, its, **more)
        self._hold(purse)

    def _hold(self, purse: int) -> None:
        """Another purse's command waits until that one has come to the close of the bar in which it was given."""
        if self._telling not in (-1, purse) and purse in self._behind:
            self._held.append((purse, self._purses[purse].withdraw()))

    def watch(self, leg: int, threshold: ThresholdKind, level: float, number: int = 0) -> int:
        """Watch a position's threshold."""
        if leg < 0:
            raise UsageError(
                "an alert on the drawdown watches one wallet, and this account has several; compare self.equity with "
                "its highest value in next instead"
            )
        purse, its = self._places[leg]
        same = number // len(self._purses)
        return self.number(purse, self._purses[purse].watch(its, threshold, level, same))
