"""The same job on several boards at once; one that is lost does not spoil the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Generic, TypeVar

from tvmedge.boards.address import BoardAddress, BoardKind, parse_address
from tvmedge.errors import InputError, TvmEdgeError

T = TypeVar("T")
_MOST = 64


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What came of one board: a ``result``, or the ``error`` that ended it; ``name`` tells boards
    of one pool apart."""

    name: str
    result: T | None = None
    error: TvmEdgeError | None = None


def parse_addresses(text: str) -> tuple[BoardAddress, ...]:
    """The boards of a list with commas.

    Raises:
        InputError: no board, one that is none, one given twice that is no pool, or more than 64.
    """
    names = [name.strip() for name in text.split(",")]
    found = tuple(parse_address(name) for name in names)
    twice = {str(board) for board in found if found.count(board) > 1 and not _is_pool(board)}
    if twice:
        raise InputError(f"--board names '{min(twice)}' twice: one board does one thing at a time.")
    if len(found) > _MOST:
        raise InputError(f"--board names {len(found)} boards, at most {_MOST} are used at once.")
    return found


def names_of(boards: Sequence[BoardAddress]) -> tuple[str, ...]:
    """What boards are called; those of one pool have numbers."""
    seen: Counter[BoardAddress] = Counter()
    names = []
    for board in boards:
        seen[board] += 1
        names.append(f"{board} #{seen[board]}" if boards.count(board) > 1 else str(board))
    return tuple(names)


def on_boards(
    boards: Sequence[BoardAddress],
    job: Callable[[BoardAddress], T],
    heard: Callable[[Outcome[T]], object] = lambda outcome: None,
) -> tuple[Outcome[T], ...]:
    """``job`` on all ``boards`` at once, in their order; ``heard`` is told of each as it ends, in
    the caller's thread. What is no error of ours is raised, after the others ended."""

    def one(name: str, board: BoardAddress) -> Outcome[T]:
        try:
            return Outcome(name, job(board))
        except TvmEdgeError as error:
            return Outcome(name, error=error)

    with ThreadPoolExecutor(len(boards)) as pool:
        futures: list[Future[Outcome[T]]] = [
            pool.submit(one, name, board)
            for name, board in zip(names_of(boards), boards, strict=True)
        ]
        for future in as_completed(futures):
            heard(future.result())
        return tuple(future.result() for future in futures)


def _is_pool(board: BoardAddress) -> bool:
    """Whether each session there gets a board of its own."""
    return board.kind is BoardKind.GATEWAY or (board.kind is BoardKind.TVM and bool(board.key))
