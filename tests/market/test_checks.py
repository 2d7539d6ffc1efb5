"""`data check` finds what is wrong, says where and how large it is, and repairs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from backtest.clock import HOUR_NS
from backtest.market import parquet
from backtest.market.catalogue import catalogue
from backtest.market.checks import Level, Verdict, apart, check, frozen, gaps, impossible, order, settlements
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


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(root=tmp_path)


def verdicts(store: Store) -> dict[str, Verdict]:
    return {verdict.series.key.kind.value: verdict for verdict in check(store, catalogue(store))}


def test_a_gap_is_named_with_the_move_it_spans() -> None:
    holed = columns([100, 100, 112, 112], hours=[0, 1, 5, 6])
    holed["open"][2] = 110.0
    (found,) = gaps(holed, HOUR_NS)
    assert found.level is Level.FAIL
    assert found.text.startswith("gap 2024-03-01 02:00 → 2024-03-01 05:00 (3 bars) spans a 10.0% move")


def test_many_gaps_are_listed_by_their_move_and_the_rest_counted() -> None:
    closes = [100.0 + i for i in range(8)]
    found = gaps(columns(closes, hours=range(0, 16, 2)), HOUR_NS)
    assert len(found) == 6
    assert found[-1].text == "2 more gaps with smaller moves (2 bars)"


def test_rows_out_of_order_or_there_twice_are_counted() -> None:
    times = np.array([0, 1, 1, 3, 2]) * HOUR_NS + BASE_NS
    assert [finding.rule for finding in order(times)] == ["twice", "unsorted"]


def test_impossible_bars_are_counted() -> None:
    wrong = columns([100, 101, 102, 103])
    wrong["high"][1] = 99.0
    wrong["close"][2] = np.nan
    wrong["volume"][3] = -1.0
    assert [finding.bars for finding in impossible(wrong)] == [1, 1, 1]


def test_a_frozen_stretch_is_found_unless_nobody_traded() -> None:
    still = columns([100, 101, 101, 101, 102])
    still["high"][2:4] = still["low"][2:4] = still["open"][2:4] = 101.0
    (found,) = frozen(still, HOUR_NS)
    assert found.text == "frozen 2024-03-01 02:00 → 2024-03-01 04:00 (2 bars) at 101"
    still["volume"][2:4] = 0.0
    assert frozen(still, HOUR_NS) == []


def test_last_far_from_mark_is_found_by_its_extremes() -> None:
    # as BTC on 2021-07-26 01:00: a high of 48,168 last, 39,745 mark
    last, mark = columns([38_000, 38_100]), columns([38_000, 38_100])
    last["high"][1], mark["high"][1] = 48_168.6, 39_744.8
    (found,) = apart(last, mark)
    assert found.text == "last far from mark at 2024-03-01 01:00: high 48168.6 last, 39744.8 mark"


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ([0, 8, 16, 24], []),
        ([0, 8, 24, 32], ["1 settlements are missing after 2024-03-01 08:00 (every 8h)"]),
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
    assert [finding.rule for finding in check(store, before)[0].findings] == ["damaged"]
