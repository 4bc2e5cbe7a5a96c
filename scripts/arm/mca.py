"""Cycles that llvm-mca (LLVM 19) expects a loop to take on an ARM core."""

from __future__ import annotations

from collections.abc import Sequence

from tvmedge.tuning.costs.machine_code import block_cycles

CORES = ("cortex-a53", "cortex-a57", "neoverse-n1", "neoverse-n2")
SUMS = 24  # independent multiply-adds: more than any core has under way


def cycles(loops: Sequence[Sequence[str]], core: str) -> list[float]:
    """Cycles of an iteration of each loop of instructions.

    Raises:
        ToolError: llvm-mca is not to be had, or does not read the code.
    """
    return block_cycles(loops, "aarch64-linux-gnu", core)


def peak(core: str) -> float:
    """Multiply-adds of four float32 that ``core`` starts in a cycle, at most."""
    (taken,) = cycles([[f"fmla v{sum}.4s, v30.4s, v31.s[0]" for sum in range(SUMS)]], core)
    return SUMS / taken
