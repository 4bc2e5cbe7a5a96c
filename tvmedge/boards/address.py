"""Where a bundle runs: what ``--board`` takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import SplitResult, urlsplit

from tvmedge.errors import InputError

_FORMS = (
    "local, emulated, ssh://[USER@]HOST[:PORT], adb://SERIAL, gateway://HOST:PORT/POOL, "
    "tvm://HOST:PORT[/KEY]"
)
PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:%-]*")


class BoardKind(str, Enum):
    """How a board is reached."""

    LOCAL = "local"
    EMULATED = "emulated"
    SSH = "ssh"
    ADB = "adb"
    TVM = "tvm"
    GATEWAY = "gateway"


@dataclass(frozen=True)
class BoardAddress:
    """A parsed ``--board``. ``host`` is a device's serial number for adb; ``port`` 0 is the
    usual one; ``user`` is ssh's, ``key`` a TVM RPC server's, or the pool of a gateway."""

    kind: BoardKind
    host: str = ""
    port: int = 0
    key: str = ""
    user: str = ""

    def __str__(self) -> str:
        if self.kind in (BoardKind.LOCAL, BoardKind.EMULATED):
            return str(self.kind.value)
        host = (
            f"[{self.host}]" if ":" in self.host and self.kind is not BoardKind.ADB else self.host
        )
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{self.kind.value}://{user}{host}{port}" + (f"/{self.key}" if self.key else "")


LOCAL = BoardAddress(BoardKind.LOCAL)


def parse_address(text: str) -> BoardAddress:
    """The board that ``text`` names.

    Raises:
        InputError: not one of the forms that exist.
    """
    if text in (BoardKind.LOCAL.value, BoardKind.EMULATED.value):
        return BoardAddress(BoardKind(text))
    scheme, _, rest = text.partition("://")
    if scheme == BoardKind.ADB.value and _NAME.fullmatch(rest):
        return BoardAddress(BoardKind.ADB, rest)
    known = (BoardKind.SSH.value, BoardKind.TVM.value, BoardKind.GATEWAY.value)
    if scheme not in known or not rest:
        raise InputError(f"There is no board '{text}': --board takes {_FORMS}.")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port or 0
    except ValueError as error:
        raise InputError(f"Cannot read the board '{text}': {error}.") from error
    if scheme == BoardKind.SSH.value:
        return _ssh(text, parts, host, port)
    kind = BoardKind(scheme)
    form = "gateway://HOST:PORT/POOL" if kind is BoardKind.GATEWAY else "tvm://HOST:PORT[/KEY]"
    if not host or not port or parts.query or parts.fragment or parts.username is not None:
        raise InputError(f"The board '{text}' needs a host and a port: {form}.")
    key = parts.path.removeprefix("/")
    if any(character.isspace() for character in key):
        raise InputError(f"The key '{key}' of a board has no spaces.")
    if kind is BoardKind.GATEWAY and not PLAIN_NAME.fullmatch(key):
        raise InputError(f"The board '{text}' needs the name of a pool: {form}.")
    return BoardAddress(kind, host, port, key)


def _ssh(text: str, parts: SplitResult, host: str, port: int) -> BoardAddress:
    """OpenSSH reads names that begin with a dash as options."""
    user = parts.username or ""
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.password is not None
    if extra or not _NAME.fullmatch(host) or (user and not _NAME.fullmatch(user)):
        raise InputError(
            f"Cannot read the board '{text}': it is ssh://[USER@]HOST[:PORT]; keys and passwords "
            "are OpenSSH's business."
        )
    return BoardAddress(BoardKind.SSH, host, port, user=user)
