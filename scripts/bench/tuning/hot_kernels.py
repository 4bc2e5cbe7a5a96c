"""Six kernels of the kinds that models spend their time in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tvm
from onnx import helper, numpy_helper
from tvm import relax, tirx

from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.targeting import TargetSpec
from tvmedge.tuning.tasks import Task, tasks_of
from tvmedge.types import Winograd

# Operator, its attributes, the shape of the input and that of the weights.
KERNELS: dict[str, tuple[str, dict[str, Any], tuple[int, ...], tuple[int, ...] | None]] = {
    "3x3": ("Conv", {"pads": [1, 1, 1, 1]}, (1, 64, 28, 28), (64, 64, 3, 3)),
    "1x1": ("Conv", {}, (1, 256, 14, 14), (256, 256, 1, 1)),
    "first": ("Conv", {"pads": [1] * 4, "strides": [2, 2]}, (1, 3, 112, 112), (32, 3, 3, 3)),
    "depthwise": ("Conv", {"pads": [1] * 4, "group": 96}, (1, 96, 56, 56), (96, 1, 3, 3)),
    "dense": ("MatMul", {}, (64, 384), (384, 384)),
    "softmax": ("Softmax", {"axis": -1}, (12, 64, 64), None),
}


def task(kind: str, spec: TargetSpec, cost: str) -> Task:
    """The kernel with its ReLU, where it has weights; sums are direct."""
    found = tasks_of(_imported(kind), spec, cost, Winograd.OFF).tasks
    names = ("conv", "depthwise", "dense", "softmax")
    return next(one for one in found if any(name in one.kernels[0] for name in names))


def given_to_stock(kind: str, ours: Task) -> tirx.PrimFunc:
    """What MetaSchedule searches: the same kernel. Of softmax TVM's own: ours adds by a tree, and
    has 20 blocks, of which MetaSchedule had not made a first candidate in 400 s."""
    if kind != "softmax":
        return ours.func
    module = relax.transform.LegalizeOps()(_imported(kind))
    return next(f for f in module.functions.values() if isinstance(f, tirx.PrimFunc))


def _imported(kind: str) -> tvm.IRModule:
    operator, attributes, data, shape = KERNELS[kind]
    nodes = [helper.make_node(operator, ["x"] + (["w"] if shape else []), ["s"], **attributes)]
    if shape:
        nodes.append(helper.make_node("Relu", ["s"], ["y"]))
    weights = np.random.default_rng(0).uniform(-1, 1, shape or ()).astype(np.float32)
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, data)],
        [helper.make_tensor_value_info("y" if shape else "s", onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "w")] if shape else [],
    )
    proto = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    proto = onnx.shape_inference.infer_shapes(proto)
    return import_model(Model(kind, Path(f"{kind}.onnx"), proto, "0", "unknown"), {}).module
