"""Sums of codes are cast without being asked whether they are finite; others are asked."""

from __future__ import annotations

import numpy as np
import pytest
import tvm
from tvm import relax
from tvm.relax import op

from tvmedge.compiler.passes.whole_sums import WholeSums


def _module(scale: float = 1.0, bound: float = np.inf) -> tvm.IRModule:
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((3, 4), "uint8"))
    z = relax.Var("z", relax.TensorType((), "uint8"))
    w = relax.const(np.ones((4, 2), np.int8))
    one, nothing = relax.const(np.float32(1)), relax.const(np.int8(0))
    with bb.function("main", [x, z]):
        with bb.dataflow():
            data = bb.emit(op.dequantize(x, relax.const(np.float32(scale)), z, axis=0))
            sums = bb.emit(op.matmul(data, bb.emit(op.dequantize(w, one, nothing, axis=0))))
            finite = bb.emit(op.less(bb.emit(op.abs(sums)), relax.const(np.float32(bound))))
            number = bb.emit(op.where(finite, sums, relax.const(np.float32(0))))
            out = bb.emit_output(op.astype(bb.emit(op.astype(number, "int64")), "int32"))
        bb.emit_func_output(out)
    return bb.get()


def test_whole_sums_are_cast_at_once() -> None:
    made = relax.transform.DeadCodeElimination()(WholeSums()(_module()))
    names = [binding.value.op.name for binding in made["main"].body.blocks[0].bindings]
    assert names == ["relax.dequantize", "relax.dequantize", "relax.matmul", "relax.astype"]


@pytest.mark.parametrize(("scale", "bound"), [(0.5, np.inf), (1.0, 100.0)])
def test_other_numbers_are_asked(scale: float, bound: float) -> None:
    module = _module(scale, bound)
    tvm.ir.assert_structural_equal(WholeSums()(module), module)
