"""The works as one minimal loop each: the truth that every engine's trades are held to, and a lower bound.

No margin, no liquidation, no records: fills, fees and the equity at the end. Compiled for W1 to W3, plain Python for
W4.
"""

from __future__ import annotations

from enum import Enum

import numba
import numpy as np

from benchmarks import works
from benchmarks.dataset import load
from benchmarks.measure import Run, Stopwatch, measure, named


@numba.njit(cache=True)
def walk(opens, closes, side, share, fee, cash):
    """Fills and final equity; arrays are (symbols, bars)."""
    legs, bars = closes.shape
    held = np.zeros(legs)
    fills = 0
    for bar in range(1, bars):
        equity = -1.0
        for leg in range(legs):
            now = 1 if held[leg] > 0 else (-1 if held[leg] < 0 else 0)
            if side[leg, bar - 1] != 0 and side[leg, bar - 1] != now:
                if equity < 0.0:
                    equity = cash
                    for other in range(legs):
                        equity += held[other] * closes[other, bar - 1]
                change = side[leg, bar - 1] * share * equity / closes[leg, bar - 1] - held[leg]
                cash -= change * opens[leg, bar] + abs(change) * opens[leg, bar] * fee
                held[leg] += change
                fills += 1
    for leg in range(legs):
        cash += held[leg] * closes[leg, bars - 1]
    return fills, cash


def resize(opens: np.ndarray, closes: np.ndarray, cash: float = works.CASH, whole: float = 1.0) -> tuple[int, float]:
    """W4: fills and final equity. `whole`: what is sized by, as a multiple of the equity."""
    legs, bars = closes.shape
    fills = 0
    held = [0.0] * legs
    pending: list[tuple[int, float]] = []
    for bar in range(bars):
        for leg, change in pending:
            price = float(opens[leg, bar])
            cash -= change * price + abs(change) * price * works.FEE
            held[leg] += change
            fills += 1
        pending = []
        if bar >= works.LOOKBACK:
            equity = cash + sum(held[leg] * float(closes[leg, bar]) for leg in range(legs))
            for leg in range(legs):
                target = works.wanted(closes[leg, bar - works.LOOKBACK : bar + 1], whole * equity)
                change = target - held[leg]
                if abs(change) > works.BAND * abs(target):
                    pending.append((leg, change))
    return fills, cash + sum(held[leg] * float(closes[leg, -1]) for leg in range(legs))


class Rule(Enum):
    """What an engine's trades are held to."""

    NEXT_OPEN = "filled at the next open, one wallet"
    SAME_CLOSE = "filled at the close that decided"
    OWN_WALLETS = "filled at the next open, a wallet of a tenth for each symbol"


def truth(work: str, bars: int, rule: Rule = Rule.NEXT_OPEN, settings: int = len(works.SETTINGS)) -> Run:
    """One run of a work under a rule."""
    data = load(work, bars)
    opens, closes, legs = data.open, data.close, len(data.symbols)
    if rule is Rule.SAME_CLOSE:  # as if each bar opened at the last one's close, and one more bar came
        opens = np.concatenate([data.open[:, :1], data.close], axis=1)
        closes = np.concatenate([data.close, data.close[:, -1:]], axis=1)
    if rule is Rule.OWN_WALLETS and legs > 1:
        each = [_done(work, opens[leg : leg + 1], closes[leg : leg + 1], legs, settings) for leg in range(legs)]
        cpu, wall = sum(run.cpu_s for run in each), sum(run.wall_s for run in each)
        return Run(cpu_s=cpu, wall_s=wall, fills=sum(run.fills for run in each), equity=sum(run.equity for run in each))
    return _done(work, opens, closes, 1, settings)


def _done(work: str, opens: np.ndarray, closes: np.ndarray, wallets: int, settings: int) -> Run:
    cash = works.CASH / wallets
    if work == "W4":
        watch = Stopwatch()
        fills, equity = resize(opens, closes, cash, wallets)
        return Run(cpu_s=watch.cpu, wall_s=watch.wall, fills=fills, equity=equity)
    share = works.ALONE if len(closes) == 1 else works.SHARED
    chosen = works.timed_settings(settings) if work == "W3" else ((works.FAST, works.SLOW),)
    sides = [np.stack([works.sides(each, *setting) for each in closes]) for setting in chosen]
    total, cpu, wall, equities = 0, 0.0, 0.0, []
    for side in sides:
        watch = Stopwatch()
        fills, equity = walk(opens, closes, side, share, works.FEE, cash)
        cpu, wall, total = cpu + watch.cpu, wall + watch.wall, total + fills
        equities.append(equity)
    return Run(cpu_s=cpu, wall_s=wall, fills=total, equity=float(np.mean(equities)))


if __name__ == "__main__":
    measure("minimal loop", named(), truth)
