"""Many independent positions at once in the kernel: each on a leg of its own, opened at its entry price, topped up to
its margin, and then shown marks of its own.

    bar 0   flat at the entry price; the order is given at its close
    bar 1   the order fills at the open, without fee or slippage
    bar 2   the margin beyond the opening's is added at the open; the rest of the bars have the marks asked for
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backtest.broker.margin import initial_margin, opening_reserve
from backtest.broker.records import FUNDING, TIER_TABLE, commands
from backtest.broker.simulation import Simulation
from backtest.calculator import Position
from backtest.enums import CommandKind, LedgerKind, OrderKind, PriceSource, Side, SizeKind

FIRST_MARK = 3
"""The bar at which the first of the marks asked for is met."""

HOUR_NS = 3_600_000_000_000


def opening_of(position: Position) -> tuple[float, float]:
    """Leverage with which the kernel opens the position, and the margin to be added then.

    The position's own leverage; the next whole one where the venue offers whole ones only, and where its own locks more
    than the margin (without a reserve that hangs on it, a leverage sets nothing else).
    """
    whole = position.terms.rules.whole_leverage
    leverage = float(np.ceil(position.leverage)) if whole else position.leverage
    rest = position.margin - kernel_margin(position, leverage)
    if rest < -1e-6 * position.margin:
        leverage = float(np.ceil(position.notional(position.entry_price) / position.margin))
        rest = position.margin - kernel_margin(position, leverage)
    return leverage, max(0.0, rest)


def kernel_margin(position: Position, leverage: float) -> float:
    """What opening locks at a leverage when no fee is taken out of it."""
    term = position.terms.term
    locked = initial_margin(position.quantity, position.entry_price, leverage, term["inverse"])
    return float(locked + opening_reserve(position.quantity, position.entry_price, leverage, term))


def in_kernel(positions: Sequence[Position], marks: np.ndarray, *, shared_wallet: float | None = None) -> np.ndarray:
    """The ledger of the positions, one a leg, each shown its row of `marks` (legs, bars) after it was opened; in cross
    margin where a `shared_wallet` is given.
    """
    legs = len(positions)
    contracts = _rows([position.terms.contract[0] for position in positions])
    tables = np.zeros(legs, TIER_TABLE)
    tables["tiers"] = [len(position.terms.tiers) for position in positions]
    tables["first"] = np.concatenate([[0], np.cumsum(tables["tiers"])[:-1]])
    contracts["first_table"], contracts["tables"] = np.arange(legs), 1
    for name in ("tick", "minimum_notional", "maker", "taker"):
        contracts[name] = 0.0
    contracts["lot"] = [lot_of(position.quantity) for position in positions]
    contracts["price_band"] = np.inf
    rules = _rows([position.terms.term for position in positions])
    if shared_wallet is None:
        openings = [opening_of(position) for position in positions]
        cash = 1e9 + 3.0 * sum(abs(position.margin) for position in positions)
    else:
        openings, cash = [(position.leverage, 0.0) for position in positions], shared_wallet
    simulation = Simulation(
        prices=_prices(positions, marks),
        start_ns=0,
        bar_ns=HOUR_NS,
        funding=np.zeros(0, FUNDING),
        contracts=contracts,
        tier_tables=tables,
        tiers=_rows([tier for position in positions for tier in position.terms.tiers]),
        rules=rules,
        cash=cash,
        cross=shared_wallet is not None,
        decision_every=0,
        schedule=_schedule(positions, openings),
    )
    simulation.advance()
    return simulation.ledger


def lot_of(quantity: float) -> float:
    """A quantity step that is fine beside `quantity`."""
    return float(10.0 ** (np.floor(np.log10(abs(quantity))) - 9.0))


def liquidations(ledger: np.ndarray) -> np.ndarray:
    """The rows of a ledger in which the venue took a position or a part of it."""
    return ledger[np.isin(ledger["kind"], (LedgerKind.LIQUIDATION, LedgerKind.PARTIAL_LIQUIDATION))]


def _rows(records: Sequence[np.void]) -> np.ndarray:
    rows = np.empty(len(records), records[0].dtype)
    for row, record in enumerate(records):
        rows[row] = record
    return rows


def _prices(positions: Sequence[Position], marks: np.ndarray) -> np.ndarray:
    entries = np.array([position.entry_price for position in positions])
    prices = np.empty((len(positions), 9, FIRST_MARK + marks.shape[1]))
    prices[:] = entries[:, None, None]
    prices[:, 4] = 1.0
    prices[:, 5:, FIRST_MARK:] = marks[:, None, :]
    return prices


def _schedule(positions: Sequence[Position], openings: Sequence[tuple[float, float]]) -> np.ndarray:
    legs = len(positions)
    rows = commands(2 * legs)
    orders, additions = rows[:legs], rows[legs:]
    quantity = np.array([position.quantity for position in positions])
    orders["leg"] = additions["leg"] = np.arange(legs)
    orders["kind"], orders["order_kind"] = CommandKind.ORDER, OrderKind.MARKET
    orders["side"] = np.where(quantity > 0.0, Side.BUY, Side.SELL)
    orders["size_kind"], orders["size"], orders["trigger_on"] = SizeKind.QUANTITY, abs(quantity), PriceSource.LAST
    orders["leverage"] = [leverage for leverage, _ in openings]
    additions["bar"], additions["kind"] = 1, CommandKind.ADD_MARGIN
    additions["amount"] = [rest for _, rest in openings]
    return np.concatenate([orders, additions[additions["amount"] > 0.0]])
