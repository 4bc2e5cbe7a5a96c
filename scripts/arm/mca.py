"""Cycles that llvm-mca (LLVM 19) expects a loop to take on an ARM core.

It knows ports and latencies, and takes every load to hit the first cache.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence

from scripts.arm.debian import unpacked
from tvmedge.errors import ToolError

CORES = ("cortex-a53", "cortex-a57", "neoverse-n1", "neoverse-n2")
PACKAGES = ("libedit2", "libllvm19", "libxml2", "libz3-4", "llvm-19")
LINE = "\n"
ITERATIONS = 100
SUMS = 24  # independent multiply-adds: more than any core has under way


def cycles(loops: Sequence[Sequence[str]], core: str) -> list[float]:
    """Cycles of an iteration of each loop of instructions.

    Raises:
        ToolError: llvm-mca is not to be had, or does not read the code.
    """
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()
    root = unpacked(architecture, PACKAGES)
    folders = sorted({str(path.parent) for path in root.rglob("*.so.*")})
    regions = [f"# LLVM-MCA-BEGIN\n{LINE.join(loop)}\n# LLVM-MCA-END\n" for loop in loops]
    flags = ["-mtriple=aarch64-linux-gnu", f"-mcpu={core}", f"-iterations={ITERATIONS}", "-json"]
    done = subprocess.run(
        [str(root / "usr/lib/llvm-19/bin/llvm-mca"), *flags, "-"],
        input="".join(regions),
        env=os.environ | {"LD_LIBRARY_PATH": ":".join(folders)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ToolError(f"llvm-mca: {done.stderr.strip()[:200]}")
    found = json.loads(done.stdout)["CodeRegions"]
    return [region["SummaryView"]["TotalCycles"] / ITERATIONS for region in found]


def peak(core: str) -> float:
    """Multiply-adds of four float32 that ``core`` starts in a cycle, at most."""
    (taken,) = cycles([[f"fmla v{sum}.4s, v30.4s, v31.s[0]" for sum in range(SUMS)]], core)
    return SUMS / taken
