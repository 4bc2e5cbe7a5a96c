"""What a program in a session on a board can do, and what is left of it: nothing."""

from __future__ import annotations

import contextlib
import os
import platform
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.devices.malformed import bad_early_frame, bad_frame
from tests.devices.parts import alive, zombies
from tvmedge.boards.relay.endings import session_ending
from tvmedge.boards.relay.frames import FrameReader, framed
from tvmedge.device.build_session import build_session
from tvmedge.device.zig import zig_cc

PREAMBLE = b"tvmedge-session 1\n"
USERS = [pytest.param(None, id="root"), pytest.param(65534, id="nobody")]


@dataclass(frozen=True)
class Ended:
    """What a session told."""

    code: int
    room: str
    data: bytes
    text: str
    over: str

    @property
    def ending(self) -> str:
        return session_ending(self.over)


@contextmanager
def session(
    script: str, *limits: str, folder: Path, user: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A session whose program is a shell."""
    program = next(folder.parent.glob("tvmedge-session*"))
    command = [str(program), *limits, "--", "sh", "-c", script]
    environment = {"TMPDIR": str(folder), "PATH": "/usr/bin:/bin", "AWS_SECRET": "hidden"}
    folder.chmod(0o777)
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        user=user,
        group=user,
        bufsize=0,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def finish(process: subprocess.Popen[bytes], *frames: bytes) -> Ended:
    """Send frames and read all that the session tells until it has ended."""
    assert process.stdin is not None and process.stdout is not None
    with contextlib.suppress(BrokenPipeError):  # some end at once
        for frame in frames:
            process.stdin.write(frame)
    told = process.stdout.read()
    assert told.startswith(PREAMBLE)
    found: dict[bytes, bytes] = {}
    for kind, body in FrameReader().feed(told.removeprefix(PREAMBLE)):
        found[kind] = found.get(kind, b"") + body
    texts = [found.get(kind, b"").decode() for kind in (b"S", b"T", b"X")]
    return Ended(process.wait(), texts[0], found.get(b"D", b""), texts[1], texts[2])


def ran(script: str, *limits: str, folder: Path, user: int | None = None) -> Ended:
    with session(script, *limits, folder=folder, user=user) as process:
        return finish(process, framed(b"E"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where rooms are made; nothing is left there, and no process that knows it."""
    with tempfile.TemporaryDirectory() as base:  # not pytest's, which other users do not reach
        Path(base).chmod(0o755)
        shutil.copy(build_session(), base)
        place = Path(base) / "rooms"
        place.mkdir()
        yield place
        deadline = time.monotonic() + 10
        while alive(str(place)) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert alive(str(place)) == []
        assert list(place.iterdir()) == []


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="starts sessions as another user")


@needs_root
@pytest.mark.parametrize("user", USERS)
def test_a_program_sees_its_own_and_nothing_else(folder: Path, user: int | None) -> None:
    script = (
        "cat; ls -d /*; ls /tmp; echo $HOME $TMPDIR $AWS_SECRET; ls /proc | grep -c '^[0-9]';"
        "grep -c : /proc/net/dev; touch /usr/x; touch /tmp/mine; umask; id -u"
    )
    with session(script, folder=folder, user=user) as process:
        ended = finish(process, framed(b"D", b"hello\n"), framed(b"H"), framed(b"E"))
    lines = ended.data.decode().split()
    assert ended.code == 0
    assert ended.room.split() == ["processes", "network", "files", "user", "memory"]
    shown = {line for line in lines if line.startswith("/")}
    assert shown <= {
        *("/bin", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/sbin"),
        *("/sys", "/tmp", "/usr"),
    }
    assert lines[0] == "hello"
    assert "hidden" not in lines
    assert int(lines[-4]) <= 5, "its keeper, shell and commands"
    assert int(lines[-3]) == 1, "the loopback alone"
    assert int(lines[-1]) != 0
    assert "Read-only file system" in ended.text


@pytest.mark.parametrize(
    ("script", "limits", "ending"),
    [
        ("kill -SEGV $$", [], "crashed (signal SIGSEGV)"),
        ("exit 3", [], "ended (exit code 3)"),
        ("sleep 60", ["--wall-seconds", "1"], "more wall than the 1 s"),
        ("while :; do :; done", ["--cpu-seconds", "1"], "more cpu than the 1 s"),
        ("tail /dev/zero", ["--memory-mb", "50"], "more memory than the 50 MiB"),
        (
            "cat /dev/zero > /tmp/full; sleep 60",
            ["--disk-mb", "4", "--wall-seconds", "20"],
            "more disk than the 4 MiB",
        ),
        (
            "exec perl -e 'fork while 1'",
            ["--processes", "50"],
            "more processes than the 50",
        ),
        ("setsid sleep 100 & exit 0", [], "ended (exit code 0)"),
        ("exec /no/such/program", [], "ended (exit code 127)"),
    ],
    ids=["crash", "fail", "hang", "loop", "allocate", "fill", "fork", "leave", "missing"],
)
def test_the_end_has_a_name_and_leaves_nothing(
    folder: Path, script: str, limits: list[str], ending: str
) -> None:
    if "disk" in ending:
        script = script.replace("; sleep 60", " || exit 1")
    assert ending in ran(script, *limits, folder=folder).ending


@pytest.fixture(scope="module")
def hoarder() -> Iterator[Path]:
    """hoarder.c as a program that all users reach."""
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o755)
        program = Path(base) / "hoarder"
        source = str(Path(__file__).with_name("hoarder.c"))
        options = [f"--target={platform.machine()}-linux-musl", "-static", "-D_GNU_SOURCE"]
        zig_cc([*options, source, "-o", str(program)], "a test program")
        program.chmod(0o755)
        yield program


@needs_root
@pytest.mark.parametrize(
    ("how", "user"),
    [
        *((how, user) for how in ("own", "shared", "shed", "forked") for user in (None, 65534)),
        ("kept", None),  # only root sees the pages that a process has let go of in part
    ],
)
def test_no_memory_is_beyond_the_limit(
    folder: Path, hoarder: Path, how: str, user: int | None
) -> None:
    """Pages count whether they are one's own, shared, let go of, or a child's."""
    limits = ("--memory-mb", "60", "--wall-seconds", "20", "--show", str(hoarder))
    ended = ran(f"{hoarder} {how} 200", *limits, folder=folder, user=user)
    assert "more memory than the 60 MiB" in ended.ending, ended


@needs_root
@pytest.mark.parametrize("user", USERS)
def test_shared_memory_within_the_limit_is_counted_once(
    folder: Path, hoarder: Path, user: int | None
) -> None:
    limits = ("--memory-mb", "60", "--show", str(hoarder))
    ended = ran(f"{hoarder} forked 40; echo well", *limits, folder=folder, user=user)
    assert (ended.code, ended.data) == (0, b"well\n")


def test_memory_that_is_nobody_s_cannot_be_had(folder: Path, hoarder: Path) -> None:
    limits = ("--memory-mb", "60", "--show", str(hoarder))
    for how in ("memfd", "systemv", "queue", "semaphores"):
        ended = ran(f"{hoarder} {how} 200", *limits, folder=folder)
        assert "Function not implemented" in ended.text, (how, ended)


def test_a_disk_of_empty_files_is_full_some_time(folder: Path) -> None:
    ended = ran("df --output=itotal /tmp | tail -1", "--disk-mb", "4", folder=folder)
    assert int(ended.data) <= 4 * 256


def test_it_reaches_no_port_of_the_board(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ended = ran(f"exec bash -c 'echo x > /dev/tcp/127.0.0.1/{port}'", folder=folder)
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()
    assert ended.code != 0
    assert "Connection refused" in ended.text or "unreachable" in ended.text


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"Q" + bytes(7),
        b"D\1" + bytes(6),
        b"D" + bytes(7),
        b"H\0\0\0\1\0\0\0x",
        b"D\0\0\0" + struct.pack("<I", 2**31),
        framed(b"E") + framed(b"D", b"x"),
    ],
    ids=["kind", "zeros", "empty", "long sign", "huge", "after the end"],
)
def test_frames_that_are_none_end_it(folder: Path, bytes_sent: bytes) -> None:
    with session("sleep 60", folder=folder) as process:
        ended = finish(process, bytes_sent)
    assert ended.code == 4
    assert ended.over.startswith("refused the host: it sent ")


@pytest.mark.parametrize(
    "count",
    [150, pytest.param(20_000, marks=[pytest.mark.slow, pytest.mark.timeout(7200)])],
    ids=["some", "many"],
)
def test_malformed_frames_end_before_the_program_sees_a_byte(folder: Path, count: int) -> None:
    """Each ends its session by a refusal; the program, which says what it hears, heard what came
    before and nothing else. A third comes while files may be sent, and then it never starts."""
    chance, descriptors = random.Random(12), open_descriptors()
    cache = folder.parent / "cache"
    cache.mkdir()
    for number in range(count):
        early = number % 3 == 2
        sent, heard = (bad_early_frame(chance), b"") if early else bad_frame(chance)
        limits = ("--cache", str(cache)) if early else ()
        with session("cat", *limits, folder=folder) as process:
            ended = finish(process, sent)
        assert ended.code == 4, (sent, ended)
        assert ended.over.startswith("refused the host: it sent "), (sent, ended)
        assert heard.startswith(ended.data), (sent, ended)
        assert not (early and ended.room), (sent, ended)
    assert open_descriptors() == descriptors
    assert zombies() == []


def test_a_silent_host_is_given_up(folder: Path) -> None:
    with session("sleep 60", "--silence-seconds", "1", folder=folder) as process:
        assert finish(process).ending == "ended: the host was silent"


def test_a_host_that_has_gone_takes_the_program_with_it(folder: Path) -> None:
    with session("trap '' HUP; setsid sleep 60 & sleep 60", folder=folder) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.read(len(PREAMBLE)) == PREAMBLE
        process.stdin.close()
        process.stdout.close()
        assert process.wait(10) == 4


def test_a_killed_session_leaves_no_process_and_the_next_one_no_folder(folder: Path) -> None:
    with session("setsid sleep 61 & sleep 61", folder=folder) as process:
        assert process.stdout is not None
        process.stdout.read(len(PREAMBLE) + 8)
        process.send_signal(signal.SIGKILL)
        process.wait()
    deadline = time.monotonic() + 10
    while alive(str(folder)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert alive(str(folder)) == []
    # A process that is no more to be seen may hold its folder's lock for a moment.
    while list(folder.iterdir()) and time.monotonic() < deadline:
        assert ran("exit 0", folder=folder).code == 0


def test_what_is_kept_outlives_it_and_what_is_shown_does_not_change(
    folder: Path, tmp_path: Path
) -> None:
    kept, shown = tmp_path / "kept", tmp_path / "shown"
    for place in (kept, shown):
        place.mkdir()
    (shown / "file").write_text("content")
    script = f"cat {shown}/file; echo new > {kept}/file; echo x > {shown}/file; umount {shown}"
    places = ("--show", str(shown), "--keep", str(kept))
    ended = ran(f"{script}; echo 1 > /proc/sys/vm/swappiness; id -u", *places, folder=folder)
    assert ended.data == b"content%d\n" % os.getuid()
    assert (kept / "file").read_text() == "new\n"
    assert (shown / "file").read_text() == "content"
    assert ended.text.count("Read-only file system") == 2


def test_places_behind_links_are_there(folder: Path, tmp_path: Path) -> None:
    """As in a cache whose folders are links to a larger disk."""
    for name in ("kept", "shown"):
        (tmp_path / "disk" / name).mkdir(parents=True)
        (tmp_path / name).symlink_to(tmp_path / "disk" / name)
    (tmp_path / "disk/shown/file").write_text("content")
    kept, shown = tmp_path / "kept", tmp_path / "shown"
    script = f"cat {shown}/file; echo new > {kept}/file; echo x > {shown}/file"
    ended = ran(script, "--show", str(shown), "--keep", str(kept), folder=folder)
    assert ended.data == b"content"
    assert (tmp_path / "disk/kept/file").read_text() == "new\n"
    assert "Read-only file system" in ended.text


@pytest.mark.parametrize(
    "arguments",
    [[], ["--"], ["--memory-mb"], ["--memory-mb", "-1", "--", "true"], ["--no", "1", "--", "x"]],
    ids=["nothing", "no program", "no value", "negative", "unknown"],
)
def test_bad_usage_is_a_sentence(arguments: list[str]) -> None:
    done = subprocess.run(
        [str(build_session()), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("tvmedge-session: ")
    assert done.stderr.count("\n") == 1


def test_it_is_small() -> None:
    assert build_session().stat().st_size < 300_000


@pytest.mark.parametrize(
    "count", [100, pytest.param(2000, marks=pytest.mark.slow)], ids=["some", "many"]
)
def test_session_after_session_leaves_nothing(folder: Path, count: int) -> None:
    descriptors, before = open_descriptors(), 0
    for number in range(count):
        with session("cat", folder=folder) as process:
            ended = finish(process, framed(b"D", b"%d" % number), framed(b"E"))
        assert (ended.code, ended.data) == (0, b"%d" % number)
        if number == count // 3:
            before = resident_kib()
    assert open_descriptors() == descriptors
    assert zombies() == []
    assert resident_kib() < before + 8 * 1024, "memory grows"


def resident_kib() -> int:
    """Of this process, which started them all."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
