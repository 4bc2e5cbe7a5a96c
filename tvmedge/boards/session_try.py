"""A session that is started to see whether one starts."""

from __future__ import annotations

import subprocess

from tvmedge.boards.relay.endings import session_ending
from tvmedge.boards.relay.frames import (
    DATA,
    END,
    GO,
    OVER,
    PREAMBLE,
    ROOM,
    SESSION,
    FrameReader,
    PreambleScanner,
    RelayError,
    framed,
)
from tvmedge.errors import BoardError

_SESSION_S = 30.0
_CONFINED = {"processes", "network", "files", "user", "memory"}


def confinement(command: list[str], *, serves: bool = True) -> set[str]:
    """Start a session that keeps files by its command, and end it; what confines its program,
    which is a server of ours where it ``serves``.

    Raises:
        BoardError: none starts, its server does not, or it does not end.
    """
    try:
        done = subprocess.run(
            command,
            input=framed(GO) + framed(END),
            capture_output=True,
            timeout=_SESSION_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BoardError(
            f"A session on the board did not end within {_SESSION_S:.0f} s: check the board."
        ) from error
    try:
        frames = PreambleScanner(SESSION).feed(done.stdout)
        told: dict[bytes, bytes] = {}
        for kind, body in FrameReader().feed(frames or b""):
            told[kind] = told.get(kind, b"") + body
    except RelayError as error:
        raise BoardError(f"The board {error}.") from error
    room = told.get(ROOM)
    if room is None:
        last = (done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no word"])[-1]
        raise BoardError(f"No session starts on the board: {last[:200]}.")
    if serves and not told.get(DATA, b"").startswith(PREAMBLE):
        ending = session_ending(told.get(OVER, b"").decode("utf-8", "replace"))
        raise BoardError(f"A session starts on the board, but its server does not: it {ending}.")
    return set(room.decode("ascii", "replace").split()) & _CONFINED


def described(confined: set[str]) -> str:
    """What confines a session's program, and what does not, for a reader."""
    detail = f"a session starts, confined: {', '.join(sorted(confined)) or 'nothing'}"
    if left := sorted(_CONFINED - confined):
        detail += (
            f"; not: {', '.join(left)} (the board's kernel does not, or the session keeps folders)"
        )
    return detail
