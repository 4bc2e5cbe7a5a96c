"""How much memory a run of the VM takes for what lies between inputs and results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import tvm
from tvm import relax, tirx
from tvm_ffi import structural_walk

from tvmedge.compiler.library.layout import lay_out
from tvmedge.compiler.library.refused import NotStraightLineError
from tvmedge.compiler.library.scratch import STACK_LIMIT
from tvmedge.compiler.library.walk import walk
from tvmedge.compiler.passes.small_on_stack import nbytes


@dataclass(frozen=True)
class Memory:
    """Bytes of activations: everything but inputs, weights and results, on one thread.

    ``lower_bound`` is the most that is alive at once, which no plan can beat. None where
    only a run knows: open sizes, branches, loops.
    """

    activations: int | None = None
    lower_bound: int | None = None


@dataclass
class MemoryWatch:
    """Looks on as a module becomes code for the VM: ``phase`` is told of phases, ``kernels``
    is an instrument of TVM's passes."""

    _planned: int | None = None
    _calls: tvm.IRModule | None = None
    _scratch: dict[str, list[int]] = field(default_factory=dict)

    def phase(self, name: str, module: tvm.IRModule) -> None:
        """An observer of ``run_phases``."""
        if name == "calls":
            self._calls = module
        elif name == "memory":
            self._planned = _planned(module)

    def kernels(self) -> object:
        """The instrument that sees how much each kernel allocates itself."""

        @tvm.instrument.pass_instrument
        class Kernels:
            def run_before_pass(_, module: tvm.IRModule, info: tvm.ir.transform.PassInfo) -> None:
                if info.name == "tirx.LowerTVMBuiltin":
                    self._scratch |= _scratch(module)

        return Kernels()

    def memory(self) -> Memory:
        """What was seen, once the module is built."""
        if self._planned is None or self._calls is None:
            return Memory()
        largest = max(map(sum, self._scratch.values()), default=0)
        return Memory(self._planned + largest, _bound(self._calls, self._scratch))


def _planned(module: tvm.IRModule) -> int | None:
    """Bytes of the storages of ``main`` that hold no result."""
    main = module["main"]
    sizes: dict[relax.Var, int] = {}
    within: dict[relax.Var, relax.Expr] = {}
    for binding in (b for block in main.body.blocks for b in block.bindings):
        value = binding.value
        if isinstance(value, relax.If):
            return None
        if isinstance(value, relax.Var):
            within[binding.var] = value
        if not isinstance(value, relax.Call):
            continue
        if isinstance(value.op, tvm.ir.GlobalVar) and isinstance(module[value.op], relax.Function):
            return None
        name = getattr(value.op, "name", "")
        if name == "relax.memory.alloc_storage":
            (size,) = value.args[0].values
            if not isinstance(size, tirx.IntImm):
                return None
            sizes[binding.var] = int(size)
        elif name in ("relax.memory.alloc_tensor", "relax.reshape"):
            within[binding.var] = value.args[0]
    for result in _variables(main.body.body):
        place: relax.Expr = result
        while place in within:
            place = within[place]
        sizes.pop(place, None)
    return sum(sizes.values())


def _variables(expr: relax.Expr) -> list[relax.Var]:
    found: list[relax.Var] = []

    def look(part: relax.Expr) -> None:
        if isinstance(part, relax.Var):
            found.append(part)

    relax.analysis.post_order_visit(expr, look)
    return found


def _scratch(module: tvm.IRModule) -> dict[str, list[int]]:
    """By kernel, the bytes of each buffer that it asks the runtime for."""
    result: dict[str, list[int]] = {}
    for variable, function in module.functions_items():
        allocated: list[tirx.AllocBuffer] = []
        structural_walk(function.body, (tirx.AllocBuffer, allocated.append))
        sizes = [nbytes(statement.buffer) or 0 for statement in allocated]
        result[variable.name_hint] = [size for size in sizes if size > STACK_LIMIT]
    return result


def _bound(calls: tvm.IRModule, scratch: Mapping[str, list[int]]) -> int | None:
    try:
        program = walk(calls)
    except NotStraightLineError:
        return None
    return lay_out(program, {name: tuple(sizes) for name, sizes in scratch.items()}).lower_bound
