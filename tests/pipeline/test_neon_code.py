"""What LLVM makes of our kernels on a 64-bit ARM core: no inner loop spills."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts import model_list
from scripts.arm.assembly import model_assembly
from scripts.arm.loops import innermost
from scripts.bench_arm import MODELS
from tvmedge.targeting import target

SLICE = {"attacut-c", "text-classifier"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in SLICE else pytest.mark.slow) for n in MODELS]
)
def test_inner_loops_do_not_spill(name: str, model_path: Callable[[str], Path]) -> None:
    """Loops that call a function of C, such as ``logf``, are none of ours."""
    code = model_assembly(model_list.find(name), model_path(name), target("raspberry-pi-4b"))
    loops = [loop for loop in innermost(code.text) if code.kernel(loop.function)]
    assert sum(loop.multiply_adds for loop in loops) > 0
    spills = {
        f"{loop.function} ({len(loop.instructions)} instructions)": loop.spills
        for loop in loops
        if loop.spills and not loop.calls
    }
    assert spills == {}
