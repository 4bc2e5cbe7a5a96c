"""Write sparse tensors out as dense ones.

before: sparse_initializer w: values [5, 7], indices [1, 3], dims [4]
after:  initializer w: [0, 5, 0, 7]

This works on the file's own messages: onnx-ir does not read sparse tensors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import onnx
from onnx import numpy_helper

from tvmedge.errors import InputError

MAX_DENSE_BYTES = 1 << 31


def densify(model: onnx.ModelProto) -> None:
    """Replace every sparse initializer and every Constant of a sparse_value, in place."""
    for graph in _graphs(model.graph):
        for sparse in graph.sparse_initializer:
            graph.initializer.append(_dense(sparse))
        graph.ClearField("sparse_initializer")
        _densify_constants(graph.node)
    for function in model.functions:
        _densify_constants(function.node)
        for node in function.node:
            for inner in _inner(node):
                _densify_constants(inner.node)


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        yield from _inner(node)


def _inner(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        for inner in (attribute.g, *attribute.graphs):
            yield from _graphs(inner)


def _densify_constants(nodes: list[onnx.NodeProto]) -> None:
    for node in nodes:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "sparse_value":
                value = onnx.helper.make_attribute("value", _dense(attribute.sparse_tensor))
                attribute.CopyFrom(value)


def _dense(sparse: onnx.SparseTensorProto) -> onnx.TensorProto:
    values = numpy_helper.to_array(sparse.values)
    dims = tuple(sparse.dims)
    name = sparse.values.name
    if math.prod(dims) * values.itemsize > MAX_DENSE_BYTES:
        raise InputError(f"the sparse tensor '{name}' of {dims} does not fit into 2 GiB.")
    dense = np.zeros(dims, values.dtype)
    indices = numpy_helper.to_array(sparse.indices)
    if indices.ndim == 1:
        dense.reshape(-1)[indices] = values
    else:
        dense[tuple(indices.T)] = values
    return numpy_helper.from_array(dense, name)
