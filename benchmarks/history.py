"""The works' market as a history under Binance's rules, the works' fee and a lot that rounds nothing away."""

from __future__ import annotations

import numpy as np

from backtest.broker.records import FUNDING
from backtest.market.contract import Contract, TierTable
from backtest.market.history import MarketHistory
from benchmarks.dataset import Dataset
from benchmarks.works import DECIMALS, FEE, HOUR_NS, START_NS

TIERS = TierTable.from_rungs(
    0, [(5e5, 0.004, 125.0), (1e7, 0.005, 100.0), (1e12, 0.01, 50.0)], "made for the benchmark"
)
LOT = 1e-8


def contract(symbol: str, decimals: int) -> Contract:
    """A contract with the tick of the market and the fee of the works."""
    return Contract(
        venue="binance",
        symbol=f"{symbol}/USDT:USDT",
        tick=10.0**-decimals,
        lot=LOT,
        minimum_notional=5.0,
        maker=FEE,
        taker=FEE,
        liquidation_fee=0.0125,
        price_band=np.inf,
        tier_tables=(TIERS,),
        sources=("made for the benchmark",),
    )


def settlements(legs: int, bars: int, bar_ns: int, rate: float = 0.0001) -> np.ndarray:
    """Funding every eight hours."""
    stamps = np.arange(0, bars, 8 * HOUR_NS // bar_ns)
    rows = np.zeros(len(stamps) * legs, FUNDING)
    rows["bar"], rows["leg"] = np.repeat(stamps, legs), np.tile(np.arange(legs), len(stamps))
    rows["time_ns"], rows["rate"] = START_NS + rows["bar"] * bar_ns, rate
    return rows


def history(data: Dataset, *, funding: bool = False, decide_ns: int | None = None) -> MarketHistory:
    """The market as a history; mark equals last. `decide_ns`: the decision bar, if not the base bar."""
    columns = np.stack([data.open, data.high, data.low, data.close], axis=1)
    prices = np.concatenate([columns, data.volume[:, None], columns], axis=1)
    legs = len(data.symbols)
    return MarketHistory(
        venue="binance",
        symbols=tuple(f"{symbol}/USDT:USDT" for symbol in data.symbols),
        interval_ns=data.bar_ns,
        timeframe_ns=decide_ns or data.bar_ns,
        start_ns=START_NS,
        prices=prices,
        funding=settlements(legs if funding else 0, data.bars, data.bar_ns),
        contracts=tuple(contract(*each) for each in zip(data.symbols, DECIMALS, strict=False)),
        synthetic=True,
    )
