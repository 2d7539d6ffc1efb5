"""The loader plugin `ccxt`: connects to an exchange for `backtest data fetch` and `backtest.fetch`."""

from __future__ import annotations

from backtest.market.loader import Access, Connection
from data.exchange import venues


class CcxtExchanges:
    """Loader of market data from exchanges."""

    summary = f"exchanges through ccxt: {', '.join(venues.ids())}"

    def serves(self, venue: str) -> bool:
        """Whether a venue is an exchange that is known here."""
        return venue in venues.ids()

    def connect(self, venue: str, access: Access) -> Connection:
        """A connection to an exchange."""
        known = venues.exchange(venue)
        from data.exchange.connection import ExchangeConnection  # ccxt takes seconds to load

        return ExchangeConnection(known, access)
