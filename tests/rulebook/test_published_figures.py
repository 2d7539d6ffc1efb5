"""Liquidation prices that Binance itself published or reported for real positions, by the calculator and by the kernel.

The margin M is the position's own wallet. Where M is not the initial margin of a whole leverage, the scene opens with
the next higher leverage and adds the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pytest

from backtest import calculator as calc
from backtest.broker.records import TIER
from backtest.enums import LedgerKind
from backtest.errors import MarketDataError
from backtest.market.contract import Tier, TierTable
from tests.rulebook.scene import Scene, Symbol, TierRow, flat

# Tiers as the maintenance amounts of the sources imply them: amount_n = amount_(n-1) + floor_n x (rate_n - rate_(n-1)).
# BTC of March 2021 (gist.github.com/highfestiva/b71e76f51eed84d56c1be8ebbcc286b5): amounts 50, 1300, 16300, 266300
BTC_2021: tuple[TierRow, ...] = (
    (0.0, 50_000.0, 0.004, 0.0, 125.0),
    (50_000.0, 250_000.0, 0.005, 50.0, 100.0),
    (250_000.0, 1_000_000.0, 0.01, 1_300.0, 50.0),
    (1_000_000.0, 10_000_000.0, 0.025, 16_300.0, 20.0),
    (10_000_000.0, np.inf, 0.05, 266_300.0, 10.0),
)
# ETH: 10 % with an amount of 135,365 from 2,000,000 on
ETH_2021: tuple[TierRow, ...] = (
    (0.0, 10_000.0, 0.005, 0.0, 100.0),
    (10_000.0, 100_000.0, 0.0065, 15.0, 75.0),
    (100_000.0, 500_000.0, 0.01, 365.0, 50.0),
    (500_000.0, 1_000_000.0, 0.02, 5_365.0, 25.0),
    (1_000_000.0, 2_000_000.0, 0.05, 35_365.0, 10.0),
    (2_000_000.0, np.inf, 0.1, 135_365.0, 5.0),
)
DOGE_2024: tuple[TierRow, ...] = ((0.0, np.inf, 0.005, 0.0, 75.0),)
BLUR_2024: tuple[TierRow, ...] = ((0.0, np.inf, 0.015, 0.0, 50.0),)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One position and the venue's own liquidation price; `within` is an absolute tolerance in quote currency."""

    name: str
    side: Literal["long", "short"]
    quantity: float
    entry: float
    margin: float
    opened_at: int
    tiers: tuple[TierRow, ...]
    liquidation: float
    within: float

    def position(self) -> calc.Position:
        """The same as the calculator takes it."""
        terms = calc.Terms(tiers=np.array(list(self.tiers), TIER))
        return calc.Position.opened(self.side, self.quantity, self.entry, terms=terms, margin=self.margin)


FIGURES = [
    # captured /fapi/v2/positionRisk responses of a grid bot, Feb-Mar 2024 (GitHub code index id 1228842397):
    # (30 x 0.1759 + 1.3270823) / (30 x 1.005)
    Figure(
        name="BN-01 DOGEUSDT short",
        side="short",
        quantity=30.0,
        entry=0.175896779661,
        margin=1.3270823,
        opened_at=4,
        tiers=DOGE_2024,
        liquidation=0.21903766,
        within=3e-7,
    ),
    # the same source: (14 x 0.721575 - 2.5255125) / (14 x 0.985)
    Figure(
        name="BN-03 BLURUSDT long",
        side="long",
        quantity=14.0,
        entry=0.721575,
        margin=2.5255125,
        opened_at=4,
        tiers=BLUR_2024,
        liquidation=0.54942259,
        within=1.1e-8,
    ),
    # Binance API documentation, sample of positionRisk: (20 x 6563.665 - 13200.70726908 - 50) / (20 x 0.995)
    Figure(
        name="BN-06 BTCUSDT long",
        side="long",
        quantity=20.0,
        entry=6563.665,
        margin=13200.707269080001,
        opened_at=10,
        tiers=BTC_2021,
        liquidation=5930.78,
        within=0.005,
    ),
    # Binance FAQ on liquidation, in cents, as kept in freqtrade's test_liquidation_price_binance (c9ae5e1e9ff2):
    # (3683.979 x 1456.84 - 1535443.01 - 135365) / (3683.979 x 0.9)
    Figure(
        name="FAQ ETHUSDT long",
        side="long",
        quantity=3683.979,
        entry=1456.84,
        margin=1535443.01,
        opened_at=5,
        tiers=ETH_2021,
        liquidation=1114.78,
        within=1114.78 * 5e-6,
    ),
    # the same: (109.488 x 32481.98 - 1535443.01 - 16300) / (109.488 x 0.975)
    Figure(
        name="FAQ BTCUSDT long",
        side="long",
        quantity=109.488,
        entry=32481.98,
        margin=1535443.01,
        opened_at=3,
        tiers=BTC_2021,
        liquidation=18778.73,
        within=18778.73 * 5e-7,
    ),
]


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_the_kernel_gives_the_venues_own_liquidation_price(figure: Figure) -> None:
    symbol = Symbol(bars=[flat(figure.entry)] * 4, tiers=figure.tiers, tick=1e-12)
    scene = Scene(symbols=[symbol], cash=10 * figure.margin)
    posted = figure.quantity * figure.entry / figure.opened_at
    if figure.side == "long":
        scene.buy(0, quantity=figure.quantity, leverage=figure.opened_at)
    else:
        scene.sell(0, quantity=figure.quantity, leverage=figure.opened_at)
    rest = figure.margin - posted
    if rest > 1e-9:
        scene.add_margin(1, rest)
    row = scene.play().ledger[-1]
    assert row["margin_after"] == pytest.approx(figure.margin, rel=1e-9)
    assert row["liquidation_after"] == pytest.approx(figure.liquidation, abs=figure.within)


@pytest.mark.parametrize(
    ("tiers", "amounts"),
    [
        pytest.param(BTC_2021, [50.0, 1_300.0, 16_300.0, 266_300.0], id="BN-07 BTCUSDT, March 2021"),
        pytest.param(ETH_2021, [15.0, 365.0, 5_365.0, 35_365.0, 135_365.0], id="ETHUSDT of the FAQ"),
    ],
)
def test_each_maintenance_amount_follows_from_the_tier_before(tiers: tuple[TierRow, ...], amounts: list[float]) -> None:
    assert [tier[3] for tier in tiers[1:]] == amounts
    names = ("floor", "cap", "rate", "amount", "leverage")
    rungs = [Tier(**dict(zip(names, tier, strict=True))) for tier in tiers]
    TierTable(valid_from_ns=0, tiers=tuple(rungs), source="as published")
    rungs[2] = replace(rungs[2], amount=amounts[1] + 1.0)
    with pytest.raises(MarketDataError, match="amount"):
        TierTable(valid_from_ns=0, tiers=tuple(rungs), source="one amount altered")


def test_the_shortcut_with_maintenance_on_the_entry_notional_is_not_the_venues_rule() -> None:
    """BN-08: affmiss.com/binance-futures-liquidation (Dec 2025) gives 95,500 for a 20x long at 100,000."""
    tiers = ((0.0, np.inf, 0.005, 0.0, 125.0),)
    symbol = Symbol(bars=[flat(100_000.0)] * 2, tiers=tiers)
    row = Scene(symbols=[symbol], cash=10_000.0).buy(0, quantity=1, leverage=20).play().row(LedgerKind.OPEN)
    # (100000 - 5000) / 0.995
    assert row["liquidation_after"] == pytest.approx(95_477.38693467337)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_the_calculator_gives_the_same(figure: Figure) -> None:
    assert calc.liquidation_price(figure.position()) == pytest.approx(figure.liquidation, abs=figure.within)


@pytest.mark.parametrize(
    ("name", "mark", "shown", "within"),
    [
        # positionRisk, `isolatedMargin`: 1.3270823 + 30 x (0.175896779661 - 0.17876815)
        ("BN-01 DOGEUSDT short", 0.17876815, 1.2409409, 3e-7),
        # 2.5255125 + 14 x (0.7211 - 0.721575)
        ("BN-03 BLURUSDT long", 0.7211, 2.5188625, 1.1e-8),
    ],
)
def test_the_margin_that_the_venue_shows_is_the_positions_wallet_and_its_unrealised_pnl(
    name: str, mark: float, shown: float, within: float
) -> None:
    figure = next(each for each in FIGURES if each.name == name)
    assert calc.assess(figure.position(), mark).margin_balance == pytest.approx(shown, abs=within)


def test_the_unrealised_pnl_of_the_documentation_sample() -> None:
    """BN-06: 20 x (6679.50671178 - 6563.665) = 2316.8342356."""
    figure = next(each for each in FIGURES if each.name.startswith("BN-06"))
    assessed = calc.assess(figure.position(), 6679.50671178)
    assert assessed.unrealised_pnl == pytest.approx(2316.8342356, abs=1e-6)


@pytest.mark.parametrize("tiers", [BTC_2021, ETH_2021], ids=["BTCUSDT", "ETHUSDT"])
def test_maintenance_is_what_the_brackets_below_and_above_each_ask_for(tiers: tuple[TierRow, ...]) -> None:
    # summed bracket by bracket, as a tax: each part of the notional at the rate of its own bracket
    terms = calc.Terms(tiers=np.array(list(tiers), TIER))
    for notional in (1_000.0, 9_999.0, 60_000.0, 750_000.0, 1_500_000.0, 7_000_000.0, 25_000_000.0):
        summed = sum((min(notional, cap) - floor) * rate for floor, cap, rate, _, _ in tiers if notional > floor)
        assert calc.maintenance_margin(terms, notional) == pytest.approx(summed, abs=1e-6)
