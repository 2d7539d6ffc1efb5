"""Whole-position tiers, rule 5.1: the requirement jumps at an edge, and a jump alone can liquidate.

Up to a notional of 1,000 the whole position is asked for 1 %, above it for 5 %.
"""

from __future__ import annotations

import numpy as np
import pytest

from backtest.enums import LedgerKind, NoticeKind, PartialStyle
from tests.rulebook.scene import Prices, Scene, Symbol, flat

TIERS = ((0.0, 1_000.0, 0.01, 0.0, 50.0), (1_000.0, np.inf, 0.05, 0.0, 20.0))
WHOLE = {"whole_tiers": 1}


def scene(*bars: Prices, rules: dict[str, float] = WHOLE, **more: float) -> Scene:
    symbol = Symbol(bars=[flat(100.0), flat(100.0), *bars], tiers=TIERS, **more)  # type: ignore[arg-type]
    return Scene(symbols=[symbol], rules=rules, margin_call=0.5)


def test_a_short_is_liquidated_by_the_jump_itself() -> None:
    # 9.9 at 100 with 20x: margin 49.5. At the edge of 1,000 / 9.9 = 101.0101 its balance of 39.5 is far above 1 %, but
    # below the 5 % (50) that hold from there on.
    played = scene((100.0, 102.0, 100.0, 100.0)).sell(0, quantity=9.9, leverage=20).play()
    assert played.row(LedgerKind.OPEN)["liquidation_after"] == pytest.approx(1_000 / 9.9)
    assert played.row(LedgerKind.LIQUIDATION)["price"] == pytest.approx(1_000 / 9.9)
    assert played.row(LedgerKind.LIQUIDATION)["wallet"] == pytest.approx(49.5 - 9.9 * (1_000 / 9.9 - 100))


def test_at_the_edge_itself_the_lower_tier_holds() -> None:
    # 8 are worth 1,000 at 125; with 2x the margin is 400 and the liquidation price beyond: (800 + 400) / (8 x 1.05)
    played = scene(flat(125.0)).sell(0, quantity=8, leverage=2).play()
    assert played.row(LedgerKind.OPEN)["liquidation_after"] == pytest.approx(1_200 / (8 * 1.05))
    assert played.kinds() == [LedgerKind.OPEN]


def test_a_long_is_looked_for_on_the_tier_that_its_mark_is_on() -> None:
    # 11 at 100 with 10x: margin 110, worth 1,100. At 5 %: (1,100 - 110) / (11 x 0.95) = 94.737, still worth 1,042
    played = scene((100.0, 100.0, 94.0, 94.0)).buy(0, quantity=11, leverage=10).play()
    assert played.row(LedgerKind.LIQUIDATION)["price"] == pytest.approx(990 / (11 * 0.95))


def test_a_long_that_falls_to_the_lower_tier_first_is_asked_for_less() -> None:
    # 10.2 at 100 with 10x: at 5 % it would be (1,020 - 102) / (10.2 x 0.95) = 94.737, worth 966, on the lower tier;
    # there it is 918 / (10.2 x 0.99) = 90.909
    played = scene((100.0, 100.0, 90.0, 90.0)).buy(0, quantity=10.2, leverage=10).play()
    assert played.row(LedgerKind.LIQUIDATION)["price"] == pytest.approx(918 / (10.2 * 0.99))


def test_a_part_goes_as_far_as_the_edge() -> None:
    # at the jump one lot is enough: 9.899 are worth less than 1,000 there, and 1 % of it is no trouble
    rules = WHOLE | {"partial": PartialStyle.TIERS, "partial_tiers": 1, "partial_from_tier": 2}
    played = scene((100.0, 101.015, 100.0, 100.0), rules=rules).sell(0, quantity=9.9, leverage=20).play()
    part = played.row(LedgerKind.PARTIAL_LIQUIDATION)
    assert (part["quantity"], part["price"]) == (pytest.approx(0.001), pytest.approx(1_000 / 9.9))
    assert part["liquidation_after"] == pytest.approx(1_000 / 9.899)


def test_a_margin_call_that_the_jump_gives_comes_into_force_again_behind_the_edge() -> None:
    # 9.9 at 100 with 10x: at the edge the ratio jumps from 10 / 89 to 50 / 89, beyond one half
    bars = [(100.0, 101.5, 100.0, 100.5), flat(101.0), (100.5, 101.5, 100.5, 100.5)]
    played = scene(*bars).sell(0, quantity=9.9, leverage=10).play()
    calls = played.notices[played.notices["kind"] == NoticeKind.MARGIN_CALL]
    assert list(calls["bar"]) == [2, 4]
    assert calls["mark_price"] == pytest.approx(1_000 / 9.9)


@pytest.mark.parametrize("side", [1, -1])
def test_an_inverse_contract_jumps_the_other_way(side: int) -> None:
    # 99,000 quote units at 100 are worth 990; falling, they are worth 1,000 at 99
    symbol = Symbol(bars=[flat(100.0), flat(100.0), (100.0, 101.0, 98.9, 100.0)], tiers=TIERS, inverse=True, lot=10.0)
    played = Scene(symbols=[symbol], rules=WHOLE)
    played = (played.buy if side > 0 else played.sell)(0, quantity=99_000, leverage=20).play()
    if side < 0:
        assert played.kinds() == [LedgerKind.OPEN]
    else:
        # the margin of 49.5 has lost 10 where 50 are asked for
        row = played.row(LedgerKind.LIQUIDATION)
        assert (row["price"], row["wallet"]) == (pytest.approx(99.0), pytest.approx(39.5))
