"""How close the run came to liquidation, what its margin went through, and what it cost: one pure function a figure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backtest.enums import FILL_KINDS, TAKEN_KINDS, LedgerKind, Liquidity, label
from backtest.venues.symbols import is_inverse

if TYPE_CHECKING:
    import pandas as pd

    Money = pd.Series[float]


class Attribution(NamedTuple):
    """Where the change of equity came from; the parts and the residual sum to it. Costs are negative."""

    price: float
    """Moves of the price between the fills, slippage taken out; unrealised PnL included."""
    slippage: float
    fees: float
    funding: float
    liquidation_fees: float
    insurance: float
    """What the insurance fund paid (positive), or took beyond the fee."""
    residual: float
    """What the parts do not explain: zero but for rounding of the last digits."""
    conversion: float = 0.0
    """Moves of the rates at which wallets of other currencies are reported."""


def attribution(ledger: pd.DataFrame, unrealised: float, change: float) -> Attribution:
    """Split the `change` of equity since the deposit; `unrealised` is the PnL of what is open at the end."""
    price = unrealised - float(ledger["pnl"].sum())
    slippage = -float(ledger["slippage"].sum())
    fees, funding = -float(ledger["fees"].sum()), -float(ledger["funding"].sum())
    liquidation_fees, insurance = -float(ledger["liquidation_fee"].sum()), -float(ledger["insurance"].sum())
    residual = change - math.fsum((price, fees, funding, liquidation_fees, insurance))
    return Attribution(price - slippage, slippage, fees, funding, liquidation_fees, insurance, residual)


def turnover(ledger: pd.DataFrame, rates: NDArray[np.float64] | None = None) -> float:
    """Sum of the notionals of all fills, liquidations included; `rates` converts each row of the ledger."""
    chosen = ledger["kind"].isin([label(kind) for kind in FILL_KINDS]).to_numpy()
    fills = ledger[chosen]
    size, at = fills["quantity"].abs().to_numpy(), fills["price"].to_numpy()
    value = np.where(fills["symbol"].map(is_inverse).to_numpy(bool), size / at, size * at)
    return float((value if rates is None else value * rates[chosen]).sum())


def fees_of(ledger: pd.DataFrame, liquidity: Liquidity) -> float:
    """Fees paid as maker or as taker."""
    return float(ledger.loc[ledger["liquidity"] == label(liquidity), "fees"].sum())


class Liquidations(NamedTuple):
    """How often the venue took a position over, and what that cost."""

    number: int
    loss: float
    """Margin lost in them: posted margin less what came back (not negative)."""
    insurance_paid: float
    """Losses beyond the margin, borne by the insurance fund."""


def liquidations(ledger: pd.DataFrame) -> Liquidations:
    """Number and cost of the liquidations."""
    rows = ledger[ledger["kind"].isin([label(kind) for kind in TAKEN_KINDS])]
    lost = (-(rows["margin"] + rows["wallet"])).clip(lower=0.0).sum()
    whole = int((rows["kind"] == label(LedgerKind.LIQUIDATION)).sum())
    return Liquidations(whole, float(lost), float(-ledger["insurance"].clip(upper=0.0).sum()))


def liquidation_share(liquidation_loss: float, pnl: Money) -> float:
    """Margin lost in liquidations as a share of the sum of all losing trades."""
    return _ratio(liquidation_loss, float(-pnl[pnl < 0.0].sum()))


class Rescue(NamedTuple):
    """What became of positions to which margin was added."""

    rate: float
    """Share of them that were closed at break-even or better."""
    margin_lost: float
    """Margin added to positions that were liquidated all the same: good money after bad."""


def rescue(closed: pd.DataFrame) -> Rescue:
    """Fate of the closed trades to which margin was added."""
    helped = closed[closed["margin_added"] > 0.0]
    rate = float((helped["pnl"] >= 0.0).mean()) if len(helped) else math.nan
    lost = helped.loc[helped["exit_reason"] == label(LedgerKind.LIQUIDATION), "margin_added"].sum()
    return Rescue(rate, float(lost))


class Nearness(NamedTuple):
    """Distances to liquidation, on mark extremes, over all base bars with an open position."""

    least: float
    percentile_1: float
    percentile_5: float
    share_below_5: float
    """Share of these bars in which the distance fell below 5 %."""


def nearness(nearest: NDArray[np.float64]) -> Nearness:
    """Distribution of the least distance within each base bar; `nearest` is (legs, bars), NaN while flat."""
    known = nearest[np.isfinite(nearest)]
    if not known.size:
        return Nearness(math.nan, math.nan, math.nan, math.nan)
    low, lower = np.quantile(known, (0.01, 0.05))
    return Nearness(float(known.min()), float(low), float(lower), float(np.mean(known < 0.05)))


class FundingFlow(NamedTuple):
    """Funding of the run."""

    paid: float
    received: float
    net: float
    """Paid less received: a cost is positive."""


def funding_flow(payments: Money) -> FundingFlow:
    """Sums of what was paid and what was received."""
    paid, received = float(payments.clip(lower=0.0).sum()), float(-payments.clip(upper=0.0).sum())
    return FundingFlow(paid, received, paid - received)


def yearly_on_margin(cost: float, mean_margin: float, days: float) -> float:
    """A cost as a yearly rate on the mean margin posted."""
    return _ratio(cost * 365.0, mean_margin * days)


def leverage_hours(leverage: NDArray[np.float64], hours: float) -> dict[str, float]:
    """Hours that the account spent at each level of leverage; `hours` is the length of one bar.

    >>> leverage_hours(np.array([0.0, 0.5, 2.5, 2.6]), 1.0)["2x to 3x"]
    2.0
    """
    edges = [0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, math.inf]
    names = ["flat", "up to 1x", "1x to 2x", "2x to 3x", "3x to 5x", "5x to 10x", "10x to 20x", "above 20x"]
    bucket = np.searchsorted(edges, np.nan_to_num(leverage), side="left")
    counts = np.bincount(bucket, minlength=len(names))
    return {name: float(count) * hours for name, count in zip(names, counts, strict=False)}


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0.0 else math.nan
