"""Hyperliquid on the wire: every request is `POST /info` with a `type`, oldest rows first, prices as text.

After "Info endpoint" at hyperliquid.gitbook.io (read November 2026) and the sample responses in ccxt's own source.
The venue has no bars of the mark price, and of candles only the latest 5,000 of each interval: a year of minutes
cannot be had from it. Asked to, this server gives its whole history instead, 5,000 a page from startTime on. Funding:
500 a page from startTime on, hourly there, with stamps some milliseconds late. Contracts are named by their coin and
are all in USDC.

Left out: everything but market data; spot and builder-deployed markets are empty.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backtest.clock import interval_ns
from backtest.market.series import SeriesKind
from data.loopback.instruments import Instrument
from data.loopback.shelf import MILLISECOND_NS, Shelf
from data.loopback.wire import Page, RefusedError, Reply, Request, first_rows, texts, window

INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "3d", "1w")
CANDLES = 5000
SETTLEMENTS = 500
LATE_MS = 50

Asked = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class HyperliquidWire:
    """Hyperliquid's info endpoint over a shelf."""

    shelf: Shelf
    whole_history: bool = False

    def answer(self, request: Request) -> Reply:
        """The reply to a request."""
        if request.method != "POST" or request.path != "/info":
            raise RefusedError(Reply(status=404, body=None))
        try:
            asked = json.loads(request.body)
        except ValueError as error:
            raise _unreadable() from error
        routes: dict[str, Callable[[Asked], Reply]] = {
            "meta": self._meta,
            "metaAndAssetCtxs": self._contexts,
            "candleSnapshot": self._candles,
            "fundingHistory": self._funding,
            "exchangeStatus": self._status,
            "spotMeta": lambda asked: Reply(body=_spot()),
            "spotMetaAndAssetCtxs": lambda asked: Reply(body=[_spot(), []]),
            "perpDexs": lambda asked: Reply(body=[None]),
        }
        if not isinstance(asked, dict) or asked.get("type") not in routes:
            raise _unreadable()
        return routes[str(asked["type"])](asked)

    def rate_limited(self, retry_after_s: int) -> Reply:
        """429 without words."""
        return Reply(status=429, body=None, headers={"Retry-After": str(retry_after_s)})

    def banned(self) -> Reply:
        """HTTP 403 of the shield in front of the venue."""
        return Reply(status=403, body=None)

    def failed(self, status: int) -> Reply:
        """A server error; the venue says `null`."""
        return Reply(status=status, body=None)

    def _candles(self, asked: Asked) -> Reply:
        wanted = asked.get("req")
        if not isinstance(wanted, dict) or wanted.get("interval") not in INTERVALS:
            raise _unreadable()
        listed = self._instrument(wanted.get("coin"))
        interval = str(wanted["interval"])
        bars = self.shelf.series(listed.symbol, SeriesKind.OHLCV, interval_ns(interval) // MILLISECOND_NS)
        if bars is None:
            return Reply(body=[])
        now = self.shelf.clock()
        visible = bars.visible(now)
        low, high = window(bars.time_ms, visible, _number(wanted, "startTime", 0), _number(wanted, "endTime", now))
        if not self.whole_history:
            low = min(max(low, visible - CANDLES), high)
        low, high = first_rows(low, high, CANDLES)

        def rows(first: int, last: int) -> list[object]:
            made: list[object] = []
            for opened, *prices, volume in bars.rows(first, last, now):
                start, top, bottom, end, amount = texts((*prices, volume))
                candle = {"t": opened, "T": opened + bars.interval_ms - 1, "s": listed.base, "i": interval}
                made.append({**candle, "o": start, "c": end, "h": top, "l": bottom, "v": amount, "n": 0})
            return made

        return Reply(
            page=Page(low=low, high=high, visible=visible, rows=rows, wrap=lambda made: made, series=bars.name)
        )

    def _funding(self, asked: Asked) -> Reply:
        listed = self._instrument(asked.get("coin"))
        held = self.shelf.funding.get(listed.symbol)
        if held is None:
            return Reply(body=[])
        if "startTime" not in asked:
            raise _unreadable()
        now = self.shelf.clock()
        stamps = held.time_ms + (held.time_ms // 60_000) % LATE_MS
        visible = held.visible(now)
        low, high = window(stamps, visible, _number(asked, "startTime", 0), _number(asked, "endTime", now))
        low, high = first_rows(low, high, SETTLEMENTS)

        def rows(first: int, last: int) -> list[object]:
            pairs = zip(stamps[first:last].tolist(), texts(held.rate[first:last].tolist()), strict=True)
            return [{"coin": listed.base, "fundingRate": rate, "premium": "0.0", "time": at} for at, rate in pairs]

        return Reply(
            page=Page(low=low, high=high, visible=visible, rows=rows, wrap=lambda made: made, series=held.name)
        )

    def _meta(self, asked: Asked) -> Reply:
        return Reply(body=self._universe())

    def _contexts(self, asked: Asked) -> Reply:
        contexts = []
        for each in self.shelf.instruments:
            price = texts([each.last_price])[0]
            contexts.append(
                {
                    "dayNtlVlm": "0.0",
                    "funding": "0.0",
                    "impactPxs": [price, price],
                    "markPx": price,
                    "midPx": price,
                    "openInterest": "0.0",
                    "oraclePx": price,
                    "premium": "0.0",
                    "prevDayPx": price,
                }
            )
        return Reply(body=[self._universe(), contexts])

    def _universe(self) -> object:
        listed = self.shelf.instruments
        tables = [{"description": "", "marginTiers": _rungs(each)} for each in listed]
        return {
            "universe": [
                {
                    "szDecimals": len(each.lot.partition(".")[2]),
                    "name": each.base,
                    "maxLeverage": int(each.leverage),
                    "marginTableId": number,
                }
                for number, each in enumerate(listed)
            ],
            "marginTables": [[number, table] for number, table in enumerate(tables)],
            "collateralToken": 0,
        }

    def _status(self, asked: Asked) -> Reply:
        return Reply(body={"specialStatuses": None, "time": self.shelf.clock()})

    def _instrument(self, coin: object) -> Instrument:
        for each in self.shelf.instruments:
            if each.base == coin:
                return each
        raise RefusedError(Reply(status=500, body=None))


def _rungs(each: Instrument) -> list[object]:
    return [{"lowerBound": texts([tier.floor])[0], "maxLeverage": int(tier.leverage)} for tier in each.tiers]


def _spot() -> dict[str, object]:
    usdc = {"name": "USDC", "szDecimals": 8, "weiDecimals": 8, "index": 0, "tokenId": "0x0", "isCanonical": True}
    return {"tokens": [usdc], "universe": []}


def _number(asked: Asked, name: str, default: int) -> int:
    value = asked.get(name)
    if value is None:
        return default
    if not isinstance(value, int):
        raise _unreadable()
    return value


def _unreadable() -> RefusedError:
    return RefusedError(Reply(status=422, body="Failed to deserialize the JSON body into the target type"))
