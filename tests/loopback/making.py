"""A small market in a store, a server of it, and ways to ask: raw, or with the real client."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import ccxt
import numpy as np

from backtest.clock import HOUR_NS, MINUTE_NS, moment_ns
from backtest.market.catalogue import catalogue
from backtest.market.series import Bars, FundingRates, SeriesKind
from backtest.market.store import Store
from data.loopback.shelf import Shelf, standing_clock
from data.loopback.venue import wire_of
from data.loopback.wire import Wire

START_NS = moment_ns("2024-03-01")
MILLISECOND_NS = 1_000_000
CLIENTS = {"binance": ccxt.binanceusdm, "bybit": ccxt.bybit, "okx": ccxt.okx, "hyperliquid": ccxt.hyperliquid}
LATER_MS = moment_ns("2026-01-01") // MILLISECOND_NS


def symbols(venue: str, *bases: str) -> tuple[str, ...]:
    """The canonical symbols of coins at a venue."""
    quote = "USDC" if venue == "hyperliquid" else "USDT"
    return tuple(f"{base}/{quote}:{quote}" for base in bases)


def made(
    root: Path,
    venue: str,
    *,
    minutes: int,
    bases: tuple[str, ...] = ("BTC", "ETH"),
    start_ns: int = START_NS,
    funding_hours: int = 8,
    seed: int = 1,
    kinds: tuple[SeriesKind, ...] = (SeriesKind.OHLCV, SeriesKind.MARK),
) -> Store:
    """A store with minute bars and funding: a walk on the tick for each coin, from one seed."""
    store = Store(root=root)
    for number, symbol in enumerate(symbols(venue, *bases)):
        draw = np.random.default_rng([seed, number])
        for kind in kinds:
            store.write(walk(venue, symbol, kind, minutes, start_ns, draw))
        stamps = np.arange(start_ns, start_ns + minutes * MINUTE_NS, funding_hours * HOUR_NS, dtype=np.int64)
        rate = np.round(draw.normal(1e-4, 2e-4, stamps.size), 8)
        store.write(FundingRates(venue=venue, symbol=symbol, time_ns=stamps, rate=rate, source="made for a test"))
    return store


def walk(venue: str, symbol: str, kind: SeriesKind, minutes: int, start_ns: int, draw: np.random.Generator) -> Bars:
    """Minute bars of a random walk; BTC costs about 40,000, anything else about 0.002."""
    tick = 0.1 if symbol.startswith("BTC") else 1e-7
    middle = 400_000 if symbol.startswith("BTC") else 20_000
    close = middle + np.cumsum(draw.integers(-3, 4, minutes))
    opened = np.concatenate([close[:1], close[:-1]])
    high = np.maximum(opened, close) + draw.integers(0, 5, minutes)
    low = np.minimum(opened, close) - draw.integers(0, 5, minutes)
    traded = kind is SeriesKind.OHLCV
    prices = {name: np.round(ticks * tick, 7) for name, ticks in zip("ohlc", (opened, high, low, close), strict=True)}
    return Bars(
        venue=venue,
        symbol=symbol,
        kind=kind,
        interval_ns=MINUTE_NS,
        time_ns=start_ns + np.arange(minutes, dtype=np.int64) * MINUTE_NS,
        open=prices["o"],
        high=prices["h"],
        low=prices["l"],
        close=prices["c"],
        volume=np.round(draw.gamma(2.0, 10.0, minutes), 3) if traded else np.full(minutes, np.nan),
        source="made for a test",
    )


def wire(store: Store, venue: str, *, now_ms: int = LATER_MS, whole_history: bool = True) -> Wire:
    """The wire format of a venue over what a store has of it, its clock standing."""
    return wire_of(venue, Shelf.of_store(store, venue, standing_clock(now_ms)), whole_history=whole_history)


def ask(url: str, path: str, *, body: object = None, headers: dict[str, str] | None = None, **query: object) -> Any:
    """Status and JSON body of one request; with `body` a POST."""
    address = f"{url}{path}{'?' + urlencode(query) if query else ''}"
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data=sent, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def client(venue: str, url: str) -> Any:
    """The real client of a venue, pointed at a server, with no pacing."""
    exchange = CLIENTS[venue]({"enableRateLimit": False, "timeout": 5000})
    exchange.urls["api"] = _redirected(exchange.urls["api"], url)
    return exchange


def _redirected(addresses: Any, url: str) -> Any:
    if isinstance(addresses, dict):
        return {name: _redirected(address, url) for name, address in addresses.items()}
    return url + urlsplit(addresses).path


def differences(
    served: Path,
    fetched: Path,
    venue: str,
    start_ns: int | None = None,
    end_ns: int | None = None,
    stamps_ns: int | None = None,
) -> list[str]:
    """What of a served venue's series in [start, end) is not row for row in another store; empty where all is.

    `stamps_ns` is the end for funding, where it is another one.
    """
    theirs, ours = Store(root=served), Store(root=fetched)
    found = []
    for key in (line.key for line in catalogue(theirs) if line.key.venue == venue):
        if key.kind is SeriesKind.TIERS:
            continue
        if key.kind is SeriesKind.FUNDING:
            until = end_ns if stamps_ns is None else stamps_ns
            pair = [store.funding(venue, key.symbol, start_ns, until) for store in (theirs, ours)]
            names: tuple[str, ...] = ("time_ns", "rate")
        else:
            pair = [store.bars(key, start_ns, end_ns) for store in (theirs, ours)]
            names = ("time_ns", "open", "high", "low", "close", *(("volume",) if key.kind is SeriesKind.OHLCV else ()))
        rows = [0 if each is None else len(each) for each in pair]
        if rows[0] != rows[1]:
            found.append(f"{key.symbol} {key.kind.value}: {rows[0]} rows served, {rows[1]} stored")
        elif rows[0]:
            found += [
                f"{key.symbol} {key.kind.value}: {column} differs"
                for column in names
                if not np.array_equal(getattr(pair[0], column), getattr(pair[1], column))
            ]
    return found
