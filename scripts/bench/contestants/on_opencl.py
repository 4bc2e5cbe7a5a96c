"""Kernels on this machine's OpenCL device: ours as for a Mali, and upstream's for one.

Both load the same runtime, ours: TVM's wheel has none. Built kernels of earlier runs are out of
sight, so a cold start builds all. A run takes inputs from the host and gives outputs back.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.bench.contestants.base import Array, Contestant, Source
from scripts.bench.contestants.ours import TvmEdge
from scripts.bench.environments import OURS


def use_opencl(contestant: Contestant) -> None:
    """Load our OpenCL runtime, with empty caches and as many processors as the contestant has."""
    from tvmedge.boards.opencl import CACHE_VARIABLE, load_opencl

    folder = tempfile.mkdtemp(prefix="tvmedge-bench-opencl-")
    for variable in (CACHE_VARIABLE, "POCL_CACHE_DIR"):
        os.environ[variable] = folder
    os.environ["POCL_MAX_PTHREAD_COUNT"] = str(contestant.threads)
    load_opencl()


class TvmEdgeOpenCl(TvmEdge):
    """Our bundle for ``host-opencl``."""

    name = "tvmedge-opencl"
    target = "host-opencl"

    def prepare(self) -> None:
        super().prepare()
        from tvmedge.boards.messages import LocalPlace
        from tvmedge.boards.model import Model
        from tvmedge.boards.places import open_place
        from tvmedge.types import DeviceKind

        use_opencl(self)
        self.open = lambda bundle: Model(bundle, open_place(LocalPlace(), DeviceKind.OPENCL))

    def time(self, repetitions: int) -> list[float]:
        return Contestant.time(self, repetitions)


def _name_plainly(part: Any) -> None:
    """Names that are no identifiers get into OpenCL C, which then does not build."""
    for names in (getattr(part, "input", []), getattr(part, "output", [])):
        names[:] = [re.sub(r"\W", "_", name) for name in names]
    part.name = re.sub(r"\W", "_", part.name)


class UpstreamOpenCl(Contestant):
    """Upstream's importer and its default pipeline for Mali, with dlight's schedules, of a model
    whose names OpenCL C takes."""

    name = "tvm.compile-opencl"
    runs_in = converts_in = OURS

    @classmethod
    def convert(cls, source: Source, folder: Path) -> Path:
        import onnx
        import tvm
        from tvm import relax
        from tvm.relax.frontend.onnx import from_onnx

        from tvmedge.targeting import target

        spec = target("host-opencl")
        model = onnx.load(source.folded)
        graph = model.graph
        for value in (*graph.input, *graph.initializer, *graph.node, *graph.output):
            _name_plainly(value)
        module = from_onnx(model, keep_params_in_input=False)
        library = folder / "model.so"
        with tvm.target.Target(spec.tvm_target) as machine:
            executable = relax.build(module, machine)
        executable.export_library(str(library))
        return library

    def prepare(self) -> None:
        os.environ["TVM_NUM_THREADS"] = str(self.threads)
        import tvm
        import tvm.relax

        from tvmedge.boards.runtime import load_runtime

        load_runtime()
        use_opencl(self)
        self.tvm: Any = tvm

    def load(self, form: Path, inputs: Mapping[str, Array]) -> None:
        tvm = self.tvm
        module = tvm.runtime.load_module(str(form))
        self.device = tvm.opencl(0)
        self.main = tvm.relax.VirtualMachine(module, self.device)["main"]
        self.inputs = list(inputs.values())

    def run(self) -> Sequence[Array]:
        result = self.main(*(self.tvm.runtime.tensor(x, self.device) for x in self.inputs))
        outputs = [result] if hasattr(result, "numpy") else list(result)
        return [np.asarray(output.numpy()) for output in outputs]
