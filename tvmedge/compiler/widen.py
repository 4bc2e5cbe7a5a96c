"""A model in bfloat16 as the same model in float32.

before: MatMul(x: bfloat16, w: bfloat16); Cast(y, to=bfloat16)
after:  MatMul(x: float32, w: float32); Cast(y, to=float32)

Weights keep their numbers; what would be rounded between two nodes is not.
onnxruntime's CPU has few kernels for bfloat16, and ONNX's evaluator sums in it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

# Attributes that name an element type.
_TYPES = frozenset({"dtype", "output_dtype", "softmax_precision", "to"})


def has_bfloat16(proto: onnx.ModelProto) -> bool:
    """Whether an input, an output or a weight is bfloat16."""
    graph = proto.graph
    weights = (tensor.data_type == TensorProto.BFLOAT16 for tensor in graph.initializer)
    return any(map(is_bfloat16, (*graph.input, *graph.output))) or any(weights)


def is_bfloat16(value: onnx.ValueInfoProto) -> bool:
    """Whether ``value`` is a tensor of bfloat16."""
    return bool(value.type.tensor_type.elem_type == TensorProto.BFLOAT16)


def in_float32(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of ``proto`` without bfloat16."""
    wide = onnx.ModelProto()
    wide.CopyFrom(proto)
    _graph(wide.graph)
    for function in wide.functions:
        _values(function.value_info)
        _nodes(function.node)
    return wide


def _graph(graph: onnx.GraphProto) -> None:
    _values((*graph.input, *graph.output, *graph.value_info))
    for tensor in (*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer)):
        _tensor(tensor)
    _nodes(graph.node)


def _values(values: Iterable[onnx.ValueInfoProto]) -> None:
    for value in values:
        if is_bfloat16(value):
            value.type.tensor_type.elem_type = TensorProto.FLOAT


def _nodes(nodes: Iterable[onnx.NodeProto]) -> None:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.name in _TYPES and attribute.i == TensorProto.BFLOAT16:
                attribute.i = TensorProto.FLOAT
            for tensor in (attribute.t, attribute.sparse_tensor.values, *attribute.tensors):
                _tensor(tensor)
            for graph in (attribute.g, *attribute.graphs):
                _graph(graph)


def _tensor(tensor: onnx.TensorProto) -> None:
    if tensor.data_type == TensorProto.BFLOAT16:
        numbers = numpy_helper.to_array(tensor).astype(np.float32)
        tensor.CopyFrom(numpy_helper.from_array(numbers, tensor.name))
