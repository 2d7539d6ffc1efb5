"""Liquidation: replenished, in parts, or whole [2.3, 5.2-5.6]."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from backtest.enums import LedgerKind, LiquidationStyle, Liquidity, PartialStyle, Reason, TierUnit
from tests.oracle.desk import Desk
from tests.oracle.money import CRUMB, ZERO, round_quantity
from tests.oracle.state import Position

ROUNDING = Decimal("1e-12")
"""[5.6] A balance below this share of the notional is none."""


def is_due(desk: Desk, position: Position, mark: Decimal) -> bool:
    """[2.3] The mark is at or beyond the liquidation price; strictly beyond where the venue is strict."""
    if position.liquidation is None or frozen(desk, position):
        return False
    beyond = (position.liquidation - mark) * position.side
    return beyond > ZERO or (beyond == ZERO and not desk.world.rules.strict)


def waits(desk: Desk, position: Position) -> bool:
    """[5.6] Whether the bar lies within the cooldown of a part, which is counted in whole bars."""
    if position.part_bar is None:
        return False
    cooldown = Decimal(desk.world.rules.partial_cooldown_ns) / desk.world.bar_ns
    return desk.bar < position.part_bar + cooldown.to_integral_value(ROUND_CEILING)


def frozen(desk: Desk, position: Position) -> bool:
    """[4.10, 5.6] Neither liquidated nor traded until the cooldown is over."""
    return desk.world.rules.freezes and position.open and waits(desk, position)


def liquidate(desk: Desk, position: Position) -> None:
    """[5.2] The orders are cancelled, and a part or the whole is closed."""
    for order in desk.account.working(position.leg):
        desk.cancel(order, Reason.POSITION_LIQUIDATED)
    mark = desk.mark(position.leg)
    part = part_of(desk, position, mark)
    if ZERO < part < position.size:
        close_part(desk, position, part, mark)
    else:
        close_whole(desk, position, mark)


def replenished(desk: Desk, position: Position) -> bool:
    """[5.5] min(value(E) / L, notional at the mark - M, free wallet), if that is more than a crumb."""
    if not position.auto_margin:
        return False
    mark = desk.mark(position.leg)
    initial = position.value(position.entry) / position.leverage
    amount = min(
        initial,
        position.value(mark) - position.margin,
        desk.account.free,
    )
    if amount <= CRUMB * initial:
        return False
    desk.account.wallet -= amount
    position.margin += amount
    desk.book(position.leg, LedgerKind.AUTO_MARGIN, {"wallet": -amount, "margin": amount})
    return True


def taken_by_backstop(desk: Desk, position: Position, mark: Decimal) -> bool:
    """[5.3] The balance is below `backstop x maintenance margin`."""
    return position.balance(mark) < desk.world.rules.backstop * position.maintenance(mark)


def part_of(desk: Desk, position: Position, mark: Decimal) -> Decimal:
    """[5.6] The quantity that is closed; zero where there is no partial liquidation."""
    rules, contract, tiers = desk.world.rules, desk.contract(position.leg), position.tiers
    nothing_left = position.balance(mark) - position.counted_reserve <= ROUNDING * position.value(mark)
    if nothing_left or taken_by_backstop(desk, position, mark):
        return ZERO
    if rules.partial == PartialStyle.FRACTION:
        if position.value(mark) <= rules.partial_above or waits(desk, position):
            return ZERO
        lots = (rules.partial_fraction * position.size / contract.lot).to_integral_value(rounding=ROUND_CEILING)
        return lots * contract.lot
    if rules.partial == PartialStyle.TIERS:
        number = position.tier_number(mark)
        if number + 1 < rules.partial_from_tier:
            return ZERO
        cap = tiers[max(0, number - rules.partial_tiers)].cap
        if rules.tier_unit != TierUnit.QUANTITY:
            at = position.entry if rules.tier_unit == TierUnit.ENTRY else mark
            cap = contract.quantity(cap, at)
        return position.size - round_quantity(cap, contract.lot)
    return ZERO


def close_part(desk: Desk, position: Position, part: Decimal, mark: Decimal) -> None:
    """[5.6] At the mark; its PnL and the liquidation fee come out of the margin, nothing is released."""
    share = part / position.size
    realised = share * position.pnl(mark)
    fee = min(position.balance(mark), desk.contract(position.leg).liquidation_fee * share * position.value(mark))
    side = position.side
    position.quantity -= side * part
    position.margin += realised - fee
    position.part_bar = desk.bar
    desk.book(
        position.leg,
        LedgerKind.PARTIAL_LIQUIDATION,
        {"margin": realised - fee, "pnl": -realised, "liquidation_fee": fee},
        price=mark,
        quantity=-side * part,
        liquidity=Liquidity.TAKER,
        reason=Reason.LIQUIDATION,
    )


def close_whole(desk: Desk, position: Position, mark: Decimal) -> None:
    """[5.2, 5.3] At the mark or at the bankruptcy price; the fee is taken, the rest returned."""
    size, side, lost, reserve = position.size, position.side, position.margin, position.counted_reserve
    taken_over = (
        desk.world.rules.liquidation_style == LiquidationStyle.BANKRUPTCY
        or taken_by_backstop(desk, position, mark)
        or position.tilt * (position.bankruptcy_unit - position.unit(mark)) > ZERO
    )
    if taken_over:
        price, realised, left = position.bankruptcy_price, reserve - lost, ZERO
    else:
        price, realised, left = mark, position.pnl(mark), position.balance(mark)
    fees = reserve if taken_over else ZERO
    fee = min(left, desk.contract(position.leg).liquidation_fee * position.value(mark))
    returned = left - fee
    position.quantity, position.entry, position.margin = ZERO, ZERO, ZERO
    desk.account.wallet += returned
    desk.book(
        position.leg,
        LedgerKind.LIQUIDATION,
        {"wallet": returned, "margin": -lost, "pnl": -realised, "fees": fees, "liquidation_fee": fee},
        price=price,
        quantity=-side * size,
        liquidity=Liquidity.TAKER,
        reason=Reason.LIQUIDATION,
    )
