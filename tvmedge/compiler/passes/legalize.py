"""Every operator becomes a kernel: ours where we have one, else TVM's.

before: relax.nn.softmax(x)
after:  relax.call_tir(softmax, (x,))

Models that round to whole numbers keep the order in which TVM's kernels add.
"""

from __future__ import annotations

from dataclasses import dataclass

import tvm
from tvm.relax import transform

from tvmedge.compiler.kernels.float_codes import codes
from tvmedge.compiler.kernels.legal import exponentials
from tvmedge.compiler.kernels.legal_folds import extrema, folds, in_order
from tvmedge.compiler.passes.exact import rounds
from tvmedge.targeting.core import Core, DotKind


@dataclass(frozen=True)
class Legalize:
    """Kernels fold rows in vectors of ``core``; codes of floats are formed in integers for HVX."""

    core: Core

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        lanes = self.core.lanes
        ordered = {**extrema(lanes), **in_order()}
        ours = exponentials() | (ordered if rounds(module) else folds(lanes))
        unit = self.core.integer
        if unit is not None and unit.kind is DotKind.VRMPY:
            ours |= codes()
        return transform.LegalizeOps(ours)(module)
