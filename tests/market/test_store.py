"""The store holds the old rows or the new ones, never half of them, and never a row twice."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from backtest.clock import HOUR_NS, moment_ns
from backtest.errors import MarketDataError
from backtest.market import parquet
from backtest.market.catalogue import NAME, catalogue
from backtest.market.checks import check
from backtest.market.contract import TierTable
from backtest.market.key import SeriesKey
from backtest.market.series import Bars, SeriesKind
from backtest.market.store import Store, Written
from tests.market.making import BASE_NS, BTC, bars, funding

KEY = SeriesKey(venue="binance", symbol=BTC, kind=SeriesKind.OHLCV, interval_ns=HOUR_NS)
MARCH = list(range(100, 124))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(root=tmp_path / "store")


def stored(store: Store) -> list[float]:
    found = store.bars(KEY)
    return [] if found is None else found.close.tolist()


def contents(store: Store) -> dict[str, bytes]:
    return {
        str(path.relative_to(store.root)): path.read_bytes()
        for path in store.root.rglob("*")
        if path.is_file() and path.name not in (".lock", NAME)
    }


def test_what_is_written_is_read_again(store: Store) -> None:
    written = bars(MARCH)
    assert store.write(written) == Written(added=24, known=0, files=1)
    read = store.bars(KEY)
    assert read is not None
    for name in ("time_ns", "open", "high", "low", "close", "volume"):
        assert getattr(read, name).tolist() == getattr(written, name).tolist()
    assert (read.source, read.synthetic) == ("test", False)
    assert (store.root / "binance/BTCUSDTUSDT/ohlcv-1h/2024-03.parquet").is_file()


def test_months_are_files_and_only_those_asked_for_are_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(bars([100] * (24 * 92)))  # March, April, May
    assert [path.stem for path in store.files(KEY)] == ["2024-03", "2024-04", "2024-05"]
    store.files(KEY)[0].write_bytes(b"not read")
    april = store.bars(KEY, moment_ns("2024-04-10"), moment_ns("2024-04-11"))
    assert april is not None
    assert len(april) == 24


def test_rows_already_stored_are_not_doubled(store: Store) -> None:
    store.write(bars(MARCH))
    before = contents(store)
    assert store.write(bars(MARCH)) == Written(added=0, known=24, files=0)
    assert contents(store) == before


def test_overlapping_pieces_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    whole, pieces = Store(root=tmp_path / "whole"), Store(root=tmp_path / "pieces")
    everything = bars(MARCH)
    whole.write(everything)
    for first, last in ((12, 20), (0, 15), (18, 24)):
        pieces.write(everything.between(BASE_NS + first * HOUR_NS, BASE_NS + last * HOUR_NS))
    assert contents(pieces) == contents(whole)


def test_a_row_that_contradicts_a_stored_one_is_refused_and_named(store: Store) -> None:
    store.write(bars(MARCH))
    before = contents(store)
    other = bars(MARCH)
    close = other.close.copy()
    close[7] += 0.5
    with pytest.raises(MarketDataError, match=r"at 2024-03-01 07:00 the store has close 107, the new row says 107.5"):
        store.write(replace(other, close=close))
    assert contents(store) == before


def test_a_preview_changes_nothing(store: Store) -> None:
    assert store.preview(bars(MARCH)) == Written(added=24, known=0, files=1)
    assert not store.root.exists()


def test_recorded_and_synthetic_rows_are_not_mixed(store: Store) -> None:
    store.write(bars(MARCH))
    with pytest.raises(MarketDataError, match="not mixed"):
        store.write(bars([10, 20], hours=[30, 31], synthetic=True))


def test_funding_and_tiers_are_kept_too(store: Store) -> None:
    store.write(funding([0, 8, 16]))
    read = store.funding("binance", BTC)
    assert read is not None
    assert read.rate.tolist() == [0.0001] * 3
    table = TierTable.from_rungs(moment_ns("2021-01-01"), [(50_000, 0.004, 125), (250_000, 0.005, 100)], "a file")
    assert store.write_tiers("binance", BTC, [table]).added == 1
    assert store.tiers("binance", BTC) == (table,)
    assert store.write_tiers("binance", BTC, [table]) == Written(added=0, known=1, files=0)
    other = TierTable.from_rungs(table.valid_from_ns, [(50_000, 0.005, 100)], "another file")
    with pytest.raises(MarketDataError, match="another table of that date"):
        store.write_tiers("binance", BTC, [other])


def test_nothing_stored_is_none_and_a_range_without_rows_is_empty(store: Store) -> None:
    assert store.bars(KEY) is None
    assert store.extent(KEY) is None
    store.write(bars(MARCH))
    found = store.bars(KEY, moment_ns("2025-01-01"), None)
    assert found is not None
    assert len(found) == 0
    assert store.extent(KEY) == (BASE_NS, BASE_NS + 24 * HOUR_NS)


def test_a_damaged_file_is_named(store: Store) -> None:
    store.write(bars(MARCH))
    path = store.files(KEY)[0]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(MarketDataError, match=r"2024-03.parquet is damaged"):
        store.bars(KEY)


def test_a_full_disk_leaves_the_old_file_and_no_remains(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(bars(MARCH))
    before = contents(store)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MarketDataError, match="No space left on device; what the store held is unchanged"):
        store.write(bars([*MARCH, *[100] * 1400]))
    assert contents(store) == before


def test_the_second_month_that_does_not_fit_takes_the_first_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sync, calls = os.fsync, []

    def full_at_the_second(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(handle)

    monkeypatch.setattr(os, "fsync", full_at_the_second)
    with pytest.raises(MarketDataError, match="No space left"):
        store.write(bars([100] * (24 * 60)))
    assert contents(store) == {}


def test_a_file_size_limit_of_the_system_is_a_clean_error(tmp_path: Path) -> None:
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from backtest.errors import MarketDataError\n"
        "from backtest.market.store import Store\n"
        "from tests.market.making import bars\n"
        "store = Store(root=Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    store.write(bars(list(range(100, 800))))\n"
        "except MarketDataError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "store")], capture_output=True, text=True, check=True, timeout=60
    )
    assert "File too large; what the store held is unchanged" in done.stdout
    assert contents(Store(root=tmp_path / "store")) == {}


WRITER = """
import sys
from pathlib import Path
from backtest.market.store import Store
from tests.market.making import bars
store = Store(root=Path(sys.argv[1]))
print("ready", flush=True)
store.write(bars([100.0 + i % 50 for i in range(24 * 365)]))
print("done", flush=True)
"""


def test_a_process_killed_while_writing_leaves_a_store_that_opens_and_a_repeat_completes_it(tmp_path: Path) -> None:
    whole = Store(root=tmp_path / "whole")
    everything = bars([100.0 + i % 50 for i in range(24 * 365)])
    whole.write(everything)
    expected = contents(whole)
    draw = random.Random(5)
    partial = 0
    for trial in range(8):
        store = Store(root=tmp_path / f"killed-{trial}")
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(store.root)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(draw.uniform(0.0, 0.06))
        writer.send_signal(signal.SIGKILL) if os.name == "posix" else writer.kill()
        writer.wait()
        writer.stdout.close()
        left = store.bars(KEY)
        partial += left is None or len(left) < len(everything)
        if left is not None:
            assert left.close.tolist() == _at(everything, left)
        store.write(everything)
        assert contents(store) == expected
    assert partial > 0


def _at(everything: Bars, part: Bars) -> list[float]:
    return everything.close[np.searchsorted(everything.time_ns, part.time_ns)].tolist()


def _write_part(root: Path, first: int) -> None:
    everything = bars(MARCH)
    for hour in range(first, 24, 2):
        Store(root=root).write(everything.between(BASE_NS + hour * HOUR_NS, BASE_NS + (hour + 2) * HOUR_NS))


def test_two_writers_at_once_lose_nothing(store: Store) -> None:
    context = get_context("spawn")
    writers = [context.Process(target=_write_part, args=(store.root, first)) for first in (0, 1)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert stored(store) == MARCH


def test_the_catalogue_follows_the_files(store: Store) -> None:
    assert catalogue(store) == ()
    store.write(bars(MARCH[:3], hours=[0, 1, 5]))
    store.write(funding([0, 8, 16]))
    rates, traded = catalogue(store)
    assert (traded.rows, traded.gaps, traded.first_ns, traded.end_ns) == (3, 1, BASE_NS, BASE_NS + 6 * HOUR_NS)
    assert (rates.interval_ns, rates.rows) == (8 * HOUR_NS, 3)
    store.write(bars([7], hours=[6]))
    assert catalogue(store)[1].rows == 4
    store.files(KEY)[0].unlink()
    assert [line.key.kind for line in catalogue(store)] == [SeriesKind.FUNDING]


def test_a_damaged_catalogue_is_made_anew(store: Store) -> None:
    store.write(bars(MARCH))
    known = catalogue(store)
    folder = KEY.folder.as_posix()
    for text in ("{half", "[]", json.dumps({folder: {"files": [["2024-03.parquet", 1, 2]], "rows": 7}})):
        (store.root / NAME).write_text(text, encoding="utf-8")
        assert catalogue(store) == known


def test_a_file_of_a_later_layout_is_refused_whatever_it_holds(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "LAYOUT", 2)
    store.write(bars(MARCH))
    (path,) = store.files(KEY)
    columns = {"time": np.arange(3), "something": np.zeros(3)}
    parquet.put_in_place([(parquet.write_beside(path, columns, parquet.head(path).facts), path)])
    monkeypatch.setattr(parquet, "LAYOUT", 1)
    for use in (lambda: store.bars(KEY), lambda: catalogue(store), lambda: store.write(bars(MARCH))):
        with pytest.raises(MarketDataError, match=r"was written by a later version \(layout 2\); update this package"):
            use()


def test_the_catalogue_is_made_from_footers(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(bars([100] * (24 * 92)))
    monkeypatch.setattr(parquet, "read", lambda *_: pytest.fail("a whole month is not read"))
    (line,) = catalogue(store)
    assert (line.rows, line.gaps, line.first_ns) == (24 * 92, 0, BASE_NS)


def test_gaps_within_and_between_months_are_counted(store: Store) -> None:
    store.write(bars([100] * 6, hours=[0, 1, 5, 743, 750, 751]))
    (line,) = catalogue(store)
    assert (line.rows, line.gaps, line.end_ns) == (6, 3, BASE_NS + 752 * HOUR_NS)


def test_a_damaged_month_hides_nothing_else(store: Store) -> None:
    store.write(bars([100] * (24 * 92)))
    store.write(funding([0, 8]))
    path = store.files(KEY)[1]
    path.write_bytes(b"PAR1")
    rates, traded = catalogue(store)
    assert (rates.damaged, rates.rows) == ((), 2)
    assert (traded.rows, traded.gaps) == (24 * 62, 1)
    assert f"{path} is damaged" in traded.damaged[0]
    rules = [finding.rule for verdict in check(store, (rates, traded)) for finding in verdict.findings]
    assert rules[:3] == ["coverage", "damaged", "gap"]
