"""Scheduled kernels of a GPU as a library that TVM's runtime loads: single kernels, not a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import tvm
from tvm import tirx

from tvmedge.compiler import opencl_source
from tvmedge.compiler.build import UNCHECKED, exported
from tvmedge.scheduling.gpu_items import DeviceKernel, GpuWatch
from tvmedge.targeting import TargetSpec


@dataclass(frozen=True)
class GpuLibrary:
    """A shared library with a function of TVM's calling convention for each kernel, and what
    each kernel of the device takes: a function may start several."""

    file: bytes
    kernels: tuple[DeviceKernel, ...]


def gpu_library(funcs: Mapping[str, tirx.PrimFunc], spec: TargetSpec) -> GpuLibrary:
    """Build ``funcs``, which are scheduled for ``spec``, under these names.

    Raises:
        ToolError: the linker failed or the disk is full.
    """
    machine = tvm.target.Target(spec.tvm_target)
    named = {name: func.with_attr("global_symbol", name) for name, func in funcs.items()}
    watch = GpuWatch()
    context = tvm.transform.PassContext(3, UNCHECKED, instruments=[watch.instrument()])
    with machine, context, opencl_source.alone():
        module = tvm.tirx.build(tvm.IRModule(named), machine)
    return GpuLibrary(exported(module, spec), tuple(watch.kernels))
