"""nautilus_trader: its backtest engine on bars, a margin account at 5×; sides worked out beforehand.

A bar moves its market to the close before the strategy is told, so an order fills at the close of the bar that decided
it: its trades are held to the minimal loop under that rule. Its risk checks, logs and analysis are off.
"""

from __future__ import annotations

from decimal import Decimal
from importlib.metadata import version

import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, CurrencyType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

from benchmarks import works
from benchmarks.dataset import Dataset, load
from benchmarks.measure import Run, Stopwatch, measure, named

VENUE = Venue("SIM")
SIZE_DECIMALS = 8
VOLUME = 1e8
"""Of every bar: what an order takes beyond a quarter of a bar's volume would fill a tick worse."""


def instrument(symbol: str, decimals: int) -> CryptoPerpetual:
    """A linear perpetual with the fee of the works."""
    fee = Decimal(str(works.FEE))
    return CryptoPerpetual(
        instrument_id=InstrumentId(Symbol(f"{symbol}USDT"), VENUE),
        raw_symbol=Symbol(f"{symbol}USDT"),
        base_currency=Currency(symbol, 8, 0, symbol, CurrencyType.CRYPTO),
        quote_currency=USDT,
        settlement_currency=USDT,
        is_inverse=False,
        price_precision=decimals,
        price_increment=Price(10.0**-decimals, decimals),
        size_precision=SIZE_DECIMALS,
        size_increment=Quantity(10.0**-SIZE_DECIMALS, SIZE_DECIMALS),
        margin_init=Decimal(1),
        margin_maint=Decimal("0.02"),
        maker_fee=fee,
        taker_fee=fee,
        ts_event=0,
        ts_init=0,
    )


class Trading(Strategy):
    """What both works need: equity, orders, what is held."""

    def __init__(self, types: dict[InstrumentId, BarType]) -> None:
        super().__init__()
        self.types, self.fills = types, 0
        self.held = dict.fromkeys(types, 0.0)
        self.prices: dict[InstrumentId, Price] = {}

    def on_start(self) -> None:
        """Ask for the bars."""
        for each in self.types.values():
            self.subscribe_bars(each)

    def equity(self) -> float:
        """Balance and unrealised profit at the bar's close."""
        equity = self.portfolio.account(VENUE).balance_total(USDT).as_double()
        for key, held in self.held.items():
            if held:
                equity += self.portfolio.unrealized_pnl(key, self.prices[key]).as_double()
        return equity

    def trade(self, key: InstrumentId, change: float) -> None:
        """Buy or sell at the market."""
        size = round(abs(change), SIZE_DECIMALS)
        side = OrderSide.BUY if change > 0 else OrderSide.SELL
        self.submit_order(self.order_factory.market(key, side, Quantity(size, SIZE_DECIMALS)))
        self.held[key] += size if change > 0 else -size
        self.fills += 1


class Crossing(Trading):
    """The cross."""

    def __init__(self, types: dict[InstrumentId, BarType], sides: list[list[int]], share: float) -> None:
        super().__init__(types)
        self.sides = {key: iter(each) for key, each in zip(types, sides, strict=True)}
        self.share = share

    def on_bar(self, bar: Bar) -> None:
        """Turn over where the side has changed."""
        key = bar.bar_type.instrument_id
        self.prices[key] = bar.close
        side = next(self.sides[key])
        if side and side * self.held[key] <= 0:
            self.trade(key, side * self.share * self.equity() / bar.close.as_double() - self.held[key])


class Resizing(Trading):
    """W4; acts when the last symbol's bar of the hour has come."""

    def on_start(self) -> None:
        """Ask for the bars and keep their closes."""
        super().on_start()
        self.closes: dict[InstrumentId, list[float]] = {key: [] for key in self.types}
        self.last = list(self.types)[-1]

    def on_bar(self, bar: Bar) -> None:
        """Resize."""
        key = bar.bar_type.instrument_id
        self.prices[key] = bar.close
        self.closes[key].append(bar.close.as_double())
        if key != self.last or len(self.closes[key]) <= works.LOOKBACK:
            return
        equity = self.equity()
        for each, closes in self.closes.items():
            target = works.wanted(np.array(closes[-works.LOOKBACK - 1 :]), equity)
            change = target - self.held[each]
            if abs(change) > works.BAND * abs(target):
                self.trade(each, change)


def engine() -> BacktestEngine:
    """An engine with one venue and nothing that is not asked for."""
    made = BacktestEngine(
        BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True), risk_engine=RiskEngineConfig(bypass=True), run_analysis=False
        )
    )
    money = [Money(works.CASH, USDT)]
    made.add_venue(VENUE, OmsType.NETTING, AccountType.MARGIN, money, default_leverage=Decimal(5))
    return made


def fed(made: BacktestEngine, data: Dataset) -> dict[InstrumentId, BarType]:
    """Give the engine its instruments and bars; a bar's stamp is its close."""
    step = "1-HOUR" if data.bar_ns == works.HOUR_NS else "1-MINUTE"
    index = pd.to_datetime(data.time_ns + data.bar_ns, utc=True)
    types = {}
    for leg, symbol in enumerate(data.symbols):
        contract = instrument(symbol, works.DECIMALS[leg])
        made.add_instrument(contract)
        kind = BarType.from_str(f"{contract.id}-{step}-LAST-EXTERNAL")
        types[contract.id] = kind
        columns = {name: getattr(data, name)[leg] for name in ("open", "high", "low", "close")}
        columns["volume"] = np.full(data.bars, VOLUME)
        made.add_data(BarDataWrangler(kind, contract).process(pd.DataFrame(columns, index=index)), sort=False)
    made.sort_data()
    return types


def once(work: str, bars: int) -> Run:
    """One run of a work."""
    data = load(work, bars)
    share = works.ALONE if len(data.symbols) == 1 else works.SHARED
    cpu, wall, fills, equities = 0.0, 0.0, 0, []
    for setting in works.ONE_SETTING if work == "W3" else ((works.FAST, works.SLOW),):
        made = engine()
        types = fed(made, data)
        if work == "W4":
            strategy: Trading = Resizing(types)
        else:
            strategy = Crossing(types, [works.sides(each, *setting).tolist() for each in data.close], share)
        made.add_strategy(strategy)
        watch = Stopwatch()
        made.run()
        cpu, wall = cpu + watch.cpu, wall + watch.wall
        fills += strategy.fills
        equities.append(strategy.equity())
        made.dispose()
    return Run(cpu_s=cpu, wall_s=wall, fills=fills, equity=float(np.mean(equities)))


if __name__ == "__main__":
    measure("nautilus_trader", named(), once, version=version("nautilus_trader"), settings=len(works.ONE_SETTING))
