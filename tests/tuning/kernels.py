"""Kernels of the CPU pipeline, as candidates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tvm
from onnx import helper

from tests.cpu_kernels import graph
from tvmedge.compiler.pipelines import cpu_kernels, run_phases
from tvmedge.device.zig import zig_cc
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import core_of
from tvmedge.tuning.costs.candidate import SYMBOL, Argument, BuiltCandidate, built

CHANNELS = 32


def convolution(spec: TargetSpec, size: int = 12) -> BuiltCandidate:
    """A 1x1 convolution of ``CHANNELS`` channels, over ``size`` x ``size`` pixels."""
    weight = np.random.default_rng(0).uniform(-1, 1, (CHANNELS, CHANNELS, 1, 1))
    inputs = {"x": np.zeros((1, CHANNELS, size, size), np.float32)}
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    proto = graph(nodes, inputs, {"w": weight.astype(np.float32)}, "y")
    imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
    return pick(candidates(imported.module, spec), "conv")


def candidates(module: tvm.IRModule, spec: TargetSpec) -> dict[str, BuiltCandidate]:
    """Every kernel of a Relax module, scheduled and built for a target, by name."""
    machine = tvm.target.Target(dict(spec.tvm))
    with machine, tvm.transform.PassContext(opt_level=3):
        lowered = run_phases(cpu_kernels(core_of(spec)), module)
        return {
            variable.name_hint: built(function, machine)
            for variable, function in lowered.functions_items()
            if isinstance(function, tvm.tirx.PrimFunc)
        }


def pick(made: Mapping[str, BuiltCandidate], part: str) -> BuiltCandidate:
    """The one whose name has ``part`` in it."""
    (found,) = (candidate for name, candidate in made.items() if part in name)
    return found


def written(source: str, spec: TargetSpec, folder: Path) -> BuiltCandidate:
    """A candidate of C: ``source`` is the body, of one tensor ``float *x`` of ``CHANNELS``."""
    code, made = folder / "kernel.c", folder / "kernel.o"
    code.write_text(f"void {SYMBOL}(volatile float *x) {{ {source} }}\n", encoding="ascii")
    flags = ["-target", spec.toolchain.triple, "-O1", "-fPIC", "-fno-sanitize=all", "-c"]
    zig_cc([*flags, str(code), "-o", str(made)], "a test kernel")
    x = Argument((CHANNELS,), "float32")
    return BuiltCandidate(made.read_bytes(), str(spec.tvm["mtriple"]), (x,))
