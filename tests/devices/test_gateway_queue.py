"""Who waits at a gateway, for how long, and what restarts and kills leave of it."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path

import pytest

from tests.devices.gateway import (
    Guest,
    ending_of,
    eventually,
    local_pool,
    serving,
    session_of,
)
from tests.devices.parts import alive
from tvmedge.boards.gateway.ask import Wanted, lent_command
from tvmedge.boards.gateway.wire import Attached, Granted, Leave, Queued, Reason, Refused
from tvmedge.boards.limits import SessionLimits
from tvmedge.boards.relay.frames import framed
from tvmedge.errors import BoardError
from tvmedge.types import Serves

pytestmark = pytest.mark.usefixtures("clean")
GENEROUS = "[limits]\nsessions = 9\nqueue = 9\n[clients.chief]\npriority = 5\n"


def test_clients_take_turns_and_know_their_place(tmp_path: Path) -> None:
    with serving(tmp_path / "gateway", GENEROUS + local_pool(1)) as gateway:  # noqa: SIM117
        with contextlib.ExitStack() as waiting:
            enter = waiting.enter_context
            running = enter(session_of(gateway, "alice"))
            queue = {}
            for name, client in (("a1", "alice"), ("a2", "alice"), ("b", "bob"), ("c", "chief")):
                queue[name] = enter(Guest(gateway, client))
                answer = queue[name].ask(priority=9 if client == "chief" else 0)
                assert isinstance(answer, Queued) and answer.boards == answer.working == 1
            # The chief first; bob has had no turn; of two of alice's the first is first.
            for place, name in enumerate(("c", "b", "a1", "a2"), start=1):
                queue[name].left(place)
            document = gateway.status()
            assert [(row["place"], row["client"]) for row in document["queue"]] == [
                *((1, "chief"), (2, "bob"), (3, "alice"), (4, "alice"))
            ]
            assert document["sessions"][0]["client"] == document["boards"][0]["client"] == "alice"
            queue["b"].say(Leave())
            queue["a1"].left(2)
            running.secure.close()
            lease = queue["c"].hear_until(Granted).lease
            with Guest(gateway, "chief") as chief:
                assert isinstance(chief.attach(lease), Attached)
            queue["a1"].hear_until(Granted)
    assert [line["client"] for line in gateway.log("granted")] == ["alice", "chief", "alice"]


def test_limits_of_a_client(tmp_path: Path) -> None:
    limits = "[limits]\nsessions = 1\nqueue = 2\nlease_seconds = 2\nmegabytes = 1\n"
    with serving(tmp_path / "gateway", limits + local_pool(3)) as gateway:
        with session_of(gateway) as running, Guest(gateway) as second, Guest(gateway) as third:
            assert isinstance(second.ask(), Queued), "one session at a time, though boards are free"
            assert isinstance(third.ask(), Queued)
            with Guest(gateway) as fourth:
                answer = fourth.ask()
                assert isinstance(answer, Refused) and answer.reason is Reason.LIMIT
            assert ending_of(running.rest()) == "was ended (the lease of 2 s is over)"
            second.say(Leave())
            third.say(Leave())
        with session_of(gateway, "bob") as greedy:
            big = framed(b"D", bytes(1 << 18))
            with contextlib.suppress(OSError):
                for _ in range(5):
                    greedy.secure.sendall(big)
            assert b"was ended (more bytes than the 1 MiB of a lease)" in greedy.rest()


def test_a_lease_that_nobody_uses_is_lost(tmp_path: Path) -> None:
    with serving(tmp_path / "gateway", "claim_seconds = 2\n" + local_pool(1)) as gateway:
        with Guest(gateway) as guest:
            guest.granted()
        assert gateway.status()["boards"][0]["state"] == "lent"
        with Guest(gateway, "bob") as guest:
            guest.granted()
    assert gateway.log("ended")[0]["reason"] == "not used within 2 s"


def test_who_waits_longer_than_he_will_is_told_his_place(tmp_path: Path) -> None:
    with serving(tmp_path / "gateway", local_pool(1)) as gateway, session_of(gateway, "bob"):
        keys = gateway.keys("alice")
        wanted = Wanted("host", Serves.LIBRARY, None, SessionLimits(), wait_s=0, keys=keys)
        with pytest.raises(BoardError, match=r"got free within 0 s \(place 1 of the queue, 1 of 1"):
            lent_command(gateway.address(), wanted)
        eventually(lambda: gateway.log("left"), "a place that is given up")


def test_a_restart_keeps_places_and_leases(tmp_path: Path) -> None:
    boards = GENEROUS + local_pool(1)
    with serving(tmp_path / "gateway", boards) as gateway:
        with session_of(gateway, "alice") as running:
            tickets = {}
            for client in ("bob", "chief"):
                with Guest(gateway, client) as guest:
                    tickets[client] = guest.ask().ticket
            gateway.end(signal.SIGKILL)
            assert b"X\0\0\0" not in running.rest(), "nobody was there to tell"
        gateway.start()
        with Guest(gateway, "alice") as late, Guest(gateway, "chief") as chief:
            late.ask()
            chief.ask(ticket=tickets["chief"])  # back before bob is
            with Guest(gateway, "bob") as bob:
                lease = bob.granted(ticket=tickets["bob"]).lease
            gateway.end(signal.SIGKILL)  # with a lease that is not used yet
        gateway.start()
        with Guest(gateway, "bob") as bob:
            assert isinstance(bob.attach(lease), Attached)
        with Guest(gateway, "chief") as chief:
            chief.granted(ticket=tickets["chief"])
    ends = [(line["client"], line["reason"]) for line in gateway.log("ended")]
    assert ends[0] == ("alice", "the gateway ended")
    assert len(gateway.log("started")) == 3


def test_who_waits_for_a_gateway_that_starts_again_gets_a_board(tmp_path: Path) -> None:
    with serving(tmp_path / "gateway", local_pool(1)) as gateway:
        wanted = Wanted(
            "host", Serves.LIBRARY, None, SessionLimits(), 60, keys=gateway.keys("alice")
        )
        got: list[list[str]] = []
        with session_of(gateway, "bob"):
            client = threading.Thread(
                target=lambda: got.append(lent_command(gateway.address(), wanted))
            )
            client.start()
            eventually(lambda: gateway.status()["queue"], "somebody who waits")
            gateway.end(signal.SIGKILL)
        gateway.start()
        client.join(60)
    assert got[0][-1].startswith(gateway.log("granted")[-1]["lease"])


@pytest.mark.parametrize("stage", ["waiting", "granted", "running"])
def test_a_client_that_is_killed_gives_back_what_it_had(tmp_path: Path, stage: str) -> None:
    """A connection that is cut is what a kill leaves, at any stage."""
    with serving(tmp_path / "gateway", "claim_seconds = 2\n" + local_pool(1)) as gateway:
        other = Guest(gateway, "bob")
        with contextlib.ExitStack() as held:
            if stage == "waiting":
                held.enter_context(session_of(gateway, "carol"))
                held.enter_context(Guest(gateway)).ask()
            elif stage == "granted":
                held.enter_context(Guest(gateway)).granted()
            else:
                held.enter_context(session_of(gateway))
            assert isinstance(other.ask(), Queued)
        with other:
            other.hear_until(Granted)
        (board,) = gateway.status()["boards"]
        assert board["client"] == "bob"


def test_a_session_that_is_killed_ends_with_a_word_and_its_board_is_well(tmp_path: Path) -> None:
    with serving(tmp_path / "gateway", local_pool(1)) as gateway:
        with session_of(gateway) as guest:
            assert guest.secure.recv(1)
            children = Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children")
            for child in children.read_text().split():
                os.kill(int(child), signal.SIGKILL)
            assert ending_of(b"t" + guest.rest()) == "ended without a word"
        with session_of(gateway) as guest:
            assert guest.secure.recv(8) == b"tvmedge-"


def test_a_board_that_fails_is_left_out_until_it_is_well(tmp_path: Path) -> None:
    broken = '[pools.pool.b0]\nboard = "ssh://tvmedge-no-such-host.invalid"\n'
    with serving(tmp_path / "gateway", broken + local_pool(1, "other")) as gateway:
        eventually(lambda: "name is not known" in gateway.status()["boards"][0]["trouble"], "why")
        with Guest(gateway) as guest:
            answer = guest.ask()
            assert isinstance(answer, Queued)
            assert (answer.place, answer.boards, answer.working) == (1, 1, 0)
        with Guest(gateway) as guest:
            guest.granted(pool="other")


def test_an_orderly_end_tells_everybody(tmp_path: Path) -> None:
    with serving(tmp_path / "gateway", local_pool(1)) as gateway:
        with session_of(gateway) as running, Guest(gateway, "bob") as waiting:
            assert isinstance(waiting.ask(), Queued)
            gateway.end()
            assert ending_of(running.rest()) == "was ended (the gateway stops)"
            told = waiting.hear_until(Refused)
            assert told.reason is Reason.STOPPED
        assert alive(str(tmp_path / "gateway")) == []
