"""The compiler ends with whoever asked for it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

_FUNCTIONS = 500
_ASKS = """
import sys
from tvmedge.device.zig import zig_cc
print("asks", flush=True)
zig_cc(["-target", "aarch64-linux-musl", "-O2", "-c", "-o", sys.argv[2], sys.argv[1]], "it")
"""


def test_an_interrupt_waits_for_all_that_zig_started(tmp_path: Path) -> None:
    source = tmp_path / "long.c"
    functions = (f"int f{i}(int a) {{ return a * {i}; }}\n" for i in range(_FUNCTIONS))
    source.write_text("".join(functions))
    command = [sys.executable, "-c", _ASKS, str(source), str(tmp_path / "long.o")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while not (started := _compilers(source)) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode != 0
    assert started and not _compilers(source)


def _compilers(source: Path) -> list[psutil.Process]:
    """Clang's processes that compile ``source``: zig's own children."""
    asked = [one for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"]]
    return [one for one in asked if {"clang", str(source)} <= set(one.info["cmdline"])]
