"""The page on loopback: boards, sessions and queue, as they are."""

from __future__ import annotations

import time
from importlib.resources import files
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

from tvmedge.gateway.dispatch import Dispatcher
from tvmedge.versions import tvmedge_version

_SCHEMA = "1.0"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; connect-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Server": "tvmedge",
}


def status(dispatcher: Dispatcher) -> dict[str, Any]:
    """What is there at this moment; seconds are since then, but for ``left_s``."""
    now = time.monotonic()
    places = [(ticket, dispatcher.queued(ticket).place) for ticket in dispatcher.tickets]
    waiting = sorted(places, key=lambda one: (one[0].ask.pool, one[1]))
    leases = list(dispatcher.leases.values())
    return {
        "schema_version": _SCHEMA,
        "version": tvmedge_version(),
        "boards": [
            {
                "pool": slot.board.pool,
                "name": slot.board.name,
                "address": str(slot.board.address),
                "target": slot.board.spec.name,
                "state": slot.health.value,
                "trouble": slot.trouble,
                "seconds": round(now - slot.since),
                "client": next((one.client for one in leases if one.slot is slot), ""),
            }
            for slot in dispatcher.slots
        ],
        "sessions": [
            {
                "board": str(lease.slot.board),
                "client": lease.client,
                "lease": lease.token[:8],
                "target": lease.ticket.ask.target,
                "state": "running" if lease.attached else "granted",
                "seconds": round(now - lease.since),
                "left_s": round(lease.expires - now),
                "bytes": sum(lease.tunnel.moved) if lease.tunnel else 0,
            }
            for lease in leases
        ],
        "queue": [
            {
                "pool": ticket.ask.pool,
                "place": place,
                "client": ticket.client,
                "target": ticket.ask.target,
                "priority": ticket.priority,
                "state": "away" if ticket.away else "waiting",
                "seconds": round(now - ticket.since),
            }
            for ticket, place in waiting
        ],
    }


def serve_status(dispatcher: Dispatcher, place: tuple[str, int]) -> tuple[HTTPServer, int]:
    """Answer on loopback; the server and its port."""
    made = {"dispatcher": dispatcher}
    application = Application([("/", _Page, made), ("/status.json", _Document, made)])
    application.settings["log_function"] = lambda handler: None
    server = HTTPServer(
        application,
        max_header_size=1 << 14,
        max_body_size=1 << 10,
        max_buffer_size=1 << 16,
        idle_connection_timeout=60,
        body_timeout=5,
    )
    sockets = bind_sockets(place[1], place[0])
    server.add_sockets(sockets)
    return server, sockets[0].getsockname()[1]


class _Handler(RequestHandler):
    def initialize(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def prepare(self) -> None:
        # A page elsewhere may let its own name point here.
        if self.request.host_name not in ("localhost", "127.0.0.1", "::1", "[::1]"):
            raise HTTPError(403)

    def set_default_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.set_header(name, value)


class _Document(_Handler):
    def get(self) -> None:
        self.write(status(self._dispatcher))


class _Page(_Handler):
    def get(self) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.write(files(__package__).joinpath("status.html").read_bytes())
