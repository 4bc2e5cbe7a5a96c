"""A GPU's kernel as a library that TVM's runtime loads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tvm import tirx

from tvmedge.compiler.gpu_kernels import gpu_library
from tvmedge.scheduling.gpu_items import DeviceKernel
from tvmedge.scheduling.gpu_limits import require_fits
from tvmedge.targeting import TargetSpec
from tvmedge.tuning.costs.candidate import SYMBOL, BuiltCandidate, argument_of


@dataclass(frozen=True)
class GpuCandidate(BuiltCandidate):
    """``code`` is a shared library whose function ``tvmedge_candidate`` of TVM's convention starts
    ``kernels`` on the device."""

    kernels: tuple[DeviceKernel, ...] = ()

    def library(self, *others: Path) -> bytes:
        """The code as it is."""
        assert not others, "nothing is linked with a GPU's library"
        return self.code


def built_for_gpu(func: tirx.PrimFunc, spec: TargetSpec) -> GpuCandidate:
    """A scheduled kernel of known shapes for the GPU of ``spec``.

    Raises:
        CheckError: it is over the GPU's limits.
        ValueError: a parameter is no tensor of known shape, or nothing of it runs on the GPU.
    """
    arguments = tuple(argument_of(parameter) for parameter in func.params)
    made = gpu_library({SYMBOL: func}, spec)
    if not made.kernels:
        raise ValueError("no part of it runs on the GPU")
    require_fits(made.kernels, spec)
    return GpuCandidate(made.file, str(spec.tvm["mtriple"]), arguments, kernels=made.kernels)
