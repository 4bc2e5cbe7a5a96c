"""The relay between TVM's pipe client and a board's command: framing, preamble, endings."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tvmedge.boards import relay
from tvmedge.boards.relay import FrameGuard, PreambleScanner, RelayError

LIMIT = 1000
READY = b"tvmedge-server 1\n"

packets = st.lists(st.binary(max_size=LIMIT), max_size=8)
cuts = st.lists(st.integers(min_value=1, max_value=60), min_size=1, max_size=50)


def framed(bodies: list[bytes]) -> bytes:
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
    for piece in pieces(framed(bodies), sizes):
        guard.feed(piece)
    # The guard stands at a packet's start: it takes the next header as one.
    with pytest.raises(RelayError):
        guard.feed((LIMIT + 1).to_bytes(8, "little"))


@given(packets, st.integers(LIMIT + 1, 2**64 - 1), cuts)
def test_a_packet_over_the_limit_is_refused_at_its_header(
    bodies: list[bytes], size: int, sizes: list[int]
) -> None:
    guard, stream = FrameGuard(LIMIT), framed(bodies) + size.to_bytes(8, "little")
    with pytest.raises(RelayError, match=str(size)):
        for piece in pieces(stream, sizes):
            guard.feed(piece)


banners = st.binary(max_size=2000).filter(lambda text: relay.PREAMBLE not in text)


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


@dataclass
class Relay:
    """A running relay and the client's two pipe ends."""

    process: subprocess.Popen[bytes]
    writing: int
    reading: int
    report_file: Path

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size and select.select([self.reading], [], [], 10)[0]:
            piece = os.read(self.reading, size - len(data))
            if not piece:
                break
            data += piece
        return data

    def report(self) -> list[str]:
        """Wait for the relay's end; the lines it left, none when it left no report."""
        self.process.wait(10)
        return self.report_file.read_text().splitlines() if self.report_file.exists() else []


@contextmanager
def relaying(tmp_path: Path, script: str, ready_s: float = 10) -> Iterator[Relay]:
    """A relay whose board is a shell script."""
    report = tmp_path / "report"
    from_client, writing = os.pipe()
    reading, to_client = os.pipe()
    command = [sys.executable, "-I", "-S", relay.__file__, str(report), str(LIMIT), str(ready_s)]
    ends = (from_client, to_client)
    process = subprocess.Popen(
        [*command, "sh", "-c", script, *map(str, ends)], pass_fds=ends, stderr=subprocess.PIPE
    )
    for end in ends:
        os.close(end)
    running = Relay(process, writing, reading, report)
    try:
        yield running
    finally:
        process.kill()
        _, errors = process.communicate()
        for end in (running.writing, running.reading):
            if end >= 0:
                os.close(end)
        assert errors == b""


def test_bytes_pass_both_ways_unchanged(tmp_path: Path) -> None:
    with relaying(tmp_path, "echo welcome; echo tvmedge-server 1; exec cat") as running:
        stream = framed([bytes(range(256)), b"", b"x" * LIMIT])
        os.write(running.writing, stream)
        assert running.read(len(stream)) == stream


def test_a_client_that_leaves_is_no_failure(tmp_path: Path) -> None:
    with relaying(tmp_path, "echo tvmedge-server 1; exec cat") as running:
        os.close(running.writing)
        running.writing = -1
        assert running.report() == []
        assert running.process.returncode == 0


def test_a_silent_board_is_given_up(tmp_path: Path) -> None:
    with relaying(tmp_path, "echo welcome; exec sleep 60", ready_s=0.3) as running:
        assert running.report() == ["was not ready within 0.3 s"]


def test_a_board_that_ends_early_says_its_last_words(tmp_path: Path) -> None:
    with relaying(tmp_path, "echo no such device >&2; exit 7") as running:
        assert running.report() == ["ended (exit code 7) before it was ready", "no such device"]


def test_a_missing_command_is_named(tmp_path: Path) -> None:
    report = tmp_path / "report"
    relay.main([str(report), "1", "1", "/no/such/program", *map(str, os.pipe())])
    assert "cannot be reached: /no/such/program" in report.read_text()


@pytest.mark.parametrize(
    ("ending", "sentence"),
    [
        ("kill -SEGV $$", "crashed (signal SIGSEGV)"),
        ("exit 139", "crashed (signal SIGSEGV)"),
        ("kill -KILL $$", "was ended (signal SIGKILL)"),
        ("exit 4", "ended (exit code 4)"),
    ],
)
def test_a_board_that_dies_later_is_reported(tmp_path: Path, ending: str, sentence: str) -> None:
    with relaying(tmp_path, f"echo tvmedge-server 1; read line; {ending}") as running:
        os.write(running.writing, framed([b"go\n"]))
        assert running.report() == [sentence]
        assert running.read(1) == b"", "the client sees the end of the stream"


def test_a_huge_packet_from_the_board_is_refused(tmp_path: Path) -> None:
    script = "echo tvmedge-server 1; printf '\\377\\377\\377\\377\\0\\0\\0\\0'; exec sleep 60"
    with relaying(tmp_path, script) as running:
        assert running.report() == [f"sent a packet of {2**32 - 1} bytes; the limit is {LIMIT}"]


def test_a_huge_packet_to_the_board_is_refused(tmp_path: Path) -> None:
    with relaying(tmp_path, "echo tvmedge-server 1; exec cat >/dev/null") as running:
        os.write(running.writing, (2**40).to_bytes(8, "little"))
        assert running.report()[0].startswith("was not used: the host sent a packet of")


def test_a_talkative_board_does_not_block(tmp_path: Path) -> None:
    script = "echo tvmedge-server 1; yes 'a log line' | head -c 1000000 >&2; exec cat"
    with relaying(tmp_path, script) as running:
        os.write(running.writing, framed([b"hello"]))
        assert running.read(13) == framed([b"hello"])


def test_the_host_can_end_a_hung_board(tmp_path: Path) -> None:
    with relaying(tmp_path, "echo tvmedge-server 1; exec sleep 60") as running:
        os.write(running.writing, framed([b"hello"]))
        time.sleep(0.5)
        running.process.terminate()
        assert running.report() == ["was ended (signal SIGTERM)"]
