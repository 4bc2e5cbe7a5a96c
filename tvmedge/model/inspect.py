"""What a model is, what it costs, and what stands in the way of compiling it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import onnx
import onnx_ir as ir
from onnx import external_data_helper

from tvmedge.errors import TvmEdgeError
from tvmedge.model.cost import Cost, cost
from tvmedge.model.importer import import_prepared
from tvmedge.model.inputs import Shapes, Values
from tvmedge.model.load import Model
from tvmedge.model.prepare import prepare
from tvmedge.model.prepare.bind_values import bind_values, fixed_inputs
from tvmedge.model.refuse import STANDARD_DOMAINS, Refusal, RefusedNodesError
from tvmedge.types import FixedInput

Dimension = int | str | None


@dataclass(frozen=True)
class Port:
    """An input or output as the file declares it: a dimension that is open has
    its name or None; ``shape`` is None where not even the rank is declared."""

    name: str
    dtype: str
    shape: tuple[Dimension, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.name}: {self.dtype} of any shape"
        dims = ", ".join("?" if dim is None else str(dim) for dim in self.shape)
        return f"{self.name}: {self.dtype} [{dims}]"


@dataclass(frozen=True)
class ModelReport:
    """``operators`` counts the nodes of the file, those of bodies and functions
    included; ``parameters`` the elements of all tensors it stores, ``fixed_inputs``
    what the user fixed. ``cost`` is of
    the prepared graph, None where preparing failed. ``problem`` is the sentence
    that ``compile`` would end with, ``refusals`` the nodes it would name."""

    name: str
    licence: str
    producer: str
    opsets: Mapping[str, int]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    fixed_inputs: tuple[FixedInput, ...]
    operators: Mapping[str, int]
    parameters: int
    weight_bytes: int
    cost: Cost | None
    refusals: tuple[Refusal, ...]
    problem: TvmEdgeError | None


def inspect_model(model: Model, shapes: Shapes, values: Values | None = None) -> ModelReport:
    """Look at ``model`` and go the first half of the way that ``compile`` goes.

    Raises:
        InputError: a value that an input cannot have.
    """
    model = bind_values(model, values or {})
    found, problem = _try(model, shapes)
    graph = model.proto.graph
    weights = {tensor.name for tensor in graph.initializer}
    every = external_data_helper._get_all_tensors(model.proto)
    tensors = [tensor for tensor in every if tensor.name not in model.fixed]
    return ModelReport(
        name=model.name,
        licence=model.licence,
        producer=" ".join((model.proto.producer_name, model.proto.producer_version)).strip(),
        opsets={entry.domain or "ai.onnx": entry.version for entry in model.proto.opset_import},
        inputs=tuple(_port(value) for value in graph.input if value.name not in weights),
        outputs=tuple(map(_port, graph.output)),
        fixed_inputs=fixed_inputs(model),
        operators=_operators(model.proto),
        parameters=sum(math.prod(tensor.dims) for tensor in tensors),
        weight_bytes=sum(map(_tensor_bytes, tensors)),
        cost=found,
        refusals=problem.refusals if isinstance(problem, RefusedNodesError) else (),
        problem=problem,
    )


def _try(model: Model, shapes: Shapes) -> tuple[Cost | None, TvmEdgeError | None]:
    found = None
    try:
        prepared = prepare(model, shapes)
        found = cost(prepared.graph.graph)
        import_prepared(model, prepared)
    except TvmEdgeError as error:
        return found, error
    return found, None


def _port(value: onnx.ValueInfoProto) -> Port:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return Port(value.name, (kind or "unknown").removesuffix("_type"), None)
    tensor = value.type.tensor_type
    dtype = _dtype(tensor.elem_type)
    if not tensor.HasField("shape"):
        return Port(value.name, dtype, None)
    return Port(value.name, dtype, tuple(_dimension(dim) for dim in tensor.shape.dim))


def _dimension(dim: onnx.TensorShapeProto.Dimension) -> Dimension:
    if dim.HasField("dim_value") and dim.dim_value > 0:
        return dim.dim_value
    return dim.dim_param or None


def _dtype(code: int) -> str:
    try:
        name = ir.DataType(code).name.lower()
    except ValueError:
        return f"type {code}"
    return {"float": "float32", "double": "float64"}.get(name, name)


def _tensor_bytes(tensor: onnx.TensorProto) -> int:
    if tensor.data_type == onnx.TensorProto.STRING:
        return sum(map(len, tensor.string_data))
    elements: int = math.prod(tensor.dims)
    try:
        return math.ceil(elements * ir.DataType(tensor.data_type).bitwidth / 8)
    except (ValueError, TypeError):
        return 0  # no type that ONNX knows, and refused for it


def _operators(proto: onnx.ModelProto) -> Mapping[str, int]:
    """Most frequent first."""
    bodies = (proto.graph.node, *(function.node for function in proto.functions))
    names = (_qualified(node) for body in bodies for node in _nodes(body))
    return dict(sorted(Counter(names).items(), key=lambda entry: (-entry[1], entry[0])))


def _qualified(node: onnx.NodeProto) -> str:
    return node.op_type if node.domain in STANDARD_DOMAINS else f"{node.domain}.{node.op_type}"


def _nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                yield from _nodes(body.node)
