"""EyeLike of a known shape is a constant.

before: EyeLike(x[3, 4], k=1, dtype=double)
after:  Constant(eye(3, 4, k=1))
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer


class EyeLike(NodeRewrite):
    """Without a ``dtype`` the result has the input's type."""

    operators = frozenset({"EyeLike"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        (x,) = node.inputs
        if x is None or x.dtype is None or x.shape is None or not x.shape.is_static():
            return None
        rows, columns = x.shape.numpy()
        dtype = ir.DataType(integer(node, "dtype", x.dtype.value)).numpy()
        eye = np.eye(rows, columns, integer(node, "k", 0))
        return [constant(tape, eye, dtype)]
