"""What `backtest run` was asked for: flags over the `[run]` table of `backtest.toml` over the defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backtest.config import RunConfig
from backtest.enums import Path, from_label
from backtest.errors import UsageError, near

MARKET_NAMES = ("venue", "symbols", "range")
RUN_NAMES = tuple(field.name for field in dataclasses.fields(RunConfig))
BOTH = "both"


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """One market, one or two configs (two for `--path both`).

    symbols: empty for all that the venue has. span: a range text, empty for all there is.
    """

    venue: str
    symbols: tuple[str, ...]
    span: str
    configs: tuple[RunConfig, ...]

    @classmethod
    def resolve(cls, flags: Mapping[str, object], defaults: Mapping[str, object]) -> RunRequest:
        """A request from flags (those not given are None or empty) and the `[run]` table.

        >>> RunRequest.resolve({"cash": "500"}, {"cash": 100, "venue": "binance"}).configs[0].cash
        500.0
        """
        known = (*MARKET_NAMES, *RUN_NAMES)
        for name in defaults:
            if name not in known:
                raise UsageError(
                    f"backtest.toml sets '{name}' in [run], which is no setting of a run; {near(name, known)}"
                    f"known are {', '.join(known)}"
                )
        values = {**defaults, **{name: value for name, value in flags.items() if value not in (None, (), "")}}
        market = {name: values.pop(name) for name in MARKET_NAMES if name in values}
        paths = [values.get("path")]
        if paths == [BOTH]:
            paths = list(Path)
        elif isinstance(paths[0], str):
            paths = [path_of(paths[0])]
        configs = [RunConfig.from_mapping({**values, "path": path} if path is not None else values) for path in paths]
        return cls(
            venue=str(market.get("venue", "sample")),
            symbols=symbol_list(market.get("symbols", ())),
            span=str(market.get("range", "")),
            configs=tuple(configs),
        )


def path_of(text: str) -> Path:
    """A path by its label; the error names `both` too."""
    try:
        return from_label(Path, text)
    except UsageError as error:
        close = f"did you mean '{BOTH}'? " if near(text.lower(), [BOTH]) else ""
        raise UsageError(f"{error}, or {BOTH} for the two side by side{close and '; '}{close}".rstrip()) from None


def symbol_list(value: object) -> tuple[str, ...]:
    """Symbols from a list, or from one text with commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, Sequence) and all(isinstance(part, str) for part in value):
        return tuple(symbol for part in value for symbol in symbol_list(part))
    raise UsageError(f'symbols is {value!r}; write a list of texts such as ["BTC/USDT:USDT"]')


def fees(text: str) -> dict[str, object]:
    """`maker=0.02%,taker=0.05%` as settings; either may be left out.

    >>> fees("taker=0.05%")
    {'taker': '0.05%'}
    """
    found: dict[str, object] = {}
    for part in text.split(","):
        name, sign, rate = (word.strip() for word in part.partition("="))
        if name not in ("maker", "taker") or not sign or not rate:
            raise UsageError(
                f"'{part}' is no fee; {near(name, ['maker', 'taker'])}write --fees maker=0.02%,taker=0.05% "
                "(either may be left out)"
            )
        found[name] = rate
    return found


def parameters(texts: Sequence[str]) -> dict[str, float | int | str | bool]:
    """`name=value` texts as values: whole numbers, numbers, true and false, else text.

    >>> parameters(["lookback=72", "share=0.1", "hedge=true", "mode=fast"])
    {'lookback': 72, 'share': 0.1, 'hedge': True, 'mode': 'fast'}
    """
    found: dict[str, float | int | str | bool] = {}
    for text in texts:
        name, sign, value = (word.strip() for word in text.partition("="))
        name = name.replace("-", "_")
        if not sign or not name.isidentifier() or not value:
            raise UsageError(f"'-p {text}' sets no parameter; write -p NAME=VALUE, as in -p lookback=72")
        if name in found:
            raise UsageError(f"'-p {name}' is given twice; keep one")
        found[name] = _value(value)
    return found


def _value(text: str) -> float | int | str | bool:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    if text.endswith("%"):
        return _percent(text)
    return text


def _percent(text: str) -> float | str:
    try:
        return float(text.removesuffix("%")) / 100.0
    except ValueError:
        return text
