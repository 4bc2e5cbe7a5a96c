"""Single kernels on an emulated Hexagon: what they compute and what that takes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tvm
from numpy.typing import NDArray
from tvm import te

from tvmedge.boards.emulated import require_emulator
from tvmedge.device.llvm import llvm
from tvmedge.dtypes import carrier
from tvmedge.errors import ToolError
from tvmedge.targeting import TargetSpec, target
from tvmedge.tuning.costs.candidate import BuiltCandidate, built
from tvmedge.tuning.costs.packet_board import PacketBoard
from tvmedge.types import Counts

Array = NDArray[Any]
SECONDS = 300.0
VECTOR = 128


@dataclass(frozen=True)
class Ran:
    """The kernel's tensors after one call, in the order of its parameters, and what it took."""

    tensors: tuple[Array, ...]
    counts: Counts

    @property
    def output(self) -> Array:
        """The last tensor."""
        return self.tensors[-1]


def hexagon(name: str = "hexagon-v67") -> TargetSpec:
    """A target that runs here; its test is skipped where scripts/setup could not bring QEMU."""
    spec = target(name)
    try:
        require_emulator(spec)
    except ToolError as error:
        pytest.skip(str(error))
    return spec


def build(function: tvm.tirx.PrimFunc, spec: TargetSpec) -> BuiltCandidate:
    """Machine code of a scheduled kernel, as libraries have it."""
    with tvm.target.Target(dict(spec.tvm)) as machine:
        return built(function, machine)


def run(
    function: tvm.tirx.PrimFunc | BuiltCandidate, inputs: Sequence[Array], spec: TargetSpec
) -> Ran:
    """One call on ``inputs``, the first of its parameters; the others begin as zeros."""
    candidate = function if isinstance(function, BuiltCandidate) else build(function, spec)
    for argument, given in zip(candidate.arguments, inputs, strict=False):
        assert (argument.shape, argument.dtype) == (given.shape, str(given.dtype))
    done = PacketBoard(spec, SECONDS).run(candidate, [given.tobytes() for given in inputs])
    tensors = tuple(
        np.frombuffer(content, carrier(argument.dtype)).reshape(argument.shape)
        for content, argument in zip(done.tensors, candidate.arguments, strict=True)
    )
    return Ran(tensors, done.counts)


def assembly(candidate: BuiltCandidate, spec: TargetSpec) -> str:
    """The code of a kernel, packet by packet."""
    features = ",".join(f"+{feature}" for feature in spec.features)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "kernel.o"
        file.write_bytes(candidate.code)
        wanted = ["-d", "--no-show-raw-insn", f"--mattr={features}", str(file)]
        return llvm("llvm-objdump", wanted)


def bytes_sum(rows: int) -> tvm.tirx.PrimFunc:
    """a + b of ``rows`` vectors of bytes."""
    a, b = (te.placeholder((rows, VECTOR), "uint8", name) for name in "ab")
    c = te.compute((rows, VECTOR), lambda i, j: a[i, j] + b[i, j], name="c")
    schedule = tvm.s_tir.Schedule(te.create_prim_func([a, b, c]))
    schedule.vectorize(schedule.get_loops("c")[1])
    return schedule.mod["main"]
