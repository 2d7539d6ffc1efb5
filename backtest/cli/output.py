"""What a command prints on stdout: whether it has printed anything, and what happens when nobody reads on.

`backtest runs list | head -1` closes our stdout early. That is no failure: what is left over goes nowhere, and the
command ends as it would have.
"""

from __future__ import annotations

import os
from typing import Any, TextIO


class Output:
    """A text stream in the place of stdout."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.written = False

    def write(self, text: str) -> int:
        """Write, or let go where nobody reads any more."""
        try:
            count = self._stream.write(text)
        except BrokenPipeError:
            self._let_go()
            count = len(text)
        self.written = self.written or bool(text)
        return count

    def flush(self) -> None:
        """Flush, or let go where nobody reads any more."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._let_go()

    def _let_go(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
