"""The relay between TVM's pipe client and a session on a board, which runs a shell here."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tvmedge.boards.relay import relay_command
from tvmedge.boards.relay.serve import main
from tvmedge.device.build_session import build_session

LIMIT = 1000


def packed(bodies: list[bytes]) -> bytes:
    return b"".join(len(body).to_bytes(8, "little") + body for body in bodies)


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
def relaying(
    tmp_path: Path, script: str, ready_s: float = 10, *, direct: bool = False
) -> Iterator[Relay]:
    """A relay to a session whose program is a shell script."""
    report = tmp_path / "report"
    from_client, writing = os.pipe()
    reading, to_client = os.pipe()
    session = [str(build_session()), "--", "sh", "-c", script]
    command = relay_command(str(report), LIMIT, ready_s, session, direct=direct)
    ends = (from_client, to_client)
    process = subprocess.Popen(
        [*command, *map(str, ends)],
        pass_fds=ends,
        stderr=subprocess.PIPE,
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
        stream = packed([bytes(range(256)), b"", b"x" * LIMIT])
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


def test_a_command_that_starts_no_session_is_given_up(tmp_path: Path) -> None:
    report, ends = tmp_path / "report", map(str, os.pipe())
    script = ["sh", "-c", "echo tvmedge-session 0; sleep 60"]
    assert main([str(report), "1", "10", "", "framed", *script, *ends]) == 1
    assert "speaks protocol 0, not 1" in report.read_text()


def test_a_board_that_ends_early_says_its_last_words(tmp_path: Path) -> None:
    with relaying(tmp_path, "echo no such device >&2; exit 7") as running:
        assert running.report() == ["ended (exit code 7) before it was ready", "no such device"]


def test_a_missing_command_is_named(tmp_path: Path) -> None:
    report = tmp_path / "report"
    main([str(report), "1", "1", "", "framed", "/no/such/program", *map(str, os.pipe())])
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
        os.write(running.writing, packed([b"go\n"]))
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
        os.write(running.writing, packed([b"hello"]))
        assert running.read(13) == packed([b"hello"])


def test_the_host_can_end_a_hung_board(tmp_path: Path) -> None:
    with relaying(tmp_path, "echo tvmedge-server 1; exec sleep 60") as running:
        os.write(running.writing, packed([b"hello"]))
        time.sleep(0.5)
        running.process.terminate()
        assert running.report() == ["ended: its host wanted it"]


DIRECT = "echo tvmedge-server 1; in=${TVMEDGE_DIRECT%,*}; out=${TVMEDGE_DIRECT#*,}; "


def test_a_program_here_has_the_pipes_of_the_client_itself(tmp_path: Path) -> None:
    script = DIRECT + 'exec cat "/proc/self/fd/$in" > "/proc/self/fd/$out"'
    with relaying(tmp_path, script, direct=True) as running:
        for size in (3, 64 << 10):  # no packets: nobody looks at what goes by
            sent = os.urandom(size)
            os.write(running.writing, sent)
            assert running.read(size) == sent
        os.close(running.writing)
        running.writing = -1
        assert running.report() == []


def test_how_a_program_ended_is_told_where_it_has_the_pipes(tmp_path: Path) -> None:
    script = DIRECT + 'head -c 1 "/proc/self/fd/$in" > /dev/null; echo so sad >&2; kill -SEGV $$'
    with relaying(tmp_path, script, direct=True) as running:
        os.write(running.writing, b"x")
        assert running.read(1) == b""
        assert running.report() == ["crashed (signal SIGSEGV)", "so sad"]


def test_a_program_that_hangs_ends_after_its_client_where_it_has_the_pipes(tmp_path: Path) -> None:
    with relaying(tmp_path, DIRECT + "sleep 1000", direct=True) as running:
        os.close(running.writing)
        running.writing = -1
        assert running.report() == []


def test_packets_in_frames_are_refused_where_there_are_none(tmp_path: Path) -> None:
    script = DIRECT + "echo more; sleep 1000"
    with relaying(tmp_path, script, direct=True) as running:
        assert running.report()[0] == "sent packets by the way for other frames"
