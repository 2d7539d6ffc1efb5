"""Small random worlds, made to hurt: gaps, mark apart from last, steep tiers, funding, holes, every kind of command.

A world is made from its seed alone, so a failing one can be made again: `random_world(seed)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from backtest.broker.records import COMMAND, CONTRACT, FUNDING, RULES, TIER, TIER_TABLE
from backtest.enums import (
    Basis,
    CommandKind,
    FeeReserve,
    Holes,
    LeverageChange,
    LiquidationStyle,
    OrderKind,
    PartialStyle,
    Path,
    Pocket,
    PriceSource,
    Removable,
    SizeKind,
    ThresholdKind,
    TierUnit,
    TimeInForce,
)

HOUR_NS = 3_600_000_000_000
START_NS = 1_577_836_800_000_000_000
TICK = 0.01
LOT = 0.001
RATES = (0.0043, 0.0107, 0.0251)
LIQUIDATION_FEES = (0.0, 0.0117, 0.0037)
"""No rate is a fee or one over a leverage, or a position would stand just at the requirement, and the last digit of a
double would decide.
"""
QUOTE_LOTS = (1.0, 10.0, 100.0)
"""Of inverse contracts, in quote units."""

TARGETS = (
    SizeKind.TARGET_QUANTITY,
    SizeKind.TARGET_NOTIONAL,
    SizeKind.TARGET_MARGIN,
    SizeKind.TARGET_EXPOSURE,
)


MARGIN_COMMANDS = tuple(kind for kind in CommandKind if kind != CommandKind.ORDER)
LEVERAGES = (1.0, 3.0, 10.0, 20.0, 50.0, 7.5)


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
    hedge: bool
    start_ns: int = START_NS
    bar_ns: int = HOUR_NS

    @property
    def length(self) -> int:
        return int(self.prices.shape[2])

    @property
    def symbols(self) -> int:
        return int(self.prices.shape[0])

    def market(self) -> dict[str, object]:
        """The arguments shared by the kernel and the oracle, without cash and schedule."""
        names = (
            "prices start_ns bar_ns funding contracts tier_tables tiers rules path holes "
            "slippage volume_slippage margin_call hedge"
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
    hedge = seed % 5 == 4
    prices = np.stack([_prices(rng, length, with_holes) for _ in range(legs)])
    rules = _rules(rng)
    contracts, tier_tables, tiers = _contracts(rng, legs, prices, rules)
    return RandomWorld(
        seed=seed,
        prices=np.ascontiguousarray(prices),
        funding=_funding(rng, legs, length),
        contracts=contracts,
        tier_tables=tier_tables,
        tiers=tiers,
        rules=rules,
        schedule=_schedule(seed, prices, bool(contracts[0]["inverse"]), hedge),
        cash=float(rng.choice([800.0, 3_000.0, 20_000.0])),
        path=Path(int(rng.integers(0, 2))),
        holes=Holes.HOLD if rng.random() < 0.8 else Holes.REFUSE,
        slippage=float(rng.choice([0.0, 0.0005, 0.003])),
        volume_slippage=float(rng.choice([0.0, 0.02])),
        margin_call=float(rng.choice([0.8, 0.6])),
        hedge=hedge,
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
            gone = slice(int(first), int(first) + int(rng.integers(1, 4)))
            columns[slice(5, 9) if rng.random() < 0.5 else slice(0, 9), gone] = np.nan
    return columns


def _bars(rng: np.random.Generator, open_: np.ndarray, close: np.ndarray, volatility: float) -> list[np.ndarray]:
    up, down = np.abs(rng.normal(0, volatility, (2, len(open_))))
    high = _ticks(np.maximum(open_, close) * (1 + up * (rng.random(len(open_)) < 0.9)))
    low = _ticks(np.minimum(open_, close) * (1 - np.minimum(down, 0.9) * (rng.random(len(open_)) < 0.9)))
    return [open_, np.maximum(high, np.maximum(open_, close)), np.minimum(low, np.minimum(open_, close)), close]


def _contracts(
    rng: np.random.Generator, legs: int, prices: np.ndarray, rules: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each symbol has one or two tier tables. The symbols of a world are all linear or all inverse: one wallet."""
    contracts, tables, tiers = np.zeros(legs, CONTRACT), [], []
    inverse = bool(rng.random() < 0.3)
    for leg in range(legs):
        dated = [START_NS - HOUR_NS, START_NS + int(rng.integers(1, prices.shape[2])) * HOUR_NS]
        dated = dated[: int(rng.integers(1, 3))]
        lot = float(rng.choice(QUOTE_LOTS)) if inverse else LOT
        contracts[leg] = (len(tables), len(dated), inverse, TICK, lot, rng.choice([0.0, 5.0, 50.0]), 0.0002, 0.0005,
                          rng.choice(LIQUIDATION_FEES), rng.choice([np.inf, 0.05]))  # fmt: skip
        price = float(np.nanmedian(prices[leg, 0]))
        one = 1.0
        if rules["tier_unit"][0] == TierUnit.QUANTITY:
            one = price if inverse else 1.0 / price
        for from_ns in dated:
            table = _tiers(rng, one, bool(rules["whole_tiers"][0]))
            tables.append((from_ns, len(tiers), len(table)))
            tiers.extend(table)
    return contracts, np.array(tables, TIER_TABLE), np.array(tiers, TIER)


def _tiers(rng: np.random.Generator, one: float, whole: bool) -> list[tuple[float, ...]]:
    """Tiers of sizes of about a thousand times `one`: of the whole position, marginal, or one with a slope."""
    count = int(rng.integers(1, 7 if whole else 5))
    rates = np.cumsum(rng.choice(RATES, count)) / (2 if count > 4 else 1)
    if rng.random() < 0.1:
        slope = float(rng.choice([0.000_01, 0.000_002])) / one
        return [(0.0, math.inf, round(float(rates[0]), 4), 0.0, 50.0, float(f"{slope:.6g}"))]
    caps = np.append(np.round(one * np.cumsum(rng.choice([500.0, 1_000.0, 2_500.0], count - 1)), 3), np.inf)
    floors = np.append(0.0, caps[:-1])
    amount, rows = 0.0, []
    for number in range(count):
        rate = round(float(rates[number]), 4)
        if number and not whole:
            amount = round(amount + floors[number] * (rate - rows[-1][2]), 9)
        rows.append((floors[number], caps[number], rate, amount, float([125, 50, 20, 10, 8, 5][number]), 0.0))
    return rows


def _rules(rng: np.random.Generator) -> np.ndarray:
    """A venue as there is none: every rule drawn by itself."""
    rules = np.zeros(1, RULES)
    rules["opening_fee_pocket"] = rng.choice([Pocket.WALLET, Pocket.MARGIN])
    rules["funding_pocket"] = rng.choice([Pocket.MARGIN, Pocket.WALLET, Pocket.CAPPED], p=[0.6, 0.2, 0.2])
    rules["trigger_fee"] = rng.choice([0.0, 0.0006], p=[0.7, 0.3])
    rules["maintenance_basis"] = rng.choice(list(Basis), p=[0.8, 0.2])
    rules["tier_unit"] = rng.choice(list(TierUnit), p=[0.6, 0.2, 0.2])
    if rules["maintenance_basis"] == Basis.ENTRY and rules["tier_unit"] == TierUnit.NOTIONAL:
        # no venue counts the margin at entry on a tier that moves with the mark
        rules["tier_unit"] = TierUnit.ENTRY
    # amounts that make the requirement continuous are worked out on the value that it counts
    on_its_value = rules["tier_unit"] == TierUnit.NOTIONAL or rules["maintenance_basis"] == Basis.ENTRY
    rules["whole_tiers"] = rng.random() < 0.4 or not on_its_value or rules["tier_unit"] == TierUnit.QUANTITY
    rules["fee_reserve"] = rng.choice(list(FeeReserve), p=[0.5, 0.1, 0.1, 0.2, 0.1])
    rules["reserve_fee"] = rng.choice([0.0005, 0.00075])
    rules["reserve_in_trigger"] = rng.integers(0, 2)
    rules["lower_leverage"] = rng.random() < 0.4
    rules["leverage_change"] = rng.choice(list(LeverageChange), p=[0.4, 0.3, 0.3])
    rules["auto_margin"] = rng.integers(0, 2)
    rules["removable"] = rng.choice(list(Removable), p=[0.6, 0.3, 0.1])
    rules["liquidation_style"] = rng.choice([LiquidationStyle.MARKET_CLOSE, LiquidationStyle.BANKRUPTCY])
    rules["strict"] = rng.integers(0, 2)
    rules["whole_leverage"] = rng.integers(0, 2)
    rules["order_limit"] = rng.choice([3, 200])
    _partial(rng, rules)
    return rules


def _partial(rng: np.random.Generator, rules: np.ndarray) -> None:
    rules["partial"] = rng.choice(list(PartialStyle), p=[0.4, 0.35, 0.25])
    rules["partial_tiers"] = rng.choice([1, 2])
    rules["partial_from_tier"] = rng.choice([2, 3])
    rules["partial_fraction"] = rng.choice([0.2, 0.5])
    rules["partial_above"] = rng.choice([0.0, 300.0, 1_000.0])
    rules["backstop"] = rng.choice([0.0, 0.667], p=[0.7, 0.3])
    rules["freezes"] = rng.random() < 0.4
    bars = rng.choice([1, 1.5, 3] if rules["freezes"] else [0, 0.5, 2])
    rules["partial_cooldown_ns"] = int(bars * HOUR_NS)


def _funding(rng: np.random.Generator, legs: int, length: int) -> np.ndarray:
    every = int(rng.choice([1, 4, 8]))
    rows = [
        (START_NS + bar * HOUR_NS, bar, leg, round(float(rng.normal(0.0, 0.004)), 6))
        for bar in range(every, length, every)
        for leg in range(legs)
        for _ in range(1 + (rng.random() < 0.1))
    ]
    return np.array(rows, FUNDING)


BLANK = {name: math.nan if COMMAND[name].kind == "f" else 0 for name in COMMAND.names or ()}
"""A command with nothing filled in: no price, no leverage, no bracket."""

Row = dict[str, float]


def _schedule(seed: int, prices: np.ndarray, inverse: bool, hedge: bool) -> np.ndarray:
    """Commands of all kinds; drawn by the standard library, which is the faster one for single numbers."""
    rng = Random(seed)
    legs, length = prices.shape[0], prices.shape[2]
    if hedge:
        legs, prices = 2 * legs, np.repeat(prices, 2, axis=0)
    closes = prices[:, 3, :].tolist()
    rows, numbers = [], 0
    for bar in range(length):
        for _ in range(rng.choices((0, 1, 2, 4), (40, 35, 20, 5))[0]):
            leg = rng.randrange(legs)
            price = next((close for close in reversed(closes[leg][: bar + 1]) if not math.isnan(close)), 100.0)
            side = (1 - 2 * (leg % 2)) if hedge and rng.random() < 0.6 else rng.choice((1, -1))
            command = _order(rng, price, side, inverse) if rng.random() < 0.68 else _command(rng)
            if command["kind"] == CommandKind.ORDER:
                numbers += 1
                if numbers > 1 and rng.random() < 0.12:
                    command["group"] = rng.randint(max(1, numbers - 6), numbers)
            rows.append(tuple((BLANK | {"bar": bar, "leg": leg} | command).values()))
    return np.array(rows, COMMAND) if rows else np.zeros(0, COMMAND)


def _command(rng: Random) -> Row:
    """A margin command, a top-up policy or a cancel."""
    kind = rng.choices(MARGIN_COMMANDS, (10, 5, 25, 20, 15, 25, 10))[0]
    command: Row = {"kind": kind}
    if kind == CommandKind.CANCEL:
        command["order"] = rng.randint(1, 12)
    elif kind in (CommandKind.ADD_MARGIN, CommandKind.REMOVE_MARGIN):
        command["amount"] = rng.choices((2.0, 20.0, 100.0, 5_000.0), (40, 30, 25, 5))[0]
    elif kind == CommandKind.SET_LEVERAGE:
        command["leverage"] = rng.choice((2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 2.5))
    elif kind == CommandKind.SET_AUTO_MARGIN:
        command["amount"] = rng.choice((1.0, 1.0, 1.0, 0.0))
    elif kind == CommandKind.SET_TOP_UP:
        threshold = rng.choices((ThresholdKind.NONE, ThresholdKind.MARGIN_RATIO, ThresholdKind.DISTANCE), (1, 5, 4))[0]
        command["threshold"] = threshold
        command["level"] = rng.choice((0.5, 0.7, 0.9) if threshold == ThresholdKind.MARGIN_RATIO else (0.01, 0.03))
        command["amount"] = rng.choice((2.0, 20.0, 100.0))
        command["budget"] = rng.choice((5.0, 60.0, 400.0))
        command["cooldown_ns"] = rng.choice((0.0, 1.0, 3.0, 5.0)) * HOUR_NS
    return command


def _order(rng: Random, price: float, side: int, inverse: bool) -> Row:
    """An order of any kind and size near the last price, with or without a bracket."""
    kind = rng.choices(tuple(OrderKind), (50, 18, 10, 8, 7, 7, 10))[0]
    size_kind = rng.choices(tuple(SizeKind), (20, 15, 30, 5, 6, 6, 6, 6, 6))[0]
    if size_kind in TARGETS:
        kind = OrderKind.MARKET
    leverage = rng.choice((3.0, 10.0)) if size_kind in TARGETS else rng.choices(LEVERAGES, (10, 15, 35, 25, 10, 5))[0]
    command: Row = {
        "kind": CommandKind.ORDER,
        "side": side,
        "order_kind": kind,
        "size_kind": size_kind,
        "tag": rng.randrange(4),
        "leverage": leverage,
        "trigger_on": rng.choice((PriceSource.LAST, PriceSource.MARK)),
        "reduce_only": rng.random() < 0.15,
        "size": _size(rng, size_kind, leverage, 1.0 / price if inverse else price),
    }
    away = abs(rng.gauss(0, 0.02)) * (1 if rng.random() < 0.8 else -1)
    if kind == OrderKind.LIMIT:
        command["price"] = price * (1 - side * away)
        command["post_only"] = rng.random() < 0.2
        command["time_in_force"] = rng.choices((TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK), (8, 1, 1))[0]
    elif kind == OrderKind.TRAILING_STOP:
        command |= _trailing(rng, side, price)
    elif kind != OrderKind.MARKET:
        direction = side if kind in (OrderKind.STOP, OrderKind.STOP_LIMIT) else -side
        command["trigger"] = price * (1 + direction * away)
        if kind in (OrderKind.STOP_LIMIT, OrderKind.TAKE_PROFIT_LIMIT):
            command["price"] = command["trigger"] * (1 + side * rng.gauss(0.002, 0.01))
            command["post_only"] = rng.random() < 0.2
            command["time_in_force"] = rng.choices((TimeInForce.GTC, TimeInForce.IOC), (8, 1))[0]
    if rng.random() < 0.1:
        command["time_in_force"] = TimeInForce.GTD
        command["expires_ns"] = START_NS + round(rng.uniform(-2.0, 60.0), 2) * HOUR_NS
    if rng.random() < 0.35:
        command["stop"] = price * (1 - side * abs(rng.gauss(0.005, 0.03)))
    if rng.random() < 0.3:
        command["take_profit"] = price * (1 + side * abs(rng.gauss(0.005, 0.03)))
    if rng.random() < 0.15:
        command["trailing_stop"] = rng.choice((0.002, 0.01, 0.03))
    return command


def _trailing(rng: Random, side: int, price: float) -> Row:
    """A trailing stop, by rate or by distance, at once active or from a price on."""
    trailing: Row = {"trigger_on": rng.choice((PriceSource.LAST, PriceSource.MARK))}
    if rng.random() < 0.5:
        trailing["callback_rate"] = rng.choice((0.001, 0.01, 0.025))
    else:
        trailing["callback_distance"] = round(price * rng.choice((0.004, 0.02)), 2)
    if rng.random() < 0.4:
        trailing["trigger"] = price * (1 - side * rng.gauss(0.01, 0.02))
    return trailing


def _size(rng: Random, size_kind: SizeKind, leverage: float, worth: float) -> float:
    """A size that often fits the wallet and often does not; one of the quantity is worth `worth`."""
    if size_kind == SizeKind.RISK:
        return 0.05
    if size_kind == SizeKind.POSITION:
        return rng.choice((0.5, 1.0, 0.3))
    margin = rng.choices((1.0, 30.0, 100.0, 400.0, 2_000.0), (5, 30, 40, 20, 5))[0]
    if size_kind in TARGETS:
        margin *= rng.choices((1.0, 0.0, -1.0), (5, 2, 3))[0]
    if size_kind in (SizeKind.MARGIN, SizeKind.TARGET_MARGIN):
        return margin
    if size_kind in (SizeKind.NOTIONAL, SizeKind.TARGET_NOTIONAL):
        return margin * leverage
    return margin / 200.0 if size_kind == SizeKind.TARGET_EXPOSURE else round(margin * leverage / worth, 4)
