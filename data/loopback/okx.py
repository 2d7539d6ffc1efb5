"""OKX v5 on the wire: `/api/v5/...`, newest rows first, every number as text, errors in `code` under HTTP 200.

After "OKX API v5, Public Data and Market Data" at okx.com/docs-v5 (read November 2026) and the sample responses in
ccxt's own source. Pages are cut with `after` (older than) and `before` (newer than), both exclusive; a page always
holds the newest rows of what is left, so that `before` alone gives the latest data and not the rows that follow.
Bars of the last price: 100 a page, at most 300; of mark and index 100; `candles` without `history-` reach back 1,440
bars. Funding: at most 400 a page, and of the last three months only, unless the whole history is asked of the server.
A contract is 0.01 BTC, 0.1 ETH, else one unit of the base.

Left out: everything but market data. Spot, futures and options list no instruments. Days that begin at 16:00 UTC
(`1D` as against `1Dutc`) have no bars.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backtest.clock import DAY_NS, HOUR_NS, MINUTE_NS, WEEK_NS
from backtest.market.series import SeriesKind
from data.loopback.instruments import Instrument
from data.loopback.shelf import MILLISECOND_NS, Shelf
from data.loopback.wire import Page, RefusedError, Reply, Request, last_rows, texts, window

BARS_NS = {f"{minutes}m": minutes * MINUTE_NS for minutes in (1, 3, 5, 15, 30)}
BARS_NS |= {f"{hours}H": hours * HOUR_NS for hours in (1, 2, 4)}
BARS_NS |= {f"{hours}Hutc": hours * HOUR_NS for hours in (6, 12)}
BARS_NS |= {"1Dutc": DAY_NS, "1Wutc": WEEK_NS}
HONG_KONG = ("6H", "12H", "1D", "1W")
KINDS = {
    "/api/v5/market/candles": (SeriesKind.OHLCV, False),
    "/api/v5/market/history-candles": (SeriesKind.OHLCV, True),
    "/api/v5/market/mark-price-candles": (SeriesKind.MARK, False),
    "/api/v5/market/history-mark-price-candles": (SeriesKind.MARK, True),
    "/api/v5/market/index-candles": (SeriesKind.INDEX, False),
    "/api/v5/market/history-index-candles": (SeriesKind.INDEX, True),
}
RECENT = 1440
FUNDING_KEPT_MS = 92 * DAY_NS // MILLISECOND_NS
FACE = {"BTC": "0.01", "ETH": "0.1"}


@dataclass(frozen=True, kw_only=True)
class OkxWire:
    """OKX's v5 REST interface over a shelf."""

    shelf: Shelf
    whole_history: bool = False

    def answer(self, request: Request) -> Reply:
        """The reply to a request."""
        if request.path in KINDS:
            return self._bars(request, *KINDS[request.path])
        routes: dict[str, Callable[[Request], Reply]] = {
            "/api/v5/public/funding-rate-history": self._funding,
            "/api/v5/public/instruments": self._instruments,
            "/api/v5/public/position-tiers": self._tiers,
            "/api/v5/public/time": self._time,
        }
        if request.path not in routes:
            raise RefusedError(Reply(status=404, body={"code": "404", "data": [], "msg": "Invalid URL path"}))
        return routes[request.path](request)

    def rate_limited(self, retry_after_s: int) -> Reply:
        """429 with code 50011."""
        body = {"code": "50011", "data": [], "msg": "Too Many Requests"}
        return Reply(status=429, body=body, headers={"Retry-After": str(retry_after_s)})

    def banned(self) -> Reply:
        """HTTP 403 of the shield in front of the venue."""
        return Reply(status=403, body={"code": "403", "data": [], "msg": "access denied: too many requests"})

    def failed(self, status: int) -> Reply:
        """A server error with the venue's own body."""
        body = {"code": "50013", "data": [], "msg": "Systems are busy. Please try again later."}
        return Reply(status=status, body=body)

    def _bars(self, request: Request, kind: SeriesKind, history: bool) -> Reply:
        listed = self._instrument(request, index=kind is SeriesKind.INDEX)
        bar = request.query.get("bar", "1m")
        if bar in HONG_KONG:
            return Reply(body=_said([]))
        if bar not in BARS_NS:
            raise _refusal("51000", "Parameter bar error")
        limit = self._limit(request, 300 if kind is SeriesKind.OHLCV else 100, 100)
        bars = self.shelf.series(listed.symbol, kind, BARS_NS[bar] // MILLISECOND_NS)
        if bars is None:
            return Reply(body=_said([]))
        now = self.shelf.clock()
        visible = bars.visible(now)
        low, high = window(bars.time_ms, visible, *_bounds(request))
        if not history:
            low = min(max(low, visible - RECENT), high)
        low, high = last_rows(low, high, limit)
        face = float(FACE.get(listed.base, "1"))
        traded = kind is SeriesKind.OHLCV

        def rows(first: int, last: int) -> list[object]:
            made: list[object] = []
            for opened, *prices, volume in reversed(bars.rows(first, last, now)):
                amounts = (round(volume / face, 8), volume, round(volume * prices[-1], 8)) if traded else ()
                done = "1" if opened + bars.interval_ms <= now else "0"
                made.append([str(opened), *texts(prices), *texts(amounts), done])
            return made

        return Reply(page=Page(low=low, high=high, visible=visible, rows=rows, wrap=_said, series=bars.name))

    def _funding(self, request: Request) -> Reply:
        listed = self._instrument(request, index=False)
        limit = self._limit(request, 400, 400)
        held = self.shelf.funding.get(listed.symbol)
        if held is None:
            return Reply(body=_said([]))
        visible = held.visible(self.shelf.clock())
        low, high = window(held.time_ms, visible, *_bounds(request))
        if visible and not self.whole_history:
            kept, _ = window(held.time_ms, visible, int(held.time_ms[visible - 1]) - FUNDING_KEPT_MS, None)
            low = min(max(low, kept), high)
        low, high = last_rows(low, high, limit)

        def rows(first: int, last: int) -> list[object]:
            pairs = zip(held.time_ms[first:last].tolist(), texts(held.rate[first:last].tolist()), strict=True)
            name = _symbol(listed)
            made: list[object] = [
                {
                    "instType": "SWAP",
                    "instId": name,
                    "formulaType": "withRate",
                    "fundingRate": rate,
                    "realizedRate": rate,
                    "fundingTime": str(when),
                    "method": "current_period",
                }
                for when, rate in pairs
            ]
            return made[::-1]

        return Reply(page=Page(low=low, high=high, visible=visible, rows=rows, wrap=_said, series=held.name))

    def _instruments(self, request: Request) -> Reply:
        kind = request.query.get("instType", "")
        if kind not in ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION"):
            raise _refusal("51000", "Parameter instType error")
        chosen = request.query.get("instId")
        listed = self.shelf.instruments if kind == "SWAP" else ()
        return Reply(body=_said([_listed(each) for each in listed if chosen in (None, _symbol(each))]))

    def _tiers(self, request: Request) -> Reply:
        if request.query.get("tdMode") not in ("cross", "isolated"):
            raise _refusal("51000", "Parameter tdMode error")
        family = request.query.get("instFamily") or request.query.get("uly") or ""
        for each in self.shelf.instruments:
            if _family(each) in family.split(","):
                return Reply(body=_said(_rungs(each)))
        raise _refusal("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")

    def _time(self, request: Request) -> Reply:
        return Reply(body=_said([{"ts": str(self.shelf.clock())}]))

    def _instrument(self, request: Request, *, index: bool) -> Instrument:
        said = request.query.get("instId", "")
        if not said:
            raise _refusal("50014", "Parameter instId can not be empty.")
        for each in self.shelf.instruments:
            if said == (_family(each) if index else _symbol(each)):
                return each
        raise _refusal("51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")

    def _limit(self, request: Request, most: int, default: int) -> int:
        limit = _number(request, "limit")
        if limit is None:
            return default
        if not 1 <= limit <= most:
            raise _refusal("51000", "Parameter limit error")
        return limit


def _bounds(request: Request) -> tuple[int | None, int | None]:
    """First and last time that `before` and `after`, both exclusive, leave."""
    before, after = _number(request, "before"), _number(request, "after")
    return None if before is None else before + 1, None if after is None else after - 1


def _listed(each: Instrument) -> object:
    face = FACE.get(each.base, "1")
    return {
        "alias": "",
        "baseCcy": "",
        "category": "1",
        "ctMult": "1",
        "ctType": "linear",
        "ctVal": face,
        "ctValCcy": each.base,
        "expTime": "",
        "instFamily": _family(each),
        "instId": _symbol(each),
        "instType": "SWAP",
        "lever": texts([each.leverage])[0],
        "listTime": str(each.listed_ms),
        "lotSz": texts([round(float(each.lot) / float(face), 10)])[0],
        "maxLmtSz": "100000000",
        "maxMktSz": "100000",
        "minSz": texts([round(float(each.lot) / float(face), 10)])[0],
        "optType": "",
        "quoteCcy": "",
        "ruleType": "normal",
        "settleCcy": each.quote,
        "state": "live",
        "stk": "",
        "tickSz": each.tick,
        "uly": _family(each),
    }


def _rungs(each: Instrument) -> list[object]:
    """Tiers in contracts at the last price: the venue counts size, not notional."""
    worth = float(FACE.get(each.base, "1")) * each.last_price
    return [
        {
            "baseMaxLoan": "",
            "imr": texts([round(1 / tier.leverage, 6)])[0],
            "instFamily": _family(each),
            "instId": "",
            "maxLever": texts([tier.leverage])[0],
            "maxSz": texts([round(tier.cap / worth, 2) if tier.cap != float("inf") else 1e12])[0],
            "minSz": texts([round(tier.floor / worth, 2)])[0],
            "mmr": texts([tier.rate])[0],
            "optMgnFactor": "0",
            "quoteMaxLoan": "",
            "tier": str(number),
            "uly": _family(each),
        }
        for number, tier in enumerate(each.tiers, 1)
    ]


def _family(each: Instrument) -> str:
    return f"{each.base}-{each.quote}"


def _symbol(each: Instrument) -> str:
    return f"{each.base}-{each.quote}-SWAP"


def _said(data: list[object]) -> dict[str, object]:
    return {"code": "0", "data": data, "msg": ""}


def _number(request: Request, name: str) -> int | None:
    text = request.query.get(name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise _refusal("51000", f"Parameter {name} error") from error


def _refusal(code: str, message: str) -> RefusedError:
    return RefusedError(Reply(body={"code": code, "data": [], "msg": message}))
