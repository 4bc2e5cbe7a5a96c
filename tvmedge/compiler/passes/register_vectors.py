"""An item's small arrays as arrays of vectors, and values spread over a vector written once.

before: float x[8]; vstore4(vload4(0, p + i), 0, x + 4);  ... (float4)(x[6], x[6], x[6], x[6])
after:  float4 x[2]; x[1] = vload4(0, p + i);             ... (float4)(x[1].s2)

OpenCL's compilers keep vectors that are indexed by numbers in registers; an array that is
stored in vectors and read in scalars they would have to take apart first. Vectors of memory
are loaded as such wherever they begin, and padding is chosen without branches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import tvm
from tvm import s_tir, tirx
from tvm.ir import Call
from tvm.ir.expr import TensorLoad
from tvm.tirx import compilation_pipeline
from tvm_ffi import structural_map, structural_walk

from tvmedge.scheduling.choices import is_choice


@dataclass(frozen=True)
class _Mask:
    """The type of OpenCL's ``select`` for another, and how a number becomes one."""

    dtype: str
    word: str


TIR_PIPELINE = "tvmedge-opencl"
_MASKS = {
    "float32x4": _Mask("int32x4", "(int4)"),
    "float16x4": _Mask("int16x4", "(short4)"),
}
_CHOSEN = ("float32", "int32")  # scalars as wide as the condition that OpenCL chooses by
_WORDS = {"float32": "float", "float16": "half", "int32": "int"}


@dataclass(frozen=True)
class RegisterVectors:
    """For code of a device, once loops over registers are written out."""

    def __call__(self, module: tvm.IRModule) -> tvm.IRModule:
        result = tvm.IRModule({}, attrs=module.attrs)
        for variable, function in module.functions_items():
            result[variable] = function.with_body(_rewritten(function.body))
        return result


def tir_pipeline() -> str:
    """The name of TVM's own TIR pipeline with this pass, for ``relax.build``.

    Common subexpressions are looked for at the end: what TVM finds before, it then writes out
    again. They must be switched off there (``tirx.disable_cse_tir``).
    """
    compilation_pipeline.register_tir_pipeline(TIR_PIPELINE, _pipeline)
    return TIR_PIPELINE


def _pipeline() -> tuple[object, object, object]:
    lower, host, device = s_tir.pipeline.default_s_tir_pipeline()

    @tvm.transform.module_pass(opt_level=0)  # type: ignore[untyped-decorator]
    def finished(module: tvm.IRModule, _: tvm.transform.PassContext) -> tvm.IRModule:
        return tirx.transform.CommonSubexprElim()(RegisterVectors()(device()(module)))

    return lower, host, lambda: finished


@dataclass
class _Use:
    """How an array is accessed: ``widths`` of its vectors, ``plain`` if all places are known
    here and nothing but vectors is stored."""

    widths: set[int] = field(default_factory=set)
    plain: bool = True

    def seen(self, index: tvm.ir.Expr, *, stored: bool) -> None:
        """At ``index``, of a vector or a scalar."""
        if isinstance(index, tirx.Ramp) and isinstance(index.base, tirx.IntImm):
            width = int(index.lanes)
            self.widths.add(width)
            self.plain &= _is_one(index.stride) and int(index.base) % width == 0
        else:
            self.plain &= isinstance(index, tirx.IntImm) and not stored


def _rewritten(body: tirx.Stmt) -> tirx.Stmt:
    uses: dict[tirx.Var, _Use] = {}

    def made(statement: tirx.AllocBuffer) -> None:
        uses[statement.buffer] = _Use()

    structural_walk(body, (tirx.AllocBuffer, made))

    def seen(buffer: tirx.Var, index: tvm.ir.Expr, *, stored: bool) -> None:
        if buffer in uses:
            uses[buffer].seen(index, stored=stored)

    structural_walk(body, (tirx.BufferStore, lambda s: seen(s.buffer, s.indices[0], stored=True)))
    structural_walk(body, (TensorLoad, lambda e: seen(e.source, e.indices[0], stored=False)))
    found = {buffer: _as_vectors(buffer, use) for buffer, use in uses.items()}
    new = {buffer: vectors for buffer, vectors in found.items() if vectors is not None}

    def load(old: TensorLoad) -> tvm.ir.Expr:
        index = old.indices[0]
        if old.source not in new:
            return old if old.source in uses else _loaded(old)
        vectors = new[old.source]
        if isinstance(index, tirx.Ramp):
            return tirx.BufferLoad(vectors, [_place(vectors, index.base)])
        vector = tirx.BufferLoad(vectors, [_place(vectors, index)])
        return tirx.Shuffle([vector], [tirx.const(int(index) % _lanes(vectors), "int32")])

    def store(old: tirx.BufferStore) -> tirx.BufferStore:
        if old.buffer not in new:
            return old
        vectors = new[old.buffer]
        return tirx.BufferStore(vectors, old.value, [_place(vectors, old.indices[0].base)])

    def alloc(old: tirx.AllocBuffer) -> tirx.AllocBuffer:
        return tirx.AllocBuffer(new[old.buffer]) if old.buffer in new else old

    replaced = (TensorLoad, load), (tirx.BufferStore, store), (tirx.AllocBuffer, alloc)
    return structural_map(body, (*replaced, (tirx.Broadcast, _spread), (Call, _chosen)))


def _as_vectors(buffer: tirx.Var, use: _Use) -> tirx.Var | None:
    """A buffer of vectors for what ``buffer`` holds; None where it stays as it is."""
    dtype = tvm.runtime.DataType(str(buffer.dtype))
    sizes = [size for size in buffer.ty.shape if isinstance(size, tirx.IntImm)]
    count = math.prod(int(size) for size in sizes)
    if dtype.lanes > 1 or len(sizes) < len(buffer.ty.shape) or not use.plain:
        return None
    if len(use.widths) != 1 or count % min(use.widths):
        return None
    (width,) = use.widths
    shape, scope = (count // width,), buffer.scope()
    return tirx.decl_buffer(shape, f"{dtype}x{width}", name=buffer.name, scope=scope)


def _lanes(vectors: tirx.Var) -> int:
    return int(tvm.runtime.DataType(str(vectors.dtype)).lanes)


def _place(vectors: tirx.Var, index: tvm.ir.Expr) -> tirx.IntImm:
    return tirx.const(int(index) // _lanes(vectors), "int32")


def _loaded(old: TensorLoad) -> tvm.ir.Expr:
    """TVM loads a vector element by element where it cannot prove that its place is a multiple
    of its width, which OpenCL does not ask for."""
    index = old.indices[0]
    if not isinstance(index, tirx.Ramp) or not _is_one(index.stride):
        return old
    first = tirx.address_of(tirx.BufferLoad(old.source, [index.base]))
    zero = tirx.const(0, "int32")
    return tirx.call_pure_extern(str(old.ty.dtype), f"vload{index.lanes}", zero, first)


def _chosen(old: Call) -> tvm.ir.Expr:
    """What memory holds or, beyond an edge, something else: without a branch. There the first
    element or vector is loaded for nothing."""
    if not is_choice(old) or not _is_number(old.args[2]):
        return old
    inside, value, other = old.args
    if isinstance(value, TensorLoad) and str(other.ty.dtype) in _CHOSEN:
        far = value.source.scope() == "global"  # not an item's own
        return tirx.Select(inside, _held(inside, value), other) if far else old
    mask = _MASKS.get(str(other.ty.dtype))
    if mask is None or not _is_load(value):
        return old
    name, zero, first = value.args
    first = tirx.address_of(_held(inside, first.args[0]))
    loaded = tirx.call_pure_extern(str(other.ty.dtype), name.value, zero, first)
    bits = tirx.Select(inside, tirx.const(-1, "int32"), tirx.const(0, "int32"))
    all_bits = tirx.call_pure_extern(mask.dtype, mask.word, bits)
    return tirx.call_pure_extern(str(other.ty.dtype), "select", other, loaded, all_bits)


def _held(inside: tvm.ir.Expr, load: TensorLoad) -> TensorLoad:
    """``load`` from where it is ``inside``, or from the beginning."""
    place = tirx.Select(inside, load.indices[0], tirx.const(0, "int32"))
    return tirx.BufferLoad(load.source, [place])


def _is_number(value: tvm.ir.Expr) -> bool:
    """Whether ``value`` is a constant, or a vector of one."""
    if isinstance(value, Call):
        return len(value.args) == 2 and _is_number(value.args[1])
    return isinstance(value, tirx.FloatImm | tirx.IntImm)


def _is_load(value: tvm.ir.Expr) -> bool:
    name = getattr(value.args[0], "value", "") if isinstance(value, Call) else ""
    return isinstance(name, str) and name.startswith("vload")


def _is_one(value: tvm.ir.Expr) -> bool:
    return isinstance(value, tirx.IntImm) and int(value) == 1


def _spread(old: tirx.Broadcast) -> tvm.ir.Expr:
    """TVM writes (float4)(v, v, v, v); OpenCL takes (float4)(v)."""
    dtype = str(old.ty.dtype)
    word = _WORDS.get(str(old.value.ty.dtype))
    return old if word is None else tirx.call_pure_extern(dtype, f"({word}{old.lanes})", old.value)
