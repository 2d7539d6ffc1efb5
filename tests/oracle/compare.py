"""Holding the kernel's rows against the oracle's: the first difference, in words, or None."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backtest.enums import LedgerKind, Liquidity, NoticeKind, Reason
from tests.oracle.journal import ACCOUNTS, Row
from tests.oracle.simulate import Outcome

TOLERANCE = 1e-9
FILLS = (LedgerKind.OPEN, LedgerKind.CLOSE, LedgerKind.LIQUIDATION)
LEDGER_PLACES = ("bar", "time_ns", "leg", "segment", "kind", "order", "trade", "liquidity", "reason", "tag")
LEDGER_NUMBERS = ("fraction", "quantity", *ACCOUNTS, "wallet_after", "position_after", "margin_after")
WHILE_OPEN = ("entry_after", "leverage_after", "liquidation_after")
NOTICE_PLACES = ("bar", "time_ns", "leg", "segment", "kind", "reason", "order", "tag")


def first_difference(outcome: Outcome, ledger: np.ndarray, notices: np.ndarray) -> str | None:
    """What is different first: in the ledger, then in the notices."""
    told, listed = _split(outcome.notices), notices["kind"] == NoticeKind.AMBIGUOUS
    return (
        _table(outcome.ledger, ledger, _ledger_columns)
        or _table(told[0], notices[~listed], _notice_columns)
        or _table(told[1], notices[listed], lambda row: ["bar", "leg"])
    )


def _split(notices: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The notices, and apart from them the list of ambiguous bars, whose place among the others says nothing."""
    ambiguous = [row for row in notices if row["kind"] == NoticeKind.AMBIGUOUS]
    return [row for row in notices if row["kind"] != NoticeKind.AMBIGUOUS], ambiguous


def _ledger_columns(row: Row) -> list[str]:
    columns = [*LEDGER_PLACES, *LEDGER_NUMBERS]
    if row["kind"] == LedgerKind.DEPOSIT:
        return ["kind", "bar", "wallet", "deposit", "wallet_after"]
    columns.append("mark_price")
    if row["kind"] in FILLS:
        columns.append("price")
    if row["position_after"]:
        columns.extend(WHILE_OPEN)
    return columns


def _notice_columns(row: Row) -> list[str]:
    columns = [*NOTICE_PLACES, "fraction"]
    if row["kind"] == NoticeKind.MARGIN_CALL:
        columns += ["level", "mark_price", *(["value"] if row["value"] is not None else [])]
    return columns


def _table(expected: Sequence[Row], got: np.ndarray, columns_of) -> str | None:  # type: ignore[no-untyped-def]
    for number, (row, other) in enumerate(zip(expected, got, strict=False)):
        for column in columns_of(row):
            if not agree(row[column], other[column]):
                return (
                    f"row {number}, {column}: oracle {_plain(row[column])}, kernel {other[column]}\n"
                    f"  oracle {describe(row)}\n  kernel {describe(_as_row(other))}"
                )
    if len(expected) > len(got):
        return f"the kernel has {len(got)} rows, the oracle goes on: {describe(expected[len(got)])}"
    if len(got) > len(expected):
        return f"the oracle has {len(expected)} rows, the kernel goes on: {describe(_as_row(got[len(expected)]))}"
    return None


def agree(expected: object, got: object) -> bool:
    """Equal integers, both absent, or numbers within 1e-9 of each other (relative above one)."""
    if expected is None:
        return bool(np.isnan(float(got)))  # type: ignore[arg-type]
    one, other = float(expected), float(got)  # type: ignore[arg-type]
    return one == other or abs(one - other) <= TOLERANCE * max(1.0, abs(one), abs(other))


def _as_row(record: np.void) -> Row:
    return {name: record[name].item() for name in record.dtype.names or ()}


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, int) else float(value)  # type: ignore[arg-type]


def describe(row: Row) -> str:
    """A row on one line, without its zeros."""
    names: dict[str, type] = {
        "kind": LedgerKind if "wallet" in row else NoticeKind,
        "reason": Reason,
        "liquidity": Liquidity,
    }
    words = []
    for name, value in row.items():
        if value is None or value != value or (value == 0 and name not in names):
            continue
        words.append(f"{name}={names[name](value).name if name in names else _plain(value)}")
    return " ".join(words)
