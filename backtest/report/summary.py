"""A run on one screen, as plain aligned text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from backtest.report.numbers import decimals, money, percent, with_name


@dataclass(frozen=True, kw_only=True)
class Heading:
    """What was run on what."""

    strategy: str
    parameters: Mapping[str, float | int | str | bool]
    symbols: tuple[str, ...]
    venue: str
    timeframe: str
    interval: str
    start: str
    end: str
    margin_mode: str = "isolated"
    synthetic: bool = False
    notes: tuple[str, ...] = ()
    interrupted: bool = False
    stopped: str | None = None
    currency: str = ""
    """What money is told in."""
    wallets: tuple[str, ...] = ()
    """What became of each wallet, where there are several."""

    @property
    def title(self) -> str:
        """The strategy with its parameters."""
        given = ", ".join(f"{name}={value}" for name, value in self.parameters.items())
        return f"{self.strategy}({given})"

    @property
    def market(self) -> str:
        """Symbols, venue, bars and margin mode."""
        bars = self.timeframe
        if self.interval != self.timeframe:
            bars += f" (fills and margin on {self.interval})"
        market = f"{self.venue}{', synthetic market' if self.synthetic else ''}"
        return f"{' '.join(self.symbols)}  {market}  {bars}  {self.margin_mode}"

    @property
    def range(self) -> str:
        """From when to when."""
        return f"{self.start} .. {self.end} UTC"


def summary(heading: Heading, metrics: Mapping[str, float]) -> str:
    """The screen that ends a run.

    Left: where the profit came from. Right: what it took. Below: nearness of liquidation, top-ups, refusals, notes.
    """
    lines = [
        heading.title,
        heading.market,
        f"{heading.range}  ({metrics['days']:,.{0 if metrics['days'] >= 10 else 1}f} days)",
        "",
    ]
    lines += _columns(_origin(metrics, heading.currency), _figures(metrics, heading.currency))
    if heading.wallets:
        lines += ["", f"Wallets  {'   '.join(heading.wallets)}"]
    lines += ["", *_sentences(metrics, heading.currency)]
    if heading.stopped:
        lines.append(f"! stopped: {heading.stopped}")
    if heading.interrupted:
        lines.append("! interrupted: this is the part up to then, not the whole run")
    lines += [f"! {note}" for note in heading.notes]
    return "\n".join(lines)


def _origin(metrics: Mapping[str, float], currency: str) -> list[tuple[str, str, str]]:
    """Label, amount and remark of each part of the profit."""
    fees = f"{percent(metrics['fee_share'], digits=1)} of price" if metrics["fee_share"] < 10.0 else ""
    funding = (
        f"paid {money(metrics['funding_paid'], currency)}, received {money(metrics['funding_received'], currency)}"
    )
    rows = [
        ("Net PnL", metrics["net_pnl"], f"{currency}  {percent(metrics['total_return'], sign=True)}".lstrip()),
        ("  price", metrics["pnl_price"], ""),
        ("  slippage", metrics["pnl_slippage"], ""),
        ("  fees", metrics["pnl_fees"], fees),
        ("  funding", metrics["pnl_funding"], funding),
        ("  liquidation fees", metrics["pnl_liquidation_fees"], ""),
        ("  insurance fund", metrics["pnl_insurance"], ""),
        ("  conversion", metrics.get("pnl_conversion", 0.0), ""),
    ]
    optional = ("  slippage", "  insurance fund", "  conversion")
    return [
        (name, money(amount, currency, sign=True), remark)
        for name, amount, remark in rows
        if name not in optional or abs(amount) >= 0.5 * 10.0 ** -decimals(currency)
    ]


def _figures(metrics: Mapping[str, float], currency: str) -> list[tuple[str, str]]:
    intrabar = percent(metrics["max_drawdown_intrabar"], digits=1)
    return [
        ("Equity", f"{money(metrics['cash'], currency)} → {with_name(metrics['equity'], currency)}"),
        (
            "Max drawdown",
            f"{percent(metrics['max_drawdown'], digits=1)}  (in mid-bar {intrabar}, {metrics['drawdown_days']:.0f} d)",
        ),
        ("Sharpe / Sortino (daily, 365)", f"{_number(metrics['sharpe'])} / {_number(metrics['sortino'])}"),
        ("Buy and hold, unlevered", percent(metrics["buy_and_hold_return"], sign=True)),
        (
            "Trades / win rate / open",
            f"{metrics['trades']:.0f} / {percent(metrics['win_rate'], digits=1)} / {metrics['open_trades']:.0f}",
        ),
        (
            "Margin calls / top-ups / liquidations",
            f"{metrics['margin_calls']:.0f} / {metrics['top_ups']:.0f} / {metrics['liquidations']:.0f}",
        ),
        ("Leverage mean / max", f"{_number(metrics['mean_leverage'])}x / {_number(metrics['max_leverage'])}x"),
    ]


def _columns(left: list[tuple[str, str, str]], right: list[tuple[str, str]]) -> list[str]:
    names = max(len(name) for name, _, _ in left)
    amounts = max(len(amount) for _, amount, _ in left)
    remarks = max(len(remark) for _, _, remark in left)
    figures = max(len(name) for name, _ in right)
    lines = []
    for row in range(max(len(left), len(right))):
        name, amount, remark = left[row] if row < len(left) else ("", "", "")
        line = f"{name:<{names}}  {amount:>{amounts}}  {remark:<{remarks}}"
        if row < len(right):
            line += f"   {right[row][0]:<{figures}}  {right[row][1]}"
        lines.append(line.rstrip())
    return lines


def _sentences(metrics: Mapping[str, float], currency: str) -> list[str]:
    lines = []
    if not math.isnan(metrics["median_distance"]):
        closest = f"Closest to liquidation {percent(metrics['min_distance'])}"
        if metrics["liquidations"]:
            closest += f" (liquidated; closest that survived {percent(metrics['min_distance_survived'])})"
        lines.append(f"{closest}, median of the trades {percent(metrics['median_distance'])}")
    if metrics["liquidations"]:
        lines.append(
            f"Liquidations cost {with_name(metrics['liquidation_loss'], currency)} of margin, "
            f"{percent(metrics['liquidation_share'], digits=1)} of all losses"
        )
    if metrics["margin_added"]:
        rescued = percent(metrics["top_up_rescue_rate"], digits=0)
        lost = with_name(metrics["margin_lost_after_top_up"], currency)
        lines.append(
            f"Margin added {with_name(metrics['margin_added'], currency)}: {rescued} of these trades recovered; "
            f"{lost} went to trades liquidated all the same"
        )
    lines.append(
        f"Orders {metrics['orders']:,.0f}, filled {metrics['orders_filled']:,.0f}; "
        f"refusals {metrics['rejections']:,.0f}; ambiguous bars {metrics['ambiguous_bars']:,.0f}"
    )
    if not metrics["orders"]:
        lines.append("! the strategy gave no order in the whole run")
    if metrics["ruined"]:
        lines.append("! ruined: the equity reached zero; figures on returns end there")
    return lines


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:,.2f}"
