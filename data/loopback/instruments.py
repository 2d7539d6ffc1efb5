"""The contracts of a stored venue, as an exchange's list of instruments needs them.

Tiers imported into the store come first, then the facts that ship with the project; where neither knows a contract its
steps are read off the stored prices and volumes, and it has no tiers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from backtest import venues
from backtest.clock import HOUR_NS
from backtest.enums import TierUnit
from backtest.errors import UsageError
from backtest.market.contract import Tier
from backtest.market.series import Bars, FundingRates
from backtest.market.store import Store
from data.loopback.wire import texts

SAMPLED = 2_000
"""Rows looked at to find the step of prices and volumes."""


@dataclass(frozen=True, kw_only=True)
class Instrument:
    """One linear perpetual. Steps are decimal text, times UTC milliseconds.

    `tiers` are those in force last, in quote currency: those of a venue that counts quantity, at `last_price`.
    """

    symbol: str
    base: str
    quote: str
    tick: str
    lot: str
    minimum_notional: float
    maker: float
    taker: float
    liquidation_fee: float
    tiers: tuple[Tier, ...]
    funding_hours: int
    listed_ms: int
    last_price: float

    @property
    def leverage(self) -> float:
        """The highest leverage that the tiers allow; 1 where none are known."""
        return max((tier.leverage for tier in self.tiers), default=1.0)


def instrument(store: Store, venue: str, symbol: str, bars: Bars | None, funding: FundingRates | None) -> Instrument:
    """The instrument of a stored symbol, from facts and from what is stored of it."""
    base, _, quote = symbol.partition(":")[0].partition("/")
    tables = store.tiers(venue, symbol)
    try:
        facts = venues.contract(venue, symbol, imported=tables)
    except UsageError:
        facts = None
    step = int(np.median(np.diff(funding.time_ns))) if funding is not None and len(funding) > 1 else 8 * HOUR_NS
    price = float(bars.close[-1]) if bars is not None and len(bars) else 1.0
    tiers = tables[-1].tiers if tables else (facts.tier_tables[-1].tiers if facts else ())
    if _by_quantity(venue):
        tiers = tuple(replace(tier, floor=tier.floor * price, cap=tier.cap * price) for tier in tiers)
    stamps = [int(series.time_ns[0]) for series in (bars, funding) if series is not None and len(series)]
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        tick=_decimal(facts.tick) if facts else _step(bars, "close"),
        lot=_decimal(facts.lot) if facts else _step(bars, "volume"),
        minimum_notional=facts.minimum_notional if facts else 5.0,
        maker=facts.maker if facts else 0.0002,
        taker=facts.taker if facts else 0.0005,
        liquidation_fee=facts.liquidation_fee if facts else 0.0,
        tiers=tiers,
        funding_hours=max(1, round(step / HOUR_NS)),
        listed_ms=min(stamps, default=0) // 1_000_000,
        last_price=price,
    )


def _by_quantity(venue: str) -> bool:
    """Whether a venue places a position on its tier by quantity."""
    try:
        return venues.rules(venue).tier_unit is TierUnit.QUANTITY
    except UsageError:
        return False


def _decimal(step: float) -> str:
    return texts([step])[0]


def _step(bars: Bars | None, column: str) -> str:
    """The power of ten that all sampled values are multiples of."""
    values = [] if bars is None else getattr(bars, column)[-SAMPLED:].tolist()
    places = max((len(text.partition(".")[2]) for text in texts(values)), default=8)
    return _decimal(float(f"1e-{places}"))
