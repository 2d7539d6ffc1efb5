"""The HTTP server: reads a request, asks the wire format, and spoils the answer where a fault was drawn.

HTTP/1.1 with connections kept open, a thread each, on the loopback interface only.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from data.loopback.faults import PAGE_FAULTS, Fault, Faults, spoiled
from data.loopback.wire import RefusedError, Reply, Request, Wire

HOST = "127.0.0.1"
GATEWAY = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"
STATUSES = (500, 502, 503, 504)


class LoopbackServer:
    """A wire format at a port of this machine; as a context manager it serves from another thread until left.

    with LoopbackServer(BinanceWire(shelf=shelf)) as server:
        fetch(base_url=server.url)
    """

    def __init__(self, wire: Wire, *, port: int = 0, faults: Faults | None = None) -> None:
        self.requests = 0
        self._http = _Http((HOST, port), wire, faults, self._count)
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Address of the server, without a slash at the end."""
        return f"http://{HOST}:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.leaving.set()
        self._http.shutdown()
        self._http.server_close()

    def serve(self) -> None:
        """Serves from this thread until interrupted."""
        try:
            self._http.serve_forever(poll_interval=0.2)
        finally:
            self._http.leaving.set()
            self._http.server_close()

    def _count(self) -> None:
        self.requests += 1


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], wire: Wire, faults: Faults | None, count: Callable[[], None]) -> None:
        self.wire = wire
        self.faults = faults
        self.count = count
        self.leaving = Event()
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is none of our concern."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing; stderr belongs to the command."""

    def _serve(self) -> None:
        request = self._request()
        self.server.count()
        fault, how = self.server.faults.draw(request.key) if self.server.faults else (None, 0.0)
        if fault is Fault.RESET:
            self._reset()
        elif fault is Fault.TIMEOUT:
            self._stall()
        elif fault is Fault.GATEWAY_PAGE:
            self._send(502 if how < 0.5 else 503, GATEWAY, {}, kind="text/html")
        else:
            reply = self._reply(request, fault, how)
            content = reply.content()
            if fault is Fault.CUT_TRANSFER:
                self._send(reply.status, content, reply.headers, keep=int(how * len(content)))
            elif fault is Fault.CUT_JSON:
                self._send(reply.status, content[: int(how * len(content))], reply.headers)
            else:
                self._send(reply.status, content, reply.headers)

    def _reply(self, request: Request, fault: Fault | None, how: float) -> Reply:
        wire, faults = self.server.wire, self.server.faults
        if fault is Fault.RATE_LIMIT and faults is not None:
            return wire.rate_limited(faults.retry_after_s)
        if fault is Fault.BAN:
            return wire.banned()
        if fault is Fault.SERVER_ERROR:
            return wire.failed(STATUSES[int(how * len(STATUSES))])
        try:
            reply = wire.answer(request)
        except RefusedError as refusal:
            return refusal.reply
        if fault in PAGE_FAULTS and fault is not None and reply.page is not None:
            return replace(reply, page=spoiled(reply.page, fault, how))
        return reply

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        return Request(
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            query_text=parts.query,
            body=self.rfile.read(length) if length else b"",
            headers={name.lower(): value for name, value in self.headers.items()},
        )

    def _send(
        self,
        status: int,
        content: bytes,
        headers: Mapping[str, str],
        *,
        kind: str = "application/json",
        keep: int | None = None,
    ) -> None:
        """One write, so that head and body leave together; with `keep` only so many bytes of the body leave."""
        phrase = self.responses[status][0] if status in self.responses else ""
        lines = [f"HTTP/1.1 {status} {phrase}", f"Date: {self.date_time_string()}", f"Content-Type: {kind}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(content)}", "", ""]
        self.wfile.write("\r\n".join(lines).encode() + content[:keep])
        if keep is not None:
            self.close_connection = True

    def _stall(self) -> None:
        faults = self.server.faults
        assert faults is not None
        self.server.leaving.wait(faults.stall_s)
        self.close_connection = True

    def _reset(self) -> None:
        """Closes so that the client is sent a reset: linger for no time."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())
