"""What a driver does in mid-bar, and the alerts that wake it: rules 3.6 and 3.8, by the kernel alone.

The position is a long of 1 at 100 with 10x: liquidated at 90.909, margin call (0.8) at 72 / 0.79 = 91.139.
"""

from __future__ import annotations

import numpy as np
import pytest

from backtest.broker.simulation import Simulation, Stop, Wake
from backtest.enums import CommandKind, LedgerKind, NoticeKind, OrderKind, Reason, Side, SizeKind, ThresholdKind
from tests.rulebook.scene import Prices, Scene, flat

CALM = [flat(100.0), flat(100.0)]
CALL = 72.0 / 0.79
LIQUIDATION = 90.0 / 0.99
FALL: Prices = (100.0, 100.0, 90.0, 95.0)


def woken(bars: list[Prices], *wakes: Wake, stop: float = np.nan) -> Simulation:
    """A simulation that has come to the first event of the kinds named."""
    simulation = Scene(bars=bars).buy(0, quantity=1, leverage=10, stop=stop).begun(*wakes)
    assert simulation.advance() == Stop.EVENT
    return simulation


def kinds(simulation: Simulation) -> list[LedgerKind]:
    return [LedgerKind(int(kind)) for kind in simulation.ledger["kind"][1:]]


def alerts(simulation: Simulation) -> np.ndarray:
    return simulation.notices[simulation.notices["kind"] == NoticeKind.ALERT]


def test_at_a_hook_the_account_stands_at_that_point_of_the_path() -> None:
    simulation = woken([*CALM, FALL], Wake.MARGIN_CALL)
    assert simulation.positions[0]["mark_price"] == pytest.approx(CALL)
    # 990 + 10 + (91.139 - 100)
    assert simulation.account[0]["equity"] == pytest.approx(1_000.0 - 100.0 + CALL)


def test_margin_added_at_a_hook_is_there_at_once_and_saves_the_position() -> None:
    simulation = woken([*CALM, FALL], Wake.MARGIN_CALL)
    simulation.command(CommandKind.ADD_MARGIN, 0, amount=5.0)
    assert simulation.advance() == Stop.END
    assert kinds(simulation) == [LedgerKind.OPEN, LedgerKind.ADD_MARGIN]
    row = simulation.ledger[-1]
    assert (row["bar"], row["segment"]) == (2, 1)
    assert row["fraction"] == pytest.approx((100.0 - CALL) / 10.0)


def test_too_little_margin_at_a_hook_moves_the_liquidation_only_so_far() -> None:
    simulation = woken([*CALM, FALL], Wake.MARGIN_CALL)
    simulation.command(CommandKind.ADD_MARGIN, 0, amount=0.5)
    # the ratio fell to 0.911 / 1.639, so the call is in force again: at 0.8 x 89.5 / 0.79
    assert simulation.advance() == Stop.EVENT
    assert simulation.positions[0]["mark_price"] == pytest.approx(0.8 * 89.5 / 0.79)
    assert simulation.advance() == Stop.END
    assert simulation.ledger[-1]["price"] == pytest.approx(89.5 / 0.99)


def test_an_order_asked_for_at_a_hook_waits_for_the_next_open() -> None:
    # the bar falls to 91 and no further: called, not liquidated
    simulation = woken([*CALM, (100.0, 100.0, 91.0, 95.0), flat(96.0)], Wake.MARGIN_CALL)
    simulation.order(0, Side.SELL, OrderKind.MARKET, SizeKind.QUANTITY, 1.0)
    assert simulation.advance() == Stop.END
    row = simulation.ledger[-1]
    assert (row["bar"], row["segment"], row["price"]) == (3, 0, 96.0)


def test_at_one_hook_the_margin_moves_now_and_the_order_waits() -> None:
    simulation = woken([*CALM, FALL, flat(96.0)], Wake.MARGIN_CALL)
    simulation.command(CommandKind.ADD_MARGIN, 0, amount=5.0)
    simulation.order(0, Side.SELL, OrderKind.MARKET, SizeKind.QUANTITY, 1.0)
    assert simulation.advance() == Stop.END
    assert [(row["kind"], row["bar"]) for row in simulation.ledger[2:]] == [
        (LedgerKind.ADD_MARGIN, 2),
        (LedgerKind.CLOSE, 3),
    ]


def test_a_command_refused_at_a_hook_is_an_event_of_its_own() -> None:
    simulation = woken([*CALM, FALL], Wake.MARGIN_CALL, Wake.REJECT)
    simulation.command(CommandKind.ADD_MARGIN, 0, amount=5_000.0)
    assert simulation.advance() == Stop.EVENT
    assert simulation.notices[-1]["reason"] == Reason.AMOUNT_ABOVE_WALLET
    assert simulation.notices[-1]["segment"] == 1


def test_an_order_asked_for_at_a_hook_does_not_save_the_position_in_that_bar() -> None:
    simulation = woken([*CALM, FALL, flat(95.0)], Wake.MARGIN_CALL)
    simulation.order(0, Side.SELL, OrderKind.MARKET, SizeKind.QUANTITY, 1.0, reduce_only=True)
    assert simulation.advance() == Stop.END
    assert kinds(simulation) == [LedgerKind.OPEN, LedgerKind.LIQUIDATION]


def test_a_cancel_at_a_hook_acts_at_that_point() -> None:
    # the stop of the bracket (order 2) would have been met in the next bar
    simulation = woken([*CALM, (100.0, 100.0, 94.0, 95.0)], Wake.FILL, stop=95.0)
    simulation.command(CommandKind.CANCEL, 0, order=2)
    assert simulation.advance() == Stop.END
    assert kinds(simulation) == [LedgerKind.OPEN]


def test_a_hook_at_a_liquidation_comes_after_it_and_the_run_goes_on() -> None:
    simulation = woken([*CALM, FALL, flat(95.0), flat(99.0)], Wake.LIQUIDATION)
    assert kinds(simulation)[-1] == LedgerKind.LIQUIDATION
    simulation.order(0, Side.BUY, OrderKind.MARKET, SizeKind.QUANTITY, 1.0, leverage=10.0)
    assert simulation.advance() == Stop.END
    assert (simulation.ledger[-1]["bar"], simulation.ledger[-1]["price"]) == (3, 95.0)


def test_an_alert_on_the_distance_is_given_where_the_mark_meets_it_and_once() -> None:
    simulation = Scene(bars=[*CALM, (100.0, 100.0, 94.0, 98.0), flat(98.0)]).buy(0, quantity=1, leverage=10).begun()
    number = simulation.watch(0, ThresholdKind.DISTANCE, 0.05)
    simulation.advance()
    # (p - 90.909) / p = 0.05
    (alert,) = alerts(simulation)
    assert (alert["alert"], alert["bar"], alert["segment"]) == (number, 2, 1)
    assert alert["mark_price"] == pytest.approx(LIQUIDATION / 0.95)
    assert alert["value"] == pytest.approx(0.05)


@pytest.mark.parametrize(("back", "given"), [(96.15, 1), (96.25, 2)])
def test_an_alert_comes_into_force_again_when_the_distance_is_a_tenth_better(back: float, given: int) -> None:
    # a distance of 0.055: 90.909 / 0.945 = 96.2
    simulation = Scene(bars=[*CALM, flat(95.0), flat(back), flat(95.0)]).buy(0, quantity=1, leverage=10).begun()
    simulation.watch(0, ThresholdKind.DISTANCE, 0.05)
    simulation.advance()
    assert len(alerts(simulation)) == given


def test_an_alert_on_the_margin_ratio_and_the_margin_call_at_one_point_come_in_this_order() -> None:
    simulation = Scene(bars=[*CALM, (100.0, 100.0, 91.0, 95.0)]).buy(0, quantity=1, leverage=10).begun()
    simulation.watch(0, ThresholdKind.MARGIN_RATIO, 0.8)
    simulation.advance()
    assert simulation.notices["kind"].tolist() == [NoticeKind.MARGIN_CALL, NoticeKind.ALERT]
    assert simulation.notices["value"].tolist() == pytest.approx([0.8, 0.8])


def test_an_alert_on_the_drawdown_is_read_at_the_close() -> None:
    # equity 1000, then 1000 - 6 at the low, 1000 - 4 at the close, later 1000 - 5
    bars = [*CALM, (100.0, 100.0, 94.0, 96.0), *map(flat, (95.0, 95.4, 95.0, 95.6, 95.0))]
    simulation = Scene(bars=bars).buy(0, quantity=1, leverage=10).begun(Wake.ALERT)
    simulation.watch(-1, ThresholdKind.DRAWDOWN, 0.005)
    assert simulation.advance() == Stop.EVENT
    (alert,) = alerts(simulation)
    assert (alert["bar"], alert["segment"], alert["leg"]) == (3, 4, -1)
    assert alert["value"] == pytest.approx(0.005)
    # 4.6 is not a tenth better than 5, 4.4 is
    assert simulation.advance() == Stop.EVENT
    assert alerts(simulation)["bar"].tolist() == [3, 7]


def test_every_subscribed_event_wakes_the_driver() -> None:
    bars = [flat(100.0), flat(100.0), flat(100.0), FALL]
    scene = Scene(bars=bars).buy(0, quantity=1, leverage=10).buy(1, quantity=1, leverage=3)
    scene.symbols[0].funding = [(2, 0.001)]
    simulation = scene.begun(*Wake)
    simulation.watch(0, ThresholdKind.DISTANCE, 0.05)
    stops = 0
    while simulation.advance() == Stop.EVENT:
        stops += 1
    # fill; funding and a refusal at one open; alert, margin call, liquidation on the path
    assert stops == 5
