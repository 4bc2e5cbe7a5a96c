"""The port: who comes in, and what is said before a session.

A stranger gets ten seconds and a TLS handshake; nothing of his is read before that names a client.
Then every message is at most 16 KiB, and every read has a deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from tornado.iostream import IOStream, SSLIOStream, StreamClosedError
from tornado.tcpserver import TCPServer

from tvmedge.boards.gateway.pipe import MESSAGE_LIMIT
from tvmedge.boards.gateway.wire import (
    ALIVE_S,
    NOT_JSON,
    PROTOCOL,
    REQUESTS,
    Ask,
    Attach,
    Attached,
    Leave,
    Look,
    Reason,
    Refused,
    Welcome,
)
from tvmedge.errors import TvmEdgeError
from tvmedge.gateway.audit import Audit, Event
from tvmedge.gateway.dispatch import Dispatcher, RefusalError
from tvmedge.gateway.rack import Ticket
from tvmedge.gateway.state import State
from tvmedge.versions import tvmedge_version

_log = logging.getLogger(__name__)

STRANGERS = 128
"""Connections at a time that have not shown a certificate yet; more are closed at once."""
CLIENTS = 1024
_HANDSHAKE_S = 10.0
_REQUEST_S = 10.0
_WRITE_S = 10.0
_BUFFER = 1 << 20
_Timeouts = (TimeoutError, asyncio.TimeoutError)


class Door(TCPServer):
    """Hears clients; ``guests`` are the connections that are let in."""

    def __init__(
        self, context: ssl.SSLContext, state: State, dispatcher: Dispatcher, audit: Audit
    ) -> None:
        super().__init__(ssl_options=context, max_buffer_size=_BUFFER, read_chunk_size=_BUFFER >> 4)
        self._state = state
        self._dispatcher = dispatcher
        self._audit = audit
        self._strangers = 0
        self._guests = 0

    async def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """One connection, from its first byte to its last."""
        assert isinstance(stream, SSLIOStream)
        peer = f"{address[0]}:{address[1]}"
        try:
            client = await self._admitted(stream, peer)
            if client is None:
                return
            self._guests += 1
            try:
                await self._served(client, stream, peer)
            finally:
                self._guests -= 1
        except StreamClosedError:
            pass  # whoever went away needs no answer
        finally:
            stream.close()

    async def _admitted(self, stream: SSLIOStream, peer: str) -> str | None:
        """The client's name, once its certificate is known to be good."""
        if self._strangers >= STRANGERS or self._guests >= CLIENTS:
            self._audit.record(Event.REFUSED, peer=peer, reason="too many connections")
            return None
        self._strangers += 1
        try:
            stream.set_nodelay(True)
            await asyncio.wait_for(stream.wait_for_handshake(), _HANDSHAKE_S)
        except _Timeouts:
            self._audit.record(Event.REFUSED, peer=peer, reason="no handshake in time")
            return None
        except OSError as error:
            why = _handshake(getattr(error, "real_error", None) or error)
            self._audit.record(Event.REFUSED, peer=peer, reason=why)
            return None
        finally:
            self._strangers -= 1
        shown = stream.socket.getpeercert() or {}
        serial = str(shown.get("serialNumber", "")).lstrip("0").lower()
        known = self._state.client(serial)
        if known is None or known[1]:
            refused = (
                Refused(Reason.UNKNOWN, "this certificate was never given out here")
                if known is None
                else Refused(Reason.REVOKED, f"the certificate of '{known[0]}' was revoked")
            )
            name = known[0] if known else ""
            self._audit.record(Event.REFUSED, peer=peer, client=name, reason=refused.reason.value)
            await _say(stream, refused)
            return None
        return known[0]

    async def _served(self, client: str, stream: SSLIOStream, peer: str) -> None:
        """Answer a client's one request."""
        await _say(stream, Welcome(PROTOCOL, tvmedge_version(), client))
        try:
            request = await _heard(stream, _REQUEST_S)
            if isinstance(request, Ask | Look) and request.protocol != PROTOCOL:
                raise RefusalError(
                    Reason.VERSION, f"this gateway speaks protocol {PROTOCOL}, tvmedge of the same"
                )
            if isinstance(request, Look):
                await _say(stream, self._dispatcher.pool(request.pool))
            elif isinstance(request, Attach):
                lease = await self._dispatcher.attach(client, request.lease, stream)
                await self._begun(stream, lambda: self._dispatcher.run(lease))
            elif isinstance(request, Ask):
                await self._waited(stream, self._dispatcher.enqueue(client, request))
            else:
                raise RefusalError(Reason.MALFORMED, "there is no place in a queue to leave")
        except RefusalError as error:
            refused = error.refused
            told = {"client": client, "reason": refused.reason.value, "detail": refused.message}
            self._audit.record(Event.REFUSED, peer=peer, **told)
            await _say(stream, refused)
        except TvmEdgeError as error:  # the disk is full, say
            _log.error("%s", error)
            await _say(stream, Refused(Reason.BOARD, f"it has trouble of its own: {error}"))

    async def _begun(self, stream: SSLIOStream, run: Callable[[], Awaitable[None]]) -> None:
        with contextlib.suppress(StreamClosedError):  # the session finds that out, and ends
            await _say(stream, Attached())
        await run()

    async def _waited(self, stream: SSLIOStream, ticket: Ticket) -> None:
        """Tell a place in the queue until it has come to something."""
        leaving = asyncio.ensure_future(_heard(stream, None))
        settled = for_good = False
        try:
            while not settled:
                ticket.changed.clear()
                settled = ticket.outcome is not None
                await _say(stream, ticket.outcome or self._dispatcher.queued(ticket))
                if settled or leaving.done():
                    break
                change = asyncio.ensure_future(ticket.changed.wait())
                done = asyncio.FIRST_COMPLETED
                await asyncio.wait({leaving, change}, timeout=ALIVE_S, return_when=done)
                change.cancel()
            if leaving.done():
                for_good = isinstance(leaving.result(), Leave)
        finally:
            leaving.cancel()
            with contextlib.suppress(StreamClosedError, RefusalError, asyncio.CancelledError):
                await leaving
            if not settled:
                self._dispatcher.left(ticket, for_good=for_good)


async def _heard(stream: IOStream, seconds: float | None) -> Ask | Attach | Look | Leave:
    """The next message.

    Raises:
        RefusalError: it is none, or there is none in time.
        StreamClosedError: nothing more comes.
    """
    try:
        size = int.from_bytes(await asyncio.wait_for(stream.read_bytes(4), seconds), "little")
        if size > MESSAGE_LIMIT:
            raise RefusalError(Reason.MALFORMED, f"a message of {size} bytes is too long")
        content = await asyncio.wait_for(stream.read_bytes(size), _REQUEST_S) if size else b""
        return REQUESTS.decode(content)
    except _Timeouts as error:
        raise RefusalError(Reason.SILENT, "no request came in time") from error
    except NOT_JSON as error:
        raise RefusalError(Reason.MALFORMED, f"what came is no request: {error}") from error


async def _say(stream: IOStream, message: msgspec.Struct) -> None:
    """Send a message; who does not take it is as good as gone."""
    content = msgspec.json.encode(message)
    try:
        await asyncio.wait_for(stream.write(len(content).to_bytes(4, "little") + content), _WRITE_S)
    except _Timeouts as error:
        raise StreamClosedError from error


def _handshake(error: BaseException) -> str:
    """Why a handshake failed, in few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"handshake: {(error.reason or 'failed').replace('_', ' ').lower()}"
    return "no handshake: the connection was closed"
