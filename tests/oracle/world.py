"""What is given: bars, funding, contracts and rules, read once from the arrays that the kernel takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from backtest.enums import Holes, LiquidationStyle, Path, Pocket
from tests.oracle.money import ZERO, exact
from tests.oracle.requirement import Tier
from tests.oracle.state import Contract


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
class Rules:
    """The venue's own choices."""

    opening_fee_pocket: Pocket
    funding_pocket: Pocket
    liquidation_style: LiquidationStyle
    strict: bool
    lower_leverage: bool
    whole_leverage: bool
    order_limit: int


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything that is given before a run begins."""

    start_ns: int
    bar_ns: int
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
    ) -> World:
        """The world that `Simulation` is given with the same arguments."""
        rule = rules[0]
        return cls(
            start_ns=int(start_ns),
            bar_ns=int(bar_ns),
            bars=tuple(tuple(_bar(leg[:, t]) for t in range(leg.shape[1])) for leg in prices),
            funding=tuple(
                Settlement(bar=int(row["bar"]), leg=int(row["leg"]), rate=_number(row["rate"])) for row in funding
            ),
            contracts=tuple(_contract(row, tier_tables, tiers, _number(rule["trigger_fee"])) for row in contracts),
            rules=Rules(
                opening_fee_pocket=Pocket(int(rule["opening_fee_pocket"])),
                funding_pocket=Pocket(int(rule["funding_pocket"])),
                liquidation_style=LiquidationStyle(int(rule["liquidation_style"])),
                strict=bool(rule["strict"]),
                lower_leverage=bool(rule["lower_leverage"]),
                whole_leverage=bool(rule["whole_leverage"]),
                order_limit=int(rule["order_limit"]),
            ),
            path=path,
            holes=holes,
            slippage=_number(slippage),
            volume_slippage=_number(volume_slippage),
            margin_call=_number(margin_call),
        )


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


def _contract(row: np.void, tier_tables: np.ndarray, tiers: np.ndarray, trigger_fee: Decimal) -> Contract:
    first = int(row["first_table"])
    return Contract(
        tick=_number(row["tick"]),
        lot=_number(row["lot"]),
        minimum_notional=_number(row["minimum_notional"]),
        maker=_number(row["maker"]),
        taker=_number(row["taker"]),
        liquidation_fee=_number(row["liquidation_fee"]),
        price_band=_number(row["price_band"]),
        tables=tuple(
            (int(table["from_ns"]), _tiers(tiers[int(table["first"]) :][: int(table["tiers"])], trigger_fee))
            for table in tier_tables[first : first + int(row["tables"])]
        ),
    )


def _tiers(rows: Sequence[np.void], trigger_fee: Decimal) -> tuple[Tier, ...]:
    """A fee that the venue counts inside the trigger is required on the notional, as the maintenance rate is [5.1]."""
    names = ("floor", "cap", "rate", "amount", "leverage")
    tiers = [Tier(**{name: _number(row[name]) for name in names}) for row in rows]
    return tuple(replace(tier, rate=tier.rate + trigger_fee) for tier in tiers)


def slipped(world: World, price: Decimal, quantity: Decimal, side: int, volume: Decimal | None) -> Decimal:
    """[4.2] price x (basis points + share x quantity / volume of the bar), against the side."""
    share = world.volume_slippage * quantity / volume if volume else ZERO
    return price * (1 + side * (world.slippage + share))
