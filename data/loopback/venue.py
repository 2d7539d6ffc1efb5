"""The plugin behind `backtest data serve`: a stored venue, an exchange's wire format, a port."""

from __future__ import annotations

from dataclasses import dataclass

from backtest.errors import UsageError, near
from backtest.market.series import SeriesKind
from backtest.market.serving import ServeRequest
from data.loopback.binance import BinanceWire
from data.loopback.bybit import BybitWire
from data.loopback.faults import Faults
from data.loopback.hyperliquid import HyperliquidWire
from data.loopback.okx import OkxWire
from data.loopback.server import LoopbackServer
from data.loopback.shelf import MILLISECOND_NS, ServedBars, Shelf, machine_clock
from data.loopback.wire import Wire

WIRES = ("binance", "bybit", "okx", "hyperliquid")


def wire_of(name: str, shelf: Shelf, *, whole_history: bool = False) -> Wire:
    """The wire format of a name over a shelf."""
    if name == "binance":
        return BinanceWire(shelf=shelf)
    if name == "bybit":
        return BybitWire(shelf=shelf)
    if name == "okx":
        return OkxWire(shelf=shelf, whole_history=whole_history)
    if name == "hyperliquid":
        return HyperliquidWire(shelf=shelf, whole_history=whole_history)
    raise UsageError(f"'{name}' is no wire format; {near(name, WIRES)}there are {', '.join(WIRES)}")


@dataclass(frozen=True, kw_only=True)
class OpenLoopback:
    """A loopback venue that holds its port."""

    url: str
    venue: str
    symbols: tuple[str, ...]
    kinds: tuple[str, ...]
    interval_ns: int
    start_ns: int
    end_ns: int
    series: tuple[str, ...]
    remarks: tuple[str, ...]
    server: LoopbackServer

    def serve(self) -> None:
        """Answers requests until interrupted."""
        self.server.serve()


class LoopbackVenue:
    """Serves what a store has, as Binance, Bybit, OKX or Hyperliquid would."""

    summary = "a venue on this machine that speaks as Binance, Bybit, OKX or Hyperliquid (backtest data serve)"
    wires = WIRES

    def open(self, request: ServeRequest) -> OpenLoopback:
        """Reads the store, takes the port."""
        faults = None if request.fault_seed is None else Faults(seed=request.fault_seed)
        clock = machine_clock(faults.skew_ms if faults else 0)
        shelf = Shelf.of_store(request.store, request.venue, clock)
        wire = wire_of(request.wire, shelf, whole_history=request.whole_history)
        try:
            server = LoopbackServer(wire, port=request.port, faults=faults)
        except OSError as error:
            raise UsageError(
                f"port {request.port} cannot be had: {error.strerror}; name another with --port (0: any free one)"
            ) from error
        kinds = tuple(kind.value for kind in SeriesKind if _offers(shelf, request.wire, kind))
        bars = _finest(shelf)
        return OpenLoopback(
            url=server.url,
            venue=request.wire,
            symbols=tuple(_symbol(request.wire, each.symbol) for each in shelf.instruments),
            kinds=kinds,
            interval_ns=bars.interval_ms * MILLISECOND_NS,
            start_ns=int(bars.time_ms[0]) * MILLISECOND_NS,
            end_ns=(int(bars.time_ms[-1]) + bars.interval_ms) * MILLISECOND_NS,
            series=tuple(shelf.lines()),
            remarks=_remarks(request, faults),
            server=server,
        )


def _offers(shelf: Shelf, wire: str, kind: SeriesKind) -> bool:
    if kind is SeriesKind.FUNDING:
        return bool(shelf.funding)
    if wire == "hyperliquid" and kind is not SeriesKind.OHLCV:
        return False
    return any(held is kind for _, held, _ in shelf.bars)


def _finest(shelf: Shelf) -> ServedBars:
    """The bars of the shortest interval: what the example on the screen asks for."""
    if not shelf.bars:
        raise UsageError(f"venue '{shelf.venue}' has no bars in this store, only funding; import some first")
    return shelf.bars[min(shelf.bars, key=lambda key: (key[2], key[1] is not SeriesKind.OHLCV))]


def _symbol(wire: str, symbol: str) -> str:
    base = symbol.partition("/")[0]
    return f"{base}/USDC:USDC" if wire == "hyperliquid" else symbol


def _remarks(request: ServeRequest, faults: Faults | None) -> tuple[str, ...]:
    remarks = []
    if request.wire == "hyperliquid" and not request.whole_history:
        remarks.append("as there, candles reach back 5,000 bars only; --whole-history lifts that")
    if request.wire == "okx" and not request.whole_history:
        remarks.append("as there, funding reaches back three months only; --whole-history lifts that")
    if request.wire == "binance":
        remarks.append("leverage brackets need a key: apiKey and secret are both 'loopback' here")
    if faults is not None:
        ahead = f"{abs(faults.skew_ms) / 1000:.0f} s {'ahead' if faults.skew_ms > 0 else 'behind'}"
        remarks.append(f"faults of seed {faults.seed}: {faults.share:.0%} of requests go wrong, the clock is {ahead}")
    return tuple(remarks)
