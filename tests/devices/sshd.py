"""A real OpenSSH server, and a client that knows it by a configuration of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SSHD = "/usr/sbin/sshd"
# Every command that the server is asked for, in the order of their beginnings.
_HEAR = """\
case "$SSH_ORIGINAL_COMMAND" in
  *"tar -xf"*) kind=upload;; *"sha256sum -c"*) kind=look;; *tvmedge-session*) kind=session;;
  *) kind=other;;
esac
printf '%s %s' $kind "$SSH_ORIGINAL_COMMAND" > {folder}/heard/$(date +%s%N)-$$
if [ -f {folder}/break-$kind ]; then
  after=$(cat {folder}/break-$kind); rm {folder}/break-$kind
  head -c $after | sh -c "$SSH_ORIGINAL_COMMAND" >/dev/null
  kill -9 $PPID; exit 1
fi
exec sh -c "$SSH_ORIGINAL_COMMAND"
"""


@dataclass
class Server:
    """A server, its own folder and the home folder that it gives its users, and its process."""

    folder: Path
    home: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def uploads(self) -> list[Path]:
        place = self.home / ".cache/tvmedge/boards"
        return sorted(place.iterdir()) if place.exists() else []

    @property
    def heard(self) -> list[str]:
        """What it was asked to do, one word each: look, upload, or another program."""
        return [command.partition(" ")[0] for command in self.commands]

    @property
    def commands(self) -> list[str]:
        """The same as it was said, behind the word."""
        return [path.read_text() for path in sorted((self.folder / "heard").iterdir())]

    def break_next(self, kind: str, after: int) -> None:
        """Lose the next connection that asks for this, after so many bytes from the client."""
        (self.folder / f"break-{kind}").write_text(str(after))

    def cut(self) -> None:
        """End the server's processes for connections, as a lost network would."""
        subprocess.run(["pkill", "-KILL", "-P", str(self.process.pid)], check=False)


def make_key(path: Path) -> str:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True)
    return path.with_suffix(".pub").read_text()


def free_port(address: str = "127.0.0.1") -> int:
    with socket.create_server((address, 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def ssh_server(
    folder: Path, address: str = "127.0.0.1", inside: Sequence[str] = ()
) -> Iterator[Server]:
    """A server that lets in one key, started by the words ``inside``, and a client that knows it as
    the host "board"; "changed", "unknown", "stranger", "nobody-there" and "silent" are hosts with
    troubles of their own. The programs that a session finds in PATH are ours meanwhile."""
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
    closed = socket.socket()  # a port that nobody else gets, and nobody listens at
    closed.bind(("127.0.0.1", 0))
    (folder / "sshd.conf").write_text(
        f"ListenAddress {address}\nPort {port}\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n"
        f"PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        f"SetEnv HOME={home} TMPDIR={home}\nForceCommand {programs}/hear\n"
    )
    (folder / "ssh.conf").write_text(
        "".join(
            f"Host {host}\n  HostName {place}\n  Port {at}\n  IdentityFile {folder}/{key}\n"
            f"  UserKnownHostsFile {folder}/{known}\n  HostKeyAlias {host}\n"
            "  IdentitiesOnly yes\n  HostKeyAlgorithms ssh-ed25519\n  ConnectTimeout 3\n"
            for host, place, at, key, known in (
                ("board", address, port, "user", "known"),
                ("changed", address, port, "user", "changed"),
                ("unknown", address, port, "user", "none"),
                ("stranger", address, port, "other", "known"),
                ("nobody-there", "127.0.0.1", closed.getsockname()[1], "user", "known"),
                ("silent", "127.0.0.1", silent.getsockname()[1], "user", "known"),
            )
        )
        + "Host *\n  ConnectTimeout 3\n"
    )
    (folder / "heard").mkdir()
    _write_program(programs / "hear", _HEAR.format(folder=folder))
    wrapper, before = programs / "ssh", os.environ["PATH"]
    _write_program(wrapper, f'exec {shutil.which("ssh")} -F {folder}/ssh.conf "$@"\n')
    Path("/run/sshd").mkdir(exist_ok=True)
    command = [*inside, SSHD, "-D", "-e", "-f", str(folder / "sshd.conf")]
    with silent, closed, subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        os.environ["PATH"] = f"{programs}{os.pathsep}{before}"
        try:
            _wait_for(address, port)
            yield Server(folder, home, port, process)
        finally:
            os.environ["PATH"] = before
            process.terminate()


@contextmanager
def temporary_ssh_server() -> Iterator[Server]:
    """The same in a folder of its own."""
    with tempfile.TemporaryDirectory() as name, ssh_server(Path(name)) as server:
        yield server


def _write_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)


def _wait_for(address: str, port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection((address, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the ssh server does not listen")
