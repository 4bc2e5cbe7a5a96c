"""Where a bundle runs: what ``--board`` takes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from tvmedge.errors import InputError

_FORMS = "local, emulated, tvm://HOST:PORT[/KEY]"


class BoardKind(str, Enum):
    """How a board is reached."""

    LOCAL = "local"
    EMULATED = "emulated"
    TVM = "tvm"


@dataclass(frozen=True)
class BoardAddress:
    """A parsed ``--board``: host, port and key are set for a TVM RPC server only."""

    kind: BoardKind
    host: str = ""
    port: int = 0
    key: str = ""

    def __str__(self) -> str:
        if self.kind is not BoardKind.TVM:
            return str(self.kind.value)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tvm://{host}:{self.port}" + (f"/{self.key}" if self.key else "")


LOCAL = BoardAddress(BoardKind.LOCAL)


def parse_address(text: str) -> BoardAddress:
    """The board that ``text`` names.

    Raises:
        InputError: not one of the forms that exist.
    """
    if text in (BoardKind.LOCAL.value, BoardKind.EMULATED.value):
        return BoardAddress(BoardKind(text))
    scheme = text.partition("://")[0]
    if scheme != BoardKind.TVM.value or "://" not in text:
        raise InputError(f"There is no board '{text}': --board takes {_FORMS}.")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"Cannot read the board '{text}': {error}.") from error
    if not host or not port or parts.query or parts.fragment or parts.username is not None:
        raise InputError(f"The board '{text}' needs a host and a port: tvm://HOST:PORT[/KEY].")
    key = parts.path.removeprefix("/")
    if any(character.isspace() for character in key):
        raise InputError(f"The key '{key}' of a board has no spaces.")
    return BoardAddress(BoardKind.TVM, host, port, key)
