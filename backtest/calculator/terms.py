"""What a position is judged by: its venue's rules, its contract's fees and the leverage tiers of a date.

The terms are a venue's and a symbol's of a date, a maintenance rate given outright, or both: a venue's rules with a
rate, an amount or fees of one's own. They end as the broker's own record (`TERMS`), so that the calculator asks the
functions that the kernel asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray

from backtest import venues
from backtest.broker.records import CONTRACT, TIER, TIER_TABLE
from backtest.broker.simulation import terms_of
from backtest.clock import Moment, moment_ns, time_text
from backtest.enums import FeeReserve, LiquidationStyle, Pocket
from backtest.errors import MarketDataError, UsageError
from backtest.market.contract import TierTable, records
from backtest.venues.rules import VenueRules

USUAL_VENUE = "binance"
"""The venue where none is named."""

LATEST_NS = 2**62
"""An instant after all dates: what is known last holds at it."""

NO_VENUE = VenueRules(
    id="given",
    name="the figures given",
    opening_fee_pocket=Pocket.WALLET,
    funding_pocket=Pocket.MARGIN,
    strict=False,
    liquidation_style=LiquidationStyle.MARKET_CLOSE,
    lower_leverage=True,
    whole_leverage=False,
    order_limit=1,
)
"""The rules where no venue is named: maintenance margin on the mark notional, no fee and no reserve in the trigger."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Terms:
    """The rules, fees and leverage tiers that hold for a position.

    `contract` is CONTRACT[1] with its steps and fees (a tick of 0: unknown), `tiers` TIER[n] the table of the date,
    `source` where the tiers were read, `symbol` the contract (empty: none is named), `notes` what was taken in place of
    what is not known. `term` is the broker's record of them all.
    """

    rules: VenueRules
    contract: NDArray[np.void]
    tiers: NDArray[np.void]
    source: str
    symbol: str = ""
    notes: tuple[str, ...] = ()
    term: np.void = field(init=False)

    def __post_init__(self) -> None:
        contract = self.contract.copy()
        contract["first_table"], contract["tables"] = 0, 1
        table = np.zeros(1, TIER_TABLE)
        table["tiers"] = len(self.tiers)
        rules = self.rules.record(self.taker, float(contract[0]["liquidation_fee"]))
        object.__setattr__(self, "term", terms_of(contract, rules, table, 0)[0])

    @classmethod
    def of_contract(cls, venue: str, symbol: str, date: Moment | None = None, *, strict: bool = False) -> Terms:
        """The terms of a venue's contract at a date (without one, the latest known).

        `strict`: an error where no tier table of the date is known, in place of the nearest one and a note.
        """
        at_ns = None if date is None else moment_ns(date)
        contract = venues.contract(venue, symbol, at_ns=at_ns)
        table = contract.tiers_at(LATEST_NS if at_ns is None else at_ns)
        notes = () if not table.assumed else (f"tiers of {contract.symbol}: {table.assumed}",)
        if at_ns is not None and (table.assumed or at_ns < _first_seen(table)):
            known = ", ".join(dict.fromkeys(_day(each) for each in contract.tier_tables if not each.assumed))
            there_are = f"they are of {known}" if known else "there are none"
            missing = f"no leverage tiers of {contract.symbol} of {time_text(at_ns)[:10]} are known ({there_are})"
            if strict:
                raise MarketDataError(
                    f"{missing}; choose a date that is known, or take the nearest tiers without --strict"
                )
            notes = notes or (f"{missing}: those of {_day(table)} are taken",)
        rows, _, rungs = records((replace(contract, tier_tables=(table,)),))
        return cls(
            rules=venues.rules(venue, at_ns),
            contract=rows,
            tiers=rungs,
            source=table.source,
            symbol=contract.symbol,
            notes=notes,
        )

    @classmethod
    def of(
        cls,
        *,
        venue: str | None = None,
        symbol: str | None = None,
        date: Moment | None = None,
        inverse: bool | None = None,
        maintenance_rate: float | None = None,
        maintenance_amount: float | None = None,
        taker: float | None = None,
        strict: bool = False,
    ) -> Terms:
        """The terms that a user names: any of venue (an id or the path of a file), symbol, date, rate, amount and fee.

        Without a symbol they are those of the venue's usual contract (of its linear or inverse one, where `inverse`
        says so) and its steps are not known; without venue and rate the venue is Binance; a rate without a venue
        stands under no venue's rules.

        >>> Terms.of(maintenance_rate=0.005).rules.id, Terms.of(symbol="ETHUSDT").symbol
        ('given', 'ETH/USDT:USDT')
        """
        if maintenance_amount and maintenance_rate is None:
            raise UsageError("a maintenance amount goes with a maintenance rate; a contract's tiers bring their own")
        amount = maintenance_amount or 0.0
        if maintenance_rate is not None and venue is None and symbol is None:
            if date is not None:
                raise UsageError("a date chooses the rules of a venue and the tiers of a symbol; name one of them")
            return cls.of_rate(maintenance_rate, amount, taker=taker or 0.0, inverse=bool(inverse))
        named = venue or USUAL_VENUE
        if symbol is not None:
            found = cls.of_contract(named, symbol, date, strict=strict)
            if inverse not in (None, found.inverse):
                kind = "inverse" if found.inverse else "linear"
                raise UsageError(f"{found.symbol} is {kind}; leave the contract type out, or name another symbol")
        else:
            found = cls._of_venue(named, date, inverse, maintenance_rate, strict)
        usual = found.notes[:1] if symbol is None else ()
        if maintenance_rate is not None:
            found = found.with_rate(maintenance_rate, amount)
            if usual and taker is None and found.counts_fees:
                found = replace(found, notes=(usual[0].replace("tiers and fees", "fees"),))
        return found if taker is None else found.with_taker(taker)

    @classmethod
    def _of_venue(
        cls, venue: str, date: Moment | None, inverse: bool | None, rate: float | None, strict: bool
    ) -> Terms:
        """The terms of a venue's usual contract, without its steps."""
        at_ns = None if date is None else moment_ns(date)
        try:
            usual = venues.default_contract(venue, inverse=inverse, at_ns=at_ns)
        except UsageError:
            if rate is None:
                raise
            rules = venues.rules(venue, at_ns)
            return cls.of_rate(rate, inverse=bool(inverse), rules=rules)
        found = cls.of_contract(usual.venue, usual.symbol, date, strict=strict and rate is None)
        contract = found.contract.copy()
        contract["tick"], contract["lot"] = 0.0, 0.0
        said = f"no symbol is given: tiers and fees are those of {usual.symbol} at {found.rules.name}"
        return replace(found, contract=contract, symbol="", notes=(said, *found.notes))

    @classmethod
    def of_rate(
        cls,
        maintenance_rate: float,
        maintenance_amount: float = 0.0,
        *,
        taker: float = 0.0,
        inverse: bool = False,
        rules: VenueRules = NO_VENUE,
    ) -> Terms:
        """One tier given outright, maintenance margin = notional × rate − amount, under no venue's rules or under
        `rules`.

        >>> Terms.of_rate(0.004).highest_leverage
        inf
        """
        contract = np.zeros(1, CONTRACT)
        contract["inverse"], contract["price_band"], contract["taker"] = inverse, inf, _fee(taker)
        tiers = _one_tier(maintenance_rate, maintenance_amount)
        return cls(rules=rules, contract=contract, tiers=tiers, source="as given")

    def with_rate(self, maintenance_rate: float, maintenance_amount: float = 0.0) -> Terms:
        """The same terms with one tier given outright in place of the table."""
        tiers = _one_tier(maintenance_rate, maintenance_amount)
        return replace(self, tiers=tiers, source="as given", notes=())

    def with_taker(self, taker: float) -> Terms:
        """The same terms with another taker fee, wherever the venue counts it."""
        contract = self.contract.copy()
        contract["taker"] = _fee(taker)
        return replace(self, contract=contract)

    def with_trigger_fee(self, rate: float) -> Terms:
        """The same terms with `rate` more inside the liquidation trigger (a predicted funding rate, say)."""
        fee = float(self.term["trigger_fee"]) + rate
        return replace(self, rules=replace(self.rules, trigger_fee=fee))

    @property
    def inverse(self) -> bool:
        """Whether quantity is counted in quote units and money in coin."""
        return bool(self.contract[0]["inverse"])

    @property
    def taker(self) -> float:
        """The taker fee, a plain fraction."""
        return float(self.contract[0]["taker"])

    @property
    def counts_fees(self) -> bool:
        """Whether a fee of the contract has a part in the margin or in the requirement."""
        reserve = self.rules.fee_reserve is not FeeReserve.NONE
        return reserve or self.term["trigger_fee"] > 0.0 or self.rules.opening_fee_pocket is Pocket.MARGIN

    @property
    def tick(self) -> float:
        """The price step; 0 where no contract is named."""
        return float(self.contract[0]["tick"])

    @property
    def lot(self) -> float:
        """The quantity step; 0 where no contract is named."""
        return float(self.contract[0]["lot"])

    @property
    def highest_leverage(self) -> float:
        """The highest leverage of any tier; infinite where only a rate is given."""
        return float(self.tiers[0]["leverage"])


def _fee(rate: float) -> float:
    if not (isfinite(rate) and 0.0 <= rate < 1.0):
        raise UsageError(f"a taker fee of {rate:g} is no fraction below 1; write 0.05 % as 0.0005")
    return float(rate)


def _one_tier(rate: float, amount: float) -> NDArray[np.void]:
    if not (isfinite(rate) and 0.0 <= rate < 1.0):
        raise UsageError(f"a maintenance rate of {rate:g} is no fraction below 1; write 0.4 % as 0.004")
    if not (isfinite(amount) and amount >= 0.0):
        raise UsageError(f"a maintenance amount of {amount:g} is no number from 0 on; it is what the venue deducts")
    tier = np.zeros(1, TIER)
    tier["cap"], tier["leverage"] = inf, inf
    tier["rate"], tier["amount"] = rate, amount
    return tier


def _first_seen(table: TierTable) -> int:
    return table.valid_from_ns if table.seen_ns is None else table.seen_ns[0]


def _day(table: TierTable) -> str:
    return time_text(_first_seen(table))[:10]
