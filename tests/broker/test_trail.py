"""The state between ledger rows, and the extremes of a bar's path, on paths walked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from backtest.broker.records import TERMS
from backtest.broker.trail import extremes, last_known, path_price, stretch, visits_low_first
from backtest.enums import LedgerKind, Path
from backtest.tables.curves import follow_ledger, walk_bars
from tests.builders import Book, history


def test_a_path_runs_straight_from_point_to_point() -> None:
    path = (100.0, 90.0, 110.0, 105.0)
    assert [path_price(*path, at) for at in (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)] == [100.0, 95.0, 90.0, 100.0, 110.0, 105.0]


@pytest.mark.parametrize(
    ("start", "end", "low", "high"),
    [
        (0.0, 3.0, 90.0, 110.0),
        (0.0, 0.5, 95.0, 100.0),
        (0.5, 1.5, 90.0, 100.0),
        (1.5, 2.5, 100.0, 110.0),
        (2.0, 3.0, 105.0, 110.0),
    ],
)
def test_the_extremes_of_a_stretch(start: float, end: float, low: float, high: float) -> None:
    assert stretch(100.0, 90.0, 110.0, 105.0, start, end) == (low, high)


def test_a_missing_price_is_carried_from_before() -> None:
    prices = history((10.0, 11.0, 12.0)).prices.copy()
    prices[0, 8, 1] = math.nan
    assert last_known(prices, 0, 8, 1) == 10.0
    prices[0, 8, 0] = math.nan
    assert math.isnan(last_known(prices, 0, 8, 1))


def _short() -> Book:
    """Sell 4 at 100, 5x: margin 80; maintenance 1 %: liquidation (400 + 80) / (4 × 1.01) = 118.811881."""
    book = Book(1000.0)
    book.write(
        LedgerKind.OPEN, 1, segment=1, fraction=0.5, price=100.0, mark_price=100.0, quantity=-4.0, wallet=-80.0,
        margin=80.0, entry=100.0, leverage=5.0, liquidation=480.0 / 4.04,
    )  # fmt: skip
    return book


@pytest.mark.parametrize(("path", "low_first"), [(Path.ADVERSE_FIRST, False), (Path.FAVOURABLE_FIRST, True)])
def test_a_short_visits_the_high_first_on_the_adverse_path(path: Path, low_first: bool) -> None:
    ledger = _short().ledger()
    assert visits_low_first(ledger, 1, 0, 1, 0.0, int(path)) == low_first


def test_a_position_taken_over_at_the_open_decides_the_path() -> None:
    book = Book(1000.0)
    book.write(LedgerKind.OPEN, 0, price=100.0, quantity=1.0, wallet=-10.0, margin=10.0, entry=100.0, leverage=10.0)
    assert visits_low_first(book.ledger(), 0, 0, 0, 0.0, int(Path.ADVERSE_FIRST))


def test_only_the_path_after_an_opening_counts() -> None:
    # bar 1 runs 100 → 110 → 90 → 100; sold at 105 on the way up, so the rest of the path is 105 → 110 → 90 → 100
    market = history((100.0, 100.0, 100.0), spread=10.0)
    book = Book(1000.0)
    book.write(
        LedgerKind.OPEN, 1, segment=1, fraction=0.5, price=105.0, mark_price=105.0, quantity=-4.0, wallet=-84.0,
        margin=84.0, entry=105.0, leverage=5.0, liquidation=504.0 / 4.04,
    )  # fmt: skip
    # bought back half-way between the low and the close: 95
    book.write(
        LedgerKind.CLOSE, 1, segment=3, fraction=0.5, price=95.0, mark_price=95.0, quantity=4.0, wallet=124.0,
        margin=-84.0, pnl=-40.0,
    )  # fmt: skip
    seen = walk_bars(book.ledger(), market, 3, Path.ADVERSE_FIRST)
    (trade,) = seen.excursions
    assert trade["adverse"] == pytest.approx(-5.0 / 105.0)
    assert trade["favourable"] == pytest.approx(15.0 / 105.0)
    assert trade["distance"] == pytest.approx((504.0 / 4.04 - 110.0) / 110.0)
    assert trade["nearest_bar"] == 1
    assert seen.nearest[0, 1] == trade["distance"]
    assert np.isnan(seen.nearest[0, [0, 2]]).all()
    assert seen.equity.tolist() == pytest.approx([1000.0, 1040.0, 1040.0])
    assert seen.equity_low.tolist() == pytest.approx([1000.0, 1040.0, 1040.0])


def test_the_worst_within_a_bar_is_at_the_adverse_extreme_and_no_leg_is_worth_less_than_nothing() -> None:
    # bar 2 runs 100 → high 110 → low 90 → 100: a short of 4 with margin 80 loses 40 at the high
    market = history((100.0, 100.0, 100.0), spread=10.0)
    seen = walk_bars(_short().ledger(), market, 3, Path.ADVERSE_FIRST)
    assert seen.equity_low.tolist() == pytest.approx([1000.0, 1000.0, 960.0])
    wide = history((100.0, 100.0, 100.0), spread=60.0)
    assert walk_bars(_short().ledger(), wide, 3, Path.ADVERSE_FIRST).equity_low[2] == pytest.approx(920.0)


def test_a_mark_beyond_the_liquidation_price_is_no_distance() -> None:
    wide = history((100.0, 100.0, 100.0), spread=30.0)
    assert walk_bars(_short().ledger(), wide, 3, Path.ADVERSE_FIRST).nearest[0, 2] == 0.0


def test_a_position_without_a_liquidation_price_has_no_distance() -> None:
    book = Book(1000.0)
    # a long of 1 at 100 whose margin covers its whole value
    book.write(
        LedgerKind.OPEN, 0, price=100.0, mark_price=100.0, quantity=1.0, wallet=-100.0, margin=100.0, entry=100.0,
        leverage=1.0,
    )  # fmt: skip
    market = history((100.0, 90.0))
    seen = walk_bars(book.ledger(), market, 2, Path.ADVERSE_FIRST)
    assert np.isinf(seen.nearest).all()
    assert seen.excursions[0]["nearest_bar"] == -1
    state = follow_ledger(book.ledger(), market, np.arange(2)).trail
    assert np.isinf(state["distance"]).all()


def test_a_missing_bar_takes_no_part() -> None:
    prices = history((100.0, 100.0, 100.0), spread=10.0).prices.copy()
    prices[0, :, 2] = math.nan
    ledger = _short().ledger()
    equity, low = np.zeros(3), np.zeros(3)
    nearest = np.full((1, 3), math.nan)
    from backtest.broker.trail import EXCURSION

    excursions = np.zeros(1, EXCURSION)
    excursions["distance"] = math.inf
    extremes(ledger, prices, np.zeros(1, TERMS), int(Path.ADVERSE_FIRST), 3, excursions, nearest, equity, low)
    assert math.isnan(nearest[0, 2])
    assert equity[2] == low[2] == pytest.approx(1000.0)


def test_another_symbol_s_events_leave_a_leg_alone() -> None:
    market = history((100.0, 100.0, 100.0), (50.0, 50.0, 40.0), spread=1.0)
    book = _short()
    book.write(
        LedgerKind.OPEN, 2, leg=1, price=50.0, mark_price=50.0, quantity=2.0, wallet=-10.0, margin=10.0, entry=50.0,
        leverage=10.0, liquidation=90.0 / 1.98,
    )  # fmt: skip
    # bar 2, leg 1 falls from 50 to its low of 39: the long is liquidated at 45.4545, two fifths down the first leg
    book.write(
        LedgerKind.LIQUIDATION, 2, leg=1, segment=1, fraction=0.4132, price=45.4545, mark_price=45.4545, quantity=-2.0,
        margin=-10.0, pnl=9.091, liquidation_fee=0.909,
    )  # fmt: skip
    seen = walk_bars(book.ledger(), market, 3, Path.ADVERSE_FIRST)
    assert seen.excursions["leg"].tolist() == [0, 1]
    assert seen.nearest[1, 2] == 0.0
    assert seen.nearest[0, 2] == pytest.approx((480.0 / 4.04 - 101.0) / 101.0)
    curves = follow_ledger(book.ledger(), market, np.arange(3))
    assert curves.equity.tolist() == pytest.approx([1000.0, 1000.0, 990.0])
    assert curves.trail["maintenance_margin"][2].tolist() == pytest.approx([4.0, 0.0])
    assert curves.trail["trade"].tolist() == [[0, 0], [1, 0], [1, 0]]
