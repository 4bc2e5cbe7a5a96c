"""Operators of constants are folded; a module without any is not touched."""

from __future__ import annotations

import numpy as np
import tvm
from tvm import relax
from tvm.relax import op

from tvmedge.compiler.passes.fold_constants import FoldConstants

HALVES = np.full((2, 3), 0.5, np.float32)


def _added(other: relax.Expr) -> tvm.IRModule:
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((2, 3), "float32"))
    with bb.function("main", [x]):
        with bb.dataflow():
            out = bb.emit_output(bb.emit(op.add(x, bb.emit(other))))
        bb.emit_func_output(out)
    return bb.get()


def test_what_only_constants_make_is_a_constant() -> None:
    given = _added(op.concat([relax.const(HALVES[:1]), relax.const(HALVES[1:])]))
    folded = FoldConstants()(relax.transform.CanonicalizeBindings()(given))
    bindings = folded["main"].body.blocks[0].bindings
    added = next(
        b.value
        for b in bindings
        if getattr(b.value, "op", None) == op.add(*[relax.const(0.0)] * 2).op
    )
    np.testing.assert_array_equal(added.args[1].value.numpy(), HALVES)


def test_what_takes_no_tensor_is_folded_too() -> None:
    folded = FoldConstants()(_added(op.zeros((2, 3), "float32")))
    assert "relax.zeros" not in str(folded)


def test_a_module_without_is_left_as_it_is() -> None:
    given = _added(relax.const(HALVES))
    assert FoldConstants()(given).same_as(given)
