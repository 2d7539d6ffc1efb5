"""The pictures of a run as Matplotlib figures: equity, price and liquidation price, nearness to liquidation, leverage.

Colours are those of M. Okabe and K. Ito ("Color Universal Design", 2008), told apart by colour-blind readers; marks
also differ in shape. Times are UTC. Curves are decimated through their extremes, so that no spike is lost. Figures are
made without pyplot, so nothing here touches a global state: name one in a notebook to show it, save it with
`figure.savefig`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter
from numpy.typing import NDArray

from backtest.enums import ADDED_KINDS, TAKEN_KINDS, LedgerKind, label
from backtest.report.decimate import band, kept_points, thinned
from backtest.tables.curves import Curves, close_ns

if TYPE_CHECKING:
    from backtest.result import Result

BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
SKY, PURPLE, GREY = "#56b4e9", "#cc79a7", "#7f8790"
INK, GRID = "#24303b", "#d8dee4"
CYCLE = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED)
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))

WIDTH = 9.6
TITLE = 0.56
"""Inches above a panel for its title and its legend."""
FOOT = 0.52
"""Inches below the last panel for the time axis."""
DAY_NS = 86_400_000_000_000
MARKS = 300
"""Most marks of one kind in one figure."""
NEAR, CLOSE = 0.05, 0.02
"""Distances to liquidation below which the picture is shaded."""

STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,
    "axes.labelsize": 9.0,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.use_mathtext": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.3,
    "lines.solid_joinstyle": "bevel",
    "figure.facecolor": "white",
    "axes.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "isomargin",
    "path.simplify": True,
}


@contextmanager
def panels(result: Result, height: float, *ratios: float) -> Iterator[tuple[Figure, list[Any]]]:
    """A figure of panels one below the other on the time axis of the run."""
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height))
        FigureCanvasAgg(figure)
        # margins in inches by hand: a layout engine would draw everything once more to find them
        drawn = height - TITLE * len(ratios) - FOOT
        margins = {
            "left": 0.82 / WIDTH,
            "right": 1.0 - 0.12 / WIDTH,
            "top": 1.0 - TITLE / height,
            "bottom": FOOT / height,
            "hspace": TITLE * len(ratios) / drawn,
        }
        grid = figure.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios, gridspec_kw=margins)
        rows = [row[0] for row in grid]
        yield figure, rows
        # places by hand here too: to find them, each tick label would be measured
        for panel, share in zip(rows, ratios, strict=True):
            panel.yaxis.set_label_coords(-0.62 / (WIDTH - 0.94), 0.5)
            panel.xaxis.set_label_coords(0.5, -0.36 / (drawn * share / sum(ratios)))
        locator = AutoDateLocator(tz=UTC, minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
        rows[-1].xaxis.set_major_locator(locator)
        formatter = ConciseDateFormatter(locator, tz=UTC)  # type: ignore[no-untyped-call]
        rows[-1].xaxis.set_major_formatter(formatter)
        rows[-1].set_xlabel("time (UTC)")
        start, end = days(np.array([result.history.start_ns, result.history.time_ns(result.length)]))
        rows[-1].set_xlim(start - 0.01 * (end - start), end + 0.01 * (end - start))


def days(time_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Matplotlib's dates: days since 1970."""
    return np.asarray(time_ns, dtype=np.int64) / DAY_NS


def curve(axes: Any, time_ns: NDArray[np.int64], values: NDArray[np.float64], **style: Any) -> None:
    kept = kept_points(values)
    axes.plot(days(time_ns[kept]), values[kept], **style)


def legend(axes: Any, columns: int = 4) -> None:
    """The legend in rows of its own between the title and the panel, so that it covers neither."""
    handles, names = axes.get_legend_handles_labels()
    if handles:
        rows = -(-len(handles) // columns)
        axes.set_title(axes.get_title(loc="left"), loc="left", pad=5.0 + 13.5 * rows)
        legend = axes.legend(
            handles, names, ncols=columns, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.1,
            borderpad=0.1, handlelength=2.0, columnspacing=1.4, labelspacing=0.3,
        )  # fmt: skip
        legend.set_in_layout(False)


def money_axis(axes: Any) -> None:
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.0f}" if abs(value) >= 10 else f"{value:,.4g}")
    )
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6))


def percent_axis(axes: Any, digits: int | None = None) -> None:
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1.0, decimals=digits, symbol=" %"))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))


def equity_figure(result: Result) -> Figure:
    """Equity and wallet beside buy and hold; below, the drawdown."""
    history, bars, cash = result.history, np.arange(result.length), result.deposit
    at = np.concatenate(([history.start_ns], close_ns(history, bars)))
    equity = np.concatenate(([cash], result.extremes.equity))
    low = np.concatenate(([cash], result.extremes.equity_low))
    held = np.concatenate(([cash], result.benchmark))
    high = np.maximum.accumulate(equity)
    with panels(result, 4.6, 2.4, 1.0) as (figure, (top, bottom)):
        top.set_title("Equity")
        top.axhline(cash, color=GREY, linewidth=0.8)
        curve(top, at, held, color=GREY, linestyle=DASHES[1], linewidth=1.0, label="buy and hold, unlevered")
        curve(top, at, equity, color=BLUE, label="equity (unrealised PnL included)")
        taken = result.ledger[result.ledger["kind"] == label(LedgerKind.LIQUIDATION)]
        if len(taken):
            rows = thinned(len(taken), MARKS)
            bar = taken["bar"].to_numpy()[rows]
            top.scatter(
                days(close_ns(history, bar)), result.extremes.equity[bar], marker="X", s=42, color=RED, zorder=4,
                edgecolors="white", linewidths=0.6, label=_counted("liquidation", len(taken), rows.size),
            )  # fmt: skip
        top.set_ylabel(result.currency or "money")
        money_axis(top)
        legend(top)
        bottom.set_title("Drawdown")
        kept = kept_points(equity / high)
        bottom.fill_between(days(at[kept]), (equity / high - 1.0)[kept], 0.0, color=BLUE, alpha=0.25, linewidth=0)
        worst = np.minimum(low, high) / high - 1.0
        curve(bottom, at, worst, color=ORANGE, linewidth=0.9, label="worst within the bar")
        curve(bottom, at, equity / high - 1.0, color=BLUE, linewidth=0.9, label="at the close")
        bottom.set_ylabel("below high")
        bottom.set_ylim(top=0.0)
        percent_axis(bottom)
        legend(bottom)
    return figure


def price_figure(result: Result, symbol: str) -> Figure:
    """Mark price of one symbol, its liquidation price as steps, and the fills, margin events and liquidations."""
    history, leg, bars = result.history, result.history.leg(symbol), result.length
    prices = history.prices[leg, :, :bars]
    shown = band(prices[7], prices[6], prices[8])
    at = days(close_ns(history, shown.bar))
    curves = result.decision_curves
    low, high = float(np.nanmin(shown.low)), float(np.nanmax(shown.high))
    barriers = [_barrier(curves, number, low, high) for number in result.legs.of(leg)]
    reached = np.concatenate([barrier[np.isfinite(barrier)] for barrier in barriers])
    least, most = min([low, *reached.tolist()]), max([high, *reached.tolist()])
    with panels(result, 3.9, 1.0) as (figure, (axes,)):
        axes.set_title(f"{symbol}: mark price and liquidation price")
        axes.fill_between(at, shown.low, shown.high, color=GREY, alpha=0.35, linewidth=0, step="pre")
        axes.plot(at, shown.close, color=GREY, linewidth=1.0, label="mark price (low to high)")
        for number, barrier in enumerate(barriers):
            curve(
                axes, close_ns(history, curves.bars), barrier, color=RED, linewidth=1.2, drawstyle="steps-post",
                label="liquidation price" if number == 0 else None,
            )  # fmt: skip
        _events(axes, result, result.legs.of(leg))
        axes.set_ylabel(
            f"{symbol.partition('/')[2].partition(':')[0] or 'quote currency'} per {symbol.partition('/')[0]}"
        )
        if most > 5.0 * least:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(base=10.0, subs=(1.0, 1.5, 2.0, 3.0, 5.0, 7.0)))
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.set_ylim(least / 1.06, most * 1.06)
        else:
            axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
            room = 0.04 * (most - least) or 0.01 * most
            axes.set_ylim(least - room, most + room)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
        legend(axes)
    return figure


_MARKS = (
    ("buy", "^", BLUE, 26),
    ("sell", "v", ORANGE, 26),
    ("margin added", "P", GREEN, 26),
    ("margin taken out", "s", PURPLE, 12),
    ("liquidation", "X", RED, 52),
)
"""What is marked on the price: shape, colour and size in square points."""


def _barrier(curves: Curves, leg: int, low: float, high: float) -> NDArray[np.float64]:
    """The liquidation price of a leg at each decision; NaN while flat, or far off the prices shown."""
    flat = curves.trail["quantity"][:, leg] == 0.0
    barrier: NDArray[np.float64] = np.where(flat, np.nan, curves.trail["liquidation_price"][:, leg])
    trade = curves.trail["trade"][:, leg]
    barrier[(barrier < 0.4 * low) | (barrier > 1.6 * high)] = np.nan
    barrier[1:][trade[1:] != trade[:-1]] = np.nan  # a reversal is a new line, not a step
    return barrier


def _events(axes: Any, result: Result, legs: range) -> None:
    ledger = result.ledger[result.ledger["leg"].isin(list(legs))]
    kind, quantity = ledger["kind"], ledger["quantity"]
    taken = kind.isin([label(each) for each in TAKEN_KINDS])
    chosen = {
        "buy": (quantity > 0.0) & ~taken,
        "sell": (quantity < 0.0) & ~taken,
        "margin added": kind.isin([label(each) for each in ADDED_KINDS]),
        "margin taken out": kind == label(LedgerKind.REMOVE_MARGIN),
        "liquidation": taken,
    }
    for name, marker, color, size in _MARKS:
        rows = ledger[chosen[name]]
        if not len(rows):
            continue
        kept = thinned(len(rows), MARKS)
        # an event stands at the open of its bar, and its price is the fill's or the mark's
        where = result.history.start_ns + rows["bar"].to_numpy()[kept] * result.history.interval_ns
        level = np.where(rows["price"] > 0.0, rows["price"], rows["mark_price"])[kept]
        axes.scatter(
            days(where), level, marker=marker, s=size, color=color, zorder=4,
            edgecolors="white", linewidths=0.5, label=_counted(name, len(rows), kept.size),
        )  # fmt: skip


def _counted(name: str, count: int, shown: int) -> str:
    return f"{name} ({count:,})" if shown == count else f"{name} ({shown:,} of {count:,} shown)"


def margin_figure(result: Result) -> Figure:
    """Margin ratio at each decision, and the least distance to liquidation within each base bar, with alert bands."""
    history, curves = result.history, result.decision_curves
    call = result.config.margin_call
    with panels(result, 4.8, 1.0, 1.0) as (figure, (top, bottom)):
        top.set_title("Margin ratio (maintenance margin / margin balance); liquidation at 100 %")
        taken = result.ledger[result.ledger["kind"] == label(LedgerKind.LIQUIDATION)]
        known = curves.trail["margin_ratio"][np.isfinite(curves.trail["margin_ratio"])]
        highest = 1.0 if len(taken) else float(known.max(initial=0.0))
        limit = 1.08 if highest > 0.5 * call else max(1.25 * highest, 0.05)
        if limit > call:
            top.axhspan(call, 1.0, color=ORANGE, alpha=0.18, linewidth=0, label=f"margin call from {call:.0%}")
            top.axhline(1.0, color=RED, linewidth=1.0)
        bottom.set_title("Least distance from mark price to liquidation price in each bar")
        bottom.axhspan(CLOSE, NEAR, color=ORANGE, alpha=0.18, linewidth=0, label=f"below {NEAR:.0%}")
        bottom.axhspan(0.0, CLOSE, color=RED, alpha=0.18, linewidth=0, label=f"below {CLOSE:.0%}")
        for leg, symbol in enumerate(result.legs.titles):
            style = {"color": CYCLE[leg % len(CYCLE)], "linestyle": DASHES[leg // len(CYCLE) % len(DASHES)]}
            ratio = np.minimum(curves.trail["margin_ratio"][:, leg], 1.0)
            curve(top, close_ns(history, curves.bars), ratio, label=symbol, linewidth=1.0, **style)
            nearest = result.extremes.nearest[leg]
            curve(bottom, close_ns(history, np.arange(nearest.size)), nearest, linewidth=1.0, **style)
        if len(taken):
            rows = thinned(len(taken), MARKS)
            top.scatter(
                days(history.start_ns + taken["bar"].to_numpy()[rows] * history.interval_ns), np.ones(rows.size),
                marker="X", s=42, color=RED, edgecolors="white", linewidths=0.6, zorder=4,
                label=_counted("liquidation", len(taken), rows.size),
            )  # fmt: skip
        top.set_ylim(0.0, limit)
        top.set_ylabel("margin ratio")
        percent_axis(top)
        bottom.set_ylabel("share of mark price")
        largest = float(np.nanmax(result.extremes.nearest)) if np.isfinite(result.extremes.nearest).any() else 0.1
        bottom.set_ylim(0.0, max(min(largest * 1.05, 1.0), 1.4 * NEAR))
        percent_axis(bottom)
        legend(top, columns=5)
        legend(bottom)
    return figure


def leverage_figure(result: Result) -> Figure:
    """Leverage of the account, and the share of its money that is posted as margin."""
    curves, equity = result.decision_curves, result.equity
    at = close_ns(result.history, curves.bars)
    with panels(result, 4.2, 1.0, 1.0) as (figure, (top, bottom)):
        top.set_title("Leverage of the account (sum of notionals / equity)")
        leverage = equity["leverage"].to_numpy()
        kept = kept_points(leverage)
        top.fill_between(days(at[kept]), leverage[kept], 0.0, color=BLUE, alpha=0.2, linewidth=0)
        curve(top, at, leverage, color=BLUE, linewidth=1.0)
        top.set_ylabel("times equity")
        top.set_ylim(bottom=0.0)
        top.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}x"))
        bottom.set_title("Margin in positions / (margin in positions + wallet)")
        total = equity["margin"].to_numpy() + equity["wallet"].to_numpy()
        floor = np.zeros(at.size)
        for leg, symbol in enumerate(result.legs.titles):
            with np.errstate(divide="ignore", invalid="ignore"):
                share = np.where(total > 0.0, curves.trail["margin"][:, leg] / total, 0.0)
            rows = np.union1d(kept_points(floor + share, 300), kept_points(share, 300))
            color = CYCLE[leg % len(CYCLE)]
            bottom.fill_between(
                days(at[rows]),
                floor[rows],
                (floor + share)[rows],
                color=color,
                alpha=0.55,
                linewidth=0,
                label=symbol,
                step="post",
            )
            floor = floor + share
        highest = float(floor.max()) if floor.size and math.isfinite(float(floor.max())) else 1.0
        bottom.set_ylim(0.0, min(1.0, max(1.1 * highest, 0.01)))
        bottom.set_ylabel("margin use")
        percent_axis(bottom)
        legend(bottom)
    return figure


def figures(result: Result, most_symbols: int = 6) -> dict[str, Figure]:
    """All figures of a run by name; `price-…` for the symbols with most fills, `most_symbols` at most."""
    fills = result.ledger.loc[result.ledger["quantity"] != 0.0, "symbol"].value_counts()
    symbols = result.history.symbols
    traded = sorted(fills.index[:most_symbols].tolist(), key=symbols.index) or symbols[:1]
    named = {"equity": equity_figure(result)}
    for symbol in traded:
        named[f"price-{symbol}"] = price_figure(result, symbol)
    named["margin"] = margin_figure(result)
    named["leverage"] = leverage_figure(result)
    return named
