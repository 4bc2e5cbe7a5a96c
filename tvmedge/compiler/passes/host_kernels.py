"""Kernels that no rule of a GPU takes run on the CPU beside it, on what both can see.

before: y = call_tir(lstm, (x, w))
after:  out = tvmedge.opencl.for_gpu(shape)
        out = call_tir_inplace(lstm, (on_cpu(x), on_cpu(w), out))
        y = tvmedge.opencl.on_gpu(out)

These functions are our runtime's (``device/opencl/beside.cc``): where memory is shared and the
driver maps buffers, nothing is copied.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import tvm
from tvm import relax, tirx
from tvm_ffi import structural_walk

from tvmedge.types import CpuKernel

ON_CPU, FOR_GPU, ON_GPU = (f"tvmedge.opencl.{name}" for name in ("on_cpu", "for_gpu", "on_gpu"))
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
        result = module.clone()
        for name in names:
            result[name] = result[name].with_attr("target", self.target.host)
        mover = _Mover(result, names)
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
    def __init__(self, module: tvm.IRModule, names: set[str]) -> None:
        super().__init__(module)
        self._names = names
        self.found: dict[str, CpuKernel] = {}

    def visit_call_(self, call: relax.Call) -> relax.Expr:
        call = self.visit_expr_post_order(call)
        if getattr(call.op, "name", "") != _CALL or call.args[0].name_hint not in self._names:
            return call
        given = [self._seen(x) for x in call.args[1].fields]
        (out,) = call.ty_args
        types = list(out.fields) if isinstance(out, tvm.ir.TupleType) else [out]
        self._note(call.args[0].name_hint, [x.ty for x in call.args[1].fields], types)
        written = [
            self._called(FOR_GPU, kind, kind.shape, tvm.ir.StringImm(str(kind.dtype)))
            for kind in types
        ]
        places = [len(given) + number for number in range(len(types))]
        made = relax.op.call_tir_inplace(
            call.args[0], [*given, *written], places, [_plain(kind) for kind in types]
        )
        result = self.builder_.emit(made)
        if len(types) == 1:
            return self._called(ON_GPU, types[0], result)
        parts = (self.builder_.emit(relax.TupleGetItem(result, i)) for i in range(len(types)))
        return relax.Tuple(
            [self._called(ON_GPU, kind, part) for kind, part in zip(types, parts, strict=True)]
        )

    def _seen(self, value: relax.Expr) -> relax.Expr:
        if not isinstance(value.ty, relax.TensorType):
            return value
        return self._called(ON_CPU, value.ty, value)

    def _called(self, name: str, kind: tvm.ir.Type, *arguments: relax.Expr) -> relax.Expr:
        made = relax.op.call_pure_packed(name, *arguments, ty_args=_plain(kind))
        return self.builder_.emit(made)

    def _note(self, name: str, given: list[tvm.ir.Type], made: list[tvm.ir.Type]) -> None:
        before = self.found.get(name, CpuKernel(name, 0, 0))
        self.found[name] = CpuKernel(
            name, _sum(before.bytes_to_cpu, _bytes(given)), _sum(before.bytes_to_gpu, _bytes(made))
        )


def _plain(kind: relax.TensorType) -> relax.TensorType:
    return relax.TensorType(kind.shape, kind.dtype)


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
