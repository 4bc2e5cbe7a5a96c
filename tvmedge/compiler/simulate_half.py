"""How far off a model is whose tensors are stored in float16: simulated, as no device here has it.

before: y = Conv(x, w)
after:  y = float(half(Conv(float(half(x)), float(half(w)))))

Every tensor between two nodes is rounded, weights too; nodes compute in float32. Kernels that fuse
nodes round less often, so the error found here is rather too large.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tvmedge.compiler.onnxruntime_session import OnnxRuntime
from tvmedge.tensors import max_normalised_error

Tensors = Mapping[str, np.ndarray[Any, Any]]


def half_error(proto: onnx.ModelProto, inputs: Tensors, wanted: Tensors) -> float:
    """The largest max-normalised error of an output, beside ``wanted``.

    Raises:
        ValueError: a number that float16 cannot hold came up.
    """
    session = OnnxRuntime(stored_in_half(proto).SerializeToString())
    found = session.run(list(wanted), inputs)
    if not all(np.isfinite(array).all() for array in found):
        raise ValueError("numbers come up that float16 cannot hold")
    return max(map(max_normalised_error, found, wanted.values()), default=0.0)


def stored_in_half(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy that rounds every tensor of float32 to float16 where it is made."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    graph = onnx.shape_inference.infer_shapes(copy).graph
    wide = {
        value.name
        for value in (*graph.value_info, *graph.input, *graph.output)
        if value.type.tensor_type.elem_type == TensorProto.FLOAT
    }
    for tensor in copy.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            rounded = numpy_helper.to_array(tensor).astype(np.float16).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(rounded, tensor.name))
    given = {tensor.name for tensor in copy.graph.initializer}
    starts = [value.name for value in copy.graph.input if value.name in wide - given]
    nodes = list(copy.graph.node)
    del copy.graph.node[:]
    renamed = {name: f"{name}/rounded" for name in starts}
    for name in starts:
        copy.graph.node.extend(_rounding(name, renamed[name]))
    for node in nodes:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        made = [name for name in node.output if name in wide and node.op_type != "Constant"]
        node.output[:] = [f"{name}/exact" if name in made else name for name in node.output]
        copy.graph.node.append(node)
        for name in made:
            copy.graph.node.extend(_rounding(f"{name}/exact", name))
    return copy


def _rounding(source: str, result: str) -> tuple[onnx.NodeProto, onnx.NodeProto]:
    half = f"{result}/half"
    return (
        helper.make_node("Cast", [source], [half], to=TensorProto.FLOAT16),
        helper.make_node("Cast", [half], [result], to=TensorProto.FLOAT),
    )
