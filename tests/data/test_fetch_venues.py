"""Each exchange's own answers through ccxt's own client: symbols, bars, volumes, funding, contract rules, tiers.

The answers have the shapes that stand in ccxt's source beside the code that reads them (and in the exchanges'
documentation); expected values are worked out by hand from their figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtest.clock import HOUR_NS, MINUTE_NS
from backtest.market.fetch import Fetched, fetch
from backtest.market.key import SeriesKey
from backtest.market.loader import Access
from backtest.market.series import SeriesKind
from backtest.market.store import Store
from tests.data.venue_stub import NOW_MS, Asked, Wire, wired

__all__ = ["wired"]

LOCAL = Access(address="http://127.0.0.1:9")  # nobody listens there: the answers are laid out, and nothing is paced
Lay = Callable[[Mapping[str, object]], Wire]
BTC = "BTC/USDT:USDT"


def text(stamp_ms: int) -> str:
    """A stamp as the text of a range."""
    return str(np.datetime64(stamp_ms, "ms"))


BINANCE_SYMBOL = {
    "symbol": "BTCUSDT",
    "pair": "BTCUSDT",
    "contractType": "PERPETUAL",
    "deliveryDate": 4133404800000,
    "onboardDate": 1569398400000,
    "status": "TRADING",
    "maintMarginPercent": "2.5000",
    "requiredMarginPercent": "5.0000",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "pricePrecision": 2,
    "quantityPrecision": 3,
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        {"filterType": "MIN_NOTIONAL", "notional": "100"},
    ],
}
COIN_SYMBOL = {
    **BINANCE_SYMBOL,
    "symbol": "BTCUSD_PERP",
    "pair": "BTCUSD",
    "quoteAsset": "USD",
    "marginAsset": "BTC",
    "contractStatus": "TRADING",
    "contractSize": 100,
    "quantityPrecision": 0,
    "pricePrecision": 1,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "1000", "maxPrice": "4520958", "tickSize": "0.1"},
        {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "1000000", "stepSize": "1"},
    ],
}
KLINE_MS = 1591256460000
KLINES = [
    [1591256460000, "9653.29", "9654.56", "9653.07", "9653.5", "22.19", 1591256519999, "214000.5", 40, "1", "2", "0"],
    [1591256520000, "9653.5", "9660.0", "9650.0", "9655.25", "21.347", 1591256579999, "206000.25", 24, "1", "2", "0"],
]
MARK_KLINES = [
    [1591256460000, "9653.29201333", "9654.56401333", "9653.07367333", "9653.07367333", "0", 1591256519999, "0", 60],
    [1591256520000, "9653.07367333", "9655.1", "9652.9", "9654.0", "0", 1591256579999, "0", 60],
]


@dataclass(frozen=True, kw_only=True)
class World:
    """One venue: what it answers, and what of it must end in the store.

    `bars`: (time in ms, open, high, low, close, volume); `rates`: (time in ms, rate); `rules`: fields of the snapshot;
    `tiers`: (floor, cap, rate, leverage).
    """

    venue: str
    symbol: str
    names: tuple[str, ...]
    table: Mapping[str, object]
    interval_ns: int = MINUTE_NS
    bars: tuple[tuple[float, ...], ...] = ()
    mark: tuple[tuple[float, ...], ...] = ()
    rates: tuple[tuple[int, float], ...] = ()
    rules: Mapping[str, Any] = field(default_factory=dict)
    tiers: tuple[tuple[float, ...], ...] = ()

    def __str__(self) -> str:
        return self.venue


def okx(rows: list[list[str]]) -> dict[str, object]:
    return {"code": "0", "msg": "", "data": rows}


def bybit(rows: list[object], **more: object) -> dict[str, object]:
    return {"retCode": 0, "retMsg": "OK", "result": {"list": rows, **more}, "retExtInfo": {}, "time": NOW_MS}


def bybit_instruments(asked: Asked) -> dict[str, object]:
    if asked.query.get("status") == "PreLaunch":
        return bybit([], category=asked.query["category"])
    inverse = asked.query["category"] == "inverse"
    known = {
        "symbol": "BTCUSD" if inverse else "BTCUSDT",
        "contractType": "InversePerpetual" if inverse else "LinearPerpetual",
        "status": "Trading",
        "baseCoin": "BTC",
        "quoteCoin": "USD" if inverse else "USDT",
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "priceScale": "2",
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
        "priceFilter": {"minPrice": "0.50", "maxPrice": "999999.00", "tickSize": "0.50"},
        "lotSizeFilter": {
            "maxOrderQty": "100.000",
            "minOrderQty": "1" if inverse else "0.001",
            "qtyStep": "1" if inverse else "0.001",
        },
        "fundingInterval": 480,
        "settleCoin": "BTC" if inverse else "USDT",
    }
    return bybit([known], category=asked.query["category"], nextPageCursor="")


BYBIT_TABLE: dict[str, object] = {
    "/v5/market/time": {
        "retCode": 0,
        "retMsg": "OK",
        "result": {"timeSecond": "1767225600", "timeNano": "1767225600000000000"},
        "time": NOW_MS,
    },
    "/v5/market/instruments-info": bybit_instruments,
}

WORLDS = (
    World(
        venue="binance",
        symbol=BTC,
        names=(BTC, "BTCUSDT", "btc", "BTC-PERP", "BTC/USDT"),
        table={
            "/fapi/v1/time": {"serverTime": NOW_MS},
            "/fapi/v1/exchangeInfo": {"symbols": [BINANCE_SYMBOL], "rateLimits": [], "timezone": "UTC"},
            "/fapi/v1/klines": KLINES,
            "/fapi/v1/markPriceKlines": MARK_KLINES,
            "/fapi/v1/fundingRate": [
                {"symbol": "BTCUSDT", "fundingRate": "0.00063521", "fundingTime": "1621267200000"},
                {"symbol": "BTCUSDT", "fundingRate": "-0.0001", "fundingTime": "1621296000003"},
            ],
        },
        bars=(
            (1591256460000, 9653.29, 9654.56, 9653.07, 9653.5, 22.19),
            (1591256520000, 9653.5, 9660.0, 9650.0, 9655.25, 21.347),
        ),
        mark=(
            (1591256460000, 9653.29201333, 9654.56401333, 9653.07367333, 9653.07367333),
            (1591256520000, 9653.07367333, 9655.1, 9652.9, 9654.0),
        ),
        rates=((1621267200000, 0.00063521), (1621296000000, -0.0001)),  # the second stamp's 3 ms are floored away
        rules={"tick": 0.1, "lot": 0.001, "minimum_notional": 100.0, "contract_size": 1.0, "inverse": False},
    ),
    World(
        venue="binance-coin",
        symbol="BTC/USD:BTC",
        names=("BTC/USD:BTC", "BTCUSD_PERP", "BTC", "BTC/USD"),
        table={
            "/dapi/v1/time": {"serverTime": NOW_MS},
            "/dapi/v1/exchangeInfo": {"symbols": [COIN_SYMBOL], "rateLimits": [], "timezone": "UTC"},
            "/dapi/v1/klines": KLINES,
            "/dapi/v1/markPriceKlines": MARK_KLINES,
            "/dapi/v1/fundingRate": [
                {"symbol": "BTCUSD_PERP", "fundingRate": "0.0001", "fundingTime": "1621267200000"},
            ],
        },
        # of an inverse contract the eighth field is the volume in coins, the sixth counts contracts
        bars=(
            (1591256460000, 9653.29, 9654.56, 9653.07, 9653.5, 214000.5),
            (1591256520000, 9653.5, 9660.0, 9650.0, 9655.25, 206000.25),
        ),
        rates=((1621267200000, 0.0001),),
        rules={"tick": 0.1, "lot": 1.0, "contract_size": 100.0, "inverse": True, "settle": "BTC"},
    ),
    World(
        venue="bybit",
        symbol="BTC/USD:BTC",
        names=("BTC/USD:BTC", "BTCUSD"),
        interval_ns=HOUR_NS,
        table={
            **BYBIT_TABLE,
            "/v5/market/kline": bybit(
                [
                    ["1670608800000", "17071", "17073", "17027", "17055.5", "268611", "15.74462667"],
                    ["1670605200000", "17071.5", "17071.5", "17061", "17071", "4177", "0.24469757"],
                    ["1670601600000", "17086.5", "17088", "16978", "17071.5", "6356", "0.37288112"],
                ]
            ),
            "/v5/market/mark-price-kline": bybit(
                [
                    ["1670608800000", "17164.16", "17164.16", "17121.5", "17131.64"],
                    ["1670605200000", "17170.0", "17171.0", "17160.0", "17164.16"],
                ]
            ),
            "/v5/market/funding/history": bybit(
                [
                    {"symbol": "BTCUSD", "fundingRate": "0.0001", "fundingRateTimestamp": "1672041600000"},
                    {"symbol": "BTCUSD", "fundingRate": "-0.00005", "fundingRateTimestamp": "1672012800000"},
                ]
            ),
            "/v5/market/risk-limit": bybit(
                [
                    {
                        "id": 2,
                        "symbol": "BTCUSD",
                        "riskLimitValue": "300",
                        "maintenanceMargin": "1",
                        "initialMargin": "1.5",
                        "isLowestRisk": 0,
                        "maxLeverage": "66.66",
                    },
                    {
                        "id": 1,
                        "symbol": "BTCUSD",
                        "riskLimitValue": "150",
                        "maintenanceMargin": "0.5",
                        "initialMargin": "1",
                        "isLowestRisk": 1,
                        "maxLeverage": "100.00",
                    },
                ]
            ),
        },
        # of an inverse contract the seventh field is the turnover in coins
        bars=(
            (1670601600000, 17086.5, 17088, 16978, 17071.5, 0.37288112),
            (1670605200000, 17071.5, 17071.5, 17061, 17071, 0.24469757),
            (1670608800000, 17071, 17073, 17027, 17055.5, 15.74462667),
        ),
        mark=((1670605200000, 17170, 17171, 17160, 17164.16), (1670608800000, 17164.16, 17164.16, 17121.5, 17131.64)),
        rates=((1672012800000, -0.00005), (1672041600000, 0.0001)),
        rules={"tick": 0.5, "lot": 1.0, "contract_size": 1.0, "inverse": True, "leverage": 100.0},
        tiers=((0, 150, 0.005, 100), (150, 300, 0.01, 66.66)),  # the documentation writes these rates in percent
    ),
    World(
        venue="okx",
        symbol=BTC,
        names=(BTC, "BTC-USDT-SWAP", "BTC", "BTC-PERP"),
        table={
            "/api/v5/public/time": okx([{"ts": str(NOW_MS)}]),
            "/api/v5/public/instruments": okx(
                [
                    {
                        "alias": "",
                        "baseCcy": "",
                        "ctMult": "1",
                        "ctType": "linear",
                        "ctVal": "0.01",
                        "ctValCcy": "BTC",
                        "expTime": "",
                        "instFamily": "BTC-USDT",
                        "instId": "BTC-USDT-SWAP",
                        "instType": "SWAP",
                        "lever": "100",
                        "listTime": "1573557408000",
                        "lotSz": "0.1",
                        "minSz": "0.1",
                        "quoteCcy": "",
                        "settleCcy": "USDT",
                        "state": "live",
                        "tickSz": "0.1",
                        "uly": "BTC-USDT",
                    }
                ]
            ),
            "/api/v5/market/history-candles": okx(
                [
                    ["1678928760000", "24341.4", "24344", "24313.2", "24323", "628", "2.5819", "62800", "1"],
                    ["1678928700000", "24324.1", "24347.6", "24321.7", "24341.4", "2565", "10.5401", "256500", "1"],
                    ["1678928640000", "24300.2", "24324.1", "24288", "24324.1", "3304", "13.5937", "330400", "1"],
                ]
            ),
            "/api/v5/market/history-mark-price-candles": okx(
                [
                    ["1678928700000", "24324.1", "24347.6", "24321.7", "24341.4", "1"],
                    ["1678928640000", "24300.2", "24324.1", "24288", "24324.1", "1"],
                ]
            ),
            "/api/v5/public/funding-rate-history": okx(
                [
                    {
                        "instType": "SWAP",
                        "instId": "BTC-USDT-SWAP",
                        "fundingRate": "0.018",
                        "realizedRate": "0.017",
                        "fundingTime": "1597026383085",
                    },
                    {
                        "instType": "SWAP",
                        "instId": "BTC-USDT-SWAP",
                        "fundingRate": "0.018",
                        "realizedRate": "0.017",
                        "fundingTime": "1597026383085",
                    },
                ]
            ),
            "/api/v5/public/position-tiers": okx(
                [
                    {"instId": "", "maxLever": "100", "maxSz": "1000", "minSz": "0", "mmr": "0.004", "tier": "1"},
                    {"instId": "", "maxLever": "50", "maxSz": "2000", "minSz": "1000.1", "mmr": "0.005", "tier": "2"},
                ]
            ),
        },
        # the seventh field is the volume in coins; the sixth counts contracts of 0.01 BTC
        bars=(
            (1678928640000, 24300.2, 24324.1, 24288, 24324.1, 13.5937),
            (1678928700000, 24324.1, 24347.6, 24321.7, 24341.4, 10.5401),
            (1678928760000, 24341.4, 24344, 24313.2, 24323, 2.5819),
        ),
        mark=(
            (1678928640000, 24300.2, 24324.1, 24288, 24324.1),
            (1678928700000, 24324.1, 24347.6, 24321.7, 24341.4),
        ),
        rates=((1597026360000, 0.017),),  # what was charged, once, at 02:26:23.085, floored to the minute
        rules={"tick": 0.1, "lot": 0.1, "contract_size": 0.01, "leverage": 100.0, "tier_unit": "contracts"},
        tiers=((0, 1000, 0.004, 100), (1000, 2000, 0.005, 50)),
    ),
    World(
        venue="gate",
        symbol=BTC,
        names=(BTC, "BTC_USDT", "BTC"),
        interval_ns=24 * HOUR_NS,
        table={
            "/spot/time": {"server_time": NOW_MS},
            "/futures/usdt/contracts": [
                {
                    "name": "BTC_USDT",
                    "type": "direct",
                    "quanto_multiplier": "0.0001",
                    "order_price_round": "0.1",
                    "order_size_min": 1,
                    "order_size_max": 1000000,
                    "order_price_deviate": "0.5",
                    "enable_decimal": False,
                    "leverage_min": "1",
                    "leverage_max": "125",
                    "mark_price": "41776.9",
                    "maker_fee_rate": "-0.0001",
                    "taker_fee_rate": "0.00075",
                    "funding_interval": 28800,
                    "create_time": 1574035200,
                    "status": "trading",
                }
            ],
            "/futures/btc/contracts": [],
            "/futures/usdt/candlesticks": lambda asked: [
                {"t": 1632873600, "o": "41025", "h": "41882.17", "c": "41776.92", "l": "40783.94"}
                | ({} if asked.query["contract"].startswith("mark_") else {"v": 970000})
            ],
            "/futures/usdt/funding_rate": [{"r": "0.00063521", "t": 1621267200}, {"r": "0.0001", "t": 1621238400}],
            "/futures/usdt/risk_limit_tiers": [
                {
                    "maintenance_rate": "0.004",
                    "tier": 1,
                    "initial_rate": "0.008",
                    "leverage_max": "125",
                    "risk_limit": "1000000",
                },
                {
                    "maintenance_rate": "0.005",
                    "tier": 2,
                    "initial_rate": "0.01",
                    "leverage_max": "100",
                    "risk_limit": "2000000",
                },
            ],
        },
        bars=((1632873600000, 41025, 41882.17, 40783.94, 41776.92, 97.0),),  # 970,000 contracts of 0.0001 BTC
        mark=((1632873600000, 41025, 41882.17, 40783.94, 41776.92),),
        rates=((1621238400000, 0.0001), (1621267200000, 0.00063521)),
        rules={"tick": 0.1, "lot": 1.0, "contract_size": 0.0001, "leverage": 125.0, "taker": None},
        tiers=((0, 1_000_000, 0.004, 125), (1_000_000, 2_000_000, 0.005, 100)),
    ),
    World(
        venue="bitget",
        symbol=BTC,
        names=(BTC, "BTCUSDT", "BTC"),
        table={
            "/api/v2/public/time": {
                "code": "00000",
                "msg": "success",
                "requestTime": NOW_MS,
                "data": {"serverTime": str(NOW_MS)},
            },
            "/api/v2/mix/market/contracts": lambda asked: {
                "code": "00000",
                "msg": "success",
                "data": []
                if asked.query["productType"] != "USDT-FUTURES"
                else [
                    {
                        "symbol": "BTCUSDT",
                        "baseCoin": "BTC",
                        "quoteCoin": "USDT",
                        "makerFeeRate": "0.0002",
                        "takerFeeRate": "0.0006",
                        "supportMarginCoins": ["USDT"],
                        "minTradeNum": "0.001",
                        "priceEndStep": "1",
                        "volumePlace": "3",
                        "pricePlace": "1",
                        "sizeMultiplier": "0.001",
                        "symbolType": "perpetual",
                        "minTradeUSDT": "5",
                        "symbolStatus": "normal",
                        "launchTime": "",
                        "fundInterval": "8",
                        "minLever": "1",
                        "maxLever": "125",
                    }
                ],
            },
            "/api/v2/mix/market/history-candles": {
                "code": "00000",
                "data": [["1645911960000", "39406", "39407", "39374.5", "39379", "35.526", "1399132.341"]],
            },
            "/api/v2/mix/market/history-mark-candles": {
                "code": "00000",
                "data": [["1645911960000", "39405", "39406", "39374", "39380", "0", "0"]],
            },
            "/api/v2/mix/market/history-fund-rate": lambda asked: {
                "code": "00000",
                "msg": "success",
                "data": [
                    {"symbol": "BTCUSDT", "fundingRate": "-0.0003", "fundingTime": "1652396400000"},
                    {"symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingTime": "1652367600000"},
                ]
                if asked.query["pageNo"] == "1"
                else [],
            },
            "/api/v2/mix/market/query-position-lever": {
                "code": "00000",
                "data": [
                    {
                        "symbol": "BTCUSDT",
                        "level": "1",
                        "startUnit": "0",
                        "endUnit": "150000",
                        "leverage": "125",
                        "keepMarginRate": "0.004",
                    },
                    {
                        "symbol": "BTCUSDT",
                        "level": "2",
                        "startUnit": "150000",
                        "endUnit": "900000",
                        "leverage": "100",
                        "keepMarginRate": "0.005",
                    },
                ],
            },
        },
        bars=((1645911960000, 39406, 39407, 39374.5, 39379, 35.526),),
        mark=((1645911960000, 39405, 39406, 39374, 39380),),
        rates=((1652367600000, 0.0001), (1652396400000, -0.0003)),
        rules={"tick": 0.1, "lot": 0.001, "minimum_notional": 5.0, "maker": 0.0002, "taker": 0.0006},
        tiers=((0, 150_000, 0.004, 125), (150_000, 900_000, 0.005, 100)),
    ),
    World(
        venue="kucoin",
        symbol="ETH/USDT:USDT",
        names=("ETH/USDT:USDT", "ETHUSDTM", "ETH"),
        interval_ns=15 * MINUTE_NS,
        table={
            "/api/v1/timestamp": {"code": "200000", "data": NOW_MS},
            "/api/v1/contracts/active": {
                "code": "200000",
                "data": [
                    {
                        "symbol": "ETHUSDTM",
                        "rootSymbol": "USDT",
                        "type": "FFWCSX",
                        "firstOpenDate": 1591086000000,
                        "expireDate": None,
                        "baseCurrency": "ETH",
                        "quoteCurrency": "USDT",
                        "settleCurrency": "USDT",
                        "maxOrderQty": 1000000,
                        "maxPrice": 1000000.0,
                        "lotSize": 1,
                        "tickSize": 0.05,
                        "multiplier": 0.01,
                        "makerFeeRate": 0.0002,
                        "takerFeeRate": 0.0006,
                        "isInverse": False,
                        "nextFundingRateTime": 25481884,
                        "status": "Open",
                        "maxLeverage": 100,
                    }
                ],
            },
            "/api/v1/kline/query": {
                "code": "200000",
                "data": [
                    [1636459200000, 4779.3, 4792.1, 4768.7, 4770.3, 78051],
                    [1636460100000, 4770.25, 4778.55, 4757.55, 4777.25, 80164],
                    [1636461000000, 4777.25, 4791.45, 4774.5, 4791.3, 51555],
                ],
            },
            # time in seconds, then open, close, high, low
            "/api/ua/v1/market/kline": {
                "code": "200000",
                "data": {
                    "tradeType": "FUTURES",
                    "symbol": "ETHUSDTM-mark-price",
                    "list": [["1636459200", "4779.4", "4770.4", "4792.0", "4768.8", "0", "0"]],
                },
            },
            "/api/v1/contract/funding-rates": {
                "code": "200000",
                "data": [
                    {"symbol": "ETHUSDTM", "fundingRate": 2.26e-4, "timepoint": 1702296000000},
                    {"symbol": "ETHUSDTM", "fundingRate": -1e-4, "timepoint": 1702267200000},
                ],
            },
            "/api/v1/contracts/risk-limit/ETHUSDTM": {
                "code": "200000",
                "data": [
                    {
                        "symbol": "ETHUSDTM",
                        "level": 1,
                        "maxRiskLimit": 300000,
                        "minRiskLimit": 0,
                        "maxLeverage": 100,
                        "initialMargin": 0.01,
                        "maintainMargin": 0.005,
                    },
                    {
                        "symbol": "ETHUSDTM",
                        "level": 2,
                        "maxRiskLimit": 500000,
                        "minRiskLimit": 300000,
                        "maxLeverage": 50,
                        "initialMargin": 0.02,
                        "maintainMargin": 0.01,
                    },
                ],
            },
        },
        # contracts of 0.01 ETH
        bars=(
            (1636459200000, 4779.3, 4792.1, 4768.7, 4770.3, 780.51),
            (1636460100000, 4770.25, 4778.55, 4757.55, 4777.25, 801.64),
            (1636461000000, 4777.25, 4791.45, 4774.5, 4791.3, 515.55),
        ),
        mark=((1636459200000, 4779.4, 4792.0, 4768.8, 4770.4),),
        rates=((1702267200000, -1e-4), (1702296000000, 2.26e-4)),
        rules={"tick": 0.05, "lot": 1.0, "contract_size": 0.01, "maker": 0.0002, "taker": 0.0006},
        tiers=((0, 300_000, 0.005, 100), (300_000, 500_000, 0.01, 50)),
    ),
    World(
        venue="deribit",
        symbol="BTC/USD:BTC",
        names=("BTC/USD:BTC", "BTC-PERPETUAL", "BTC"),
        table={
            "/public/get_time": {"jsonrpc": "2.0", "result": NOW_MS},
            "/public/get_instruments": {
                "jsonrpc": "2.0",
                "result": [
                    {
                        "tick_size": 0.5,
                        "taker_commission": 0.0005,
                        "settlement_period": "perpetual",
                        "settlement_currency": "BTC",
                        "quote_currency": "USD",
                        "min_trade_amount": 10.0,
                        "max_leverage": 50,
                        "maker_commission": 0.0,
                        "kind": "future",
                        "is_active": True,
                        "instrument_name": "BTC-PERPETUAL",
                        "future_type": "reversed",
                        "expiration_timestamp": 32503708800000,
                        "creation_timestamp": 1534242287000,
                        "counter_currency": "USD",
                        "contract_size": 10.0,
                        "base_currency": "BTC",
                    }
                ],
            },
            "/public/get_tradingview_chart_data": {
                "jsonrpc": "2.0",
                "result": {
                    "volume": [3.6680847969999992, 22.682721123, 3.011587939, 0],
                    "ticks": [1583916960000, 1583917020000, 1583917080000, 1583917140000],
                    "status": "ok",
                    "open": [7834, 7839, 7833.5, 7833],
                    "low": [7834, 7833.5, 7832.5, 7833],
                    "high": [7839.5, 7839, 7833.5, 7833],
                    "cost": [28740, 177740, 23590, 0],
                    "close": [7839.5, 7833.5, 7833, 7833],
                },
            },
            "/public/get_funding_rate_history": {
                "jsonrpc": "2.0",
                "result": [
                    {
                        "timestamp": 1569891600000,
                        "index_price": 8222.87,
                        "prev_index_price": 8305.72,
                        "interest_8h": -0.00009234260068476106,
                        "interest_1h": -4.739622041017375e-7,
                    }
                ],
            },
        },
        bars=(
            (1583916960000, 7834, 7839.5, 7834, 7839.5, 3.6680847969999992),
            (1583917020000, 7839, 7839, 7833.5, 7833.5, 22.682721123),
            (1583917080000, 7833.5, 7833.5, 7832.5, 7833, 3.011587939),
            (1583917140000, 7833, 7833, 7833, 7833, 0),
        ),
        rates=((1569891600000, -4.739622041017375e-7),),  # of the hour, not of the last eight
        # sizes are US dollars: 10 of them are one contract of 10
        rules={"tick": 0.5, "lot": 1.0, "contract_size": 10.0, "inverse": True, "leverage": 50.0, "taker": 0.0005},
    ),
    World(
        venue="hyperliquid",
        symbol="ETH/USDC:USDC",
        names=("ETH/USDC:USDC", "ETH", "ETH-PERP"),
        interval_ns=15 * MINUTE_NS,
        table={
            "/info": lambda asked: {
                "exchangeStatus": {"specialStatuses": None, "time": str(NOW_MS)},
                "metaAndAssetCtxs": [
                    {
                        "universe": [
                            {
                                "name": "ETH",
                                "szDecimals": 4,
                                "maxLeverage": 25,
                                "onlyIsolated": False,
                                "marginTableId": 55,
                            }
                        ],
                        "marginTables": [
                            [50, {"description": "", "marginTiers": [{"lowerBound": "0.0", "maxLeverage": 50}]}],
                            [
                                55,
                                {
                                    "description": "tiered 25x",
                                    "marginTiers": [
                                        {"lowerBound": "0.0", "maxLeverage": 25},
                                        {"lowerBound": "100000000.0", "maxLeverage": 20},
                                    ],
                                },
                            ],
                        ],
                    },
                    [{"markPx": "2369.6", "midPx": "2369.45", "oraclePx": "2367.3", "funding": "0.00004807"}],
                ],
                "candleSnapshot": [
                    {
                        "T": 1704287699999,
                        "c": "2226.4",
                        "h": "2247.9",
                        "i": "15m",
                        "l": "2224.6",
                        "n": 46,
                        "o": "2247.9",
                        "s": "ETH",
                        "t": 1704286800000,
                        "v": "591.6427",
                    }
                ],
                "fundingHistory": [
                    {"coin": "ETH", "fundingRate": "0.0000125", "premium": "0.00057962", "time": 1704290400031}
                ],
            }[asked.query["type"]],
        },
        bars=((1704286800000, 2247.9, 2247.9, 2224.6, 2226.4, 591.6427),),
        rates=((1704290400000, 0.0000125),),
        rules={"lot": 0.0001, "contract_size": 1.0, "minimum_notional": 10.0, "leverage": 25.0},
        tiers=((0, 100_000_000, 0.02, 25), (100_000_000, inf, 0.025, 20)),  # half of 1/25 and of 1/20
    ),
)


def fetched(world: World, store: Path, name: str, **wanted: Any) -> Fetched:
    """What comes of a fetch of a range that holds all of the world's rows."""
    stamps = [row[0] for row in (*world.bars, *world.mark, *world.rates)]
    length = world.interval_ns // 1_000_000
    return fetch(
        world.venue,
        name,
        f"{world.interval_ns // MINUTE_NS}m",
        start=text(int(min(stamps)) - 5 * length),
        end=text(int(max(stamps)) + 5 * length),
        store=store,
        access=LOCAL,
        **wanted,
    )


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_a_symbol_is_found_by_each_of_its_names(world: World, wired: Lay, tmp_path: Path) -> None:
    wired(world.table)
    for name in world.names:
        found = fetched(world, tmp_path, name, kinds=["funding"], contracts=False)
        assert [each.symbol for each in found.series] == [world.symbol]


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_bars_are_stored_as_the_venue_tells_them(world: World, wired: Lay, tmp_path: Path) -> None:
    wired(world.table)
    span = world.interval_ns // 1_000_000
    for kind, rows in ((SeriesKind.OHLCV, world.bars), (SeriesKind.MARK, world.mark)):
        if not rows:
            continue
        found = fetch(
            world.venue,
            world.symbol,
            f"{world.interval_ns // MINUTE_NS}m",
            start=text(int(rows[0][0]) - 3 * span),
            end=text(int(rows[-1][0]) + 3 * span),
            kinds=[kind],
            contracts=False,
            store=tmp_path,
            access=LOCAL,
        )
        (series,) = found.series
        assert (series.added, series.rows) == (len(rows), len(rows))
        assert series.holes[0][1] == 3
        assert series.holes[-1][1] == 2
        key = SeriesKey(venue=world.venue, symbol=world.symbol, kind=kind, interval_ns=world.interval_ns)
        bars = Store(root=tmp_path).bars(key)
        assert bars is not None
        names = ("open", "high", "low", "close") + (("volume",) if kind is SeriesKind.OHLCV else ())
        assert bars.time_ns.tolist() == [int(row[0]) * 1_000_000 for row in rows]
        for column, name in enumerate(names, start=1):
            assert getattr(bars, name).tolist() == pytest.approx([row[column] for row in rows], rel=1e-15, abs=0)


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_funding_is_stored_at_the_venues_own_stamps(world: World, wired: Lay, tmp_path: Path) -> None:
    wired(world.table)
    first, last = world.rates[0][0], world.rates[-1][0]
    fetch(
        world.venue,
        world.symbol,
        start=text(first - 60_000),
        end=text(last + 60_000),
        kinds=["funding"],
        contracts=False,
        store=tmp_path,
        access=LOCAL,
    )
    rates = Store(root=tmp_path).funding(world.venue, world.symbol)
    assert rates is not None
    assert [(at // 1_000_000, rate) for at, rate in zip(rates.time_ns.tolist(), rates.rate.tolist(), strict=True)] == [
        *world.rates
    ]


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_contract_rules_and_tiers_are_those_of_the_listing(world: World, wired: Lay, tmp_path: Path) -> None:
    wired(world.table)
    found = fetched(world, tmp_path, world.symbol, kinds=["funding"])
    (rules,) = found.rules
    snapshot = rules.rules.snapshot
    assert {name: getattr(snapshot, name) for name in world.rules} == dict(world.rules)
    assert [(each.floor, each.cap, each.rate, each.leverage) for each in snapshot.tiers] == [*world.tiers]
    if not world.tiers:
        assert "leverage tiers" in rules.rules.remarks[0]


@pytest.mark.parametrize("venue", ["deribit", "hyperliquid"])
def test_what_a_venue_lacks_is_said(venue: str, wired: Lay, tmp_path: Path) -> None:
    (world,) = (each for each in WORLDS if each.venue == venue)
    wired(world.table)
    for kind in ("mark", "index"):
        (series,) = fetched(world, tmp_path, world.symbol, kinds=[kind], contracts=False).series
        assert (series.rows, series.added) == (0, 0)
        assert series.absent.endswith(f"offers no bars of the {kind} price")
