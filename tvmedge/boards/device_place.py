"""Where kernels of a GPU run that are no bundle's: beyond a session of TVM's RPC."""

from __future__ import annotations

from pathlib import Path

from tvmedge.boards.address import BoardAddress, BoardKind
from tvmedge.boards.emulated import emulator_command, session_command
from tvmedge.boards.gateway.ask import Wanted, lent_command
from tvmedge.boards.limits import SessionPlaces
from tvmedge.boards.messages import LocalPlace, PipePlace, TcpPlace
from tvmedge.boards.relay import PACKET_LIMIT, READY_S, relay_command
from tvmedge.boards.remote import remote_command
from tvmedge.boards.terms import Terms
from tvmedge.targeting import TargetSpec
from tvmedge.types import Serves


def device_place(
    spec: TargetSpec, address: BoardAddress, terms: Terms, report: Path
) -> LocalPlace | PipePlace | TcpPlace:
    """The place at an address; a relay puts its last words into ``report``.

    Raises:
        InputError: the board cannot run kernels of ``spec``, or lends no device.
        TrustError: a gateway does not know us, or we do not know it.
        ToolError: an emulator, a runtime or the way there is missing.
        BoardError: there is no way to the board, or a gateway had none free.
    """
    if address.kind is BoardKind.LOCAL:
        return LocalPlace()
    if address.kind is BoardKind.TVM:
        return TcpPlace(address.host, address.port, address.key, None)
    if address.kind is BoardKind.EMULATED:
        command = session_command(spec, terms.limits, SessionPlaces()) + emulator_command(spec)
    elif address.kind is BoardKind.GATEWAY:
        rest = (None, terms.limits, terms.wait_s, terms.priority)
        command = lent_command(address, Wanted(spec.name, Serves.VM, *rest))
    else:
        command = remote_command(address, spec, Serves.VM, terms.limits, [])
    return PipePlace(tuple(relay_command(str(report), PACKET_LIMIT, READY_S, command)))
