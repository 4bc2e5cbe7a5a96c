"""Every link of the way to a board in its order; the first that is broken ends the list."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from tvmedge.boards.address import BoardAddress, BoardKind
from tvmedge.boards.gateway.ask import look
from tvmedge.boards.gateway.keys import keys_for
from tvmedge.boards.health import Finding
from tvmedge.boards.limits import SessionLimits
from tvmedge.boards.reach_here import emulated_links, local_links
from tvmedge.boards.remote import machine_of, remote_command
from tvmedge.boards.session_try import confinement, described
from tvmedge.bundle.compat import architecture
from tvmedge.errors import BoardError, InputError, TvmEdgeError
from tvmedge.targeting import TargetSpec, target, target_names
from tvmedge.types import Serves

_CONNECT_S = 5.0
_BROKEN = "the way there"


def examine_board(address: BoardAddress, spec: TargetSpec | None = None) -> tuple[Finding, ...]:
    """What is found on the way to a board, up to the first thing that is wrong; ``spec`` is what
    an emulated one imitates.

    Raises:
        InputError: an emulated board of no target, or another one of a target.
    """
    if address.kind is BoardKind.EMULATED and spec is None:
        valid = ", ".join(name for name in target_names() if target(name).emulated)
        raise InputError(f"--board emulated: name what to imitate by --target (valid: {valid}).")
    if spec is not None and address.kind is not BoardKind.EMULATED:
        raise InputError(f"--target is for --board emulated; board '{address}' is what it is.")
    links = emulated_links(spec) if spec is not None else _WAYS.get(address.kind, _shell)(address)
    found: list[Finding] = []
    try:
        found.extend(links)
    except TvmEdgeError as error:
        found.append(Finding(_BROKEN, False, True, str(error)))
    return tuple(found)


def _shell(address: BoardAddress) -> Iterator[Finding]:
    machine = machine_of(address)
    yield Finding("the way there", True, True, f"a shell on {machine}, with tar and sha256sum")
    spec = _like(machine)
    command = remote_command(address, spec, Serves.LIBRARY, SessionLimits(), [])
    yield Finding("programs", True, True, f"those for {spec.toolchain.triple} are there, as hashed")
    yield Finding("session", True, True, described(confinement(command)))


def _like(machine: str) -> TargetSpec:
    """A target with the board's CPU."""
    wanted = architecture(machine)
    for spec in map(target, target_names()):
        triple, toolchain = spec.toolchain.triple, spec.toolchain
        linux = "linux" in triple and "android" not in triple and toolchain.loader
        if linux and not spec.accelerator and architecture(triple.partition("-")[0]) == wanted:
            return spec
    raise BoardError(f"The board is a {machine}, for which no target is known.")


def _gateway(address: BoardAddress) -> Iterator[Finding]:
    keys = keys_for(address)
    yield Finding("keys", True, True, str(keys))
    pool = look(address)
    yield Finding("gateway", True, True, "it knows us, and we know it; TLS 1.3, protocol as here")
    detail = f"{pool.working} of {pool.boards} boards work, {pool.free} are free"
    if pool.waiting:
        detail += f", {pool.waiting} clients wait"
    hint = "" if pool.working else ": see the gateway's status page for why"
    yield Finding("pool", pool.working > 0, True, detail + hint)


def _tvm(address: BoardAddress) -> Iterator[Finding]:
    try:
        places = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BoardError(
            f"The name '{address.host}' is not known here ({error.strerror}): check it."
        ) from error
    yield Finding("name", True, True, ", ".join(sorted({str(place[4][0]) for place in places})))
    try:
        socket.create_connection((address.host, address.port), _CONNECT_S).close()
    except TimeoutError as error:
        raise BoardError(
            f"'{address}' does not answer within {_CONNECT_S:.0f} s: check that it is on, and "
            "firewalls."
        ) from error
    except OSError as error:
        raise BoardError(
            f"'{address}' cannot be connected to ({error.strerror}): start its server."
        ) from error
    yield Finding("port", True, True, "open to anyone who reaches it: for trusted networks only")


_WAYS = {
    BoardKind.LOCAL: lambda address: local_links(),
    BoardKind.TVM: _tvm,
    BoardKind.GATEWAY: _gateway,
}
