"""A workspace with the sample market already in its store, and strategies of the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from backtest.market.loading import load

SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT")

STRATEGIES = {
    "hold": """
        class Hold(bt.Strategy):
            \"\"\"Buys the first symbol once.\"\"\"
            leverage = bt.Param(3, low=1, high=20)
            def next(self):
                if self.bar == 0:
                    self.buy(self.symbols[0], margin=0.5 * self.equity, leverage=self.leverage)
        """,
    "always": """
        class Always(bt.Strategy):
            leverage = bt.Param(2, low=1, high=20)
            def next(self):
                if not self.position(self.symbols[0]):
                    self.buy(self.symbols[0], margin=0.3 * self.equity, leverage=self.leverage)
        """,
    "reckless": """
        class Reckless(bt.Strategy):
            def next(self):
                for symbol in self.symbols:
                    if not self.position(symbol):
                        self.buy(symbol, margin=0.05 * self.equity, leverage=50)
        """,
    "raising": """
        class Raising(bt.Strategy):
            def next(self):
                if self.bar == 30:
                    self.helper()
            def helper(self):
                return {}["absent"]
        """,
    "impatient": """
        class Impatient(bt.Strategy):
            def next(self):
                if self.bar == 0:
                    self.buy(self.symbols[0], margin=0.1 * self.equity, leverage=2)
                if self.bar == 100:
                    raise KeyboardInterrupt
        """,
    "refused": """
        class Refused(bt.Strategy):
            def next(self):
                if self.bar == 0:
                    self.buy(self.symbols[0], margin=2.0 * self.equity, leverage=2)
        """,
    "broken": "def : no Python",
}


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hourly sample market, made once."""
    root = tmp_path_factory.mktemp("sample") / "store"
    load("sample", SYMBOLS, "1h", start="2024-01-01", end="2024-02-01", store=root)
    return root


@pytest.fixture
def lab(workspace: Path, sample_store: Path) -> Path:
    """A workspace with the sample market and the strategies above."""
    (workspace / "store").symlink_to(sample_store)
    (workspace / "strategies").mkdir()
    for name, text in STRATEGIES.items():
        lines = [line.removeprefix("        ") for line in text.strip("\n").splitlines()]
        body = "\n".join(lines).replace("class ", "import backtest as bt\n\n\nclass ", 1)
        (workspace / "strategies" / f"{name}.py").write_text(body + "\n", encoding="utf-8")
    return workspace
