"""`report.html`: one page that holds everything, opens anywhere, and loads nothing.

Pictures are static SVG; the only script sorts tables. All text of the user's is escaped. The order: verdict, what the
reader must know to judge it, key figures, equity, margin panels, where the profit came from, trades, risk log,
refusals, settings and sources, definitions.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtest.audit import AuditReport, audit
from backtest.enums import SENTENCES, NoticeKind, label
from backtest.report import html_tables
from backtest.report.definitions import DEFINITIONS, GROUPS
from backtest.report.figures import figures
from backtest.report.html_tables import Column
from backtest.report.margin_use import leverage_hours
from backtest.report.numbers import figure, money, percent, with_name
from backtest.report.svg import inline_svg
from backtest.venues.terms import has_reserve

if TYPE_CHECKING:
    from backtest.report.metrics import Metrics
    from backtest.result import Result

MOST_TRADES = 400
MOST_RISK_ROWS = 300
"""Rows of a table in the page; all rows are in the run's Parquet files."""

_CAPTIONS = {
    "equity": "Equity at the close of each base bar, at the mark price. Buy and hold: the deposit in equal parts, "
    "unlevered, funding paid, fees left out.",
    "price": "Events stand at the open of their base bar, the liquidation price at the close of each decision bar "
    "(left out where it is far from the price).",
    "margin": "A line a symbol; it stops where the symbol is flat. Shaded: margin calls, and nearness to liquidation.",
    "leverage": "Read at the close of each decision bar.",
}


def report_html(result: Result, *, run_id: str = "", details: Mapping[str, object] | None = None) -> str:
    """The whole page. `details` are names and values for the settings section (versions, fingerprints)."""
    heading, metrics = result.heading, result.metrics
    checked = audit(
        result.ledger,
        cross=result.config.margin_mode == "cross",
        reserve=has_reserve(result.history.venue, result.history.start_ns),
    )
    title = f"{heading.title} on {' '.join(heading.symbols)}"
    pictures = {name: inline_svg(drawn, f"f{number}", escape(name)) for number, (name, drawn) in _drawn(result)}
    parts = [
        f"<header><h1>{escape(heading.title)}</h1><div class='sub'>{escape(heading.market)}<br>{escape(heading.range)}"
        f"{f'<br>run <code>{escape(run_id)}</code>' if run_id else ''}</div>{_chips(result, checked)}</header>",
        _assumptions(result),
        _section("Key figures", _cards(metrics)),
        _section("Equity and drawdown", _picture(pictures, "equity")),
        _section(
            "Price and liquidation price", *(_picture(pictures, name) for name in pictures if name.startswith("price-"))
        ),
        _section("Nearness to liquidation", _picture(pictures, "margin")),
        _section("Leverage and margin use", _picture(pictures, "leverage"), _leverage_table(result)),
        _section("Where the profit came from", _attribution(metrics)),
        _section("Trades", _trades(result)),
        _section("Risk log", _risk_log(result)),
        _section("Refusals and ambiguous bars", _refusals(result)),
        _section("Settings and sources", _settings(result, checked, details or {})),
        _section("What the figures mean", _definitions(metrics)),
    ]
    return (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<meta name='color-scheme' content='light dark'><title>{escape(title)}</title>"
        f"<style>{_asset('report.css')}</style></head><body>{''.join(parts)}"
        f"<script>{_asset('report.js')}</script></body></html>\n"
    )


def _drawn(result: Result) -> Iterable[tuple[int, tuple[str, Any]]]:
    return enumerate(figures(result).items())


def _asset(name: str) -> str:
    return files("backtest.report").joinpath(name).read_text(encoding="utf-8")


def _section(title: str, *content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(content)}</section>"


def _picture(pictures: Mapping[str, str], name: str) -> str:
    caption = _CAPTIONS[name.partition("-")[0]]
    return f"<figure>{pictures[name]}</figure><figcaption>{escape(caption)}</figcaption>"


def _chips(result: Result, checked: AuditReport) -> str:
    metrics = result.metrics
    chips = [
        (f"net {percent(metrics['total_return'], sign=True)}", False),
        (f"drawdown {percent(metrics['max_drawdown'], digits=1)}", False),
        (f"{metrics['liquidations']:.0f} liquidations", metrics["liquidations"] > 0),
        (f"ledger {'balances' if checked.ok else 'does not balance'}", not checked.ok),
    ]
    if result.history.synthetic:
        chips.append(("synthetic market, no real prices", True))
    if result.interrupted:
        chips.append(("interrupted: part of a run", True))
    if result.stopped:
        chips.append(("stopped early", True))
    if metrics["ruined"]:
        chips.append(("ruined", True))
    items = "".join(f"<li{' class=warn' if warn else ''}>{escape(text)}</li>" for text, warn in chips)
    return f"<ul class='chips'>{items}</ul>"


def _assumptions(result: Result) -> str:
    config, heading = result.config, result.heading
    lines = [
        f"Decisions at the close of {heading.timeframe} bars, fills and liquidations on {heading.interval} bars; "
        f"within a bar the price takes the {label(config.path)} path.",
        f"Positions are valued and liquidated on the {label(config.judge)} price, margin is {config.margin_mode}.",
        f"Slippage of market orders: {percent(config.slippage, digits=3) if config.slippage else 'none'}"
        + (f", and {config.volume_slippage:g} × share of the bar's volume." if config.volume_slippage else "."),
        f"Funding: {config.funding if isinstance(config.funding, str) else percent(config.funding, digits=4)}.",
        f"Money is told in {result.currency or 'the settlement currency'}.",
        *([f"Stopped early: {result.stopped}"] if result.stopped else []),
        *result.notes,
    ]
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<div class='note'><b>What to know before judging the numbers</b><ul>{items}</ul></div>"


def _cards(metrics: Metrics) -> str:
    def of(name: str) -> str:
        return figure(metrics[name], DEFINITIONS[name].unit, currency)

    currency = metrics.currency
    cards = [
        (
            "Net PnL",
            with_name(metrics["net_pnl"], currency, sign=True),
            percent(metrics["total_return"], sign=True),
            metrics["net_pnl"],
        ),
        ("Equity", of("equity"), f"from {of('cash')}", 0.0),
        ("CAGR", of("cagr"), f"buy and hold {of('buy_and_hold_return')} in all", metrics["cagr"]),
        ("Max drawdown", of("max_drawdown"), f"within bars {of('max_drawdown_intrabar')}", 0.0),
        ("Sharpe", of("sharpe"), f"Sortino {of('sortino')}, Calmar {of('calmar')}", 0.0),
        ("Trades", of("trades"), f"{of('win_rate')} won, {of('open_trades')} open", 0.0),
        ("Profit factor", of("profit_factor"), f"expectancy {of('expectancy')}", 0.0),
        ("Liquidations", of("liquidations"), f"margin lost {of('liquidation_loss')}", -metrics["liquidations"]),
        ("Closest to liquidation", of("min_distance"), f"survived {of('min_distance_survived')}", 0.0),
        ("Margin calls, top-ups", f"{of('margin_calls')}, {of('top_ups')}", f"margin added {of('margin_added')}", 0.0),
        ("Leverage", f"{of('mean_leverage')}x", f"at most {of('max_leverage')}x", 0.0),
        (
            "Funding",
            money(metrics["pnl_funding"], currency, sign=True),
            f"fees {money(metrics['pnl_fees'], currency, sign=True)}",
            0.0,
        ),
    ]
    shown = []
    for name, value, more, tone in cards:
        kind = " up" if tone > 0.0 else " down" if tone < 0.0 else ""
        shown.append(
            f"<div class='card'><div class='name'>{escape(name)}</div><div class='value{kind}'>{escape(value)}</div>"
            f"<div class='more'>{escape(more)}</div></div>"
        )
    return f"<div class='cards'>{''.join(shown)}</div>"


def _attribution(metrics: Metrics) -> str:
    parts = {
        "price moves": metrics["pnl_price"],
        "slippage": metrics["pnl_slippage"],
        "trading fees": metrics["pnl_fees"],
        "funding": metrics["pnl_funding"],
        "liquidation fees": metrics["pnl_liquidation_fees"],
        "insurance fund": metrics["pnl_insurance"],
        **({"conversion": conversion} if (conversion := metrics["pnl_conversion"]) else {}),
        "net PnL": metrics["net_pnl"],
    }
    low, high = min(0.0, *parts.values()), max(0.0, *parts.values())
    width = (high - low) or 1.0
    zero = -low / width * 100.0
    rows = []
    for name, amount in parts.items():
        left, span = (min(amount, 0.0) - low) / width * 100.0, abs(amount) / width * 100.0
        kind = "gain" if amount >= 0.0 else "loss"
        bar = f"<i class='{kind}' style='left:{left:.2f}%;width:{span:.2f}%'></i>"
        rows.append(
            f"<tr><td class='text'>{escape(name)}</td><td>{money(amount, metrics.currency, sign=True)}</td>"
            f"<td class='bar'><div class='track'>{bar}<i class='zero' style='left:{zero:.2f}%'></i></div></td></tr>"
        )
    unit = f", in {metrics.currency}" if metrics.currency else ""
    residual = f"<p class='sub'>Residual that the parts do not explain{unit}: {metrics['residual']:.2e}</p>"
    return f"<table class='bars'><tbody>{''.join(rows)}</tbody></table>{residual}"


def _trades(result: Result) -> str:
    trades = result.trades
    if trades.empty:
        return "<p>No position was opened.</p>"
    shown = trades.tail(MOST_TRADES).copy()
    shown["opened"] = shown["open_time"].dt.strftime("%Y-%m-%d %H:%M")
    shown["closed"] = shown["close_time"].dt.strftime("%Y-%m-%d %H:%M").fillna("open")
    left_out = (
        f"<p class='sub'>The last {len(shown):,} of {len(trades):,} trades; all are in trades.parquet.</p>"
        if len(shown) < len(trades)
        else ""
    )
    columns = html_tables.trades(result.history.currencies)
    columns = {name: column for name, column in columns.items() if name != "tag" or (shown["tag"] != "").any()}
    return _groups(trades, result.history.currencies) + left_out + html_tables.table(shown, columns)


def _groups(trades: pd.DataFrame, currencies: Sequence[str]) -> str:
    tables = []
    amount, signed = html_tables.writers(currencies)
    for name, heading in (("symbol", "symbol"), ("side", "side"), ("exit_reason", "exit"), ("tag", "tag")):
        if trades[name].nunique() < 2 or (len(currencies) > 1 and name != "symbol"):
            continue  # amounts of several currencies do not add up
        groups = trades.groupby(name)
        frame = pd.DataFrame(
            {
                "trades": groups.size(),
                "won": groups["pnl"].apply(lambda pnl: (pnl > 0.0).mean()),
                "pnl": groups["pnl"].sum(),
                "fees": groups["fees"].sum(),
                "funding": groups["funding"].sum(),
                "roe": groups["roe"].median(),
            }
        ).reset_index()
        columns = {
            name: Column(heading),
            "trades": Column("trades", html_tables.count),
            "won": Column("won", percent),
            "pnl": Column("PnL", signed),
            "fees": Column("fees", amount),
            "funding": Column("funding", signed),
            "roe": Column("median ROE", percent),
        }
        tables.append(f"<h3>By {escape(heading)}</h3>{html_tables.table(frame, columns)}")
    return "".join(tables) + ("<h3>Every trade</h3>" if tables else "")


def _risk_log(result: Result) -> str:
    log = result.risk_log
    if log.empty:
        return "<p>Nothing to report.</p>"
    rank = log["severity"].map({"critical": 0, "warning": 1, "info": 2}).to_numpy()
    shown = log.iloc[sorted(rank.argsort(kind="stable")[:MOST_RISK_ROWS])]
    shown = shown.assign(when=_minutes(shown.index))
    counts = log["event"].value_counts()
    said = ", ".join(f"{escape(str(name))} {number:,}" for name, number in counts.items())
    left_out = (
        f"<p class='sub'>The {len(shown):,} gravest of {len(log):,} entries; all are in risk_log.jsonl.</p>"
        if len(shown) < len(log)
        else ""
    )
    return f"<p>{said}</p>{left_out}" + html_tables.table(shown, html_tables.RISK, row_class="severity")


def _minutes(index: pd.Index[Any]) -> list[str]:
    return pd.DatetimeIndex(index).strftime("%Y-%m-%d %H:%M").tolist()


def _refusals(result: Result) -> str:
    parts = []
    refused = result.rejections
    if refused.empty:
        parts.append("<p>The venue refused nothing.</p>")
    else:
        sentences = {label(reason): sentence for reason, sentence in SENTENCES.items()}
        counts = refused["reason"].value_counts()
        frame = pd.DataFrame({"reason": counts.index, "count": counts.to_numpy()})
        frame["sentence"] = frame["reason"].map(sentences)
        columns = {
            "reason": Column("reason"),
            "count": Column("times", html_tables.count),
            "sentence": Column("what it says", None, "", True),
        }
        parts.append(html_tables.table(frame, columns))
    notices = result.notices
    ambiguous = notices[notices["kind"] == label(NoticeKind.AMBIGUOUS)]
    if ambiguous.empty:
        parts.append("<p>In no bar did the order of two triggers decide the outcome.</p>")
    else:
        when = _minutes(ambiguous.index)
        named = ", ".join(
            f"{escape(str(at))} {escape(str(symbol))}"
            for at, symbol in zip(when[:60], ambiguous["symbol"], strict=False)
        )
        more = f" and {len(ambiguous) - 60:,} more" if len(ambiguous) > 60 else ""
        parts.append(
            f"<p>In {len(ambiguous):,} bars the order of two triggers decided the outcome (finer bars would tell): "
            f"{named}{more}.</p>"
        )
    return "".join(parts)


def _leverage_table(result: Result) -> str:
    hours = leverage_hours(result.equity["leverage"].to_numpy(), result.history.timeframe_ns / 3.6e12)
    total = sum(hours.values()) or 1.0
    frame = pd.DataFrame({"leverage": list(hours), "hours": list(hours.values())})
    frame["share"] = frame["hours"] / total
    columns = {
        "leverage": Column("account leverage"),
        "hours": Column("hours", html_tables.count),
        "share": Column("share of the time", percent),
    }
    return html_tables.table(frame[frame["hours"] > 0.0], columns, sortable=False)


def _settings(result: Result, checked: AuditReport, details: Mapping[str, object]) -> str:
    values: dict[str, object] = {
        "strategy": result.strategy.name,
        "parameters": json.dumps(dict(result.strategy.parameters)),
        "strategy source (SHA-256)": result.strategy.digest,
        **result.config.to_mapping(),
        "market fingerprint (SHA-256)": result.history.fingerprint,
        "base bars": f"{result.length:,}",
        "ledger rows": f"{checked.rows:,}",
        "audit residual": f"{checked.residual:.3g} ({checked.relative_residual:.3g} of the turnover)",
        **details,
    }
    rows = "".join(
        f"<tr><td class='text'>{escape(name.replace('_', ' '))}</td>"
        f"<td class='long'>{escape('–' if value is None else str(value))}</td></tr>"
        for name, value in values.items()
    )
    contracts = "".join(
        f"<li>{escape(contract.symbol)}: maker {percent(contract.maker, digits=3)}, "
        f"taker {percent(contract.taker, digits=3)}, "
        f"liquidation fee {percent(contract.liquidation_fee, digits=3)}; {escape('; '.join(contract.sources))}</li>"
        for contract in result.history.contracts
    )
    source = (
        f"<details><summary>Source of the strategy</summary><pre>{escape(result.strategy.source)}</pre></details>"
        if result.strategy.source
        else ""
    )
    return f"<div class='scroll'><table><tbody>{rows}</tbody></table></div><ul class='sub'>{contracts}</ul>{source}"


def _definitions(metrics: Metrics) -> str:
    parts = []
    for group, members in GROUPS.items():
        rows = "".join(
            f"<tr><td class='text'>{escape(name)}</td>"
            f"<td>{escape(figure(metrics[name], one.unit, metrics.currency))}</td>"
            f"<td class='long'>{escape(one.sentence)}</td></tr>"
            for name, one in members.items()
        )
        parts.append(f"<h3>{escape(group)}</h3><div class='scroll'><table><tbody>{rows}</tbody></table></div>")
    return "".join(parts)
