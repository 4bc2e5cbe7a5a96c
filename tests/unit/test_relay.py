"""The relay's parts: packets, frames, first lines, endings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvmedge.boards.relay.endings import session_ending
from tvmedge.boards.relay.frames import (
    PREAMBLE,
    FrameGuard,
    FrameReader,
    PreambleScanner,
    RelayError,
    framed,
)
from tvmedge.boards.relay.memory import MemoryLog, memory_file

LIMIT = 1000
READY = b"tvmedge-server 1\n"

packets = st.lists(st.binary(max_size=LIMIT), max_size=8)
cuts = st.lists(st.integers(min_value=1, max_value=60), min_size=1, max_size=50)


def packed(bodies: list[bytes]) -> bytes:
    return b"".join(len(body).to_bytes(8, "little") + body for body in bodies)


def pieces(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    """``data`` cut into pieces of these sizes, again and again."""
    position = 0
    while position < len(data):
        for size in sizes:
            yield data[position : position + size]
            position += size


@given(packets, cuts)
def test_packets_within_the_limit_pass_however_they_are_cut(
    bodies: list[bytes], sizes: list[int]
) -> None:
    guard = FrameGuard(LIMIT)
    for piece in pieces(packed(bodies), sizes):
        guard.feed(piece)
    # The guard stands at a packet's start: it takes the next header as one.
    with pytest.raises(RelayError):
        guard.feed((LIMIT + 1).to_bytes(8, "little"))


@given(packets, st.integers(LIMIT + 1, 2**64 - 1), cuts)
def test_a_packet_over_the_limit_is_refused_at_its_header(
    bodies: list[bytes], size: int, sizes: list[int]
) -> None:
    guard, stream = FrameGuard(LIMIT), packed(bodies) + size.to_bytes(8, "little")
    with pytest.raises(RelayError, match=str(size)):
        for piece in pieces(stream, sizes):
            guard.feed(piece)


banners = st.binary(max_size=2000).filter(lambda text: PREAMBLE not in text)


@given(banners, st.binary(max_size=100), cuts)
def test_the_preamble_is_found_behind_any_banner(
    banner: bytes, rest: bytes, sizes: list[int]
) -> None:
    banner = banner + b"\n" if banner else b""
    scanner, found = PreambleScanner(), None
    for piece in pieces(banner + READY + rest, sizes):
        if found is None:
            found = scanner.feed(piece)
        else:
            found += piece
    assert found == rest


@given(banners, cuts)
def test_no_preamble_is_found_in_other_text(banner: bytes, sizes: list[int]) -> None:
    scanner = PreambleScanner()
    assert all(scanner.feed(piece) is None for piece in pieces(banner, sizes))


def test_a_preamble_inside_a_line_is_a_banner() -> None:
    assert PreambleScanner().feed(b"$ " + READY) is None


def test_endless_other_text_is_refused() -> None:
    scanner = PreambleScanner()
    with pytest.raises(RelayError, match="64 KiB"):
        for _ in range(100):
            scanner.feed(b"x" * 1000)


@pytest.mark.parametrize("line", [b"tvmedge-server 2\n", b"tvmedge-server \n"])
def test_another_protocol_is_refused(line: bytes) -> None:
    with pytest.raises(RelayError, match="pack the board folder again"):
        PreambleScanner().feed(line)


def test_an_endless_first_line_is_refused() -> None:
    with pytest.raises(RelayError, match="first line"):
        PreambleScanner().feed(b"tvmedge-server " + b"1" * 100)


frames = st.lists(
    st.tuples(st.sampled_from([b"D", b"H", b"T", b"S", b"X", b"M"]), st.binary(max_size=200)),
    max_size=8,
)


@given(frames, cuts)
def test_frames_come_out_however_they_are_cut(
    sent: list[tuple[bytes, bytes]], sizes: list[int]
) -> None:
    reader, data = FrameReader(), b""
    others = []
    for piece in pieces(b"".join(framed(kind, body) for kind, body in sent), sizes):
        for kind, body in reader.feed(piece):
            if kind == b"D":
                data += body
            else:
                others.append((kind, body))
    assert data == b"".join(body for kind, body in sent if kind == b"D")
    assert others == [(kind, body) for kind, body in sent if kind != b"D"]


@pytest.mark.parametrize(
    "head",
    [b"Q" + bytes(7), b"D\1" + bytes(6), b"D\0\0\0\1\0\4\0", b"H\0\0\0\0\0\0\x80"],
    ids=["kind", "zeros", "too long", "far too long"],
)
def test_what_is_no_frame_is_refused(head: bytes) -> None:
    with pytest.raises(RelayError, match="no frame"):
        list(FrameReader().feed(head))


@pytest.mark.parametrize(
    ("last", "sentence"),
    [
        ("exit 3\npeak_kib 5", "ended (exit code 3)"),
        ("exit 139", "crashed (signal SIGSEGV)"),
        ("signal 11", "crashed (signal SIGSEGV)"),
        (
            "limit memory 50 MiB\ncpu_ms 3",
            "was ended (more memory than the 50 MiB that a session may use)",
        ),
        ("ended: the host was silent", "ended: the host was silent"),
        ("", "ended without a word"),
    ],
)
def test_the_last_frame_becomes_a_sentence(last: str, sentence: str) -> None:
    assert session_ending(last) == sentence


def test_memory_is_kept_for_an_hour(tmp_path: Path) -> None:
    log = MemoryLog(memory_file(str(tmp_path / "report")))
    log.add(b"100 2048")
    log.add(b"200 4096")
    kept = tmp_path / "report.memory"
    assert kept.read_bytes() == b"100 2048\n200 4096\n"
    for time in range(36_010):
        log.add(b"%d 1" % time)
    assert kept.read_bytes().count(b"\n") == 36_000


@pytest.mark.parametrize(
    "body", [b"", b"100", b"1 2 3", b"-1 5", b"1 x", b"1  2", b"\xb2 1", b"1 " + b"9" * 50]
)
def test_what_is_no_memory_is_refused(body: bytes, tmp_path: Path) -> None:
    with pytest.raises(RelayError, match="no frame of a session"):
        MemoryLog(str(tmp_path / "m")).add(body)
    assert not (tmp_path / "m").exists()
