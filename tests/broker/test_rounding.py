"""Rounding to lots and ticks: rule 4.1."""

from __future__ import annotations

import pytest

from backtest.broker.rounding import on_grid, round_down, round_nearest, round_up


@pytest.mark.parametrize(
    ("value", "step", "down", "nearest", "up"),
    [
        # 0.3 / 0.1 is 2.9999999999999996 in binary
        (0.3, 0.1, 0.3, 0.3, 0.3),
        (0.1 + 0.2, 0.1, 0.3, 0.3, 0.3),
        (1.2349, 0.001, 1.234, 1.235, 1.235),
        (99.25, 0.5, 99.0, 99.5, 99.5),
        (7.0, 5.0, 5.0, 5.0, 10.0),
        (0.0, 0.01, 0.0, 0.0, 0.0),
        # two thousandths of a lot short of the next one is short of it
        (40_000 / 20.02, 0.001, 1_998.001, 1_998.002, 1_998.002),
        (123.456, 0.0, 123.456, 123.456, 123.456),
    ],
)
def test_quantities_go_down_and_prices_to_either_side(
    value: float, step: float, down: float, nearest: float, up: float
) -> None:
    assert (round_down(value, step), round_nearest(value, step), round_up(value, step)) == (down, nearest, up)


def test_every_tick_up_to_a_thousand_is_the_decimal_that_it_is_written_as() -> None:
    for step in (0.1, 0.01, 0.001, 0.5, 0.25):
        for whole in range(1_000):
            text = f"{whole * step:.3f}"
            assert on_grid(float(whole), step) == float(text)
            assert round_down(float(text), step) == float(text)
            assert round_up(float(text), step) == float(text)
