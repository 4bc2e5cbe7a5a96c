"""Views of constants are constants; everything else stays."""

from __future__ import annotations

import numpy as np
import tvm
from tvm import relax
from tvm.relax import op

from tvmedge.compiler.passes.fold_views import FoldViews


def _module(constant: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> tvm.IRModule:
    bb = relax.BlockBuilder()
    x = relax.Var("x", relax.TensorType((4, 2), "float32"))
    with bb.function("main", [x]):
        with bb.dataflow():
            wide = bb.emit(op.expand_dims(relax.const(constant), 0))
            turned = bb.emit(op.permute_dims(wide, [2, 1, 0]))
            flat = bb.emit(op.reshape(turned, (4, 2)))
            own = bb.emit(op.reshape(x, (4, 2)))
            out = bb.emit_output(bb.emit(op.add(own, flat)))
        bb.emit_func_output(out)
    return bb.get()


def test_a_chain_of_views_becomes_one_constant() -> None:
    constant = np.arange(8, dtype=np.float32).reshape(2, 4)
    bindings = FoldViews()(_module(constant))["main"].body.blocks[0].bindings
    assert [b.value.op.name for b in bindings if hasattr(b.value, "op")] == [
        "relax.reshape",
        "relax.add",
    ]
    added = next(b.value for b in bindings if b.value.op.name == "relax.add")
    np.testing.assert_array_equal(added.args[1].value.numpy(), constant.T)
