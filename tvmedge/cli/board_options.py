"""The flags of every verb that uses a board."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tvmedge.boards.limits import SessionLimits
from tvmedge.targeting import target

if TYPE_CHECKING:
    from tvmedge.boards.address import BoardAddress
    from tvmedge.boards.session import SessionOptions


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class BoardOptions:
    """Where to run."""

    board: str = "local"
    "local, emulated, ssh://[USER@]HOST[:PORT], adb://SERIAL, gateway://HOST:PORT/POOL, "
    "tvm://HOST:PORT[/KEY] (open); run and profile take several, with commas between."
    threads: int | None = None
    "Threads for kernels; default: TVM_NUM_THREADS, or one a core."
    timeout: float = 120.0
    "Seconds that one run may take before the board is given up."
    wait: float = 3600.0
    "With a gateway: seconds to wait for a board; 0 takes a free one or none."
    priority: int = 0
    "With a gateway: 0 to 9, higher goes first, as far as the gateway lets you."
    emulate: Annotated[str | None, Parameter(name="--emulate")] = None
    "With --board emulated: the target to imitate instead of the bundle's own."

    limit: SessionLimits = field(default_factory=SessionLimits)

    def address(self) -> BoardAddress:
        """The board that ``--board`` names."""
        from tvmedge.boards.address import parse_address

        return parse_address(self.board)

    def addresses(self) -> tuple[BoardAddress, ...]:
        """All boards that ``--board`` names, with commas between."""
        from tvmedge.boards.many import parse_addresses

        return parse_addresses(self.board)

    def session(self) -> SessionOptions:
        """The options of its session."""
        from tvmedge.boards.session import SessionOptions

        spec = target(self.emulate) if self.emulate else None
        return SessionOptions(
            threads=self.threads,
            timeout_s=self.timeout,
            target=spec,
            limits=self.limit,
            wait_s=self.wait,
            priority=self.priority,
        )
