"""What each metric means, in the order in which they are shown. Tools disagree, so the report prints the sentences.

Money is the settlement currency, ratios are plain fractions (0.05 is five percent), costs are positive unless the name
begins with `pnl`.
"""

from __future__ import annotations

from typing import NamedTuple


class Definition(NamedTuple):
    """A metric's unit (money, ratio, factor, count, days, hours, text) and its sentence."""

    unit: str
    sentence: str


GROUPS: dict[str, dict[str, Definition]] = {
    "Result": {
        "cash": Definition("money", "deposit at the start"),
        "equity": Definition("money", "wallet + margins + unrealised PnL at the end; open positions are marked"),
        "net_pnl": Definition("money", "equity at the end less the deposit"),
        "total_return": Definition("ratio", "net PnL / deposit"),
        "cagr": Definition("ratio", "(equity / deposit)^(365 / days) - 1"),
        "days": Definition("days", "length of the run in days of 24 hours"),
        "ruined": Definition("flag", "1 when the equity reached zero; returns after that are left out"),
        "buy_and_hold_return": Definition(
            "ratio", "return of the deposit split equally over the symbols, unlevered, funding paid, fees left out"
        ),
    },
    "Where it came from": {
        "pnl_price": Definition("money", "moves of the price between fills, unrealised included, slippage taken out"),
        "pnl_slippage": Definition("money", "what slippage made fills worse"),
        "pnl_fees": Definition("money", "trading fees"),
        "pnl_funding": Definition("money", "funding received less paid"),
        "pnl_liquidation_fees": Definition("money", "fees of liquidations"),
        "pnl_insurance": Definition("money", "losses beyond a margin that the insurance fund bore, less what it took"),
        "pnl_conversion": Definition(
            "money", "what the wallets of other currencies gained against the one reported in; zero in one currency"
        ),
        "residual": Definition("money", "net PnL less all parts; zero but for rounding in the last digits"),
    },
    "Risk": {
        "max_drawdown": Definition(
            "ratio", "deepest fall of equity below its highest close so far, on base bar closes"
        ),
        "max_drawdown_intrabar": Definition(
            "ratio", "the same with every position at the adverse mark extreme of each bar at once"
        ),
        "drawdown_days": Definition("days", "longest time below an earlier high"),
        "volatility": Definition("ratio", "standard deviation of daily returns × √365"),
        "sharpe": Definition("factor", "mean daily return / standard deviation × √365, risk-free rate 0"),
        "sortino": Definition("factor", "mean daily return / root mean square of the losing days × √365"),
        "calmar": Definition("factor", "cagr / size of max_drawdown"),
        "omega": Definition("factor", "sum of daily gains / sum of daily losses"),
        "ulcer_index": Definition("ratio", "root mean square of the daily drawdown"),
        "var_95": Definition("ratio", "daily return undercut on 5 % of days"),
        "cvar_95": Definition("ratio", "mean of the daily returns at or below var_95"),
        "skew": Definition("factor", "third standardised moment of daily returns"),
        "kurtosis": Definition("factor", "fourth standardised moment of daily returns (3: normal)"),
        "psr": Definition("ratio", "probability that the true Sharpe ratio exceeds 0, given length, skew, kurtosis"),
        "alpha": Definition("ratio", "yearly return that the regression on buy and hold leaves unexplained"),
        "beta": Definition("factor", "slope of daily returns on those of buy and hold"),
        "time_in_market": Definition("ratio", "share of decision bars that close with a position open"),
    },
    "Trades": {
        "trades": Definition("count", "closed trades; a trade is the time of one symbol from flat to flat"),
        "open_trades": Definition("count", "trades still open at the end"),
        "win_rate": Definition("ratio", "share of closed trades with a profit after all costs"),
        "average_win": Definition("money", "mean profit of winning trades"),
        "average_loss": Definition("money", "mean result of losing trades"),
        "payoff": Definition("factor", "average win / size of average loss"),
        "profit_factor": Definition("factor", "sum of wins / size of sum of losses, in money"),
        "expectancy": Definition("money", "mean profit of a closed trade"),
        "expectancy_r": Definition("factor", "expectancy / size of average loss"),
        "sqn": Definition("factor", "√trades × mean profit / standard deviation of profits"),
        "kelly": Definition("ratio", "win rate - (1 - win rate) / payoff"),
        "best_trade": Definition("money", "highest profit of a closed trade"),
        "worst_trade": Definition("money", "lowest result of a closed trade"),
        "longest_wins": Definition("count", "longest row of winning trades"),
        "longest_losses": Definition("count", "longest row of losing trades"),
        "mean_hours": Definition("hours", "mean time from opening to closing"),
    },
    "Leverage and margin": {
        "max_leverage": Definition("factor", "highest sum of notionals / equity at the close of a decision bar"),
        "mean_leverage": Definition("factor", "mean of the same over all decision bars"),
        "max_margin_use": Definition("ratio", "highest margin in positions / (margin in positions + wallet)"),
        "mean_margin_use": Definition("ratio", "mean of the same"),
        "max_margin_ratio": Definition(
            "ratio", "highest maintenance margin / margin balance at a decision bar's close"
        ),
        "min_distance": Definition("ratio", "least |mark - liquidation price| / mark, on mark extremes; 0: liquidated"),
        "min_distance_survived": Definition("ratio", "least distance of a trade that was not liquidated"),
        "median_distance": Definition("ratio", "median over trades of their least distance"),
        "distance_p01": Definition("ratio", "1 % quantile of the least distance within each base bar"),
        "distance_p05": Definition("ratio", "5 % quantile of the same"),
        "time_below_5_percent": Definition(
            "ratio", "share of base bars with a position in which the distance fell below 5 %"
        ),
        "margin_calls": Definition("count", "times the margin ratio reached the call level"),
        "alerts": Definition("count", "alerts given"),
        "top_ups": Definition("count", "automatic top-ups"),
        "margin_added": Definition("money", "margin added by commands and top-ups"),
        "margin_removed": Definition("money", "margin taken out by commands"),
        "top_up_rescue_rate": Definition("ratio", "share of closed trades with added margin that ended without loss"),
        "margin_lost_after_top_up": Definition("money", "margin added to trades that were liquidated all the same"),
        "liquidations": Definition("count", "positions that the venue took over"),
        "liquidation_loss": Definition("money", "margin lost in liquidations, less what came back"),
        "liquidation_share": Definition("ratio", "liquidation_loss / sum of the losses of all losing trades"),
        "liquidation_rate": Definition("ratio", "liquidations / closed trades"),
        "liquidation_rate_low": Definition("ratio", "lower end of its 95 % Wilson interval"),
        "liquidation_rate_high": Definition("ratio", "upper end of its 95 % Wilson interval"),
        "insurance_paid": Definition("money", "losses beyond the margin, borne by the insurance fund"),
    },
    "Costs": {
        "turnover": Definition("money", "sum of the notionals of all fills"),
        "fees": Definition("money", "trading fees paid"),
        "fees_maker": Definition("money", "of these as maker"),
        "fees_taker": Definition("money", "of these as taker"),
        "fee_share": Definition("ratio", "fees / size of pnl_price"),
        "fee_on_margin": Definition("ratio", "fees / mean margin posted"),
        "funding_paid": Definition("money", "funding paid"),
        "funding_received": Definition("money", "funding received"),
        "funding_net": Definition("money", "funding paid less received"),
        "funding_share": Definition("ratio", "funding_net / size of pnl_price"),
        "funding_apr_on_margin": Definition("ratio", "funding_net as a yearly rate on the mean margin posted"),
        "liquidation_fees": Definition("money", "fees of liquidations"),
        "slippage": Definition("money", "what slippage made fills worse"),
    },
    "Orders": {
        "orders": Definition("count", "orders that reached the venue, refused ones included"),
        "orders_filled": Definition("count", "of these filled"),
        "rejections": Definition("count", "orders and margin commands that the venue refused"),
        "ambiguous_bars": Definition("count", "bars in which the order of two triggers decided the outcome"),
    },
}

DEFINITIONS: dict[str, Definition] = {name: one for group in GROUPS.values() for name, one in group.items()}
