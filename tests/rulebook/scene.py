"""A test's world in one line: a few bars, a few commands, played by the kernel and by the oracle, which must agree.

>>> scene = Scene(bars=[flat(100.0), (100.0, 101.0, 94.0, 95.0)])
>>> scene.buy(0, quantity=1, leverage=10, stop=95.0).play().wallet()
995.0

Unless a scene says otherwise: no fees, one tier of 1 % up to 125x, a tick of 0.01, a lot of 0.001, and the mark
is the last price. A command is given at the close of the bar that is named first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from backtest.broker.records import COMMAND, CONTRACT, FUNDING, RULES, TIER, TIER_TABLE
from backtest.broker.simulation import Simulation, Wake
from backtest.enums import (
    CommandKind,
    Holes,
    LedgerKind,
    LiquidationStyle,
    NoticeKind,
    OrderKind,
    Path,
    Pocket,
    PriceSource,
    Reason,
    Side,
    SizeKind,
    ThresholdKind,
)
from tests.oracle.compare import first_difference
from tests.oracle.simulate import Outcome, simulate
from tests.oracle.world import World

HOUR_NS = 3_600_000_000_000
START_NS = 1_609_459_200_000_000_000  # 2021-01-01 00:00 UTC

Prices = tuple[float, float, float, float]
TierRow = tuple[float, ...]
"""Floor, cap, rate, amount, leverage, and a slope where there is one."""

GONE: Prices = (np.nan, np.nan, np.nan, np.nan)
ONE_PERCENT: tuple[TierRow, ...] = ((0.0, np.inf, 0.01, 0.0, 125.0),)


def flat(price: float) -> Prices:
    """A bar in which nothing moves."""
    return (price, price, price, price)


@dataclass(kw_only=True)
class Symbol:
    """One contract and its bars (open, high, low, close); `marks` where the mark differs from the last price."""

    bars: Sequence[Prices]
    marks: Sequence[Prices] | None = None
    volume: float = 1_000.0
    tiers: Sequence[TierRow] = ONE_PERCENT
    later_tiers: tuple[int, Sequence[TierRow]] | None = None
    inverse: bool = False
    tick: float = 0.01
    lot: float = 0.001
    minimum_notional: float = 0.0
    maker: float = 0.0
    taker: float = 0.0
    liquidation_fee: float = 0.0
    price_band: float = np.inf
    funding: Sequence[tuple[int, float]] = ()


@dataclass(kw_only=True)
class Played:
    """What a scene left behind, as the kernel wrote it."""

    ledger: np.ndarray
    notices: np.ndarray
    account: np.void
    outcome: Outcome

    def rows(self, kind: LedgerKind, leg: int | None = None) -> np.ndarray:
        """The ledger rows of a kind."""
        found = self.ledger[self.ledger["kind"] == kind]
        return found if leg is None else found[found["leg"] == leg]

    def row(self, kind: LedgerKind, leg: int | None = None) -> np.void:
        """The only ledger row of a kind."""
        found = self.rows(kind, leg)
        assert len(found) == 1, f"{len(found)} rows of {kind.name}"
        return found[0]

    def kinds(self) -> list[LedgerKind]:
        """What happened, in order, without the deposit."""
        return [LedgerKind(int(kind)) for kind in self.ledger["kind"] if kind != LedgerKind.DEPOSIT]

    def reasons(self, kind: NoticeKind) -> list[Reason]:
        """The reasons of the notices of a kind, in order."""
        return [Reason(int(row["reason"])) for row in self.notices if row["kind"] == kind]

    def wallet(self) -> float:
        return float(self.account["wallet"])


@dataclass(kw_only=True)
class Scene:
    """A history, an account and a list of commands; `rules` are fields of the venue's rules that are not usual."""

    bars: Sequence[Prices] = ()
    symbols: Sequence[Symbol] = ()
    cash: float = 1_000.0
    path: Path = Path.ADVERSE_FIRST
    holes: Holes = Holes.REFUSE
    slippage: float = 0.0
    volume_slippage: float = 0.0
    margin_call: float = 0.8
    fee_pocket: Pocket = Pocket.WALLET
    style: LiquidationStyle = LiquidationStyle.MARKET_CLOSE
    strict: bool = False
    whole_leverage: bool = True
    order_limit: int = 200
    rules: Mapping[str, float] = field(default_factory=dict)
    hedge: bool = False
    commands: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.bars:
            self.symbols = (Symbol(bars=self.bars),)

    def buy(self, bar: int, *, quantity: float, leverage: float = np.nan, leg: int = 0, **more: float) -> Scene:
        """A buy of `quantity`; a market order unless `order_kind` says otherwise."""
        return self.command(
            bar, CommandKind.ORDER, leg=leg, side=Side.BUY, size=quantity, leverage=leverage, **_size(more)
        )

    def sell(self, bar: int, *, quantity: float, leverage: float = np.nan, leg: int = 0, **more: float) -> Scene:
        """A sell of `quantity`; a market order unless `order_kind` says otherwise."""
        return self.command(
            bar, CommandKind.ORDER, leg=leg, side=Side.SELL, size=quantity, leverage=leverage, **_size(more)
        )

    def add_margin(self, bar: int, amount: float, leg: int = 0) -> Scene:
        return self.command(bar, CommandKind.ADD_MARGIN, leg=leg, amount=amount)

    def remove_margin(self, bar: int, amount: float, leg: int = 0) -> Scene:
        return self.command(bar, CommandKind.REMOVE_MARGIN, leg=leg, amount=amount)

    def set_leverage(self, bar: int, leverage: float, leg: int = 0) -> Scene:
        return self.command(bar, CommandKind.SET_LEVERAGE, leg=leg, leverage=leverage)

    def top_up(
        self,
        bar: int,
        *,
        level: float,
        amount: float,
        budget: float,
        threshold: ThresholdKind = ThresholdKind.MARGIN_RATIO,
        cooldown_bars: int = 0,
        leg: int = 0,
    ) -> Scene:
        return self.command(
            bar,
            CommandKind.SET_TOP_UP,
            leg=leg,
            threshold=threshold,
            level=level,
            amount=amount,
            budget=budget,
            cooldown_ns=cooldown_bars * HOUR_NS,
        )

    def auto_margin(self, bar: int, wanted: bool = True, leg: int = 0) -> Scene:
        return self.command(bar, CommandKind.SET_AUTO_MARGIN, leg=leg, amount=1.0 if wanted else 0.0)

    def cancel(self, bar: int, order: int, leg: int = 0) -> Scene:
        return self.command(bar, CommandKind.CANCEL, leg=leg, order=order)

    def command(self, bar: int, kind: CommandKind, **columns: float) -> Scene:
        """Any command, column by column; what is not named does not exist."""
        row = np.zeros(1, COMMAND)
        for name in COMMAND.names or ():
            if COMMAND[name].kind == "f":
                row[name] = np.nan
        row["bar"], row["kind"] = bar, kind
        for name, value in columns.items():
            row[name] = value
        self.commands.append(row)
        return self

    def market(self) -> dict[str, object]:
        """The arguments that the kernel and the oracle share."""
        contracts, tables, tiers = np.zeros(len(self.symbols), CONTRACT), [], []
        for leg, symbol in enumerate(self.symbols):
            dated = [(START_NS, symbol.tiers)]
            if symbol.later_tiers is not None:
                dated.append((START_NS + symbol.later_tiers[0] * HOUR_NS, symbol.later_tiers[1]))
            contracts[leg]["first_table"], contracts[leg]["tables"] = len(tables), len(dated)
            for name in (
                "inverse",
                "tick",
                "lot",
                "minimum_notional",
                "maker",
                "taker",
                "liquidation_fee",
                "price_band",
            ):
                contracts[leg][name] = getattr(symbol, name)
            for from_ns, rows in dated:
                tables.append((from_ns, len(tiers), len(rows)))
                tiers.extend((*row, 0.0)[:6] for row in rows)
        funding = sorted((bar, leg, rate) for leg, symbol in enumerate(self.symbols) for bar, rate in symbol.funding)
        rules = np.zeros(1, RULES)
        rules["opening_fee_pocket"], rules["funding_pocket"] = self.fee_pocket, Pocket.MARGIN
        rules["liquidation_style"], rules["strict"] = self.style, self.strict
        rules["whole_leverage"], rules["order_limit"] = self.whole_leverage, self.order_limit
        for name, value in self.rules.items():
            rules[name] = value
        return {
            "prices": np.stack([_columns(symbol) for symbol in self.symbols]),
            "start_ns": START_NS,
            "bar_ns": HOUR_NS,
            "funding": np.array([(START_NS + bar * HOUR_NS, bar, leg, rate) for bar, leg, rate in funding], FUNDING),
            "contracts": contracts,
            "tier_tables": np.array(tables, TIER_TABLE),
            "tiers": np.array(tiers, TIER),
            "rules": rules,
            "path": self.path,
            "holes": self.holes,
            "slippage": self.slippage,
            "volume_slippage": self.volume_slippage,
            "margin_call": self.margin_call,
            "hedge": self.hedge,
        }

    def schedule(self) -> np.ndarray:
        """The commands, sorted by bar."""
        rows = np.concatenate(self.commands) if self.commands else np.zeros(0, COMMAND)
        return rows[np.argsort(rows["bar"], kind="stable")]

    def begun(self, *wakes: Wake) -> Simulation:
        """The kernel's simulation, not yet advanced; it comes back at the events named."""
        return Simulation(**self.market(), cash=self.cash, schedule=self.schedule(), decision_every=0, wakes=wakes)

    def play(self) -> Played:
        """Run the scene twice, by the kernel and by the oracle, and insist that they agree."""
        schedule = self.schedule()
        outcome = simulate(World.of_arrays(**self.market()), cash=self.cash, schedule=schedule)  # type: ignore[arg-type]
        simulation = self.begun()
        simulation.advance()
        difference = first_difference(outcome, simulation.ledger, simulation.notices)
        assert difference is None, difference
        return Played(
            ledger=simulation.ledger, notices=simulation.notices, account=simulation.account[0], outcome=outcome
        )


def _size(more: dict[str, float]) -> dict[str, float]:
    return {"size_kind": SizeKind.QUANTITY, "order_kind": OrderKind.MARKET, "trigger_on": PriceSource.LAST} | more


def _columns(symbol: Symbol) -> np.ndarray:
    last = np.array(symbol.bars, dtype=float).T
    mark = last if symbol.marks is None else np.array(symbol.marks, dtype=float).T
    return np.concatenate([last, np.full((1, last.shape[1]), symbol.volume), mark])
