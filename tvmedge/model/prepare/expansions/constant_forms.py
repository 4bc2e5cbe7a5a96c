"""Bring every form of Constant to the one with a tensor.

before: Constant(value_ints=[1, 2]), Constant(value_float=0.5)
after:  Constant(value=int64[2] {1, 2}), Constant(value=float {0.5})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant

_DTYPES: Mapping[str, npt.DTypeLike] = {
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}


class ConstantForms(NodeRewrite):
    """Numbers only: no stage takes text, and folding needs none."""

    operators = frozenset({"Constant"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        for name, dtype in _DTYPES.items():
            if name in node.attributes:
                return [constant(tape, np.array(node.attributes[name].value, dtype))]
        return None
