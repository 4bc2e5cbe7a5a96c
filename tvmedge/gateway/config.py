"""What ``gateway.toml`` says."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec

from tvmedge.boards.address import PLAIN_NAME, BoardAddress, BoardKind, parse_address
from tvmedge.boards.limits import SessionLimits
from tvmedge.errors import InputError
from tvmedge.targeting import TargetSpec, target
from tvmedge.targeting.tables import convert, deep_merge, read_toml

_Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
_Priority = Annotated[int, msgspec.Meta(ge=0, le=9)]
_KINDS = (BoardKind.LOCAL, BoardKind.EMULATED, BoardKind.SSH)


@dataclass(frozen=True)
class ClientLimits:
    """What one client may have: ``sessions`` at a time, places in queues, seconds of a lease,
    MB both ways in one, and the highest priority."""

    sessions: _Count = 2
    queue: _Count = 16
    lease_seconds: _Count = 900
    megabytes: _Count = 65536
    priority: _Priority = 0


@dataclass(frozen=True)
class BoardEntry:
    """A board: its address (local, emulated, ssh://...), and what it is, a target's name."""

    board: str
    target: str = "host"


@dataclass(frozen=True)
class _File:
    folder: str
    pools: Mapping[str, Mapping[str, BoardEntry]]
    listen: str = "127.0.0.1:7443"
    status: str = "127.0.0.1:7480"
    health_seconds: _Count = 60
    claim_seconds: _Count = 20
    audit_megabytes: _Count = 16
    limits: ClientLimits = field(default_factory=ClientLimits)
    clients: Mapping[str, ClientLimits] = field(default_factory=dict)
    session: SessionLimits = field(default_factory=SessionLimits)


@dataclass(frozen=True)
class PoolBoard:
    """A board of a pool."""

    pool: str
    name: str
    address: BoardAddress
    spec: TargetSpec

    def __str__(self) -> str:
        return f"{self.pool}/{self.name}"


@dataclass(frozen=True)
class Config:
    """A gateway: ``folder`` holds its authority, state and log; ``listen`` is where it hears
    clients, ``status`` where this machine sees the page; a board that is free is tried every
    ``health_seconds``, a lease without a session is lost after ``claim_seconds``; ``session`` is
    what any session may use."""

    path: Path
    folder: Path
    listen: tuple[str, int]
    status: tuple[str, int]
    health_seconds: int
    claim_seconds: int
    audit_bytes: int
    limits: ClientLimits
    clients: Mapping[str, ClientLimits]
    session: SessionLimits
    boards: tuple[PoolBoard, ...]

    @property
    def pools(self) -> tuple[str, ...]:
        """The pools' names."""
        return tuple(dict.fromkeys(board.pool for board in self.boards))

    def limits_of(self, client: str) -> ClientLimits:
        """What a client may have."""
        return self.clients.get(client, self.limits)


def read_config(path: Path) -> Config:
    """Read and check a file.

    Raises:
        InputError: names the file, the key, and what it takes.
    """
    table = read_toml(path)
    # A client's own limits are the general ones, but for what they name.
    for name, own in dict(table.get("clients") or {}).items():
        if isinstance(own, Mapping):
            table["clients"][name] = deep_merge(table.get("limits") or {}, own)
    file = convert(table, _File, str(path))
    boards = [
        _board(path, pool, name, entry)
        for pool, entries in file.pools.items()
        for name, entry in entries.items()
    ]
    if not boards:
        raise InputError(f"'{path}' has no board: add [pools.NAME.BOARD] with board = \"...\".")
    status = _place(path, "status", file.status)
    if not ipaddress.ip_address(status[0]).is_loopback:
        raise InputError(
            f"'{path}': status = \"{file.status}\" is no address of loopback: the page is for this "
            "machine; use 127.0.0.1 and ssh -L."
        )
    return Config(
        path=path,
        folder=(path.parent / file.folder).absolute(),
        listen=_place(path, "listen", file.listen),
        status=status,
        health_seconds=file.health_seconds,
        claim_seconds=file.claim_seconds,
        audit_bytes=file.audit_megabytes << 20,
        limits=file.limits,
        clients=file.clients,
        session=file.session,
        boards=tuple(boards),
    )


def _board(path: Path, pool: str, name: str, entry: BoardEntry) -> PoolBoard:
    where = f"'{path}': pools.{pool}.{name}"
    for word in (pool, name):
        if not PLAIN_NAME.fullmatch(word):
            raise InputError(f"{where}: the name '{word}' takes letters, digits, '_', '.' and '-'.")
    try:
        address, spec = parse_address(entry.board), target(entry.target)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    if address.kind not in _KINDS:
        raise InputError(
            f'{where}: board = "{entry.board}": a gateway owns boards that are local, emulated or '
            "reached by ssh://."
        )
    if address.kind is BoardKind.EMULATED and not spec.emulated:
        raise InputError(f"{where}: target {spec.name} cannot be emulated: name one that can.")
    return PoolBoard(pool, name, address, spec)


def _place(path: Path, key: str, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        address = None
    if address is None or not port.isdecimal() or not 0 <= int(port) < 65536:
        raise InputError(f"'{path}': {key} = \"{text}\" is no IP:PORT such as 0.0.0.0:7443.")
    return str(address), int(port)
