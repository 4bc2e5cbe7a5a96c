"""Seeded weights for the ``light`` CNNs of the onnx package.

Those files carry real architectures but no weights: every tensor is a
``ConstantOfShape`` filled with 0.02. ``fill`` replaces each by an initialiser
whose scale keeps activations finite and outputs varied. The same seed gives
the same bits on every machine: raw PCG64 output (a stream that numpy keeps
stable) becomes 24-bit integers, which float32 holds exactly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

_Consumers = dict[str, list[tuple[onnx.NodeProto, int]]]
_NARROW = (-0.1, 0.1)
_NEAR_ONE = (0.8, 1.2)


def fill(model: onnx.ModelProto, seed: int, head_gain: float) -> onnx.ModelProto:
    """``model`` with a random initialiser in place of each constant weight.

    ``head_gain`` scales the last layer, so that the logits of a deep network
    without trained normalisation do not saturate its softmax.
    """
    graph = model.graph
    consumers = _consumers(graph)
    weights = dict(_weights(graph, consumers))
    head = [name for name in weights if _is_kernel(name, consumers)][-1]
    stream = np.random.PCG64(seed)
    made = []
    for name, shape in weights.items():
        low, high = _bounds(name, shape, consumers)
        gain = head_gain if name == head else 1.0
        made.append(numpy_helper.from_array(_uniform(stream, shape, low * gain, high * gain), name))

    kept = [node for node in graph.node if node.op_type != "ConstantOfShape"]
    used = {name for node in kept for name in node.input} - weights.keys()
    initial = [tensor for tensor in graph.initializer if tensor.name in used]
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    for field, values in (
        (graph.node, kept),
        (graph.initializer, initial + made),
        (graph.input, inputs),
    ):
        del field[:]
        field.extend(values)
    model.ir_version = max(model.ir_version, 4)  # before it, initialisers were inputs too
    return model


def _consumers(graph: onnx.GraphProto) -> _Consumers:
    found: _Consumers = {}
    for node in graph.node:
        for position, name in enumerate(node.input):
            found.setdefault(name, []).append((node, position))
    return found


def _weights(
    graph: onnx.GraphProto, consumers: _Consumers
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes in the order of use: filled constants and small float tensors."""
    initial = {tensor.name: tensor for tensor in graph.initializer}
    shapes = {name: tuple(tensor.dims) for name, tensor in initial.items() if _is_float(tensor)}
    for node in graph.node:
        if node.op_type == "ConstantOfShape":
            shapes[node.output[0]] = tuple(numpy_helper.to_array(initial[node.input[0]]).tolist())
    seen = dict.fromkeys(name for name in consumers if name in shapes)
    return ((name, shapes[name]) for name in seen)


def _is_float(tensor: onnx.TensorProto) -> bool:
    return bool(tensor.data_type == onnx.TensorProto.FLOAT)


def _is_kernel(name: str, consumers: _Consumers) -> bool:
    """Whether ``name`` is multiplied over channels: a conv or dense weight."""
    node, position = consumers[name][0]
    if node.op_type == "Reshape":  # inception v1 keeps its dense weight in 4 dimensions
        return position == 0
    return node.op_type in ("Conv", "Gemm") and position == 1


def _bounds(name: str, shape: tuple[int, ...], consumers: _Consumers) -> tuple[float, float]:
    if _is_kernel(name, consumers):
        node, _ = consumers[name][0]
        fan_in = math.prod(shape[1:]) if node.op_type == "Conv" else shape[-1]
        bound = math.sqrt(6 / fan_in)  # He: variance 2 / fan_in
        return -bound, bound
    node, position = consumers[name][0]
    while node.op_type == "Unsqueeze":  # scale layers: Unsqueeze, then Mul or Add
        node, _ = consumers[node.output[0]][0]
        position = 1 if node.op_type == "Mul" else 2
    scale = (node.op_type == "BatchNormalization" and position in (1, 4)) or node.op_type == "Mul"
    return _NEAR_ONE if scale else _NARROW


def _uniform(
    stream: np.random.PCG64, shape: tuple[int, ...], low: float, high: float
) -> NDArray[np.float32]:
    count = math.prod(shape)
    raw = np.asarray(stream.random_raw((count + 1) // 2), dtype="<u8").view("<u4")[:count]
    unit = (raw >> 8).astype(np.float32) - np.float32(1 << 23)  # exact, in [-2^23, 2^23)
    half, middle = np.float32((high - low) / 2 / (1 << 23)), np.float32((high + low) / 2)
    values = (unit * half).astype(np.float32) + middle
    return np.ascontiguousarray(values.reshape(shape), dtype=np.float32)
