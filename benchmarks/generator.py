"""The seeded market: ten symbols, a year of 1-minute bars from a jump diffusion, and the same hourly.

Volatility wanders slowly and with the hour of the day, the drift turns daily, there is a jump a day and four crashes a
year; a bar's high and low come from twelve steps within it. Made once, kept in a folder that Git ignores.
"""

from __future__ import annotations

from pathlib import Path

import numba
import numpy as np

from benchmarks.dataset import FOLDER
from benchmarks.works import DECIMALS, SYMBOLS, YEAR_MINUTES, Array

SEED, STEPS, DAY = 20240101, 12, 1440
FIRST_PRICES = (42000.0, 2300.0, 100.0, 0.62, 310.0, 0.09, 0.60, 15.0, 38.0, 73.0)
TICKS = (0.1, 0.01, 0.001, 0.0001, 0.01, 0.00001, 0.0001, 0.001, 0.001, 0.01)


@numba.njit(cache=True)
def _wandering(shocks: Array) -> Array:
    level, found = 0.0, np.empty_like(shocks)
    for bar, shock in enumerate(shocks):
        level = 0.9992 * level + shock
        found[bar] = level
    return found


def symbol(leg: int, bars: int) -> Array:
    """Open, high, low, close, volume of one symbol, (5, bars)."""
    random = np.random.default_rng([SEED, leg])
    tick, decimals = TICKS[leg], DECIMALS[leg]
    base = (0.55 if leg < 2 else 0.85) / np.sqrt(YEAR_MINUTES * STEPS)
    level = _wandering(random.standard_normal(bars) * 0.02)
    season = 1 + 0.35 * np.sin(2 * np.pi * (np.arange(bars) % DAY) / DAY)
    spread = base * np.exp(np.clip(level, -1.5, 1.5)) * season
    drift = np.repeat(random.standard_normal(bars // DAY + 1), DAY)[:bars] * 0.008 / (DAY * STEPS)
    step = random.standard_normal((bars, STEPS)) * spread[:, None] + drift[:, None]
    jumps = random.poisson(bars / DAY)
    at, within = random.integers(0, bars, jumps), random.integers(0, STEPS, jumps)
    np.add.at(step, (at, within), random.standard_normal(jumps) * 0.006)
    for at_bar in random.integers(0, bars, max(1, round(4 * bars / YEAR_MINUTES))):
        step[at_bar] -= random.uniform(0.04, 0.09) / STEPS
    step -= 0.5 * spread[:, None] ** 2
    path = np.cumsum(step.ravel())
    path -= np.linspace(0, 1, path.size) * path[-1] * 0.8
    path = FIRST_PRICES[leg] * np.exp(path).reshape(bars, STEPS)
    path = np.round(path / tick) * tick
    close, opening = path[:, -1], np.empty(bars)
    opening[0], opening[1:] = FIRST_PRICES[leg], close[:-1]
    opening[1:] = np.round((opening[1:] + tick * random.integers(-1, 2, bars - 1)) / tick) * tick
    high = np.maximum(path.max(1), np.maximum(opening, close))
    low = np.minimum(path.min(1), np.minimum(opening, close))
    moved = np.abs(np.log(close / opening)) / (base * np.sqrt(STEPS))
    volume = np.round(np.exp(random.standard_normal(bars) * 0.8) * (1 + moved) * 2e6 / FIRST_PRICES[leg], 3)
    return np.stack([*(np.round(each, decimals) for each in (opening, high, low, close)), volume])


def resampled(market: Array, bars: int) -> Array:
    """Every `bars` bars as one."""
    parts = market.reshape(*market.shape[:2], -1, bars)
    opening, high, low, close, volume = (parts[:, row] for row in range(5))
    whole = (opening[..., 0], high.max(-1), low.min(-1), close[..., -1], volume.sum(-1))
    return np.ascontiguousarray(np.stack(whole, axis=1))


def make(folder: Path = FOLDER) -> Path:
    """Write the market unless it lies there already; returns its folder."""
    if not (folder / "hour.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        market = np.stack([symbol(leg, YEAR_MINUTES) for leg in range(len(SYMBOLS))])
        np.save(folder / "minute.npy", market)
        np.save(folder / "hour.npy", resampled(market, 60))
    return folder
