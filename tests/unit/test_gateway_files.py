"""A gateway's files: what gateway.toml may say, keys, the log, what is remembered."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tvmedge.cli import main
from tvmedge.errors import InputError, ToolError, TrustError
from tvmedge.gateway.audit import FILE, KEPT, Audit, Event
from tvmedge.gateway.authority import enroll, server_context
from tvmedge.gateway.config import read_config
from tvmedge.gateway.state import State, TicketRow

BOARD = '[pools.pi.one]\nboard = "local"\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    return path


def test_a_file_is_read(tmp_path: Path) -> None:
    text = (
        'folder = "state"\nlisten = "0.0.0.0:7000"\n[limits]\nsessions = 3\n'
        "[clients.ci]\npriority = 4\n[session]\nmemory_mb = 100\n" + BOARD
    )
    config = read_config(written(tmp_path, text))
    assert config.folder == tmp_path / "state"
    assert config.listen == ("0.0.0.0", 7000)
    assert (config.limits_of("ci").priority, config.limits_of("ci").sessions) == (4, 3)
    assert config.limits_of("other").priority == 0
    assert config.session.memory_mb == 100
    assert [str(board) for board in config.boards] == ["pi/one"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("folder = 'x'\n", "Missing key 'pools'"),
        ("folder = 'x'\n[pools]\n", "has no board"),
        ("folder = 'x'\nstatus = '0.0.0.0:1'\n" + BOARD, "no address of loopback"),
        ("folder = 'x'\nlisten = 'here'\n" + BOARD, "is no IP:PORT"),
        ("folder = 'x'\nlisten = '1.2.3.4:99999'\n" + BOARD, "is no IP:PORT"),
        ("folder = 'x'\nport = 1\n" + BOARD, "Unknown key 'port'"),
        ("folder = 'x'\n[limits]\nsessions = 0\n" + BOARD, "limits.sessions"),
        ("folder = 'x'\n[clients.a]\nsession = 1\n" + BOARD, "clients.a.session"),
        ("folder = 'x'\n[pools.p.a]\nboard = 'tvm://h:1'\n", "local, emulated or"),
        ("folder = 'x'\n[pools.p.a]\nboard = 'nope'\n", "There is no board 'nope'"),
        ("folder = 'x'\n[pools.p.a]\nboard = 'emulated'\n", "cannot be emulated"),
        ("folder = 'x'\n[pools.'../p'.a]\nboard = 'local'\n", "takes letters"),
        ("folder = 'x'\n[pools.p.a]\nboard = 'local'\ntarget = 'no'\n", "pools.p.a: "),
    ],
)
def test_what_a_file_may_not_say_is_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        read_config(written(tmp_path, text))
    assert said in str(error.value) and "gateway.toml" in str(error.value)


def test_keys_are_their_owners_alone_and_appear_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = written(tmp_path, "folder = 'state'\n" + BOARD), tmp_path / "alice.pem"
    enrolling = ["enroll", "alice", "--gateway", str(file), "-o", str(out), "--json"]
    assert main(enrolling) == 0
    assert json.loads(capsys.readouterr().out)["keys"] == str(out)
    server_context(tmp_path / "state")
    private = [out, *(tmp_path / "state").glob("*.pem"), *(tmp_path / "state").glob("*.sqlite*")]
    assert len(private) >= 4
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}
    assert main(enrolling) == 2  # the file exists
    assert main([*enrolling[:4], "-o", str(tmp_path / "two.pem")]) == 2  # the name is taken
    assert main(["enroll", "../alice", "--gateway", str(file)]) == 2
    assert main(["enroll", "bob", "--gateway", str(file), "--days", "0"]) == 2
    assert main(["enroll", "alice", "--gateway", str(file), "--revoke"]) == 0
    assert main(["enroll", "alice", "--gateway", str(file), "--revoke"]) == 2
    assert main([*enrolling[:4], "-o", str(tmp_path / "two.pem")]) == 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 5 and all(line.startswith("tvmedge: ") for line in said)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("alice.pem", "gateway.toml", "state", "two.pem")
    ]


def test_damaged_keys_of_a_gateway_are_a_sentence(tmp_path: Path) -> None:
    enroll(tmp_path, "alice", tmp_path / "alice.pem", 1)
    (tmp_path / "authority.pem").write_bytes(b"damaged")
    with pytest.raises(TrustError, match=r"authority\.pem' is damaged"):
        server_context(tmp_path)


def test_the_log_is_whole_lines_and_of_limited_size(tmp_path: Path) -> None:
    async def fill() -> None:
        audit = Audit(tmp_path, 1000)
        for number in range(100):
            audit.record(Event.QUEUED, client="alice", number=number)
        for _ in range(500):
            audit.record(Event.REFUSED, peer="a stranger")
        await audit.close()

    asyncio.run(fill())
    files = sorted(tmp_path.glob(f"{FILE}*"))
    assert len(files) == KEPT + 1
    assert all(path.stat().st_size <= 1000 for path in files)
    for path in files:
        for line in path.read_text().splitlines():
            assert json.loads(line)["event"] in ("queued", "refused")


def test_what_was_said_to_be_on_disk_is_there(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        first = TicketRow(state.add_ticket("aa", "alice", b"{}"), "aa", "alice", b"{}")
        state.add_ticket("bb", "bob", b"{}")
        state.lend(first, "cc", "pi/one")
    with State(tmp_path) as state:
        assert [ticket.client for ticket in state.tickets()] == ["bob"]
        (lease,) = state.leases()
        assert (lease.client, lease.board, lease.attached) == ("alice", "pi/one", 0)
        assert state.turns() == {"alice": 1}
        state.restore_ticket(first, "cc")
        assert [ticket.client for ticket in state.tickets()] == ["alice", "bob"]
        assert state.leases() == []
    (tmp_path / "state.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(ToolError, match="Cannot use"):
        State(tmp_path)
