"""One view of a job on several boards: a table on a terminal, a line a board elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Generic, TypeVar

from rich.console import Console
from rich.live import Live
from rich.table import Table

from tvmedge.boards.address import BoardAddress
from tvmedge.boards.many import Outcome, names_of
from tvmedge.cli.output import Output

T = TypeVar("T")


class BoardsScreen(Generic[T]):
    """A context that is told of outcomes; ``told`` puts a result into a few words, ``say`` prints
    a line where there is no terminal."""

    def __init__(
        self,
        boards: Sequence[BoardAddress],
        told: Callable[[T], str],
        say: Callable[[str], None],
        console: Console | None = None,
    ) -> None:
        self._boards = names_of(boards)
        self._told = told
        self._say = say
        self._started = time.monotonic()
        self._words: dict[str, str] = {}
        console = console or Console(stderr=True)
        self._live = Live(console=console, get_renderable=self.table, transient=True)
        self._drawn = console.is_terminal

    def __call__(self, outcome: Outcome[T]) -> None:
        """Take in that a board has ended."""
        words = f"lost: {outcome.error}" if outcome.error else ""
        if outcome.result is not None:
            words = self._told(outcome.result)
        self._words[outcome.name] = words
        if not self._drawn:
            self._say(f"{outcome.name}: {words}")

    def __enter__(self) -> BoardsScreen[T]:
        if self._drawn:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._drawn:
            self._live.stop()

    def table(self) -> Table:
        """All boards and how far they are."""
        seconds = time.monotonic() - self._started
        drawn = Table(title=f"{len(self._words)} of {len(self._boards)} boards, {seconds:.0f} s")
        drawn.add_column("board")
        drawn.add_column("state", overflow="fold")
        for board in self._boards:
            drawn.add_row(board, self._words.get(board, "measuring"))
        return drawn


def say_each(
    output: Output,
    outcomes: Sequence[Outcome[T]],
    tell: Callable[[str, T], tuple[int, dict[str, Any]]],
) -> tuple[int, list[dict[str, Any]]]:
    """The worst exit code and a document a board; ``tell`` says a board's result, and returns its
    code and document."""
    codes: list[int] = []
    documents: list[dict[str, Any]] = []
    for one in outcomes:
        if one.result is None:
            assert one.error is not None
            output.say(f"{one.name} was lost: {one.error}")
            code, document = int(one.error.exit_code), {"board": one.name, "lost": str(one.error)}
        else:
            code, document = tell(one.name, one.result)
        codes.append(code)
        documents.append(document)
    return max(codes), documents
