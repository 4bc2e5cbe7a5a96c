"""Where kernels of a GPU run that are no bundle's: beyond a session of TVM's RPC."""

from __future__ import annotations

from pathlib import Path

from tvmedge.boards.address import BoardAddress, BoardKind
from tvmedge.boards.emulated import emulator_command, session_command
from tvmedge.boards.limits import SessionLimits, SessionPlaces
from tvmedge.boards.messages import LocalPlace, PipePlace, TcpPlace
from tvmedge.boards.relay import relay_command
from tvmedge.boards.remote import remote_command
from tvmedge.boards.session import PACKET_LIMIT, READY_S
from tvmedge.targeting import TargetSpec
from tvmedge.types import Form


def device_place(
    spec: TargetSpec, address: BoardAddress, report: Path
) -> LocalPlace | PipePlace | TcpPlace:
    """The place at an address, which is no gateway's; a relay puts its last words into ``report``.

    Raises:
        InputError: the board cannot run kernels of ``spec``, or lends no device.
        ToolError: an emulator, a runtime or the way there is missing.
        BoardError: there is no way to the board.
    """
    if address.kind is BoardKind.LOCAL:
        return LocalPlace()
    if address.kind is BoardKind.TVM:
        return TcpPlace(address.host, address.port, address.key, None)
    limits = SessionLimits()
    if address.kind is BoardKind.EMULATED:
        command = session_command(spec, limits, SessionPlaces()) + emulator_command(spec)
    else:
        command = remote_command(address, spec, Form.VM, limits, [])
    return PipePlace(tuple(relay_command(str(report), PACKET_LIMIT, READY_S, command)))
