"""Does the ledger balance? A second, independent reading of every row.

The auditor knows only the rule text (docs/order-of-events.md) and the ledger. It shares no code with the broker:
quantities, average entry prices, realised PnL, released margin and balances are worked out again from the prices and
quantities of the rows, in plain Python, and compared with what the broker wrote down.

    row sum           the eight amounts of a row sum to zero
    running sums      wallet and margin of each leg equal the sum of their amounts so far
    position          the quantity is the sum of the changes; the entry price is their weighted average
    rule of the kind  what an opening, a reduction, a liquidation, a margin command may move, and how much

Inverse contracts (settled in their base) are read by their own algebra: notional |q| / p, PnL q·(1/E − 1/p), average of
the inverse prices. In cross margin no row moves margin, and the wallet bears what a position loses.

Left out: whether a fill could have happened at its price (that is a question to the market history, not to the ledger).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from backtest.enums import FILL_KINDS, LedgerKind, from_label, label
from backtest.errors import UsageError
from backtest.venues.symbols import is_inverse

if TYPE_CHECKING:
    import pandas as pd

    from backtest.result import Records

AMOUNTS = ("wallet", "margin", "fees", "funding", "pnl", "liquidation_fee", "insurance", "deposit")
"""The accounts of the double entry; each row's credits to them sum to zero."""

TOLERANCE = 1e-9
"""A figure is off when it differs by more than this share of the largest amount in its row (at least of 1)."""

RESERVE = 0.0025
"""Most that a venue locks beside the initial margin for the fee to close, as a share of the notional."""

_NEEDED = (
    "sequence", "leg", "kind", "price", "quantity", *AMOUNTS,
    "wallet_after", "position_after", "entry_after", "margin_after", "leverage_after",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One figure of one row that does not follow from the rules."""

    row: int
    """Position of the row in the ledger, from 0."""
    sequence: int
    check: str
    """What is off, as a short phrase."""
    expected: float
    found: float

    @property
    def off(self) -> float:
        """`found - expected` in the unit of the figure; NaN compares as infinitely off."""
        off = self.found - self.expected
        return off if math.isfinite(off) else math.inf

    def __str__(self) -> str:
        return (
            f"row {self.row} (sequence {self.sequence}): {self.check}: "
            f"expected {self.expected:.12g}, found {self.found:.12g}, off by {self.off:.3g}"
        )


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """What a replay of the ledger found."""

    rows: int
    turnover: float
    """Sum of the notionals of all fills, liquidations included, in the settlement currency."""
    residual: float
    """Largest absolute difference in money between a figure of the ledger and the auditor's own."""
    wallet: float
    """The wallet after the last row, as the sum of its amounts."""
    margin: float
    """The margin posted in open positions after the last row, as the sum of its amounts."""
    findings: tuple[Finding, ...]
    currencies: Mapping[str, AuditReport] = field(default_factory=dict)
    """Of an account in several currencies the report of each wallet; what is money here is then of the first."""

    @property
    def ok(self) -> bool:
        """True when no row is off."""
        return not self.findings

    @property
    def relative_residual(self) -> float:
        """`residual` as a share of the turnover (of 1 unit of money where nothing was traded)."""
        if self.currencies:
            return max(each.relative_residual for each in self.currencies.values())
        return self.residual / max(self.turnover, 1.0)

    def __str__(self) -> str:
        if self.currencies:
            return "\n".join(f"Wallet of {name}\n{each}" for name, each in self.currencies.items())
        verdict = "balanced" if self.ok else f"{len(self.findings)} figures are off"
        lines = [
            f"Ledger      {self.rows:,} rows, {verdict}",
            f"Turnover    {self.turnover:,.8f}",
            f"Residual    {self.residual:.3g}  ({self.relative_residual:.3g} of the turnover)",
            f"Wallet      {round(self.wallet, 8) + 0.0:,.8f}",
            f"Margin      {round(self.margin, 8) + 0.0:,.8f}  in open positions",
        ]
        lines += [f"! {finding}" for finding in self.findings[:20]]
        if len(self.findings) > 20:
            lines.append(f"! and {len(self.findings) - 20} more")
        return "\n".join(lines)


class _Sum:
    """A running sum that does not lose small amounts (Neumaier's compensation)."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._lost = 0.0

    def add(self, amount: float) -> None:
        total = self._sum + amount
        if abs(self._sum) >= abs(amount):
            self._lost += (self._sum - total) + amount
        else:
            self._lost += (amount - total) + self._sum
        self._sum = total

    @property
    def value(self) -> float:
        return self._sum + self._lost


@dataclass(kw_only=True)
class _Leg:
    """A position as the auditor works it out."""

    quantity: _Sum = field(default_factory=_Sum)
    margin: _Sum = field(default_factory=_Sum)
    entry: float = math.nan
    inverse: bool = False
    cross: bool = False
    reserve: float = 0.0

    def value(self, quantity: float, price: float) -> float:
        """Notional of a quantity, with its sign."""
        return quantity / price if self.inverse else quantity * price

    def realised(self, closed: float, price: float) -> float:
        """PnL of closing the signed quantity `closed` of the position at `price`."""
        if self.inverse:
            return closed / self.entry - closed / price
        return closed * (price - self.entry)

    def average(self, before: float, change: float, price: float) -> float:
        """Entry price after `change` at `price` more."""
        if not before:
            return price
        if self.inverse:
            return (before + change) / (before / self.entry + change / price)
        return (before * self.entry + change * price) / (before + change)


Row = Mapping[str, Any]


class _Check(NamedTuple):
    """A rule as a phrase, the figure it expects and the one that stands there; `money` when that is an amount."""

    phrase: str
    expected: float
    found: float
    money: bool = True


_Checks = Iterator[_Check]


def _only(row: Row, *moved: str) -> _Checks:
    for name in AMOUNTS:
        if name not in moved:
            yield _Check(f"a row of kind {row['kind']} moves no {name.replace('_', ' ')}", 0.0, row[name])


def _at_least(floor: float, found: float) -> float:
    """The nearest figure to `found` that is not below `floor`."""
    return max(found, floor)


def _deposit(row: Row, leg: _Leg) -> _Checks:
    yield from _only(row, "wallet", "deposit")
    yield _Check("the wallet takes what is deposited", -row["deposit"], row["wallet"])


def _open(row: Row, leg: _Leg) -> _Checks:
    yield from _only(row, "wallet", "margin", "fees")
    before, change, price = leg.quantity.value, row["quantity"], row["price"]
    same_way = before == 0.0 or (before > 0.0) == (change > 0.0)
    yield _Check("an opening does not shrink the position", 1.0, float(same_way), money=False)
    value = abs(leg.value(change, price))
    if leg.cross:
        yield _Check("an opening in cross margin locks nothing", 0.0, row["margin"])
        return
    initial = value / row["leverage_after"]
    locked = min(
        row["margin"],
        row["margin"] + row["fees"],
        key=lambda each: abs(each - _within(initial, leg.reserve * value, each)),
    )
    yield _Check(
        "initial margin = notional / leverage, and no more than a fee to close beside it",
        _within(initial, leg.reserve * value, locked), locked,
    )  # fmt: skip


def _within(initial: float, reserve: float, locked: float) -> float:
    """The figure nearest to `locked` that an opening may lock away, with a fee to close of `reserve` at most."""
    return min(max(locked, initial), initial + reserve)


def _close(row: Row, leg: _Leg) -> _Checks:
    yield from _only(row, "wallet", "margin", "fees", "pnl", "insurance")
    before, change = leg.quantity.value, row["quantity"]
    yield _Check("a reduction is opposite to the position, not larger", _reduction(before, change), change, money=False)
    realised = leg.realised(-change, row["price"])
    if leg.cross:
        yield _Check("realised PnL = PnL of the part at the fill price", -realised, row["pnl"])
        yield _Check("the wallet bears the PnL and the fee", realised - row["fees"], row["wallet"])
        return
    share = abs(change / before) if before else math.nan
    released = share * leg.margin.value
    yield _Check("realised PnL = PnL of the part at the fill price", -realised, row["pnl"])
    left = released + realised - row["fees"]
    taken = min(max(-left, 0.0), max(0.0, leg.margin.value - released))
    yield _Check(
        "the wallet gets released margin + realised PnL - fee, never less than nothing", max(left, 0.0), row["wallet"]
    )
    yield _Check(
        "the margin falls by its share, and by what the wallet may not lose", -(released + taken), row["margin"]
    )
    yield _Check("the insurance fund pays what no margin is left for", min(left + taken, 0.0), row["insurance"])


def _liquidation(row: Row, leg: _Leg) -> _Checks:
    yield from _only(row, "wallet", "margin", "fees", "pnl", "liquidation_fee", "insurance")
    before, margin = leg.quantity.value, leg.margin.value
    yield _Check("a liquidation closes the whole position", -before, row["quantity"], money=False)
    realised = leg.realised(before, row["price"])
    yield _Check("realised PnL = PnL of the position at the price", -realised, row["pnl"])
    yield _Check("a liquidation fee is not negative", _at_least(0.0, row["liquidation_fee"]), row["liquidation_fee"])
    if leg.cross:
        borne = realised - row["liquidation_fee"] - row["insurance"]
        yield _Check("the wallet bears the loss and the fee, the insurance fund the rest", borne, row["wallet"])
        return
    yield _Check("a liquidation takes the whole margin", -margin, row["margin"])
    yield _Check("a liquidation costs the wallet nothing", _at_least(0.0, row["wallet"]), row["wallet"])


def _part(row: Row, leg: _Leg) -> _Checks:
    yield from _only(row, "margin", "pnl", "liquidation_fee")
    before, change = leg.quantity.value, row["quantity"]
    yield _Check("a part is opposite to the position, not larger", _reduction(before, change), change, money=False)
    realised = leg.realised(-change, row["price"])
    yield _Check("realised PnL = PnL of the part at the price", -realised, row["pnl"])
    yield _Check("the margin bears the part's PnL and the fee", realised - row["liquidation_fee"], row["margin"])
    yield _Check("a liquidation fee is not negative", _at_least(0.0, row["liquidation_fee"]), row["liquidation_fee"])


def _leverage(row: Row, leg: _Leg) -> _Checks:
    yield from _only(row, "wallet", "margin")
    yield _Check("margin moves between the wallet and the position", -row["margin"], row["wallet"])
    yield _Check("the position stays as it is", 0.0, row["quantity"], money=False)


def _funding(row: Row, leg: _Leg) -> _Checks:
    yield from _only(row, "wallet", "margin", "funding", "insurance")
    yield _Check("funding is paid on an open position", 1.0, float(leg.quantity.value != 0.0), money=False)
    yield _Check("funding leaves the position as it is", 0.0, row["quantity"], money=False)


def _transfer(row: Row, leg: _Leg) -> _Checks:
    yield from _only(row, "wallet", "margin")
    yield _Check("margin moves between the wallet and the position", -row["margin"], row["wallet"])
    yield _Check("moving margin leaves the position as it is", 0.0, row["quantity"], money=False)
    inward = row["kind"] != label(LedgerKind.REMOVE_MARGIN)
    moved = row["margin"] if inward else -row["margin"]
    yield _Check("margin moves in the direction of its kind", _at_least(0.0, moved), moved)


def _nothing(row: Row, leg: _Leg) -> _Checks:
    yield from _only(row)
    yield _Check("the position stays as it is", 0.0, row["quantity"], money=False)


_RULES: dict[str, Callable[[Row, _Leg], _Checks]] = {
    label(LedgerKind.DEPOSIT): _deposit,
    label(LedgerKind.OPEN): _open,
    label(LedgerKind.CLOSE): _close,
    label(LedgerKind.LIQUIDATION): _liquidation,
    label(LedgerKind.FUNDING): _funding,
    label(LedgerKind.ADD_MARGIN): _transfer,
    label(LedgerKind.REMOVE_MARGIN): _transfer,
    label(LedgerKind.TOP_UP): _transfer,
    label(LedgerKind.AUTO_DELEVERAGING): _close,
    label(LedgerKind.AUTO_MARGIN): _transfer,
    label(LedgerKind.PARTIAL_LIQUIDATION): _part,
    label(LedgerKind.LEVERAGE): _leverage,
    label(LedgerKind.TIERS): _nothing,
}
_FILLS = {label(kind) for kind in FILL_KINDS}


def _reduction(before: float, change: float) -> float:
    """The reduction nearest to `change` that is opposite to `before` and not larger."""
    return max(min(change, 0.0), -before) if before > 0.0 else min(max(change, 0.0), -before)


def _rows(ledger: pd.DataFrame | np.ndarray | Records) -> Iterator[dict[str, Any]]:
    table: Any = ledger if isinstance(ledger, np.ndarray) else getattr(ledger, "ledger", ledger)
    if isinstance(table, np.ndarray):
        columns = {name: table[name].tolist() for name in table.dtype.names or ()}
        columns["kind"] = [label(LedgerKind(kind)) for kind in columns.get("kind", [])]
    else:
        columns = {str(name): table[name].tolist() for name in table.columns}
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise UsageError(f"this table is no ledger: it lacks {', '.join(missing)}; audit the `ledger` of a run")
    names = list(columns)
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(names, values, strict=True))


class _Auditor:
    """The replay: own balances beside the recorded ones."""

    def __init__(self, inverse: Collection[int], cross: bool, reserve: bool) -> None:
        self._inverse, self._cross, self._reserve = inverse, cross, RESERVE if reserve else 0.0
        self.wallet = _Sum()
        self.legs: dict[int, _Leg] = {}
        self.turnover = _Sum()
        self.residual = 0.0
        self.findings: list[Finding] = []
        self._carried: dict[tuple[str, int], float] = {}

    def read(self, number: int, row: Row) -> None:
        """Check one row and take its amounts over into the auditor's own balances."""
        kind = str(row["kind"])
        if kind not in _RULES:
            from_label(LedgerKind, kind)
        number_of = int(row["leg"])
        if number_of not in self.legs:
            inverse = number_of in self._inverse or is_inverse(str(row.get("symbol") or ""))
            self.legs[number_of] = _Leg(inverse=inverse, cross=self._cross, reserve=self._reserve)
        leg = self.legs[number_of]
        amounts = [row[name] for name in AMOUNTS]
        known = all(map(math.isfinite, amounts))
        scale = max(1.0, *(abs(amount) for amount in amounts if math.isfinite(amount)))
        self._judge(
            number, row, _Check("the amounts sum to zero", 0.0, math.fsum(amounts) if known else math.nan), scale
        )
        for check in _RULES[kind](row, leg):
            self._judge(number, row, check, scale)
        self._move(kind, row, leg)
        for check in self._balances(kind, row, leg):
            self._follow(number, row, check)

    def _move(self, kind: str, row: Row, leg: _Leg) -> None:
        before, change = leg.quantity.value, row["quantity"]
        self.wallet.add(row["wallet"])
        leg.margin.add(row["margin"])
        if kind not in _FILLS:
            return
        self.turnover.add(abs(leg.value(change, row["price"])))
        leg.quantity.add(change)
        after = leg.quantity.value
        if kind == label(LedgerKind.OPEN):
            leg.entry = leg.average(before, change, row["price"])
        elif abs(after) <= TOLERANCE * abs(before):
            leg.quantity, leg.entry = _Sum(), math.nan

    def _balances(self, kind: str, row: Row, leg: _Leg) -> _Checks:
        yield _Check("wallet_after is the sum of the wallet's amounts", self.wallet.value, row["wallet_after"])
        if kind == label(LedgerKind.DEPOSIT):
            return
        yield _Check("margin_after is the sum of the leg's margin amounts", leg.margin.value, row["margin_after"])
        quantity = leg.quantity.value
        yield _Check("position_after is the sum of the leg's quantities", quantity, row["position_after"], money=False)
        if quantity:
            yield _Check(
                "entry_after is the average price of what was opened", leg.entry, row["entry_after"], money=False
            )

    def _judge(self, number: int, row: Row, check: _Check, scale: float) -> None:
        broken = not abs(check.found - check.expected) <= TOLERANCE * scale
        self._note(number, row, check, broken)

    def _follow(self, number: int, row: Row, check: _Check) -> None:
        """Judge a balance; an error that is only carried on from an earlier row is not named again."""
        off = check.found - check.expected
        place = (check.phrase, int(row["leg"]) if "wallet" not in check.phrase else -1)
        carried = self._carried.get(place, 0.0)
        self._carried[place] = off if math.isfinite(off) else 0.0
        allowed = TOLERANCE * max(1.0 if check.money else 0.0, abs(check.expected))
        broken = not abs(off) <= allowed and not abs(off - carried) <= allowed
        self._note(number, row, check, broken)

    def _note(self, number: int, row: Row, check: _Check, broken: bool) -> None:
        if broken:
            finding = Finding(
                row=number,
                sequence=int(row["sequence"]),
                check=check.phrase,
                expected=check.expected,
                found=check.found,
            )
            self.findings.append(finding)
        if check.money:
            off = abs(check.found - check.expected)
            self.residual = max(self.residual, off if math.isfinite(off) else math.inf)


def audit(
    ledger: pd.DataFrame | np.ndarray | Records,
    *,
    inverse: Collection[int] = (),
    cross: bool = False,
    reserve: bool = False,
) -> AuditReport:
    """Replay a ledger and report every figure that does not follow from the rules.

    `ledger` is a result's `ledger` (a DataFrame), the same read back from `ledger.parquet`, or the raw records; one in
    several currencies is replayed wallet by wallet. `inverse`: legs of inverse contracts, where the ledger does not
    name their symbols. `cross`: it is that of a run in cross margin. `reserve`: the venue locks a fee to close beside
    the initial margin.

    >>> import numpy as np
    >>> from backtest.broker.records import LEDGER
    >>> rows = np.zeros(1, LEDGER)
    >>> rows["wallet"], rows["deposit"], rows["wallet_after"] = 1000.0, -1000.0, 1000.0
    >>> audit(rows).ok
    True
    """
    wallets = list(dict.fromkeys(getattr(ledger, "currency", ())))
    if len(wallets) > 1:
        table: Any = ledger
        parts = {name: table[table["currency"] == name] for name in wallets}
        return _together({name: audit(rows, inverse=inverse, reserve=reserve) for name, rows in parts.items()})
    auditor = _Auditor(inverse, cross, reserve)
    count = 0
    for count, row in enumerate(_rows(ledger), start=1):
        auditor.read(count - 1, row)
    return AuditReport(
        rows=count,
        turnover=auditor.turnover.value,
        residual=auditor.residual,
        wallet=auditor.wallet.value,
        margin=math.fsum(leg.margin.value for leg in auditor.legs.values()),
        findings=tuple(auditor.findings),
    )


def _together(reports: Mapping[str, AuditReport]) -> AuditReport:
    """The reports of an account's wallets as one."""
    first = next(iter(reports.values()))
    return replace(
        first,
        rows=sum(each.rows for each in reports.values()),
        residual=max(each.residual for each in reports.values()),
        findings=tuple(finding for each in reports.values() for finding in each.findings),
        currencies=reports,
    )
