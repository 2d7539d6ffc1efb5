"""A strategy on many paths made of its history's own pieces: how often it would have lost positions, or the account.

    mc = bt.montecarlo("gradual-leverage", history, paths=1000, block="3d", vary={"top": [2, 5, 10]})
    mc.table; mc.frame; mc.ruin(0.3); mc.liquidations(); mc.figure()

Every path goes through the same broker and the same strategy as any run. All settings see the same paths, so that two
of them differ by the setting and not by luck. The intervals are Wilson's (1927) for the number of paths drawn: they
say how well the number of paths pins the share down, not how well the history stands for the future.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest import engine
from backtest.clock import interval_ns
from backtest.config import RunConfig, fraction, within
from backtest.enums import from_label
from backtest.errors import UsageError
from backtest.market.history import MarketHistory
from backtest.report.trading import Interval, wilson
from backtest.strategy.parameters import Value
from backtest.strategy.protocol import Strategy, overridden
from backtest.sweeps.estimate import estimate_paths
from backtest.sweeps.executors import Executor
from backtest.tables.curves import close_ns
from backtest.validation.kept import KeptPaths
from backtest.validation.outcomes import HISTORY, Outcome, Paths, outcomes, sampled
from backtest.validation.paths import Blocks, Bootstrap
from backtest.validation.work import combinations, executor_for, settings_of, workers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHUNK = 10
"""Paths of one chunk of work."""
SHARES = (0.05, 0.5, 0.95)
"""Quantiles of the final equity and of the drawdown that the table shows."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MonteCarloResult:
    """What the paths came to.

    strategy: its name. settings: the parameters of each setting. varied: names of those that differ between settings.
    found: one outcome a path and setting. actual: the outcome of the history itself in each setting. ruin_share: the
    equity, as a share of the deposit, at or below which an account counts as ruined.
    """

    strategy: str
    settings: tuple[Mapping[str, Value], ...]
    varied: tuple[str, ...]
    bootstrap: Bootstrap
    config: RunConfig
    ruin_share: float
    found: tuple[Outcome, ...]
    actual: tuple[Outcome, ...]
    resumed: int = 0
    """Paths whose outcomes were there already."""

    @property
    def paths(self) -> int:
        """Number of paths that each setting ran on."""
        return len(self.found) // len(self.settings)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a setting and path: equity at the end, lowest equity, drawdown, liquidations by symbol."""
        return self._frame(self.found)

    @cached_property
    def history_frame(self) -> pd.DataFrame:
        """As `frame`, one row a setting, of the history itself."""
        return self._frame(self.actual)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a setting: probabilities with 95 % intervals, quantiles of equity and drawdown, the history's own."""
        rows = []
        for setting, actual in enumerate(self.actual):
            part = self._of(setting)
            row: dict[str, Any] = {name: self.settings[setting][name] for name in self.varied}
            row["paths"] = self.paths
            row |= _named("p_liquidation", wilson(sum(any(one.liquidations) for one in part), len(part)))
            row |= _named("p_ruin", self.ruin(self.ruin_share)[setting])
            row |= _named("p_loss", wilson(sum(one.equity < self.config.deposit for one in part), len(part)))
            equity, depth = (
                np.quantile([getattr(one, name) for one in part], SHARES) for name in ("equity", "drawdown")
            )
            row |= {"equity_p05": equity[0], "equity_median": equity[1], "equity_p95": equity[2]}
            row |= {"drawdown_median": depth[1], "drawdown_p05": depth[0]}
            row |= {"history_equity": actual.equity, "history_drawdown": actual.drawdown}
            row["history_liquidations"] = sum(actual.liquidations)
            row["history_rank"] = float(np.mean([one.equity <= actual.equity for one in part]))
            rows.append(row)
        return pd.DataFrame(rows)

    def ruin(self, share: float) -> tuple[Interval, ...]:
        """Probability, in each setting, that equity ever closes a base bar at or below `share` of the deposit."""
        limit = share * self.config.deposit
        parts = (self._of(setting) for setting in range(len(self.settings)))
        return tuple(wilson(sum(one.lowest <= limit for one in part), len(part)) for part in parts)

    def liquidations(self) -> pd.DataFrame:
        """Probability of at least one liquidation by setting and symbol, with 95 % intervals and the mean number."""
        rows = []
        for setting, parameters in enumerate(self.settings):
            counts = np.array([one.liquidations for one in self._of(setting)])
            for leg, symbol in enumerate(self.bootstrap.history.symbols):
                row: dict[str, Any] = {name: parameters[name] for name in self.varied} | {"symbol": symbol}
                row |= _named("p_liquidation", wilson(int((counts[:, leg] > 0).sum()), len(counts)))
                rows.append(row | {"mean_liquidations": float(counts[:, leg].mean())})
        return pd.DataFrame(rows)

    def curves(self, setting: int = 0) -> pd.DataFrame:
        """Equity of each path (columns) at up to 200 instants (rows, UTC)."""
        part = self._of(setting)
        values = np.stack([one.curve for one in part], axis=1)
        return pd.DataFrame(values, index=self.times, columns=pd.Index([one.path for one in part], name="path"))

    @property
    def times(self) -> pd.DatetimeIndex:
        """The instants at which the paths' equity is kept."""
        closes = close_ns(self.bootstrap.history, sampled(self.bootstrap.history))
        return pd.DatetimeIndex(closes.view("M8[ns]"), tz="UTC", name="time")

    def figure(self, setting: int = 0) -> Figure:
        """The fan of equity of one setting; the probability of ruin against its level, and by setting."""
        from backtest.validation.figures import montecarlo_figure  # matplotlib is loaded only for a picture

        return montecarlo_figure(self, setting)

    def named(self, setting: int) -> str:
        """What sets a setting apart, as text."""
        return ", ".join(f"{name}={self.settings[setting][name]}" for name in self.varied)

    def __repr__(self) -> str:
        from backtest.validation.montecarlo_text import montecarlo_text

        return montecarlo_text(self)

    def _of(self, setting: int) -> list[Outcome]:
        return [one for one in self.found if one.setting == setting]

    def _frame(self, found: Iterable[Outcome]) -> pd.DataFrame:
        cash = self.config.deposit
        rows = []
        for one in found:
            row: dict[str, Any] = {"setting": one.setting}
            row |= {name: self.settings[one.setting][name] for name in self.varied}
            row |= {"path": one.path, "equity": one.equity, "total_return": one.equity / cash - 1.0}
            row |= {"lowest_equity": one.lowest, "max_drawdown": one.drawdown, "liquidations": sum(one.liquidations)}
            row |= dict(zip(self.bootstrap.history.symbols, one.liquidations, strict=True))
            rows.append(row)
        return pd.DataFrame(rows)


def montecarlo(
    strategy: type[Strategy] | str,
    history: MarketHistory,
    *,
    paths: int = 1000,
    block: str = "3d",
    blocks: Blocks | str = Blocks.STATIONARY,
    ruin: float | str = 0.5,
    vary: Mapping[str, Sequence[Value] | str] | None = None,
    seed: int = 0,
    jobs: int | None = None,
    cluster: str | None = None,
    executor: Executor | None = None,
    config: RunConfig | None = None,
    out: Path | str | None = None,
    progress: Callable[[float], None] | None = None,
    said: Callable[[str], None] | None = None,
    **options: Any,
) -> MonteCarloResult:
    """Run a strategy on `paths` block-bootstrapped paths of a history, in every combination of `vary`.

    block: length of a block (the mean one of stationary blocks), such as `3d`. blocks: stationary or fixed.
    ruin: share of the deposit at or below which an account is ruined (0.5 or `50%`).
    vary: parameters of the strategy and their values, such as `{"leverage": [2, 5, 10]}` (or `"2,5,10"`).
    seed: of the paths.
    jobs: threads (strategies with a plan) or processes (all others); the processor's cores unless given.
    cluster: address of a Ray cluster, or `local`, in their place. executor: in place of all these.
    out: a folder in which the outcomes get their own; started again with the same inputs, or for more paths, it does
    only what is not there. progress: called with the share done; said: with remarks.
    options: settings of the run by the names of `RunConfig` (but `seed`, which the paths take; the strategy's own
    random numbers have `config.seed`); every other name is a parameter of the strategy.
    """
    if paths < 1:
        raise UsageError(f"{paths} paths say nothing; ask for some hundreds")
    share = fraction(ruin, "ruin")
    within("ruin", share, above=0.0, below=1.0)
    kind = engine.class_of(strategy)
    config, fixed = settings_of(config, options)
    settings, varied = combinations(kind, vary or {}, fixed)
    kind_of_blocks = blocks if isinstance(blocks, Blocks) else from_label(Blocks, blocks)
    history, config = engine.configured(history, config), engine.funded(history, config)
    bootstrap = Bootstrap(history=history, block_ns=interval_ns(block), blocks=kind_of_blocks, seed=seed)
    shared = Paths(strategy=kind, settings=settings, bootstrap=bootstrap, config=config)
    planned = bool(overridden(kind, ["plan"]))
    needed = estimate_paths(history, planned=planned, jobs=workers(jobs), paths=paths, settings=len(settings))
    if said is not None:
        said(f"{paths * len(settings):,} runs; {needed}")
    needed.checked()
    kept = None if out is None else KeptPaths(Path(out), shared)
    found = {} if kept is None else kept.found(paths)
    resumed = len(found)
    actual = outcomes(shared, (HISTORY,))
    missing = [number for number in range(paths) if number not in found]
    chunks = [tuple(missing[first : first + CHUNK]) for first in range(0, len(missing), CHUNK)]
    with closing((executor or executor_for(kind, jobs, cluster)).run(outcomes, shared, chunks)) as work:
        for _, rows in work:
            if kept is not None:
                kept.keep(rows)
            for one in rows:
                found.setdefault(one.path, []).append(one)
            if progress is not None:
                progress(len(found) / paths)
    if kept is not None and chunks:
        kept.finish()
    return MonteCarloResult(
        strategy=kind.__name__,
        settings=settings,
        varied=varied,
        bootstrap=bootstrap,
        config=config,
        ruin_share=share,
        found=tuple(one for number in sorted(found) for one in found[number]),
        actual=tuple(actual),
        resumed=resumed,
    )


def _named(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.share, f"{name}_low": interval.low, f"{name}_high": interval.high}
