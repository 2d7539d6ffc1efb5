"""A synthetic market, minute by minute: correlated perpetuals with mark apart from last, and funding that follows.

Everything is drawn from one seed. The mark price moves with a volatility that clusters over days and hours; the last
price is the mark times a small, wandering basis; funding is Binance's rule on the premium over eight hours.

Calibrated on recorded Binance USDⓈ-M history (hourly BTC and ETH, 2019-12-23 to 2022-04-30; one-minute BTC, ETH and
SOL, May 2025; SOL funding of 2024). Figure there, BTC / ETH (the tests hold the figure here to the range in brackets):

    tail index of hourly returns, Hill on the largest 1 %      2.9 / 3.2       [2.2 .. 4.2]
    kurtosis of hourly returns                                  59 / 35        [10 .. 120]
    autocorrelation of |hourly return| at 1 h                 0.27 / 0.27      [0.15 .. 0.45]
    ... at 24 h                                               0.14 / 0.16      [0.04 .. 0.30]
    correlation of hourly returns BTC-ETH                        0.84          [0.74 .. 0.92]
    spread of last over mark, standard deviation            5.1e-4 / 5.1e-4    [3e-4 .. 9e-4]
    mean range of a mark bar over that of a last bar          0.93 / 0.93      [0.85 .. 0.99]
    funding, mean of an 8 h settlement                      1.9e-4 / 2.6e-4    [1e-4 .. 4e-4]
    share of settlements at exactly 0.0001                    0.46 / 0.50      [0.30 .. 0.75]
    share of negative settlements                             0.13 / 0.07      [0.02 .. 0.20]

Yearly volatility is 0.60, 0.80 and 1.00 (recorded: BTC 0.78 and ETH 0.99 in 2020 to 2022, SOL 0.91 in 2024). The crash
is of the size of 12 March 2020, spread over an hour and a half; the split has the shape of ETH on 2021-05-19 13:00,
whose last price fell to 1,401 while the mark held 1,764.

Left out: an order book, listings, changes of the funding interval, and any drift that a strategy could live on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backtest.clock import DAY_NS, HOUR_NS, MINUTE_NS, moment_ns

START_NS = moment_ns("2024-01-01")
END_NS = moment_ns("2026-01-01")
MINUTES_FROM_NS = moment_ns("2025-01-01")
MINUTES_TO_NS = MINUTES_FROM_NS + 60 * DAY_NS
CRASH_NS = moment_ns("2025-01-27T05:10")
SPLIT_NS = moment_ns("2025-02-12T16:20")
SPLIT_SYMBOL = "ETH/USDT:USDT"

HOURS = (END_NS - START_NS) // HOUR_NS
MINUTES = (END_NS - START_NS) // MINUTE_NS
YEAR_MINUTES = 365 * 24 * 60

INTEREST, CLAMP, FUNDING_CAP = 0.0001, 0.0005, 0.003
"""Binance's funding: premium + clamp(interest − premium, ±0.05 %), within a cap (±0.3 %, as seen on BTC)."""

CRASH_MINUTES, REBOUND_MINUTES, REBOUND_SHARE = 90, 360, 0.35
SPLIT_PATH = (-0.02, -0.07, -0.15, -0.19, -0.12, -0.05, -0.015)
"""Log distance of the last price from the mark at the close of each minute of the split."""

Column = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Asset:
    """What sets one perpetual apart: first price, yearly volatility, share of common movement, crash, steps, volume."""

    symbol: str
    price: float
    volatility: float
    common: float
    crash: float
    tick: float
    lot: float
    volume: float
    carry: float


ASSETS = (
    Asset(
        symbol="BTC/USDT:USDT",
        price=42_000.0,
        volatility=0.60,
        common=0.93,
        crash=-0.24,
        tick=0.1,
        lot=0.001,
        volume=90.0,
        carry=3.5e-4,
    ),
    Asset(
        symbol="ETH/USDT:USDT",
        price=2_300.0,
        volatility=0.80,
        common=0.91,
        crash=-0.31,
        tick=0.01,
        lot=0.001,
        volume=1_300.0,
        carry=4.5e-4,
    ),
    Asset(
        symbol="SOL/USDT:USDT",
        price=100.0,
        volatility=1.00,
        common=0.80,
        crash=-0.40,
        tick=0.001,
        lot=0.01,
        volume=9_000.0,
        carry=4.0e-4,
    ),
)


@dataclass(frozen=True, kw_only=True)
class Path:
    """One perpetual, minute by minute: closes and extremes of last and mark, volume, and the premium over the index.

    A minute opens where the last one closed; `first` is the open of the first (last, mark).
    """

    asset: Asset
    first: tuple[float, float]
    close: Column
    high: Column
    low: Column
    mark_close: Column
    mark_high: Column
    mark_low: Column
    volume: Column
    funding: Column


def path(seed: int, index: int) -> Path:
    """The path of `ASSETS[index]` in the market of a seed."""
    asset = ASSETS[index]
    shared, own = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1 + index])
    level = _volatility(shared, own)
    step = np.repeat(level, 60) * _hour_of_day()
    step *= asset.volatility / np.sqrt(YEAR_MINUTES) / np.sqrt(np.mean(step**2))
    draws = shared.standard_normal(MINUTES)
    draws *= asset.common
    draws += np.sqrt(1 - asset.common**2) * own.standard_normal(MINUTES)
    draws *= step
    moved = np.cumsum(draws - 0.5 * step**2) + _crash(asset.crash)
    relative = step / np.sqrt(np.mean(step**2))
    basis = _basis(own, relative)
    basis += _crash(-0.006) + (_split() if asset.symbol == SPLIT_SYMBOL else 0.0)
    premium = _premium(own, moved, asset.carry) + np.mean(basis.reshape(HOURS, 60), axis=1)
    bridges = np.log(own.random((2, MINUTES), dtype=np.float32).clip(1e-7)).astype(np.float64)
    mark = _bars(moved, np.log(asset.price), step, bridges, asset.tick / 100)
    last = _bars(moved + basis, np.log(asset.price), step, bridges * 1.1, asset.tick)
    volume = asset.volume * relative**1.3 * np.exp(0.6 * own.standard_normal(MINUTES, dtype=np.float32))
    return Path(
        asset=asset,
        first=(_rounded(np.array([asset.price]), asset.tick)[0], asset.price),
        close=last[0],
        high=last[1],
        low=last[2],
        mark_close=mark[0],
        mark_high=mark[1],
        mark_low=mark[2],
        volume=np.maximum(_rounded(volume, asset.lot), asset.lot),
        funding=_funding(premium),
    )


def _volatility(shared: np.random.Generator, own: np.random.Generator) -> Column:
    """Relative volatility of each hour: slow (weeks), middle (a day), fast (hours), and an hour's own surprise."""
    half_lives = np.array([400.0, 30.0, 5.0])
    sizes = np.array([0.30, 0.30, 0.22])
    common = _wandering(shared, half_lives) @ sizes
    single = _wandering(own, half_lives) @ sizes
    surprise = 0.5 * np.log(4.0 / shared.chisquare(4.0, HOURS))
    logs: Column = np.sqrt(0.8) * common + np.sqrt(0.2) * single + 0.9 * surprise
    hours = np.arange(HOURS) - (CRASH_NS - START_NS) // HOUR_NS
    after = np.where(hours >= 0, 1.0 + 2.5 * np.exp(-np.maximum(hours, 0) / 16.0), 1.0)
    return np.asarray(np.exp(logs) * after)


def _wandering(draw: np.random.Generator, half_lives: Sequence[float] | Column) -> Column:
    """Stationary first-order autoregressions of unit variance, (hours, number of half-lives)."""
    keep = 0.5 ** (1.0 / np.asarray(half_lives))
    shocks = draw.standard_normal((HOURS, keep.size)) * np.sqrt(1 - keep**2)
    values = np.empty_like(shocks)
    state = draw.standard_normal(keep.size)
    for hour in range(HOURS):
        state = state * keep + shocks[hour]
        values[hour] = state
    return values


def _hour_of_day() -> Column:
    """Volatility by the minute of the day: highest about 15:00 UTC, lowest about 04:00."""
    minute = np.arange(MINUTES) % 1440
    return np.asarray(1.0 + 0.25 * np.cos((minute - 900) * (2 * np.pi / 1440)))


def _crash(depth: float) -> Column:
    """A fall of `depth` (log) within the crash, part of it recovered in the hours after."""
    since = np.arange(MINUTES) - (CRASH_NS - START_NS) // MINUTE_NS
    fall = np.clip(since / CRASH_MINUTES, 0.0, 1.0) ** 1.6
    back = np.clip((since - CRASH_MINUTES) / REBOUND_MINUTES, 0.0, 1.0) ** 0.7
    return depth * (fall - REBOUND_SHARE * back) if depth < -0.01 else depth * (fall - back)


def _split() -> Column:
    """The minutes in which the last price alone falls away from the mark."""
    away = np.zeros(MINUTES)
    first = (SPLIT_NS - START_NS) // MINUTE_NS
    away[first : first + len(SPLIT_PATH)] = SPLIT_PATH
    return away


def _basis(draw: np.random.Generator, relative: Column) -> Column:
    """Log distance of last from mark: wanders over hours, trembles each minute, more so when volatility is high."""
    slow = _wandering(draw, [3.0])[:, 0]
    minutes = np.interp(np.arange(MINUTES), np.arange(HOURS) * 60.0, slow)
    tremble = draw.standard_normal(MINUTES, dtype=np.float32)
    return (4.4e-4 * minutes + 3.0e-4 * tremble) * np.sqrt(relative)


def _premium(draw: np.random.Generator, moved: Column, carry: float) -> Column:
    """Hourly premium of the perpetual over its index: a carry, a slow wandering, and what three days of price did."""
    hourly = np.concatenate([[0.0], moved[59::60]])
    trend = hourly[1:] - hourly[np.maximum(np.arange(HOURS) - 71, 0)]
    trend /= np.std(trend)
    wander = _wandering(draw, [60.0])[:, 0]
    return np.asarray(carry + 3.0e-4 * np.clip(trend, -3, 3) + 5.0e-4 * wander)


def _funding(premium: Column) -> Column:
    """Rates of the 8 h settlements, one for each eight hours of premium."""
    average = premium[: HOURS // 8 * 8].reshape(-1, 8).mean(axis=1)
    rate = average + np.clip(INTEREST - average, -CLAMP, CLAMP)
    return np.asarray(np.round(np.clip(rate, -FUNDING_CAP, FUNDING_CAP), 8))


def _bars(moved: Column, start: float, step: Column, bridges: Column, tick: float) -> tuple[Column, Column, Column]:
    """Close, high and low of each minute: extremes of a Brownian bridge between the closes, on the tick.

    Given both ends, the maximum is (a + b + √((b − a)² − 2·σ²·ln U)) / 2 for a uniform U.
    """
    close = moved + start
    opened = np.concatenate([[start], close[:-1]])
    middle, spread = opened + close, (close - opened) ** 2
    scale = -2.0 * step**2
    high = np.exp((middle + np.sqrt(spread + scale * bridges[0])) / 2)
    low = np.exp((middle - np.sqrt(spread + scale * bridges[1])) / 2)
    ends = _rounded(np.exp(close), tick)
    starts = np.concatenate([_rounded(np.exp(np.array([start])), tick), ends[:-1]])
    high = np.maximum(_rounded(high, tick), np.maximum(starts, ends))
    low = np.minimum(_rounded(low, tick), np.minimum(starts, ends))
    return ends, high, low


def _rounded(values: Column, step: float) -> Column:
    """Values on a grid of a decimal step, each the double nearest to its decimal text."""
    places = max(0, round(-np.log10(step)))
    return np.round(values, places)
