"""One ONNX node, compiled for this machine and run in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from tests.relax_runs import runner
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model

Arrays = Sequence[NDArray[Any] | None]


def node_model(
    op: str,
    inputs: Arrays,
    *,
    constants: dict[int, NDArray[Any]] | None = None,
    outputs: Sequence[int] = (),
    opset: int = 18,
    **attributes: Any,
) -> onnx.ModelProto:
    """``inputs`` in order, None where left out; ``constants`` fixes some of them
    by position; ``outputs`` are element types, by default one like the first input."""
    fixed = constants or {}
    names = ["" if array is None else f"i{k}" for k, array in enumerate(inputs)]
    given = {name: a for name, a in zip(names, inputs, strict=True) if a is not None}
    weights = {f"i{k}": array for k, array in fixed.items()}
    results = outputs or [helper.np_dtype_to_tensor_dtype(next(iter(given.values())).dtype)]
    graph = helper.make_graph(
        [helper.make_node(op, names, [f"y{k}" for k in range(len(results))], **attributes)],
        "g",
        [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
            for n, a in given.items()
            if n not in weights
        ],
        [helper.make_tensor_value_info(f"y{k}", kind, None) for k, kind in enumerate(results)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return onnx.shape_inference.infer_shapes(proto)


def run_compiled(proto: onnx.ModelProto, inputs: Arrays) -> list[NDArray[Any]]:
    """Outputs of ``proto`` for the arrays of its graph's inputs, in order."""
    return compiled(proto)(inputs)


def compiled(proto: onnx.ModelProto) -> Callable[[Arrays], list[NDArray[Any]]]:
    """``proto`` as a function that can be called again."""
    imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
    run = runner(imported.module)
    return lambda inputs: run(array for array in inputs if array is not None)
