"""Boards that serve candidates, as many at a time as there are boards."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from tvmedge.boards.kernel_board import KernelFailedError, KernelRefusedError
from tvmedge.errors import BoardError, TvmEdgeError
from tvmedge.tuning.costs.source import CandidateError

log = logging.getLogger(__name__)


class Closable(Protocol):
    """What a pool holds."""

    def close(self) -> None:
        """End it; may be called more than once."""


B = TypeVar("B", bound=Closable)
T = TypeVar("T")


class BoardPool(Generic[B]):
    """Boards by name; each is started when it is first needed, and again when it ended.

    One that does not start (any more) leaves the pool with a warning: the others go on.
    """

    def __init__(self, starts: Mapping[str, Callable[[], B]]) -> None:
        self._starts = dict(starts)
        self._idle: list[str] = list(starts)
        self._running: dict[str, B] = {}
        self._changed = threading.Condition()
        self._reason = ""

    @property
    def size(self) -> int:
        """Boards that are not lost."""
        return len(self._starts)

    def run(self, job: Callable[[B], T]) -> T:
        """``job`` on the next board that is idle.

        A job whose board goes away is tried once more; two boards lost are one too many.

        Raises:
            CandidateError: the kernel crashed or hung, or is refused.
            BoardError: no board is left.
        """
        ends: list[str] = []
        while len(ends) < 2:
            name = self._take()
            try:
                board = self._board(name)
                if board is not None:
                    return job(board)
            except KernelRefusedError as error:
                raise CandidateError(f"is refused by board {name}: {error}") from error
            except KernelFailedError as error:
                self._ended(name)
                if self._board(name) is not None:
                    raise CandidateError(str(error)) from error
                ends.append(str(error))
            except BoardError as error:
                self._ended(name)
                self._board(name)
                ends.append(str(error))
            finally:
                self._give_back(name)
        raise CandidateError(f"ends the board: {ends[-1]}")

    def close(self) -> None:
        """End all boards."""
        with self._changed:
            boards, self._running, self._starts = list(self._running.values()), {}, {}
            self._reason = self._reason or "They were closed."
            self._changed.notify_all()
        for board in boards:
            board.close()

    def _take(self) -> str:
        with self._changed:
            self._changed.wait_for(lambda: self._idle or not self._starts)
            if not self._starts:
                raise BoardError(f"No board is left to measure on. {self._reason}")
            return self._idle.pop(0)

    def _give_back(self, name: str) -> None:
        with self._changed:
            if name in self._starts:
                self._idle.append(name)
            self._changed.notify()

    def _board(self, name: str) -> B | None:
        """The board, running; None where it is lost."""
        if name not in self._running:
            try:
                self._running[name] = self._starts[name]()
            except TvmEdgeError as error:
                with self._changed:
                    del self._starts[name]
                    self._reason = str(error)
                    self._changed.notify_all()
                log.warning("Board %s is lost, %d left: %s", name, self.size, error)
                return None
        return self._running[name]

    def _ended(self, name: str) -> None:
        if board := self._running.pop(name, None):
            board.close()
