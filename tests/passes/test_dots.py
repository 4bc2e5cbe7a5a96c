"""Which instruction dot products of integers become, and that it is right where it runs."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tvm
from tvm import te
from tvmedge.schedules.rules.cpu.dot_conv import DotConv

from tests.quantised_graphs import random_codes
from tests.quantised_reference import Geometry, convolved
from tvmedge.compiler.kernels.dots import Dots, dot_conv
from tvmedge.compiler.kernels.window import Cover, Window
from tvmedge.compiler.passes.blocked.integers import packed_dots
from tvmedge.scheduling.knobs import Defaults
from tvmedge.targeting import target
from tvmedge.targeting.core import Core, DotKind, DotUnit, core_of, matrix_unit
from tvmedge.targeting.host_cpu import host_features

X86 = {"kind": "llvm", "mtriple": "x86_64-linux-gnu"}
UNITS = {
    "avx512vnni": (
        DotUnit(16, 32, kind=DotKind.VPDPBUSD),
        {**X86, "mcpu": "x86-64-v4", "mattr": ["+avx512vnni"]},
        r"vpdpbusd\s+\S*%zmm",
    ),
    "avxvnni": (
        DotUnit(8, 16, kind=DotKind.VPDPBUSD),
        {**X86, "mcpu": "x86-64-v3", "mattr": ["+avxvnni"]},
        r"vpdpbusd\s+\S*%ymm",
    ),
    "dotprod": (
        DotUnit(4, 32, unsigned=False, kind=DotKind.SDOT),
        {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mattr": ["+neon", "+dotprod"]},
        r"sdot\s+v\d+\.4s",
    ),
    "i8mm": (
        matrix_unit(32),
        {"kind": "llvm", "mtriple": "aarch64-linux-gnu", "mattr": ["+neon", "+i8mm"]},
        r"smmla\s+v\d+\.4s",
    ),
}
CHANNELS, SIZE = 32, 8


def _built(unit: DotUnit, facts: dict[str, object]) -> tvm.runtime.Module:
    """A 3x3 convolution of 8x8 pixels, padded with 7."""
    block = unit.lanes
    x = te.placeholder((1, CHANNELS // block, SIZE, SIZE, block), unit.dtype, name="x")
    shape = (CHANNELS // block, CHANNELS // block, 3, 3, block // unit.depth, block, unit.depth)
    w = te.placeholder(shape, "int8", name="w")
    window = Window((3, 3), (1, 1), (1, 1, 1, 1))
    y = dot_conv(x, w, Dots(window, 7), Cover(CHANNELS // block, SIZE, SIZE))
    func = te.create_prim_func([x, w, y]).with_attr("global_symbol", "main")
    plan = DotConv().apply(func, Core(block, unit.registers, integer=unit), Defaults())
    assert plan is not None
    return tvm.tirx.build(plan.schedule.mod, tvm.target.Target(facts))


@pytest.mark.parametrize("name", UNITS)
def test_the_inner_loop_is_the_cores_own_instruction(name: str) -> None:
    unit, facts, instruction = UNITS[name]
    assembly = _built(unit, facts).inspect_source("asm")
    assert len(re.findall(instruction, assembly)) >= 4


@pytest.mark.parametrize("name", ["avx512vnni", "avxvnni"])
def test_sums_are_exact_where_the_instruction_runs(name: str) -> None:
    unit, facts, _ = UNITS[name]
    if name not in host_features():
        pytest.skip(f"this machine has no {name}")
    codes = random_codes((1, CHANNELS, SIZE, SIZE), unit.dtype)
    weights = random_codes((CHANNELS, CHANNELS, 3, 3), "int8", 1)
    blocked = codes.reshape(1, -1, unit.lanes, SIZE, SIZE).transpose(0, 1, 3, 4, 2)
    packed = packed_dots(weights, unit.lanes, unit.lanes, unit.depth)
    result = np.zeros((1, CHANNELS // unit.lanes, SIZE, SIZE, unit.lanes), np.int32)
    given = [tvm.runtime.tensor(np.ascontiguousarray(a)) for a in (blocked, packed, result)]
    _built(unit, facts)["main"](*given)
    sums = given[2].numpy().transpose(0, 1, 4, 2, 3).reshape(1, CHANNELS, SIZE, SIZE)
    edge = np.pad(codes, [(0, 0), (0, 0), (1, 1), (1, 1)], constant_values=7)
    np.testing.assert_array_equal(sums, convolved(edge, weights, Geometry()))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("raspberry-pi-5", DotKind.SDOT),
        ("raspberry-pi-4b", None),
        ("snapdragon-8-gen-3", DotKind.SMMLA),
        ("pixel-8", DotKind.SMMLA),
    ],
)
def test_targets_say_what_they_multiply_with(name: str, kind: DotKind | None) -> None:
    unit = core_of(target(name)).integer
    assert (unit.kind if unit else None) is kind
