"""Finding a perpetual among a venue's markets by any of its names, and the rules and tiers of its contract.

A symbol is written as ccxt writes it (`BTC/USDT:USDT`), as the venue does (`BTCUSDT`, `BTC-USDT-SWAP`, `XBTUSDTM`), or
short (`BTC`, `BTC-PERP`, `BTC/USDT`); a short name means the venue's first quote currency that has it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from math import inf
from typing import Any

from backtest.errors import MarketDataError, UsageError
from backtest.market.snapshots import ContractSnapshot, TierStep
from data.exchange.venues import Exchange

Market = Mapping[str, Any]

UNITS = re.compile(r"[/:_\-]")
PERPETUAL = ("PERP", "PERPETUAL", "SWAP")


def found(exchange: Exchange, markets: Mapping[str, Market], text: str) -> Market:
    """The perpetual that a text names."""
    plain = text.strip().upper()
    swaps = {symbol: market for symbol, market in markets.items() if market.get("swap")}
    exact = [market for symbol, market in swaps.items() if symbol.upper() == plain]
    if exact:
        return exact[0]
    by_id = [market for market in swaps.values() if str(market["id"]).upper() == plain]
    if by_id:
        return by_id[0]
    parts = [part for part in UNITS.split(plain) if part and part not in PERPETUAL]
    for quote in exchange.quotes:
        for market in swaps.values():
            base, counted = str(market["base"]).upper(), str(market["quote"]).upper()
            names = ([base], [base, counted], [base + counted], [base, counted, str(market["settle"]).upper()])
            if counted == quote and parts in names:
                return market
    if plain in markets:
        raise UsageError(f"'{text}' is no perpetual at {exchange.name} but a {markets[plain].get('type')} market")
    raise UsageError(f"{exchange.name} has no perpetual '{text}'; {_near(swaps, plain)}")


def _near(swaps: Mapping[str, Market], plain: str) -> str:
    names = {symbol: symbol for symbol in swaps}
    names |= {str(market["base"]).upper(): symbol for symbol, market in swaps.items()}
    names |= {str(market["id"]).upper(): symbol for symbol, market in swaps.items()}
    close = dict.fromkeys(names[name] for name in get_close_matches(plain, names, n=5, cutoff=0.5))
    if close:
        return f"near to it are {', '.join(list(close)[:3])}"
    return f"it has {len(swaps)} perpetuals, such as {', '.join(list(swaps)[:3])}" if swaps else "it lists none"


def snapshot(exchange: Exchange, market: Market, tiers: Sequence[TierStep], now_ns: int) -> ContractSnapshot:
    """The rules of a contract, out of ccxt's market structure."""
    symbol = str(market["symbol"])
    precision, limits = market["precision"], market["limits"]
    wanted = {"price step": precision.get("price"), "quantity step": precision.get("amount")}
    absent = [name for name, value in wanted.items() if not value]
    if absent:
        raise MarketDataError(f"{exchange.name} states no {' and no '.join(absent)} of {symbol}")
    size = _number(market.get("contractSize")) or 1.0
    unit = size if exchange.units else 1.0
    least = _number(_inside(limits, "amount", "min"))
    leverage = _number(_inside(limits, "leverage", "max")) or _number(_first(market["info"], ("max_leverage",)))
    return ContractSnapshot(
        venue=exchange.id,
        symbol=symbol,
        market=str(market["id"]),
        taken_ns=now_ns,
        tick=float(precision["price"]),
        lot=round(float(precision["amount"]) / unit, 12),
        contract_size=size,
        inverse=bool(market.get("inverse")),
        settle=str(market["settle"]),
        minimum_quantity=None if least is None else round(least / unit, 12),
        minimum_notional=_number(_inside(limits, "cost", "min")),
        maker=_number(market.get("maker")) if exchange.own_fees else None,
        taker=_number(market.get("taker")) if exchange.own_fees else None,
        leverage=leverage or max((tier.leverage for tier in tiers), default=None),
        listed_ns=None if market.get("created") is None else int(market["created"]) * 1_000_000,
        tier_unit=exchange.tier_unit,
        marginal=exchange.marginal,
        tiers=tuple(tiers),
        source=f"{exchange.name}'s own listing, through ccxt",
    )


def steps(rungs: Sequence[Mapping[str, Any]]) -> list[TierStep]:
    """ccxt's leverage tiers of one market, by size; the last one's cap may be missing.

    A maintenance rate is below the initial margin rate at the tier's leverage; one that is not was written in percent.
    """
    found: list[TierStep] = []
    for cap, rung in sorted(((_cap(rung), rung) for rung in rungs), key=lambda each: each[0]):
        floor = found[-1].cap if found else 0.0
        rate, leverage = _number(rung.get("maintenanceMarginRate")), _number(rung.get("maxLeverage"))
        if rate is None or leverage is None:
            raise MarketDataError(
                f"a leverage tier of {rung.get('symbol')} lacks its rate or its leverage: {dict(rung)}"
            )
        amount = _number(_first(rung.get("info"), ("cum", "mmDeduction", "deduction")))
        fraction = rate if rate * leverage < 1 else rate / 100
        found.append(TierStep(floor=floor, cap=cap, rate=fraction, leverage=leverage, amount=amount))
    return found


def _cap(rung: Mapping[str, Any]) -> float:
    cap = _number(rung.get("maxNotional"))
    return inf if cap is None else cap


def margin_table(market: Market, meta: Mapping[str, Any]) -> list[TierStep]:
    """The tiers of a Hyperliquid market: its margin table, or one tier of its highest leverage where it has none.

    The maintenance rate is half the initial margin rate at the tier's highest leverage (Hyperliquid's documentation,
    "Margin tiers" and "Margining", read 2026-11-22).
    """
    told = market["info"]
    tables = {str(number): table for number, table in meta.get("marginTables") or ()}
    held = tables.get(str(told.get("marginTableId")), {})
    rungs = held.get("marginTiers") or [{"lowerBound": "0", "maxLeverage": told.get("maxLeverage")}]
    floors = [float(rung["lowerBound"]) for rung in rungs]
    found = []
    for rung, floor, cap in zip(rungs, floors, [*floors[1:], inf], strict=True):
        leverage = float(rung["maxLeverage"])
        found.append(TierStep(floor=floor, cap=cap, rate=0.5 / leverage, leverage=leverage))
    return found


def _inside(limits: Mapping[str, Any], name: str, edge: str) -> object:
    return (limits.get(name) or {}).get(edge)


def _number(value: object) -> float | None:
    return None if value is None or value == "" else float(str(value))


def _first(rung: object, names: Sequence[str]) -> object:
    if not isinstance(rung, Mapping):
        return None
    return next((rung[name] for name in names if rung.get(name) not in (None, "")), None)
