"""Binance USDⓈ-M futures on the wire: `/fapi/v1/...`, oldest rows first, prices as text, times as numbers.

After "USDⓈ-Margined Futures, Market Data" at developers.binance.com (read November 2026) and the sample responses in
ccxt's own source. Bars: 500 a page, at most 1,500; from startTime on where it is given, else the last ones. Funding:
100 a page, at most 1,000, with stamps some milliseconds late, as they are there. Leverage brackets need a signed
request: the key of this loopback venue is `loopback`, and so is the secret.

Left out: everything but market data. What a store does not hold (trades, taker volume) is served as zero; COIN-M, spot
and options list no instruments.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from backtest.clock import interval_ns
from backtest.market.series import SeriesKind
from data.loopback.instruments import Instrument
from data.loopback.shelf import MILLISECOND_NS, ServedBars, Shelf
from data.loopback.wire import Page, RefusedError, Reply, Request, first_rows, last_rows, texts, window

KEY = SECRET = "loopback"
INTERVALS = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w")
KINDS = {
    "/fapi/v1/klines": SeriesKind.OHLCV,
    "/fapi/v1/markPriceKlines": SeriesKind.MARK,
    "/fapi/v1/indexPriceKlines": SeriesKind.INDEX,
}
EMPTY = ("/api/v3/exchangeInfo", "/dapi/v1/exchangeInfo")
LATE_MS = 8
"""Funding stamps are up to this late on the real venue."""


@dataclass(frozen=True, kw_only=True)
class BinanceWire:
    """Binance's USDⓈ-M REST interface over a shelf."""

    shelf: Shelf

    def answer(self, request: Request) -> Reply:
        """The reply to a request."""
        if request.path in KINDS:
            return self._bars(request, KINDS[request.path])
        if request.path == "/fapi/v1/fundingRate":
            return self._funding(request)
        if request.path == "/fapi/v1/exchangeInfo":
            return Reply(body=self._exchange([_listed(each) for each in self.shelf.instruments]))
        if request.path in EMPTY:
            return Reply(body=self._exchange([]))
        if request.path in ("/fapi/v1/time", "/api/v3/time", "/dapi/v1/time"):
            return Reply(body={"serverTime": self.shelf.clock()})
        if request.path == "/fapi/v1/ping":
            return Reply(body={})
        if request.path == "/fapi/v1/leverageBracket":
            return self._brackets(request)
        raise _refusal(404, -5000, f"Path {request.path}, Method {request.method} is invalid")

    def rate_limited(self, retry_after_s: int) -> Reply:
        """429 with Retry-After."""
        body = {"code": -1003, "msg": "Too many requests; current limit of IP(127.0.0.1) is 2400 requests per minute."}
        return Reply(status=429, body=body, headers={"Retry-After": str(retry_after_s)})

    def banned(self) -> Reply:
        """418: went on after a 429."""
        until = self.shelf.clock() + 120_000
        body = {"code": -1003, "msg": f"Way too many requests; IP(127.0.0.1) banned until {until}."}
        return Reply(status=418, body=body, headers={"Retry-After": "120"})

    def failed(self, status: int) -> Reply:
        """A server error with the venue's own body."""
        body = {"code": -1001, "msg": "Internal error; unable to process your request. Please try again."}
        return Reply(status=status, body=body)

    def _exchange(self, symbols: list[object]) -> object:
        limit = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}
        now = self.shelf.clock()
        return {
            "timezone": "UTC",
            "serverTime": now,
            "futuresType": "U_MARGINED",
            "rateLimits": [limit],
            "exchangeFilters": [],
            "assets": [],
            "symbols": symbols,
        }

    def _bars(self, request: Request, kind: SeriesKind) -> Reply:
        listed = self._instrument(request, "pair" if kind is SeriesKind.INDEX else "symbol")
        text = _given(request, "interval")
        if text not in INTERVALS:
            raise _refusal(400, -1120, "Invalid interval.")
        limit = _number(request, "limit", 500)
        if limit is None or not 1 <= limit <= 1500:
            raise _refusal(400, -1130, "Data sent for parameter 'limit' is not valid.")
        bars = self.shelf.series(listed.symbol, kind, interval_ns(text) // MILLISECOND_NS)
        if bars is None:
            return Reply(body=[])
        now = self.shelf.clock()
        visible = bars.visible(now)
        first, last = _number(request, "startTime"), _number(request, "endTime")
        low, high = window(bars.time_ms, visible, first, last)
        low, high = last_rows(low, high, limit) if first is None else first_rows(low, high, limit)

        def rows(start: int, end: int) -> list[object]:
            return _kline_rows(bars, start, end, now, traded=kind is SeriesKind.OHLCV)

        return Reply(
            page=Page(low=low, high=high, visible=visible, rows=rows, wrap=lambda made: made, series=bars.name)
        )

    def _funding(self, request: Request) -> Reply:
        listed = self._instrument(request, "symbol")
        limit = _number(request, "limit", 100)
        if limit is None or not 1 <= limit <= 1000:
            raise _refusal(400, -1130, "Data sent for parameter 'limit' is not valid.")
        held = self.shelf.funding.get(listed.symbol)
        if held is None:
            return Reply(body=[])
        stamps = held.time_ms + (held.time_ms // 60_000) % LATE_MS
        visible = held.visible(self.shelf.clock())
        first, last = _number(request, "startTime"), _number(request, "endTime")
        low, high = window(stamps, visible, first, last)
        low, high = last_rows(low, high, limit) if first is None else first_rows(low, high, limit)

        def rows(start: int, end: int) -> list[object]:
            pairs = zip(stamps[start:end].tolist(), texts(held.rate[start:end].tolist()), strict=True)
            name = _symbol(listed)
            return [{"symbol": name, "fundingTime": when, "fundingRate": rate, "markPrice": ""} for when, rate in pairs]

        return Reply(
            page=Page(low=low, high=high, visible=visible, rows=rows, wrap=lambda made: made, series=held.name)
        )

    def _brackets(self, request: Request) -> Reply:
        self._check_signature(request)
        chosen = request.query.get("symbol")
        listed = [each for each in self.shelf.instruments if chosen in (None, _symbol(each))]
        if not listed:
            raise _refusal(400, -1121, "Invalid symbol.")
        return Reply(body=[{"symbol": _symbol(each), "brackets": _rungs(each)} for each in listed])

    def _check_signature(self, request: Request) -> None:
        if request.headers.get("x-mbx-apikey") != KEY:
            raise _refusal(401, -2015, "Invalid API-key, IP, or permissions for action, request ip: 127.0.0.1")
        stamp, span = _number(request, "timestamp"), _number(request, "recvWindow", 5000)
        now = self.shelf.clock()
        if stamp is None:
            raise _refusal(400, -1102, _missing("timestamp"))
        if stamp > now + 1000:
            raise _refusal(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now - stamp > (span or 0):
            raise _refusal(400, -1021, "Timestamp for this request is outside of the recvWindow.")
        signed, _, signature = request.query_text.rpartition("&signature=")
        if not hmac.compare_digest(hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest(), signature):
            raise _refusal(400, -1022, "Signature for this request is not valid.")

    def _instrument(self, request: Request, name: str) -> Instrument:
        said = _given(request, name)
        for each in self.shelf.instruments:
            if _symbol(each) == said:
                return each
        raise _refusal(400, -1121, "Invalid symbol.")


def _kline_rows(bars: ServedBars, start: int, end: int, now: int, *, traded: bool) -> list[object]:
    rows: list[object] = []
    for opened, first, high, low, last, volume in bars.rows(start, end, now):
        prices = texts((first, high, low, last))
        closed = opened + bars.interval_ms - 1
        if traded:
            amount, turnover = texts((volume, round(volume * last, 8)))
            rows.append([opened, *prices, amount, closed, turnover, 0, "0", "0", "0"])
        else:
            rows.append([opened, *prices, "0", closed, "0", 60, "0", "0", "0"])
    return rows


def _listed(each: Instrument) -> object:
    places = len(each.tick.partition(".")[2])
    lot = {"stepSize": each.lot, "maxQty": "1000000", "minQty": each.lot}
    return {
        "symbol": _symbol(each),
        "pair": _symbol(each),
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": each.listed_ms,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": each.base,
        "quoteAsset": each.quote,
        "marginAsset": each.quote,
        "pricePrecision": places,
        "quantityPrecision": len(each.lot.partition(".")[2]),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "liquidationFee": texts([each.liquidation_fee])[0],
        "marketTakeBound": "0.05",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": each.tick, "maxPrice": "10000000", "tickSize": each.tick},
            {"filterType": "LOT_SIZE", **lot},
            {"filterType": "MARKET_LOT_SIZE", **lot},
            {"filterType": "MIN_NOTIONAL", "notional": texts([each.minimum_notional])[0]},
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def _rungs(each: Instrument) -> list[object]:
    return [
        {
            "bracket": number,
            "initialLeverage": int(tier.leverage),
            "notionalCap": _whole(tier.cap),
            "notionalFloor": _whole(tier.floor),
            "maintMarginRatio": tier.rate,
            "cum": tier.amount,
        }
        for number, tier in enumerate(each.tiers, 1)
    ]


def _whole(amount: float) -> int:
    return 9_223_372_036_854_775_807 if amount == float("inf") else int(amount)


def _symbol(each: Instrument) -> str:
    return f"{each.base}{each.quote}"


def _given(request: Request, name: str) -> str:
    value = request.query.get(name, "")
    if not value:
        raise _refusal(400, -1102, _missing(name))
    return value


def _number(request: Request, name: str, default: int | None = None) -> int | None:
    text = request.query.get(name)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError as error:
        message = f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
        raise _refusal(400, -1100, message) from error


def _missing(name: str) -> str:
    return f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


def _refusal(status: int, code: int, message: str) -> RefusedError:
    return RefusedError(Reply(status=status, body={"code": code, "msg": message}))
