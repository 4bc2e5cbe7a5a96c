"""Every kernel of some small graphs, on the first OpenCL device: run in a process under Oclgrind.

``python -m tests.devices.oclgrind_cases [planted]`` prints, as JSON, for each kernel its rule and
its error against the unscheduled kernel on the CPU. Buffers are as large as tensors, no larger.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import tvm
from onnx import helper
from tvm import s_tir, te, tirx

from tests.cpu_kernels import graph, random
from tests.devices.opencl import Algorithm
from tvmedge.boards.opencl import load_opencl
from tvmedge.boards.runtime import load_runtime
from tvmedge.compiler.gpu_kernels import gpu_library
from tvmedge.compiler.pipelines import gpu_kernels, run_phases
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.scheduling.arguments import TRIALS, arguments
from tvmedge.scheduling.engine import Choice
from tvmedge.targeting import target
from tvmedge.targeting.core import core_of
from tvmedge.tensors import max_normalised_error

SPEC = target("host-opencl")
HOST = {"kind": "llvm"}

# Operator, shape of x, shape of w (None: there is none), attributes. Sizes that divide by nothing.
CASES: tuple[tuple[str, tuple[int, ...], tuple[int, ...] | None, dict], ...] = (
    ("Conv", (1, 3, 9, 11), (6, 3, 3, 3), {"pads": [1] * 4, "strides": [2, 2]}),
    ("Conv", (1, 10, 5, 7), (9, 10, 1, 1), {}),
    ("Conv", (1, 8, 7, 5), (8, 8, 3, 3), {"pads": [1] * 4}),
    ("Conv", (1, 8, 6, 5), (12, 4, 1, 1), {"group": 2}),
    ("Conv", (1, 6, 7, 9), (6, 1, 3, 3), {"pads": [1] * 4, "group": 6}),
    ("Conv", (1, 5, 9, 9), (5, 1, 5, 5), {"pads": [2] * 4, "group": 5, "strides": [2, 2]}),
    ("ConvTranspose", (1, 5, 4, 3), (5, 6, 3, 3), {"strides": [2, 2], "pads": [1] * 4}),
    ("MaxPool", (1, 6, 9, 7), None, {"kernel_shape": [3, 3], "strides": [2, 2]}),
    ("AveragePool", (1, 6, 9, 7), None, {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ("GlobalAveragePool", (1, 10, 5, 7), None, {}),
    ("MatMul", (5, 33), (33, 18), {}),
    ("MatMul", (1, 70), (70, 21), {}),
    ("MatMul", (3, 5, 9), (3, 9, 7), {}),
    ("Softmax", (3, 101), None, {}),
    ("Softmax", (2, 9, 12), None, {"axis": 1}),
    ("ReduceMean", (3, 5, 21), None, {"keepdims": 0}),
    ("Softmax", (2, 1024), None, {}),
    ("Transpose", (2, 5, 9), None, {"perm": [0, 2, 1]}),
    ("Sigmoid", (3, 7), None, {}),
)


def kernels() -> tuple[dict[str, tirx.PrimFunc], dict[str, tirx.PrimFunc], dict[str, Choice]]:
    """Those of all cases: unscheduled, scheduled, and by which rule."""
    plain: dict[str, tirx.PrimFunc] = {}
    scheduled: dict[str, tirx.PrimFunc] = {}
    choices: dict[str, Choice] = {}
    cases = [(case, algorithm) for case in CASES for algorithm in _algorithms(*case)]
    for number, ((operator, shape, weights, options), algorithm) in enumerate(cases):
        into = {"fuse": plain, "schedule": scheduled}
        chosen: dict[str, Choice] = {}

        def note(phase: str, module: tvm.IRModule, number: int = number, into: dict = into) -> None:
            for variable, func in module.functions_items():
                if isinstance(func, tirx.PrimFunc) and phase in into:
                    into[phase][f"case{number}_{variable.name_hint}"] = func

        with tvm.target.Target(SPEC.tvm_target), tvm.transform.PassContext(opt_level=3):
            phases = gpu_kernels(core_of(SPEC), chosen.update, knobs=Algorithm(algorithm))
            run_phases(phases, _imported(operator, shape, weights, options), note)
        choices |= {f"case{number}_{name}": choice for name, choice in chosen.items()}
    return plain, scheduled, choices


def _algorithms(
    operator: str, _: tuple[int, ...], weights: tuple[int, ...] | None, options: dict
) -> tuple[str, ...]:
    """By which a convolution may be formed."""
    several = operator == "Conv" and weights and weights[2:] == (3, 3)
    if several and not {"strides", "group"} & set(options):
        return "direct", "F(2x2)", "F(4x4)"
    return ("direct",)


def _imported(
    operator: str, shape: tuple[int, ...], weights: tuple[int, ...] | None, options: dict
) -> tvm.IRModule:
    names = ["x", "w"] if weights else ["x"]
    nodes: list[onnx.NodeProto] = [helper.make_node(operator, names, ["y"], **options)]
    given = {"w": random(*weights, seed=1)} if weights else {}
    proto = graph(nodes, {"x": random(*shape)}, given, "y")
    return import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {}).module


def planted() -> tuple[dict[str, tirx.PrimFunc], dict[str, tirx.PrimFunc], dict[str, Choice]]:
    """Kernels that do what none may: read beyond a buffer, write one element from two items."""
    x = te.placeholder((64,), name="x")
    beyond = te.compute((64,), lambda i: x[i + 1], name="y")
    func = te.create_prim_func([x, beyond])
    race = te.create_prim_func([x, te.compute((64,), lambda i: x[i] * 2, name="y")])
    made = {"beyond": _items(func), "race": _halved(_items(race))}
    return {"race": race, "beyond": func}, made, {name: Choice(name, "", None) for name in made}


def _items(func: tirx.PrimFunc) -> tirx.PrimFunc:
    schedule = s_tir.Schedule(func)
    (loop,) = schedule.get_loops(schedule.get_sblock("y"))
    groups, items = schedule.split(loop, [None, 64])
    schedule.bind(groups, "blockIdx.x")
    schedule.bind(items, "threadIdx.x")
    return schedule.mod["main"]


def _halved(func: tirx.PrimFunc) -> tirx.PrimFunc:
    """Two items for each element."""
    from tvm_ffi import structural_map

    def half(store: tirx.BufferStore) -> tirx.BufferStore:
        return tirx.BufferStore(store.buffer, store.value, [i // 2 for i in store.indices])

    return func.with_body(structural_map(func.body, (tirx.BufferStore, half)))


def main() -> None:
    """Build all, run each, say how far off it is."""
    plain, scheduled, choices = planted() if "planted" in sys.argv else kernels()
    named = {name: func.with_attr("global_symbol", name) for name, func in plain.items()}
    right = tvm.tirx.build(tvm.IRModule(named), tvm.target.Target(HOST))
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "kernels.so"
        library.write_bytes(gpu_library(scheduled, SPEC).file)
        load_runtime()
        load_opencl()
        made = tvm.runtime.load_module(str(library))
    found = {}
    for name, choice in choices.items():
        given = arguments(plain[name], TRIALS[1], 0)
        results = []
        for module, device in ((right, tvm.cpu()), (made, tvm.opencl(0))):
            tensors = [tvm.runtime.tensor(array, device) for array in given]
            module[name](*tensors)
            results.append([tensor.numpy() for tensor in tensors])
        error = max(max_normalised_error(b, a) for a, b in zip(*results, strict=True))
        found[name] = (choice.rule, float(np.nan_to_num(error, nan=1e9)))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
