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
from backtest.enums import PositionSide, ThresholdKind, label
from backtest.errors import UsageError
from backtest.strategy.events import Alert, Fill, FundingPayment, Liquidation, MarginCall, Rejection
from backtest.strategy.parameters import Param
from backtest.strategy.position import Position
from backtest.strategy.requests import NONE
from backtest.strategy.revealed import SEEN, Revealed, Single
from backtest.strategy.schedule import TARGETS, Planned, Schedule, per_decision
from backtest.strategy.trading import Leg, Trading

if TYPE_CHECKING:
    import pandas as pd

    from backtest.market.contract import Contract
    from backtest.strategy.stage import Stage
    from backtest.strategy.wallet import Wallet

_WALLET, _RESERVED = (ACCOUNT.names or ()).index("wallet"), (ACCOUNT.names or ()).index("reserved")
_EQUITY = (ACCOUNT.names or ()).index("equity")


class Strategy(Trading):
    """Base of all strategies. Class attributes that are `Param`s are its parameters; override what you need."""

    open: Revealed
    high: Revealed
    low: Revealed
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
            if isinstance(value, Param) and (hasattr(Strategy, name) or name in RESERVED):
                raise UsageError(
                    f"{cls.__name__} declares a parameter named '{name}', which is a name of every strategy; "
                    "give the parameter another name"
                )

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._simulation = stage.simulation
        self._numbers, self._hedge = stage.symbols, stage.legs.hedge
        self._positions = stage.positions
        self._account = memoryview(stage.simulation.account.view(np.float64).data)
        self.symbols = tuple(stage.symbols)
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

    def wallet(self, of: str) -> Wallet:
        """The wallet of a currency (`"BTC"`), or of the currency that a symbol is settled in.

        In an account of several currencies `equity` and `cash` are sums, told in the run's report currency; a size is
        of the contract's own wallet (an exposure or a risk a share of that wallet's equity). `self.wallet(symbol)` is
        right in every account.
        """
        return self._stage.wallet(of)

    @property
    def bar(self) -> int:
        """Number of the decision bar that has closed last, from 0."""
        return self._stage.now.row

    @property
    def time(self) -> pd.Timestamp:
        """The instant: the close of the last decision bar (at a hook: the open of the base bar it happens in), UTC."""
        return self._stage.time()

    def contract(self, symbol: str) -> Contract:
        """The symbol's contract: tick, lot, minimum notional, fees, dated leverage tiers."""
        return self._stage.history.contracts[self._leg(symbol) // self._stage.legs.each]

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

    # --- what it watches

    def alert(
        self,
        symbol: str | None = None,
        *,
        margin_ratio: float | None = None,
        distance: float | None = None,
        drawdown: float | None = None,
        leg: Leg | None = None,
    ) -> int:
        """Watch a threshold: of a position the margin ratio or the distance to liquidation, of the account the
        drawdown.

        It goes to the risk log and calls `on_alert`. Levels are fractions. Returns the alert's number. Call it in
        `init`. In hedge mode a `leg` may be named; else it watches both.
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
        number = 0
        for each in (-1,) if symbol is None else self._of(symbol, leg):
            number = self._simulation.watch(each, threshold, level, number)
        return number

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
        trailing_stop: ArrayLike = NONE,
        leg: Leg | None = None,
        **size: ArrayLike,
    ) -> Schedule:
        """A schedule of one symbol with a row only where the plan changes: the numbers of those decision bars, and a
        value for each.

        Exactly one of exposure, notional, margin, quantity (signed, as in `target`). Schedules of several symbols are
        added with `+`. In hedge mode it is the plan of a `leg`, or, as in `target`, of the symbol. For a plan over long
        histories this is much cheaper than `schedule`:

            above = self.fast.whole(symbol) > self.slow.whole(symbol)
            turns = np.flatnonzero(above[1:] != above[:-1]) + 1
            return self.targets(symbol, turns, exposure=np.where(above[turns], 0.5, 0.0), leverage=5)
        """
        rows = self._stage.closes[np.asarray(bars, np.int64)]
        return self._planned(
            symbol,
            leg,
            rows,
            leverage=leverage,
            stop=stop,
            take_profit=take_profit,
            trailing_stop=trailing_stop,
            **size,
        )

    def schedule(
        self,
        *,
        leverage: Mapping[Any, Any] | float = NONE,
        stop: Mapping[Any, Any] | None = None,
        take_profit: Mapping[Any, Any] | None = None,
        trailing_stop: Mapping[Any, Any] | None = None,
        add_margin: Mapping[Any, Any] | None = None,
        **size: Mapping[Any, Any],
    ) -> Schedule:
        """A schedule from arrays, one value per decision bar and symbol; NaN leaves the position as it is.

        Exactly one of exposure, notional, margin, quantity (signed, as in `target`), a mapping from symbol to array;
        `leverage`, `stop`, `take_profit`, `trailing_stop` (a callback rate) alike; `add_margin` moves money into
        (negative: out of) the position. In hedge mode a leg is named as in `{("BTC/USDT:USDT", "short"): array}`.
        """
        closes = self._stage.closes
        if len(size) != 1 or next(iter(size)) not in TARGETS:
            raise UsageError(f"a plan says what it sizes: exactly one of {', '.join(TARGETS)}")
        name, wanted = next(iter(size.items()))
        known = self._plannable()
        targets = per_decision(known, closes, dict(wanted), name)
        levels = leverage if isinstance(leverage, Mapping) else dict.fromkeys(targets, leverage)
        extras = {
            "leverage": per_decision(known, closes, dict(levels), "leverage"),
            "stop": per_decision(known, closes, dict(stop or {}), "stop"),
            "take_profit": per_decision(known, closes, dict(take_profit or {}), "take_profit"),
            "trailing_stop": per_decision(known, closes, dict(trailing_stop or {}), "trailing_stop"),
        }
        parts = [Schedule.of_margin([], [], add=[])]
        for planned, column in targets.items():
            rows: NDArray[np.intp] = np.flatnonzero(~np.isnan(column))
            given = {key: each[planned][rows] for key, each in extras.items() if planned in each}
            symbol, leg = planned if isinstance(planned, tuple) else (planned, None)
            parts.append(self._planned(symbol, leg, closes[rows], **given, **{name: column[rows]}))
        for planned, column in per_decision(known, closes, dict(add_margin or {}), "add_margin").items():
            if self._hedge and isinstance(planned, str):
                raise UsageError(f"margin is added to a leg: name it as in ('{planned}', 'long')")
            rows = np.flatnonzero(~np.isnan(column) & (column != 0.0))
            number = self._leg(planned) if isinstance(planned, str) else self._leg(*planned)
            parts.append(Schedule.of_margin(closes[rows], np.full(len(rows), number), add=column[rows]))
        return Schedule(np.concatenate([part.commands for part in parts]))

    def _plannable(self) -> tuple[Planned, ...]:
        """What a plan may name: symbols, in hedge mode their legs too."""
        if not self._hedge:
            return self.symbols
        legs = [(symbol, label(side)) for symbol in self.symbols for side in (PositionSide.LONG, PositionSide.SHORT)]
        return (*self.symbols, *legs)

    def _planned(self, symbol: str, leg: Leg | None, rows: NDArray[np.int64], **plan: ArrayLike) -> Schedule:
        """Targets of a leg; in hedge mode, where none is named, of the symbol: the other leg is closed first."""
        number = self._leg(symbol, leg)
        if not self._hedge or leg is not None:
            return Schedule.of_targets(rows, number, **plan)
        return Schedule.of_nets(rows, number, number + 1, **plan)


RESERVED = {*Strategy.__annotations__, *Trading.__annotations__}
"""Names that every strategy is given, beside its methods."""


def overridden(strategy: type[Strategy], names: Sequence[str]) -> list[str]:
    """Those of the named methods that the class does not take from `Strategy`."""
    return [name for name in names if getattr(strategy, name) is not getattr(Strategy, name)]
