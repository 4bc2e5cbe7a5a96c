"""Small ONNX graphs through the CPU pipeline for any core, run on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from tests.relax_runs import runner
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.scheduling.engine import Choice
from tvmedge.targeting.core import Core

Array = NDArray[Any]

CORES = {
    "avx512": Core(16, 32, memory_operand=True, fetches=True),
    "avx2": Core(8, 16, fetches=True),
    "neon": Core(4, 32, lane_operand=True),
    "armv7": Core(4, 16),
}


def graph(
    nodes: list[onnx.NodeProto], inputs: dict[str, Array], weights: dict[str, Array], out: str
) -> onnx.ModelProto:
    """A model of float32 (or, for references, float64) tensors with one output."""
    kind = helper.np_dtype_to_tensor_dtype(next(iter(inputs.values())).dtype)
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, kind, x.shape) for name, x in inputs.items()],
        [helper.make_tensor_value_info(out, kind, None)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    proto = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return onnx.shape_inference.infer_shapes(proto)


def exact(
    nodes: list[onnx.NodeProto], inputs: dict[str, Array], weights: dict[str, Array], out: str
) -> Array:
    """What the graph computes in float64, by ONNX's reference evaluator."""
    wide = {name: array.astype(np.float64) for name, array in inputs.items()}
    widened = {n: a.astype(np.float64) if a.dtype == np.float32 else a for n, a in weights.items()}
    proto = graph(nodes, wide, widened, out)
    (result,) = ReferenceEvaluator(proto).run(None, wide)
    return np.asarray(result)


def compiled(
    proto: onnx.ModelProto, inputs: dict[str, Array], core: Core
) -> tuple[Array, dict[str, Choice]]:
    """The graph's output from kernels scheduled for ``core``, and the rules chosen."""
    imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
    seen: dict[str, Choice] = {}
    (result,) = runner(imported.module, core, seen.update)(inputs.values())
    return result, seen


def random(*shape: int, seed: int = 0) -> Array:
    """Values of -1 to 1."""
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)
