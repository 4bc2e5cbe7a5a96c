"""Boards over ssh: a real OpenSSH server on loopback, a real client with a configuration."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.devices.hosts import hosting
from tests.devices.parts import SIZE, alive
from tests.devices.sshd import SSHD, Server, free_port, ssh_server
from tvmedge.boards import remote
from tvmedge.boards.address import parse_address
from tvmedge.boards.relay.frames import PIECE_LIMIT
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.bundle import read_bundle
from tvmedge.cli import main
from tvmedge.device.build_session import build_session
from tvmedge.errors import BoardError, InputError

pytestmark = pytest.mark.skipif(
    not Path(SSHD).exists(), reason="needs an ssh server: apt-get install openssh-server"
)
INPUT = {"input/x:0": np.arange(SIZE, dtype="float32")}


@pytest.fixture
def server() -> Iterator[Server]:
    """See ``ssh_server``; nothing of it is left."""
    with tempfile.TemporaryDirectory() as name:
        with ssh_server(Path(name)) as running:
            yield running
        deadline = time.monotonic() + 10
        while alive(name) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert alive(name) == []


def test_a_model_runs_and_its_programs_are_sent_once(
    clean: None, server: Server, make_bundle: Callable[[str, str], Path]
) -> None:
    bundle = make_bundle("affine", "host")
    with open_session(parse_address("local"), bundle) as session:
        expected = session.run(INPUT)
    uploads = []
    for _ in range(2):
        with open_session(parse_address("ssh://board"), bundle) as session:
            got = session.run(INPUT)
            assert len(session.time(3)) == 3
        assert got["output/y:0"].tobytes() == expected["output/y:0"].tobytes()
        (uploaded,) = server.uploads
        uploads.append(uploaded.stat().st_ino)
    assert uploads[0] == uploads[1]
    files = server.home / ".cache/tvmedge/files"
    wanted = {digest for digest, _, _ in read_bundle(bundle).code_and_weights()}
    assert {path.name for path in files.iterdir()} == wanted
    assert len(wanted) == 2
    before = {path: path.stat().st_ino for path in files.iterdir()}
    (uploaded / "tvmedge-server").write_bytes(b"damaged")
    with open_session(parse_address("ssh://board"), bundle) as session:
        session.run(INPUT)
    assert before == {path: path.stat().st_ino for path in files.iterdir()}
    left = [path.name for path in server.home.iterdir()]
    assert left == [".cache"]


def test_what_doubles_nothing_is_tried_again(
    clean: None, server: Server, make_library: Callable[[str], Path]
) -> None:
    """A look and an upload whose way broke, which goes on from there; see ``again.py``."""
    server.break_next("look", 0)
    server.break_next("upload", 50_000)
    bundle, trouble = make_library("host"), {"input/x:0": np.zeros(SIZE, "float32")}
    with pytest.raises(BoardError, match="cannot be reached: the connection broke"):
        open_session(parse_address("ssh://board"), bundle)  # broke twice
    assert server.heard == ["look", "look", "upload"]
    (part,) = server.uploads
    assert part.name.endswith(".part") and part.stat().st_size == 50_000
    server.break_next("upload", 7)
    with open_session(parse_address("ssh://board"), bundle) as session:
        session.run(trouble)
    assert server.heard[3:] == ["look", "upload", "look", "upload", "session"]
    assert "!= 50000 ]" in server.commands[4] and "!= 50007 ]" in server.commands[6]
    (uploaded,) = server.uploads
    assert uploaded.is_dir()


def test_a_session_that_began_is_never_begun_again(
    clean: None, server: Server, make_library: Callable[[str], Path]
) -> None:
    """Its program may have done something: once is once, whenever the way breaks."""
    bundle, hang = make_library("host"), {"input/x:0": np.full(SIZE, 3, "float32")}
    with open_session(parse_address("ssh://board"), bundle) as session:
        cut = threading.Timer(0.5, server.cut)
        cut.start()
        with pytest.raises(BoardError, match="while running the model"):
            session.run(hang)
        cut.join()
        with pytest.raises(BoardError, match="the session has ended"):
            session.run(hang)
    assert server.heard == ["look", "upload", "session"]
    server.break_next("session", 0)
    with pytest.raises(BoardError, match="while loading the model"):
        open_session(parse_address("ssh://board"), bundle)
    assert server.heard[3:] == ["look", "session"]


def test_two_hosts_send_the_same_programs(
    clean: None,
    server: Server,
    make_library: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who looked before the other one went on looks again."""
    server.break_next("look", 0)
    server.break_next("upload", 50_000)
    with pytest.raises(BoardError, match="cannot be reached: the connection broke"):
        open_session(parse_address("ssh://board"), make_library("host"))
    (part,) = server.uploads
    looks: list[remote._Found] = []
    real = remote._look

    def look(*arguments: Any) -> remote._Found:
        looks.append(real(*arguments))
        if len(looks) == 1:
            part.unlink()
        return looks[-1]

    monkeypatch.setattr(remote, "_look", look)
    with open_session(parse_address("ssh://board"), make_library("host")) as session:
        session.peak_memory_kib()
    assert [found.part for found in looks] == [50_000, 0]


def test_programs_that_were_not_used_for_longest_make_room(
    server: Server, make_library: Callable[[str], Path]
) -> None:
    place = server.home / ".cache/tvmedge/boards"
    for number in range(10):
        old = place / f"{number:016x}"
        old.mkdir(parents=True)
        (old / "file").write_text("old")
        os.utime(old, (number, number))
    damaged = place / ".upload.left"
    damaged.mkdir()
    os.utime(damaged, (0, 0))
    with open_session(parse_address("ssh://board"), make_library("host")) as session:
        session.peak_memory_kib()
    left = [path.name for path in server.uploads]
    assert len(left) == 8
    assert left[:7] == [f"{number:016x}" for number in range(3, 10)]


def test_a_part_that_was_altered_is_begun_again(
    clean: None, server: Server, make_library: Callable[[str], Path]
) -> None:
    server.break_next("look", 0)
    server.break_next("upload", 50_000)
    bundle = make_library("host")
    with pytest.raises(BoardError, match="cannot be reached: the connection broke"):
        open_session(parse_address("ssh://board"), bundle)
    (part,) = server.uploads
    part.write_bytes(bytes(50_000))
    with pytest.raises(BoardError, match="did not take its programs"):
        open_session(parse_address("ssh://board"), bundle)
    assert server.uploads == []
    with open_session(parse_address("ssh://board"), bundle) as session:
        session.peak_memory_kib()


def test_a_library_runs_with_little_brought(
    clean: None, server: Server, make_library: Callable[[str], Path]
) -> None:
    with open_session(parse_address("ssh://board"), make_library("host")) as session:
        assert session.run({"input/x:0": np.zeros(SIZE, "float32")})["output/y:0"].sum() == 0
    (uploaded,) = server.uploads
    assert sum(path.stat().st_size for path in uploaded.iterdir()) < 200_000


@pytest.mark.parametrize(
    ("host", "cause"),
    [
        ("no-such-name.invalid", "its name is not known"),
        ("nobody-there", "nothing listens there"),
        ("silent", "it does not answer"),
        ("changed", "its host key has changed: .*ssh-keygen -R changed"),
        ("unknown", "its host key is not known"),
        ("stranger", "it does not let this user in"),
    ],
)
def test_what_is_wrong_on_the_way_has_a_name(
    clean: None,
    server: Server,
    make_bundle: Callable[[str, str], Path],
    host: str,
    cause: str,
) -> None:
    with pytest.raises(BoardError, match=f"Board 'ssh://{host}' cannot be reached: {cause}"):
        open_session(parse_address(f"ssh://{host}"), make_bundle("affine", "host"))
    assert server.uploads == []


def test_the_doctor_names_every_link(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--board", "ssh://board", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [finding["name"] for finding in findings] == ["the way there", "programs", "session"]
    assert "confined: files, memory, network, processes, user" in findings[2]["detail"]
    assert main(["doctor", "--board", "ssh://stranger"]) == 4
    assert "does not let this user in" in capsys.readouterr().out
    assert main(["doctor", "--board", f"tvm://127.0.0.1:{free_port()}"]) == 4
    assert "start its server" in capsys.readouterr().out


def test_another_cpu_is_named(
    clean: None, server: Server, make_bundle: Callable[[str, str], Path]
) -> None:
    with pytest.raises(InputError, match=r"is for aarch64, board 'ssh://board' is x86_64"):
        open_session(parse_address("ssh://board"), make_bundle("affine", "raspberry-pi-4b"))


def test_a_crash_there_has_a_name(
    clean: None, server: Server, make_bundle: Callable[[str, str], Path]
) -> None:
    trouble = np.full(SIZE, 2, "float32")
    with (
        open_session(parse_address("ssh://board"), make_bundle("trouble", "host")) as session,
        pytest.raises(
            BoardError,
            match=r"crashed while running on board 'ssh://board' in kernel trouble .*SIGSEGV",
        ),
    ):
        session.run({"input/x:0": trouble})


def test_a_connection_that_breaks_ends_both_sides(
    clean: None, server: Server, make_bundle: Callable[[str, str], Path]
) -> None:
    hang = np.full(SIZE, 3, "float32")
    options = SessionOptions(timeout_s=60)
    with open_session(parse_address("ssh://board"), make_bundle("trouble", "host"), options) as s:
        cut = threading.Timer(1, server.cut)
        cut.start()
        with pytest.raises(BoardError, match=r"Board 'ssh://board' .* while running"):
            s.run({"input/x:0": hang})
        cut.join()


def test_a_file_whose_way_was_cut_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    cache, content = tmp_path / "cache", os.urandom(3 * PIECE_LIMIT)
    cache.mkdir()
    command = ["ssh", "board", f"{build_session()} --cache {cache} -- true"]
    with hosting(command) as host:
        assert host.name(content) == 0
        host.give(content[: 2 * PIECE_LIMIT])
        (part,) = cache.iterdir()
        while part.stat().st_size < 2 * PIECE_LIMIT:
            time.sleep(0.01)
        server.cut()
        assert host.process.wait(20) != 0
    with hosting(command) as host:
        assert host.name(content) == 2 * PIECE_LIMIT
        host.give(content, 2 * PIECE_LIMIT)
        assert host.have() == len(content)
