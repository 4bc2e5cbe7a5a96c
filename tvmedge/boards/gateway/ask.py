"""A board of a gateway's pool: asked for, waited for, lent."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from ssl import SSLSocket

import msgspec

from tvmedge.boards.address import BoardAddress
from tvmedge.boards.gateway import pipe
from tvmedge.boards.gateway.keys import keys_for
from tvmedge.boards.gateway.wire import (
    ALIVE_S,
    ANSWERS,
    NOT_JSON,
    PROTOCOL,
    Ask,
    Attached,
    Granted,
    Leave,
    Limits,
    Look,
    Pool,
    Queued,
    Reason,
    Refused,
    Welcome,
)
from tvmedge.boards.limits import SessionLimits
from tvmedge.errors import BoardError, InputError, TrustError, TvmEdgeError
from tvmedge.types import Serves

_log = logging.getLogger(__name__)

_SILENT_S = 3 * ALIVE_S
_AWAY_S = 30.0
_AGAIN_S = 0.5
_ERRORS: dict[Reason, Callable[[str], TvmEdgeError]] = {
    Reason.UNKNOWN: TrustError,
    Reason.REVOKED: TrustError,
    Reason.POOL: InputError,
    Reason.TARGET: InputError,
}
_Answer = Welcome | Queued | Granted | Attached | Pool


@dataclass(frozen=True)
class Wanted:
    """What a session needs: a board for code of ``target``, with the server that runs it.
    ``wait_s`` is the longest to wait for one, in seconds; a ``priority`` above 0 (to 9) is for
    clients that the gateway allows it. ``keys`` is the file of ``tvmedge enroll``, None where it
    usually lies."""

    target: str
    serves: Serves
    threads: int | None
    limits: SessionLimits
    wait_s: float
    priority: int = 0
    keys: Path | None = None


def lent_command(address: BoardAddress, wanted: Wanted) -> list[str]:
    """Wait for a board; the command that reaches a session on it, as the relay takes it.

    Raises:
        InputError: no keys, no such pool, or no board in it that runs such bundles.
        TrustError: the gateway does not know us, or we do not know it.
        BoardError: there is no way to the gateway, or no board got free in time.
    """
    if not 0 <= wanted.priority <= 9:
        raise InputError(f"--priority {wanted.priority}: give 0 to 9.")
    keys = wanted.keys or keys_for(address)
    granted = _Queue(address, str(keys), wanted).wait()
    if granted.emulated:
        _log.warning("%s of '%s' is emulated: its times are no device's", granted.board, address)
    start = [sys.executable, "-I", "-S", pipe.__file__]
    return [*start, str(keys), address.host, str(address.port), granted.lease]


def look(address: BoardAddress) -> Pool:
    """How a pool is. Raises as ``lent_command``."""
    try:
        with contextlib.closing(pipe.connect(str(keys_for(address)), *_place(address))) as secure:
            _welcome(address, secure)
            pipe.send(secure, msgspec.json.encode(Look(PROTOCOL, address.key)))
            answer = _answer(address, secure)
    except pipe.GatewayError as error:
        raise _unreached(address, error) from error
    if not isinstance(answer, Pool):
        raise BoardError(f"The gateway of '{address}' gave an answer that makes no sense.")
    return answer


class _Queue:
    """A place in a queue, which a connection that breaks does not lose."""

    def __init__(self, address: BoardAddress, keys: str, wanted: Wanted) -> None:
        self._address = address
        self._keys = keys
        self._wanted = wanted
        self._ticket = ""
        self._told: Queued | None = None
        self._lost = 0.0
        self._deadline = time.monotonic() + wanted.wait_s

    def wait(self) -> Granted:
        """Raises as ``lent_command``."""
        while True:
            try:
                with contextlib.closing(pipe.connect(self._keys, *_place(self._address))) as secure:
                    return self._wait_at(secure)
            except pipe.UntrustedError as error:
                raise _unreached(self._address, error) from error
            except pipe.GatewayError as error:
                # Who has a place keeps it for a while: the gateway may be starting again.
                self._lost = self._lost or time.monotonic()
                if not self._ticket or time.monotonic() > self._lost + _AWAY_S:
                    raise _unreached(self._address, error) from error
                _log.warning("The gateway of '%s' %s; trying again", self._address, error)
                time.sleep(_AGAIN_S)

    def _wait_at(self, secure: SSLSocket) -> Granted:
        _welcome(self._address, secure)
        wanted = self._wanted
        ask = Ask(
            PROTOCOL,
            self._address.key,
            wanted.target,
            wanted.serves,
            wanted.threads,
            Limits(**asdict(wanted.limits)),
            wanted.priority,
            self._ticket,
        )
        pipe.send(secure, msgspec.json.encode(ask))
        while True:
            answer = _answer(self._address, secure)
            if isinstance(answer, Granted):
                return answer
            if not isinstance(answer, Queued):
                raise pipe.GatewayError("gave an answer that makes no sense")
            self._tell(answer)
            if answer.place and time.monotonic() > self._deadline:
                pipe.send(secure, msgspec.json.encode(Leave()))
                raise BoardError(
                    f"No board of '{self._address}' got free within {wanted.wait_s:g} s (place "
                    f"{answer.place} of the queue, {answer.working} of {answer.boards} boards "
                    "work): wait longer."
                )

    def _tell(self, queued: Queued) -> None:
        self._ticket, self._lost = queued.ticket, 0.0
        if queued.place and (self._told is None or self._told.place != queued.place):
            _log.warning(
                "waiting for a board of '%s': place %d of the queue, %d of %d boards work",
                *(self._address, queued.place, queued.working, queued.boards),
            )
        self._told = queued


def _place(address: BoardAddress) -> tuple[str, int]:
    return address.host, address.port


def _welcome(address: BoardAddress, secure: SSLSocket) -> None:
    welcome = _answer(address, secure)
    if not isinstance(welcome, Welcome):
        raise pipe.GatewayError("does not speak as a gateway")
    if welcome.protocol != PROTOCOL:
        raise BoardError(
            f"The gateway of '{address}' speaks protocol {welcome.protocol} (tvmedge "
            f"{welcome.version}), this tvmedge {PROTOCOL}: use the same version on both."
        )


def _answer(address: BoardAddress, secure: SSLSocket) -> _Answer:
    try:
        answer = ANSWERS.decode(pipe.receive(secure, _SILENT_S))
    except NOT_JSON as error:
        raise pipe.GatewayError("does not speak as a gateway") from error
    if isinstance(answer, Refused):
        if answer.reason is Reason.STOPPED:
            raise pipe.GatewayError(answer.message)
        make = _ERRORS.get(answer.reason, BoardError)
        raise make(f"The gateway of '{address}' refused: {answer.message}.")
    return answer


def _unreached(address: BoardAddress, error: pipe.GatewayError) -> TvmEdgeError:
    make = TrustError if isinstance(error, pipe.UntrustedError) else BoardError
    return make(f"Board '{address}' cannot be reached: the gateway {error}.")
