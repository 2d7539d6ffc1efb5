"""Walk forward: choose parameters on one stretch of time, try the choice on the next, and go on.

    wf = bt.walk_forward(Breakout, history, train="180d", test="30d", grid={"lookback": [24, 48, 96]})
    wf.table; wf.equity; wf.efficiency; wf.trials; wf.figure()

In each fold every setting of the grid runs on the training range; the one with the best metric among those that meet
the constraints runs on the test range, with the same deposit. Where none meets them the fold stays out of the market.
The out-of-sample equity of the folds is chained: each fold goes on, in proportion, from where the last one ended. At a
fold's end open positions are valued at the mark, not closed, and the next fold begins without any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from backtest import engine
from backtest.clock import ceil_ns
from backtest.config import RunConfig
from backtest.errors import BacktestError
from backtest.market.history import MarketHistory
from backtest.result import Result
from backtest.strategy.parameters import Value
from backtest.strategy.protocol import Strategy
from backtest.sweeps import trial
from backtest.sweeps.executors import Executor
from backtest.sweeps.metrics import NAMES
from backtest.sweeps.result import Goal
from backtest.validation.choice import Choice
from backtest.validation.folds import Fold, FoldPlan
from backtest.validation.out_of_sample import run_from
from backtest.validation.walk_forward_result import FoldOutcome, WalkForwardResult
from backtest.validation.work import combinations, executor_for, settings_of, told, workers

TRAINING = 0.9
"""Share of the work that the training ranges are taken to be, for the progress told."""
FOLD = "fold"


@dataclass(frozen=True, kw_only=True, eq=False)
class Walk:
    """What all chunks of work share; `history` is as `config` asks for it, each setting has all parameters."""

    strategy: type[Strategy]
    history: MarketHistory
    config: RunConfig
    settings: tuple[Mapping[str, Value], ...]
    folds: tuple[Fold, ...]


def train_settings(shared: Walk, chunk: tuple[int, tuple[int, ...]]) -> list[trial.Row]:
    """Rows of a sweep over some settings on the training range of a fold."""
    fold = shared.folds[chunk[0]]
    history = shared.history.between(fold.train_start_ns, fold.train_end_ns)
    work = trial.Work(strategy=shared.strategy, history=history, config=shared.config, fixed={})
    rows = trial.do(work, [(setting, shared.settings[setting]) for setting in chunk[1]])
    return [{FOLD: fold.number, **row} for row in rows]


def try_setting(shared: Walk, chunk: tuple[int, int]) -> list[Result]:
    """A setting on the test range of a fold."""
    fold, parameters = shared.folds[chunk[0]], shared.settings[chunk[1]]
    history = shared.history.between(fold.train_start_ns, fold.test_end_ns)
    return [run_from(shared.strategy, history, fold.test_start_ns, config=shared.config, parameters=parameters)]


def walk_forward(
    strategy: type[Strategy] | str,
    history: MarketHistory,
    *,
    train: str,
    test: str,
    step: str | None = None,
    anchored: bool = False,
    embargo: str = "0d",
    grid: Mapping[str, Sequence[Value] | str],
    metric: str = "sharpe",
    goal: Goal | str = Goal.MAX,
    constraint: str | Sequence[str] = (),
    jobs: int | None = None,
    cluster: str | None = None,
    executor: Executor | None = None,
    config: RunConfig | None = None,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> WalkForwardResult:
    """Choose parameters on each training range, try them on the test range after it.

    train, test: lengths such as `180d`. step: from fold to fold; `test` unless given. anchored: every training range
    begins at the history's start, so that it grows. embargo: left out between training and test range.
    grid: parameters and the values to try, such as `{"lookback": [24, 48]}` or `{"lookback": "24:96:24"}`; every
    combination is run. metric, goal: the setting with the highest (goal `min`: lowest) value is chosen.
    constraint: one text or several, such as `liquidations==0`; a setting that breaks one is not chosen.
    jobs, cluster, executor, config, options: as in `montecarlo`.
    """
    kind = engine.class_of(strategy)
    config, fixed = settings_of(config, options)
    choice = Choice.of(metric, goal, constraint)
    history, config = engine.configured(history, config), engine.funded(history, config)
    plan = FoldPlan.of(train, test, step=step, embargo=embargo, anchored=anchored)
    folds = plan.folds(ceil_ns(history.start_ns, history.timeframe_ns), history.end_ns, history.timeframe_ns)
    settings, varied = combinations(kind, grid, fixed)
    shared = Walk(strategy=kind, history=history, config=config, settings=settings, folds=folds)
    executor = executor or executor_for(kind, jobs, cluster)
    trials = _trained(shared, executor, workers(jobs), progress)
    parts = [trials[trials[FOLD] == fold.number].reset_index(drop=True) for fold in folds]
    chosen = [choice.best(part) for part in parts]
    tested = _tested(shared, executor, chosen, progress)
    return WalkForwardResult(
        strategy=kind.__name__,
        history=history,
        config=config,
        plan=plan,
        settings=settings,
        varied=varied,
        choice=choice,
        folds=tuple(
            FoldOutcome(
                fold=fold,
                setting=setting,
                trained={} if setting is None else _figures(part, setting),
                tested=tested.get(number),
            )
            for number, (fold, setting, part) in enumerate(zip(folds, chosen, parts, strict=True))
        ),
        trials=trials.drop(columns=[name for name in settings[0] if name not in varied]),
    )


def _trained(shared: Walk, executor: Executor, jobs: int, progress: Callable[[float], None] | None) -> pd.DataFrame:
    """Every setting on every training range, ordered by fold and setting."""
    numbers, folds = tuple(range(len(shared.settings))), len(shared.folds)
    parts = min(len(numbers), -(-4 * jobs // folds))
    size = -(-len(numbers) // parts)
    pieces = [numbers[first : first + size] for first in range(0, len(numbers), size)]
    chunks = [(fold, piece) for fold in range(folds) for piece in pieces]
    rows: list[trial.Row] = []
    with closing(executor.run(train_settings, shared, chunks)) as work:
        for _, found in told(work, len(chunks), progress, 0.0, TRAINING):
            rows += found
    rows.sort(key=lambda row: (row[FOLD], row[trial.TRIAL]))
    if all(row[trial.ERROR] for row in rows):
        raise BacktestError(f"no setting could be run on any training range; the first says: {rows[0][trial.ERROR]}")
    return pd.DataFrame(rows)


def _tested(
    shared: Walk, executor: Executor, chosen: Sequence[int | None], progress: Callable[[float], None] | None
) -> dict[int, Result]:
    """The runs on the test ranges, by fold."""
    chunks = [(fold, setting) for fold, setting in enumerate(chosen) if setting is not None]
    results: dict[int, Result] = {}
    with closing(executor.run(try_setting, shared, chunks)) as work:
        for number, found in told(work, len(chunks), progress, TRAINING, 1.0):
            results[chunks[number][0]] = found[0]
    return results


def _figures(trials: pd.DataFrame, row: int) -> dict[str, float]:
    return dict(zip(NAMES, trials[list(NAMES)].to_numpy(np.float64)[row].tolist(), strict=True))
