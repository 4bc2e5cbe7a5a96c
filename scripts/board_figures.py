"""Figures of boards on this machine, as JSON.

python scripts/board_figures.py
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tvmedge.boards.emulated import emulator_command
from tvmedge.boards.relay import relay_command
from tvmedge.boards.runtime import global_function, load_runtime
from tvmedge.device.pack import SERVER, cached_board, pack_board
from tvmedge.targeting import target

PI = "raspberry-pi-4b"


def start_ms(command: list[str]) -> float:
    """Median milliseconds from spawning a server to its first line."""
    samples = []
    for _ in range(11):
        started = time.perf_counter()
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as server:
            assert server.stdout is not None
            server.stdout.readline()
            samples.append((time.perf_counter() - started) * 1e3)
            assert server.stdin is not None
            server.stdin.close()
    return statistics.median(samples)


def call_us(command: list[str], folder: str) -> tuple[float, float]:
    """Opening a session through the relay in ms, then the median of a small call in us."""
    words = relay_command(f"{folder}/report", 1 << 30, 20, command)
    started = time.perf_counter()
    session = global_function("rpc.CreatePipeClient")(*words)
    opened = (time.perf_counter() - started) * 1e3
    call = session.get_function("tvm.rpc.server.workpath")
    samples = []
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(200):
            call("x")
        samples.append((time.perf_counter() - started) / 200 * 1e6)
    return opened, statistics.median(samples)


def figures() -> dict[str, Any]:
    """Start of the server, session and call through the relay, size of the folder."""
    load_runtime()
    native = [str(cached_board(target("host")) / SERVER)]
    emulated = emulator_command(target(PI))
    found: dict[str, Any] = {"servers": {}}
    with tempfile.TemporaryDirectory() as folder:
        for name, command in (("host", native), (f"{PI} under QEMU", emulated)):
            opened, call = call_us(command, folder)
            found["servers"][name] = {
                "start_ms": round(start_ms(command), 1),
                "session_through_relay_ms": round(opened, 1),
                "call_through_relay_us": round(call, 1),
            }
        for name, extra in (("folder", False), ("folder --extra", True)):
            report = pack_board(target(PI), Path(folder) / "pi", extra=extra)
            sizes = {file.path: file.size for file in report.files}
            found[name] = {"bytes": report.total, "files": sizes}
    return found


if __name__ == "__main__":
    print(json.dumps(figures(), indent=1))
