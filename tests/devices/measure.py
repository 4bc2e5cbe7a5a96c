"""Figures of boards on this machine: ``python -m tests.devices.measure``."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tvmedge.boards import relay
from tvmedge.boards.emulated import emulator_command
from tvmedge.boards.runtime import global_function, load_runtime
from tvmedge.device.pack import SERVER, cached_board, pack_board
from tvmedge.targeting import target

PI = "raspberry-pi-4b"


def start_ms(command: list[str]) -> float:
    """Median time from spawning a server to its first line."""
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
    """Seconds to open an RPC session through the relay, then median time of a small call."""
    words = [sys.executable, "-I", "-S", relay.__file__, f"{folder}/report", str(1 << 30), "20"]
    started = time.perf_counter()
    session = global_function("rpc.CreatePipeClient")(*words, *command)
    opened = (time.perf_counter() - started) * 1e3
    call = session.get_function("tvm.rpc.server.workpath")
    samples = []
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(200):
            call("x")
        samples.append((time.perf_counter() - started) / 200 * 1e6)
    return opened, statistics.median(samples)


def main() -> None:
    """Print the figures."""
    load_runtime()
    native = [str(cached_board(target("host")) / SERVER)]
    emulated = emulator_command(target(PI))
    with tempfile.TemporaryDirectory() as folder:
        for name, command in (("host", native), (f"{PI} under QEMU", emulated)):
            opened, call = call_us(command, folder)
            print(f"{name}: start to first line {start_ms(command):.1f} ms, session through")
            print(f"  the relay {opened:.0f} ms, small call through pipe and relay {call:.0f} us")
        report = pack_board(target(PI), Path(folder) / "pi")
        for file in report.files:
            print(f"{file.size:>9}  {file.path}")
        print(f"{report.total:>9}  all")


if __name__ == "__main__":
    main()
