"""Our C that reads what others send: fuzzed, and run under sanitizers; TVM's endpoint confined."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from scripts.fuzz_c import TARGETS, build_sanitized_session, build_target, clang, run_target
from tests.devices.hosts import hosting
from tvmedge.boards.relay.frames import ALIVE, DATA, END, GO, framed
from tvmedge.device.build_session import build_session
from tvmedge.device.pack import SERVER, cached_board
from tvmedge.errors import ToolError
from tvmedge.targeting import target


@pytest.fixture(scope="module", autouse=True)
def sanitizers() -> None:
    try:
        clang()
    except ToolError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    "runs", [1000, pytest.param(100_000, marks=pytest.mark.slow)], ids=["some", "many"]
)
@pytest.mark.parametrize("name", TARGETS)
def test_what_a_fuzzer_makes_up_does_no_harm(tmp_path: Path, name: str, runs: int) -> None:
    build_target(name, tmp_path / name)
    done = run_target(tmp_path / name, runs, 1, tmp_path)
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"Done {runs} runs" in done.stderr


def test_a_session_under_sanitizers(tmp_path: Path) -> None:
    program, cache = tmp_path / "session", tmp_path / "cache"
    build_sanitized_session(program)
    cache.mkdir()
    command = [str(program), "--cache", str(cache), "--", "cat"]
    content = bytes(range(256)) * 3000
    for had in (0, len(content)):
        with hosting(command) as host:
            assert host.name(content) == had
            if not had:
                host.give(content)
                assert host.have() == len(content)
            host.send(framed(GO), framed(DATA, b"hello"), framed(ALIVE), framed(END))
            assert host.ending() == "ended (exit code 0)"
            assert host.told[b"D"] == [b"hello"]
    with hosting(command) as host:
        host.send(framed(GO), framed(b"?"))
        assert host.ending().endswith("it sent a frame of no known kind")
        assert host.process.returncode == 4


def test_tvm_s_endpoint_dies_in_its_session_alone(tmp_path: Path) -> None:
    random_ = random.Random(9)
    server = str(cached_board(target("host")) / SERVER)
    command = [str(build_session()), "--cache", str(tmp_path), "--wall-seconds", "20", "--", server]
    endings = set()
    for _ in range(6):
        body = random_.randbytes(random_.randrange(4, 200))
        with hosting(command) as host:
            host.send(framed(GO), framed(DATA, len(body).to_bytes(8, "little") + body), framed(END))
            endings.add(host.ending())
    assert endings - {"ended (exit code 0)"}, "none of these packets is one"
    with hosting(command) as host:
        host.send(framed(GO), framed(END))
        assert host.ending() == "ended (exit code 0)"
        assert host.told[b"D"] == [b"tvmedge-server 1\n"]
