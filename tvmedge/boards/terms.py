"""On what terms boards beyond this process are used."""

from __future__ import annotations

from dataclasses import dataclass, field

from tvmedge.boards.address import BoardAddress, BoardKind
from tvmedge.boards.limits import SessionLimits
from tvmedge.errors import InputError


@dataclass(frozen=True)
class Terms:
    """What a session may use, and how long to wait for a gateway's board, in its queue as
    ``priority`` (0 to 9) says."""

    limits: SessionLimits = field(default_factory=SessionLimits)
    wait_s: float = 3600.0
    priority: int = 0


def require_limited(address: BoardAddress, limits: SessionLimits) -> None:
    """Refuse limits that are none, or that nobody would keep to.

    Raises:
        InputError: names the option.
    """
    limits.require_sensible()
    if limits != SessionLimits() and address.kind in (BoardKind.LOCAL, BoardKind.TVM):
        raise InputError(
            f"Board '{address}' runs no session, so nothing there keeps to --limit: leave it out, "
            "or use a board that has sessions."
        )
