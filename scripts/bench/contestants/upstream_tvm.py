"""Upstream TVM: its ONNX importer and ``tvm.compile`` with the default pipeline."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.bench.contestants.base import Array, Contestant, Source
from scripts.bench.environments import OURS


class UpstreamTvm(Contestant):
    """The same TVM as ours, without our plugin."""

    name = "tvm.compile"
    runs_in = converts_in = OURS

    @classmethod
    def convert(cls, source: Source, folder: Path) -> Path:
        import onnx

        tvm = _tvm()
        from tvm.relax.frontend.onnx import from_onnx

        module = from_onnx(onnx.load(source.folded), keep_params_in_input=False)
        library = folder / "model.so"
        tvm.compile(module, tvm.target.Target.from_device("cpu")).export_library(str(library))
        return library

    def prepare(self) -> None:
        os.environ["TVM_NUM_THREADS"] = str(self.threads)
        self.tvm = _tvm()

    def load(self, form: Path, inputs: Mapping[str, Array]) -> None:
        tvm: Any = self.tvm
        module = tvm.runtime.load_module(str(form))
        vm = tvm.relax.VirtualMachine(module, tvm.cpu())
        self.main, self.inputs = vm["main"], [tvm.runtime.tensor(x) for x in inputs.values()]

    def once(self) -> None:
        self.main(*self.inputs)

    def run(self) -> Sequence[Array]:
        result = self.main(*self.inputs)
        outputs = [result] if hasattr(result, "numpy") else list(result)
        return [np.asarray(output.numpy()) for output in outputs]


def _tvm() -> Any:
    os.environ["TVM_DEVICE_BACKEND_AUTOLOAD"] = "0"
    import tvm
    import tvm.relax

    return tvm
