"""Keep images in blocks of channels from convolution to convolution.

before: conv2d(x, w[64, 32, 3, 3]); maximum(., 0); mean(., [2, 3])     (x is [N, 32, H, W])
after:  pack(x); conv(., w[4, 2, 3, 3, 16, 16]); maximum(., 0); mean(., [2, 3]); unpack(.)

A convolution with constant weights starts a blocked region; what can compute in
blocks stays in it; everything else sees the plain layout. Weights are packed here,
once. A model without convolutions is left as it is. Winograd's algorithms are for models
that do not round: they sum in another order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import tvm
from tvm import relax

from tvmedge.compiler.passes.blocked.context import Context
from tvmedge.compiler.passes.blocked.layout import Blocked, Layout
from tvmedge.compiler.passes.blocked.operators import INTEGER_OPERATORS, OPERATORS, Handler
from tvmedge.compiler.passes.blocked.slices import part
from tvmedge.compiler.passes.exact import rounds
from tvmedge.compiler.passes.functions import rewrite
from tvmedge.scheduling.knobs import Defaults, Knobs
from tvmedge.targeting.core import Core
from tvmedge.types import Winograd


@dataclass(frozen=True)
class BlockChannels:
    """Blocks are as long as a vector of ``core``; 3x3 convolutions may run by ``winograd``,
    which ``knobs`` may choose, unless the core wants small weights."""

    core: Core
    winograd: Winograd = Winograd.OFF
    knobs: Knobs = field(default_factory=Defaults)

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        direct = self.core.small_weights or rounds(module)
        winograd = Winograd.OFF if direct else self.winograd
        return rewrite(module, _Mutator(module, self.core, winograd, self.knobs))


@dataclass(frozen=True)
class BlockIntegers:
    """The same for images of integers, where ``core`` has a unit for those: blocks are as long
    as its vectors of sums."""

    core: Core

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        if self.core.integer is None:
            return module
        core, operators = self.core.for_integers, INTEGER_OPERATORS
        return rewrite(module, _Mutator(module, core, Winograd.OFF, Defaults(), operators))


@relax.expr_functor.mutator
class _Mutator(relax.PyExprMutator):  # type: ignore[misc]
    def __init__(
        self,
        module: tvm.IRModule,
        core: Core,
        winograd: Winograd,
        knobs: Knobs,
        operators: Mapping[str, Handler] = OPERATORS,
    ) -> None:
        super().__init__(module)
        self.operators = operators
        self.context = Context(Layout(self.builder_, core), self.visit_expr, winograd, knobs)

    def visit_var_binding_(self, binding: relax.VarBinding) -> None:
        value = binding.value
        self.context.bindings[binding.var] = value
        made = None
        if isinstance(value, relax.Call) and isinstance(value.op, tvm.ir.Op):
            operator = self.operators.get(value.op.name)
            made = operator(self.context, value) if operator else None
        elif isinstance(value, relax.TupleGetItem):
            made = part(self.context, value)
        if made is None:
            super().visit_var_binding_(binding)
        elif isinstance(made, relax.Expr):
            plain = self.builder_.normalize(made)
            self.builder_.emit_normalized(relax.VarBinding(binding.var, plain))
        elif isinstance(binding.var, relax.DataflowVar):
            self.context.values[binding.var] = made
        else:  # seen outside of its block, where nobody knows of blocks
            plain = self.context.unpack(made, binding.var)
            self.builder_.emit_normalized(relax.VarBinding(binding.var, plain))

    def visit_dataflow_var_(self, variable: relax.DataflowVar) -> relax.Expr:
        if variable in self.context.values:
            return self.context.unpacked(variable)
        return super().visit_dataflow_var_(variable)


__all__ = ["BlockChannels", "BlockIntegers", "Blocked"]
