"""Small random worlds, made to hurt: gaps, mark apart from last, steep tiers, funding, holes, every kind of command.

A world is made from its seed alone, so a failing one can be made again: `random_world(seed)`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from backtest.broker.records import COMMAND, CONTRACT, FUNDING, RULES, TIER, TIER_TABLE
from backtest.enums import (
    CommandKind,
    Holes,
    LiquidationStyle,
    OrderKind,
    Path,
    Pocket,
    PriceSource,
    Side,
    SizeKind,
    ThresholdKind,
)

HOUR_NS = 3_600_000_000_000
START_NS = 1_577_836_800_000_000_000
TICK = 0.01
LOT = 0.001

TARGETS = (
    SizeKind.TARGET_QUANTITY,
    SizeKind.TARGET_NOTIONAL,
    SizeKind.TARGET_MARGIN,
    SizeKind.TARGET_EXPOSURE,
)


@dataclass(frozen=True, kw_only=True)
class RandomWorld:
    """The arguments of a simulation."""

    seed: int
    prices: np.ndarray
    funding: np.ndarray
    contracts: np.ndarray
    tier_tables: np.ndarray
    tiers: np.ndarray
    rules: np.ndarray
    schedule: np.ndarray
    cash: float
    path: Path
    holes: Holes
    slippage: float
    volume_slippage: float
    margin_call: float
    start_ns: int = START_NS
    bar_ns: int = HOUR_NS

    @property
    def length(self) -> int:
        return int(self.prices.shape[2])

    @property
    def legs(self) -> int:
        return int(self.prices.shape[0])

    def market(self) -> dict[str, object]:
        """The arguments shared by the kernel and the oracle, without cash and schedule."""
        names = (
            "prices start_ns bar_ns funding contracts tier_tables tiers rules path holes "
            "slippage volume_slippage margin_call"
        )
        return {name: getattr(self, name) for name in names.split()}

    def first_bars(self, length: int) -> RandomWorld:
        """The same world, ended early."""
        return replace(
            self,
            prices=np.ascontiguousarray(self.prices[:, :, :length]),
            funding=self.funding[self.funding["bar"] < length],
            schedule=self.schedule[self.schedule["bar"] < length],
        )


def random_world(
    seed: int, *, legs: int | None = None, length: int | None = None, holes: bool | None = None
) -> RandomWorld:
    """The world of a seed."""
    rng = np.random.default_rng(seed)
    drawn_legs, drawn_length = int(rng.integers(1, 4)), int(rng.integers(20, 60))
    legs, length = legs or drawn_legs, length or drawn_length
    with_holes = rng.random() < 0.25 if holes is None else holes
    prices = np.stack([_prices(rng, length, with_holes) for _ in range(legs)])
    contracts, tier_tables, tiers = _contracts(rng, legs, length)
    return RandomWorld(
        seed=seed,
        prices=np.ascontiguousarray(prices),
        funding=_funding(rng, legs, length),
        contracts=contracts,
        tier_tables=tier_tables,
        tiers=tiers,
        rules=_rules(rng),
        schedule=_schedule(rng, prices, length),
        cash=float(rng.choice([800.0, 3_000.0, 20_000.0])),
        path=Path(int(rng.integers(0, 2))),
        holes=Holes.HOLD if rng.random() < 0.8 else Holes.REFUSE,
        slippage=float(rng.choice([0.0, 0.0005, 0.003])),
        volume_slippage=float(rng.choice([0.0, 0.02])),
        margin_call=float(rng.choice([0.8, 0.6])),
    )


def _ticks(values: np.ndarray) -> np.ndarray:
    return np.round(np.maximum(values, 1.0), 2)


def _prices(rng: np.random.Generator, length: int, with_holes: bool) -> np.ndarray:
    """Nine columns: last open, high, low, close, volume; mark open, high, low, close."""
    volatility = rng.choice([0.004, 0.012, 0.03])
    gaps = np.where(rng.random(length) < 0.15, rng.normal(0, 3 * volatility, length), 0.0)
    moves = rng.normal(0, volatility, length) + np.where(rng.random(length) < 0.05, rng.normal(0, 0.1, length), 0.0)
    start = float(rng.choice([20.0, 100.0, 400.0]))
    close = start * np.exp(np.cumsum(moves + gaps))
    open_ = np.concatenate([[start], close[:-1]]) * np.exp(gaps)
    last = _bars(rng, _ticks(open_), _ticks(close), volatility)
    apart = np.exp(rng.normal(0, 0.002, length) + np.where(rng.random(length) < 0.05, rng.normal(0, 0.05, length), 0.0))
    mark = _bars(rng, _ticks(open_ * apart), _ticks(close * np.roll(apart, -1)), volatility * rng.choice([0.5, 1.0]))
    columns = np.stack([*last, np.round(rng.uniform(50, 5_000, length), 1), *mark])
    if with_holes:
        for first in np.flatnonzero(rng.random(length) < 0.05):
            gone = slice(int(first) + 1, int(first) + 1 + int(rng.integers(1, 4)))
            columns[slice(5, 9) if rng.random() < 0.5 else slice(0, 9), gone] = np.nan
    return columns


def _bars(rng: np.random.Generator, open_: np.ndarray, close: np.ndarray, volatility: float) -> list[np.ndarray]:
    up, down = np.abs(rng.normal(0, volatility, (2, len(open_))))
    high = _ticks(np.maximum(open_, close) * (1 + up * (rng.random(len(open_)) < 0.9)))
    low = _ticks(np.minimum(open_, close) * (1 - np.minimum(down, 0.9) * (rng.random(len(open_)) < 0.9)))
    return [open_, np.maximum(high, np.maximum(open_, close)), np.minimum(low, np.minimum(open_, close)), close]


def _contracts(rng: np.random.Generator, legs: int, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each symbol has one or two tier tables; their amounts make the maintenance margin continuous."""
    contracts, tables, tiers = np.zeros(legs, CONTRACT), [], []
    for leg in range(legs):
        dated = [START_NS - HOUR_NS, START_NS + int(rng.integers(1, length)) * HOUR_NS]
        dated = dated[: int(rng.integers(1, 3))]
        contracts[leg] = (len(tables), len(dated), TICK, LOT, rng.choice([0.0, 5.0, 50.0]), 0.0002, 0.0005,
                          rng.choice([0.0, 0.0125, 0.004]), rng.choice([np.inf, 0.05]))  # fmt: skip
        for from_ns in dated:
            count = int(rng.integers(1, 5))
            tables.append((from_ns, len(tiers), count))
            tiers.extend(_tiers(rng, count))
    return contracts, np.array(tables, TIER_TABLE), np.array(tiers, TIER)


def _tiers(rng: np.random.Generator, count: int) -> list[tuple[float, float, float, float, float]]:
    caps = np.append(np.cumsum(rng.choice([500.0, 1_000.0, 2_500.0], count - 1)), np.inf)
    floors = np.append(0.0, caps[:-1])
    rates = np.cumsum(rng.choice([0.004, 0.01, 0.025], count))
    amount, rows = 0.0, []
    for number in range(count):
        if number:
            amount = round(amount + floors[number] * (rates[number] - rates[number - 1]), 6)
        rate = round(float(rates[number]), 3)
        rows.append((floors[number], caps[number], rate, amount, float([125, 50, 20, 10][number])))
    return rows


def _rules(rng: np.random.Generator) -> np.ndarray:
    rules = np.zeros(1, RULES)
    rules["opening_fee_pocket"] = rng.choice([Pocket.WALLET, Pocket.MARGIN])
    rules["funding_pocket"] = Pocket.MARGIN
    rules["liquidation_style"] = rng.choice([LiquidationStyle.MARKET_CLOSE, LiquidationStyle.BANKRUPTCY])
    rules["strict"] = rng.integers(0, 2)
    rules["whole_leverage"] = rng.integers(0, 2)
    rules["order_limit"] = rng.choice([3, 200])
    return rules


def _funding(rng: np.random.Generator, legs: int, length: int) -> np.ndarray:
    every = int(rng.choice([1, 4, 8]))
    rows = [
        (START_NS + bar * HOUR_NS, bar, leg, round(float(rng.normal(0.0, 0.004)), 6))
        for bar in range(every, length, every)
        for leg in range(legs)
        for _ in range(1 + (rng.random() < 0.1))
    ]
    return np.array(rows, FUNDING)


def _schedule(rng: np.random.Generator, prices: np.ndarray, length: int) -> np.ndarray:
    legs = prices.shape[0]
    rows = []
    for bar in range(length):
        for _ in range(int(rng.choice([0, 1, 2, 4], p=[0.4, 0.35, 0.2, 0.05]))):
            leg = int(rng.integers(0, legs))
            known = prices[leg, 3, : bar + 1]
            known = known[~np.isnan(known)]
            if len(known):
                rows.append(_command(rng, bar, leg, float(known[-1])))
    return np.array(rows, COMMAND) if rows else np.zeros(0, COMMAND)


def blank(bar: int, leg: int, kind: CommandKind) -> np.ndarray:
    """A command with nothing filled in: no price, no leverage, no bracket."""
    command = np.zeros(1, COMMAND)
    for name in COMMAND.names or ():
        if COMMAND[name].kind == "f":
            command[name] = np.nan
    command["bar"], command["leg"], command["kind"] = bar, leg, kind
    return command


def _command(rng: np.random.Generator, bar: int, leg: int, price: float) -> np.void:
    drawn = rng.random()
    if drawn < 0.68:
        return _order(rng, bar, leg, price)
    kind = CommandKind(int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.1, 0.05, 0.25, 0.2, 0.15, 0.25])))
    command = blank(bar, leg, kind)
    if kind == CommandKind.CANCEL:
        command["order"] = rng.integers(1, 12)
    elif kind in (CommandKind.ADD_MARGIN, CommandKind.REMOVE_MARGIN):
        command["amount"] = rng.choice([2.0, 20.0, 100.0, 5_000.0], p=[0.4, 0.3, 0.25, 0.05])
    elif kind == CommandKind.SET_LEVERAGE:
        command["leverage"] = rng.choice([2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 2.5])
    elif kind == CommandKind.SET_TOP_UP:
        threshold = rng.choice(
            [ThresholdKind.NONE, ThresholdKind.MARGIN_RATIO, ThresholdKind.DISTANCE], p=[0.1, 0.5, 0.4]
        )
        command["threshold"] = threshold
        command["level"] = rng.choice([0.5, 0.7, 0.9] if threshold == ThresholdKind.MARGIN_RATIO else [0.01, 0.03])
        command["amount"] = rng.choice([2.0, 20.0, 100.0])
        command["budget"] = rng.choice([5.0, 60.0, 400.0])
        command["cooldown_ns"] = float(rng.choice([0, 1, 3, 5])) * HOUR_NS
    return command[0]


def _order(rng: np.random.Generator, bar: int, leg: int, price: float) -> np.void:
    command = blank(bar, leg, CommandKind.ORDER)
    side = Side(int(rng.choice([1, -1])))
    kind = OrderKind(int(rng.choice(6, p=[0.5, 0.18, 0.1, 0.08, 0.07, 0.07])))
    size_kind = SizeKind(int(rng.choice(9, p=[0.2, 0.15, 0.3, 0.05, 0.06, 0.06, 0.06, 0.06, 0.06])))
    if size_kind in TARGETS:
        kind = OrderKind.MARKET
    command["size_kind"] = size_kind
    command["side"], command["order_kind"], command["tag"] = side, kind, rng.integers(0, 4)
    command["leverage"] = rng.choice([1.0, 3.0, 10.0, 20.0, 50.0, 7.5], p=[0.1, 0.15, 0.35, 0.25, 0.1, 0.05])
    command["trigger_on"] = rng.choice([PriceSource.LAST, PriceSource.MARK])
    command["reduce_only"] = rng.random() < 0.15
    away = abs(rng.normal(0, 0.02))
    if kind == OrderKind.LIMIT:
        command["price"] = price * (1 - side * (away if rng.random() < 0.8 else -away))
        command["post_only"] = rng.random() < 0.2
    elif kind != OrderKind.MARKET:
        direction = side if kind in (OrderKind.STOP, OrderKind.STOP_LIMIT) else -side
        command["trigger"] = price * (1 + direction * (away if rng.random() < 0.8 else -away))
        if kind in (OrderKind.STOP_LIMIT, OrderKind.TAKE_PROFIT_LIMIT):
            command["price"] = command["trigger"] * (1 + side * rng.normal(0.002, 0.01))
            command["post_only"] = rng.random() < 0.2
    if rng.random() < 0.35:
        command["stop"] = price * (1 - side * abs(rng.normal(0.005, 0.03)))
    if rng.random() < 0.3:
        command["take_profit"] = price * (1 + side * abs(rng.normal(0.005, 0.03)))
    margin = float(rng.choice([1.0, 30.0, 100.0, 400.0, 2_000.0], p=[0.05, 0.3, 0.4, 0.2, 0.05]))
    if size_kind in TARGETS:
        command["leverage"] = rng.choice([3.0, 10.0])
        margin *= rng.choice([1.0, 0.0, -1.0], p=[0.5, 0.2, 0.3])
    leverage = float(command["leverage"][0])
    command["size"] = {
        SizeKind.QUANTITY: round(margin * leverage / price, 4),
        SizeKind.NOTIONAL: margin * leverage,
        SizeKind.MARGIN: margin,
        SizeKind.RISK: 0.05,
        SizeKind.POSITION: float(rng.choice([0.5, 1.0, 0.3])),
        SizeKind.TARGET_QUANTITY: round(margin * leverage / price, 4),
        SizeKind.TARGET_NOTIONAL: margin * leverage,
        SizeKind.TARGET_MARGIN: margin,
        SizeKind.TARGET_EXPOSURE: margin / 200.0,
    }[size_kind]
    return command[0]
