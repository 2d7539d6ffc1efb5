"""The closed choices of the field, each an integer enum, because the compiled broker stores them as int64.

Text ("long", "stop-limit") belongs to the edge (command line, TOML, tables): `label` turns a member
into that text and `from_label` turns text into a member, naming the near match when the text is unknown.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import TypeVar

from backtest.errors import UsageError, near

Choice = TypeVar("Choice", bound=IntEnum)


def label(member: IntEnum) -> str:
    """The lower-case, hyphenated text of a member.

    >>> label(OrderKind.STOP_LIMIT)
    'stop-limit'
    """
    return member.name.lower().replace("_", "-")


def from_label(choice: type[Choice], text: str) -> Choice:
    """The member whose label is `text`; raises `UsageError` with the near name for any other text.

    >>> from_label(Path, "adverse-first")
    <Path.ADVERSE_FIRST: 0>
    """
    members = {label(member): member for member in choice}
    key = text.strip().lower().replace("_", "-").replace(" ", "-")
    if key in members:
        return members[key]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", choice.__name__).lower()
    raise UsageError(f"'{text}' is no {words}; {near(key, members)}it is one of {', '.join(members)}")


class Side(IntEnum):
    """Direction of an order; the sign of the position it builds."""

    BUY = 1
    SELL = -1


class PositionMode(IntEnum):
    """How many positions a symbol has: one of either side, or a long and a short one beside each other."""

    ONE_WAY = 0
    HEDGE = 1


class PositionSide(IntEnum):
    """Which side a position takes: either (one-way mode), or in hedge mode one of the two."""

    BOTH = 0
    LONG = 1
    SHORT = -1


class OrderKind(IntEnum):
    """How an order meets the market."""

    MARKET = 0
    LIMIT = 1
    STOP = 2
    STOP_LIMIT = 3
    TAKE_PROFIT = 4
    TAKE_PROFIT_LIMIT = 5
    TRAILING_STOP = 6


class TimeInForce(IntEnum):
    """How long an order works: until cancelled; not at all (fills are whole, so both are one); until a time."""

    GTC = 0
    IOC = 1
    FOK = 2
    GTD = 3


class OrderStatus(IntEnum):
    """Where an order is in its life."""

    PENDING = 0
    WORKING = 1
    FILLED = 2
    CANCELLED = 3
    REJECTED = 4


class PriceSource(IntEnum):
    """Which price path a trigger is read on."""

    LAST = 0
    MARK = 1


class Path(IntEnum):
    """Which extreme of a bar comes first on the path of a leg."""

    ADVERSE_FIRST = 0
    FAVOURABLE_FIRST = 1


class Holes(IntEnum):
    """What to do with a missing bar under an open position."""

    REFUSE = 0
    HOLD = 1


class Liquidity(IntEnum):
    """On which side of the book a fill was."""

    NONE = 0
    MAKER = 1
    TAKER = 2


class Pocket(IntEnum):
    """Which pocket of the trader an amount is taken from.

    CAPPED: the wallet first, then the margin, but never so far that the margin ratio reaches liquidation (OKX).
    """

    WALLET = 0
    MARGIN = 1
    CAPPED = 2


class LiquidationStyle(IntEnum):
    """How a venue takes over a position whose balance no longer meets the requirement."""

    MARKET_CLOSE = 0
    BANKRUPTCY = 1


class PartialStyle(IntEnum):
    """What a venue closes before it takes a whole position: nothing, down to a lower tier, or a fraction."""

    NONE = 0
    TIERS = 1
    FRACTION = 2


class Basis(IntEnum):
    """The value on which the maintenance margin is counted: at the mark price, or at the entry price."""

    MARK = 0
    ENTRY = 1


class TierUnit(IntEnum):
    """What places a position on its tier: the notional at the mark, its quantity, or the notional at entry."""

    NOTIONAL = 0
    QUANTITY = 1
    ENTRY = 2


class FeeReserve(IntEnum):
    """The fee to close that the venue locks beside the initial margin.

    VALUE: on the value at entry; BANKRUPTCY: on the value at the bankruptcy price of the opening; MOVING_BANKRUPTCY: on
    that of the margin as it stands; VALUE_AND_MARGIN: on the value and the initial margin together.
    """

    NONE = 0
    VALUE = 1
    BANKRUPTCY = 2
    MOVING_BANKRUPTCY = 3
    VALUE_AND_MARGIN = 4


class LeverageChange(IntEnum):
    """What a change of leverage does to posted margin: nothing, reset it to the requirement, or draw a shortfall."""

    KEEPS = 0
    RESETS = 1
    DRAWS = 2


class Removable(IntEnum):
    """Which margin may be taken out: down to the initial margin at the mark; down to the greater of the initial margin
    and a tenth of the notional; none.
    """

    INITIAL_MARGIN = 0
    TENTH = 1
    NONE = 2


class LiquidationRounding(IntEnum):
    """How a venue prints a liquidation price: as it is, to the tick against the trader, a tick beyond, to the cent."""

    NONE = 0
    AGAINST_TRADER = 1
    TICK_BEYOND = 2
    CENT = 3


class SizeKind(IntEnum):
    """What the `size` of a command sizes."""

    QUANTITY = 0
    NOTIONAL = 1
    MARGIN = 2
    RISK = 3
    POSITION = 4
    TARGET_QUANTITY = 5
    TARGET_NOTIONAL = 6
    TARGET_MARGIN = 7
    TARGET_EXPOSURE = 8


class CommandKind(IntEnum):
    """What a strategy or a schedule asks of the broker."""

    ORDER = 0
    CANCEL = 1
    CANCEL_ALL = 2
    ADD_MARGIN = 3
    REMOVE_MARGIN = 4
    SET_LEVERAGE = 5
    SET_TOP_UP = 6
    SET_AUTO_MARGIN = 7


class ThresholdKind(IntEnum):
    """The quantity that an alert or a top-up policy watches."""

    NONE = 0
    MARGIN_RATIO = 1
    DISTANCE = 2
    DRAWDOWN = 3


class LedgerKind(IntEnum):
    """What a ledger row records."""

    DEPOSIT = 0
    OPEN = 1
    CLOSE = 2
    LIQUIDATION = 3
    FUNDING = 4
    ADD_MARGIN = 5
    REMOVE_MARGIN = 6
    TOP_UP = 7
    LEVERAGE = 8
    TIERS = 9
    PARTIAL_LIQUIDATION = 10
    AUTO_MARGIN = 11
    AUTO_DELEVERAGING = 12


FILL_KINDS = (
    LedgerKind.OPEN,
    LedgerKind.CLOSE,
    LedgerKind.LIQUIDATION,
    LedgerKind.PARTIAL_LIQUIDATION,
    LedgerKind.AUTO_DELEVERAGING,
)
"""Rows that change a quantity."""

TAKEN_KINDS = (LedgerKind.LIQUIDATION, LedgerKind.PARTIAL_LIQUIDATION)
"""Rows by which the venue takes a position or a part of it."""

ADDED_KINDS = (LedgerKind.ADD_MARGIN, LedgerKind.TOP_UP, LedgerKind.AUTO_MARGIN)
"""Rows that add margin from the wallet."""


class NoticeKind(IntEnum):
    """What a notice records: everything worth telling that moves no money."""

    REJECTION = 0
    CANCELLATION = 1
    MARGIN_CALL = 2
    ALERT = 3
    TOP_UP_FAILED = 4
    AMBIGUOUS = 5
    HOLE = 6


class Reason(IntEnum):
    """Why an order or a command was refused or cancelled, or why a fill happened."""

    NONE = 0
    ORDER = 1
    STOP = 2
    TAKE_PROFIT = 3
    LIQUIDATION = 4
    AUTO_DELEVERAGING = 5
    TRAILING_STOP = 6
    QUANTITY_BELOW_LOT = 10
    NOTIONAL_BELOW_MINIMUM = 11
    LEVERAGE_ABOVE_TIER = 12
    LEVERAGE_NOT_ALLOWED = 13
    LEVERAGE_CANNOT_BE_LOWERED = 14
    INSUFFICIENT_MARGIN = 15
    REDUCE_ONLY_WITHOUT_POSITION = 16
    POST_ONLY_WOULD_TAKE = 17
    OUTSIDE_PRICE_BAND = 18
    TOO_MANY_ORDERS = 19
    NO_POSITION = 20
    AMOUNT_ABOVE_WALLET = 21
    REMOVAL_ABOVE_LIMIT = 22
    STOP_ON_WRONG_SIDE = 23
    SIZE_NOT_DEFINED = 24
    UNKNOWN_ORDER = 25
    LEVERAGE_WOULD_LIQUIDATE = 26
    AUTO_MARGIN_NOT_OFFERED = 27
    POSITION_FROZEN = 28
    NOT_IN_CROSS_MARGIN = 29
    CANCELLED_BY_STRATEGY = 30
    POSITION_CLOSED = 31
    POSITION_LIQUIDATED = 32
    SIBLING_FILLED = 33
    REPLACED = 34
    EXPIRED = 35
    NOT_FILLED_AT_ONCE = 36
    BUDGET_SPENT = 40
    WALLET_EMPTY = 41


SENTENCES: dict[Reason, str] = {
    Reason.NONE: "no reason was needed",
    Reason.ORDER: "the strategy's own order",
    Reason.STOP: "a stop was triggered",
    Reason.TAKE_PROFIT: "a take-profit was triggered",
    Reason.LIQUIDATION: "the venue liquidated the position",
    Reason.AUTO_DELEVERAGING: "the venue closed a winning position, for its insurance fund was taken as spent",
    Reason.TRAILING_STOP: "a trailing stop was triggered",
    Reason.QUANTITY_BELOW_LOT: "the quantity, rounded down to the lot size, is zero",
    Reason.NOTIONAL_BELOW_MINIMUM: "the notional is below the contract's minimum",
    Reason.LEVERAGE_ABOVE_TIER: "the leverage is above what the tier of the resulting notional allows",
    Reason.LEVERAGE_NOT_ALLOWED: "the venue does not offer this leverage",
    Reason.LEVERAGE_CANNOT_BE_LOWERED: "the venue does not lower the leverage of an open isolated position",
    Reason.INSUFFICIENT_MARGIN: "the wallet does not hold the initial margin, the fee and the open loss",
    Reason.REDUCE_ONLY_WITHOUT_POSITION: "a reduce-only order found no position to reduce",
    Reason.POST_ONLY_WOULD_TAKE: "a post-only order would have taken liquidity",
    Reason.OUTSIDE_PRICE_BAND: "the last price is further from the mark price than the venue's band for market orders",
    Reason.TOO_MANY_ORDERS: "the symbol has as many working orders as the venue allows",
    Reason.NO_POSITION: "there is no position to act on",
    Reason.AMOUNT_ABOVE_WALLET: "the amount is above what the wallet has free",
    Reason.REMOVAL_ABOVE_LIMIT: "the amount is above the margin the venue lets go",
    Reason.STOP_ON_WRONG_SIDE: "the stop is on the wrong side of the price, so a risk size has no meaning",
    Reason.SIZE_NOT_DEFINED: "the size could not be worked out from the prices of that instant",
    Reason.UNKNOWN_ORDER: "there is no working order of that number",
    Reason.LEVERAGE_WOULD_LIQUIDATE: "the margin that the leverage asks for would not meet the requirement",
    Reason.AUTO_MARGIN_NOT_OFFERED: "the venue does not offer auto-replenishment of margin",
    Reason.POSITION_FROZEN: "the venue is liquidating a part of the position and takes no order for it meanwhile",
    Reason.NOT_IN_CROSS_MARGIN: "a position in cross margin has no margin of its own",
    Reason.CANCELLED_BY_STRATEGY: "cancelled by the strategy",
    Reason.POSITION_CLOSED: "the position it would have reduced was closed",
    Reason.POSITION_LIQUIDATED: "the venue cancels a symbol's orders when it liquidates the position",
    Reason.SIBLING_FILLED: "another order of its bracket or one-cancels-other group was filled",
    Reason.REPLACED: "replaced by a newer bracket",
    Reason.EXPIRED: "the time until which it was good has come",
    Reason.NOT_FILLED_AT_ONCE: "an immediate-or-cancel or fill-or-kill order did not find its price at once",
    Reason.BUDGET_SPENT: "the top-up budget is spent",
    Reason.WALLET_EMPTY: "the wallet has nothing free for a top-up",
}
