"""What is given: bars, funding, contracts and rules, read once from the arrays that the kernel takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

import numpy as np

from backtest.enums import Holes, Path
from tests.oracle.money import ZERO, exact
from tests.oracle.requirement import Tier
from tests.oracle.rules import Rules
from tests.oracle.state import Contract

Fact = TypeVar("Fact")


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One base bar of one symbol: open, high, low, close of the last and of the mark price."""

    last: tuple[Decimal, Decimal, Decimal, Decimal]
    mark: tuple[Decimal, Decimal, Decimal, Decimal]
    volume: Decimal | None


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """One funding stamp, placed on the bar at whose open it settles."""

    bar: int
    leg: int
    rate: Decimal


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything that is given before a run begins."""

    start_ns: int
    bar_ns: int
    legs: int
    bars: tuple[tuple[Bar | None, ...], ...]
    funding: tuple[Settlement, ...]
    contracts: tuple[Contract, ...]
    rules: Rules
    path: Path
    holes: Holes
    slippage: Decimal
    volume_slippage: Decimal
    margin_call: Decimal

    @property
    def length(self) -> int:
        return len(self.bars[0])

    def time_ns(self, bar: int) -> int:
        return self.start_ns + bar * self.bar_ns

    @classmethod
    def of_arrays(
        cls,
        *,
        prices: np.ndarray,
        start_ns: int,
        bar_ns: int,
        funding: np.ndarray,
        contracts: np.ndarray,
        tier_tables: np.ndarray,
        tiers: np.ndarray,
        rules: np.ndarray,
        path: Path = Path.ADVERSE_FIRST,
        holes: Holes = Holes.REFUSE,
        slippage: float = 0.0,
        volume_slippage: float = 0.0,
        margin_call: float = 0.8,
        hedge: bool = False,
    ) -> World:
        """The world that `Simulation` is given with the same arguments; in hedge mode a symbol has two legs [1.5]."""
        legs = 2 if hedge else 1
        return cls(
            start_ns=int(start_ns),
            bar_ns=int(bar_ns),
            legs=legs,
            bars=_each(legs, [tuple(_bar(symbol[:, t]) for t in range(symbol.shape[1])) for symbol in prices]),
            funding=tuple(
                Settlement(bar=int(row["bar"]), leg=legs * int(row["leg"]) + leg, rate=_number(row["rate"]))
                for row in funding
                for leg in range(legs)
            ),
            contracts=_each(legs, [_contract(row, tier_tables, tiers) for row in contracts]),
            rules=Rules.of_record(rules[0]),
            path=path,
            holes=holes,
            slippage=_number(slippage),
            volume_slippage=_number(volume_slippage),
            margin_call=_number(margin_call),
        )


def _each(legs: int, of_symbols: Sequence[Fact]) -> tuple[Fact, ...]:
    """What the symbols have, for each of their legs."""
    return tuple(fact for fact in of_symbols for _ in range(legs))


def _number(value: float) -> Decimal:
    number = exact(value)
    assert number is not None
    return number


def _bar(column: np.ndarray) -> Bar | None:
    """[1.4] A bar without a last or without a mark price is a hole."""
    numbers = [exact(value) for value in column]
    last, mark = numbers[0:4], numbers[5:9]
    if any(value is None for value in last + mark):
        return None
    return Bar(last=tuple(last), mark=tuple(mark), volume=numbers[4])  # type: ignore[arg-type]


def _contract(row: np.void, tier_tables: np.ndarray, tiers: np.ndarray) -> Contract:
    first = int(row["first_table"])
    return Contract(
        tick=_number(row["tick"]),
        lot=_number(row["lot"]),
        minimum_notional=_number(row["minimum_notional"]),
        maker=_number(row["maker"]),
        taker=_number(row["taker"]),
        liquidation_fee=_number(row["liquidation_fee"]),
        price_band=_number(row["price_band"]),
        inverse=bool(row["inverse"]),
        tables=tuple(
            (int(table["from_ns"]), _tiers(tiers[int(table["first"]) :][: int(table["tiers"])]))
            for table in tier_tables[first : first + int(row["tables"])]
        ),
    )


def _tiers(rows: Sequence[np.void]) -> tuple[Tier, ...]:
    names = ("floor", "cap", "rate", "amount", "leverage", "slope")
    return tuple(Tier(**{name: _number(row[name]) for name in names}) for row in rows)


def slipped(
    world: World, price: Decimal, quantity: Decimal, side: int, volume: Decimal | None, inverse: bool
) -> Decimal:
    """[4.2] price x (basis points + share x base quantity / volume of the bar), against the side."""
    traded = quantity / price if inverse else quantity
    share = world.volume_slippage * traded / volume if volume else ZERO
    return price * (1 + side * (world.slippage + share))
