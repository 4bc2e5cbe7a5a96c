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


def _rows(width: int, *, root: bool = True) -> tvm.IRModule:
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((4, 8), "float32"))
    v = relax.Var("v", relax.TensorType((4, width), "float32"))
    with bb.function("main", [x, v]):
        with bb.dataflow():
            divisor = bb.emit(op.sqrt(v) if root else op.exp(v))
            out = bb.emit_output(op.divide(x, divisor))
        bb.emit_func_output(out)
    return bb.get()


def test_a_row_is_multiplied_by_the_reciprocal_of_its_root() -> None:
    _, inverse, product = Reciprocals()(_rows(1))["main"].body.blocks[0].bindings
    assert [inverse.value.op.name, product.value.op.name] == ["relax.divide", "relax.multiply"]
    assert product.value.args[1].same_as(inverse.var)


@pytest.mark.parametrize(("width", "root"), [(8, True), (1, False)])
def test_other_divisors_stay(width: int, root: bool) -> None:
    module = _rows(width, root=root)
    tvm.ir.assert_structural_equal(Reciprocals()(module), module)


def test_a_model_that_rounds_is_left_alone() -> None:
    module = _module(6.0, rounded=True)
    tvm.ir.assert_structural_equal(Reciprocals()(module), module)
