"""The life of a position step by step: open, add, top up, remove, close a part, pay funding, change the leverage.

A step is written as a line, `STEPS` has the forms. What a step does is the kernel's own function for it; the mark price
of a step is the last price named.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from backtest.broker import fees, funding
from backtest.broker import margin as margins
from backtest.broker.tiers import leverage_cap
from backtest.calculator.assessment import (
    Assessment,
    assess,
    is_liquidated,
    margin_balance,
    removable_margin,
    requirement,
)
from backtest.calculator.position import Position, above, sign
from backtest.calculator.terms import Terms
from backtest.calculator.wanted import closed, enlarge
from backtest.config import fraction, number
from backtest.errors import UsageError, near

STEPS = {
    "open": "open long 0.5 @ 60000 10x",
    "add": "add 0.1 @ 58000 10x",
    "top-up": "top-up 500",
    "remove": "remove 200",
    "close": "close 0.2 @ 61000",
    "funding": "funding 0.01% @ 60500 x3",
    "leverage": "leverage 20x",
    "mark": "mark 57000",
}
"""A step's first word, and how the step is written. Adding without a leverage keeps the position's; what is closed may
be a share (50%); funding without a price settles at the last one, `x3` says three times.
"""

_AMOUNT, _PRICE, _LEVERAGE = r"\s+(?P<amount>\S+)", r"\s*@\s*(?P<price>\S+)", r"\s+(?P<leverage>\S+)"
_FORMS = {
    "open": rf"open\s+(?P<side>\S+){_AMOUNT}{_PRICE}{_LEVERAGE}",
    "add": rf"add{_AMOUNT}{_PRICE}(?:{_LEVERAGE})?",
    "top-up": rf"top-up{_AMOUNT}",
    "remove": rf"remove{_AMOUNT}",
    "close": rf"close{_AMOUNT}{_PRICE}",
    "funding": rf"funding{_AMOUNT}(?:{_PRICE})?(?:\s+x(?P<times>[1-9]\d*))?",
    "leverage": rf"leverage{_AMOUNT}",
    "mark": r"mark\s+(?:@\s*)?(?P<price>\S+)",
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step. `amount` is what its word counts: quantity, money, a rate or a leverage; `share` says that it is a
    fraction of the position. A price or leverage that the line does not name is NaN.
    """

    word: str
    amount: float = math.nan
    price: float = math.nan
    side: str = ""
    leverage: float = math.nan
    times: int = 1
    share: bool = False

    @classmethod
    def from_text(cls, text: str) -> Step:
        """A step from its line.

        >>> Step.from_text("close 50% @ 61000")
        Step(word='close', amount=0.5, price=61000.0, side='', leverage=nan, times=1, share=True)
        """
        line = " ".join(text.split())
        word = line.partition(" ")[0].lower()
        if word not in STEPS:
            raise UsageError(f"'{line}' is no step; {near(word, STEPS)}a step begins with {', '.join(STEPS)}")
        found = re.fullmatch(_FORMS[word], line, re.IGNORECASE)
        if found is None:
            raise UsageError(f"'{line}' cannot be read; such a step is written as in '{STEPS[word]}'")
        words = {name: value for name, value in found.groupdict().items() if value is not None}
        amount = words.get("amount", "nan")
        return cls(
            word=word,
            amount=math.nan if "amount" not in words else fraction(_plain(amount), f"the amount in '{line}'"),
            price=math.nan if "price" not in words else number(words["price"], f"the price in '{line}'"),
            side=words.get("side", ""),
            leverage=math.nan if "leverage" not in words else number(_plain(words["leverage"]), "leverage"),
            times=int(words.get("times", "1")),
            share=word == "close" and amount.endswith("%"),
        )


def _plain(text: str) -> str:
    return text.lower().removesuffix("x")


@dataclass(frozen=True, kw_only=True)
class State:
    """The position after a step, and what has passed through the wallet until then (below 0: paid in)."""

    step: str
    position: Position | None
    assessment: Assessment | None
    wallet_change: float
    fees: float
    funding: float
    realised_pnl: float
    liquidated: bool = False


def play(steps: Iterable[str], terms: Terms, *, wallet: float = math.inf) -> tuple[State, ...]:
    """The state after each step; ends early where the position is liquidated.

    `wallet` is what is free at the start: venues that take funding from the wallet first take it from there.

    >>> states = play(["open long 0.5 @ 60000 10x", "top-up 2100"], Terms.of_rate(0.004))
    >>> [round(state.assessment.liquidation_price, 2) for state in states]
    [54216.87, 50000.0]
    """
    table = _Table(terms, wallet)
    states: list[State] = []
    for text in steps:
        if states and states[-1].liquidated:
            break
        states.append(table.after(text.strip()))
    return tuple(states)


class _Table:
    """The position and the account that the steps change, one after another."""

    def __init__(self, terms: Terms, wallet: float) -> None:
        self.terms = terms
        self.free = wallet
        self.position: Position | None = None
        self.mark = math.nan
        self.flow = self.fees = self.funding = self.pnl = 0.0

    def after(self, text: str) -> State:
        step = Step.from_text(text)
        if not math.isnan(step.price):
            self.mark = above("price", step.price)
        acts: dict[str, Callable[[Step], None]] = {
            "open": self._enlarge,
            "add": self._enlarge,
            "top-up": self._top_up,
            "remove": self._remove,
            "close": self._close,
            "funding": self._fund,
            "leverage": self._lever,
        }
        if step.word in acts:
            acts[step.word](step)
        held = self.position
        return State(
            step=text,
            position=held,
            assessment=None if held is None else assess(held, self.mark),
            wallet_change=self.flow,
            fees=self.fees,
            funding=self.funding,
            realised_pnl=self.pnl,
            liquidated=held is not None and is_liquidated(held, self.mark),
        )

    def _held(self, step: Step) -> Position:
        if self.position is None:
            raise UsageError(f"'{step.word}' comes before any position is open; begin with '{STEPS['open']}'")
        return self.position

    def _pay(self, amount: float) -> None:
        self.free -= amount
        self.flow -= amount
        if self.free < 0.0:
            raise UsageError(f"the wallet lacks {-self.free:,.2f} for this step; give it more at the start")

    def _enlarge(self, step: Step) -> None:
        held, term = self.position, self.terms.term
        if step.word == "add" or held is not None:
            held = self._held(step)
            if step.side and sign(step.side) * held.quantity < 0.0:
                raise UsageError(f"the position is {held.side}; close it before opening the other side")
            leverage = held.leverage if math.isnan(step.leverage) else step.leverage
            after = enlarge(held, step.amount, step.price, leverage)
        else:
            after = Position.opened(step.side, step.amount, step.price, terms=self.terms, leverage=step.leverage)
        self._check_leverage(after.quantity, after.leverage)
        paid = float(fees.fee(term["taker"], step.amount, step.price, term["inverse"]))
        self.fees += paid
        self._pay(after.margin - (0.0 if held is None else held.margin) + paid)
        self.position = after

    def _top_up(self, step: Step) -> None:
        self.position = self._held(step).adding(above("top-up", step.amount))
        self._pay(step.amount)

    def _remove(self, step: Step) -> None:
        held = self._held(step)
        limit = removable_margin(held, self.mark)
        if above("removal", step.amount) > limit:
            raise UsageError(f"{step.amount:,.2f} is above the {limit:,.2f} of margin that the venue lets go here")
        self.position = held.adding(-step.amount)
        self._pay(-step.amount)

    def _close(self, step: Step) -> None:
        held = self._held(step)
        quantity = above("quantity", step.amount) * (abs(held.quantity) if step.share else 1.0)
        self.position, pnl, proceeds = closed(held, quantity, step.price)
        self.fees += float(fees.fee(self.terms.taker, quantity, step.price, self.terms.term["inverse"]))
        self.pnl += pnl
        self._pay(-proceeds)

    def _fund(self, step: Step) -> None:
        for _ in range(step.times):
            held = self._held(step)
            paid = float(funding.payment(held.quantity, self.mark, step.amount, self.terms.term["inverse"]))
            spare = margin_balance(held, self.mark) - requirement(held, self.mark)
            pocket = int(self.terms.rules.funding_pocket)
            wallet, margin = funding.pockets(paid, pocket, max(0.0, self.free), spare)
            self.funding -= float(wallet + margin)
            self._pay(-float(wallet))
            self.position = held.adding(float(margin))

    def _lever(self, step: Step) -> None:
        held, rules = self._held(step), self.terms.rules
        leverage = above("leverage", step.amount)
        if leverage < held.leverage and not rules.lower_leverage:
            raise UsageError(f"{rules.name} does not lower the leverage of an open isolated position")
        self._check_leverage(held.quantity, leverage)
        drawn = float(
            margins.drawn_by_leverage(held.quantity, held.entry_price, held.margin, leverage, self.terms.term)
        )
        self._pay(drawn)
        self.position = replace(held, leverage=leverage, margin=held.margin + drawn)

    def _check_leverage(self, quantity: float, leverage: float) -> None:
        rules = self.terms.rules
        if rules.whole_leverage and leverage != math.floor(leverage):
            raise UsageError(f"{rules.name} offers whole leverages only; {leverage:g} is none")
        cap = float(leverage_cap(quantity, self.mark, self.terms.term, self.terms.tiers))
        if leverage > cap:
            raise UsageError(f"a leverage of {leverage:g} is above the {cap:g} that the tier of this notional allows")
