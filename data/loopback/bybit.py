"""Bybit v5 on the wire: `/v5/market/...`, newest rows first, every number as text, errors in `retCode` under HTTP 200.

After "Bybit API v5, Market" at bybit-exchange.github.io/docs/v5 (read November 2026) and the sample responses in
ccxt's own source. Bars: 200 a page, at most 1,000; `start` alone gives the bars from the one that holds it on, with
`end` the last ones of the range. Funding: at most 200 a page, the last ones of the range; a startTime without an
endTime is an error, as it is there.

Left out: everything but market data. Spot, inverse and option categories list no instruments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backtest.clock import DAY_NS, MINUTE_NS, WEEK_NS
from backtest.market.series import SeriesKind
from data.loopback.instruments import Instrument
from data.loopback.shelf import MILLISECOND_NS, Shelf
from data.loopback.wire import Page, RefusedError, Reply, Request, first_rows, last_rows, texts, window

INTERVALS_NS = {str(minutes): minutes * MINUTE_NS for minutes in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)}
INTERVALS_NS |= {"D": DAY_NS, "W": WEEK_NS}
KINDS = {
    "/v5/market/kline": SeriesKind.OHLCV,
    "/v5/market/mark-price-kline": SeriesKind.MARK,
    "/v5/market/index-price-kline": SeriesKind.INDEX,
}
CATEGORIES = ("linear", "inverse", "spot", "option")
BAD_PARAMETER = 10001


@dataclass(frozen=True, kw_only=True)
class BybitWire:
    """Bybit's v5 REST interface over a shelf."""

    shelf: Shelf

    def answer(self, request: Request) -> Reply:
        """The reply to a request."""
        if request.path in KINDS:
            return self._bars(request, KINDS[request.path])
        routes: dict[str, Callable[[Request], Reply]] = {
            "/v5/market/funding/history": self._funding,
            "/v5/market/instruments-info": self._instruments,
            "/v5/market/risk-limit": self._risk_limits,
            "/v5/market/time": self._time,
        }
        if request.path not in routes:
            raise RefusedError(Reply(status=404, body="404 page not found"))
        return routes[request.path](request)

    def rate_limited(self, retry_after_s: int) -> Reply:
        """retCode 10006 under HTTP 200; the reset stands in a header."""
        reset = {"X-Bapi-Limit-Reset-Timestamp": str(self.shelf.clock() + 1000 * retry_after_s)}
        return Reply(body=self._said(10006, "Too many visits. Exceeded the API Rate Limit.", {}), headers=reset)

    def banned(self) -> Reply:
        """HTTP 403: access too frequent."""
        return Reply(status=403, body=self._said(10018, "access too frequent", {}))

    def failed(self, status: int) -> Reply:
        """A server error with the venue's own body."""
        return Reply(status=status, body=self._said(10016, "Server error.", {}))

    def _bars(self, request: Request, kind: SeriesKind) -> Reply:
        category, listed = self._instrument(request)
        interval = request.query.get("interval", "")
        if interval not in INTERVALS_NS:
            raise self._refusal("Invalid period!")
        limit = self._limit(request, default=200, most=1000)
        length = INTERVALS_NS[interval] // MILLISECOND_NS
        head = {"symbol": _symbol(listed), "category": category}
        bars = self.shelf.series(listed.symbol, kind, length)
        if bars is None:
            return Reply(body=self._said(0, "OK", {**head, "list": []}))
        now = self.shelf.clock()
        visible = bars.visible(now)
        start, end = self._number(request, "start"), self._number(request, "end")
        low, high = window(bars.time_ms, visible, None if start is None else start - length + 1, end)
        forward = start is not None and end is None
        low, high = first_rows(low, high, limit) if forward else last_rows(low, high, limit)
        traded = kind is SeriesKind.OHLCV

        def rows(first: int, last: int) -> list[object]:
            made: list[object] = []
            for opened, *prices, volume in reversed(bars.rows(first, last, now)):
                amounts = texts((volume, round(volume * prices[-1], 8))) if traded else []
                made.append([str(opened), *texts(prices), *amounts])
            return made

        return Reply(page=self._page(low, high, visible, rows, head, bars.name))

    def _funding(self, request: Request) -> Reply:
        category, listed = self._instrument(request)
        limit = self._limit(request, default=200, most=200)
        start, end = self._number(request, "startTime"), self._number(request, "endTime")
        if start is not None and end is None:
            raise self._refusal("params error: endTime is required with startTime")
        head = {"category": category}
        held = self.shelf.funding.get(listed.symbol)
        if held is None:
            return Reply(body=self._said(0, "OK", {**head, "list": []}))
        visible = held.visible(self.shelf.clock())
        low, high = last_rows(*window(held.time_ms, visible, start, end), limit)

        def rows(first: int, last: int) -> list[object]:
            pairs = zip(held.time_ms[first:last].tolist(), texts(held.rate[first:last].tolist()), strict=True)
            name = _symbol(listed)
            said = [{"symbol": name, "fundingRate": rate, "fundingRateTimestamp": str(at)} for at, rate in pairs]
            return list(reversed(said))

        return Reply(page=self._page(low, high, visible, rows, head, held.name))

    def _instruments(self, request: Request) -> Reply:
        category = self._category(request)
        listed = self.shelf.instruments if category == "linear" else ()
        chosen = request.query.get("symbol")
        found = [each for each in listed if chosen in (None, _symbol(each))]
        if request.query.get("status", "Trading") != "Trading":
            found = []
        rows = [_listed(each) for each in found]
        return Reply(body=self._said(0, "OK", {"category": category, "list": rows, "nextPageCursor": ""}))

    def _risk_limits(self, request: Request) -> Reply:
        category = self._category(request)
        chosen = request.query.get("symbol")
        listed = [each for each in self.shelf.instruments if category == "linear" and chosen in (None, _symbol(each))]
        if chosen is not None and not listed:
            raise self._refusal("params error: symbol invalid " + chosen)
        rows = [rung for each in listed for rung in _rungs(each)]
        return Reply(body=self._said(0, "OK", {"category": category, "list": rows, "nextPageCursor": ""}))

    def _time(self, request: Request) -> Reply:
        now = self.shelf.clock()
        return Reply(body=self._said(0, "OK", {"timeSecond": str(now // 1000), "timeNano": str(now * MILLISECOND_NS)}))

    def _page(
        self, low: int, high: int, visible: int, rows: Callable[[int, int], list[object]], head: object, series: str
    ) -> Page:
        assert isinstance(head, dict)
        return Page(
            low=low,
            high=high,
            visible=visible,
            rows=rows,
            wrap=lambda made: self._said(0, "OK", {**head, "list": made}),
            series=series,
        )

    def _said(self, code: int, message: str, result: object) -> dict[str, object]:
        return {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": self.shelf.clock()}

    def _refusal(self, message: str) -> RefusedError:
        return RefusedError(Reply(body=self._said(BAD_PARAMETER, message, {})))

    def _category(self, request: Request) -> str:
        category = request.query.get("category", "linear")
        if category not in CATEGORIES:
            raise self._refusal("Illegal category")
        return category

    def _instrument(self, request: Request) -> tuple[str, Instrument]:
        category, said = self._category(request), request.query.get("symbol", "")
        for each in self.shelf.instruments:
            if category == "linear" and _symbol(each) == said:
                return category, each
        raise self._refusal("Not supported symbols" if said else "params error: symbol is required")

    def _limit(self, request: Request, *, default: int, most: int) -> int:
        limit = self._number(request, "limit")
        if limit is None:
            return default
        if limit < 1:
            raise self._refusal("params error: limit invalid")
        return min(limit, most)

    def _number(self, request: Request, name: str) -> int | None:
        text = request.query.get(name)
        if not text:
            return None
        try:
            return int(text)
        except ValueError as error:
            raise self._refusal(f"params error: {name} invalid") from error


def _listed(each: Instrument) -> object:
    leverage = texts([each.leverage])[0]
    return {
        "symbol": _symbol(each),
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": each.base,
        "quoteCoin": each.quote,
        "launchTime": str(each.listed_ms),
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(len(each.tick.partition(".")[2])),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": leverage, "leverageStep": "0.01"},
        "priceFilter": {"minPrice": each.tick, "maxPrice": "1999999.8", "tickSize": each.tick},
        "lotSizeFilter": {
            "maxOrderQty": "1000000",
            "minOrderQty": each.lot,
            "qtyStep": each.lot,
            "postOnlyMaxOrderQty": "1000000",
            "minNotionalValue": texts([each.minimum_notional])[0],
        },
        "unifiedMarginTrade": True,
        "fundingInterval": each.funding_hours * 60,
        "settleCoin": each.quote,
    }


def _rungs(each: Instrument) -> list[object]:
    return [
        {
            "id": number,
            "symbol": _symbol(each),
            "riskLimitValue": texts([tier.cap if tier.cap != float("inf") else 1e12])[0],
            "maintenanceMargin": texts([tier.rate])[0],
            "initialMargin": texts([round(1 / tier.leverage, 6)])[0],
            "isLowestRisk": int(number == 1),
            "maxLeverage": texts([tier.leverage])[0],
            "mmDeduction": texts([tier.amount])[0],
        }
        for number, tier in enumerate(each.tiers, 1)
    ]


def _symbol(each: Instrument) -> str:
    return f"{each.base}PERP" if each.quote == "USDC" else f"{each.base}{each.quote}"
