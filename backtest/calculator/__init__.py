"""The isolated-margin calculator: where a position is liquidated, what it needs, what a top-up does. Exported as
`bt.calc`.

It calls the very functions that the broker kernel runs on (`backtest.broker`), so that a figure here is the figure in a
backtest. A position's terms name a venue, a symbol and a date, or give the maintenance rate outright, or both.

    >>> from backtest import calculator as calc
    >>> terms = calc.Terms.of(maintenance_rate=0.004)
    >>> position = calc.Position.opened("long", 0.5, 60_000, leverage=10, terms=terms)
    >>> round(calc.liquidation_price(position), 2), calc.bankruptcy_price(position)
    (54216.87, 54000.0)
    >>> round(calc.top_up_for(position, liquidation_price=50_000), 2)
    2100.0

Linear contracts count quantity in base units and money in quote currency; inverse ones count quantity in quote units
and money in coin. Rates are plain fractions.
"""

from backtest.calculator.assessment import (
    Assessment,
    assess,
    bankruptcy_price,
    is_liquidated,
    liquidation_price,
    maintenance_margin,
    margin_balance,
    printed_price,
    removable_margin,
    requirement,
    returned,
)
from backtest.calculator.batch import Batch, answers
from backtest.calculator.cross import Held, SideBySide, cross_position, side_by_side
from backtest.calculator.endurance import Endurance, endurance
from backtest.calculator.formula import explain
from backtest.calculator.ladder import Rung, ladder
from backtest.calculator.outcome import Costs, Outcome, break_even, outcome, price_for
from backtest.calculator.position import Position
from backtest.calculator.risk import TouchedShare, touch_probability, touched_share
from backtest.calculator.sequence import State, Step, play
from backtest.calculator.terms import Terms
from backtest.calculator.wanted import (
    LeverageLimit,
    PartialClose,
    close_for,
    closing,
    entry_for,
    margin_for,
    max_leverage,
    size_for_liquidation,
    size_for_margin,
    size_for_risk,
    top_up_for,
)

__all__ = [
    "Assessment",
    "Batch",
    "Costs",
    "Endurance",
    "Held",
    "LeverageLimit",
    "Outcome",
    "PartialClose",
    "Position",
    "Rung",
    "SideBySide",
    "State",
    "Step",
    "Terms",
    "TouchedShare",
    "answers",
    "assess",
    "bankruptcy_price",
    "break_even",
    "close_for",
    "closing",
    "cross_position",
    "endurance",
    "entry_for",
    "explain",
    "is_liquidated",
    "ladder",
    "liquidation_price",
    "maintenance_margin",
    "margin_balance",
    "margin_for",
    "max_leverage",
    "outcome",
    "play",
    "price_for",
    "printed_price",
    "removable_margin",
    "requirement",
    "returned",
    "side_by_side",
    "size_for_liquidation",
    "size_for_margin",
    "size_for_risk",
    "top_up_for",
    "touch_probability",
    "touched_share",
]
