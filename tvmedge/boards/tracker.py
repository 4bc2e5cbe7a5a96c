"""TVM's RPC tracker, which knows servers by key and lends each to one client at a time.

Its answers come from outside: their length, their time and their form are checked.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tvmedge.errors import BoardError

_MAGIC = struct.pack("<i", 0x2F271)  # of tvm/rpc/base.py, as are the codes
_REQUEST, _SUMMARY, _SUCCESS = 4, 6, 0
_LENGTH = struct.Struct("<i")
_LONGEST = 1 << 20
_PROBE_S = 10.0


@dataclass(frozen=True)
class Lent:
    """A server that waits for a client which says ``key``."""

    host: str
    port: int
    key: str


def servers(host: str, port: int, key: str) -> int | None:
    """How many servers of ``key`` the tracker there has, lent ones included; None where no
    tracker answers."""
    try:
        with _tracker(host, port, _PROBE_S) as ask:
            summary = ask([_SUMMARY])
        keys = [info.get("key") for info in summary["server_info"]]
        return keys.count(f"server:{key}")
    except (OSError, BoardError, TypeError, KeyError, AttributeError):
        return None


def lent(host: str, port: int, key: str, seconds: float) -> Lent:
    """The next server of ``key`` that is free, which the tracker at ``host`` lends.

    Raises:
        BoardError: there is no tracker, or none is free within ``seconds``.
    """
    try:
        with _tracker(host, port, seconds) as ask:
            found = ask([_REQUEST, key, "", 1])
    except TimeoutError:
        raise BoardError(
            f"The tracker at {host}:{port} had no board '{key}' free within {seconds:g} s."
        ) from None
    except OSError as error:
        raise BoardError(f"No tracker answers at {host}:{port}: {error}.") from error
    match found:
        case [str(place), int(number), str(match_key)] if 0 < number < 1 << 16:
            return Lent(place, number, match_key)
    raise BoardError(f"The tracker at {host}:{port} did not say where board '{key}' is.")


@contextlib.contextmanager
def _tracker(host: str, port: int, seconds: float) -> Iterator[Any]:
    """What asks the tracker; its answer after the code of success."""
    deadline = time.monotonic() + seconds
    with socket.create_connection((host, port), timeout=seconds) as connection:

        def received(size: int) -> bytes:
            content = b""
            while len(content) < size:
                connection.settimeout(max(1e-3, deadline - time.monotonic()))
                part = connection.recv(size - len(content))
                if not part:
                    raise BoardError(f"What is at {host}:{port} is no tracker of TVM's.")
                content += part
            return content

        def ask(question: list[Any]) -> Any:
            text = json.dumps(question).encode()
            connection.sendall(_LENGTH.pack(len(text)) + text)
            (size,) = _LENGTH.unpack(received(_LENGTH.size))
            if not 0 <= size <= _LONGEST:
                raise BoardError(f"The tracker at {host}:{port} gave an answer of {size} bytes.")
            try:
                answer = json.loads(received(size))
            except ValueError:
                answer = None
            if not isinstance(answer, list) or answer[:1] != [_SUCCESS] or len(answer) < 2:
                raise BoardError(f"The tracker at {host}:{port} refused: {str(answer)[:200]}.")
            return answer[1]

        connection.sendall(_MAGIC)
        if received(len(_MAGIC)) != _MAGIC:
            raise BoardError(f"What is at {host}:{port} is no tracker of TVM's.")
        yield ask
