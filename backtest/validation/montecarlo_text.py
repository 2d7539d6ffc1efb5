"""Monte Carlo on one screen: a line a setting, then what the shares say and what they do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from backtest.clock import DAY_NS, interval_text, time_text
from backtest.enums import label
from backtest.report.numbers import money, percent, with_name
from backtest.validation.outcomes import largest_move

if TYPE_CHECKING:
    from backtest.validation.montecarlo import MonteCarloResult

COLUMNS = (
    "liquidated", "ruined", "ends below deposit", "equity 5 % / median / 95 %", "drawdown median / worst 5 %",
    "the history itself",
)  # fmt: skip


def montecarlo_text(result: MonteCarloResult) -> str:
    """The screen of a Monte Carlo result."""
    history, bootstrap = result.bootstrap.history, result.bootstrap
    fixed = {name: value for name, value in result.settings[0].items() if name not in result.varied}
    days, currency = history.length * history.interval_ns / DAY_NS, history.currencies[0]
    lines = [
        f"{result.strategy}({', '.join(f'{name}={value}' for name, value in fixed.items())})",
        f"{' '.join(history.symbols)}  {history.venue}{', synthetic market' if history.synthetic else ''}",
        f"{result.paths:,} paths of {time_text(history.start_ns)} .. {time_text(history.end_ns)} UTC "
        f"({days:,.0f} days), {label(bootstrap.blocks)} blocks of {interval_text(bootstrap.block_ns)}, "
        f"seed {bootstrap.seed}",
        f"ruined: equity at or below {percent(result.ruin_share, digits=0)} of "
        f"{with_name(result.config.deposit, currency)} at a bar's close; in brackets 95 % intervals for the number of "
        "paths",
        "",
        *aligned([[*result.varied, *COLUMNS], *_rows(result)]),
        "",
        *_by_symbol(result),
        *caveats(result),
        *(f"! {note}" for note in history.notes),
    ]
    return "\n".join(lines)


def caveats(result: MonteCarloResult) -> tuple[str, str]:
    """What the shares say, and what they do not."""
    history, block = result.bootstrap.history, interval_text(result.bootstrap.block_ns)
    return (
        f"Says: on markets put together from this history's own stretches of about {block}, under the venue's rules, "
        "this strategy came to this. The intervals count the paths drawn and nothing else.",
        f"Does not say: that it earns; what a move beyond the history's largest bar "
        f"({percent(largest_move(history), digits=1)}) or a kind of market that the history lacks would do; what hangs "
        f"on more than {block} in a row (trends, calm and wild months), which the joints break up.",
    )


def _rows(result: MonteCarloResult) -> list[list[str]]:
    rows, currency = [], result.bootstrap.history.currencies[0]
    for setting, row in enumerate(result.table.to_dict("records")):
        own = f"{money(row['history_equity'], currency)} (above {percent(row['history_rank'], digits=0)} of the paths)"
        rows.append(
            [
                *(str(result.settings[setting][name]) for name in result.varied),
                *(share(row, name) for name in ("p_liquidation", "p_ruin", "p_loss")),
                " / ".join(money(row[name], currency) for name in ("equity_p05", "equity_median", "equity_p95")),
                " / ".join(percent(row[name], digits=1) for name in ("drawdown_median", "drawdown_p05")),
                f"{own}, {row['history_liquidations']:.0f} liquidated",
            ]
        )
    return rows


def _by_symbol(result: MonteCarloResult) -> list[str]:
    by, symbols = result.liquidations(), len(result.bootstrap.history.symbols)
    if symbols == 1 or not by["p_liquidation"].any():
        return []
    lines = []
    for setting in range(len(result.settings)):
        rows = by.iloc[setting * symbols : (setting + 1) * symbols].to_dict("records")
        told = ", ".join(f"{row['symbol']} {share(row, 'p_liquidation')}" for row in rows)
        lines.append(f"Liquidated{', with ' * bool(result.varied)}{result.named(setting)}: {told}")
    return [*lines, ""]


def share(row: Mapping[Any, Any], name: str) -> str:
    """A share with its interval.

    >>> share({"p": 0.25, "p_low": 0.2, "p_high": 0.31}, "p")
    '25.0 % (20.0–31.0)'
    """
    low, high = 100.0 * row[f"{name}_low"], 100.0 * row[f"{name}_high"]
    return f"{percent(row[name], digits=1)} ({low:.1f}–{high:.1f})"


def aligned(rows: list[list[str]]) -> list[str]:
    """Rows of texts as lines of columns.

    >>> aligned([["a", "b"], ["long", "c"]])
    ['a     b', 'long  c']
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
