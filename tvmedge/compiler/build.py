"""A lowered module becomes the bytes of a shared library."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tvm
from tvm import relax

from tvmedge.compiler.dump import IrDump
from tvmedge.compiler.link import linker
from tvmedge.compiler.passes.lift_weights import lift_weights
from tvmedge.compiler.passes.schedule_kernels import Explain, Verify
from tvmedge.compiler.pipelines import cpu_kernels, run_phases, vm_lowering
from tvmedge.resources import disk_errors
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import core_of


@dataclass(frozen=True)
class Library:
    """A shared library for TVM's Relax VM and the weights it takes as arguments."""

    code: bytes
    weights: dict[str, npt.NDArray[np.generic]]
    kernels: int


def build(
    module: tvm.IRModule,
    spec: TargetSpec,
    dump: IrDump | None = None,
    explain: Explain | None = None,
    verify: Verify | None = None,
) -> Library:
    """Lower, generate code and link ``module`` for ``spec``; ``explain`` hears how each
    kernel was scheduled, ``verify`` is given the module before and after.

    Raises:
        ToolError: the linker failed or the disk is full.
    """
    observe = dump.write if dump else None
    target = tvm.target.Target(dict(spec.tvm))
    with target, tvm.transform.PassContext(opt_level=3):
        module = run_phases(cpu_kernels(core_of(spec), explain, verify), module, observe)
        lifted = lift_weights(module)
        if observe:
            observe("lift_weights", lifted.module)
        kernels = sum(isinstance(f, tvm.tirx.PrimFunc) for f in lifted.module.functions.values())
        lowered = run_phases(vm_lowering(), lifted.module, observe)
        executable = relax.build(lowered, target, relax_pipeline=None)
    return Library(_export(executable, spec), lifted.weights, kernels)


def _export(executable: relax.VMExecutable, spec: TargetSpec) -> bytes:
    temporary = Path(tempfile.gettempdir())
    with (
        disk_errors(temporary),
        tempfile.TemporaryDirectory(prefix="tvmedge-build-") as folder,
        _objects_in_memory(Path(folder)),
    ):
        library = Path(folder) / "model.so"
        executable.export_library(
            str(library), fcompile=linker(spec.toolchain), workspace_dir=folder
        )
        return library.read_bytes()


@contextlib.contextmanager
def _objects_in_memory(folder: Path) -> Iterator[None]:
    """Let the object files that TVM writes into ``folder`` live in memory.

    LLVM ends the whole process when it cannot write a file, as on a full disk.
    """
    handles = []
    try:
        for name in ("lib0.o", "devc.o"):
            handles.append(os.memfd_create(name))
            (folder / name).symlink_to(f"/proc/{os.getpid()}/fd/{handles[-1]}")
        yield
    finally:
        for handle in handles:
            os.close(handle)
