"""How a run is run: everything that can change its numbers and is neither the market nor the strategy.

In Python a `RunConfig` is made by keyword. At the edge (command line, `backtest.toml`) its values may be texts:
`0.05%` and `5bps` are fractions, `adverse-first` is a path. Precedence: flag, then `backtest.toml`, then the defaults
here. Names are spelled alike in all three.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from backtest.enums import Holes, Path, PositionMode, PriceSource, from_label, label
from backtest.errors import UsageError, near

CHOICES: dict[str, type[IntEnum]] = {
    "position_mode": PositionMode,
    "path": Path,
    "holes": Holes,
    "judge": PriceSource,
}
CASH, COINS = 10_000.0, 1.0
"""The deposit where none is given, in quote currency and in the coin of an inverse market."""
MARGIN_MODES = ("isolated", "cross")
FRACTIONS = ("slippage", "volume_slippage", "adl", "margin_call", "maker", "taker")


def number(value: object, name: str) -> float:
    """A finite number from a number or a text such as `10_000`; raises `UsageError` naming `name`."""
    if not isinstance(value, bool) and isinstance(value, int | float | str):
        try:
            found = float(value)
        except ValueError:
            found = math.nan
        if math.isfinite(found):
            return found
    raise UsageError(f"{name} is {value!r}, which is no finite number; give one such as 0.5 or 1000")


def fraction(value: object, name: str) -> float:
    """A plain fraction from a number, `0.05%` or `5bps`; raises `UsageError` naming `name`.

    >>> fraction("0.05%", "taker"), fraction("2bps", "slippage"), fraction(0.8, "margin_call")
    (0.0005, 0.0002, 0.8)
    """
    text = value.strip().lower() if isinstance(value, str) else ""
    for ending, unit in (("%", 100.0), ("bps", 10_000.0), ("bp", 10_000.0)):
        if text.endswith(ending):
            return number(text.removesuffix(ending), name) / unit
    return number(value, name)


def deposits(value: object) -> float | dict[str, float]:
    """One deposit from a number, or one a currency from `BTC=1,USDT=10000` or a table of them.

    >>> deposits("10_000"), deposits("BTC=1, USDT=10000")
    (10000.0, {'BTC': 1.0, 'USDT': 10000.0})
    """
    if isinstance(value, Mapping):
        return {str(currency).upper(): number(amount, f"cash of {currency}") for currency, amount in value.items()}
    if not isinstance(value, str) or "=" not in value:
        return number(value, "cash")
    found: dict[str, float] = {}
    for part in value.split(","):
        currency, _, amount = (word.strip() for word in part.partition("="))
        if not currency or currency.upper() in found:
            raise UsageError(f"cash is '{value}'; name each currency once, as in --cash BTC=1,USDT=10000")
        found[currency.upper()] = number(amount, f"cash of {currency}")
    return found


def cash_text(cash: Mapping[str, float]) -> str:
    """Deposits by currency as one text.

    >>> cash_text({"BTC": 1.0, "USDT": 10000.0})
    'BTC=1.0,USDT=10000.0'
    """
    return ",".join(f"{currency}={amount!r}" for currency, amount in cash.items())


def _checked_cash(cash: float | Mapping[str, float]) -> float | dict[str, float]:
    if not isinstance(cash, Mapping):
        within("cash", cash, above=0.0)
        return number(cash, "cash")
    for currency, amount in cash.items():
        within(f"cash of {currency}", amount, above=0.0)
    if not cash:
        raise UsageError("cash names no currency; write a number, or BTC=1,USDT=10000")
    return {str(currency).upper(): number(amount, "cash") for currency, amount in cash.items()}


def funding_choice(value: object) -> str | float:
    """`history`, `zero` or a rate (a number, or the text `const:0.01%`); raises `UsageError` for anything else.

    >>> funding_choice("const:0.01%")
    0.0001
    """
    if isinstance(value, str):
        text = value.strip().lower()
        if text in ("history", "zero"):
            return text
        if not text.startswith("const:"):
            raise UsageError(
                f"funding is '{value}'; {near(text, ['history', 'zero', 'const'])}it is history (the venue's own "
                "settlements), zero, or const:RATE, as in const:0.01%"
            )
        value = text.removeprefix("const:")
    return fraction(value, "funding")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The settings of one run, checked when made.

    cash: deposit at the start, in the settlement currency; None takes 10,000, of an inverse market 1 coin. Where
    contracts are settled in several currencies a deposit for each, `{"BTC": 1, "USDT": 10_000}` or
    `BTC=1,USDT=10000`.
    report_currency: in which an account in several currencies is told; None takes that of the first linear contract.
    timeframe: decision bar, such as `1h`; None takes the history's own.
    detail_timeframe: finer base bar that fills and liquidations walk; None takes the decision bar.
    margin_mode: `isolated`, or `cross`, in which all positions share the wallet.
    position_mode: one position a symbol (`one-way`), or its long and its short beside each other (`hedge`), where the
    venue offers it.
    path: which extreme of a bar comes first.
    holes: what to do with a missing bar under an open position.
    judge: the price that values and liquidates positions; `last` is for comparison only.
    slippage: fraction of the price paid by market orders (0.0002 is two basis points).
    adl: a stress: a move of the mark within a base bar (a fraction) after which the venue's insurance fund counts as
    spent, so that positions which win by it are closed at the mark of the next open (auto-deleveraging); 0: never.
    volume_slippage: fraction of the price paid per share of the bar's volume taken.
    margin_call: margin ratio at which a margin call is given.
    maker, taker: fee rates in place of the contracts' own; None keeps those.
    funding: `history`, `zero`, or one rate for all settlements, at the venue's own stamps.
    strict: refuse a history whose contract rules are not of its own date.
    seed: of the strategy's own random numbers.

    >>> RunConfig(slippage=0.0002).deposit
    10000.0
    """

    cash: float | Mapping[str, float] | None = None
    report_currency: str | None = None
    timeframe: str | None = None
    detail_timeframe: str | None = None
    margin_mode: str = "isolated"
    position_mode: PositionMode = PositionMode.ONE_WAY
    path: Path = Path.ADVERSE_FIRST
    holes: Holes = Holes.REFUSE
    judge: PriceSource = PriceSource.MARK
    slippage: float = 0.0
    volume_slippage: float = 0.0
    adl: float = 0.0
    margin_call: float = 0.8
    maker: float | None = None
    taker: float | None = None
    funding: str | float = "history"
    strict: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.cash is not None:
            object.__setattr__(self, "cash", _checked_cash(self.cash))
        within("slippage", self.slippage, least=0.0, below=1.0)
        within("volume_slippage", self.volume_slippage, least=0.0)
        within("adl", self.adl, least=0.0, below=1.0)
        within("margin_call", self.margin_call, above=0.0, most=1.0)
        for name in ("slippage", "volume_slippage", "adl", "margin_call"):
            object.__setattr__(self, name, number(getattr(self, name), name))
        if self.maker is not None:
            within("maker", self.maker, above=-0.1, below=0.1)
        if self.taker is not None:
            if number(self.taker, "taker") < 0.0:
                raise UsageError(
                    f"taker is {self.taker!r}; whoever takes pays, so it must be at least 0 (a rebate is a negative "
                    "maker fee)"
                )
            within("taker", self.taker, least=0.0, below=0.1)
        if self.funding not in ("history", "zero"):
            within("funding", self.funding, above=-1.0, below=1.0)
        if self.margin_mode not in MARGIN_MODES:
            raise UsageError(
                f"margin_mode is {self.margin_mode!r}; {near(str(self.margin_mode), MARGIN_MODES)}"
                f"it is one of {', '.join(MARGIN_MODES)}"
            )
        if not isinstance(self.seed, int) or self.seed < 0:
            raise UsageError(f"seed is {self.seed!r}; it must be a whole number of 0 or more")
        for name, choice in CHOICES.items():
            if not isinstance(getattr(self, name), choice):
                raise UsageError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(map(str, choice))} "
                    f"(RunConfig.from_mapping takes texts)"
                )

    @property
    def deposit(self) -> float:
        """The deposit of a run whose contracts are all settled in one currency."""
        if isinstance(self.cash, Mapping):
            raise UsageError(
                f"cash is {cash_text(self.cash)}, several deposits; this takes one currency and one number"
            )
        return CASH if self.cash is None else self.cash

    @property
    def constant_funding(self) -> float | None:
        """The one rate of all settlements, or None where the venue's own rates hold."""
        if self.funding == "history":
            return None
        return 0.0 if self.funding == "zero" else float(self.funding)

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> RunConfig:
        """A config from names and values as the edge has them; an unknown name raises `UsageError` with the near one.

        >>> RunConfig.from_mapping({"taker": "0.05%", "path": "favourable-first"}).taker
        0.0005
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise UsageError(f"'{name}' is no setting of a run; {near(name, known)}known are {', '.join(known)}")
        return cls(**{name: _from_edge(name, value) for name, value in values.items()})

    def to_mapping(self) -> dict[str, object]:
        """Names and plain values (texts, numbers, None), as `from_mapping` takes them and a manifest stores them."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain = {name: label(value) if isinstance(value, IntEnum) else value for name, value in values.items()}
        if isinstance(self.cash, Mapping):
            plain["cash"] = cash_text(self.cash)
        if isinstance(self.funding, float):
            plain["funding"] = f"const:{self.funding!r}"
        return plain

    def to_toml(self) -> str:
        """The `[run]` table of a `backtest.toml`; settings that are None are left out.

        >>> RunConfig(cash=500.0).to_toml().splitlines()[:2]
        ['[run]', 'cash = 500.0']
        """
        lines = ["[run]"]
        for name, value in self.to_mapping().items():
            if value is not None:
                lines.append(f"{name} = {toml_value(value)}")
        return "\n".join(lines) + "\n"


def within(
    name: str,
    value: object,
    *,
    above: float = -math.inf,
    least: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
) -> None:
    """Raises `UsageError` unless `value` is a finite number with above < value < below and least <= value <= most."""
    checked = number(value, name)
    if not isinstance(value, str) and above < checked < below and least <= checked <= most:
        return
    lower = f"above {above:g}" if above > -math.inf else f"at least {least:g}" if least > -math.inf else ""
    upper = f"below {below:g}" if below < math.inf else f"at most {most:g}" if most < math.inf else ""
    raise UsageError(f"{name} is {value!r}; it must be {' and '.join(filter(None, (lower, upper)))}")


def toml_value(value: object) -> str:
    """A text, number or truth value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)


def _from_edge(name: str, value: object) -> Any:
    if value is None or isinstance(value, IntEnum):
        return value
    if name in CHOICES:
        return from_label(CHOICES[name], str(value))
    if name in FRACTIONS:
        return fraction(value, name)
    if name == "cash":
        return deposits(value)
    if name == "funding":
        return funding_choice(value)
    if name == "report_currency":
        return str(value).upper()
    if name == "strict" and not isinstance(value, bool):
        raise UsageError(f"strict is {value!r}; it must be true or false")
    if name == "seed":
        if isinstance(value, str) and value.strip().isdigit():
            return int(value)
        return value
    return value
