"""Which boards are at an address, and what starts a server of single kernels on each."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from functools import partial

from tvmedge.boards import rpc_kernels, tracker
from tvmedge.boards.address import BoardAddress, BoardKind
from tvmedge.boards.emulated import kernel_command, session_command
from tvmedge.boards.gateway.ask import Wanted, lent_command, look
from tvmedge.boards.kernel_board import KernelBoard
from tvmedge.boards.limits import SessionPlaces
from tvmedge.boards.remote import remote_command
from tvmedge.boards.terms import Terms, require_limited
from tvmedge.device.build_server import build_kernel_server
from tvmedge.errors import BoardError, InputError
from tvmedge.targeting import TargetSpec
from tvmedge.types import Serves

LENT_S = 15.0
"""How long a tracker or a gateway may take to lend a board beside the first one, before it counts
as lost."""


def require_different(addresses: Sequence[BoardAddress]) -> None:
    """Raises InputError for a board that is given twice."""
    for address in addresses:
        if addresses.count(address) > 1:
            raise InputError(f"--board {address} is given twice.")


def boards_at(address: BoardAddress, terms: Terms) -> dict[str, Terms]:
    """The boards behind an address by their names, and the terms on which each is to be had: a
    gateway's pool has several, and there the first is waited for.

    Raises:
        InputError: limits that nobody keeps to, no keys for a gateway, or no such pool.
        TrustError: the gateway does not know us, or we do not know it.
        BoardError: there is no way to the gateway, or no board of the pool works.
    """
    require_limited(address, terms.limits)
    if address.kind is not BoardKind.GATEWAY:
        return {str(address): terms}
    working = look(address).working
    if not working:
        raise BoardError(f"No board of '{address}' works now: see the gateway's status page.")
    others = dataclasses.replace(terms, wait_s=min(terms.wait_s, LENT_S))
    waits = {f"{address} #{number}": others for number in range(1, working + 1)}
    return waits | {f"{address} #1": terms}


def kernel_boards(
    spec: TargetSpec, address: BoardAddress, terms: Terms
) -> dict[str, Callable[[], KernelBoard]]:
    """What starts each board that is at an address, by its name.

    Raises:
        InputError: the board cannot run kernels of the target, and as ``boards_at``.
        TrustError, BoardError: as ``boards_at``; or a tracker has no board of that key.
        ToolError: QEMU, the sysroot or zig is not on this machine.
    """
    behind = boards_at(address, terms)
    if address.kind is BoardKind.TVM:
        return _tvm_boards(address)
    if address.kind is BoardKind.LOCAL:
        command = [str(build_kernel_server(spec.toolchain.triple))]
        return {str(address): partial(KernelBoard, command)}
    if address.kind is BoardKind.EMULATED:
        kernel_command(spec)  # says now what is missing
    return {name: partial(_session, spec, address, own) for name, own in behind.items()}


def _session(spec: TargetSpec, address: BoardAddress, terms: Terms) -> KernelBoard:
    """A session whose program is the server of kernels."""
    limits = terms.limits
    if address.kind is BoardKind.EMULATED:
        command = session_command(spec, limits, SessionPlaces()) + kernel_command(spec)
    elif address.kind is BoardKind.GATEWAY:
        rest = (None, limits, terms.wait_s, terms.priority)
        command = lent_command(address, Wanted(spec.name, Serves.KERNELS, *rest))
    else:
        command = remote_command(address, spec, Serves.KERNELS, limits, [])
    return KernelBoard(command, session=True)


def _tvm_boards(address: BoardAddress) -> dict[str, Callable[[], KernelBoard]]:
    """Of a tracker all servers of the key, else the one server."""
    place = [address.host, str(address.port), address.key]
    command = [sys.executable, "-m", rpc_kernels.__name__, *place]
    count = tracker.servers(address.host, address.port, address.key)
    if count is None:  # one server, or nobody: it is said when it is needed
        return {str(address): partial(KernelBoard, command)}
    if not count:
        raise BoardError(
            f"The tracker at {address.host}:{address.port} has no board '{address.key}': name a "
            "key as tvm://HOST:PORT/KEY, and start servers of it."
        )
    lent = partial(KernelBoard, [*command, str(LENT_S)])
    return {f"{address} {number}": lent for number in range(1, count + 1)}
