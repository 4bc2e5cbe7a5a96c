"""From Relax after CallTIRRewrite to a straight line of kernel calls.

before: alloc = alloc_tensor([1, 64]); dense(x, w_1f0c, alloc); lv = alloc; return lv
after:  Call(dense, (input 0, weight 0, output 0))

What a caller receives is written straight into the caller's memory.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import tvm
from tvm import relax, tirx

from tvmedge.compiler.library.program import Array, Call, Copy, Home, Program, Tensor
from tvmedge.compiler.library.refused import NotStraightLineError

_ALIASES = frozenset({"relax.reshape", "relax.memory.view", "relax.memory.ensure_zero_offset"})
"""Operators that give other shapes to the same bytes."""

_Value: TypeAlias = "Tensor | tuple[_Value, ...] | None"


def walk(module: tvm.IRModule) -> Program:
    """The program of ``main``, whose arguments past ``num_input`` are weights.

    Raises:
        NotStraightLineError: open shapes, branches, calls of the runtime.
    """
    main = module["main"]
    walker = _Walker(module)
    count = int((main.attrs or {}).get("num_input", len(main.params)))
    for index, param in enumerate(main.params):
        home, place = (Home.INPUT, index) if index < count else (Home.WEIGHT, index - count)
        walker.values[param] = Tensor(home, place, _nbytes(param.name, param.ty))
    for block in main.body.blocks:
        for binding in block.bindings:
            walker.bind(binding)
    results = walker.flat(walker.value("the result", main.body.body))
    inputs = tuple(_tensor(walker.values[param]) for param in main.params[:count])
    weights = tuple(param.name for param in main.params[count:])
    return _with_outputs(inputs, weights, walker, results)


class _Walker:
    """What each variable stands for, and the calls so far."""

    def __init__(self, module: tvm.IRModule) -> None:
        self.values: dict[relax.Var, _Value] = {}
        self.calls: list[Call] = []
        self.constants: list[Array] = []
        self._module = module
        self._known: dict[tuple[str, bytes], Tensor] = {}
        self._allocated = 0

    def bind(self, binding: relax.Binding) -> None:
        """Follow one binding."""
        name, expr = binding.var.name, binding.value
        if isinstance(binding, relax.MatchCast):
            raise NotStraightLineError(name, "checks a size when it runs (match_cast)")
        if isinstance(expr, relax.Call):
            self.values[binding.var] = self._call(name, binding.var, expr)
        else:
            self.values[binding.var] = self.value(name, expr)

    def value(self, name: str, expr: relax.Expr) -> _Value:
        """What an operand of the binding ``name`` stands for."""
        if isinstance(expr, relax.Var):
            return self.values[expr]
        if isinstance(expr, tvm.ir.GenericConst):
            return self._constant(name, expr.value.numpy())
        if isinstance(expr, relax.Tuple):
            return tuple(self.value(name, field) for field in expr.fields)
        if isinstance(expr, relax.TupleGetItem):
            fields = self.value(name, expr.tuple_value)
            assert isinstance(fields, tuple)
            return fields[int(expr.index)]
        if isinstance(expr, relax.If):
            raise NotStraightLineError(name, "is an If that stays in the model")
        raise NotStraightLineError(name, f"is a {type(expr).__name__}")

    def flat(self, value: _Value) -> list[Tensor]:
        """The tensors of a result, tuples opened."""
        if isinstance(value, tuple):
            return [tensor for field in value for tensor in self.flat(field)]
        return [_tensor(value)]

    def _call(self, name: str, variable: relax.Var, call: relax.Call) -> _Value:
        if isinstance(call.op, tvm.ir.GlobalVar):
            self._kernel(name, call)
            return None
        if not isinstance(call.op, tvm.ir.Op):
            function = str(getattr(call.op, "global_symbol", "a function"))
            raise NotStraightLineError(name, f"calls {function}, which is in TVM's runtime")
        if call.op.name == "relax.builtin.alloc_tensor":
            self._allocated += 1
            size = _nbytes(name, variable.ty)
            return Tensor(Home.WORKSPACE, self._allocated - 1, size)
        if call.op.name in _ALIASES:
            return self.value(name, call.args[0])
        raise NotStraightLineError(name, f"is a {call.op.name} with sizes that only a run knows")

    def _kernel(self, name: str, call: relax.Call) -> None:
        kernel = call.op.name_hint
        if not isinstance(self._module[call.op], tirx.PrimFunc):
            raise NotStraightLineError(name, f"calls the function {kernel}: an If, Loop or Scan")
        arguments = []
        for operand in call.args:
            value = self.value(name, operand)
            if not isinstance(value, Tensor):
                raise NotStraightLineError(name, f"gives {kernel} what is no tensor")
            arguments.append(value)
        self.calls.append(Call(kernel, tuple(arguments), name))

    def _constant(self, name: str, array: Array) -> Tensor:
        array = np.ascontiguousarray(array)
        _require_bytes(name, array.dtype.name)
        key = (array.dtype.name, array.tobytes())
        if key not in self._known:
            self._known[key] = Tensor(Home.CONSTANT, len(self.constants), array.nbytes)
            self.constants.append(array)
        return self._known[key]


def _with_outputs(
    inputs: tuple[Tensor, ...], weights: tuple[str, ...], walker: _Walker, results: list[Tensor]
) -> Program:
    """Let results live in the caller's memory; what cannot is copied there at the end."""
    homes: dict[Tensor, Tensor] = {}
    outputs, copies = [], []
    for index, result in enumerate(results):
        output = Tensor(Home.OUTPUT, index, result.nbytes)
        outputs.append(output)
        if result.home is Home.WORKSPACE and result not in homes:
            homes[result] = output
        else:
            copies.append(Copy(homes.get(result, result), output))
    calls = tuple(
        Call(call.kernel, tuple(homes.get(x, x) for x in call.arguments), call.binding)
        for call in walker.calls
    )
    constants = tuple(walker.constants)
    return Program(inputs, tuple(outputs), weights, constants, calls, tuple(copies))


def _nbytes(name: str, ty: tvm.ir.Type) -> int:
    if not isinstance(ty, relax.TensorType) or not isinstance(ty.shape, relax.ShapeExpr):
        raise NotStraightLineError(name, "has no known shape")
    dims = []
    for size in ty.shape:
        if not isinstance(size, int | tirx.IntImm):
            raise NotStraightLineError(name, f"has the open dimension {size} (--input fixes it)")
        dims.append(int(size))
    dtype = str(ty.dtype)
    _require_bytes(name, dtype)
    return math.prod(dims) * ((int(tvm.runtime.DataType(dtype).bits) + 7) // 8)


def _require_bytes(name: str, dtype: str) -> None:
    bits = tvm.runtime.DataType(dtype).bits
    if bits % 8 and dtype != "bool":
        raise NotStraightLineError(name, f"holds {dtype}, of which several share a byte")


def _tensor(value: _Value) -> Tensor:
    assert isinstance(value, Tensor)
    return value
