"""`data check` finds what is wrong, says where and how large it is, and repairs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from backtest.clock import HOUR_NS
from backtest.market import parquet
from backtest.market.bar_checks import LEAD, Apart, BarRule, Frozen, Gaps, Grid, Impossible, Order, Spikes
from backtest.market.catalogue import catalogue
from backtest.market.checks import check
from backtest.market.findings import Finding, Level, Verdict
from backtest.market.funding_checks import settlements
from backtest.market.key import SeriesKey
from backtest.market.series import SeriesKind
from backtest.market.store import Store
from tests.market.making import BASE_NS, BTC, bars, funding

MARK = SeriesKind.MARK


def columns(closes: Sequence[float], hours: Sequence[int] | None = None) -> parquet.Columns:
    made = bars(closes, hours=hours)
    return {"time": made.time_ns} | {
        name: getattr(made, name).copy() for name in ("open", "high", "low", "close", "volume")
    }


def level(count: int, price: float = 100.0) -> parquet.Columns:
    """Bars that open and close at one price and reach 1 beyond it."""
    return columns([price] * count)


def told(rule: BarRule, whole: parquet.Columns, *cuts: int) -> list[Finding]:
    """What a rule finds in columns that are cut into months before some rows; the same wherever they are cut."""
    for first, after in pairwise([0, *cuts, whole["time"].size]):
        before = max(first - LEAD, 0)
        rule.feed({name: values[before:after] for name, values in whole.items()}, first - before)
    return rule.findings()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(root=tmp_path)


def verdicts(store: Store) -> dict[str, Verdict]:
    return {verdict.series.key.kind.value: verdict for verdict in check(store, catalogue(store))}


@pytest.mark.parametrize("cuts", [(), (1,), (2,), (1, 2, 3)])
def test_a_gap_is_named_with_the_move_it_spans(cuts: tuple[int, ...]) -> None:
    holed = columns([100, 100, 112, 112], hours=[0, 1, 5, 6])
    holed["open"][2] = 110.0
    (found,) = told(Gaps(HOUR_NS), holed, *cuts)
    assert found.level is Level.FAIL
    assert found.text.startswith("gap 2024-03-01 02:00 → 2024-03-01 05:00 (3 bars) spans a 10.0% move")


def test_many_gaps_are_listed_by_their_move_and_the_rest_counted() -> None:
    closes = [100.0 + i for i in range(8)]
    found = told(Gaps(HOUR_NS), columns(closes, hours=range(0, 16, 2)), 3)
    assert len(found) == 6
    assert found[-1].text == "and 2 more, with smaller moves (2 bars in all)"


def test_rows_out_of_order_or_there_twice_are_counted() -> None:
    times = {"time": np.array([0, 1, 1, 3, 2]) * HOUR_NS + BASE_NS}
    for cuts in ((), (2,), (4,)):
        assert [finding.text for finding in told(Order(), times, *cuts)] == [
            "1 row stands twice, at 2024-03-01 01:00",
            "1 row is out of order, at 2024-03-01 02:00",
        ]


def test_bars_off_the_grid_of_their_interval_are_found() -> None:
    off = level(3)
    off["time"] = off["time"] + np.array([0, 60_000_000_000, 0])
    (found,) = told(Grid(HOUR_NS), off)
    assert found.text == "1 bar opens off the grid, at 2024-03-01 01:01"


def test_impossible_bars_are_counted() -> None:
    wrong = columns([100, 101, 102, 103])
    wrong["high"][1] = 99.0
    wrong["close"][2] = np.nan
    wrong["volume"][3] = -1.0
    assert [(finding.level, finding.bars) for finding in told(Impossible(), wrong, 2)] == [(Level.FAIL, 1)] * 3


@pytest.mark.parametrize("cuts", [(), (2,), (3,), (2, 3, 4)])
def test_a_frozen_stretch_is_found_unless_nobody_traded(cuts: tuple[int, ...]) -> None:
    still = columns([100, 101, 101, 101, 102])
    still["high"][2:4] = still["low"][2:4] = still["open"][2:4] = 101.0
    (found,) = told(Frozen(HOUR_NS), still, *cuts)
    assert found.text == "frozen 2024-03-01 02:00 → 2024-03-01 04:00 (2 bars) at 101"
    still["volume"][2:4] = 0.0
    assert told(Frozen(HOUR_NS), still, *cuts) == []


def test_a_price_that_stands_still_at_the_end_is_frozen_too() -> None:
    still = columns([100, 101, 101])
    still["high"][2] = still["low"][2] = still["open"][2] = 101.0
    (found,) = told(Frozen(HOUR_NS), still)
    assert found.text == "frozen 2024-03-01 02:00 → 2024-03-01 03:00 (1 bar) at 101"


def test_stretches_at_two_prices_or_on_both_sides_of_a_gap_are_not_one() -> None:
    closes = [100, 100, 100, 100, 105, 105, *range(110, 117)]
    still = columns(closes, hours=[0, 1, *range(4, 15)])
    for name in ("open", "high", "low"):
        still[name][:6] = still["close"][:6]
    assert [finding.text for finding in told(Frozen(HOUR_NS), still, 3)] == [
        "frozen 2024-03-01 00:00 → 2024-03-01 02:00 (2 bars) at 100",
        "frozen 2024-03-01 04:00 → 2024-03-01 06:00 (2 bars) at 100",
        "frozen 2024-03-01 06:00 → 2024-03-01 08:00 (2 bars) at 105",
    ]


def test_a_day_without_any_trade_is_said() -> None:
    quiet = level(30)
    quiet["volume"][3:27] = 0.0
    (found,) = told(Frozen(HOUR_NS), quiet, 10)
    assert found.text == "no trade 2024-03-01 03:00 → 2024-03-02 03:00 (24 bars): nothing would be filled"
    quiet["volume"][3] = 1.0
    assert told(Frozen(HOUR_NS), quiet, 10) == []


def test_a_series_of_levels_is_said_to_be_one() -> None:
    flat = level(4)
    flat["high"] = flat["low"] = flat["open"] = flat["close"]
    assert [finding.rule for finding in told(Frozen(HOUR_NS), flat)] == ["levels"]


@pytest.mark.parametrize("row", [0, 1, 4, 8, 9])
@pytest.mark.parametrize("cuts", [(), (4,), (5,), (1, 2, 3), (9,)])
def test_a_bar_twenty_times_its_neighbours_fails_wherever_it_stands(row: int, cuts: tuple[int, ...]) -> None:
    odd = level(10)
    for name in ("open", "high", "low", "close"):
        odd[name][row] *= 20
    (found,) = told(Spikes(), odd, *cuts)
    assert (found.level, found.time_ns) == (Level.FAIL, BASE_NS + row * HOUR_NS)
    assert found.text.endswith("high 2020 is 20.0 times that of the bars around it")


def test_a_low_far_below_its_neighbours_is_a_spike_and_a_smaller_one_a_warning() -> None:
    odd = level(10)
    odd["low"][4] = 24.75
    (found,) = told(Spikes(), odd)
    assert found.level is Level.WARN
    assert found.text == "spike at 2024-03-01 04:00: low 24.75 is 4.0 times below that of the bars around it"
    odd["low"][4] = 50.0
    assert told(Spikes(), odd) == []


def test_two_false_bars_in_a_row_are_two_spikes() -> None:
    odd = level(14)
    for name in ("open", "high", "low", "close"):
        odd[name][5:7] *= 20
    assert [finding.time_ns for finding in told(Spikes(), odd, 6)] == [BASE_NS + 5 * HOUR_NS, BASE_NS + 6 * HOUR_NS]


@pytest.mark.parametrize("factor", [0.05, 20])
@pytest.mark.parametrize("cuts", [(), (4,), (5,), (6,)])
def test_a_price_that_changes_its_unit_jumps_and_is_no_spike(factor: float, cuts: tuple[int, ...]) -> None:
    moved = level(14)
    for name in ("open", "high", "low", "close"):
        moved[name][6:] *= factor
    (found,) = told(Spikes(), moved, *cuts)
    assert found.level is Level.WARN
    after = 100 * factor
    assert found.text == (
        f"the price jumps at 2024-03-01 06:00 from 100 to {after:.10g} and stays: another unit or contract?"
    )


def test_last_far_from_mark_is_found_by_its_extremes() -> None:
    # as BTC on 2021-07-26 01:00: a high of 48,168 last, 39,745 mark
    last, mark = columns([38_000, 38_100]), columns([38_000, 38_100])
    last["high"][1], mark["high"][1] = 48_168.6, 39_744.8
    rule = Apart()
    rule.compare(last, mark)
    (found,) = rule.findings()
    assert found.text == "last far from mark at 2024-03-01 01:00: high 48168.6 last, 39744.8 mark"


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ([0, 8, 16, 24], []),
        ([0, 8, 24, 32], ["1 settlement is missing after 2024-03-01 08:00 (every 8h)"]),
        ([0, 8, 16, 20, 24], ["the interval changes at 2024-03-01 16:00 from 8h to 4h"]),
        ([0, 4, 8, 16, 24], ["the interval changes at 2024-03-01 08:00 from 4h to 8h"]),
    ],
)
def test_missing_settlements_are_told_from_intervals_that_change(hours: list[int], said: list[str]) -> None:
    rates = funding(hours)
    assert [finding.text for finding in settlements(rates.time_ns, rates.rate)] == said


def test_a_sound_symbol_gets_a_sound_verdict(store: Store) -> None:
    store.write(bars([100, 101, 102, 101] * 6))
    store.write(bars([100, 101, 102, 101] * 6, kind=MARK))
    store.write(funding([0, 8, 16]))
    assert {kind: verdict.level for kind, verdict in verdicts(store).items()} == {
        "ohlcv": Level.OK,
        "mark": Level.OK,
        "funding": Level.OK,
    }


def test_missing_companions_are_said(store: Store) -> None:
    store.write(bars([100, 101]))
    assert [finding.rule for finding in verdicts(store)["ohlcv"].findings] == ["mark", "funding"]


def test_ranges_that_do_not_overlap_fail(store: Store) -> None:
    store.write(bars([100, 101]))
    store.write(bars([100, 101], kind=MARK, hours=[10, 11]))
    assert [(finding.level, finding.rule) for finding in verdicts(store)["mark"].findings] == [(Level.FAIL, "overlap")]


def test_a_mark_that_begins_later_is_said(store: Store) -> None:
    store.write(bars([100] * 4))
    store.write(bars([100] * 3, kind=MARK, hours=[1, 2, 3]))
    texts = [finding.text for finding in verdicts(store)["mark"].findings]
    assert texts == ["begins 2024-03-01 01:00, later than the traded bars (2024-03-01 00:00)"]


def test_bars_older_than_all_tiers_and_contracts_without_any_are_said(store: Store) -> None:
    years = 365 * 24
    store.write(bars([100, 101], hours=[-4 * years, 1 - 4 * years]))
    store.write(bars([10, 20], symbol="XYZ/USDT:USDT"))
    texts = {
        verdict.series.key.symbol: [f.text for f in verdict.findings] for verdict in check(store, catalogue(store))
    }
    assert "no leverage tiers are dated before 2022-07-03: earlier bars would use those" in texts[BTC]
    assert any("it cannot be run" in text for text in texts["XYZ/USDT:USDT"])


def test_bars_of_a_contract_whose_tiers_are_assumed_are_said(store: Store) -> None:
    store.write(bars([10, 20], symbol="SOL/USDT:USDT", venue="okx"))
    (verdict,) = check(store, catalogue(store))
    texts = [finding.text for finding in verdict.findings]
    assert any("a run would assume the rates of ADA-USDT-SWAP on 2023-11-02" in text for text in texts)


def test_a_file_changed_by_hand_is_found(store: Store) -> None:
    store.write(bars([100, 101, 102]))
    key = SeriesKey(venue="binance", symbol=BTC, kind=SeriesKind.OHLCV, interval_ns=HOUR_NS)
    (path,) = store.files(key)
    wrong = parquet.read(path, key.columns)
    wrong["time"] = wrong["time"][[0, 0, 2]]
    parquet.put_in_place([(parquet.write_beside(path, wrong, parquet.head(path).facts), path)])
    assert "twice" in [finding.rule for finding in verdicts(store)["ohlcv"].findings]
    before = catalogue(store)
    path.write_bytes(b"PAR1")
    assert [finding.rule for finding in check(store, before)[0].findings] == ["damaged", "mark", "funding"]
