"""A whole file of positions at once: CSV or JSON lines in, one answer a row.

A row is a position with the columns of `COLUMNS`; any may be left out or blank, but for a venue or a maintenance rate,
side, quantity, entry price, and one of margin and leverage. What is blank follows from the venue's rules of the date:

    margin              initial margin, the fee to close that the venue locks, and added_margin, less funding_paid where
                        the venue takes funding out of the margin, less the opening fee where it takes that too
    leverage            what leaves this margin; where the initial margin follows from the size alone, that of the size
    maintenance_rate    the tier table of the symbol, or of the venue's usual contract
    taker_fee           the contract's
    mark_price          the entry price (and an entry price that is blank beside a mark price is that)
    date                the latest rules

`margin` is the position's whole own wallet: added_margin and funding_paid are in it already and change nothing. Two
ways in which venues quote a margin are understood too, and noted: one that equals the initial margin alone (with
added_margin beside it, or without the fee to close that the venue counts on both sides of its trigger).
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from backtest.broker.margin import opening_reserve
from backtest.broker.tiers import leverage_cap
from backtest.calculator.assessment import assess
from backtest.calculator.naming import is_inverse, said_inverse, venue_named
from backtest.calculator.position import Position, above, sign
from backtest.calculator.terms import Terms
from backtest.config import fraction, number
from backtest.enums import Pocket
from backtest.errors import BacktestError, UsageError

COLUMNS = (
    "id",
    "venue",
    "contract_type",
    "side",
    "quantity",
    "entry_price",
    "leverage",
    "margin",
    "added_margin",
    "maintenance_rate",
    "maintenance_amount",
    "taker_fee",
    "funding_paid",
    "mark_price",
    "date",
    "symbol",
    "predicted_funding",
)
FIGURES = ("bankruptcy_price", "initial_margin", "maintenance_margin", "margin_balance", "margin_ratio")
ALIKE = 0.05
"""A quoted margin is the initial margin when it is nearer to it than this share of the fee that it may lack."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The answers of a file: a dictionary a position, and one (line, id, error) a row that has none."""

    positions: tuple[dict[str, Any], ...]
    errors: tuple[dict[str, Any], ...] = ()
    ignored_columns: tuple[str, ...] = ()

    @property
    def document(self) -> dict[str, Any]:
        """What the command line prints as JSON."""
        return {
            "positions": list(self.positions),
            "errors": list(self.errors),
            "ignored_columns": list(self.ignored_columns),
        }


def answers(file: Path | str) -> Batch:
    """The answers to all rows of a `.csv`, `.jsonl` or `.ndjson` file; `-` reads either from standard input."""
    path = Path(file)
    positions: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    ignored: dict[str, None] = {}
    for line, row in rows(path):
        name = ""
        try:
            if isinstance(row, str):
                raise UsageError(row)
            name = _text(row, "id") or str(line)
            ignored |= dict.fromkeys(column for column in row if column not in COLUMNS)
            positions.append({"id": name, **answer(row)})
        except BacktestError as error:
            errors.append({"line": line, "id": name or None, "error": str(error)})
    return Batch(positions=tuple(positions), errors=tuple(errors), ignored_columns=tuple(ignored))


def rows(path: Path) -> Iterator[tuple[int, Mapping[str, object] | str]]:
    """Line number and columns of each row; a text in their place says why a row cannot be read."""
    piped = str(path) == "-"
    if not piped and not path.is_file():
        raise UsageError(f"there is no file {path}")
    try:
        text = (sys.stdin.buffer.read() if piped else path.read_bytes()).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no UTF-8 text; save it as UTF-8") from None
    ending = path.suffix.lower()
    if piped:
        ending = ".jsonl" if text.lstrip().startswith("{") else ".csv"
    if ending == ".csv":
        yield from _csv_rows(text, path)
    elif ending in (".jsonl", ".ndjson"):
        yield from _json_rows(text)
    else:
        raise UsageError(f"{path}: positions are read from a .csv or a .jsonl file")


def answer(row: Mapping[str, object]) -> dict[str, Any]:
    """The figures of one row, with notes on what was taken for what is blank."""
    reading = _Reading(row)
    position = reading.position()
    found = assess(position, reading.number("mark_price"))
    if found.leverage > found.leverage_cap * (1.0 + 1e-9) and reading.named("leverage"):
        reading.notes.append(f"a leverage of {found.leverage:g} is above the {found.leverage_cap:g} of the tier")
    if found.liquidation_price is None:
        why = "it is past it at every price" if found.liquidated else "the margin covers the position's whole value"
        reading.notes.append(f"no liquidation price: {why}")
    figures = {name: getattr(found, name) for name in FIGURES}
    if not reading.knows_leverage:
        figures["initial_margin"] = None
    answered = {"liquidation_price": found.liquidation_price, **figures, "margin": found.margin}
    if found.liquidation_price_printed is not None:
        answered["liquidation_price_printed"] = found.liquidation_price_printed
    if reading.notes:
        answered["notes"] = reading.notes
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in answered.items()
    }


def position_of(row: Mapping[str, object]) -> Position:
    """The position that a row describes."""
    return _Reading(row).position()


@dataclass
class _Reading:
    """One row on its way to a position."""

    row: Mapping[str, object]
    notes: list[str] = field(default_factory=list)
    knows_leverage: bool = True

    def named(self, column: str) -> bool:
        return bool(_text(self.row, column))

    def number(self, column: str) -> float | None:
        """The number of a column; None where it is blank. Rates may be written as percents."""
        text = _text(self.row, column)
        if not text:
            return None
        if column in ("maintenance_rate", "taker_fee", "predicted_funding"):
            return fraction(text, column)
        return number(text, column)

    def position(self) -> Position:
        entry, mark = self.number("entry_price"), self.number("mark_price")
        if entry is None and mark is None:
            raise UsageError("entry_price is blank; a position has one")
        if entry is None:
            entry = mark
            self.notes.append("entry_price is blank: the mark price is taken")
        quantity = self.number("quantity")
        if quantity is None:
            raise UsageError("quantity is blank; give base units (quote units of an inverse contract)")
        side = sign(_text(self.row, "side"))
        terms = self.terms()
        signed = side * above("quantity", quantity)
        price = above("entry_price", entry or math.nan)
        leverage = self.leverage(signed, price, terms)
        margin, added = self.number("margin"), self.number("added_margin") or 0.0
        if margin is not None and leverage is not None:
            margin = self.quoted(margin, added, signed, price, leverage, terms)
        paid = self.number("funding_paid") or 0.0
        if paid and terms.rules.funding_pocket is not Pocket.MARGIN:
            self.notes.append(f"{terms.rules.name} takes funding from the wallet first: the margin is left as it is")
        return Position.opened(
            "long" if side > 0 else "short",
            quantity,
            price,
            terms=terms,
            leverage=leverage,
            margin=margin,
            added_margin=added,
            funding_paid=paid,
        )

    def terms(self) -> Terms:
        venue, rate = _text(self.row, "venue"), self.number("maintenance_rate")
        if not venue and rate is None:
            raise UsageError(
                "venue is blank, and so is maintenance_rate; one of them says what the position is judged by"
            )
        symbol, date = _text(self.row, "symbol"), _text(self.row, "date")
        if date and not venue and not symbol:
            self.notes.append("no venue is named, whose rules the date would choose: it is left unread")
            date = ""
        kind = is_inverse(_text(self.row, "contract_type"))
        if kind is None and not symbol:
            kind = said_inverse(venue)
        taker = self.number("taker_fee")
        found = _terms(
            venue_named(venue) if venue else None,
            symbol or None,
            date or None,
            kind,
            rate,
            self.number("maintenance_amount"),
            taker,
        )
        self.notes.extend(found.notes)
        fixed = float(found.term["trigger_fee"])
        if taker is not None and fixed > 0.0 and found.rules.trigger_fee != "taker" and taker != fixed:
            self.notes.append(f"{found.rules.name} counts a rate of its own, {fixed:g}, in place of the taker fee")
        predicted = self.number("predicted_funding")
        return found if predicted is None else found.with_trigger_fee(predicted)

    def leverage(self, quantity: float, price: float, terms: Terms) -> float | None:
        """The leverage of the row; where it is blank and the margin too, that of the size, if the venue sets it so."""
        text = _text(self.row, "leverage").lower()
        if text == "cross":
            self.notes.append("cross: the margin is read as all that answers for the position")
            text = ""
        if text:
            return number(text.removesuffix("x"), "leverage")
        self.knows_leverage = False
        if not self.named("margin") and terms.tiers[0]["slope"] > 0.0:
            self.knows_leverage = True
            self.notes.append("leverage is blank: the initial margin is the one that the size asks for")
            return float(leverage_cap(quantity, price, terms.term, terms.tiers))
        return None

    def quoted(
        self, margin: float, added: float, quantity: float, price: float, leverage: float, terms: Terms
    ) -> float:
        """The whole own wallet that a quoted margin means."""
        probe = Position(quantity=quantity, entry_price=price, margin=margin, leverage=leverage, terms=terms)
        initial = probe.initial_margin
        reserve = (
            float(opening_reserve(quantity, price, leverage, terms.term)) if terms.term["reserve_in_trigger"] else 0.0
        )
        near = max(1e-9 * initial, ALIKE * reserve)
        if added > 0.0 and abs(margin - initial) <= max(near, 1e-6 * initial):
            self.notes.append("margin is the initial margin alone: added_margin and any fee to close come on top")
            return initial + added + float(opening_reserve(quantity, price, leverage, terms.term))
        if reserve > 0.0 and abs(margin - initial - added) <= near:
            self.notes.append(f"margin is quoted without the fee to close: {reserve:.8g} is added to it")
            return margin + reserve
        return margin


@lru_cache(maxsize=4096)
def _terms(
    venue: str | None,
    symbol: str | None,
    date: str | None,
    inverse: bool | None,
    rate: float | None,
    amount: float | None,
    taker: float | None,
) -> Terms:
    return Terms.of(
        venue=venue,
        symbol=symbol,
        date=date,
        inverse=inverse,
        maintenance_rate=rate,
        maintenance_amount=amount,
        taker=taker,
    )


def _text(row: Mapping[str, object], column: str) -> str:
    value = row.get(column)
    return "" if value is None else str(value).strip()


def _column(name: str) -> str:
    """A column as it is named here, from `Entry Price` and `entry-price` too."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _csv_rows(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, object] | str]]:
    lines = text.splitlines()
    reader = csv.reader(lines)
    header = [_column(name) for name in next(reader, [])]
    twice = next((name for name in header if name in COLUMNS and header.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"{path}: the column {twice} stands there twice; which of them holds is not said")
    if "side" not in header or "quantity" not in header:
        raise UsageError(f"{path}: the first line names the columns, such as {', '.join(COLUMNS[:6])}")
    read = reader.line_num
    while read < len(lines):
        reader, before = csv.reader(lines[read:], strict=True), read
        try:
            for cells in reader:
                read = before + reader.line_num
                if not any(cell.strip() for cell in cells):
                    continue
                if any(cell.strip() for cell in cells[len(header) :]):
                    yield read, f"the row has {len(cells)} cells, but there are {len(header)} columns"
                else:
                    yield read, dict(zip(header, cells, strict=False))
        except csv.Error as error:  # a quote that is never closed would take all lines below into its cell
            read += 1
            yield read, f"the row is no CSV: {error}"


def _json_rows(text: str) -> Iterator[tuple[int, Mapping[str, object] | str]]:
    for line, content in enumerate(text.splitlines(), 1):
        if not content.strip():
            continue
        try:
            row = json.loads(content)
        except (ValueError, RecursionError) as error:
            yield line, f"the row is no JSON: {getattr(error, 'msg', error)}"
            continue
        if isinstance(row, dict):
            yield line, {_column(name): value for name, value in row.items()}
        else:
            yield line, "the row is no JSON object with named columns"
