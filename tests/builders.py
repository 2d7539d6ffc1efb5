"""A test's world in one line: contracts, histories and ledgers by hand.

`Book` writes ledger rows from amounts that the test states; it only adds them up. It knows no rule of the broker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from backtest.broker.records import FUNDING, LEDGER, NOTICE, ORDER
from backtest.broker.simulation import Simulation, Stop, Wake
from backtest.config import RunConfig
from backtest.enums import (
    CommandKind,
    LedgerKind,
    NoticeKind,
    OrderKind,
    OrderStatus,
    Reason,
    Side,
    SizeKind,
    ThresholdKind,
)
from backtest.market.contract import Contract, TierTable
from backtest.market.contract import records as contract_records
from backtest.market.history import MarketHistory
from backtest.result import Records, Result, StrategyFacts
from backtest.venues import rules

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
START_NS = 1_577_836_800_000_000_000  # 2020-01-01 00:00 UTC

RUNGS = ((1_000_000.0, 0.01, 50.0), (5_000_000.0, 0.02, 20.0))


def contract(symbol: str = "BTC/USDT:USDT", **facts: object) -> Contract:
    """A contract with 1 % maintenance up to a notional of a million, and no fees unless given."""
    plain = {
        "venue": "binance",
        "symbol": symbol,
        "tick": 0.01,
        "lot": 0.001,
        "minimum_notional": 5.0,
        "maker": 0.0,
        "taker": 0.0,
        "liquidation_fee": 0.0,
        "tier_tables": (TierTable.from_rungs(0, RUNGS, "made for a test"),),
    }
    return Contract(**(plain | facts))  # type: ignore[arg-type]


def bars(closes: Sequence[float], *, spread: float = 0.0) -> np.ndarray:
    """The nine columns of one symbol: opens at the last close, highs and lows `spread` beyond; mark equals last."""
    close = np.asarray(closes, float)
    opened = np.concatenate((close[:1], close[:-1]))
    high, low = np.maximum(opened, close) + spread, np.minimum(opened, close) - spread
    volume = np.full(close.size, 1000.0)
    return np.stack([opened, high, low, close, volume, opened, high, low, close])


def history(
    *closes: Sequence[float],
    spread: float = 0.0,
    contracts: Sequence[Contract] = (),
    funding: Sequence[tuple[int, int, float]] = (),
    interval_ns: int = HOUR_NS,
    timeframe_ns: int | None = None,
    notes: tuple[str, ...] = (),
    synthetic: bool = False,
) -> MarketHistory:
    """A history from the closes of one or more symbols; `funding` as (bar, leg, rate)."""
    rules = tuple(contracts) or tuple(contract(name) for name in ("BTC/USDT:USDT", "ETH/USDT:USDT")[: len(closes)])
    rates = np.zeros(len(funding), FUNDING)
    for row, (bar, leg, rate) in zip(rates, funding, strict=True):
        row["time_ns"], row["bar"], row["leg"], row["rate"] = START_NS + bar * interval_ns, bar, leg, rate
    return MarketHistory(
        venue="binance",
        symbols=tuple(one.symbol for one in rules),
        interval_ns=interval_ns,
        timeframe_ns=timeframe_ns or interval_ns,
        start_ns=START_NS,
        prices=np.ascontiguousarray(np.stack([bars(one, spread=spread) for one in closes])),
        funding=rates,
        contracts=rules,
        notes=notes,
        synthetic=synthetic,
    )


class Book:
    """Ledger rows by hand: the amounts are the test's own, the `..._after` columns their running sums."""

    def __init__(self, cash: float) -> None:
        self.rows: list[np.ndarray] = []
        self._wallet = 0.0
        self._legs: dict[int, dict[str, float]] = {}
        self._trades = 0
        self.write(LedgerKind.DEPOSIT, 0, wallet=cash, deposit=-cash)

    def write(
        self,
        kind: LedgerKind,
        bar: int,
        leg: int = 0,
        *,
        entry: float | None = None,
        liquidation: float | None = None,
        leverage: float | None = None,
        **values: float,
    ) -> None:
        """One row. `entry`, `liquidation` and `leverage` are those after it; left out, they stay as they were."""
        held = self._legs.setdefault(
            leg, {"quantity": 0.0, "margin": 0.0, "entry": np.nan, "liquidation": np.nan, "leverage": 1.0, "trade": 0}
        )
        row = np.zeros(1, LEDGER)
        row["sequence"], row["bar"], row["leg"], row["kind"] = len(self.rows), bar, leg, int(kind)
        row["time_ns"] = START_NS + bar * HOUR_NS
        for name, value in values.items():
            row[name] = value
        change = values.get("quantity", 0.0)
        if change and held["quantity"] == 0.0:
            self._trades += 1
            held["trade"] = self._trades
        self._wallet += values.get("wallet", 0.0)
        held["quantity"] += change
        held["margin"] += values.get("margin", 0.0)
        for name, given in (("entry", entry), ("liquidation", liquidation), ("leverage", leverage)):
            held[name] = held[name] if given is None else given
        if held["quantity"] == 0.0:
            held["margin"], held["entry"], held["liquidation"] = 0.0, np.nan, np.nan
        row["trade"], row["wallet_after"] = int(held["trade"]), self._wallet
        row["position_after"], row["margin_after"] = held["quantity"], held["margin"]
        row["entry_after"], row["liquidation_after"] = held["entry"], held["liquidation"]
        row["leverage_after"] = held["leverage"]
        self.rows.append(row)

    def ledger(self) -> np.ndarray:
        """The rows as LEDGER records."""
        return np.concatenate(self.rows)


def notice(kind: NoticeKind, bar: int, *, leg: int = 0, reason: Reason = Reason.NONE, **values: float) -> np.ndarray:
    """One NOTICE record."""
    row = np.zeros(1, NOTICE)
    row["kind"], row["bar"], row["leg"], row["reason"] = int(kind), bar, leg, int(reason)
    row["time_ns"] = START_NS + bar * HOUR_NS
    for name, value in values.items():
        row[name] = value
    return row


def order(number: int, bar: int, side: Side, quantity: float, price: float, **values: float) -> np.ndarray:
    """One filled market order as an ORDER record."""
    row = np.zeros(1, ORDER)
    for name in ORDER.names or ():
        if ORDER[name] == np.float64:
            row[name] = np.nan
    row["number"], row["bar"], row["done_bar"], row["side"] = number, bar, bar, int(side)
    row["quantity"], row["filled_price"], row["filled"] = quantity, price, quantity
    row["status"], row["reason"] = int(OrderStatus.FILLED), int(Reason.ORDER)
    for name, value in values.items():
        row[name] = value
    return row


def result(
    market: MarketHistory,
    ledger: np.ndarray,
    *,
    orders: Sequence[np.ndarray] = (),
    notices: Sequence[np.ndarray] = (),
    cash: float = 10_000.0,
    tags: tuple[str, ...] = ("",),
    **facts: object,
) -> Result:
    """A result of hand-made records."""
    records = Records(
        ledger=ledger,
        orders=np.concatenate(orders) if orders else np.zeros(0, ORDER),
        notices=np.concatenate(notices) if notices else np.zeros(0, NOTICE),
        tags=tags,
    )
    strategy = StrategyFacts(name="by-hand", parameters={"leverage": 10}, source="# by hand\n", digest="0" * 64)
    return Result(
        history=market,
        records=records,
        config=RunConfig(cash=cash),
        strategy=strategy,
        notes=market.notes,
        **facts,  # type: ignore[arg-type]
    )


def one_long() -> Book:
    """A long that wins, and one that is liquidated; the arithmetic of each row stands beside it.

    cash 10,000. Maintenance 1 %. Closes of the history it belongs to: 100, 110, 110, 100, 92, 90 (`one_long_history`).
    """
    book = Book(10_000.0)
    # bar 0, open: buy 10 at 100, 10x: initial margin 10 × 100 / 10 = 100; fee 0.1 % of 1,000 = 1
    # liquidation: (10×100 − 100) / (10 × 0.99) = 90.909091
    book.write(
        LedgerKind.OPEN, 0, price=100.0, mark_price=100.0, quantity=10.0, wallet=-101.0, margin=100.0, fees=1.0,
        entry=100.0, leverage=10.0, liquidation=900.0 / 9.9, order=1, liquidity=2, reason=1, tag=1,
    )  # fmt: skip
    # bar 2, open: funding 10 × 110 × 0.001 = 1.1 out of the margin → 98.9; liquidation (1000 − 98.9) / 9.9 = 91.020202
    book.write(LedgerKind.FUNDING, 2, mark_price=110.0, margin=-1.1, funding=1.1, liquidation=901.1 / 9.9)
    # bar 3, open: sell 10 at 110: pnl 10 × 10 = 100, released 98.9, fee 1.1 → wallet + 197.8
    book.write(
        LedgerKind.CLOSE, 3, price=110.0, mark_price=110.0, quantity=-10.0, wallet=197.8, margin=-98.9, fees=1.1,
        pnl=-100.0, order=2, liquidity=2, reason=1,
    )  # fmt: skip
    # bar 4, open: buy 20 at 100, 10x: margin 200, fee 2; liquidation (2000 − 200) / 19.8 = 90.909091
    book.write(
        LedgerKind.OPEN, 4, price=100.0, mark_price=100.0, quantity=20.0, wallet=-202.0, margin=200.0, fees=2.0,
        entry=100.0, leverage=10.0, liquidation=1800.0 / 19.8, order=3, liquidity=2, reason=1, tag=1,
    )  # fmt: skip
    # bar 4, first leg, topped up by 10: margin 210; liquidation (2000 − 210) / 19.8 = 90.404040
    book.write(
        LedgerKind.TOP_UP, 4, segment=1, fraction=0.5, mark_price=96.0, wallet=-10.0, margin=10.0,
        liquidation=1790.0 / 19.8,
    )  # fmt: skip
    # bar 5, first leg: liquidated at mark 90.4: pnl 20 × −9.6 = −192, balance 18, fee 1 % of 1,808, at most 18
    book.write(
        LedgerKind.LIQUIDATION, 5, segment=1, fraction=0.8, price=90.4, mark_price=90.4, quantity=-20.0,
        wallet=0.0, margin=-210.0, pnl=192.0, liquidation_fee=18.0, liquidity=2, reason=4,
    )  # fmt: skip
    return book


def one_long_history() -> MarketHistory:
    """Closes 100, 110, 110, 100, 92, 90, an hour each; highs and lows are the greater and lesser of open and close."""
    return history((100.0, 110.0, 110.0, 100.0, 92.0, 90.0), funding=[(2, 0, 0.001)])


def one_long_result() -> Result:
    """`one_long` as a result, with its orders and two notices."""
    orders = [
        order(1, 0, Side.BUY, 10.0, 100.0, tag=1),
        order(2, 3, Side.SELL, 10.0, 110.0),
        order(3, 4, Side.BUY, 20.0, 100.0, tag=1),
        order(4, 5, Side.BUY, 0.0, np.nan, status=int(OrderStatus.REJECTED), reason=int(Reason.QUANTITY_BELOW_LOT)),
    ]
    notices = [
        notice(NoticeKind.MARGIN_CALL, 5, segment=1, fraction=0.6, value=0.8, level=0.8, mark_price=90.6, sequence=10),
        notice(NoticeKind.REJECTION, 5, reason=Reason.QUANTITY_BELOW_LOT, order=4, sequence=11),
    ]
    return result(one_long_history(), one_long().ledger(), orders=orders, notices=notices, tags=("", "breakout"))


def simulate(
    market: MarketHistory,
    decide: Callable[[Simulation, int], None],
    *,
    cash: float = 10_000.0,
    slippage: float = 0.0,
    tags: tuple[str, ...] = ("",),
    wakes: Iterable[Wake] = (),
) -> Result:
    """A run under Binance rules; `decide(simulation, bar)` is called at the close of each decision bar."""
    contracts, tables, tiers = contract_records(market.contracts)
    simulation = Simulation(
        prices=market.prices,
        start_ns=market.start_ns,
        bar_ns=market.interval_ns,
        funding=market.funding,
        contracts=contracts,
        tier_tables=tables,
        tiers=tiers,
        rules=rules("binance").record(),
        cash=cash,
        slippage=slippage,
        decision_every=market.timeframe_ns // market.interval_ns,
        wakes=wakes,
    )
    while (stop := simulation.advance()) != Stop.END:
        assert stop in (Stop.DECISION, Stop.EVENT)
        if stop == Stop.DECISION:
            decide(simulation, int(simulation.account[0]["bar"]))
    records = Records(
        ledger=simulation.ledger.copy(), orders=simulation.orders.copy(), notices=simulation.notices.copy(), tags=tags
    )
    strategy = StrategyFacts(name="by-hand", parameters={"seed": 1}, source="# by hand\n", digest="1" * 64)
    return Result(
        history=market,
        records=records,
        config=RunConfig(cash=cash, slippage=slippage),
        strategy=strategy,
        notes=market.notes,
    )


def wandering(bars_count: int, *, seed: int = 1, start: float = 100.0, step: float = 0.01) -> np.ndarray:
    """Closes of a seeded random walk, rounded to the tick."""
    moves = np.random.default_rng(seed).normal(0.0, step, bars_count)
    return np.round(start * np.exp(np.cumsum(moves)), 2)


class CoinFlipper:
    """A trader without a plan: opens either way at up to 20x, adds and takes out margin, closes, all at random."""

    def __init__(self, seed: int = 1, chance: float = 0.1) -> None:
        self._random = np.random.default_rng(seed)
        self._chance = chance

    def __call__(self, simulation: Simulation, bar: int) -> None:
        """Decide at the close of a bar."""
        for leg, position in enumerate(simulation.positions):
            if self._random.random() > self._chance:
                continue
            choice = self._random.random()
            if position["quantity"] == 0.0:
                side = Side.BUY if choice < 0.5 else Side.SELL
                margin = self._random.uniform(0.01, 0.08) * float(simulation.account[0]["wallet"])
                leverage = float(self._random.integers(3, 21))
                simulation.order(leg, side, OrderKind.MARKET, SizeKind.MARGIN, margin, leverage=leverage, tag=1)
                simulation.command(
                    CommandKind.SET_TOP_UP, leg, threshold=ThresholdKind.DISTANCE, level=0.01, amount=0.1 * margin,
                    budget=0.3 * margin, cooldown_ns=4.0 * HOUR_NS,
                )  # fmt: skip
            elif choice < 0.6:
                side = Side.SELL if position["quantity"] > 0.0 else Side.BUY
                size = abs(position["quantity"]) * (1.0 if choice < 0.5 else 0.5)
                simulation.order(leg, side, OrderKind.MARKET, SizeKind.QUANTITY, size, reduce_only=choice < 0.4)
            elif choice < 0.8:
                simulation.command(CommandKind.ADD_MARGIN, leg, amount=0.2 * float(position["margin"]))
            else:
                simulation.command(CommandKind.REMOVE_MARGIN, leg, amount=0.1 * float(position["margin"]))
