"""What a way to a board costs, as JSON and a page: calls, bytes, timings, starts.

tvmedge compile text-classifier.onnx -t host -t raspberry-pi-4b --form vm -o DIR
python scripts/bench_boards.py DIR/text-classifier-host.tvmedge \\
    DIR/text-classifier-raspberry-pi-4b.tvmedge [--seconds 4] [--output FILE] [--page FILE]

The board is this machine each time: behind TVM's own RPC server over TCP, behind our pipe, behind
OpenSSH on loopback, behind a gateway with TLS. Contestants take turns in one run; what is told is
the median of their turns. Needs openssh-server.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.boards_page import page
from scripts.machine import describe
from tests.devices.gateway import Gateway, local_pool, serving
from tests.devices.sshd import temporary_ssh_server
from tvmedge.boards.address import BoardAddress, parse_address
from tvmedge.boards.emulated import session_command
from tvmedge.boards.gateway.ask import Wanted, lent_command
from tvmedge.boards.gateway.keys import VARIABLE
from tvmedge.boards.limits import SessionLimits, SessionPlaces
from tvmedge.boards.places import Remote, empty
from tvmedge.boards.raw_tensors import pipe_client
from tvmedge.boards.relay import relay_command
from tvmedge.boards.remote import remote_command
from tvmedge.boards.runtime import global_function, load_runtime
from tvmedge.boards.session import SessionOptions, open_session
from tvmedge.bundle import read_bundle
from tvmedge.device.pack import SERVER, cached_board
from tvmedge.resources import atomic_path
from tvmedge.targeting import target
from tvmedge.types import Serves

ROOT = Path(__file__).resolve().parent.parent
BYTES = 64 << 20
CALLS = 300
TCP, PIPE, SSH, GATEWAY = "TVM's RPC, TCP", "pipe", "ssh", "gateway, TLS 1.3"
Connect = Callable[[], Remote]


@contextlib.contextmanager
def stock_port() -> Iterator[int]:
    """TVM's own server; its port."""
    script = ROOT / "tests/devices/stock_server.py"
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.kill()


def piped(command: list[str], folder: Path, *, direct: bool = False) -> Remote:
    """A session at the end of a command, by the relay, as ``open_session`` has it."""
    words = relay_command(str(folder / "report"), 1 << 30, 20, command, direct=direct)
    session, ends = pipe_client(tuple(words), global_function("rpc.CreatePipeClient"))
    return Remote(session, ends=ends)


def connections(port: int, gateway: Gateway, folder: Path) -> dict[str, Connect]:
    """How to reach the board by each way."""
    server = str(cached_board(target("host")) / SERVER)
    session = session_command(target("host"), SessionLimits(), SessionPlaces())
    keys = gateway.keys("bench")
    wanted = Wanted("host", Serves.VM, 1, SessionLimits(), 60.0, 0, keys)

    def over_ssh() -> Remote:
        address = parse_address("ssh://board")
        command = remote_command(address, target("host"), Serves.VM, SessionLimits(), [])
        return piped(command, folder)

    return {
        TCP: lambda: Remote(global_function("rpc.Connect")("127.0.0.1", port, "stock", False)),
        PIPE: lambda: piped([*session, server], folder, direct=True),
        SSH: over_ssh,
        GATEWAY: lambda: piped(lent_command(gateway.address(), wanted), folder),
    }


def call_us(board: Remote) -> float:
    """Microseconds of a call that does nothing, there and back."""
    call = board.session.get_function("runtime.NumThreads")
    started = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - started) / CALLS * 1e6


def moved_mb_s(board: Remote) -> tuple[float, float]:
    """MB/s to the board and back, and what came back is what went."""
    sent = np.arange(BYTES // 8, dtype=np.uint64).view(np.uint8)
    tensor = empty((BYTES,), "uint8", board.device)
    started = time.perf_counter()
    board.fill(tensor, sent)
    there = time.perf_counter()
    got = board.fetch(tensor, sent.dtype)
    back = time.perf_counter()
    assert np.array_equal(sent, got)
    return BYTES / 1e6 / (there - started), BYTES / 1e6 / (back - there)


def overhead(ways: dict[str, Connect], seconds: float) -> dict[str, Any]:
    """Calls and bytes by each way, taking turns."""
    sessions = {name: connect() for name, connect in ways.items()}
    calls: dict[str, list[float]] = {name: [] for name in ways}
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(rates[TCP]) < 3:
        for name, session in sessions.items():
            calls[name].append(call_us(session))
            rates[name].append(moved_mb_s(session))
    return {
        name: {
            "call_us": round(statistics.median(calls[name]), 1),
            "to_board_mb_s": round(statistics.median(rate[0] for rate in rates[name])),
            "from_board_mb_s": round(statistics.median(rate[1] for rate in rates[name])),
            "turns": len(calls[name]),
        }
        for name in ways
    }


def timings(ways: dict[str, BoardAddress], bundle: Path, seconds: float) -> dict[str, Any]:
    """Milliseconds of a run, timed on the board, by each way, taking turns."""
    options = SessionOptions(threads=1)
    found: dict[str, list[float]] = {name: [] for name in ways}
    with contextlib.ExitStack() as stack:
        sessions = {
            name: stack.enter_context(open_session(address, bundle, options))
            for name, address in ways.items()
        }
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(found[PIPE]) < 60:
            for name, session in sessions.items():
                found[name] += session.time(20)
    best = {name: statistics.median(times) for name, times in found.items()}
    middle = statistics.median(best.values())
    return {
        name: {"ms": round(value, 4), "of_median": round(value / middle, 4)}
        for name, value in best.items()
    }


def starts(ways: dict[str, BoardAddress], bundles: dict[str, Path]) -> dict[str, Any]:
    """Milliseconds from nothing to the first result, everything in its cache."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(4):
        for name, address in ways.items():
            started = time.perf_counter()
            with open_session(address, bundles[name], SessionOptions(threads=1)) as session:
                session.time(1)
                if turn:  # the first one fills caches
                    found[name].append((time.perf_counter() - started) * 1e3)
    return {name: round(statistics.median(times)) for name, times in found.items()}


def measure(bundle: Path, emulated_bundle: Path, seconds: float) -> dict[str, Any]:
    """Everything, in a folder of its own."""
    load_runtime()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(stock_port())
        stack.enter_context(temporary_ssh_server())
        gateway = stack.enter_context(serving(folder / "gateway", local_pool(2)))
        os.environ[VARIABLE] = str(gateway.keys("bench"))
        stock = parse_address(f"tvm://127.0.0.1:{port}/stock")
        ssh, lent = parse_address("ssh://board"), gateway.address()
        emulated, local = parse_address("emulated"), parse_address("local")
        by = {PIPE: local, TCP: stock, SSH: ssh, GATEWAY: lent}
        begun = {"local": local, "emulated": emulated, "ssh": ssh, "gateway": lent}
        files = dict.fromkeys(begun, bundle) | {"emulated": emulated_bundle}
        return {
            "schema_version": "1.0",
            "machine": describe(("apache-tvm", "tornado", "cryptography")),
            "cores": len(os.sched_getaffinity(0)),
            "model": read_bundle(bundle).manifest.model.name,
            "overhead": overhead(connections(port, gateway, folder), seconds),
            "timings": timings(by, bundle, seconds),
            "starts_ms": starts(begun, files),
        }


def main() -> None:
    """Measure, write the result and its page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("emulated", type=Path)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--output", type=Path, default=ROOT / "scripts/results/bench_boards.json")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/board-figures.md")
    options = parser.parse_args()
    found = measure(options.bundle, options.emulated, options.seconds)
    for path, text in (
        (options.output, json.dumps(found, indent=1) + "\n"),
        (options.page, page(found)),
    ):
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
