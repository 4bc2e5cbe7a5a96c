"""Starting a session on a board of a pool, and trying whether one starts."""

from __future__ import annotations

from dataclasses import fields, replace

from tvmedge.boards.address import BoardKind
from tvmedge.boards.emulated import (
    emulated_server,
    own_session_command,
    session_command,
)
from tvmedge.boards.gateway.wire import Ask
from tvmedge.boards.limits import SessionLimits, SessionPlaces
from tvmedge.boards.remote import remote_command
from tvmedge.boards.session_try import confinement
from tvmedge.bundle.compat import architecture
from tvmedge.device.pack import SERVERS, cached_board
from tvmedge.errors import InputError
from tvmedge.gateway.config import PoolBoard
from tvmedge.resources import cache_dir
from tvmedge.targeting import TargetSpec, target
from tvmedge.types import Serves

_FILES = "gateway-files"


def wanted_spec(ask: Ask) -> TargetSpec:
    """The target of a client's bundle.

    Raises:
        InputError: this gateway does not know it, or its boards are of another kind.
    """
    spec = target(ask.target)
    if not spec.toolchain.loader:
        raise InputError(
            f"Programs for {spec.name} are linked whole where the client is: use --board emulated"
        )
    return spec


def fits(board: PoolBoard, spec: TargetSpec, serves: Serves) -> bool:
    """Whether a board runs code of a target by a server."""
    if architecture(_machine(board.spec)) != architecture(_machine(spec)):
        return False
    if spec.accelerator is not None and board.spec.accelerator is None:
        return False
    return serves is not Serves.VM or board.spec.runtime.platform is not None


def start_command(
    board: PoolBoard, serves: Serves, threads: int | None, limits: SessionLimits
) -> list[str]:
    """The command that starts a session; its programs are brought where it needs them.

    Raises:
        InputError: the board is not what the configuration says.
        ToolError: something is missing on this machine.
        BoardError: there is no way to the board.
    """
    spec = board.spec
    options = ["--threads", str(threads)] if threads and serves is Serves.VM else []
    if board.address.kind is BoardKind.SSH:
        return remote_command(board.address, spec, serves, limits, options)
    places = SessionPlaces(cache=cache_dir(_FILES))
    if board.address.kind is BoardKind.LOCAL:
        session = own_session_command(spec, limits, places)
        return [*session, str(cached_board(spec, serves) / SERVERS[serves]), *options]
    session = session_command(spec, limits, places)
    return [*session, *emulated_server(spec, serves), *options]


def probe(board: PoolBoard) -> None:
    """Start a session and end it.

    Raises:
        TvmEdgeError: none starts; the sentence says why.
    """
    serves = Serves.VM if board.spec.runtime.platform else Serves.LIBRARY
    confinement(start_command(board, serves, None, SessionLimits(wall_seconds=30)))


def strictest(*limits: SessionLimits) -> SessionLimits:
    """The least of each limit."""
    found = {}
    for field in fields(SessionLimits):
        given = [value for one in limits if (value := getattr(one, field.name)) is not None]
        found[field.name] = min(given, default=None)
    return replace(SessionLimits(), **found)


def _machine(spec: TargetSpec) -> str:
    return spec.toolchain.triple.partition("-")[0]
