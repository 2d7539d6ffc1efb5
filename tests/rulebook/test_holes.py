"""Missing bars: rule 1.4."""

from __future__ import annotations

import numpy as np
import pytest

from backtest.enums import Holes, LedgerKind, NoticeKind, Reason, SizeKind
from tests.rulebook.scene import GONE, Scene, Symbol, flat

HOLED = [flat(100.0), flat(100.0), GONE, GONE, flat(100.0)]


def test_nothing_triggers_in_a_hole_and_the_position_is_carried_through() -> None:
    symbol = Symbol(bars=[*HOLED[:4], (100.0, 100.0, 94.0, 94.0)])
    played = Scene(symbols=[symbol], holes=Holes.HOLD).buy(0, quantity=1, leverage=10, stop=95.0).play()
    assert played.row(LedgerKind.CLOSE)["bar"] == 4
    holes = played.notices[played.notices["kind"] == NoticeKind.HOLE]
    assert len(holes) == 1


def test_a_request_waits_for_the_symbols_next_present_bar() -> None:
    played = Scene(bars=HOLED, holes=Holes.HOLD).buy(1, quantity=1, leverage=10).play()
    assert played.row(LedgerKind.OPEN)["bar"] == 4


def test_funding_that_falls_due_in_a_hole_settles_after_it() -> None:
    symbol = Symbol(bars=[*HOLED[:4], flat(102.0)], funding=[(2, 0.001), (3, 0.002)])
    played = Scene(symbols=[symbol], holes=Holes.HOLD).buy(0, quantity=1, leverage=10).play()
    rows = played.rows(LedgerKind.FUNDING)
    assert rows["bar"].tolist() == [4, 4]
    # both on the mark of the open at which they settle
    assert rows["funding"].tolist() == pytest.approx([0.102, 0.204])


def test_a_missing_mark_alone_is_a_hole() -> None:
    marks = [flat(100.0), flat(100.0), (np.nan,) * 4, flat(100.0)]
    symbol = Symbol(bars=[flat(100.0), flat(100.0), flat(50.0), flat(100.0)], marks=marks)
    played = Scene(symbols=[symbol], holes=Holes.HOLD).buy(0, quantity=1, leverage=10, stop=95.0).play()
    assert played.kinds() == [LedgerKind.OPEN]


def test_with_holes_refused_the_run_stops_at_the_first_hole_under_a_position() -> None:
    scene = Scene(bars=HOLED).buy(0, quantity=1, leverage=10).sell(1, quantity=1)
    played = scene.play()
    assert played.outcome.stopped_at == 2
    assert played.kinds() == [LedgerKind.OPEN]


def test_a_hole_without_a_position_does_not_stop_the_run() -> None:
    played = Scene(bars=HOLED).buy(3, quantity=1, leverage=10).play()
    assert played.kinds() == [LedgerKind.OPEN]
    assert len(played.notices) == 0


def test_an_order_given_before_its_symbol_has_any_price_keeps_its_bracket() -> None:
    bars = [GONE, flat(100.0), (100.0, 100.0, 94.0, 98.0)]
    scene = Scene(symbols=[Symbol(bars=[flat(1.0)] * 3), Symbol(bars=bars)])
    played = scene.buy(0, quantity=1, leverage=10, stop=95.0, leg=1).play()
    assert played.row(LedgerKind.CLOSE)["price"] == 95.0


def test_a_risk_means_nothing_before_its_symbol_has_any_price() -> None:
    scene = Scene(symbols=[Symbol(bars=[flat(1.0)] * 3), Symbol(bars=[GONE, flat(100.0), flat(100.0)])])
    played = scene.buy(0, quantity=0.01, leverage=10, size_kind=SizeKind.RISK, stop=95.0, leg=1).play()
    assert played.reasons(NoticeKind.REJECTION) == [Reason.SIZE_NOT_DEFINED]
