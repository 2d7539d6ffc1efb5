"""Real history in which last price and mark part: judged by the mark, positions live that the last price would kill.

Binance USDT-margined perpetuals, hourly bars of both prices. Extremes of the hour (UTC):
BTC 2021-07-26 01:00 high 48,168 last, 39,745 mark; ETH 2021-05-19 13:00 low 1,401 last, 1,764 mark.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest.enums import LedgerKind
from tests.rulebook.scene import Played, Scene, Symbol

pytestmark = pytest.mark.real_data

TIERS = ((0.0, np.inf, 0.005, 0.0, 125.0),)
PRICES = ["open", "high", "low", "close"]
HOURS_BEFORE = 24


def scene_of(folder: Path, coin: str, hour: str, *, judged_on: str) -> Scene:
    """From a day before the hour to six hours after it."""
    at = pd.Timestamp(hour, tz="UTC")
    span = {}
    for kind in ("ohlcv", "mark"):
        frame = pd.read_parquet(folder / f"binance_{coin}USDT_{kind}_1h.parquet")
        frame = frame.set_index(pd.to_datetime(frame["time"], utc=True)).sort_index()
        span[kind] = frame.loc[at - pd.Timedelta(hours=HOURS_BEFORE) : at + pd.Timedelta(hours=6), PRICES]
    assert len(span["ohlcv"]) == len(span["mark"]) == HOURS_BEFORE + 7
    last = [tuple(row) for row in span["ohlcv"].to_numpy()]
    mark = last if judged_on == "last" else [tuple(row) for row in span["mark"].to_numpy()]
    return Scene(symbols=[Symbol(bars=last, marks=mark, tiers=TIERS)], cash=1_000_000.0)


def held(scene: Scene, *, long: bool, liquidated_at: float) -> Played:
    """One unit, opened the hour before, with the margin that puts its liquidation price where it is wanted."""
    bar = HOURS_BEFORE - 2
    if long:
        scene.buy(bar, quantity=1, leverage=1)
    else:
        scene.sell(bar, quantity=1, leverage=1)
    entry = scene.symbols[0].bars[bar + 1][0]
    # M = E - p x (1 - m) for a long, p x (1 + m) - E for a short; E was posted at 1x
    margin = entry - liquidated_at * 0.995 if long else liquidated_at * 1.005 - entry
    scene.set_leverage(bar + 1, 100).remove_margin(bar + 1, entry - margin)
    played = scene.play()
    assert played.ledger["liquidation_after"][
        -1 if played.kinds()[-1] != LedgerKind.LIQUIDATION else -2
    ] == pytest.approx(liquidated_at)
    return played


@pytest.mark.parametrize("price", [40_000.0, 44_000.0, 48_000.0])
@pytest.mark.parametrize(("judged_on", "survives"), [("mark", True), ("last", False)])
def test_a_btc_short_lives_through_the_wick_of_26_july_2021(
    real_data: Path, price: float, judged_on: str, survives: bool
) -> None:
    played = held(scene_of(real_data, "BTC", "2021-07-26 01:00", judged_on=judged_on), long=False, liquidated_at=price)
    assert (LedgerKind.LIQUIDATION not in played.kinds()) is survives


@pytest.mark.parametrize("price", [1_450.0, 1_600.0, 1_760.0])
@pytest.mark.parametrize(("judged_on", "survives"), [("mark", True), ("last", False)])
def test_an_eth_long_lives_through_the_low_of_19_may_2021(
    real_data: Path, price: float, judged_on: str, survives: bool
) -> None:
    played = held(scene_of(real_data, "ETH", "2021-05-19 13:00", judged_on=judged_on), long=True, liquidated_at=price)
    assert (LedgerKind.LIQUIDATION not in played.kinds()) is survives


def test_an_eth_long_above_the_low_of_the_mark_is_liquidated(real_data: Path) -> None:
    scene = scene_of(real_data, "ETH", "2021-05-19 13:00", judged_on="mark")
    row = held(scene, long=True, liquidated_at=1_764.9).row(LedgerKind.LIQUIDATION)
    assert row["price"] == pytest.approx(1_764.9)
    assert row["bar"] == HOURS_BEFORE
