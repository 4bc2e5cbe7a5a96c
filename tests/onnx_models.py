"""Small ONNX models that tests build for themselves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
INT64 = TensorProto.INT64


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: dict[str, np.ndarray] | None = None,
    *,
    opset: int = 17,
    domains: Sequence[tuple[str, int]] = (),
) -> onnx.ModelProto:
    """A model of one graph; ``domains`` adds opset imports."""
    graph = helper.make_graph(
        nodes,
        "g",
        inputs,
        outputs,
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(*d) for d in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def tensor(name: str, shape: Sequence[int | str | None], kind: int = FLOAT) -> onnx.ValueInfoProto:
    """A tensor's declaration."""
    return helper.make_tensor_value_info(name, kind, shape)


def conv_net(*, batch: int | str = 1, channels: int = 16) -> onnx.ModelProto:
    """Conv -> Relu -> GlobalAveragePool -> Flatten -> Gemm, with awkward names."""
    rng = np.random.default_rng(1)
    weights = {
        "conv/w:0": rng.standard_normal((channels, 3, 3, 3)).astype(np.float32),
        "conv/b:0": rng.standard_normal(channels).astype(np.float32),
        "fc/w": rng.standard_normal((channels, 128)).astype(np.float32),
    }
    nodes = [
        helper.make_node(
            "Conv", ["in:0", "conv/w:0", "conv/b:0"], ["c.1"], name="conv", pads=[1, 1, 1, 1]
        ),
        helper.make_node("Relu", ["c.1"], ["c/1"], name="relu"),
        helper.make_node("GlobalAveragePool", ["c/1"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "fc/w"], ["out/0"], name="fc"),
    ]
    return model(
        nodes,
        [tensor("in:0", [batch, 3, 16, 16])],
        [tensor("out/0", [batch, 128])],
        weights,
    )


def save(proto: onnx.ModelProto, path: Path) -> Path:
    """Write ``proto`` and return its path."""
    onnx.save(proto, path)
    return path


def wide_net() -> onnx.ModelProto:
    """A convolution, a depthwise one (whose tasks pad planes of their own), softmax: all large
    enough to be worth threads."""
    rng = np.random.default_rng(2)
    weights = {
        "w": rng.standard_normal((64, 3, 3, 3)).astype(np.float32),
        "d": rng.standard_normal((64, 1, 5, 5)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4),
        helper.make_node("Conv", ["c", "d"], ["e"], pads=[2] * 4, group=64),
        helper.make_node("Softmax", ["e"], ["y"], axis=1),
    ]
    return model(nodes, [tensor("x", [1, 3, 64, 64])], [tensor("y", [1, 64, 64, 64])], weights)
