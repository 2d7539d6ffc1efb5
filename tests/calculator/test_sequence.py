"""A position's life step by step, by hand."""

from __future__ import annotations

import pytest

from backtest import calculator as calc
from backtest.errors import UsageError

PLAIN = calc.Terms.of(maintenance_rate=0.004, taker=0.0005)


def test_a_life_of_all_steps() -> None:
    states = calc.play(
        [
            "open long 0.5 @ 60000 10x",
            "add 0.1 @ 58000",
            "top-up 500",
            "funding 0.01% @ 59000 x3",
            "close 50% @ 61000",
            "leverage 20x",
            "mark 56000",
            "close 100% @ 57000",
        ],
        PLAIN,
    )
    held = [state.position for state in states]
    assert [position and (round(position.quantity, 9), round(position.margin, 9)) for position in held] == [
        (0.5, 3_000.0),
        (0.6, 3_580.0),  # 3,000 and 5,800 / 10
        (0.6, 4_080.0),
        (0.6, 4_069.38),  # 0.6 x 59,000 x 0.01 % x 3 = 10.62
        (0.3, 2_034.69),
        (0.3, 2_034.69),
        (0.3, 2_034.69),
        None,
    ]
    assert held[1] is not None
    assert held[1].entry_price == pytest.approx(35_800.0 / 0.6)
    # opened for 3,000 + 15; added 580 + 2.9; 500; half released with 400 of profit less 9.15; 2,034.69 - 800 - 8.55
    flows = [-3_015.0, -3_597.9, -4_097.9, -4_097.9, -1_672.36, -1_672.36, -1_672.36, -446.22]
    assert [state.wallet_change for state in states] == pytest.approx(flows)
    assert states[-1].fees == pytest.approx(15.0 + 2.9 + 9.15 + 8.55)
    assert states[-1].realised_pnl == pytest.approx(400.0 - 800.0)
    # everything that came back less what was paid in is PnL less fees less funding
    assert states[-1].wallet_change == pytest.approx(-400.0 - states[-1].fees - states[-1].funding)


def test_a_mark_beyond_the_liquidation_price_ends_it() -> None:
    states = calc.play(["open long 0.5 @ 60000 10x", "mark 54000", "top-up 100"], PLAIN)
    assert [state.liquidated for state in states] == [False, True]


def test_leverage_follows_the_venues_rule() -> None:
    # Bybit resets the margin to the new requirement and gives the rest, additions too, back
    terms = calc.Terms.of(venue="bybit", date="2022-06-01", maintenance_rate=0.005, taker=0.001)
    states = calc.play(["open long 10 @ 100 10x", "top-up 30", "leverage 20x"], terms)
    margins = [state.position.margin for state in states if state.position]
    assert margins == pytest.approx([100.9, 130.9, 50.0 + 0.95])  # the fee to close: 0.001 x 1,000 x (1 - 1/L)
    assert states[-1].wallet_change == pytest.approx(-100.9 - 1.0 - 30.0 + 130.9 - 50.95)
    with pytest.raises(UsageError, match="does not lower"):
        calc.play(["open long 0.01 @ 60000 10x", "leverage 5x"], calc.Terms.of(symbol="BTCUSDT"))


def test_the_wallet_pays_funding_first_where_the_rule_says_so() -> None:
    terms = calc.Terms.of(venue="bybit", date="2022-06-01", maintenance_rate=0.005, taker=0.0)
    states = calc.play(["open long 10 @ 100 10x", "funding 1% @ 100 x2"], terms, wallet=115.0)
    assert states[-1].position is not None
    assert (states[-1].position.margin, states[-1].wallet_change) == (pytest.approx(95.0), pytest.approx(-115.0))


def test_margin_is_removed_up_to_the_venues_limit() -> None:
    # at 66,000: 3,000 + 3,000 - 3,300
    steps = ["open long 0.5 @ 60000 10x", "mark 66000"]
    terms = calc.Terms.of(symbol="BTCUSDT")
    after = calc.play([*steps, "remove 2700"], terms)[-1]
    assert after.position is not None
    assert after.position.margin == pytest.approx(300.0)
    with pytest.raises(UsageError, match=r"above the 2,700\.00"):
        calc.play([*steps, "remove 2701"], terms)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (["opne long 1 @ 2 3x"], "did you mean 'open'"),
        (["open long 1 @ 2"], "cannot be read; such a step is written as in 'open long"),
        (["open up 1 @ 2 3x"], "side is 'up'"),
        (["top-up 5"], "before any position"),
        (["add 5 @ 3"], "before any position"),
        (["open long 1 @ 100 5x", "open short 1 @ 100 5x"], "close it before"),
        (["open long 1 @ 100 5x", "close 2 @ 100"], "cannot be closed"),
        (["open long 1 @ hundred 5x"], "price in"),
        (["open long 1 @ 100 5x", "funding 0.01% @ 100 x0"], "cannot be read"),
        (["open long 0.01 @ 60000 200x"], "above the"),
        (["open long 0.01 @ 60000 2.5x"], "whole leverages only"),
        (["open long 1 @ 60000 2x"], "the wallet lacks"),
    ],
)
def test_a_step_that_cannot_be_taken_is_wrong_use(steps: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        calc.play(steps, calc.Terms.of(symbol="BTCUSDT"), wallet=10_000.0)
