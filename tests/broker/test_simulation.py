"""The simulation's own duties: tables that grow, holes that put funding off, two drivers at once."""

from __future__ import annotations

import numpy as np

from backtest.broker.records import COMMAND
from backtest.broker.simulation import Simulation, Stop
from backtest.enums import CommandKind, Holes, LedgerKind, NoticeKind, OrderKind, Side, SizeKind, ThresholdKind
from tests.rulebook.scene import GONE, Scene, Symbol, flat


def driven(scene: Scene, *, every: int = 1) -> Simulation:
    """A simulation that stops at its decisions and knows nothing in advance."""
    return Simulation(**scene.market(), cash=scene.cash, decision_every=every)  # type: ignore[arg-type]


def test_a_run_that_outgrows_its_tables_loses_no_row() -> None:
    scene = Scene(bars=[flat(100.0)] * 1_300)
    simulation = driven(scene)
    bar = 0
    while simulation.advance() == Stop.DECISION:
        side = Side.BUY if bar % 2 == 0 else Side.SELL
        simulation.order(0, side, OrderKind.MARKET, SizeKind.QUANTITY, 1.0, leverage=10.0)
        bar += 1
    # a deposit, then a fill at every open but the first
    assert len(simulation.ledger) == 1_300
    assert simulation.ledger["bar"][1:].tolist() == list(range(1, 1_300))
    assert (simulation.ledger["sequence"] == np.arange(1_300)).all()


def test_more_commands_at_one_close_than_the_queue_holds_are_all_given() -> None:
    scene = Scene(bars=[flat(100.0)] * 3)
    for _ in range(700):
        scene.buy(0, quantity=0.01, leverage=10)
    assert len(scene.play().rows(LedgerKind.OPEN)) == 700


def test_a_driver_may_give_more_commands_than_the_queue_held_at_first() -> None:
    simulation = driven(Scene(bars=[flat(100.0)] * 2))
    simulation.advance()
    for _ in range(700):
        simulation.order(0, Side.BUY, OrderKind.MARKET, SizeKind.QUANTITY, 0.01, leverage=10.0)
    simulation.advance()
    assert len(simulation.orders) == 700
    assert simulation.positions[0]["quantity"] == np.float64(7.0)


def test_one_order_fills_up_the_tables_on_the_path() -> None:
    # 150 resting orders a bar, all filled on the path, for a dozen bars
    simulation = driven(Scene(bars=[flat(100.0), *[(100.0, 101.0, 90.0, 100.0)] * 12], cash=1e6))
    while simulation.advance() == Stop.DECISION:
        for number in range(150):
            price = 99.0 - 0.01 * number
            simulation.order(0, Side.BUY, OrderKind.LIMIT, SizeKind.QUANTITY, 0.1, price=price, leverage=1.0)
    opened = simulation.ledger[simulation.ledger["kind"] == LedgerKind.OPEN]
    assert len(opened) == 12 * 150
    assert (opened["segment"] == 1).all()
    assert len(simulation.notices) == 0


def test_brackets_fill_up_the_tables_in_the_middle_of_a_path() -> None:
    # 800 rows of added margin, then 40 orders met one after the other, each of which leaves two more behind
    bars = [flat(100.0)] * 102 + [(100.0, 100.0, 90.0, 95.0)]
    simulation = driven(Scene(bars=bars, cash=1e6))
    while simulation.advance() == Stop.DECISION:
        bar = int(simulation.account[0]["bar"])
        if bar == 0:
            simulation.order(0, Side.BUY, OrderKind.MARKET, SizeKind.QUANTITY, 1.0, leverage=1.0)
        elif bar <= 100:
            for _ in range(8):
                simulation.command(CommandKind.ADD_MARGIN, 0, amount=1.0)
        else:
            for number in range(40 if bar == 101 else 0):
                price = 99.0 - 0.1 * number
                simulation.order(
                    0, Side.BUY, OrderKind.LIMIT, SizeKind.QUANTITY, 0.1, price=price, leverage=1.0, stop=10.0,
                    take_profit=500.0,
                )  # fmt: skip
    assert (simulation.ledger["kind"] == LedgerKind.OPEN).sum() == 41
    assert (simulation.ledger["sequence"] == np.arange(len(simulation.ledger))).all()
    assert len(simulation.orders) == 1 + 3 * 40


def test_decisions_fall_on_the_closes_that_were_asked_for() -> None:
    simulation = driven(Scene(bars=[flat(100.0)] * 10), every=4)
    closes = []
    while simulation.advance() == Stop.DECISION:
        closes.append(int(simulation.account[0]["bar"]))
    assert closes == [3, 7]


def test_a_schedule_may_be_given_later_and_outgrow_everything() -> None:
    scene = Scene(bars=[flat(100.0)] * 3_000)
    for bar in range(2_900):
        scene.buy(bar, quantity=0.001, leverage=10)
    simulation = driven(scene, every=0)
    simulation.follow(scene.schedule())
    assert simulation.advance() == Stop.END
    assert len(simulation.ledger) == 2_901


def test_funding_of_a_long_hole_settles_in_one_go_behind_it() -> None:
    bars = [flat(100.0)] * 2 + [GONE] * 1_500 + [flat(100.0)] * 2
    stamps = [(bar, 1e-6) for bar in range(2, 1_502)]
    scene = Scene(symbols=[Symbol(bars=bars, funding=stamps)], holes=Holes.HOLD).buy(0, quantity=1, leverage=10)
    rows = scene.play().rows(LedgerKind.FUNDING)
    assert len(rows) == 1_500
    assert set(rows["bar"].tolist()) == {1_502}


def test_funding_after_the_last_bar_never_settles() -> None:
    bars = [flat(100.0)] * 3 + [GONE]
    scene = Scene(symbols=[Symbol(bars=bars, funding=[(3, 0.001)])], holes=Holes.HOLD).buy(0, quantity=1, leverage=10)
    assert scene.play().kinds() == [LedgerKind.OPEN]


def test_a_symbol_that_is_listed_later_than_the_run_begins_trades_from_its_first_bar() -> None:
    late = [GONE, GONE, flat(50.0), flat(50.0), flat(52.0)]
    scene = Scene(symbols=[Symbol(bars=[flat(100.0)] * 5), Symbol(bars=late)])
    scene.buy(0, quantity=1, leverage=5, leg=1).buy(0, quantity=100, leverage=5, leg=1, size_kind=SizeKind.NOTIONAL)
    played = scene.play()
    # a quantity needs no price, a notional does
    assert (played.row(LedgerKind.OPEN)["bar"], played.row(LedgerKind.OPEN)["price"]) == (2, 50.0)
    assert len(played.reasons(NoticeKind.REJECTION)) == 1


def test_a_decision_before_a_symbol_has_any_price_values_the_account_without_it() -> None:
    scene = Scene(symbols=[Symbol(bars=[flat(100.0)] * 3), Symbol(bars=[GONE, GONE, flat(50.0)])])
    simulation = driven(scene)
    while simulation.advance() == Stop.DECISION:
        assert simulation.account[0]["equity"] == 1_000.0


def test_a_schedule_is_read_and_never_written() -> None:
    scene = Scene(bars=[flat(100.0)] * 3).buy(0, quantity=1.23456, leverage=10, stop=95.123)
    schedule = scene.schedule()
    before = schedule.tobytes()
    schedule.flags.writeable = True
    Simulation(**scene.market(), cash=1_000.0, decision_every=0, schedule=schedule).advance()  # type: ignore[arg-type]
    assert schedule.tobytes() == before
    assert schedule.dtype == COMMAND
    assert schedule[0]["kind"] == CommandKind.ORDER


def test_many_alerts_that_outgrow_the_table_of_notices_are_all_given() -> None:
    # 40 alerts and a margin call in every other bar; the table holds a thousand, and fills up in mid-bar
    bars = [flat(100.0), *[flat(100.0), flat(91.0)] * 40]
    simulation = Scene(bars=bars).buy(0, quantity=1, leverage=10).begun()
    for number in range(40):
        simulation.watch(0, ThresholdKind.DISTANCE, 0.01 + number * 1e-4)
    simulation.advance()
    assert (simulation.notices["kind"] == NoticeKind.ALERT).sum() == 40 * 40
    assert (simulation.notices["kind"] == NoticeKind.MARGIN_CALL).sum() == 40


def test_many_alerts_on_the_drawdown_that_outgrow_the_table_are_all_given() -> None:
    bars = [flat(100.0), *[flat(100.0), flat(95.0)] * 16]
    simulation = Scene(bars=bars, margin_call=0.99).buy(0, quantity=1, leverage=10).begun()
    for number in range(70):
        simulation.watch(-1, ThresholdKind.DRAWDOWN, 0.001 + number * 1e-6)
    simulation.advance()
    assert (simulation.notices["kind"] == NoticeKind.ALERT).sum() == 16 * 70


def test_the_state_can_be_looked_at() -> None:
    scene = Scene(bars=[flat(100.0)] * 3).buy(0, quantity=1, leverage=10).top_up(0, level=0.5, amount=5, budget=20)
    simulation = scene.begun()
    simulation.advance()
    assert simulation.top_ups[0]["budget"] == 20.0
    assert (simulation.terms[0]["tick"], simulation.tiers[0]["rate"]) == (0.01, 0.01)
    assert simulation.orders["filled_price"].tolist() == [100.0]


def test_a_simulation_may_be_told_later_to_come_back_at_its_decisions() -> None:
    simulation = Scene(bars=[flat(100.0)] * 3).begun()
    simulation.decide()
    assert simulation.advance() == Stop.DECISION


def test_an_alert_set_at_a_decision_under_an_open_position_is_watched_from_the_next_bar_on() -> None:
    # a 10x long from 100 is liquidated near 90.4: at 95 the distance is 4.8 %, below the level of 5 %
    bars = [flat(100.0), flat(100.0), flat(100.0), (100.0, 100.0, 95.0, 96.0)]
    simulation = driven(Scene(bars=bars))
    simulation.advance()
    simulation.order(0, Side.BUY, OrderKind.MARKET, SizeKind.QUANTITY, 1.0, leverage=10.0)
    simulation.advance()
    simulation.watch(0, ThresholdKind.DISTANCE, 0.05)
    while simulation.advance() == Stop.DECISION:
        pass
    assert simulation.notices["kind"].tolist() == [NoticeKind.ALERT]
    assert simulation.notices["bar"].tolist() == [3]
