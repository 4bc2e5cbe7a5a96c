"""Tensors between kernels are stored in float16; kernels compute in float32.

before: conv(x: f32, w: f32) -> y: f32        y[i] = max(sum[i], 0)
after:  conv(x: f16, w: f16) -> y: f16        y[i] = half(max(float(...), 0)), sums in f32

Half the bytes of activations and weights. Arguments and results of ``main`` stay float32, and are
converted by a kernel each. What a kernel keeps to itself stays float32 (``narrow_halves.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tvm
from tvm import relax, s_tir, tirx, topi
from tvm.ir.expr import TensorLoad
from tvm.s_tir.stmt import SBlockRealize
from tvm.tirx.buffer import BufferType
from tvm_ffi import structural_walk

from tvmedge.compiler.passes.constants import array_of
from tvmedge.compiler.passes.half_types import HALF, WIDE, half_of, retyped


@dataclass(frozen=True)
class OwnSums:
    """Comes before schedules: a kernel that reads what it writes does so in a buffer of its own.

    before: y[i] += x[i, k]        after: sum[i] += x[i, k];  y[i] = sum[i]
    """

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        functions = {
            name: _apart(function) if isinstance(function, tirx.PrimFunc) else function
            for name, function in module.functions.items()
        }
        return tvm.IRModule(functions, attrs=module.attrs, global_infos=module.global_infos)


@dataclass(frozen=True)
class StoreHalf:
    """Comes after schedules; the module has one function of Relax's, ``main``, a straight line of
    calls.

    Raises:
        ValueError: it has not.
    """

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        others = [v.name_hint for v, f in module.functions_items() if isinstance(f, relax.Function)]
        if others != ["main"]:
            raise ValueError("--precision fp16 takes no branches or loops")
        return _Main(module).rewritten(module["main"])


def _apart(function: tirx.PrimFunc) -> tirx.PrimFunc:
    if not isinstance(function.body, SBlockRealize):
        return function
    written: list[Any] = []
    read: list[Any] = []
    structural_walk(
        function.body,
        (
            (tirx.BufferStore, lambda store: written.append(store.buffer)),
            (TensorLoad, lambda load: read.append(load.source)),
        ),
    )
    both = [
        param
        for param in function.params
        if any(param.same_as(x) for x in written) and any(param.same_as(x) for x in read)
    ]
    if not both:
        return function
    schedule = s_tir.Schedule(function)
    for block in _writers(schedule, both):
        schedule.cache_write(block, 0, "global")
    return schedule.mod["main"].with_attrs(function.attrs)


def _writers(schedule: s_tir.Schedule, buffers: list[Any]) -> list[s_tir.schedule.SBlockRV]:
    root = schedule.get_sblock("root")
    return [
        block
        for block in schedule.get_child_blocks(root)
        if any(schedule.get(block).writes[0].source.same_as(buffer) for buffer in buffers)
    ]


def _halved(function: tirx.PrimFunc) -> tirx.PrimFunc:
    """The kernel with parameters of float16 in place of float32."""
    new = {param: half_of(param) for param in function.params if _is_wide(param)}
    body = retyped(function.body, new)
    params = [new.get(param, param) for param in function.params]
    return tirx.PrimFunc(params, body, function.ret_type, function.attrs, function.span)


def _is_wide(param: tirx.Var) -> bool:
    return isinstance(param.ty, BufferType) and str(param.ty.dtype) == WIDE


class _Main:
    """``main``, rebuilt on kernels that take float16."""

    def __init__(self, module: tvm.IRModule) -> None:
        self._builder = relax.BlockBuilder()
        self._kernels = {
            str(variable.name_hint): self._builder.add_func(_halved(func), variable.name_hint)
            for variable, func in module.functions_items()
            if isinstance(func, tirx.PrimFunc)
        }
        self._values: dict[relax.Var, relax.Expr] = {}

    def rewritten(self, main: relax.Function) -> tvm.IRModule:
        build = self._builder
        with build.function("main", list(main.params), attrs=dict(main.attrs or {})):
            with build.dataflow():
                for param in main.params:
                    self._values[param] = self._stored(param)
                for binding in (b for block in main.body.blocks for b in block.bindings):
                    self._values[binding.var] = self._bound(binding)
                last = self._value(main.body.body)
                result = build.emit_output(self._results(last, main.body.body.ty))
            build.emit_func_output(result)
        return build.get()

    def _bound(self, binding: relax.Binding) -> relax.Expr:
        if isinstance(binding, relax.MatchCast):
            raise ValueError("--precision fp16 takes no open sizes")
        value = self._value(binding.value)
        return value if isinstance(value, relax.Tuple) else self._builder.emit(value)

    def _value(self, value: relax.Expr) -> relax.Expr:
        if isinstance(value, relax.Var):
            return self._values[value]
        if isinstance(value, relax.Tuple):
            return relax.Tuple([self._value(field) for field in value.fields])
        if isinstance(value, relax.TupleGetItem):
            return relax.TupleGetItem(self._value(value.tuple_value), value.index)
        if isinstance(value, tvm.ir.GenericConst):
            return self._constant(value)
        if isinstance(value, relax.Call) and getattr(value.op, "name", "") == "relax.call_tir":
            return self._call(value)
        if isinstance(value, relax.Call):
            raise ValueError(
                f"--precision fp16 takes no call of {getattr(value.op, 'name', value.op)}"
            )
        return value

    def _call(self, call: relax.Call) -> relax.Expr:
        arguments = [self._value(argument) for argument in call.args[1].fields]
        (out,) = call.ty_args
        fields = list(out.fields) if isinstance(out, tvm.ir.TupleType) else None
        types = [_stored_type(field) for field in fields] if fields else _stored_type(out)
        return relax.call_tir(self._kernels[call.args[0].name_hint], arguments, types)

    def _constant(self, constant: tvm.ir.GenericConst) -> relax.Expr:
        if not _is_tensor(constant, WIDE):
            return constant
        wide = array_of(constant)
        if not np.isfinite(stored := wide.astype(np.float16)).all() and np.isfinite(wide).all():
            raise ValueError(f"a weight is {np.abs(wide).max():g}, which float16 cannot hold")
        return relax.const(stored)

    def _stored(self, value: relax.Var) -> relax.Expr:
        return self._cast(value, HALF) if _is_tensor(value, WIDE) else value

    def _results(self, value: relax.Expr, wanted: tvm.ir.Type) -> relax.Expr:
        """Results as they were promised."""
        if isinstance(wanted, tvm.ir.TupleType):
            parts = [
                self._builder.emit(relax.TupleGetItem(value, place))
                for place in range(len(wanted.fields))
            ]
            pairs = zip(parts, wanted.fields, strict=True)
            return relax.Tuple([self._results(part, field) for part, field in pairs])
        promised = str(wanted.dtype) == WIDE and _is_tensor(value, HALF)
        return self._cast(value, WIDE) if promised else value

    def _cast(self, value: relax.Expr, dtype: str) -> relax.Var:
        hint = f"to_{dtype}"
        return self._builder.emit_te(topi.cast, value, dtype, primfunc_name_hint=hint)


def _is_tensor(value: relax.Expr, dtype: str) -> bool:
    return isinstance(value.ty, relax.TensorType) and str(value.ty.dtype) == dtype


def _stored_type(kind: relax.TensorType) -> relax.TensorType:
    return relax.TensorType(kind.shape, HALF) if str(kind.dtype) == WIDE else kind
