"""What a strategy asks for: orders, targets and cancels, each checked before the broker is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backtest.clock import Moment, moment_ns
from backtest.enums import CommandKind, OrderKind, PositionSide, PriceSource, Side, SizeKind, TimeInForce, from_label
from backtest.errors import UsageError, near
from backtest.strategy.requests import (
    NONE,
    check_bracket,
    check_keywords,
    force_of,
    leverage_of,
    one_size,
    price_of,
    share_of,
    side_of,
)

if TYPE_CHECKING:
    from backtest.strategy.desk import Desk
    from backtest.strategy.position import Position
    from backtest.strategy.revealed import Revealed
    from backtest.strategy.stage import Stage


Leg = PositionSide | str


class Trading:
    """The requests of a strategy; the base of `Strategy`."""

    symbols: tuple[str, ...]
    close: Revealed
    _stage: Stage
    _simulation: Desk
    _numbers: dict[str, int]
    _hedge: bool
    _positions: tuple[Position, ...]

    def position(self, symbol: str, leg: Leg | None = None) -> Position:
        """The symbol's position; false while there is none.

        In hedge mode its `leg`, "long" or "short"; where none is named the one that is open, else the long one.
        """
        number = self._leg(symbol, leg)
        if self._hedge and leg is None and not self._positions[number] and self._positions[number + 1]:
            return self._positions[number + 1]
        return self._positions[number]

    def buy(self, symbol: str, **request: Any) -> int:
        """Ask for a buy; see `order` for the keywords. Returns the order's number."""
        if not KEYWORDS.issuperset(request):
            check_keywords("buy", request, sorted(KEYWORDS))
        return self.order(symbol, Side.BUY, **request)

    def sell(self, symbol: str, **request: Any) -> int:
        """Ask for a sell; see `order` for the keywords. Returns the order's number."""
        if not KEYWORDS.issuperset(request):
            check_keywords("sell", request, sorted(KEYWORDS))
        return self.order(symbol, Side.SELL, **request)

    def order(
        self,
        symbol: str,
        side: Side,
        *,
        quantity: float | None = None,
        notional: float | None = None,
        margin: float | None = None,
        risk: float | None = None,
        leverage: float | None = None,
        limit: float | None = None,
        trigger: float | None = None,
        callback_rate: float | None = None,
        callback_distance: float | None = None,
        activation: float | None = None,
        trigger_on: PriceSource | str = PriceSource.LAST,
        stop: float | None = None,
        take_profit: float | None = None,
        trailing_stop: float | None = None,
        reduce_only: bool = False,
        post_only: bool = False,
        time_in_force: TimeInForce | str = TimeInForce.GTC,
        good_till: Moment | None = None,
        oco: int | None = None,
        leg: Leg | None = None,
        tag: str = "",
    ) -> int:
        """Ask for an order of exactly one size; returns its number.

        quantity (base units; of an inverse contract quote units: USD), notional or margin (settlement currency, of an
        inverse contract coin; margin × leverage is the notional), or risk (fraction of equity lost at `stop`). Prices
        are in quote currency everywhere. Without a price a market order; `limit` makes it a limit order; `trigger` a
        stop or, on the other side of the last price, a take-profit; both a stop-limit (take-profit-limit).
        `callback_rate` (a fraction) or `callback_distance` (a price difference) makes it a trailing stop, active from
        the `activation` price on where one is given. Triggers are read on the last price, or on the mark
        (`trigger_on="mark"`).

        stop, take_profit (prices) and trailing_stop (a callback rate) are a bracket that comes into force with the
        fill. time_in_force: gtc, ioc or fok; good_till: the instant at which the order ends. oco: the number of
        another order; the first of them that fills cancels the others.

        leg: in hedge mode "long" or "short". A buy of the long leg opens, a sell of it reduces; of the short leg the
        other way round. Where none is named a buy opens the long and a sell the short; reduce-only ones close them.
        """
        sizes = (
            ("quantity", SizeKind.QUANTITY, quantity),
            ("notional", SizeKind.NOTIONAL, notional),
            ("margin", SizeKind.MARGIN, margin),
            ("risk", SizeKind.RISK, risk),
        )
        size_kind, size = one_size("an order", symbol, sizes)
        if size < 0.0:
            raise UsageError(
                f"an order of size {size:g} for {symbol} has no meaning; sizes are positive, the side is buy or sell"
            )
        if size_kind == SizeKind.RISK and stop is None:
            raise UsageError(f"risk= sizes an order by what is lost at its stop: give stop= too, for {symbol}")
        number = self._leg(symbol, leg, -side if reduce_only else side)
        kind, level = OrderKind.MARKET, None
        if callback_rate is not None or callback_distance is not None:
            kind, level = OrderKind.TRAILING_STOP, activation
            if (callback_rate is None) == (callback_distance is None) or not limit is trigger is None:
                raise UsageError(
                    "a trailing stop has callback_rate= or callback_distance=, and neither limit= nor trigger=; the "
                    "price from which it is active is activation="
                )
        elif activation is not None:
            raise UsageError("activation= belongs to a trailing stop: give callback_rate= or callback_distance= too")
        elif trigger is not None:
            level = trigger
            stops = (price_of("trigger", trigger) >= self.close[symbol]) == (side == Side.BUY)
            if limit is None:
                kind = OrderKind.STOP if stops else OrderKind.TAKE_PROFIT
            else:
                kind = OrderKind.STOP_LIMIT if stops else OrderKind.TAKE_PROFIT_LIMIT
        elif limit is not None:
            kind = OrderKind.LIMIT
        if limit is not None:
            limit = price_of("limit", limit)
        if level is not None:
            level = price_of("activation" if kind == OrderKind.TRAILING_STOP else "trigger", level)
        if stop is not None or take_profit is not None:
            price = limit if limit is not None else level if level is not None else self.close[symbol]
            check_bracket(symbol, side, price, stop, take_profit)
        force = TimeInForce.GTC
        if time_in_force is not force or good_till is not None:
            asked = time_in_force if isinstance(time_in_force, TimeInForce) else from_label(TimeInForce, time_in_force)
            force = force_of(asked, good_till, post_only)
        group = 0 if oco is None else self._ordered(oco)[1]
        order = self._simulation.order(
            number,
            side,
            kind,
            size_kind,
            size,
            price=NONE if limit is None else limit,
            trigger=NONE if level is None else level,
            trigger_on=trigger_on if isinstance(trigger_on, PriceSource) else from_label(PriceSource, trigger_on),
            callback_rate=NONE if callback_rate is None else share_of("callback_rate", callback_rate),
            callback_distance=NONE if callback_distance is None else price_of("callback_distance", callback_distance),
            reduce_only=reduce_only,
            post_only=post_only,
            leverage=NONE if leverage is None else leverage_of(leverage),
            stop=NONE if stop is None else stop,
            take_profit=NONE if take_profit is None else take_profit,
            trailing_stop=NONE if trailing_stop is None else share_of("trailing_stop", trailing_stop),
            time_in_force=force,
            expires_ns=0 if good_till is None else moment_ns(good_till),
            group=group,
            tag=self._stage.tag(tag),
        )
        self._stage.orders[order] = (number, group or order)
        return order

    def target(
        self,
        symbol: str,
        *,
        exposure: float | None = None,
        notional: float | None = None,
        margin: float | None = None,
        quantity: float | None = None,
        leverage: float | None = None,
        stop: float | None = None,
        take_profit: float | None = None,
        trailing_stop: float | None = None,
        leg: Leg | None = None,
        tag: str = "",
    ) -> int:
        """Ask that the position be brought to a signed target with one market order; returns its number.

        Exactly one of exposure (notional as a fraction of equity), notional, margin (times the leverage), quantity. A
        `stop`, `take_profit` or `trailing_stop` (a callback rate) replaces the bracket that stands.

        In hedge mode it is the target of a `leg`; where none is named, of the symbol: the leg of its sign is brought to
        it, the other one closed.
        """
        sizes = (
            ("exposure", SizeKind.TARGET_EXPOSURE, exposure),
            ("notional", SizeKind.TARGET_NOTIONAL, notional),
            ("margin", SizeKind.TARGET_MARGIN, margin),
            ("quantity", SizeKind.TARGET_QUANTITY, quantity),
        )
        size_kind, size = one_size("a target", symbol, sizes)
        number = self._leg(symbol, leg, size)
        if self._hedge and leg is None:
            other = number ^ 1
            self._simulation.order(
                other, Side.BUY, OrderKind.MARKET, SizeKind.TARGET_QUANTITY, 0.0, tag=self._stage.tag(tag)
            )
        if (stop is not None or take_profit is not None) and size != 0.0:
            check_bracket(symbol, Side.BUY if size > 0.0 else Side.SELL, self.close[symbol], stop, take_profit)
        return self._simulation.order(
            number,
            Side.BUY,
            OrderKind.MARKET,
            size_kind,
            size,
            leverage=NONE if leverage is None else leverage_of(leverage),
            stop=NONE if stop is None else stop,
            take_profit=NONE if take_profit is None else take_profit,
            trailing_stop=NONE if trailing_stop is None else share_of("trailing_stop", trailing_stop),
            tag=self._stage.tag(tag),
        )

    def close_position(self, symbol: str, *, share: float = 1.0, leg: Leg | None = None, tag: str = "") -> int:
        """Close a share of the symbol's position at the market; returns the order's number.

        In hedge mode that of a `leg`; where none is named, of both (the number is that of the last).
        """
        position = self.position(symbol, leg)
        if self._hedge and leg is None and position and self.position(symbol, "short"):
            self.position(symbol, "long").reduce(share, tag=tag)
            position = self.position(symbol, "short")
        return position.reduce(share, tag=tag)

    def cancel(self, order: int) -> None:
        """Ask for the cancel of a working order by its number."""
        self._simulation.command(CommandKind.CANCEL, self._ordered(order)[0], order=order)

    def cancel_all(self, symbol: str, leg: Leg | None = None) -> None:
        """Ask for the cancel of all working orders of a symbol (in hedge mode of a `leg`), brackets among them."""
        for number in self._of(symbol, leg):
            self._simulation.command(CommandKind.CANCEL_ALL, number)

    def _ordered(self, number: int) -> tuple[int, int]:
        """Leg and group of an order that was given."""
        try:
            return self._stage.orders[number]
        except (KeyError, TypeError):
            raise UsageError(
                f"no order of number {number} was given; cancel= and oco= take what buy, sell or order returned"
            ) from None

    def _leg(self, symbol: str, leg: Leg | None = None, side: float = 1.0) -> int:
        """The number of a leg: the one that is named, else that of the side."""
        try:
            number = self._numbers[symbol]
        except KeyError:
            raise UsageError(
                f"'{symbol}' is not in this run; {near(symbol, self.symbols)}it has {', '.join(self.symbols)}"
            ) from None
        if not self._hedge:
            if leg is not None:
                raise UsageError(
                    f"leg={leg!r} was named, but in one-way mode a symbol has one position; "
                    "run with position_mode='hedge'"
                )
            return number
        short = side < 0.0 if leg is None else side_of(leg) == PositionSide.SHORT
        return 2 * number + 1 if short else 2 * number

    def _of(self, symbol: str, leg: Leg | None) -> tuple[int, ...]:
        """The numbers of the leg that is named, else of all legs of the symbol."""
        number = self._leg(symbol, leg)
        return (number, number + 1) if self._hedge and leg is None else (number,)


KEYWORDS = frozenset(Trading.order.__kwdefaults__ or ())
"""The keywords of `buy`, `sell` and `order`."""
