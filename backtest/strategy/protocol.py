"""What a strategy is: a class with `init` and `next`, and hooks for what happens between decisions.

    class Breakout(bt.Strategy):
        lookback = bt.Param(48, low=12, high=240)

        def init(self):
            self.top = self.indicator(lambda high: high.rolling(self.lookback).max().shift(1), "high")

        def next(self):
            for symbol in self.symbols:
                if not self.position(symbol) and self.close[symbol] > self.top[symbol]:
                    self.buy(symbol, margin=0.10 * self.equity, leverage=5, stop=0.97 * self.close[symbol])

`next` is called at the close of each decision bar and sees nothing later; what it asks for reaches the venue at the
open of the next base bar. A strategy may instead return its whole plan from `plan`, which then runs without entering
Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backtest.broker.records import ACCOUNT
from backtest.enums import CommandKind, OrderKind, PriceSource, Side, SizeKind, ThresholdKind
from backtest.errors import UsageError, near
from backtest.strategy.events import Alert, Fill, FundingPayment, Liquidation, MarginCall, Rejection
from backtest.strategy.parameters import Param
from backtest.strategy.position import Position
from backtest.strategy.revealed import SEEN, Revealed, Single
from backtest.strategy.schedule import TARGETS, Schedule, per_decision

if TYPE_CHECKING:
    import pandas as pd

    from backtest.market.contract import Contract
    from backtest.strategy.stage import Stage

SIZES = {
    "quantity": SizeKind.QUANTITY,
    "notional": SizeKind.NOTIONAL,
    "margin": SizeKind.MARGIN,
    "risk": SizeKind.RISK,
}
_WALLET, _RESERVED = (ACCOUNT.names or ()).index("wallet"), (ACCOUNT.names or ()).index("reserved")
_EQUITY = (ACCOUNT.names or ()).index("equity")
NONE = float("nan")


class Strategy:
    """Base of all strategies. Class attributes that are `Param`s are its parameters; override what you need."""

    symbols: tuple[str, ...]
    open: Revealed
    high: Revealed
    low: Revealed
    close: Revealed
    volume: Revealed
    mark: Revealed
    random: np.random.Generator

    HOOKS: ClassVar[Mapping[str, str]] = {
        "FILL": "on_fill",
        "REJECT": "on_reject",
        "FUNDING": "on_funding",
        "LIQUIDATION": "on_liquidation",
        "MARGIN_CALL": "on_margin_call",
        "ALERT": "on_alert",
    }

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        for name, value in vars(cls).items():
            if isinstance(value, Param) and (hasattr(Strategy, name) or name in Strategy.__annotations__):
                raise UsageError(
                    f"{cls.__name__} declares a parameter named '{name}', which is a name of every strategy; "
                    "give the parameter another name"
                )

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._simulation = stage.simulation
        self._legs = stage.legs
        self._positions = stage.positions
        self._account = memoryview(stage.simulation.account.view(np.float64).data)
        self.symbols = tuple(stage.legs)
        self.random = np.random.default_rng(stage.seed)
        for name in SEEN:
            setattr(self, name, stage.column(name))

    # --- what a strategy overrides

    def init(self) -> None:
        """Make indicators and set alerts and top-up policies; called once, before the first bar."""

    def next(self) -> None:
        """Decide; called at the close of every decision bar."""

    def plan(self) -> Schedule | None:
        """The whole plan in advance; if a schedule is returned, `next` and the hooks are not called."""
        return None

    def on_fill(self, fill: Fill) -> None:
        """An order was executed."""

    def on_reject(self, rejection: Rejection) -> None:
        """The venue refused something."""

    def on_funding(self, position: Position, payment: FundingPayment) -> None:
        """A position paid or received funding."""

    def on_margin_call(self, position: Position, call: MarginCall) -> None:
        """A position's margin ratio rose to the run's margin-call level."""

    def on_liquidation(self, position: Position, event: Liquidation) -> None:
        """The venue took a position over."""

    def on_alert(self, alert: Alert) -> None:
        """A threshold set with `alert` was reached."""

    # --- what it sees

    @property
    def equity(self) -> float:
        """Wallet + Σ (margin + unrealised PnL) at this instant, settlement currency (of an inverse market coin)."""
        return self._account[_EQUITY]

    @property
    def cash(self) -> float:
        """What the wallet has free: not in positions, not reserved for resting limit orders."""
        return self._account[_WALLET] - self._account[_RESERVED]

    @property
    def bar(self) -> int:
        """Number of the decision bar that has closed last, from 0."""
        return self._stage.now.row

    @property
    def time(self) -> pd.Timestamp:
        """The instant: the close of the last decision bar (at a hook: the open of the base bar it happens in), UTC."""
        return self._stage.time()

    def position(self, symbol: str) -> Position:
        """The symbol's position; false while there is none."""
        try:
            return self._positions[symbol]
        except KeyError:
            raise UsageError(
                f"'{symbol}' is not in this run; {near(symbol, self.symbols)}it has {', '.join(self.symbols)}"
            ) from None

    def contract(self, symbol: str) -> Contract:
        """The symbol's contract: tick, lot, minimum notional, fees, dated leverage tiers."""
        return self._stage.history.contracts[self._leg(symbol)]

    # --- indicators

    def indicator(self, function: Callable[..., Any], *columns: str, **arguments: Any) -> Revealed:
        """`function` of the named columns of each symbol, computed once and revealed as bars close.

        It is given one pandas Series a column (index: closes of the decision bars), and `arguments` by name, and
        returns as many values; its value at a bar may depend on that bar and earlier ones only (`backtest check`
        tries). A function of a module (no lambda, none with a closure) is worked out once for all runs on a history:

            self.slow = self.indicator(moving_average, "close", bars=self.slow_bars)
        """
        return self._stage.indicator(function, columns, arguments)

    def panel(self, function: Callable[..., Any], *columns: str, **arguments: Any) -> Revealed:
        """As `indicator`, but `function` is given one DataFrame a column, with a column per symbol, and returns such
        a table.
        """
        return self._stage.panel(function, columns, arguments)

    def single(self, function: Callable[..., Any], *columns: str, **arguments: Any) -> Single:
        """As `panel`, but `function` returns one Series for the whole run; its value now is `.value`."""
        return self._stage.single(function, columns, arguments)

    # --- what it asks for

    def buy(self, symbol: str, **request: Any) -> int:
        """Ask for a buy; see `order` for the keywords. Returns the order's number."""
        return self.order(symbol, Side.BUY, **request)

    def sell(self, symbol: str, **request: Any) -> int:
        """Ask for a sell; see `order` for the keywords. Returns the order's number."""
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
        leverage: float = NONE,
        limit: float = NONE,
        trigger: float = NONE,
        trigger_on: PriceSource = PriceSource.LAST,
        stop: float = NONE,
        take_profit: float = NONE,
        reduce_only: bool = False,
        post_only: bool = False,
        tag: str = "",
    ) -> int:
        """Ask for an order of exactly one size; returns its number.

        quantity (base units; of an inverse contract quote units: USD), notional or margin (settlement currency, of an
        inverse contract coin; margin × leverage is the notional), or risk (fraction of equity lost at `stop`). Prices
        are in quote currency everywhere. Without `limit` and `trigger` a market order; `limit` makes it a limit
        order; `trigger` a stop or, on the other side of the last price, a take-profit; both a stop-limit (take-
        profit-limit). `stop` and `take_profit` are prices of a bracket that comes into force with the fill.
        """
        given = [
            (kind, size)
            for kind, size in (
                (SizeKind.QUANTITY, quantity),
                (SizeKind.NOTIONAL, notional),
                (SizeKind.MARGIN, margin),
                (SizeKind.RISK, risk),
            )
            if size is not None
        ]
        if len(given) != 1:
            raise UsageError(
                f"an order says what it sizes: exactly one of {', '.join(SIZES)}; {len(given)} were given for {symbol}"
            )
        size_kind, size = given[0]
        if not size >= 0.0:
            raise UsageError(
                f"an order of size {size} for {symbol} has no meaning; sizes are positive, the side is buy or sell"
            )
        if size_kind == SizeKind.RISK and stop != stop:
            raise UsageError(f"risk= sizes an order by what is lost at its stop: give stop= too, for {symbol}")
        kind = OrderKind.MARKET
        if trigger == trigger:
            rises = trigger >= self.close[symbol]
            stops = rises == (side == Side.BUY)
            if limit == limit:
                kind = OrderKind.STOP_LIMIT if stops else OrderKind.TAKE_PROFIT_LIMIT
            else:
                kind = OrderKind.STOP if stops else OrderKind.TAKE_PROFIT
        elif limit == limit:
            kind = OrderKind.LIMIT
        number = self._simulation.order(
            self._leg(symbol),
            side,
            kind,
            size_kind,
            size,
            price=limit,
            trigger=trigger,
            trigger_on=trigger_on,
            reduce_only=reduce_only,
            post_only=post_only,
            leverage=leverage,
            stop=stop,
            take_profit=take_profit,
            tag=self._stage.tag(tag),
        )
        self._stage.legs_of_orders[number] = self._legs[symbol]
        return number

    def target(
        self,
        symbol: str,
        *,
        exposure: float | None = None,
        notional: float | None = None,
        margin: float | None = None,
        quantity: float | None = None,
        leverage: float = NONE,
        stop: float = NONE,
        take_profit: float = NONE,
        tag: str = "",
    ) -> int:
        """Ask that the position be brought to a signed target with one market order; returns its number.

        Exactly one of exposure (notional as a fraction of equity), notional, margin (times the leverage), quantity. A
        `stop` or `take_profit` replaces the bracket that stands.
        """
        given = [
            (kind, size)
            for kind, size in (
                (SizeKind.TARGET_EXPOSURE, exposure),
                (SizeKind.TARGET_NOTIONAL, notional),
                (SizeKind.TARGET_MARGIN, margin),
                (SizeKind.TARGET_QUANTITY, quantity),
            )
            if size is not None
        ]
        if len(given) != 1 or given[0][1] != given[0][1]:
            raise UsageError(
                f"a target says what it sizes: exactly one of {', '.join(TARGETS)}, a number, for {symbol}"
            )
        size_kind, size = given[0]
        return self._simulation.order(
            self._leg(symbol),
            Side.BUY,
            OrderKind.MARKET,
            size_kind,
            size,
            leverage=leverage,
            stop=stop,
            take_profit=take_profit,
            tag=self._stage.tag(tag),
        )

    def close_position(self, symbol: str, *, share: float = 1.0, tag: str = "") -> int:
        """Close a share of the symbol's position at the market; returns the order's number."""
        return self.position(symbol).reduce(share, tag=tag)

    def cancel(self, order: int) -> None:
        """Ask for the cancel of a working order by its number."""
        if order not in self._stage.legs_of_orders:
            raise UsageError(f"no order of number {order} was given; cancel takes what buy, sell or order returned")
        self._simulation.command(CommandKind.CANCEL, self._stage.legs_of_orders[order], order=order)

    def cancel_all(self, symbol: str) -> None:
        """Ask for the cancel of all working orders of a symbol, brackets among them."""
        self._simulation.command(CommandKind.CANCEL_ALL, self._leg(symbol))

    def alert(
        self,
        symbol: str | None = None,
        *,
        margin_ratio: float | None = None,
        distance: float | None = None,
        drawdown: float | None = None,
    ) -> int:
        """Watch a threshold: of a position the margin ratio or the distance to liquidation, of the account the
        drawdown.

        It goes to the risk log and calls `on_alert`. Levels are fractions. Returns the alert's number. Call it in
        `init`.
        """
        given = [
            (kind, level)
            for kind, level in (
                (ThresholdKind.MARGIN_RATIO, margin_ratio),
                (ThresholdKind.DISTANCE, distance),
                (ThresholdKind.DRAWDOWN, drawdown),
            )
            if level is not None
        ]
        if len(given) != 1 or not 0.0 < given[0][1] < 1.0:
            raise UsageError(
                "an alert watches exactly one of margin_ratio, distance, drawdown, at a fraction between 0 and 1"
            )
        threshold, level = given[0]
        if (threshold == ThresholdKind.DRAWDOWN) == (symbol is not None):
            raise UsageError("a drawdown alert watches the account (no symbol); the others watch a symbol")
        leg = -1 if symbol is None else self._leg(symbol)
        return self._simulation.watch(leg, threshold, level)

    # --- schedules

    def frame(self, symbol: str) -> pd.DataFrame:
        """All decision bars of a symbol (open high low close volume mark; index: closes). For `plan`: it holds the
        whole run.
        """
        return self._stage.frame(symbol)

    def targets(
        self,
        symbol: str,
        bars: ArrayLike,
        *,
        leverage: ArrayLike = NONE,
        stop: ArrayLike = NONE,
        take_profit: ArrayLike = NONE,
        **size: ArrayLike,
    ) -> Schedule:
        """A schedule of one symbol with a row only where the plan changes: the numbers of those decision bars, and a
        value for each.

        Exactly one of exposure, notional, margin, quantity (signed, as in `target`). Schedules of several symbols are
        added with `+`. For a plan over long histories this is much cheaper than `schedule`:

            above = self.fast.whole(symbol) > self.slow.whole(symbol)
            turns = np.flatnonzero(above[1:] != above[:-1]) + 1
            return self.targets(symbol, turns, exposure=np.where(above[turns], 0.5, 0.0), leverage=5)
        """
        rows = self._stage.closes[np.asarray(bars, np.int64)]
        return Schedule.of_targets(
            rows, self._leg(symbol), leverage=leverage, stop=stop, take_profit=take_profit, **size
        )

    def schedule(
        self,
        *,
        leverage: Mapping[str, Any] | float = NONE,
        stop: Mapping[str, Any] | None = None,
        take_profit: Mapping[str, Any] | None = None,
        add_margin: Mapping[str, Any] | None = None,
        **size: Mapping[str, Any],
    ) -> Schedule:
        """A schedule from arrays, one value per decision bar and symbol; NaN leaves the position as it is.

        Exactly one of exposure, notional, margin, quantity (signed, as in `target`), a mapping from symbol to array;
        `leverage`, `stop`, `take_profit` alike; `add_margin` moves money into (negative: out of) the position.
        """
        closes = self._stage.closes
        if len(size) != 1 or next(iter(size)) not in TARGETS:
            raise UsageError(f"a plan says what it sizes: exactly one of {', '.join(TARGETS)}")
        name, wanted = next(iter(size.items()))
        targets = per_decision(self.symbols, closes, dict(wanted), name)
        levels = leverage if isinstance(leverage, Mapping) else dict.fromkeys(targets, leverage)
        extras = {
            "leverage": per_decision(self.symbols, closes, dict(levels), "leverage"),
            "stop": per_decision(self.symbols, closes, dict(stop or {}), "stop"),
            "take_profit": per_decision(self.symbols, closes, dict(take_profit or {}), "take_profit"),
        }
        parts = [Schedule.of_margin([], [], add=[])]
        for symbol, column in targets.items():
            rows: NDArray[np.intp] = np.flatnonzero(~np.isnan(column))
            given = {key: each[symbol][rows] for key, each in extras.items() if symbol in each}
            legs = np.full(len(rows), self._legs[symbol])
            parts.append(Schedule.of_targets(closes[rows], legs, **given, **{name: column[rows]}))
        for symbol, column in per_decision(self.symbols, closes, dict(add_margin or {}), "add_margin").items():
            rows = np.flatnonzero(~np.isnan(column) & (column != 0.0))
            parts.append(Schedule.of_margin(closes[rows], np.full(len(rows), self._legs[symbol]), add=column[rows]))
        return Schedule(np.concatenate([part.commands for part in parts]))

    def _leg(self, symbol: str) -> int:
        try:
            return self._legs[symbol]
        except KeyError:
            raise UsageError(
                f"'{symbol}' is not in this run; {near(symbol, self.symbols)}it has {', '.join(self.symbols)}"
            ) from None


def overridden(strategy: type[Strategy], names: Sequence[str]) -> list[str]:
    """Those of the named methods that the class does not take from `Strategy`."""
    return [name for name in names if getattr(strategy, name) is not getattr(Strategy, name)]
