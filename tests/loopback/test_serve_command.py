"""`backtest data serve`: what it prints works as printed, Ctrl-C ends it, and what cannot be served is said."""

from __future__ import annotations

import json
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from backtest.cli.main import status
from tests.loopback.making import differences, made


@pytest.mark.parametrize("venue", ["binance", "hyperliquid"])
def test_the_printed_command_fetches_what_is_served(tmp_path: Path, venue: str, workspace: Path) -> None:
    store = made(tmp_path / "served", venue, minutes=150)
    line = [sys.executable, "-m", "backtest", "data", "serve", "--venue-format", venue, "--port", "0", "--json"]
    server = subprocess.Popen([*line, "--store", str(store.root)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    with server, server.stdout:
        try:
            said = json.loads(server.stdout.readline())
            name, *words = shlex.split(said["fetch"])
            outcome = status(words)
        finally:
            server.send_signal(signal.SIGINT)
            code = server.wait(timeout=10)
    assert (name, outcome, code) == ("backtest", 0, 130)
    assert said["schema_version"] == 1
    unlike = differences(store.root, workspace / "offline", venue)
    if venue == "hyperliquid":
        unlike = [each for each in unlike if " mark" not in each]  # which it has none of
    assert unlike == []


def test_people_are_told_address_series_and_command(tmp_path: Path) -> None:
    store = made(tmp_path / "served", "okx", minutes=90)
    line = [sys.executable, "-m", "backtest", "data", "serve", "--venue-format", "okx", "--port", "0", "--faults", "3"]
    server = subprocess.Popen([*line, "--store", str(store.root)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    with server, server.stdout:
        try:
            lines = [server.stdout.readline().rstrip() for _ in range(11)]
        finally:
            server.kill()
    assert lines[0].startswith("Serving as okx at http://127.0.0.1:")
    assert "  BTC/USDT:USDT ohlcv 1m  90 rows" in lines
    assert any(line.startswith("faults of seed 3: 20% of requests go wrong") for line in lines)
    assert lines[-2].startswith("Fetch from another terminal:  backtest data fetch --venue okx -s BTC/USDT:USDT")
    assert lines[-1] == "Ctrl-C stops."


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--venue-format", "okc"], 2, "did you mean 'okx'"),
        (["--venue", "nosuch"], 3, "has no linear perpetual of venue 'nosuch'"),
    ],
)
def test_what_cannot_be_served_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int, words: str
) -> None:
    store = made(tmp_path / "served", "okx", minutes=30, bases=("BTC",))
    assert status(["data", "serve", "--store", str(store.root), *options]) == code
    assert words in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = made(tmp_path / "served", "binance", minutes=30, bases=("BTC",))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert status(["data", "serve", "--store", str(store.root), "--port", port]) == 2
    assert f"port {port} cannot be had" in capsys.readouterr().err
