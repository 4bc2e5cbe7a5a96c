"""Files that a session keeps on its board by their hashes: sent once, in pieces, checked."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tests.devices.hosts import hosting
from tvmedge.boards.relay.frames import END, FILE, GO, PIECE, PIECE_LIMIT, framed
from tvmedge.device.build_session import build_session

SHOW = 'cat "/proc/self/fd/${TVMEDGE_FILES%%,*}"'
MIB = 1 << 20


def kept(cache: Path, *options: str) -> list[str]:
    """The command of a session that keeps files there, and shows the first it is given."""
    return [str(build_session()), "--cache", str(cache), *options, "--", "sh", "-c", SHOW]


def sent(cache: Path, content: bytes, *options: str) -> int:
    """Have a session keep a file and show it; how many bytes were there before."""
    with hosting(kept(cache, *options)) as host:
        had = host.name(content)
        if had < len(content):
            host.give(content, had)
            assert host.have() == len(content)
        host.send(framed(GO), framed(END))
        assert host.ending() == "ended (exit code 0)"
        assert b"".join(host.told[b"D"]) == content
    return had


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def test_a_file_is_sent_once(cache: Path) -> None:
    content = os.urandom(MIB + 7)
    assert sent(cache, content) == 0
    assert sent(cache, content) == len(content)
    (file,) = cache.iterdir()
    assert file.name == hashlib.sha256(content).hexdigest()
    assert file.stat().st_mode & 0o777 == 0o444


def test_a_damaged_file_is_sent_again(cache: Path) -> None:
    content = os.urandom(1000)
    sent(cache, content)
    (file,) = cache.iterdir()
    file.chmod(0o644)
    file.write_bytes(content[:-1] + b"?")
    assert sent(cache, content) == 0
    assert sent(cache, content) == len(content)


def test_what_was_interrupted_goes_on_where_it_stopped(cache: Path) -> None:
    content = os.urandom(3 * PIECE_LIMIT)
    with hosting(kept(cache)) as host:
        assert host.name(content) == 0
        host.give(content[: 2 * PIECE_LIMIT])
        assert host.process.stdin is not None
        host.process.stdin.close()
        assert host.ending() == "ended: the host went away"
    assert sent(cache, content) == 2 * PIECE_LIMIT
    assert len(list(cache.iterdir())) == 1


def test_a_part_that_was_altered_is_begun_again(cache: Path) -> None:
    content = os.urandom(2 * PIECE_LIMIT)
    with hosting(kept(cache)) as host:
        host.name(content)
        host.give(content[:PIECE_LIMIT])
        assert host.process.stdin is not None
        host.process.stdin.close()
        host.ending()
    (part,) = cache.iterdir()
    part.write_bytes(bytes(PIECE_LIMIT))
    with hosting(kept(cache)) as host:
        assert host.name(content) == PIECE_LIMIT
        host.give(content, PIECE_LIMIT)
        assert host.have() == 0, "the whole has another hash"
        host.give(content)
        assert host.have() == len(content)


def test_two_at_once_send_the_same_file(cache: Path) -> None:
    content = os.urandom(2 * PIECE_LIMIT)
    with hosting(kept(cache)) as one, hosting(kept(cache)) as other:
        assert one.name(content) == other.name(content) == 0
        for host in (one, other):
            host.give(content)
            assert host.have() == len(content)
            host.send(framed(GO), framed(END))
        for host in (one, other):
            assert host.ending() == "ended (exit code 0)"
            assert b"".join(host.told[b"D"]) == content
    assert len(list(cache.iterdir())) == 1


def test_what_was_not_used_for_longest_makes_room(cache: Path) -> None:
    contents = [bytes([letter]) * 400_000 for letter in b"abc"]
    limit = ("--cache-mb", "1")
    for age, content in enumerate(contents[:2]):
        sent(cache, content, *limit)
        path = cache / hashlib.sha256(content).hexdigest()
        os.utime(path, (1_000_000_000 + age, 1_000_000_000 + age))
    sent(cache, contents[0], *limit)  # used again: the other is older now
    sent(cache, contents[2], *limit)
    left = {path.name for path in cache.iterdir()}
    assert left == {hashlib.sha256(contents[index]).hexdigest() for index in (0, 2)}


def test_what_is_in_use_stays(cache: Path) -> None:
    content = bytes(700_000)
    sent(cache, content)
    with (
        hosting(kept(cache, "--cache-mb", "1")) as user,
        hosting(kept(cache, "--cache-mb", "1")) as host,
    ):
        assert user.name(content) == len(content)
        host.send(framed(FILE, bytes(32) + (700_000).to_bytes(8, "little")))
        assert "its cache is too small, or in use" in host.ending()
    assert sent(cache, content) == len(content)


@pytest.mark.parametrize(
    ("frames", "ending"),
    [
        ([framed(FILE, bytes(40))], "a file of an impossible size"),
        ([framed(FILE, bytes(32) + b"\xff" * 8)], "a file of an impossible size"),
        ([framed(FILE, b"../../etc/passwd")], "a frame of an impossible size"),
        ([framed(PIECE, bytes(33))], "a piece of no file"),
        ([framed(b"D", b"early")], "a frame of no known kind"),
        ([framed(FILE, bytes(32) + b"\5" + bytes(7)), framed(GO)], "half a file"),
        ([framed(FILE, bytes(32) + b"\5" + bytes(7)), framed(PIECE, bytes(37))], "a damaged piece"),
        (
            [framed(FILE, bytes(32) + b"\5" + bytes(7)), framed(PIECE, bytes(40))],
            "piece of no file",
        ),
    ],
)
def test_what_no_host_sends_is_refused(cache: Path, frames: list[bytes], ending: str) -> None:
    with hosting(kept(cache)) as host:
        host.send(*frames)
        told = host.ending()
    assert told.startswith("refused the host: it sent ")
    assert told.endswith(ending)
    assert sorted(path.stat().st_size for path in cache.iterdir()) in ([], [0])


def test_links_in_the_cache_are_not_followed(cache: Path, tmp_path: Path) -> None:
    content, secret = b"content", tmp_path / "secret"
    secret.write_bytes(content)
    link = cache / hashlib.sha256(content).hexdigest()
    link.symlink_to(secret)
    link.with_name(f"{link.name}.0").symlink_to(tmp_path / "made")
    with hosting(kept(cache)) as host:
        assert host.name(content) == 0
        host.give(content)
        assert host.have() == len(content)
    assert secret.read_bytes() == content
    assert not (tmp_path / "made").exists()
    assert not link.is_symlink()


@pytest.mark.skipif(os.getuid() != 0, reason="mounts a small disk")
def test_a_full_disk_is_a_sentence(cache: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(cache)], check=True)
    try:
        content = os.urandom(2 * MIB)
        with hosting(kept(cache)) as host:
            host.name(content)
            host.give(content)
            assert host.ending() == "has no space left for the files it is sent"
    finally:
        subprocess.run(["umount", str(cache)], check=True)


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    command = [str(build_session()), "--cache", str(tmp_path / "none"), "--", "true"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 4
    assert b"cannot use its folder for files" in done.stdout
