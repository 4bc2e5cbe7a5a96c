"""How much of a model a DSP has to compute one float at a time, as its vectors hold integers."""

from __future__ import annotations

import dataclasses
import math

import tvm
from tvm import tirx
from tvm_ffi import structural_walk

from tvmedge.compiler.passes.functions import called
from tvmedge.compiler.passes.small_serial import CALL, work
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import core_of

_LEAST = 0.01
_MOST = 0.5  # of a model that is quantised already


def scalar_floats(module: tvm.IRModule, spec: TargetSpec) -> str:
    """The sentence that warns of them; empty where they do not matter.

    The share is of loads, stores and operations in scheduled kernels, a vector of integers
    counted once: an estimate, before any packet is counted.
    """
    dsp = spec.board.dsp
    if dsp is None or any(c.vector_bits != 32 for c in spec.board.clusters.values()):
        return ""
    share = _share(module, spec, dsp.vector_bytes)
    if share < _LEAST:
        return ""
    way = "quantise the model to int8" if share > _MOST else "the rest of the model is in integers"
    return (
        f"About {share:.0%} of the work is in floats, which {spec.name} computes one at a time, as "
        f"its vectors hold integers: {way} ('tvmedge profile --board emulated' counts packets)"
    )


def _share(module: tvm.IRModule, spec: TargetSpec, lanes: int) -> float:
    # Integers call instructions by name, floats functions such as exp.
    scalar = dataclasses.replace(core_of(spec), lanes=1), CALL
    vectors = dataclasses.replace(core_of(spec), lanes=lanes), 1
    floats = everything = 0.0
    for name, calls in called(module).items():
        function = module[name]
        if not isinstance(function, tirx.PrimFunc):
            continue
        computes = _computes_floats(function)
        taken = calls * work(function.body, *(scalar if computes else vectors))
        if not math.isfinite(taken):
            continue
        everything += taken
        floats += taken if computes else 0.0
    return floats / everything if everything else 0.0


def _computes_floats(function: tirx.PrimFunc) -> bool:
    stores: list[tirx.BufferStore] = []
    structural_walk(function.body, ((tirx.BufferStore, stores.append),))
    return any(str(store.value.ty.dtype).startswith(("float", "bfloat")) for store in stores)
