"""Boards over ssh: a real OpenSSH server on loopback, a real client with a configuration."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.devices.hosts import hosting
from tests.devices.parts import SIZE, alive
from tvmedge.boards.address import parse_address
from tvmedge.boards.relay.frames import PIECE_LIMIT
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.bundle import read_bundle
from tvmedge.cli import main
from tvmedge.device.build_session import build_session
from tvmedge.errors import BoardError, InputError

SSHD = "/usr/sbin/sshd"
pytestmark = pytest.mark.skipif(
    not Path(SSHD).exists(), reason="needs an ssh server: apt-get install openssh-server"
)
INPUT = {"input/x:0": np.arange(SIZE, dtype="float32")}


@dataclass
class Server:
    """A server, the home folder that it gives its users, and its process."""

    home: Path
    process: subprocess.Popen[bytes]

    @property
    def uploads(self) -> list[Path]:
        place = self.home / ".cache/tvmedge/boards"
        return sorted(place.iterdir()) if place.exists() else []


def make_key(path: Path) -> str:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True)
    return path.with_suffix(".pub").read_text()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that lets in one key, and a client that knows it as the host "board"; "changed",
    "unknown", "stranger", "nobody-there" and "silent" are hosts with troubles of their own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home, programs = folder / "home", folder / "bin"
        home.mkdir()
        programs.mkdir()
        host_key, port = make_key(folder / "host"), free_port()
        (folder / "authorized").write_text(make_key(folder / "user"))
        make_key(folder / "other")
        (folder / "known").write_text(f"board {host_key}stranger {host_key}silent {host_key}")
        (folder / "changed").write_text(f"changed {(folder / 'other.pub').read_text()}")
        (folder / "none").touch()
        silent = socket.create_server(("127.0.0.1", 0))
        (folder / "sshd.conf").write_text(
            f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nPidFile none\n"
            f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n"
            f"PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            f"SetEnv HOME={home} TMPDIR={home}\n"
        )
        (folder / "ssh.conf").write_text(
            "".join(
                f"Host {host}\n  HostName 127.0.0.1\n  Port {at}\n  IdentityFile {folder}/{key}\n"
                f"  UserKnownHostsFile {folder}/{known}\n  HostKeyAlias {host}\n"
                "  IdentitiesOnly yes\n  HostKeyAlgorithms ssh-ed25519\n  ConnectTimeout 3\n"
                for host, at, key, known in (
                    ("board", port, "user", "known"),
                    ("changed", port, "user", "changed"),
                    ("unknown", port, "user", "none"),
                    ("stranger", port, "other", "known"),
                    ("nobody-there", free_port(), "user", "known"),
                    ("silent", silent.getsockname()[1], "user", "known"),
                )
            )
        )
        wrapper = programs / "ssh"
        wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/ssh.conf "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
        Path("/run/sshd").mkdir(exist_ok=True)
        command = [SSHD, "-D", "-e", "-f", str(folder / "sshd.conf")]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                _wait_for(port)
                yield Server(home, process)
            finally:
                process.terminate()
                silent.close()
        deadline = time.monotonic() + 10
        while alive(str(folder)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert alive(str(folder)) == []


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the ssh server does not listen")


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
    assert "confined: files, network, processes, user" in findings[2]["detail"]
    assert main(["doctor", "--board", "ssh://stranger"]) == 4
    assert "does not let this user in" in capsys.readouterr().out
    assert main(["doctor", "--board", f"tvm://127.0.0.1:{free_port()}"]) == 4
    assert "start its server" in capsys.readouterr().out
    assert main(["doctor", "--board", "local"]) == 2


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
        cut = threading.Timer(1, _cut, args=(server,))
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
        _cut(server)
        assert host.process.wait(20) != 0
    with hosting(command) as host:
        assert host.name(content) == 2 * PIECE_LIMIT
        host.give(content, 2 * PIECE_LIMIT)
        assert host.have() == len(content)


def _cut(server: Server) -> None:
    """End the server's processes for connections, as a lost network would."""
    subprocess.run(["pkill", "-KILL", "-P", str(server.process.pid)], check=False)
