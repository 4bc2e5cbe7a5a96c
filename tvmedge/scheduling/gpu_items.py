"""What one work-item of a GPU's kernel takes and executes, read from the kernel's last TIR.

Counts are of the text, loops by their extents and both sides of a branch; what a driver's
compiler makes of it is its affair. Loads that repeat are one, as are sums of addresses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import tvm
import tvm_ffi
from tvm import tirx
from tvm.ir.expr import Call, TensorLoad
from tvm.ir.prim import expr as prim
from tvm_ffi import StructuralKey, structural_walk

from tvmedge.scheduling.choices import is_choice

_ARITHMETIC = (prim.Add, prim.Sub, prim.Mul, prim.Div, prim.Max, prim.Min, prim.Select, prim.Cast)
_ADDRESSES = (*_ARITHMETIC, prim.FloorDiv, prim.FloorMod, prim.Mod)
_GROUP, _ITEM = "blockIdx.", "threadIdx."
_POINTER = 8  # bytes, on the boards here


@dataclass(frozen=True)
class DeviceKernel:
    """``groups`` of ``items`` work-items. An item holds ``registers`` of 32 bits at least (its
    sums, and what its widest statement reads) and ``private`` bytes that it finds by index, so in
    memory; a group ``local`` bytes; ``parameters`` are the bytes of a kernel's arguments.

    An item makes ``loads`` of ``load_bytes`` in all, ``vector_loads`` of them of several
    elements, ``stores`` of ``store_bytes``, ``arithmetic`` floating-point operations by element
    (a product that is added counts with its sum) and ``addresses`` operations on integers.
    """

    name: str
    groups: int
    items: int
    registers: int = 0
    private: int = 0
    local: int = 0
    parameters: int = 0
    loads: float = 0
    vector_loads: float = 0
    load_bytes: float = 0
    stores: float = 0
    store_bytes: float = 0
    arithmetic: float = 0
    addresses: float = 0


def device_kernels(module: tvm.IRModule) -> list[DeviceKernel]:
    """The kernels of a module whose host and device functions are apart (SplitHostDevice)."""
    return [
        _Walk().kernel(str(variable.name_hint), func)
        for variable, func in module.functions_items()
        if isinstance(func, tirx.PrimFunc)
        and func.attrs.get("tirx.is_global_func", False)
        and func.attrs.get("tirx.kernel_launch_params") is not None
    ]


class GpuWatch:
    """Sees kernels for a device as a module is built."""

    def __init__(self) -> None:
        self.kernels: list[DeviceKernel] = []

    def instrument(self) -> object:
        """An instrument of TVM's passes."""

        @tvm.instrument.pass_instrument
        class Kernels:
            def run_before_pass(_, module: tvm.IRModule, info: tvm.ir.transform.PassInfo) -> None:
                if info.name == "tirx.MakePackedAPI":
                    self.kernels += device_kernels(module)

        return Kernels()


@dataclass
class _Seen:
    """Values that are at hand where a statement stands."""

    parent: _Seen | None = None
    keys: set[StructuralKey] = field(default_factory=set)

    def first(self, value: Any) -> bool:
        """Whether ``value`` comes up here for the first time."""
        key, scope = StructuralKey(value), self  # type: ignore[call-arg]
        while scope is not None:
            if key in scope.keys:
                return False
            scope = scope.parent  # type: ignore[assignment]
        self.keys.add(key)
        return True


class _Walk:
    """Adds up one kernel."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._private: dict[tirx.Var, bool] = {}  # whether it is found by numbers alone
        self._stored: set[tirx.Var] = set()
        self._local = self._widest = 0
        self._sums = dict.fromkeys(
            (
                *("loads", "vector_loads", "load_bytes", "stores", "store_bytes"),
                *("arithmetic", "addresses"),
            ),
            0.0,
        )

    def kernel(self, name: str, func: tirx.PrimFunc) -> DeviceKernel:
        structural_walk(func.body, (tirx.BufferStore, self._note_store))
        self._statement(func.body, 1.0, _Seen())
        held = [buffer for buffer, known in self._private.items() if known]
        found = [buffer for buffer, known in self._private.items() if not known]
        return DeviceKernel(
            name,
            groups=self._size(_GROUP),
            items=self._size(_ITEM),
            registers=math.ceil((sum(map(_bytes, held)) + self._widest) / 4),
            private=sum(map(_bytes, found)),
            local=self._local,
            parameters=_POINTER * len(func.params),
            **self._sums,
        )

    def _size(self, kind: str) -> int:
        return math.prod(size for tag, size in self._sizes.items() if tag.startswith(kind))

    def _note_store(self, store: tirx.BufferStore) -> None:
        self._stored.add(store.buffer)

    def _statement(self, body: Any, times: float, seen: _Seen) -> None:
        if isinstance(body, tirx.SeqStmt):
            for part in body.seq:
                self._statement(part, times, seen)
        elif isinstance(body, tirx.AttrStmt):
            if body.attr_key == "thread_extent":
                known = isinstance(body.value, tirx.IntImm)  # else only a run tells
                self._sizes[str(body.node.thread_tag)] = int(body.value) if known else 1
            self._statement(body.body, times, seen)
        elif isinstance(body, tirx.For):
            count = int(body.extent) if isinstance(body.extent, tirx.IntImm) else 1
            self._statement(body.body, times * count, _Seen(seen))
        elif isinstance(body, tirx.While):
            self._expression(body.condition, times, seen)
            self._statement(body.body, times, _Seen(seen))
        elif isinstance(body, tirx.IfThenElse):
            self._expression(body.condition, times, seen)
            for side in filter(None, (body.then_case, body.else_case)):
                self._statement(side, times, _Seen(seen))
        elif isinstance(body, tirx.AllocBuffer):
            self._allocate(body.buffer)
        elif isinstance(body, tirx.Bind | tirx.Evaluate):
            self._expression(body.value, times, seen)
        elif isinstance(body, tirx.BufferStore):
            self._store(body, times, seen)

    def _allocate(self, buffer: tirx.Var) -> None:
        if str(buffer.scope()).startswith("shared"):
            self._local += _bytes(buffer)
        else:
            self._private[buffer] = True

    def _store(self, store: tirx.BufferStore, times: float, seen: _Seen) -> None:
        self._expression(store.value, times, seen)
        self._widest = max(self._widest, self._alive(store.value))
        if store.buffer in self._private:
            self._private[store.buffer] &= _known(store.indices)
            return
        for index in store.indices:
            self._expression(index, times, seen)
        self._sums["stores"] += times
        self._sums["store_bytes"] += times * _value_bytes(store.value)

    def _alive(self, value: Any) -> int:
        """Bytes of values that are alive at once where an expression is evaluated, the operand that
        needs most first; private buffers, addresses and numbers aside."""
        if isinstance(value, TensorLoad):
            return 0 if value.source in self._private else _value_bytes(value)
        if isinstance(value, Call):
            operands = list(value.args)
        else:
            names = ("a", "b", "condition", "true_value", "false_value", "value")
            operands = [getattr(value, name, None) for name in names]
        parts = [x for x in operands if isinstance(x, tvm.ir.Expr)]
        needs = sorted((need for x in parts if (need := self._alive(x))), reverse=True)
        if not needs:
            return 0
        size = _value_bytes(value)
        return max(need + place * size for place, need in enumerate(needs))

    def _expression(self, value: Any, times: float, seen: _Seen) -> None:
        def look(part: Any) -> None:
            if isinstance(part, TensorLoad):
                self._load(part, times, seen)
            elif _is_float(part):
                self._sums["arithmetic"] += times * _operations(part)
            elif isinstance(part, _ADDRESSES) and seen.first(part):
                self._sums["addresses"] += times

        structural_walk(value, ((TensorLoad, Call, *_ADDRESSES), look))

    def _load(self, load: TensorLoad, times: float, seen: _Seen) -> None:
        buffer = load.source
        if buffer in self._private:
            self._private[buffer] &= _known(load.indices)
            return
        if buffer not in self._stored and not seen.first(load):
            return
        self._sums["loads"] += times
        self._sums["vector_loads"] += times * (_dtype(load).lanes > 1)
        self._sums["load_bytes"] += times * _value_bytes(load)


def _operations(part: Any) -> int:
    """Floating-point operations of an expression, without those of its operands."""
    if isinstance(part, Call):
        free = is_choice(part)
    else:
        added = isinstance(part, prim.Add | prim.Sub)
        free = added and any(isinstance(side, prim.Mul) for side in (part.a, part.b))
    return 0 if free else int(_dtype(part).lanes)


def _known(indices: Sequence[Any]) -> bool:
    """Whether every index is a number once loops are unrolled, so that registers will do."""
    return not any(tirx.analysis.undefined_vars(index) for index in indices)


def _dtype(value: Any) -> Any:
    return tvm_ffi.dtype(str(value.ty))


def _is_float(value: Any) -> bool:
    return "float" in str(value.ty)


def _value_bytes(value: Any) -> int:
    dtype = _dtype(value)
    return int(dtype.bits * dtype.lanes // 8)


def _bytes(buffer: tirx.Var) -> int:
    dtype = tvm_ffi.dtype(str(buffer.ty.dtype))
    return math.prod(int(size) for size in buffer.ty.shape) * int(dtype.bits * dtype.lanes) // 8
