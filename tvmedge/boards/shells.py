"""Ways to a shell on a board that let in only whom they know: OpenSSH, Android's adb."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import dataclass
from typing import Protocol

from tvmedge.boards.address import BoardAddress, BoardKind
from tvmedge.errors import ToolError

_SSH_OPTIONS = (
    *("-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10"),
    *("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"),
)
_SSH_FAILED = 255
BROKE = "the connection broke: check the network and the board"
"""The cause where a way was there, and then was not any more."""
_SSH_CAUSES = (
    ("Could not resolve hostname", "its name is not known here: check the name"),
    ("Connection refused", "nothing listens there: start its ssh server or check the port"),
    ("timed out", "it does not answer: check that it is on, and firewalls"),
    ("No route to host", "there is no way there: check the network"),
    ("Network is unreachable", "there is no way there: check the network"),
    (
        "IDENTIFICATION HAS CHANGED",
        "its host key has changed: if that is right, run 'ssh-keygen -R {host}' and connect once",
    ),
    ("Host key verification failed", "its host key is not known: connect once with 'ssh {host}'"),
    ("Permission denied", "it does not let this user in: check the user, the key and the agent"),
    ("closed by remote host", BROKE),
    ("not responding", BROKE),
    ("Broken pipe", BROKE),
    ("Connection reset", BROKE),
    ("Connection closed", BROKE),
)


class Shell(Protocol):
    """A way to a board's shell."""

    def command(self, script: str) -> list[str]:
        """The command that runs a shell script there, on this process's stdin and stdout."""

    def explain(self, code: int, errors: str) -> str | None:
        """Why there was no way to the board, None where there was: what the command printed
        on stderr, and how it ended, completing 'the board cannot be reached: '."""


@dataclass(frozen=True)
class Ssh:
    """OpenSSH with the user's own configuration, keys, agent and known hosts; it never asks."""

    address: BoardAddress

    def command(self, script: str) -> list[str]:
        """See ``Shell``."""
        address = self.address
        port = ["-p", str(address.port)] if address.port else []
        place = f"{address.user}@{address.host}" if address.user else address.host
        words = f"exec sh -c {shlex.quote(script)}"
        return [_program("ssh", "openssh-client"), *_SSH_OPTIONS, *port, "--", place, words]

    def explain(self, code: int, errors: str) -> str | None:
        """See ``Shell``."""
        if code != _SSH_FAILED:
            return None
        for sign, cause in _SSH_CAUSES:
            if sign in errors:
                return cause.format(host=self.address.host)
        lines = [line for line in errors.splitlines() if line.strip()]
        return lines[-1].strip()[:200] if lines else "ssh ended without a word"


@dataclass(frozen=True)
class Adb:
    """Android's debug bridge."""

    address: BoardAddress

    def command(self, script: str) -> list[str]:
        """See ``Shell``."""
        program = _program("adb", "adb")
        # Its own is the root folder, which nobody may write to.
        words = f"HOME=/data/local/tmp exec sh -c {shlex.quote(script)}"
        return [program, "-s", self.address.host, "shell", "-T", words]

    def explain(self, code: int, errors: str) -> str | None:
        """See ``Shell``."""
        for line in errors.splitlines():
            if line.startswith(("adb:", "error:")):
                return line.partition(":")[2].strip()[:200]
        return None


def shell(address: BoardAddress) -> Shell:
    """The way to a board that is reached by a shell."""
    return Adb(address) if address.kind is BoardKind.ADB else Ssh(address)


def _program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise ToolError(f"{name} is not installed: run 'apt-get install {package}'.")
    return found
