"""Division by constants becomes multiplication, unless the model rounds."""

from __future__ import annotations

import pytest
import tvm
from tvm import relax
from tvm.relax import op

from tvmedge.compiler.passes.reciprocals import Reciprocals


def _module(divisor: float, *, rounded: bool = False) -> tvm.IRModule:
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((4,), "float32"))
    with bb.function("main", [x]):
        with bb.dataflow():
            out = bb.emit(op.divide(x, relax.const(divisor, "float32")))
            out = bb.emit(op.round(out)) if rounded else out
            out = bb.emit_output(out)
        bb.emit_func_output(out)
    return bb.get()


def test_a_division_becomes_a_multiplication() -> None:
    (binding, *_) = Reciprocals()(_module(8.0))["main"].body.blocks[0].bindings
    assert binding.value.op.name == "relax.multiply"
    assert float(binding.value.args[1].value.numpy()) == 0.125


@pytest.mark.parametrize("divisor", [0.0, 1e-39, 3e38, float("inf"), float("nan")])
def test_reciprocals_that_are_no_normal_numbers_are_not_used(divisor: float) -> None:
    module = _module(divisor)
    tvm.ir.assert_structural_equal(Reciprocals()(module), module)


def test_a_model_that_rounds_is_left_alone() -> None:
    module = _module(6.0, rounded=True)
    tvm.ir.assert_structural_equal(Reciprocals()(module), module)
