"""What a board does first: a session, the files it is to have, a server."""

from __future__ import annotations

import os
import select
import time

from .board import Board
from .frames import SESSION, PreambleScanner, RelayError
from .upload import send_files


def wait_ready(board: Board, seconds: float, files: str) -> bytes:
    """Wait for the preambles of session and server, and send ``files`` in between where the
    session keeps such; returns the bytes that came after them.

    Raises:
        RelayError: the deadline passed, the board ended, or it is no server of ours.
    """
    session, server, poller = PreambleScanner(SESSION), PreambleScanner(), select.poll()
    poller.register(board.stdout, select.POLLIN)
    deadline = time.monotonic() + seconds
    confined = False
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not poller.poll(left * 1000):
            raise RelayError(f"was not ready within {seconds:g} s")
        chunk = os.read(board.stdout, 4096)
        if not chunk:
            raise RelayError(f"{board.wait()} before it was ready")
        if not confined:
            framed_part = session.feed(chunk)
            if framed_part is None:
                continue
            confined, chunk = True, framed_part
        rest = server.feed(board.unpack(chunk))
        if board.told_of_files:
            send_files(board, files)
            deadline = time.monotonic() + seconds
        if rest is not None:
            return rest
