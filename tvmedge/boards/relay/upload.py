"""Sends files to a session that keeps them by their hashes, as far as it lacks them."""

from __future__ import annotations

from .board import Board
from .frames import FILE, GO, PIECE, PIECE_LIMIT, RelayError

_TRIES = 2
_LOOK_S = 30.0
_HASHED_BYTES_A_SECOND = 20e6


def send_files(board: Board, listed: str) -> None:
    """Let the board's program start with the files that ``listed`` names: the path of one that
    holds them all, then for each a line of its sha256, where it begins, and its bytes.

    Raises:
        RelayError: the board ended, fell silent, or does not keep them.
    """
    path, *lines = listed.split("\n")
    try:
        for line in lines:
            digest, start, size = line.split()
            _send_file(board, path, bytes.fromhex(digest), int(start), int(size))
        board.told_of_files.clear()
        board.send(GO)
    except BrokenPipeError:
        while board.receive(_LOOK_S) is not None:
            continue
        raise RelayError(board.wait()) from None


def _send_file(board: Board, path: str, digest: bytes, start: int, size: int) -> None:
    board.told_of_files.clear()
    board.send(FILE, digest + size.to_bytes(8, "little"))
    for _ in range(_TRIES):
        have = _wait(board, digest, size)
        if have == size:
            return
        _send_pieces(board, path, start + have, size - have)
    if _wait(board, digest, size) != size:
        raise RelayError(f"was not used: '{path}' changed while it was sent")


def _send_pieces(board: Board, path: str, at: int, left: int) -> None:
    import hashlib  # loads slowly, and mostly all is there

    with open(path, "rb") as file:  # noqa: PTH123 (pathlib loads slowly)
        file.seek(at)
        while left:
            piece = file.read(min(left, PIECE_LIMIT))
            if not piece:
                raise RelayError(f"was not used: '{path}' was cut short while it was sent")
            board.send(PIECE, hashlib.sha256(piece).digest() + piece)
            left -= len(piece)


def _wait(board: Board, digest: bytes, size: int) -> int:
    """How many bytes of the file are there; a board hashes them before it answers."""
    while not board.told_of_files:
        if board.receive(_LOOK_S + size / _HASHED_BYTES_A_SECOND) is None:
            raise RelayError(board.wait())
    answer = board.told_of_files.pop(0)
    have = int.from_bytes(answer[32:], "little")
    if len(answer) != 40 or answer[:32] != digest or have > size:
        raise RelayError("sent an answer about files that makes no sense")
    return have
