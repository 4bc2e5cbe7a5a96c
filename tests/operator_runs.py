"""One ONNX node, compiled for this machine and run in this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx
import tvm
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from tvm import relax

from tvmedge.compiler.pipelines import cpu_kernels, run_phases, vm_lowering
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.targeting.core import Core

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
    target = tvm.target.Target("llvm")
    with target, tvm.transform.PassContext(opt_level=3):
        module = run_phases((*cpu_kernels(Core(4, 16)), *vm_lowering()), imported.module)
        executable = relax.build(module, target, relax_pipeline=None)
    machine = relax.VirtualMachine(executable, tvm.cpu())

    def run(inputs: Arrays) -> list[NDArray[Any]]:
        result = machine["main"](*[tvm.runtime.tensor(a) for a in inputs if a is not None])
        return [r.numpy() for r in ([result] if hasattr(result, "numpy") else result)]

    return run
