"""Kernels that no rule of a GPU takes run on the CPU beside it, on copies of their tensors.

before: y = call_tir(lstm, (x, w))
after:  y = to_vdevice(call_tir(lstm, (to_vdevice(x, cpu), to_vdevice(w, cpu))), gpu)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import tvm
from tvm import relax, tirx
from tvm_ffi import structural_walk

from tvmedge.types import CpuKernel

_CALL = "relax.call_tir"


@dataclass
class HostKernels:
    """Comes after schedules. ``target`` is of the GPU, with its host; ``found`` are the kernels
    that were moved, by name."""

    target: tvm.target.Target
    found: dict[str, CpuKernel] = field(default_factory=dict)

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        names = {
            str(variable.name_hint)
            for variable, func in module.functions_items()
            if isinstance(func, tirx.PrimFunc) and not _has_items(func)
        }
        if not names:
            return module
        host = self.target.host
        devices = [relax.VDevice(self.target, 0, "global"), relax.VDevice(host, 0, "global")]
        result = tvm.IRModule(
            dict(module.functions.items()),
            attrs=module.attrs,
            global_infos={**module.global_infos, "vdevice": devices},
        )
        for name in names:
            result[name] = result[name].with_attr("target", host)
        mover = _Mover(result, names, devices)
        for variable, function in module.functions_items():
            if isinstance(function, relax.Function):
                mover.builder_.update_func(
                    mover.builder_.get().get_global_var(variable.name_hint),
                    mover.visit_expr(function),
                )
        self.found = mover.found
        return mover.builder_.get()


def _has_items(func: tirx.PrimFunc) -> bool:
    """Whether loops are work-items of a GPU."""
    found: list[object] = []

    def look(part: tirx.For | tirx.AttrStmt) -> None:
        threads = (
            part.kind == tirx.ForKind.THREAD_BINDING
            if isinstance(part, tirx.For)
            else (part.attr_key == "thread_extent")
        )
        if threads:
            found.append(part)

    structural_walk(func.body, ((tirx.For, tirx.AttrStmt), look))
    return bool(found)


@relax.expr_functor.mutator
class _Mover(relax.PyExprMutator):  # type: ignore[misc]
    def __init__(self, module: tvm.IRModule, names: set[str], devices: list[relax.VDevice]) -> None:
        super().__init__(module)
        self._names = names
        self._gpu, self._cpu = devices
        self.found: dict[str, CpuKernel] = {}

    def visit_call_(self, call: relax.Call) -> relax.Expr:
        call = self.visit_expr_post_order(call)
        if getattr(call.op, "name", "") != _CALL or call.args[0].name_hint not in self._names:
            return call
        given = call.args[1].fields
        (out,) = call.ty_args
        types = list(out.fields) if isinstance(out, tvm.ir.TupleType) else [out]
        self._note(call.args[0].name_hint, [x.ty for x in given], types)
        moved = [self._moved(x, self._cpu) for x in given]
        there = [relax.TensorType(kind.shape, kind.dtype, self._cpu) for kind in types]
        made = relax.call_tir(call.args[0], moved, there if len(there) > 1 else there[0])
        result = self.builder_.emit(made)
        if len(there) == 1:
            return relax.op.to_vdevice(result, self._gpu)
        parts = [
            self._moved(self.builder_.emit(relax.TupleGetItem(result, place)), self._gpu)
            for place in range(len(there))
        ]
        return relax.Tuple(parts)

    def _moved(self, value: relax.Expr, device: relax.VDevice) -> relax.Expr:
        if not isinstance(value.ty, relax.TensorType):
            return value
        return self.builder_.emit(relax.op.to_vdevice(value, device))

    def _note(self, name: str, given: list[tvm.ir.Type], made: list[tvm.ir.Type]) -> None:
        before = self.found.get(name, CpuKernel(name, 0, 0))
        self.found[name] = CpuKernel(
            name, _sum(before.bytes_to_cpu, _bytes(given)), _sum(before.bytes_to_gpu, _bytes(made))
        )


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other


def _bytes(types: list[tvm.ir.Type]) -> int | None:
    total = 0
    for kind in types:
        if not isinstance(kind, relax.TensorType):
            continue
        shape = kind.shape
        if shape is None or not all(isinstance(size, tirx.IntImm) for size in shape.values):
            return None
        bits = tvm.DataType(str(kind.dtype)).bits
        total += math.prod(int(size) for size in shape.values) * bits // 8
    return total
