"""A lowered module becomes the bytes of a shared library."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tvm
from tvm import relax
from tvm.relax import vm_build

from tvmedge.bundle import LibraryInfo
from tvmedge.compiler import opencl_source
from tvmedge.compiler.dump import IrDump
from tvmedge.compiler.link import linker
from tvmedge.compiler.memory import Memory, MemoryWatch
from tvmedge.compiler.parallel_build import MOST_PARTS, all_at_once, parted
from tvmedge.compiler.passes import register_vectors
from tvmedge.compiler.passes.host_kernels import HostKernels
from tvmedge.compiler.passes.lift_weights import Lifted, lift_weights
from tvmedge.compiler.passes.schedule_kernels import Explain, Verify
from tvmedge.compiler.passes.small_on_stack import tir_pipeline
from tvmedge.compiler.pipelines import (
    PLAIN_KERNELS,
    cpu_kernels,
    gpu_kernels,
    run_phases,
    vm_lowering,
)
from tvmedge.resources import temporary_folder
from tvmedge.scheduling.gpu_items import GpuWatch
from tvmedge.scheduling.gpu_limits import require_fits, spills
from tvmedge.scheduling.recorded import Recorded
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import core_of
from tvmedge.types import Numerics

log = logging.getLogger(__name__)

# A kernel's own assertions repeat what main checks, and are most of a small kernel's code.
UNCHECKED = {"tirx.disable_assert": True}
_DEVICE_CODE = {**UNCHECKED, "tirx.disable_cse_tir": True}  # our pipeline does it at its end


@dataclass(frozen=True)
class Code:
    """A shared library and the weights that go with it; ``library`` says how to call one that
    is freestanding, ``vm_because`` why this is none; ``program`` is that library linked with our
    server, for a board that loads none."""

    file: bytes
    weights: Mapping[str, npt.NDArray[np.generic]]
    kernels: int
    library: LibraryInfo | None = None
    vm_because: str = ""
    memory: Memory = field(default_factory=Memory)
    program: bytes | None = None


def schedule(
    module: tvm.IRModule,
    spec: TargetSpec,
    dump: IrDump | None = None,
    explain: Explain | None = None,
    verify: Verify | None = None,
    numerics: Numerics | None = None,
    recorded: Recorded | None = None,
) -> Lifted:
    """An imported module as calls of kernels that are scheduled for ``spec``, its weights apart.

    ``explain`` hears how each kernel was scheduled, ``verify`` is given the module before
    and after; ``recorded`` knows kernels that were tuned, and which of several an operator is to
    have.
    """
    plain: list[tvm.IRModule] = []

    def observe(name: str, module: tvm.IRModule) -> None:
        if name == PLAIN_KERNELS:
            plain.append(module)
        if dump:
            dump.write(name, module)

    numerics = numerics or Numerics()
    winograd = numerics.winograd
    with tvm.target.Target(spec.tvm_target), tvm.transform.PassContext(opt_level=3):
        if spec.accelerator is None:
            phases = cpu_kernels(core_of(spec), explain, verify, winograd, recorded, recorded)
        else:
            phases = gpu_kernels(core_of(spec), explain, recorded, numerics, recorded)
        module = run_phases(phases, module, observe)
        beside = HostKernels(tvm.target.Target(spec.tvm_target))
        if spec.accelerator is not None:
            module = beside(module)
        lifted = replace(lift_weights(module), on_cpu=tuple(beside.found.values()), plain=plain[0])
        observe("lift_weights", lifted.module)
    return lifted


def vm_code(lifted: Lifted, spec: TargetSpec, dump: IrDump | None = None) -> Code:
    """Scheduled kernels as a library for TVM's Relax VM.

    Raises:
        CheckError: a kernel is over the limits of the GPU.
        ToolError: the linker failed or the disk is full.
    """
    target = tvm.target.Target(spec.tvm_target)
    on_cpu = spec.accelerator is None
    watch = MemoryWatch()

    def observe(name: str, module: tvm.IRModule) -> None:
        watch.phase(name, module)
        if dump:
            dump.write(name, module)

    with target, tvm.transform.PassContext(opt_level=3):
        lowered = run_phases(vm_lowering(in_place=on_cpu), lifted.module, observe)
        if on_cpu:
            executable = _executable(lowered, target, watch)
        else:
            executable = _gpu_executable(lowered, target, watch, spec)
    file = exported(executable, spec)
    return Code(file, lifted.weights, kernel_count(lifted), memory=watch.memory())


def _executable(
    lowered: tvm.IRModule, target: tvm.target.Target, watch: MemoryWatch
) -> relax.VMExecutable:
    """What ``relax.build`` makes, its kernels built in parts at once."""
    builder = relax.ExecBuilder()
    kernels = vm_build._filter_tir(vm_build._vmcodegen(builder, lowered))
    pipeline = tir_pipeline()

    def machine_code(part: tvm.IRModule) -> tvm.runtime.Module:
        # A thread has a context of its own.
        with target, tvm.transform.PassContext(3, UNCHECKED, instruments=[watch.kernels()]):
            return tvm.tirx.build(part, target, pipeline)

    jobs = [functools.partial(machine_code, part) for part in parted(kernels)] if kernels else []
    return vm_build._vmlink(builder, target, ext_libs=all_at_once(jobs))


def _gpu_executable(
    lowered: tvm.IRModule, target: tvm.target.Target, watch: MemoryWatch, spec: TargetSpec
) -> relax.VMExecutable:
    """What ``relax.build`` makes: the code for the CPU only starts kernels."""
    gpu = GpuWatch()
    instruments = [watch.kernels(), gpu.instrument()]
    context = tvm.transform.PassContext(3, _DEVICE_CODE, instruments=instruments)
    with target, context, opencl_source.alone():
        pipeline = register_vectors.tir_pipeline()
        executable = relax.build(lowered, target, relax_pipeline=None, tir_pipeline=pipeline)
    if slow := require_fits(gpu.kernels, spec):
        log.warning("%s", spills(slow, spec))
    return executable


def kernel_count(lifted: Lifted) -> int:
    """How many kernels were scheduled; where one only gives another shape to what it reads, a
    call of it is left out later."""
    return sum(isinstance(f, tvm.tirx.PrimFunc) for f in lifted.module.functions.values())


def exported(made: relax.VMExecutable | tvm.runtime.Module, spec: TargetSpec) -> bytes:
    """What was built, as a shared library.

    Raises:
        ToolError: the linker failed or the disk is full.
    """
    with temporary_folder("tvmedge-build-") as folder, _objects_in_memory(folder):
        library = folder / "model.so"
        options = {"fcompile": linker(spec.toolchain), "workspace_dir": str(folder)}
        made.export_library(str(library), **options)
        return library.read_bytes()


@contextlib.contextmanager
def _objects_in_memory(folder: Path) -> Iterator[None]:
    """Let the object files that TVM writes into ``folder`` live in memory.

    LLVM ends the whole process when it cannot write a file, as on a full disk.
    """
    handles = []
    try:
        for name in (*(f"lib{part}.o" for part in range(MOST_PARTS)), "devc.o"):
            handles.append(os.memfd_create(name))
            (folder / name).symlink_to(f"/proc/{os.getpid()}/fd/{handles[-1]}")
        yield
    finally:
        for handle in handles:
            os.close(handle)
