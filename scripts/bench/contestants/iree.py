"""IREE: its ONNX importer and LLVM CPU backend, at its highest optimisation."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scripts.bench.contestants.base import Array, Contestant, RefusedError, Source
from scripts.bench.environments import Environment


class Iree(Contestant):
    """Inputs and outputs stay on its device; a run ends when the outputs are there."""

    name = "iree"
    runs_in = converts_in = Environment(
        "iree", ("iree-base-compiler[onnx]==3.13.0", "iree-base-runtime==3.13.0")
    )

    @classmethod
    def convert(cls, source: Source, folder: Path) -> Path:
        opset = "17"  # the importer lifts older models to it
        flags = [
            "--iree-hal-target-device=local",
            "--iree-hal-local-target-device-backends=llvm-cpu",
            "--iree-llvmcpu-target-cpu=host",
            "--iree-opt-level=O3",
            "--iree-opt-data-tiling",
        ]
        tools = Path(sys.executable).parent
        imported, compiled = folder / "model.mlir", folder / "model.vmfb"
        importer: list[str | Path] = [
            tools / "iree-import-onnx",
            source.folded,
            "--opset-version",
            opset,
        ]
        _call([*importer, "-o", imported])
        _call([tools / "iree-compile", imported, *flags, "-o", compiled])
        imported.unlink()
        return compiled

    def prepare(self) -> None:
        import iree.runtime

        self.runtime = iree.runtime

    def load(self, form: Path, inputs: Mapping[str, Array]) -> None:
        if self.threads > 1:
            self.runtime.flags.parse_flags(f"--task_topology_group_count={self.threads}")
        config = self.runtime.Config("local-task" if self.threads > 1 else "local-sync")
        context = self.runtime.SystemContext(config=config)
        module = self.runtime.VmModule.mmap(context.instance, str(form))
        context.add_vm_module(module)
        (name,) = (n for n in module.function_names if "$" not in n and not n.startswith("__"))
        self.function = context.modules[module.name][name]
        self.inputs = [self.runtime.asdevicearray(config.device, x) for x in inputs.values()]

    def run(self) -> Sequence[Array]:
        results = self.function(*self.inputs)
        outputs = results if isinstance(results, tuple) else (results,)
        return [np.asarray(output.to_host()) for output in outputs]


def _call(command: Sequence[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        errors = [line.partition("error: ")[2] for line in lines if "error: " in line]
        raise RefusedError((errors or lines[-1:])[0])
