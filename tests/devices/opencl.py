"""Kernels for OpenCL devices, compiled by TVM and loaded by the runtime under test."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tvm
from onnx import helper
from tvm import relax, s_tir, te

from tests.cpu_kernels import exact, graph, random
from tvmedge.compiler.passes.register_vectors import tir_pipeline
from tvmedge.compiler.pipelines import gpu_kernels, run_phases, vm_lowering
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.scheduling.engine import Choice
from tvmedge.scheduling.knobs import D
from tvmedge.targeting import target
from tvmedge.targeting.core import core_of

TARGET = {"kind": "opencl", "max_threads_per_block": 65536, "host": {"kind": "llvm"}}


def scaled(size: int = 1024, group: int = 64) -> Any:
    """``y = 2 x + 1`` over ``size`` float32, ``group`` items a work-group, built for OpenCL."""
    x = te.placeholder((size,), name="x")
    y = te.compute((size,), lambda i: x[i] * 2 + 1, name="y")
    schedule = s_tir.Schedule(te.create_prim_func([x, y]).with_attr("global_symbol", "main"))
    (loop,) = schedule.get_loops(schedule.get_sblock("y"))
    groups, items = schedule.split(loop, [None, group])
    schedule.bind(groups, "blockIdx.x")
    schedule.bind(items, "threadIdx.x")
    return tvm.compile(schedule.mod, target=tvm.target.Target(TARGET)).mod


def module_bytes(source: str, name: str = "main_kernel") -> bytes:
    """A module of one kernel without arguments, launched by blockIdx.x, as TVM stores it."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    def count(value: int) -> bytes:
        return struct.pack("<Q", value)

    kernel = text(name) + text(name) + count(0) + count(1) + text("blockIdx.x") + count(0)
    code = f"// Function: {name}\n{source}"
    return text("cl") + count(1) + kernel + text(code)


def loaded(data: bytes) -> Any:
    """The module that these bytes are."""
    return tvm.get_global_func("ffi.Module.load_from_bytes.opencl")(data)


def exported(module: Any, folder: Path) -> Any:
    """The module, written and loaded again: only then does the runtime have its kernels."""
    library = folder / "kernels.so"
    module.export_library(str(library))
    return tvm.runtime.load_module(str(library))


class Algorithm:
    """Knobs that pick an algorithm by how its name begins, and else what is estimated."""

    def __init__(self, name: str) -> None:
        self._name = name

    def pick(self, name: str, options: Sequence[D], default: D) -> D:
        """The first of ``options`` that begins so."""
        found = [one for one in options if str(one).startswith(self._name)]
        return found[0] if found else default

    def settle(self) -> None:
        """Nothing."""


def computed(
    proto: onnx.ModelProto, inputs: Iterable[np.ndarray], **options: Any
) -> tuple[np.ndarray, dict[str, Choice]]:
    """The output of a graph of one on the first OpenCL device, and the rules chosen; ``options``
    are those of ``gpu_kernels``."""
    spec = target("host-opencl")
    imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
    chosen: dict[str, Choice] = {}
    device = tvm.target.Target(spec.tvm_target)
    phases = (*gpu_kernels(core_of(spec), chosen.update, **options), *vm_lowering(in_place=False))
    with device, tvm.transform.PassContext(3, config={"tirx.disable_cse_tir": True}):
        lowered, pipeline = run_phases(phases, imported.module), tir_pipeline()
        executable = relax.build(lowered, device, relax_pipeline=None, tir_pipeline=pipeline)
    with tempfile.TemporaryDirectory() as folder:
        machine = relax.VirtualMachine(exported(executable, Path(folder)), [tvm.opencl(0)])
    result = machine["main"](*(tvm.runtime.tensor(x, tvm.opencl(0)) for x in inputs))
    return result.numpy(), chosen


def close(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, np.ndarray],
    weights: dict[str, np.ndarray],
    **options: Any,
) -> dict[str, str]:
    """The rule of each kernel of a graph with the output "y", which is as in float64."""
    want = exact(nodes, inputs, weights, "y")
    got, chosen = computed(graph(nodes, inputs, weights, "y"), inputs.values(), **options)
    assert np.abs(got - want).max() <= 1e-5 * np.abs(want).max()
    return {kernel: choice.rule for kernel, choice in chosen.items()}


@dataclass(frozen=True)
class Windows:
    """A convolution of ``size`` rows and columns (or a depthwise one of ``outs`` channels, of a
    tensor in blocks), padded to keep its size at ``stride`` 1."""

    channels: int
    outs: int
    size: tuple[int, int]
    window: int
    stride: int = 1
    depthwise: bool = False

    def rules(self) -> dict[str, str]:
        """The rule of each kernel, with a Relu, of what is as in float64."""
        ins = 1 if self.depthwise else self.channels
        pads, strides = [self.window // 2] * 4, [self.stride] * 2
        weights = {
            "w": random(self.outs, ins, self.window, self.window, seed=1),
            "b": random(self.outs, seed=2),
        }
        nodes, group = [], 1
        if self.depthwise:
            nodes, group = [helper.make_node("Conv", ["x", "v"], ["p"])], self.outs
            weights["v"] = random(self.outs, self.channels, 1, 1, seed=3)
        made = ["p" if nodes else "x", "w", "b"]
        nodes += [
            helper.make_node("Conv", made, ["c"], group=group, pads=pads, strides=strides),
            helper.make_node("Relu", ["c"], ["y"]),
        ]
        return close(nodes, {"x": random(1, self.channels, *self.size)}, weights)
