"""A gateway from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import signal
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

from tornado.netutil import bind_sockets

from tvmedge.errors import InputError, ToolError
from tvmedge.gateway.audit import Audit, Event
from tvmedge.gateway.authority import server_context
from tvmedge.gateway.config import Config
from tvmedge.gateway.dispatch import Dispatcher
from tvmedge.gateway.door import Door
from tvmedge.gateway.state import State
from tvmedge.gateway.status import serve_status

_log = logging.getLogger(__name__)

_TICK_S = 0.5


def serve(config: Config, say: Callable[[str], None]) -> None:
    """Serve until a SIGTERM or SIGINT; ``say`` hears where.

    Raises:
        InputError: a port is taken.
        ToolError: the folder cannot be used.
        TrustError: the gateway's keys are damaged.
    """
    # It logs every stranger's handshake that fails, which the audit log does.
    logging.getLogger("tornado.general").setLevel(logging.CRITICAL)
    context = server_context(config.folder)
    with _alone(config.folder), State(config.folder) as state:
        asyncio.run(_serve(config, context, state, say))


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two gateways of one folder would lend each board twice."""
    handle = os.open(folder / ".serving", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"A gateway serves '{folder}' already: end that first.") from error
        yield
    finally:
        os.close(handle)


async def _serve(
    config: Config, context: ssl.SSLContext, state: State, say: Callable[[str], None]
) -> None:
    audit = Audit(config.folder, config.audit_bytes)
    dispatcher = Dispatcher(config, state, audit)
    door = Door(context, state, dispatcher, audit)
    try:
        sockets = bind_sockets(config.listen[1], config.listen[0], backlog=128)
        page, page_port = serve_status(dispatcher, config.status)
    except OSError as error:
        raise InputError(
            f"Cannot listen ({error.strerror or error}): change listen or status in "
            f"'{config.path}', or end what has that port."
        ) from error
    door.add_sockets(sockets)
    port = sockets[0].getsockname()[1]
    audit.record(Event.STARTED, listen=f"{config.listen[0]}:{port}", boards=len(config.boards))
    say(f"listening on {config.listen[0]}:{port}; status: http://{config.status[0]}:{page_port}/")
    stopping, known = asyncio.Event(), set(state.revoked())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    try:
        while not stopping.is_set():
            try:
                dispatcher.look_at_clock()
                for serial, client in state.revoked().items():
                    if serial not in known:
                        known.add(serial)
                        dispatcher.revoked(client)
            except ToolError as error:  # a disk that is full now need not stay so
                _log.error("%s", error)
            with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(stopping.wait(), _TICK_S)
    finally:
        door.stop()
        page.stop()
        await dispatcher.close()
        audit.record(Event.STOPPED)
        await audit.close()
