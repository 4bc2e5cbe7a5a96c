"""One job on several boards: all in their order, and one that is lost is one that is lost."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from tvmedge.boards.address import BoardAddress, parse_address
from tvmedge.boards.many import Outcome, names_of, on_boards, parse_addresses
from tvmedge.cli.boards_screen import BoardsScreen
from tvmedge.errors import BoardError, InputError

BOARDS = parse_addresses("local, ssh://one,ssh://two")


def job(board: BoardAddress) -> str:
    if board.host == "one":
        raise BoardError("it is off")
    return str(board)


def test_a_lost_board_does_not_spoil_the_others() -> None:
    heard: list[Outcome[str]] = []
    outcomes = on_boards(BOARDS, job, heard.append)
    assert [one.name for one in outcomes] == ["local", "ssh://one", "ssh://two"]
    assert [one.result for one in outcomes] == ["local", None, "ssh://two"]
    assert str(outcomes[1].error) == "it is off"
    assert {one.name for one in heard} == set(names_of(BOARDS))


def test_boards_are_used_at_once() -> None:
    together = threading.Barrier(len(BOARDS))

    def wait(board: BoardAddress) -> int:
        return together.wait(timeout=60)

    assert sorted(one.result or 0 for one in on_boards(BOARDS, wait)) == [0, 1, 2]


def test_an_error_of_ours_is_not_hidden() -> None:
    def broken(board: BoardAddress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        on_boards(BOARDS, broken)


def test_lists_are_read_strictly() -> None:
    assert parse_addresses("local") == (parse_address("local"),)
    with pytest.raises(InputError, match="names 'local' twice"):
        parse_addresses("local,emulated,local")
    pool = parse_addresses("gateway://host:1/pi,gateway://host:1/pi,local")
    assert names_of(pool) == ("gateway://host:1/pi #1", "gateway://host:1/pi #2", "local")
    with pytest.raises(InputError, match="There is no board ''"):
        parse_addresses("local,")
    with pytest.raises(InputError, match="65 boards, at most 64"):
        parse_addresses(",".join(f"ssh://b{n}" for n in range(65)))


@pytest.mark.parametrize("terminal", [True, False])
def test_the_view_shows_every_board(terminal: bool) -> None:
    said: list[str] = []
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    with BoardsScreen[str](BOARDS, str.upper, said.append, console) as screen:
        on_boards(BOARDS, job, screen)
        shown = Console(file=io.StringIO(), width=100)
        shown.print(screen.table())
    assert isinstance(shown.file, io.StringIO)
    text = shown.file.getvalue()
    assert "3 of 3 boards" in text and "lost: it is off" in text and "LOCAL" in text
    assert len(said) == (0 if terminal else 3)
