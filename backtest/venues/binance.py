"""Binance USDⓈ-M futures: isolated margin, one-way mode, linear perpetuals.

Read in November 2026, by their number in Binance's help centre where they have one: "How to calculate liquidation price
of USDⓈ-M futures contracts" (b3c689c1f50a44cabb3a84e663b81d93), "How to adjust isolated margin" (360038447311), the
liquidation protocol (as copied at docs.traderwagon.com), the error codes and user-data streams at
developers.binance.com; and five real positions of February and March 2024 whose liquidation prices these rules
reproduce to eight decimals.

An open question is which pocket pays the opening fee. Of two real positions one (AGIX, 2x short) had an isolated
wallet of the initial margin less exactly one taker fee, the other (BLUR) one of exactly the initial margin. We take the
fee from the trader's wallet: the API reports the commission as a change of the balance beside the position, and a fee
taken out of the margin could push a position at the highest leverage straight to its liquidation price. What hangs on
it is one taker fee (0.05 % of notional) of distance to liquidation, in the trader's favour. The field is a switch for
whoever knows better.

Left out: hedge mode, cross margin, COIN-M, portfolio margin, auto-deleveraging, and the partial reduction that precedes
a full liquidation of a large position: the whole position is closed at the mark price of that moment, the liquidation
fee taken, and what is left returned.
"""

from __future__ import annotations

from backtest.enums import LiquidationStyle, Pocket
from backtest.venues.rules import VenueRules

FACTS = "binance_usdm.toml"

RULES = (
    VenueRules(
        id="binance",
        name="Binance USDⓈ-M",
        valid_from_ns=None,
        opening_fee_pocket=Pocket.WALLET,
        funding_pocket=Pocket.MARGIN,
        liquidation_style=LiquidationStyle.MARKET_CLOSE,
        strict=True,
        lower_leverage=False,
        whole_leverage=True,
        order_limit=200,
        trigger_fee=0.0,
        sources={
            "opening_fee_pocket": "open question, argued at the head of backtest/venues/binance.py",
            "funding_pocket": "developers.binance.com, user data stream: ACCOUNT_UPDATE has the isolated wallet (iw)",
            "liquidation_style": "liquidation protocol (copy at docs.traderwagon.com): one large immediate-or-cancel "
            "order, fee on the liquidated amount, insurance fund beyond the bankruptcy price, wallet reset to 0",
            "strict": "liquidation protocol: liquidation when the margin balance is below the maintenance margin",
            "lower_leverage": "developers.binance.com, error −4161: leverage cannot be reduced on an isolated position",
            "whole_leverage": "developers.binance.com, change initial leverage: an integer from 1 up",
            "order_limit": "exchangeInfo filter MAX_NUM_ORDERS = 200; general knowledge, not captured",
            "trigger_fee": "five real positions of February and March 2024 reproduce to eight decimals without a fee",
        },
    ),
)
