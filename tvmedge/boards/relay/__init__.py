"""Stands between TVM's pipe client and the command that reaches a board.

TVM's pipe client starts a command with two pipe ends as its last arguments, then
trusts every byte that comes back and waits for ever. This program is that command.
It starts the board's own command, which ends in a ``tvmedge-session`` on the board
(``device/session/``), waits a bounded time for its first line (passing over what a
login shell prints) and then for the server's in it, carries packets in frames,
bounds every one in both directions, gives and wants signs of life, and leaves one
sentence in a report file when the board fails. Where the session is on this machine
(WAY is "direct", else "framed") the board's program gets TVM's pipe ends themselves, and
what goes by them is nobody's but theirs: then this program watches, and frames carry
signs of life, the program's words and its end.

Its folder is run under ``python -I -S`` with nothing but the standard library, and as
little of that as possible, to start in milliseconds:

    relay/ REPORT_FILE LIMIT_BYTES READY_SECONDS FILES WAY COMMAND... READ_FD WRITE_FD
"""

from __future__ import annotations

import sys
from os.path import dirname

PACKET_LIMIT = 1 << 30
"""Bytes of a packet of TVM's, both ways."""
READY_S = 20.0
"""Seconds that a board has to become ready."""


def relay_command(
    report: str,
    limit: int,
    ready_s: float,
    command: list[str],
    files: str = "",
    *,
    direct: bool = False,
) -> list[str]:
    """What starts a relay to ``command``, but for the client's two descriptors.

    ``report`` is the file for its sentence, ``limit`` the bytes of a packet, ``ready_s`` the
    seconds that the board has to become ready, ``files`` what ``upload.py`` sends before;
    ``direct`` where ``command`` is a session of this machine whose program knows of that.
    """
    start = [sys.executable, "-I", "-S", dirname(__file__)]  # noqa: PTH120 (pathlib loads slowly)
    return [
        *start,
        report,
        str(limit),
        str(ready_s),
        files,
        "direct" if direct else "framed",
        *command,
    ]
