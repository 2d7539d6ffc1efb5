"""Tables of a page: cells escaped, numbers written for a reader, the plain value beside them for sorting."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from backtest.report.numbers import NONE, decimals, money, percent, price

if TYPE_CHECKING:
    import pandas as pd


class Column(NamedTuple):
    """A column of a page's table: its heading, the way its values are written, and what it means."""

    heading: str
    write: Callable[[float], str] | None = None
    """None: text."""
    meaning: str = ""
    long: bool = False


def table(
    frame: pd.DataFrame,
    columns: Mapping[str, Column],
    *,
    sortable: bool = True,
    row_class: str | None = None,
) -> str:
    """The named columns of a frame; `row_class` names a column that gives each row its class."""
    heads = "".join(_head(column) for column in columns.values())
    series = [_cells(frame[name].tolist(), column) for name, column in columns.items()]
    classes = frame[row_class].tolist() if row_class else [""] * len(frame)
    rows = "".join(
        f"<tr{_attribute('class', kind)}>{''.join(cells)}</tr>" for kind, *cells in zip(classes, *series, strict=True)
    )
    kind = ' class="sortable"' if sortable else ""
    return f'<div class="scroll"><table{kind}><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _head(column: Column) -> str:
    kind = "" if column.write else ' class="text"'
    return f"<th{kind}{_attribute('title', column.meaning)}>{escape(column.heading)}</th>"


def _cells(values: Iterable[object], column: Column) -> list[str]:
    if column.write is None:
        kind = "long" if column.long else "text"
        return [f'<td class="{kind}">{escape(str(value))}</td>' for value in values]
    return [_number(float(value), column.write) for value in values]  # type: ignore[arg-type]


def _number(value: float, write: Callable[[float], str]) -> str:
    if math.isnan(value):
        return f'<td data-v="">{NONE}</td>'
    return f'<td data-v="{value:.10g}">{escape(write(value))}</td>'


def _attribute(name: str, value: str) -> str:
    return f' {name}="{escape(value)}"' if value else ""


def writers(currencies: Sequence[str]) -> tuple[Callable[[float], str], Callable[[float], str]]:
    """How amounts in one of the currencies are written, without and with a sign."""
    finest = max(currencies, key=decimals, default="")
    return partial(money, currency=finest), partial(money, currency=finest, sign=True)


def count(value: float) -> str:
    """A whole number."""
    return f"{value:,.0f}"


def quantity(value: float) -> str:
    """Base units (quote units of an inverse contract), to eight digits."""
    return f"{value:,.8g}"


def leverage(value: float) -> str:
    """Times."""
    return f"{value:.4g}x"


def trades(currencies: Sequence[str]) -> dict[str, Column]:
    """The columns of the table of trades, whose amounts are each in the currency that its contract is settled in."""
    amount, signed = writers(currencies)
    unit = currencies[0] if len(currencies) == 1 else "settlement currency"
    return {
        name: column._replace(write=amount if column.write is money else signed, meaning=f"{column.meaning} ({unit})")
        if column.write in (money, _signed)
        else column
        for name, column in _TRADES.items()
    }


def _signed(value: float) -> str:
    return money(value, sign=True)


_TRADES: dict[str, Column] = {
    "trade": Column("#", count, "number of the trade"),
    "symbol": Column("symbol"),
    "side": Column("side"),
    "opened": Column("opened (UTC)", None, "open of the base bar of the first fill"),
    "closed": Column("closed (UTC)", None, "open of the base bar of the last closing fill"),
    "quantity": Column("quantity", quantity, "largest quantity held, base units (quote units of an inverse contract)"),
    "open_price": Column("open price", price, "average price of the opening fills"),
    "close_price": Column("close price", price, "average price of the closing fills"),
    "leverage": Column("leverage", leverage, "highest leverage set"),
    "margin_posted": Column("margin", money, "highest margin at one time; the denominator of ROE"),
    "margin_added": Column("added", money, "margin added by command or top-up"),
    "pnl": Column("PnL", _signed, "after slippage, fees, funding and liquidation fee; an open trade is marked"),
    "fees": Column("fees", money),
    "funding": Column("funding", _signed, "paid; negative: received"),
    "roe": Column("ROE", percent, "PnL / highest margin posted"),
    "return_price": Column("price move", percent, "in the trade's favour"),
    "return_equity": Column("of equity", percent, "PnL / account equity before the opening"),
    "min_distance": Column("least distance", percent, "least distance to liquidation on the mark path"),
    "exit_reason": Column("exit"),
    "tag": Column("tag"),
}

RISK: dict[str, Column] = {
    "when": Column("time (UTC)", None, "open of the base bar"),
    "severity": Column("severity"),
    "symbol": Column("symbol"),
    "event": Column("event"),
    "mark_price": Column("mark price", price),
    "detail": Column("what happened", None, "", True),
}
