"""What a model takes and gives, under its own names, with the types that Relax derived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import onnx
import tvm
from onnx import helper
from tvm import relax, tirx

from tvmedge.dtypes import carrier, limits
from tvmedge.errors import InputError
from tvmedge.model.load import Model
from tvmedge.shapes import Dim
from tvmedge.types import Bounds, Signature, TensorSpec

_OPERATORS = {"Add": "+", "Sub": "-", "Mul": "*", "FloorDiv": "//", "FloorMod": "%"}
_CALLS = {"Min": "min", "Max": "max"}


def signature(model: Model, module: tvm.IRModule, symbols: Mapping[str, Bounds]) -> Signature:
    """The signature of ``main``.

    Raises:
        InputError: an output's shape depends on more than the inputs' shapes.
    """
    main = module["main"]
    result = main.ret_ty
    outputs = list(result.fields) if isinstance(result, relax.TupleType) else [result]
    specs = _specs(model, graph_inputs(model), [param.ty for param in main.params])
    used = {dim for spec in specs for dim in spec.shape if isinstance(dim, str)}
    return Signature(
        inputs=specs,
        outputs=_specs(model, model.proto.graph.output, outputs),
        symbols={name: bounds for name, bounds in symbols.items() if name in used},
    )


def bound_symbols(module: tvm.IRModule, symbols: Mapping[str, Bounds]) -> tvm.IRModule:
    """Tell TVM's memory planner the bounds of ``main``'s open dimensions."""
    high = {name: bounds.high for name, bounds in symbols.items() if bounds.high is not None}
    if not high:
        return module
    low = {name: symbols[name].low for name in high}
    main = module["main"].with_attrs({"tir_var_upper_bound": high, "tir_var_lower_bound": low})
    bounded = module.clone()
    bounded["main"] = main
    return bounded


def graph_inputs(model: Model) -> list[onnx.ValueInfoProto]:
    """The model's inputs without those that only name initializers."""
    weights = {tensor.name for tensor in model.proto.graph.initializer}
    return [value for value in model.proto.graph.input if value.name not in weights]


def _specs(
    model: Model, values: Iterable[onnx.ValueInfoProto], types: list[Any]
) -> tuple[TensorSpec, ...]:
    specs = []
    for value, type_ in zip(values, types, strict=True):
        known = isinstance(type_, relax.TensorType) and isinstance(type_.shape, relax.ShapeExpr)
        dims = [_dim(dim) for dim in type_.shape] if known else [None]
        if None in dims:
            raise InputError(
                f"Model '{model.path}': the shape of '{value.name}' depends on the data ({type_}), "
                "which is not supported yet: cut the model before it."
            )
        shape = tuple(dim for dim in dims if dim is not None)
        specs.append(TensorSpec(value.name, shape, _dtype(value, str(type_.dtype))))
    return tuple(specs)


def _dtype(value: onnx.ValueInfoProto, imported: str) -> str:
    """The type that Relax gives; int4 where the model has int4 and Relax int8 for it."""
    try:
        declared = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).name
    except KeyError:
        return imported
    return declared if limits(declared) and carrier(declared).name == imported else imported


def _dim(expr: tirx.PrimExpr) -> Dim | None:
    """A size, or the text of an expression over symbols; None for anything else."""
    if isinstance(expr, tirx.IntImm):
        return int(expr)
    if isinstance(expr, tirx.Var):
        return str(expr.name)
    kind = type(expr).__name__
    if kind not in _OPERATORS and kind not in _CALLS:
        return None
    left, right = _dim(expr.a), _dim(expr.b)
    if left is None or right is None:
        return None
    if kind in _CALLS:
        return f"{_CALLS[kind]}({left}, {right})"
    return f"{_nested(expr.a, left)} {_OPERATORS[kind]} {_nested(expr.b, right)}"


def _nested(expr: tirx.PrimExpr, dim: Dim) -> str:
    return f"({dim})" if type(expr).__name__ in _OPERATORS else str(dim)
