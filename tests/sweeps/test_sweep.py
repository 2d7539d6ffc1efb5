"""A sweep's rows are the same wherever they are worked out, and none is worked out twice."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import backtest as bt
from backtest.errors import BacktestError, UsageError
from backtest.market.history import MarketHistory
from backtest.sweeps import sweep as sweeping
from backtest.sweeps import trial
from backtest.sweeps.executors import Executor, Processes, Serial, Threads
from tests.sweeps.worlds import COUNTED, Counting, Cross, Decided, market

GRID = {"fast": [5, 10, 20], "slow": "30:60:10"}


@pytest.fixture(scope="module")
def history() -> MarketHistory:
    return market()


def test_a_grid_tries_all_sets_in_order(history: MarketHistory) -> None:
    found = bt.sweep(Cross, history, grid=GRID, jobs=1)
    assert len(found.frame) == 12
    assert found.frame[["fast", "slow"]].iloc[:5].to_numpy().tolist() == [[5, 30], [5, 40], [5, 50], [5, 60], [10, 30]]
    assert found.fixed == {"leverage": 5.0}
    assert found.best().value == found.frame["sharpe"].max()
    assert found.best(goal="min").value == found.frame["sharpe"].min()
    assert "12 trials over fast, slow" in repr(found)


@pytest.mark.parametrize("strategy", [Cross, Decided])
def test_serial_threads_and_processes_give_the_same_rows_byte_for_byte(
    history: MarketHistory, strategy: type[bt.Strategy]
) -> None:
    space = sweeping.Space.of(strategy, {"fast": [5, 10, 40], "slow": [30, 60]})
    work = trial.Work(strategy=strategy, history=history, config=bt.RunConfig(), fixed=space.fixed)
    chunks = [[each] for each in enumerate(space.grid())]

    def rows(executor: Executor) -> bytes:
        found = dict(executor.run(trial.do, work, chunks))
        return pd.DataFrame([found[number][0] for number in range(len(chunks))]).to_csv().encode()

    wanted = rows(Serial())
    assert rows(Threads(2)) == wanted
    assert rows(Processes(1)) == wanted


def test_sets_that_a_strategy_refuses_are_named_and_do_not_end_the_sweep(history: MarketHistory) -> None:
    found = bt.sweep(Decided, history, grid={"fast": [10, 50], "slow": [40]}, jobs=1)
    assert found.frame["error"].tolist() == ["", "UsageError: fast is 50 and slow is 40; fast must be the smaller"]
    assert found.frame["sharpe"].isna().tolist() == [False, True]
    with pytest.raises(BacktestError, match="no trial could be run; the first says: UsageError: fast is 60"):
        bt.sweep(Decided, history, grid={"fast": [60, 50], "slow": [40]}, jobs=1)


def test_draws_are_seeded_and_lie_within_the_bounds(history: MarketHistory) -> None:
    first, again = (bt.sweep(Cross, history, method="random", n=8, seed=3, jobs=1, slow=200) for _ in range(2))
    pd.testing.assert_frame_equal(first.frame, again.frame)
    assert first.frame["fast"].between(2, 100).all()
    assert first.frame["leverage"].between(1, 100).all()
    assert first.fixed == {"slow": 200}
    other = bt.sweep(Cross, history, method="random", n=8, seed=4, jobs=1, slow=200)
    assert first.frame["fast"].tolist() != other.frame["fast"].tolist()


def test_a_guided_search_is_the_same_again_and_when_resumed(history: MarketHistory, tmp_path: Path) -> None:
    asked = {"method": "tpe", "n": 22, "seed": 1, "jobs": 1, "slow": "20..200", "constraint": "liquidations==0"}
    whole = bt.sweep(Cross, history, grid={"fast": "bounds"}, **asked)
    kept = bt.sweep(Cross, history, grid={"fast": "bounds"}, out=tmp_path, **asked)
    resumed = bt.sweep(Cross, history, grid={"fast": "bounds"}, out=tmp_path, **asked)
    pd.testing.assert_frame_equal(whole.frame, kept.frame)
    pd.testing.assert_frame_equal(whole.frame, resumed.frame)
    assert (kept.resumed, resumed.resumed) == (0, 22)


def test_a_broken_off_sweep_goes_on_where_it_was(
    history: MarketHistory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = bt.sweep(Cross, history, grid=GRID, jobs=1)
    done: list[int] = []

    def breaking(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bt.sweep(Cross, history, grid=GRID, jobs=1, out=tmp_path, progress=breaking)
    (folder,) = tmp_path.iterdir()
    kept = len(list((folder / "parts").glob("*.parquet")))
    assert 0 < kept < 12
    assert not (folder / "results.parquet").exists()
    (folder / "parts" / ".00000011.parquet.1").write_bytes(b"half a file")
    honest = trial.do

    def counting(work: trial.Work, chunk: trial.Chunk) -> list[trial.Row]:
        done.extend(number for number, _ in chunk)
        return honest(work, chunk)

    monkeypatch.setattr(sweeping, "do", counting)
    resumed = bt.sweep(Cross, history, grid=GRID, jobs=1, out=tmp_path)
    assert resumed.resumed + len(done) == 12
    assert resumed.folder == folder
    pd.testing.assert_frame_equal(resumed.frame, whole.frame)
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "results.parquet"), whole.frame)
    assert bt.sweep(Cross, history, grid=GRID, jobs=1, out=tmp_path).resumed == 12


def test_other_inputs_have_another_folder(history: MarketHistory, tmp_path: Path) -> None:
    for cash in (10_000.0, 20_000.0):
        bt.sweep(Cross, history, grid={"fast": [5, 6]}, jobs=1, out=tmp_path, cash=cash)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_indicators_of_a_history_are_worked_out_once_for_all_trials() -> None:
    COUNTED.clear()
    bt.sweep(Counting, market(600), grid={"fast": [5, 10, 20], "slow": [30, 40, 50]}, jobs=2)
    assert sorted(COUNTED) == [5, 10, 20, 30, 40, 50]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"grid": {"fsat": [1, 2]}}, "did you mean 'fast'"),
        ({"grid": {"fast": [1, 200]}}, "outside its bounds"),
        ({"grid": {"fast": "10:50"}}, "write fast=FROM:TO:STEP"),
        ({"grid": {"fast": "10..50"}}, "a grid needs the values of 'fast'"),
        ({"grid": {"fast": [5, 6]}, "method": "gird"}, "did you mean 'grid'"),
        ({"grid": {"fast": [5, 6]}, "maximize": "sharp"}, "did you mean 'sharpe'"),
        ({"grid": {"fast": [5, 6]}, "constraint": "liquidation==0"}, "did you mean 'liquidations'"),
        ({"grid": {"fast": [5, 6]}, "constraint": "liquidations"}, "is no constraint"),
        ({"grid": {"fast": [5, 6]}, "jobs": 0}, "0 jobs can do nothing"),
        ({"method": "random", "n": 0}, "0 sets are none"),
    ],
)
def test_bad_requests_say_what_to_do(history: MarketHistory, wrong: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        bt.sweep(Cross, history, **wrong)


def test_a_sweep_beyond_the_memory_is_refused_before_it_begins(
    history: MarketHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backtest.sweeps.estimate.available", lambda: 100_000_000)
    told: list[str] = []
    with pytest.raises(UsageError, match=r"0\.10 GB are free; use fewer jobs"):
        bt.sweep(Cross, history, grid=GRID, jobs=2, said=told.append)
    assert told[0].startswith("12 trials; memory: about")
