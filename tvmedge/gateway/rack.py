"""What is there at a moment: boards, who waits, what is lent."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from enum import Enum

from tvmedge.boards.gateway.wire import Ask, Granted, Refused
from tvmedge.gateway.config import PoolBoard
from tvmedge.gateway.state import TicketRow
from tvmedge.gateway.tunnel import Tunnel


class Health(str, Enum):
    """How a board is."""

    FREE = "free"
    LENT = "lent"
    CHECKING = "being checked"
    OUT = "out of order"


@dataclass(eq=False)
class Slot:
    """A board's place in the rack; times are of ``time.monotonic``. One that is ``out`` of order
    stays so until a check says otherwise; ``trouble`` says why."""

    board: PoolBoard
    health: Health = Health.OUT
    trouble: str = "not checked yet"
    checked: float = 0.0
    since: float = field(default_factory=time.monotonic)

    @property
    def working(self) -> bool:
        """Whether it is of use, now or later."""
        return not self.trouble

    def become(self, health: Health) -> None:
        """Change how it is."""
        self.health, self.since = health, time.monotonic()


@dataclass(eq=False)
class Ticket:
    """Somebody who waits. One whose connection broke is ``away`` since then (0: is there)."""

    row: TicketRow
    ask: Ask
    away: float = 0.0
    since: float = field(default_factory=time.monotonic)
    outcome: Granted | Refused | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def number(self) -> int:
        """See ``fair.Waiting``."""
        return self.row.number

    @property
    def client(self) -> str:
        """See ``fair.Waiting``."""
        return self.row.client

    @property
    def priority(self) -> int:
        """See ``fair.Waiting``."""
        return self.ask.priority

    def decide(self, outcome: Granted | Refused) -> None:
        """Tell who waits."""
        self.outcome = outcome
        self.changed.set()


@dataclass(eq=False)
class Lease:
    """A board that is lent until ``expires``; once it is ``ready`` and the client knows, one
    without a session by ``claim_by`` is lost."""

    token: str
    ticket: Ticket
    slot: Slot
    expires: float
    claim_by: float
    command: list[str] = field(default_factory=list)
    ready: bool = False
    attached: bool = False
    tunnel: Tunnel | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def client(self) -> str:
        """Who has it."""
        return self.ticket.client
