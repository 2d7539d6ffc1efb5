"""Decimation keeps every extreme and every gap."""

from __future__ import annotations

import time

import numpy as np

from backtest.report.decimate import band, kept_points, thinned


def test_extremes_survive() -> None:
    values = np.sin(np.linspace(0.0, 60.0, 50_000))
    values[12_345], values[40_001] = 9.0, -9.0
    kept = kept_points(values, 100)
    assert kept.size < 210
    assert {0, 12_345, 40_001, 49_999} <= set(kept.tolist())
    assert (np.diff(kept) > 0).all()


def test_short_curves_are_left_alone() -> None:
    assert kept_points(np.arange(10.0), 5).tolist() == list(range(10))


def test_a_gap_stays_a_gap() -> None:
    values = np.arange(1000.0)
    values[500:502] = np.nan
    assert np.isnan(values[kept_points(values, 10)]).any()
    assert np.isnan(np.full(1000, np.nan)[kept_points(np.full(1000, np.nan), 10)]).all()


def test_a_band_keeps_the_widest_range() -> None:
    close = np.arange(10.0)
    close[9] = np.nan
    shown = band(close - 1.0, close + 1.0, close, 2)
    assert shown.bar.tolist() == [4, 9]
    assert shown.low.tolist() == [-1.0, 4.0]
    assert shown.high.tolist() == [5.0, 9.0]
    assert shown.close.tolist() == [4.0, 8.0]


def test_marks_are_thinned_evenly() -> None:
    assert thinned(3, 5).tolist() == [0, 1, 2]
    assert thinned(101, 3).tolist() == [0, 50, 100]


def test_half_a_million_points_take_no_time() -> None:
    values = np.random.default_rng(1).normal(size=525_600).cumsum()
    started = time.process_time()
    assert kept_points(values).size < 1300
    assert time.process_time() - started < 0.5
