"""An open connection to one exchange: bars, funding and contract rules of its perpetuals, through ccxt's clients.

Which bar is finished is told by the venue's clock; ccxt's own requests are worked out by it too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import ccxt

from backtest.clock import HOUR_NS, interval_text, time_text
from backtest.errors import MarketDataError, UsageError
from backtest.market.loader import Access, Page, Rules, Stretch
from backtest.market.series import SeriesKind
from backtest.market.snapshots import TierStep
from data.exchange import markets, walk
from data.exchange.client import KEY, SECRET, Clients
from data.exchange.patience import Patience, UnansweredError, between
from data.exchange.rows import MS
from data.exchange.rows import bars as as_bars
from data.exchange.rows import funding as as_funding
from data.exchange.rows import rate as as_rate
from data.exchange.venues import Exchange
from data.exchange.walk import Row

NO_SUCH_REQUEST = (None, 400, 404, 405, 501)
"""Statuses by which a server says that it does not know a request; None where ccxt knows none to make."""
NEAR_CLOCKS_MS = 600_000
"""Of two clocks that differ by less than this the earlier one is taken, so that a bar is finished by both."""


class ExchangeConnection:
    """One exchange, reached through ccxt."""

    def __init__(self, exchange: Exchange, access: Access) -> None:
        self.venue = exchange.id
        self.remarks: tuple[str, ...] = ()
        self._exchange = exchange
        self._mirrored = bool(access.address)
        self._source = f"{exchange.name}, through ccxt"
        if access.address:
            self._source += f", from {urlsplit(access.address).hostname}"
        self._clients = Clients(exchange, access)
        self._patience = Patience(
            exchange.name, self._clients.pace, attempts=access.attempts, local=self._clients.local
        )
        client = self._clients.mine()
        self._set_clock(client)
        self._markets: Mapping[str, markets.Market] = self._ask("the list of markets", client.load_markets)
        self._now_ns: int = int(client.milliseconds()) * MS

    def now_ns(self) -> int:
        """The venue's time when the connection was opened."""
        return self._now_ns

    def symbol(self, text: str) -> str:
        """ccxt's name of the perpetual that a text names."""
        return str(markets.found(self._exchange, self._markets, text)["symbol"])

    def lacks(self, symbol: str, kind: SeriesKind, interval_ns: int | None) -> str:
        """Why there is no such series; empty where there is."""
        if kind is SeriesKind.FUNDING or interval_ns is None:
            return ""
        if kind not in self._exchange.kinds:
            return f"{self._exchange.name} offers no bars of the {kind.value} price"
        known = self._clients.mine().timeframes or {}
        if interval_text(interval_ns) not in known:
            offered = ", ".join(name for name in known if name[-1] in "mhdw")
            return f"{self._exchange.name} offers no bars of {interval_text(interval_ns)}; it has {offered}"
        return ""

    def begins_ns(self, symbol: str, kind: SeriesKind, interval_ns: int | None) -> tuple[int, str]:
        """How far back the venue answers, as it says itself; another server in its place may keep more."""
        name = self._exchange.name
        if self._mirrored:
            return self._listed(symbol)
        if interval_ns is None and self._exchange.funding_keeps_ns is not None:
            kept = self._exchange.funding_keeps_ns
            return self._now_ns - kept, f"{name} answers with the last {kept // (24 * HOUR_NS)} days of funding only"
        if interval_ns is not None and self._exchange.latest is not None:
            begins = self._now_ns - self._exchange.latest * interval_ns
            return begins, f"{name} keeps the latest {self._exchange.latest:,} bars of an interval only"
        return self._listed(symbol)

    def pages(self, stretch: Stretch) -> Iterator[Page]:
        """The rows of a stretch, as they come."""
        start, end = (-(-at // MS) for at in (stretch.start_ns, stretch.end_ns))
        if stretch.interval_ns is None:
            rows = self._rates(stretch.symbol, start, end)
            rates, remarks = as_funding(self._exchange, stretch, rows, self._source)
            yield Page(series=rates, settled_ns=stretch.end_ns, remarks=remarks)
            return
        bars = self._bar_walk(stretch, stretch.interval_ns)
        for rows, settled in bars.pages(start, end):
            series, remarks = as_bars(self._exchange, self._markets[stretch.symbol], stretch, rows, self._source)
            yield Page(series=series, settled_ns=settled * MS, remarks=remarks)

    def rules(self, symbol: str) -> Rules | None:
        """The rules of a contract now, and its leverage tiers where the venue tells them."""
        tiers, remarks = self._tiers(symbol)
        snapshot = markets.snapshot(self._exchange, self._markets[symbol], tiers, self._now_ns)
        return Rules(snapshot=snapshot, remarks=remarks)

    def stop(self) -> None:
        """End all waiting."""
        self._clients.pace.stop()

    def _listed(self, symbol: str) -> tuple[int, str]:
        """When trading of a contract began, as the list of markets says it."""
        created = self._markets[symbol].get("created")
        if created is None:
            return 0, ""
        return int(created) * MS, f"listed {time_text(int(created) * MS)[:10]}"

    def _ask(self, what: str, request: Any) -> Any:
        return self._patience.ask(self._clients.mine(), what, request)

    def _set_clock(self, client: ccxt.Exchange) -> None:
        """Take the venue's clock; ccxt's own requests are worked out by it too."""
        name = self._exchange.name
        try:
            told = self._ask("its time", client.fetch_time)
        except (MarketDataError, UsageError) as error:
            if isinstance(error, UnansweredError) or client.last_status not in NO_SUCH_REQUEST:
                raise  # by the clock of this machine an unfinished bar might pass for a whole one
            self.remarks += (f"{error}: this machine's clock tells which bar is finished",)
            return
        here = time.time_ns() // MS
        if told is None:
            self.remarks += (f"{name} told no time of its own; this machine's clock tells which bar is finished",)
            return
        ahead = int(told) - here
        if 0 < ahead < NEAR_CLOCKS_MS:
            ahead = 0
        self._clients.clock = lambda: time.time_ns() // MS + ahead

    def _bar_walk(self, stretch: Stretch, interval_ns: int) -> walk.BarWalk:
        rows = self._exchange.rows if stretch.kind is SeriesKind.OHLCV else self._exchange.price_rows
        if self._exchange.longest_ns is not None:
            rows = max(2, min(rows, self._exchange.longest_ns // interval_ns))
        name = f"{stretch.symbol} {stretch.kind.value} {interval_text(interval_ns)}"
        step = interval_ns // MS
        days = "1d" in (self._clients.mine().timeframes or {}) and self._exchange.latest is None

        def ask(start: int, end: int, step_ms: int) -> Sequence[Row]:
            return self._ask_bars(stretch, name, start, end, step_ms)

        leap = max(step, walk.DAY_MS) if days else step
        return walk.BarWalk(name=name, ask=ask, rows=rows, step_ms=step, leap_ms=leap, now_ms=self._now_ns // MS)

    def _ask_bars(self, stretch: Stretch, name: str, start: int, end: int, step_ms: int) -> Sequence[Row]:
        most = self._exchange.rows if stretch.kind is SeriesKind.OHLCV else self._exchange.price_rows
        limit = min(most, max(1, -(-(end - start) // step_ms)))
        params: dict[str, object] = {}
        if stretch.kind is not SeriesKind.OHLCV:
            params["price"] = stretch.kind.value
        if self._exchange.until is not None:
            params["until"] = end + self._exchange.until
        client = self._clients.mine()
        answer = self._patience.ask(
            client,
            f"{name}, {between(start, end)}",
            lambda: client.fetch_ohlcv(stretch.symbol, interval_text(step_ms * MS), start, limit, params),
        )
        return [tuple(row) for row in answer]

    def _rates(self, symbol: str, start: int, end: int) -> list[Row]:
        name = f"{symbol} funding"
        client = self._clients.mine()
        most = self._exchange.funding_rows
        end_name, end_offset = self._exchange.funding_until

        def ask(since: int, until: int) -> Sequence[Row]:
            params = {end_name: until + end_offset}
            answer = self._patience.ask(
                client,
                f"{name}, {between(since, until)}",
                lambda: client.fetch_funding_rate_history(symbol, since, most, params),
            )
            return [as_rate(entry) for entry in answer]

        def numbered(page: int) -> Sequence[Row]:
            answer = self._patience.ask(
                client,
                f"{name}, page {page}",
                lambda: client.fetch_funding_rate_history(symbol, None, most, {"pageNo": page}),
            )
            return [as_rate(entry) for entry in answer]

        if self._exchange.funding_numbered:
            return walk.numbered_rates(name, numbered, start, end)
        return walk.rates(name, ask, start, end)

    def _tiers(self, symbol: str) -> tuple[list[TierStep], tuple[str, ...]]:
        name = self._exchange.name
        client = self._clients.mine()
        if self._exchange.margin_tables:
            told = self._ask("the margin tables", lambda: client.publicPostInfo({"type": "metaAndAssetCtxs"}))
            return markets.margin_table(self._markets[symbol], told[0]), ()
        if not self._exchange.tiers:
            if not client.has.get("fetchLeverageTiers"):
                return [], (f"{name} publishes no table of leverage tiers; the shipped facts hold",)
            keyed = self._clients.with_key()
            if keyed is None:
                bearer = self._exchange.id.partition("-")[0].upper()
                names = f"{KEY.format(bearer)} and {SECRET.format(bearer)} in the environment"
                return [], (f"{name} tells its leverage tiers to a key only ({names}); the shipped, dated facts hold",)
            client = keyed
        rungs = self._patience.ask(
            client, f"the leverage tiers of {symbol}", lambda: client.fetch_market_leverage_tiers(symbol)
        )
        return markets.steps(rungs or []), ()
