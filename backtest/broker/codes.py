"""The enums of the field as plain integers, for compiled code, and the stages of a bar."""

from __future__ import annotations

from backtest.enums import (
    Basis,
    CommandKind,
    FeeReserve,
    LedgerKind,
    LeverageChange,
    LiquidationStyle,
    Liquidity,
    NoticeKind,
    OrderKind,
    OrderStatus,
    PartialStyle,
    Pocket,
    PriceSource,
    Reason,
    Removable,
    Side,
    SizeKind,
    ThresholdKind,
    TierUnit,
    TimeInForce,
)

BUY, SELL = int(Side.BUY), int(Side.SELL)

MARKET, LIMIT = int(OrderKind.MARKET), int(OrderKind.LIMIT)
STOP, STOP_LIMIT = int(OrderKind.STOP), int(OrderKind.STOP_LIMIT)
TAKE_PROFIT, TAKE_PROFIT_LIMIT = int(OrderKind.TAKE_PROFIT), int(OrderKind.TAKE_PROFIT_LIMIT)
TRAILING_STOP = int(OrderKind.TRAILING_STOP)
IMMEDIATE, FILL_OR_KILL, UNTIL = int(TimeInForce.IOC), int(TimeInForce.FOK), int(TimeInForce.GTD)

PENDING, WORKING, FILLED = int(OrderStatus.PENDING), int(OrderStatus.WORKING), int(OrderStatus.FILLED)
CANCELLED, REJECTED = int(OrderStatus.CANCELLED), int(OrderStatus.REJECTED)

ON_LAST, ON_MARK = int(PriceSource.LAST), int(PriceSource.MARK)
MAKER, TAKER, NO_LIQUIDITY = int(Liquidity.MAKER), int(Liquidity.TAKER), int(Liquidity.NONE)
FROM_WALLET, FROM_MARGIN, FROM_BOTH = int(Pocket.WALLET), int(Pocket.MARGIN), int(Pocket.CAPPED)
STYLE_BANKRUPTCY = int(LiquidationStyle.BANKRUPTCY)
PARTIAL_NONE, PARTIAL_TIERS = int(PartialStyle.NONE), int(PartialStyle.TIERS)

ON_ENTRY = int(Basis.ENTRY)
BY_MARK_NOTIONAL, BY_TIER_QUANTITY = int(TierUnit.NOTIONAL), int(TierUnit.QUANTITY)
RESERVE_NONE, RESERVE_VALUE = int(FeeReserve.NONE), int(FeeReserve.VALUE)
RESERVE_BANKRUPTCY, RESERVE_MOVING = int(FeeReserve.BANKRUPTCY), int(FeeReserve.MOVING_BANKRUPTCY)
REMOVABLE_TENTH, REMOVABLE_NONE = int(Removable.TENTH), int(Removable.NONE)
LEVERAGE_KEEPS, LEVERAGE_RESETS = int(LeverageChange.KEEPS), int(LeverageChange.RESETS)

BY_QUANTITY, BY_NOTIONAL = int(SizeKind.QUANTITY), int(SizeKind.NOTIONAL)
BY_MARGIN, BY_RISK, BY_POSITION = int(SizeKind.MARGIN), int(SizeKind.RISK), int(SizeKind.POSITION)
TO_QUANTITY, TO_NOTIONAL = int(SizeKind.TARGET_QUANTITY), int(SizeKind.TARGET_NOTIONAL)
TO_MARGIN, TO_EXPOSURE = int(SizeKind.TARGET_MARGIN), int(SizeKind.TARGET_EXPOSURE)

COMMAND_ORDER, COMMAND_CANCEL = int(CommandKind.ORDER), int(CommandKind.CANCEL)
COMMAND_CANCEL_ALL, COMMAND_ADD = int(CommandKind.CANCEL_ALL), int(CommandKind.ADD_MARGIN)
COMMAND_REMOVE, COMMAND_LEVERAGE = int(CommandKind.REMOVE_MARGIN), int(CommandKind.SET_LEVERAGE)
COMMAND_TOP_UP, COMMAND_AUTO = int(CommandKind.SET_TOP_UP), int(CommandKind.SET_AUTO_MARGIN)

NO_THRESHOLD, ON_RATIO = int(ThresholdKind.NONE), int(ThresholdKind.MARGIN_RATIO)
ON_DISTANCE, ON_DRAWDOWN = int(ThresholdKind.DISTANCE), int(ThresholdKind.DRAWDOWN)

ROW_DEPOSIT, ROW_OPEN, ROW_CLOSE = int(LedgerKind.DEPOSIT), int(LedgerKind.OPEN), int(LedgerKind.CLOSE)
ROW_LIQUIDATION, ROW_FUNDING = int(LedgerKind.LIQUIDATION), int(LedgerKind.FUNDING)
ROW_ADD, ROW_REMOVE = int(LedgerKind.ADD_MARGIN), int(LedgerKind.REMOVE_MARGIN)
ROW_TOP_UP, ROW_LEVERAGE, ROW_TIERS = int(LedgerKind.TOP_UP), int(LedgerKind.LEVERAGE), int(LedgerKind.TIERS)
ROW_ADL, BY_ADL = int(LedgerKind.AUTO_DELEVERAGING), int(Reason.AUTO_DELEVERAGING)
ROW_PARTIAL, ROW_AUTO = int(LedgerKind.PARTIAL_LIQUIDATION), int(LedgerKind.AUTO_MARGIN)

NOTE_REJECTION, NOTE_CANCELLATION = int(NoticeKind.REJECTION), int(NoticeKind.CANCELLATION)
NOTE_MARGIN_CALL, NOTE_ALERT = int(NoticeKind.MARGIN_CALL), int(NoticeKind.ALERT)
NOTE_TOP_UP_FAILED, NOTE_AMBIGUOUS = int(NoticeKind.TOP_UP_FAILED), int(NoticeKind.AMBIGUOUS)
NOTE_HOLE = int(NoticeKind.HOLE)

NO_REASON, BY_ORDER, BY_STOP = int(Reason.NONE), int(Reason.ORDER), int(Reason.STOP)
BY_TAKE_PROFIT, BY_LIQUIDATION = int(Reason.TAKE_PROFIT), int(Reason.LIQUIDATION)
BY_TRAILING_STOP = int(Reason.TRAILING_STOP)
QUANTITY_BELOW_LOT, NOTIONAL_BELOW_MINIMUM = int(Reason.QUANTITY_BELOW_LOT), int(Reason.NOTIONAL_BELOW_MINIMUM)
LEVERAGE_ABOVE_TIER, LEVERAGE_NOT_ALLOWED = int(Reason.LEVERAGE_ABOVE_TIER), int(Reason.LEVERAGE_NOT_ALLOWED)
LEVERAGE_CANNOT_BE_LOWERED = int(Reason.LEVERAGE_CANNOT_BE_LOWERED)
INSUFFICIENT_MARGIN = int(Reason.INSUFFICIENT_MARGIN)
REDUCE_ONLY_WITHOUT_POSITION = int(Reason.REDUCE_ONLY_WITHOUT_POSITION)
POST_ONLY_WOULD_TAKE, OUTSIDE_PRICE_BAND = int(Reason.POST_ONLY_WOULD_TAKE), int(Reason.OUTSIDE_PRICE_BAND)
TOO_MANY_ORDERS, NO_POSITION = int(Reason.TOO_MANY_ORDERS), int(Reason.NO_POSITION)
AMOUNT_ABOVE_WALLET, REMOVAL_ABOVE_LIMIT = int(Reason.AMOUNT_ABOVE_WALLET), int(Reason.REMOVAL_ABOVE_LIMIT)
STOP_ON_WRONG_SIDE, SIZE_NOT_DEFINED = int(Reason.STOP_ON_WRONG_SIDE), int(Reason.SIZE_NOT_DEFINED)
LEVERAGE_WOULD_LIQUIDATE = int(Reason.LEVERAGE_WOULD_LIQUIDATE)
NOT_IN_CROSS_MARGIN = int(Reason.NOT_IN_CROSS_MARGIN)
AUTO_MARGIN_NOT_OFFERED, POSITION_FROZEN = int(Reason.AUTO_MARGIN_NOT_OFFERED), int(Reason.POSITION_FROZEN)
UNKNOWN_ORDER, CANCELLED_BY_STRATEGY = int(Reason.UNKNOWN_ORDER), int(Reason.CANCELLED_BY_STRATEGY)
POSITION_CLOSED, POSITION_LIQUIDATED = int(Reason.POSITION_CLOSED), int(Reason.POSITION_LIQUIDATED)
SIBLING_FILLED, REPLACED = int(Reason.SIBLING_FILLED), int(Reason.REPLACED)
EXPIRED, NOT_FILLED_AT_ONCE = int(Reason.EXPIRED), int(Reason.NOT_FILLED_AT_ONCE)
BUDGET_SPENT, WALLET_EMPTY = int(Reason.BUDGET_SPENT), int(Reason.WALLET_EMPTY)

OPEN, HIGH, LOW, CLOSE, VOLUME, MARK_OPEN, MARK_HIGH, MARK_LOW, MARK_CLOSE = range(9)
"""Columns of the price block `prices[bar, symbol, column]`."""

STAGE_START, STAGE_OPEN, STAGE_PATH, STAGE_CLOSE, STAGE_DECIDED = range(5)
"""How far the bar has come."""

STOP_END, STOP_DECISION, STOP_EVENT, STOP_HOLE, STOP_ROOM = range(5)
"""Why the kernel returned: the end, a decision, a subscribed event, a hole under a position, a full table."""

NO_ORDER = 0

NEVER = 1 << 60
"""The bar that does not come."""
