"""Carries bytes between TVM's pipe client and a board until one of them ends."""

from __future__ import annotations

import os
import select
import signal
import threading
import time

from .board import Board, roomy, write_all
from .frames import ALIVE, DATA, END, FrameGuard, RelayError
from .memory import memory_file
from .ready import wait_ready

_CHUNK = 1 << 18
_GRACE_S = 3.0
_ALIVE_S = 5.0
_SILENCE_S = 30.0


class Client:
    """Client to board: forwards until the client closes, then sees to the board's end."""

    def __init__(self, source: int, limit: int, *, direct: bool) -> None:
        self._source = source
        self._direct = direct
        self._guard = FrameGuard(limit)
        self.closed = False
        self.refused: RelayError | None = None

    def forward(self, board: Board) -> None:
        """Runs in a thread of its own; the outcome is in ``closed`` and ``refused``."""
        try:
            if self._direct:
                _closed(self._source, None)
            while not self._direct and (chunk := os.read(self._source, _CHUNK)):
                self._guard.feed(chunk)
                board.send(DATA, chunk)
            self.closed = True
            board.send(END)
        except RelayError as error:
            self.refused = RelayError(f"was not used: the host {error}")
        except BrokenPipeError:
            return  # the board has ended: the other direction tells how
        time.sleep(_GRACE_S)
        board.kill(signal.SIGTERM)
        time.sleep(_GRACE_S)
        board.kill(signal.SIGKILL)


def _closed(source: int, wait_ms: int | None) -> bool:
    """Whether nobody writes any more to a pipe that somebody else reads; None waits until so."""
    poller = select.poll()
    poller.register(source, 0)
    return bool(poller.poll(wait_ms))


def serve(
    board: Board, ends: tuple[int, int], limit: int, chunk: bytes, *, direct: bool = False
) -> None:
    """Carry bytes between the client's pipe ends and the board until one side closes; ``chunk``
    has come from the board. Where the board's program has these ends itself (``direct``) this
    waits for the one or the other to close.

    Raises:
        RelayError: the board failed while the client still needed it.
    """
    source, sink = ends
    guard, client = FrameGuard(limit), Client(source, limit, direct=direct)
    threading.Thread(target=client.forward, args=(board,), daemon=True).start()
    threading.Thread(target=_stay_alive, args=(board,), daemon=True).start()
    received: bytes | None = chunk
    while received is not None:
        if direct and received:
            raise RelayError("sent packets by the way for other frames")
        guard.feed(received)
        write_all(sink, received)
        received = board.receive(_SILENCE_S)
    ending = board.wait()
    # The program may see its client go before this does.
    if not (client.closed or (direct and _closed(source, 0))):
        raise client.refused or RelayError(ending)


def _stay_alive(board: Board) -> None:
    """Let the board know that somebody is there, as long as it is."""
    try:
        while True:
            time.sleep(_ALIVE_S)
            board.send(ALIVE)
    except OSError:
        return


def main(arguments: list[str]) -> int:
    """Relay between the client's two pipe ends and the board; see the module."""
    report, limit, ready_s, files, way, *command, source, sink = arguments
    ends = int(source), int(sink)
    direct = way == "direct"
    roomy(*ends)
    for end in ends:
        os.set_inheritable(end, direct)
    board = None
    try:
        board = started = Board(command, memory_file(report), ends if direct else None)
        # The host ends a hung call by this signal: the board goes, and so do we.
        signal.signal(signal.SIGTERM, lambda *_: started.stop())
        serve(board, ends, int(limit), wait_ready(board, float(ready_s), files), direct=direct)
    except BrokenPipeError:
        return 0  # the client is gone, there is nobody to tell
    except RelayError as error:
        last = ""
        if board is not None:
            if board.pid:
                board.kill()
                board.wait()
            last = board.last_lines()
        with open(report, "w", encoding="utf-8") as file:  # noqa: PTH123 (pathlib loads slowly)
            file.write(f"{error}\n{last}")
        return 1
    return 0
