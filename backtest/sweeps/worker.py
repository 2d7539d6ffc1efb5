"""A worker process: reads chunks from its standard input, does them, writes the rows to what was its standard output.

Started by `executors.Processes` as `python -m backtest.sweeps.worker FOLDER`. It needs no guard in the user's script,
for it never imports that script. Whatever a strategy prints goes to the standard error.
"""

from __future__ import annotations

import os
import pickle
import sys
import traceback
from pathlib import Path
from typing import IO

from backtest.errors import BacktestError

LENGTH = 8


def send(stream: IO[bytes], message: object) -> None:
    """Write one message."""
    body = pickle.dumps(message, protocol=5)
    stream.write(len(body).to_bytes(LENGTH, "little"))
    stream.write(body)
    stream.flush()


def receive(stream: IO[bytes]) -> object:
    """Read one message; raises EOFError where the other side is gone."""
    size = int.from_bytes(_exactly(stream, LENGTH), "little")
    return pickle.loads(_exactly(stream, size))


def _exactly(stream: IO[bytes], size: int) -> bytes:
    body = stream.read(size)
    if len(body) < size:
        raise EOFError
    return body


def serve(folder: Path, requests: IO[bytes], replies: IO[bytes]) -> None:
    """Do chunk after chunk until the requests end."""
    paths = receive(requests)
    assert isinstance(paths, list)
    sys.path[:] = paths
    from backtest.sweeps.packing import read  # after the paths, on which what is unpacked may lie

    task, shared = read(folder)
    while True:
        try:
            chunk = receive(requests)
        except EOFError:
            return
        try:
            send(replies, (True, task(shared, chunk)))
        except BacktestError as error:
            send(replies, (False, error))
        except Exception:
            send(replies, (False, BacktestError(f"a worker process failed:\n{traceback.format_exc()}")))


def main() -> None:
    """Entry point of the process."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(Path(sys.argv[1]), sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
