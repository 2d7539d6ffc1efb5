"""What a venue server is: a plugin of group `backtest.data` that answers as an exchange would, out of a store.

So fetching can be tried and tested where no exchange is reachable: `backtest data serve`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from backtest.market.store import Store


@dataclass(frozen=True, kw_only=True)
class ServeRequest:
    """What to serve, how and where.

    `venue` is the stored venue, `wire` the exchange whose interface is spoken, `port` 0 any free one. With
    `fault_seed` requests go wrong as that seed says. With `whole_history` no limit holds on how far an exchange reaches
    back.
    """

    store: Store
    venue: str
    wire: str
    port: int
    fault_seed: int | None = None
    whole_history: bool = False


class OpenVenue(Protocol):
    """A venue server that holds its port.

    `url` is its address, `venue` the id under which it is fetched, `symbols` as that venue calls them, `series` a line
    for each with its rows, `remarks` what is worth saying of it. Bars have `interval_ns` and lie in [start, end).
    """

    url: str
    venue: str
    symbols: tuple[str, ...]
    kinds: tuple[str, ...]
    interval_ns: int
    start_ns: int
    end_ns: int
    series: tuple[str, ...]
    remarks: tuple[str, ...]

    def serve(self) -> None:
        """Answer requests until interrupted."""
        ...


@runtime_checkable
class VenueServer(Protocol):
    """Opens venue servers; `wires` are the exchanges whose interface it speaks."""

    summary: str
    wires: tuple[str, ...]

    def open(self, request: ServeRequest) -> OpenVenue:
        """A server of what the store has of the venue; the port is taken when this returns."""
        ...
