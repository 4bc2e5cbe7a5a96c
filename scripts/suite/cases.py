"""The cases of ONNX's backend suite, and which of them count as core."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")
EXPANDED = "_expanded"
"""A twin: the same case with its operator replaced by ONNX's function body."""

_NARROW = ("FLOAT8", "FLOAT4", "INT2", "UINT2")

# An array, a list of them (a sequence), or None (an empty optional).
Value = Any


@dataclass(frozen=True)
class Case:
    """One model with its inputs and the outputs it must give."""

    name: str
    kind: str
    model: onnx.ModelProto
    data_sets: tuple[tuple[tuple[Value, ...], tuple[Value, ...]], ...]
    rtol: float
    atol: float

    @property
    def twin_of(self) -> str:
        """The case that this one is an expansion of; its own name for others."""
        return self.name.partition(EXPANDED)[0]

    @cached_property
    def excluded_as(self) -> str:
        """Why the case is not a core tensor case; empty for one that is."""
        return next(_exclusions(self), "")


def load_cases() -> tuple[Case, ...]:
    """Every case, in the suite's order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # overflows that the cases want
        return tuple(_case(test) for kind in KINDS for test in load_model_tests(kind=kind))


def operator(case: Case, by_name: dict[str, Case]) -> str:
    """What the case is about: its operator; for larger models their kind."""
    original = by_name.get(case.twin_of, case)
    ops = [node.op_type for node in original.model.graph.node if node.op_type != "Constant"]
    if original.kind != "node" and len(set(ops)) > 1:
        return f"({original.kind})"
    return max(ops, key=ops.count, default="(none)")


def _case(test: Any) -> Case:
    if test.model is not None:
        model, data = test.model, [(_all(i), _all(o)) for i, o in test.data_sets]
    else:
        model = onnx.load(Path(test.model_dir) / "model.onnx")
        folders = sorted(Path(test.model_dir).glob("test_data_set_*"))
        data = [(_read(f, "input", model), _read(f, "output", model)) for f in folders]
    return Case(test.name, test.kind, model, tuple(data), test.rtol, test.atol)


def _all(values: Iterable[Any]) -> tuple[Value, ...]:
    return tuple(map(_array, values))


def _array(value: Any) -> Value:
    """Some cases hold protos or numpy's scalars."""
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return np.asarray(value) if isinstance(value, np.generic) else value


def _read(folder: Path, what: str, model: onnx.ModelProto) -> tuple[Value, ...]:
    infos = model.graph.input if what == "input" else model.graph.output
    count = len(list(folder.glob(f"{what}_*.pb")))
    files = [folder / f"{what}_{index}.pb" for index in range(count)]
    return tuple(_value(f.read_bytes(), i.type) for f, i in zip(files, infos, strict=False))


def _value(content: bytes, type_: onnx.TypeProto) -> Value:
    if type_.HasField("sequence_type"):
        return numpy_helper.to_list(onnx.SequenceProto.FromString(content))
    if type_.HasField("optional_type"):
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(content))
    return numpy_helper.to_array(onnx.TensorProto.FromString(content))


def _exclusions(case: Case) -> Iterator[str]:
    if case.kind.startswith("pytorch"):
        yield "pytorch"
    if EXPANDED in case.name:
        yield "expanded"
    domains = {node.domain for node in case.model.graph.node}
    if any("preview" in domain for domain in domains):
        yield "preview"
    if any("ai.onnx.ml" in domain for domain in domains):
        yield "ai.onnx.ml"
    if "training" in case.name:
        yield "training"
    types = set(_types(case.model.graph))
    if types & {"sequence", "optional"}:
        yield "sequence"
    if "STRING" in types:
        yield "string"
    if any(node.op_type == "ImageDecoder" for node in case.model.graph.node):
        yield "image codec"
    if any(name.startswith(_NARROW) for name in types):
        yield "fp8, fp4, int2"


def _types(graph: onnx.GraphProto) -> Iterator[str]:
    for info in (*graph.input, *graph.output, *graph.value_info):
        for special in ("sequence", "optional"):
            if info.type.HasField(f"{special}_type"):
                yield special
        yield onnx.TensorProto.DataType.Name(info.type.tensor_type.elem_type)
    for node in graph.node:
        yield from _attribute_types(node.attribute)


def _attribute_types(attributes: Sequence[onnx.AttributeProto]) -> Iterator[str]:
    for attribute in attributes:
        if attribute.HasField("g"):
            yield from _types(attribute.g)
        if attribute.name == "to":
            yield onnx.TensorProto.DataType.Name(attribute.i)
