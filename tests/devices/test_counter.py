"""Instructions counted under QEMU."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tvmedge.device.counting import Counter
from tvmedge.device.zig import zig_cc

# Two instructions a turn, with no library and so nothing else that depends on the turns.
PROGRAM = """\
.global _start
_start:
    ldr x0, [sp]
    mov x1, #1000
    mul x0, x0, x1
again:
    subs x0, x0, #1
    b.ne again
    mov x8, #93
    svc #0
"""


@pytest.mark.skipif(shutil.which("qemu-aarch64") is None, reason="qemu-aarch64 is not installed")
def test_every_instruction_counts(tmp_path: Path) -> None:
    source, program = tmp_path / "turns.s", tmp_path / "turns"
    source.write_text(PROGRAM, encoding="ascii")
    flags = ["--target=aarch64-linux-musl", "-nostdlib", "-static"]
    zig_cc([*flags, str(source), "-o", str(program)], "a test program")
    counter = Counter(tmp_path / "count")
    counts = []
    for arguments in ([], ["x"], ["x", "y"]):
        command = ["qemu-aarch64", str(program), *arguments]
        subprocess.run(command, env=counter.environment(), check=True)
        counts.append(counter.read())
        executed = [block.executions * block.size // 4 for block in counter.blocks()]
        assert sum(executed) == counts[-1]
        assert counter.blocks(1) == counter.blocks()[1:]
    assert counts == [2005, 4005, 6005]
