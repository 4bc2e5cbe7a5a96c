"""Tensors of one shape at one place are made once; the others are made as before."""

from __future__ import annotations

import numpy as np
import tvm
from tvm import relax
from tvm.relax import transform

from tests.relax_runs import runner
from tvmedge.compiler.passes.share_tensors import ShareTensors
from tvmedge.compiler.pipelines import vm_lowering

STEPS = 6


def _network() -> tvm.IRModule:
    """Sums along x, each both halved and doubled: two values at a time are alive. The last
    two are results."""
    builder = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((4, 6), "float32"))
    op = relax.op
    with builder.function("main", [x]):
        with builder.dataflow():
            y = z = x
            for step in range(STEPS):
                y = builder.emit(op.matmul(y, relax.const(np.eye(6, dtype="float32") * 2)))
                z = builder.emit(op.add(op.matmul(z, relax.const(_rotated(step))), y))
            flat = builder.emit(op.sum(z, axis=[1]))
            out = builder.emit_output(relax.Tuple([y, z, flat]))
        builder.emit_func_output(out)
    return builder.get()


def _rotated(step: int) -> np.ndarray:
    return np.roll(np.eye(6, dtype=np.float32), step, axis=1)


def _tensors(*, shared: bool) -> int:
    module = transform.LegalizeOps()(_network())
    for phase in vm_lowering()[:2]:
        for step in phase.passes:
            if shared or not isinstance(step, ShareTensors):
                module = step(module)
    relax.analysis.well_formed(module)
    return str(module["main"].script()).count("memory.alloc_tensor")


def test_fewer_tensors_are_made() -> None:
    assert _tensors(shared=True) < _tensors(shared=False) - STEPS


def test_results_are_the_same_and_their_own() -> None:
    x = np.random.default_rng(0).random((4, 6)).astype(np.float32)
    y = z = x
    for step in range(STEPS):
        y = 2 * y
        z = z @ _rotated(step) + y
    run = runner(_network())
    for _ in range(2):
        got = run([x])
        for one, want in zip(got, (y, z, z.sum(axis=1)), strict=True):
            np.testing.assert_allclose(one, want, rtol=1e-5)
