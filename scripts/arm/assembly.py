"""The assembly of a model's kernels for a target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tvm

from scripts.model_import import imported
from scripts.model_list import ModelEntry
from tvmedge.compiler.build import schedule
from tvmedge.compiler.library.lower import lower
from tvmedge.scheduling.engine import Choice
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import big_cores

_PACKED_AXES = 6  # of a convolution's weights: blocks out and in, window, channels in and out


@dataclass(frozen=True)
class Assembly:
    """The text of scheduled ``kernels``, and how each was scheduled."""

    text: str
    kernels: Mapping[str, tvm.tirx.PrimFunc]
    choices: Mapping[str, Choice]

    def kernel(self, function: str) -> str | None:
        """The kernel that ``function`` is a part of."""
        names = [name for name in self.kernels if function.startswith(name)]
        return max(names, key=len, default=None)

    def window(self, kernel: str) -> str | None:
        """The window, such as 3x3, of a packed convolution."""
        for parameter in self.kernels[kernel].params:
            shape: Any = getattr(parameter.ty, "shape", ())
            if len(shape) == _PACKED_AXES:
                return f"{int(shape[2])}x{int(shape[3])}"
        return None


def model_assembly(entry: ModelEntry, path: Path, spec: TargetSpec) -> Assembly:
    """What the kernels of a listed model, which is at ``path``, become."""
    return kernel_assembly(imported(entry, path).module, spec)


def kernel_assembly(module: tvm.IRModule, spec: TargetSpec) -> Assembly:
    """What the kernels of a Relax module become in a library for as many threads as ``spec`` has
    fast cores: the form that is shipped."""
    choices: dict[str, Choice] = {}
    lifted = schedule(module, spec, explain=choices.update)
    target = tvm.target.Target(spec.tvm_target)
    kernels = {
        name.name_hint: function.with_attr("global_symbol", name.name_hint)
        for name, function in lifted.module.functions_items()
        if isinstance(function, tvm.tirx.PrimFunc)
    }
    with target, tvm.transform.PassContext(opt_level=3):
        lowered = lower(tvm.IRModule(kernels), target, big_cores(spec))
        built = tvm.get_global_func("target.build.llvm")(lowered, target)
    return Assembly(built.inspect_source("asm"), kernels, choices)
