"""Who gets which board, when, and for how long."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor

import msgspec
from tornado.iostream import IOStream

from tvmedge.boards.address import BoardKind
from tvmedge.boards.gateway.wire import Ask, Granted, Pool, Queued, Reason, Refused
from tvmedge.boards.limits import SessionLimits
from tvmedge.errors import InputError, TvmEdgeError
from tvmedge.gateway.audit import Audit, Event
from tvmedge.gateway.boards import fits, probe, start_command, strictest, wanted_spec
from tvmedge.gateway.config import Config
from tvmedge.gateway.fair import order
from tvmedge.gateway.rack import Health, Lease, Slot, Ticket
from tvmedge.gateway.state import State, TicketRow
from tvmedge.gateway.tunnel import Ending, Tunnel

_log = logging.getLogger(__name__)

AWAY_S = 30.0
"""How long a place is kept for who lost the connection."""
_BLOCK_S = 3.0
"""How long a board is, too."""
_TRY_AGAIN_S = 10.0
_HANDS = 8


class RefusalError(Exception):
    """What a client asks for is not to be had."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.refused = Refused(reason, message[:2000])


class Dispatcher:
    """The rack, its queues and its leases; everything here runs in one event loop."""

    def __init__(self, config: Config, state: State, audit: Audit) -> None:
        self.slots = [Slot(board) for board in config.boards]
        self.tickets: list[Ticket] = []
        self.leases: dict[str, Lease] = {}
        self._config = config
        self._state = state
        self._audit = audit
        self._hands = ThreadPoolExecutor(_HANDS, thread_name_prefix="boards")
        self._tasks: set[asyncio.Task[None]] = set()
        self._remember()

    def enqueue(self, client: str, ask: Ask) -> Ticket:
        """A place in the queue, or that of an earlier connection.

        Raises:
            RefusalError: there is no such pool or board, or the client has too many places.
        """
        if ask.ticket:
            lent = (lease.ticket for lease in self.leases.values() if not lease.attached)
            for ticket in [*self.tickets, *lent]:
                if ticket.row.token == ask.ticket and ticket.client == client:
                    ticket.away = 0.0
                    self.match()
                    return ticket
        self._require_board(ask)
        limits = self._config.limits_of(client)
        mine = sum(ticket.client == client for ticket in self.tickets)
        if mine >= limits.queue:
            raise RefusalError(
                Reason.LIMIT, f"'{client}' waits {mine} times already, which is its limit"
            )
        ask = msgspec.structs.replace(ask, priority=min(ask.priority, limits.priority))
        token, content = secrets.token_hex(16), msgspec.json.encode(ask)
        number = self._state.add_ticket(token, client, content)
        ticket = Ticket(TicketRow(number, token, client, content), ask)
        self.tickets.append(ticket)
        self._audit.record(Event.QUEUED, client=client, pool=ask.pool, target=ask.target)
        self.match()
        return ticket

    def queued(self, ticket: Ticket) -> Queued:
        """What somebody who waits is told."""
        pool = ticket.ask.pool
        slots = [slot for slot in self.slots if slot.board.pool == pool]
        waiting = order((t for t in self.tickets if t.ask.pool == pool), self._state.turns())
        place = waiting.index(ticket) + 1 if ticket in waiting else 0
        return Queued(ticket.row.token, place, len(slots), sum(slot.working for slot in slots))

    def left(self, ticket: Ticket, *, for_good: bool) -> None:
        """Who waits is not there any more."""
        ticket.away = time.monotonic()
        if for_good and ticket in self.tickets:
            self._forget(ticket, "gave up")
        for lease in list(self.leases.values()):
            if for_good and lease.ticket is ticket and lease.ready and not lease.attached:
                self._end(lease, "its client gave up")

    def pool(self, name: str) -> Pool:
        """How a pool is.

        Raises:
            RefusalError: there is none of that name.
        """
        self._require_pool(name)
        slots = [slot for slot in self.slots if slot.board.pool == name]
        free = sum(slot.health is Health.FREE for slot in slots)
        waiting = sum(ticket.ask.pool == name for ticket in self.tickets)
        return Pool(len(slots), sum(slot.working for slot in slots), free, waiting)

    async def attach(self, client: str, token: str, stream: IOStream) -> Lease:
        """The lease whose session is to begin on ``stream``; ``run`` runs it.

        Raises:
            RefusalError: there is no such lease, or its board has failed meanwhile.
        """
        lease = self.leases.get(token)
        if lease is None or lease.client != client or lease.attached:
            raise RefusalError(Reason.LEASE, "there is no such lease: it was not used in time")
        lease.attached = True
        self._state.attach(token)
        lease.tunnel = Tunnel(stream, self._config.limits_of(client).megabytes << 20)
        if not lease.command:  # of before a restart
            try:
                lease.command = await self._command(lease)
            except Exception as error:
                self._evict(lease.slot, _why(error))
                self._end(lease, "its board failed")
                raise RefusalError(Reason.BOARD, _why(error)) from error
        self._audit.record(Event.ATTACHED, **self._named(lease))
        return lease

    async def run(self, lease: Lease) -> None:
        """Carry a session to its end; its board is free again then."""
        assert lease.tunnel is not None
        ending = Ending("was ended with the gateway")
        try:
            ending = await lease.tunnel.run(lease.command)
        finally:
            if ending.failed:
                self._evict(lease.slot, ending.reason)
            self._end(lease, ending.reason, sent=ending.sent, received=ending.received)

    def revoked(self, client: str) -> None:
        """Somebody is let in no more."""
        for lease in list(self.leases.values()):
            if lease.client == client and lease.tunnel is not None:
                lease.tunnel.stop("was ended (the certificate was revoked)")
        for ticket in [ticket for ticket in self.tickets if ticket.client == client]:
            ticket.decide(Refused(Reason.REVOKED, "the certificate was revoked"))
            self._forget(ticket, "revoked")

    def look_at_clock(self) -> None:
        """What has to happen by now."""
        now = time.monotonic()
        for lease in list(self.leases.values()):
            if lease.tunnel is not None:
                lease.tunnel.look_at_clock()
                if now > lease.expires:
                    seconds = round(lease.expires - lease.since)
                    lease.tunnel.stop(f"was ended (the lease of {seconds} s is over)")
            elif lease.ready and now > lease.claim_by:
                self._end(lease, f"not used within {self._config.claim_seconds} s")
        for ticket in list(self.tickets):
            if ticket.away and now > ticket.away + AWAY_S:
                self._forget(ticket, "went away")
        for slot in self.slots:
            wait = self._config.health_seconds if slot.working else _TRY_AGAIN_S
            wait = min(wait, self._config.health_seconds)
            idle = slot.health in (Health.FREE, Health.OUT)
            if idle and (not slot.checked or now > slot.checked + wait):
                self._start(self._check(slot))
        self.match()

    async def close(self) -> None:
        """End every session; who waits may come back with its ticket."""
        for ticket in self.tickets:
            ticket.decide(Refused(Reason.STOPPED, "stops: it may start again"))
        for lease in self.leases.values():
            if lease.tunnel is not None:
                lease.tunnel.stop("was ended (the gateway stops)")
        deadline = time.monotonic() + 10
        while any(lease.tunnel for lease in self.leases.values()) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for task in self._tasks:
            task.cancel()
        self._hands.shutdown(wait=False, cancel_futures=True)

    def match(self) -> None:
        """Lend what is free to those whose turn it is."""
        free = [slot for slot in self.slots if slot.health is Health.FREE]
        if not free or not self.tickets:
            return
        now = time.monotonic()
        for ticket in order(self.tickets, self._state.turns()):
            most = self._config.limits_of(ticket.client).sessions
            held = sum(lease.client == ticket.client for lease in self.leases.values())
            fitting = [slot for slot in free if self._fits(slot, ticket.ask)]
            if held >= most or not fitting:
                continue
            if not ticket.away:
                self._lend(ticket, fitting[0])
            elif now > ticket.away + _BLOCK_S:
                continue
            free.remove(fitting[0])  # lent, or kept a moment for who may be back
        for ticket in self.tickets:
            ticket.changed.set()

    def _fits(self, slot: Slot, ask: Ask) -> bool:
        return slot.board.pool == ask.pool and fits(slot.board, wanted_spec(ask), ask.serves)

    def _lend(self, ticket: Ticket, slot: Slot) -> None:
        token, now = secrets.token_hex(16), time.monotonic()
        self._state.lend(ticket.row, token, str(slot.board))
        self.tickets.remove(ticket)
        slot.become(Health.LENT)
        seconds = self._config.limits_of(ticket.client).lease_seconds
        lease = Lease(token, ticket, slot, now + seconds, now + self._config.claim_seconds)
        self.leases[token] = lease
        self._start(self._prepare(lease))

    async def _prepare(self, lease: Lease) -> None:
        """Bring a board what a session needs, then tell who waits."""
        ticket = lease.ticket
        try:
            lease.command = await self._command(lease)
        except InputError as error:
            ticket.decide(Refused(Reason.TARGET, str(error).rstrip(".")))
            self._end(lease, f"refused: {error}")
            return
        except Exception as error:  # whatever it was, the board is not to stay lent
            self._evict(lease.slot, _why(error))
            del self.leases[lease.token]
            self._state.restore_ticket(ticket.row, lease.token)
            self.tickets.append(ticket)
            self._free(lease.slot)
            return
        self._grant(lease)
        if ticket.away > 0 and time.monotonic() > ticket.away + _BLOCK_S:
            self._end(lease, "its client went away")

    def _grant(self, lease: Lease) -> None:
        now, board, lease.ready = time.monotonic(), lease.slot.board, True
        seconds = self._config.limits_of(lease.client).lease_seconds
        lease.since, lease.expires, lease.claim_by = (
            now,
            now + seconds,
            now + self._config.claim_seconds,
        )
        emulated = board.address.kind is BoardKind.EMULATED
        lease.ticket.decide(Granted(lease.token, str(board), seconds, emulated))
        self._audit.record(Event.GRANTED, **self._named(lease))

    async def _command(self, lease: Lease) -> list[str]:
        ask = lease.ticket.ask
        seconds = self._config.limits_of(lease.client).lease_seconds
        wanted = SessionLimits(**msgspec.structs.asdict(ask.limits))
        limits = strictest(wanted, self._config.session, SessionLimits(wall_seconds=seconds))
        arguments = (lease.slot.board, ask.serves, ask.threads, limits)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._hands, start_command, *arguments)

    async def _check(self, slot: Slot) -> None:
        slot.become(Health.CHECKING)
        trouble = ""
        try:
            await asyncio.get_running_loop().run_in_executor(self._hands, probe, slot.board)
        except Exception as error:
            trouble = _why(error)
        slot.checked = time.monotonic()
        if trouble:
            self._evict(slot, trouble)
        elif slot.trouble:
            slot.trouble = ""
            self._audit.record(Event.READMITTED, board=str(slot.board))
        self._free(slot)

    def _evict(self, slot: Slot, trouble: str) -> None:
        if not slot.trouble:
            self._audit.record(Event.EVICTED, board=str(slot.board), reason=trouble)
        slot.trouble, slot.checked = trouble, time.monotonic()

    def _free(self, slot: Slot) -> None:
        slot.become(Health.OUT if slot.trouble else Health.FREE)
        self.match()

    def _end(self, lease: Lease, reason: str, **moved: int) -> None:
        if self.leases.pop(lease.token, None) is None:
            return
        self._state.remove_lease(lease.token)
        seconds = round(time.monotonic() - lease.since, 3)
        self._audit.record(
            Event.ENDED, **self._named(lease), reason=reason, seconds=seconds, **moved
        )
        self._free(lease.slot)

    def _forget(self, ticket: Ticket, reason: str) -> None:
        self.tickets.remove(ticket)
        self._state.remove_ticket(ticket.number)
        where = {"client": ticket.client, "pool": ticket.ask.pool}
        self._audit.record(Event.LEFT, **where, reason=reason)
        for other in self.tickets:
            other.changed.set()

    def _require_pool(self, name: str) -> None:
        if name not in self._config.pools:
            known = ", ".join(self._config.pools)
            raise RefusalError(Reason.POOL, f"there is no pool '{name}' (valid: {known})")

    def _require_board(self, ask: Ask) -> None:
        self._require_pool(ask.pool)
        try:
            if any(self._fits(slot, ask) for slot in self.slots):
                return
        except InputError as error:
            raise RefusalError(Reason.TARGET, str(error).rstrip(".")) from error
        kinds = {slot.board.spec.name for slot in self.slots if slot.board.pool == ask.pool}
        raise RefusalError(
            Reason.TARGET,
            f"no board of pool '{ask.pool}' runs bundles for {ask.target} of form "
            f"{ask.serves.value}: it has {', '.join(sorted(kinds))}",
        )

    def _remember(self) -> None:
        """What was when the gateway ended: places and leases without a session go on."""
        now, slots = time.monotonic(), {str(slot.board): slot for slot in self.slots}
        for row in self._state.tickets():
            try:
                ticket = Ticket(row, msgspec.json.decode(row.ask, type=Ask), away=now)
                self._require_board(ticket.ask)
            except (msgspec.MsgspecError, RefusalError):  # the configuration has changed
                self._state.remove_ticket(row.number)
                continue
            self.tickets.append(ticket)
        for kept in self._state.leases():
            slot = slots.get(kept.board)
            if kept.attached or slot is None or slot.health is Health.LENT:
                self._state.remove_lease(kept.token)
                end = {"client": kept.client, "board": kept.board, "lease": kept.token[:8]}
                self._audit.record(Event.ENDED, **end, reason="the gateway ended")
                continue
            ask = msgspec.json.decode(kept.ask, type=Ask)
            ticket = Ticket(TicketRow(0, kept.ticket, kept.client, kept.ask), ask, away=now)
            seconds = self._config.limits_of(kept.client).lease_seconds
            slot.become(Health.LENT)
            lease = Lease(
                kept.token,
                ticket,
                slot,
                now + seconds,
                now + self._config.claim_seconds,
                ready=True,
            )
            self.leases[kept.token] = lease
            emulated = slot.board.address.kind is BoardKind.EMULATED
            ticket.outcome = Granted(kept.token, kept.board, seconds, emulated)

    def _start(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _named(self, lease: Lease) -> dict[str, str]:
        board = str(lease.slot.board)
        return {"client": lease.client, "board": board, "lease": lease.token[:8]}


def _why(error: Exception) -> str:
    """A sentence about a board's failure."""
    if isinstance(error, TvmEdgeError):
        return str(error)
    _log.error("a board failed in a way that is new", exc_info=error)
    return f"{type(error).__name__}: {str(error)[:200]}"
