"""The assembly of a model's kernels for a target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tvm

from scripts.model_import import imported
from scripts.model_list import ModelEntry
from tvmedge.compiler.pipelines import cpu_kernels, run_phases
from tvmedge.scheduling.engine import Choice
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import core_of

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
    """What the kernels of a Relax module become."""
    choices: dict[str, Choice] = {}
    target = tvm.target.Target(dict(spec.tvm))
    with target, tvm.transform.PassContext(opt_level=3):
        lowered = run_phases(cpu_kernels(core_of(spec), choices.update), module)
        kernels = {
            name.name_hint: function.with_attr("global_symbol", name.name_hint)
            for name, function in lowered.functions.items()
            if isinstance(function, tvm.tirx.PrimFunc)
        }
        built = tvm.tirx.build(tvm.IRModule(kernels), target=target)
    return Assembly("\n".join(_texts(built)), kernels, choices)


def _texts(module: Any) -> Iterator[str]:
    if module.kind == "llvm":
        yield module.inspect_source("asm")
    for other in module.imports:
        yield from _texts(other)
