"""The result of an account in several settlement currencies: its parts, and all of them told in one currency.

`parts` are whole results, one a currency, each in its own money. Here the rows of all stand in order of time, each in
the money of its contract; equity, its curves and the metrics are in the currency that the account is told in, at the
marks that `conversions` name. A row's money is converted at the close of its bar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backtest.config import RunConfig
from backtest.errors import UsageError
from backtest.market.conversion import Conversion
from backtest.market.history import MarketHistory
from backtest.report.margin_use import Attribution, turnover
from backtest.report.metrics import Evidence, Metrics, measure
from backtest.report.numbers import money, with_name
from backtest.report.summary import Heading
from backtest.result import Records, Result
from backtest.tables import curves
from backtest.tables.columns import documented
from backtest.venues.symbols import settlement

if TYPE_CHECKING:
    import pandas as pd

    from backtest.vectorbt_portfolio import PerpetualPortfolio

LEDGER_MONEY = ("wallet", "margin", "fees", "funding", "pnl", "liquidation_fee", "insurance", "deposit", "slippage")
TRADE_MONEY = (
    "margin_posted", "margin_added", "margin_removed", "pnl_price", "slippage", "fees", "funding", "liquidation_fee",
    "insurance", "pnl",
)  # fmt: skip
TRAIL_MONEY = ("margin", "unrealised_pnl", "notional", "maintenance_margin")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CombinedResult(Result):
    """A finished run of several wallets. places: for each leg its part, and its number there."""

    parts: tuple[Result, ...]
    conversions: tuple[Conversion, ...]
    places: tuple[tuple[int, int], ...]

    @classmethod
    def of(
        cls,
        parts: tuple[Result, ...],
        conversions: tuple[Conversion, ...],
        *,
        history: MarketHistory,
        config: RunConfig,
        notes: tuple[str, ...],
        places: tuple[tuple[int, int], ...],
    ) -> CombinedResult:
        """The parts as one."""
        first = parts[0]
        return cls(
            history=history,
            records=merged(parts, places),
            config=config,
            strategy=first.strategy,
            notes=notes,
            interrupted=first.interrupted,
            bars=first.bars,
            parts=parts,
            conversions=conversions,
            places=places,
        )

    @cached_property
    def rates(self) -> NDArray[np.float64]:
        """What one unit of each part's currency is worth, (parts, bars + 1): at the first open, and at each close."""
        return np.stack([each.rates(self.history) for each in self.conversions])[:, : self.length + 1]

    @property
    def currency(self) -> str:
        """The currency that the account is told in."""
        return self.conversions[0].told_in

    @property
    def deposit(self) -> float:
        """The deposits, at the rates of the first open."""
        return float(sum(part.deposit * rate for part, rate in zip(self.parts, self.rates[:, 0], strict=True)))

    def _told(self, name: str) -> NDArray[np.float64]:
        """The sum of the parts' curves over all base bars."""
        told: NDArray[np.float64] = np.sum(
            [_curve(part, name) * rates[1:] for part, rates in zip(self.parts, self.rates, strict=True)], axis=0
        )
        return told

    @cached_property
    def benchmark(self) -> NDArray[np.float64]:
        """Equity of buy and hold, each deposit in the contracts of its own currency."""
        return self._told("benchmark")

    @cached_property
    def extremes(self) -> curves.Extremes:
        """What happened inside the base bars; `excursions` are in the parts, for trades are numbered there."""
        nearest = np.stack([self.parts[part].extremes.nearest[leg] for part, leg in self.places])
        none = self.parts[0].extremes.excursions[:0]
        return curves.Extremes(
            excursions=none, nearest=nearest, equity=self._told("equity"), equity_low=self._told("equity_low")
        )

    def _curves(self, bars: NDArray[np.int64], told: bool) -> curves.Curves:
        """The parts' curves side by side; money as it is, or as it is told."""
        each = self.legs.each
        found = [curves.follow_ledger(part.records.ledger, part.history, bars, each) for part in self.parts]
        trail = np.stack([found[part].trail[:, leg] for part, leg in self.places], axis=1)
        rates = self.rates[:, bars + 1]
        if told:
            for column, (part, _) in enumerate(self.places):
                for name in TRAIL_MONEY:
                    trail[name][:, column] *= rates[part]
        wallet = np.sum([one.wallet * rate for one, rate in zip(found, rates, strict=True)], axis=0)
        return curves.Curves(bars=bars, wallet=wallet, trail=trail)

    @cached_property
    def decision_curves(self) -> curves.Curves:
        """The state of the account and of each leg at the decision bars, told in one currency."""
        return self._curves(curves.decision_bars(self.history, self.length), told=True)

    def equity_at(self, when: str) -> pd.DataFrame:
        """As `Result.equity_at`, told in one currency."""
        if when != "bar":
            return super().equity_at(when)
        frame = curves.equity_table(self._curves(np.arange(self.length), told=True), self.history, self.deposit)
        frame.insert(1, "equity_low", self.extremes.equity_low)
        return frame

    @cached_property
    def positions(self) -> pd.DataFrame:
        """Every open position at the close of each decision bar, in the money of its contract."""
        return curves.position_table(
            self._curves(curves.decision_bars(self.history, self.length), told=False), self.history, self.legs
        )

    @cached_property
    def trades(self) -> pd.DataFrame:
        """As `Result.trades`, each in the money of its contract; `return_equity` is of its own wallet."""
        import pandas as pd

        parts = []
        for number, part in enumerate(self.parts):
            frame = part.trades.copy()
            frame["trade"] = [self._trades[number, each] for each in frame["trade"]]
            parts.append(frame)
        whole = pd.concat(parts).sort_values("trade", kind="stable")
        whole.insert(2, "currency", whole["symbol"].map(settlement).astype("str"))
        return documented(whole)

    @cached_property
    def _trades(self) -> Mapping[tuple[int, int], int]:
        return trade_numbers(self.parts)

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """As `Result.ledger`, each row in the money of its wallet; `wallet_after` is that wallet's."""
        frame = super().ledger.copy()
        frame.insert(3, "currency", np.array(self.history.currencies)[_order(self.parts)["part"]])
        frame["currency"] = frame["currency"].astype("str")
        return documented(frame)

    @cached_property
    def metrics(self) -> Metrics:
        """Figures of merit, told in one currency."""
        bars = self.length
        rates = self._rate_of(self.ledger, "bar")
        ledger = _converted(self.ledger, LEDGER_MONEY, rates)
        ended = self.trades["close_time"].fillna(self.equity.index[-1])
        at = np.minimum((_ns(ended) - self.history.start_ns) // self.history.interval_ns, bars - 1)
        trades = _converted(self.trades, TRADE_MONEY, self._rate_of(self.trades.assign(bar=at), "bar"))
        found = measure(
            Evidence(
                cash=self.deposit,
                interval_ns=self.history.interval_ns,
                close_ns=curves.close_ns(self.history, np.arange(bars)),
                bar_equity=self.extremes.equity,
                bar_equity_low=self.extremes.equity_low,
                benchmark=self.benchmark,
                nearest=self.extremes.nearest,
                equity=self.equity,
                positions=self.positions,
                trades=trades,
                ledger=ledger,
                orders=self.orders,
                notices=self.notices,
                origin=self._origin(ledger),
            ),
            self.currency,
        )
        return Metrics(dict(found) | {"turnover": turnover(self.ledger, rates)}, self.currency)

    def _rate_of(self, frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
        part = {currency: number for number, currency in enumerate(self.history.currencies)}
        found: NDArray[np.float64] = self.rates[
            frame["currency"].map(part).to_numpy(int), frame[name].to_numpy(int) + 1
        ]
        return found

    def _origin(self, ledger: pd.DataFrame) -> Attribution:
        """Where the change of equity came from: what each wallet made, bar by bar at its close, and what it is worth.

        A wallet's change of worth over a bar is its gain in its own money at the close's rate, and the rate's move on
        what it held before.
        """
        made = moved = 0.0
        for part, rates in zip(self.parts, self.rates, strict=True):
            held = np.concatenate(([part.deposit], part.extremes.equity))
            made += float((np.diff(held) * rates[1:]).sum())
            moved += float((held[:-1] * np.diff(rates)).sum())
        rows = ledger[ledger["kind"] != "deposit"]
        slippage = -float(rows["slippage"].sum())
        fees, funding = -float(rows["fees"].sum()), -float(rows["funding"].sum())
        taken, insurance = -float(rows["liquidation_fee"].sum()), -float(rows["insurance"].sum())
        price = made - fees - funding - taken - insurance
        change = float(self.extremes.equity[-1]) - self.deposit
        return Attribution(
            price - slippage, slippage, fees, funding, taken, insurance, change - made - moved, conversion=moved
        )

    def to_vectorbt(self) -> PerpetualPortfolio:
        """Refused: vectorbt has one currency."""
        raise UsageError(
            f"this account is in {', '.join(self.history.currencies)}, and vectorbt has one currency; "
            "take a part of it: result.parts[0].to_vectorbt()"
        )

    @property
    def heading(self) -> Heading:
        """What was run on what, with what became of each wallet."""
        wallets = tuple(
            f"{money(part.deposit, name)} → {with_name(float(part.extremes.equity[-1]), name)}"
            for part, name in zip(self.parts, self.history.currencies, strict=True)
        )
        return replace(super().heading, wallets=wallets)


def _curve(part: Result, name: str) -> NDArray[np.float64]:
    found: NDArray[np.float64] = part.benchmark if name == "benchmark" else getattr(part.extremes, name)
    return found


def _ns(times: pd.Series[Any]) -> NDArray[np.int64]:
    import pandas as pd

    return pd.DatetimeIndex(times).as_unit("ns").asi8


def _converted(frame: pd.DataFrame, names: Sequence[str], rates: NDArray[np.float64]) -> pd.DataFrame:
    told = frame.copy()
    for name in names:
        told[name] = told[name] * rates
    return told


def _order(parts: Sequence[Result], table: str = "ledger") -> dict[str, NDArray[np.int64]]:
    """The rows of all parts in order of time: part and row of each."""
    part = np.concatenate([np.full(len(getattr(each.records, table)), at) for at, each in enumerate(parts)])
    row = np.concatenate([np.arange(len(getattr(each.records, table))) for each in parts])
    rows = np.concatenate([getattr(each.records, table) for each in parts])
    within = () if table == "orders" else (rows["fraction"], rows["segment"])
    order = np.lexsort((row, part, *within, rows["bar"]))
    return {"part": part[order], "row": row[order]}


def trade_numbers(parts: Sequence[Result]) -> dict[tuple[int, int], int]:
    """Part and number of a trade there: its number in the whole, in the order of opening."""
    found: dict[tuple[int, int], int] = {}
    order = _order(parts)
    for part, row in zip(order["part"].tolist(), order["row"].tolist(), strict=True):
        trade = int(parts[part].records.ledger[row]["trade"])
        if trade > 0:
            found.setdefault((part, trade), len(found) + 1)
    return found


def merged(parts: Sequence[Result], places: Sequence[tuple[int, int]]) -> Records:
    """The rows of all parts in order of time, with the run's numbers of legs, orders, alerts and trades."""
    legs = {place: leg for leg, place in enumerate(places)}
    trades = trade_numbers(parts)
    tables = {name: _whole(parts, name, legs, trades) for name in ("ledger", "orders", "notices")}
    ledger, notices = tables["ledger"], tables["notices"]
    keys = [np.concatenate((ledger[name], notices[name])) for name in ("segment", "bar")]
    first = np.concatenate((np.arange(len(ledger)), np.arange(len(notices))))
    fraction = np.concatenate((ledger["fraction"], notices["fraction"]))
    kind = np.concatenate((np.zeros(len(ledger)), np.ones(len(notices))))
    order = np.lexsort((first, kind, fraction, *keys))
    sequence = np.empty(order.size, np.int64)
    sequence[order] = np.arange(order.size)
    ledger["sequence"], notices["sequence"] = sequence[: len(ledger)], sequence[len(ledger) :]
    return Records(ledger=ledger, orders=tables["orders"], notices=notices, tags=parts[0].records.tags)


def _whole(
    parts: Sequence[Result],
    name: str,
    legs: Mapping[tuple[int, int], int],
    trades: Mapping[tuple[int, int], int],
) -> NDArray[np.void]:
    order = _order(parts, name)
    begins = np.cumsum([0, *(len(getattr(each.records, name)) for each in parts)])
    rows = np.concatenate([getattr(each.records, name) for each in parts])[begins[order["part"]] + order["row"]]
    part = order["part"]
    rows["leg"] = [legs.get((p, leg), -1) for p, leg in zip(part.tolist(), rows["leg"].tolist(), strict=True)]
    for column in ("order", "number", "parent", "group", "alert"):
        if column in (rows.dtype.names or ()):
            rows[column] = np.where(rows[column] > 0, rows[column] * len(parts) + part, rows[column])
    if name == "ledger":
        numbers = zip(part.tolist(), rows["trade"].tolist(), strict=True)
        rows["trade"] = [trades.get(each, 0) for each in numbers]
    return rows
