"""Scales and shifts of channels go into weights, where nothing else reads between."""

from __future__ import annotations

import numpy as np
import tvm
from tvm import relax
from tvm.relax import op

from tests.cpu_kernels import random
from tvmedge.compiler.passes.fold_affine import FoldAffine


def _names(module: tvm.IRModule) -> list[str]:
    bindings = module["main"].body.blocks[0].bindings
    return [b.value.op.name.removeprefix("relax.") for b in bindings if hasattr(b.value, "op")]


def _module(*, twice: bool = False, rounded: bool = False) -> tvm.IRModule:
    """add(multiply(conv(x, w), k), b); ``twice``: the sums are read once more."""
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((1, 3, 6, 6), "float32"))
    with bb.function("main", [x]):
        with bb.dataflow():
            conv = bb.emit(op.nn.conv2d(x, relax.const(random(4, 3, 3, 3))))
            scaled = bb.emit(op.multiply(conv, relax.const(random(4, 1, 1, seed=1))))
            out = bb.emit(op.add(scaled, relax.const(random(1, 4, 1, 1, seed=2))))
            out = bb.emit(op.add(out, conv)) if twice else out
            out = bb.emit(op.round(out)) if rounded else out
            out = bb.emit_output(bb.emit(op.nn.relu(out)))
        bb.emit_func_output(out)
    return bb.get()


def _run(module: tvm.IRModule, x: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> object:
    machine = relax.VirtualMachine(tvm.compile(module, "llvm"), tvm.cpu())
    return machine["main"](tvm.runtime.tensor(x)).numpy()


def test_a_chain_becomes_one_addition() -> None:
    folded = FoldAffine()(_module())
    assert _names(folded) == ["nn.conv2d", "add", "nn.relu"]
    x = random(1, 3, 6, 6, seed=3)
    np.testing.assert_allclose(_run(folded, x), _run(_module(), x), rtol=1e-5, atol=1e-6)


def test_a_chain_on_any_value_becomes_two_steps() -> None:
    def module() -> tvm.IRModule:
        bb = relax.BlockBuilder()
        x = relax.Var("x", relax.TensorType((1, 4, 6, 6), "float32"))
        with bb.function("main", [x]):
            with bb.dataflow():
                out = bb.emit(op.nn.relu(x))
                for seed in (1, 3):
                    out = bb.emit(op.multiply(out, relax.const(random(4, 1, 1, seed=seed))))
                    out = bb.emit(op.add(out, relax.const(random(1, 4, 1, 1, seed=seed + 1))))
                out = bb.emit(op.subtract(out, relax.const(np.float32(0.5))))
                out = bb.emit_output(bb.emit(op.nn.relu(out)))
            bb.emit_func_output(out)
        return bb.get()

    folded = FoldAffine()(module())
    assert _names(folded) == ["nn.relu", "multiply", "add", "nn.relu"]
    x = random(1, 4, 6, 6, seed=5)
    np.testing.assert_allclose(_run(folded, x), _run(module(), x), rtol=1e-5, atol=1e-6)


def test_sums_that_are_read_elsewhere_stay() -> None:
    module = _module(twice=True)
    assert _names(FoldAffine()(module)) == _names(module)


def test_a_model_that_rounds_is_left_alone() -> None:
    module = _module(rounded=True)
    tvm.ir.assert_structural_equal(FoldAffine()(module), module)


def test_a_transposed_convolution_scales_its_second_axis() -> None:
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((1, 3, 6, 6), "float32"))
    with bb.function("main", [x]):
        with bb.dataflow():
            conv = bb.emit(op.nn.conv2d_transpose(x, relax.const(random(3, 5, 2, 2)), strides=2))
            out = bb.emit_output(bb.emit(op.multiply(conv, relax.const(random(5, 1, 1, seed=1)))))
        bb.emit_func_output(out)
    module, x = bb.get(), random(1, 3, 6, 6, seed=3)
    folded = FoldAffine()(module)
    assert _names(folded) == ["nn.conv2d_transpose"]
    np.testing.assert_allclose(_run(folded, x), _run(module, x), rtol=1e-5, atol=1e-6)
