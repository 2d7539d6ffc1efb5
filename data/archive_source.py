"""Files of an archive as bytes, out of a folder or over HTTP, each held to the SHA-256 that lies beside it.

A file that is not there is None. Lost connections, time-outs, cut bodies, 408, 429 and 5xx are tried again with delays
that double (a Retry-After is waited for), and so is a file that fails its checksum, which may have been cut on the way.
"""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path
from threading import Event
from typing import Protocol
from urllib.parse import urlsplit

from backtest.errors import MarketDataError, UsageError
from backtest.market.loader import Access, Stopped

PUBLIC = "https://data.binance.vision"
FIRST_S, LOCAL_FIRST_S, MOST_S = 0.5, 0.02, 60.0
AGAIN = (408, 418, 425, 429)
LOCAL = ("localhost", "127.0.0.1", "::1")


class Source(Protocol):
    """Where an archive lies."""

    local: bool

    def bytes(self, path: str) -> bytes | None:
        """A file's content; None where there is no such file."""
        ...


class Folder:
    """An archive on disk: the folder that holds `data/`, or that folder itself."""

    local = True

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise UsageError(f"there is no folder {root}; give the archive's folder, or an address such as {PUBLIC}")
        self._root = root if (root / "data").is_dir() or root.name != "data" else root.parent

    def bytes(self, path: str) -> bytes | None:
        """A file's content."""
        try:
            return (self._root / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise MarketDataError(f"{self._root / path} cannot be read: {error.strerror or error}") from error


class Server:
    """An archive behind an address."""

    local = False

    def __init__(self, address: str, access: Access, stop: Event) -> None:
        self._address = address.rstrip("/").removesuffix("/data")
        self._timeout_s, self._attempts, self._stop = access.timeout_s, access.attempts, stop
        self._first_s = LOCAL_FIRST_S if urlsplit(address).hostname in LOCAL else FIRST_S

    def bytes(self, path: str) -> bytes | None:
        """A file's content."""
        address = f"{self._address}/{path}"
        said = ""
        for attempt in range(self._attempts):
            if attempt:
                self._rest(min(MOST_S, self._first_s * 2.0 ** (attempt - 1)))
            if self._stop.is_set():
                raise Stopped
            try:
                with urllib.request.urlopen(address, timeout=self._timeout_s) as answer:
                    content: bytes = answer.read()
                    return content
            except urllib.error.HTTPError as error:
                with error:
                    if error.code in (404, 410):
                        return None
                    if error.code < 500 and error.code not in AGAIN:
                        raise _refused(address, error) from error
                    said = f"HTTP {error.code} {error.reason}"
                    self._rest(_retry_after_s(error))
            except (OSError, http.client.HTTPException) as error:
                said = f"{type(error).__name__}: {error}"
        raise MarketDataError(
            f"{address} could not be had in {self._attempts} attempts ({said}); what came before is kept: see that the "
            "network is there and repeat the command"
        )

    def _rest(self, seconds: float) -> None:
        if seconds and self._stop.wait(min(seconds, MOST_S)):
            raise Stopped


def opened(access: Access, stop: Event) -> Source:
    """The archive that an access names."""
    address = access.address or PUBLIC
    scheme = urlsplit(address).scheme.lower()
    if scheme in ("http", "https"):
        return Server(address, access, stop)
    if len(scheme) > 1:  # a single letter is a drive of Windows
        raise UsageError(f"'{address}' is neither an http address nor a folder")
    return Folder(Path(address).expanduser())


def verified(source: Source, path: str, attempts: int) -> tuple[bytes, bool] | None:
    """A file and whether a checksum vouched for it; None where it is not there."""
    name = path.rpartition("/")[2]
    wanted = found = ""
    for _ in range(1 if source.local else min(attempts, 3)):
        content = source.bytes(path)
        if content is None:
            return None
        beside = source.bytes(f"{path}.CHECKSUM")
        if beside is None:
            return content, False
        words = beside.decode("ascii", "replace").split()
        wanted, found = (words[0].lower() if words else "nothing"), hashlib.sha256(content).hexdigest()
        if wanted == found:
            return content, True
    raise MarketDataError(
        f"{name} does not have the checksum that lies beside it (SHA-256 {found[:12]}…, should be {wanted[:12]}…), "
        "so it is damaged; nothing of it is stored: download it again"
    )


def _refused(address: str, error: urllib.error.HTTPError) -> MarketDataError:
    what = f"{address} is refused (HTTP {error.code} {error.reason})"
    if error.code == 451:
        return MarketDataError(f"{what}: the archive does not serve this place; use a folder of its files")
    return MarketDataError(f"{what}; see that the address is that of the archive's root, above its `data/`")


def _retry_after_s(error: urllib.error.HTTPError) -> float:
    try:
        return max(0.0, float(error.headers.get("Retry-After", "0")))
    except ValueError:
        return 0.0
