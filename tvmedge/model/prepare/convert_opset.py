"""Lift models of old opsets to one that the importer reads in one way.

before: opset 9:  Slice(x, starts=[0], ends=[2])        attributes
after:  opset 18: Slice(x, [0], [2])                    inputs

Opset 18 moved the last attributes to inputs. From there on the importer's own
version dispatch is reliable and our rewrites know which form to write, so
newer models are left alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import onnx_ir as ir
from onnx import version_converter
from onnx_ir.passes import FunctionalPass, PassResult

from tvmedge.errors import InputError

RELIABLE_OPSET = 18
CONVERTED_OPSET = 18
NEWEST_OPSET = 28
MAX_CARRIED_BYTES = 1 << 14
"""No operator's axes, shapes or scales are larger: what the converter may look at."""


class ConvertOpset(FunctionalPass):
    """Converts opsets below 18 to 18 with ONNX's own version converter."""

    def call(self, model: ir.Model) -> PassResult:
        opset = model.opset_imports.get("", RELIABLE_OPSET)
        if opset > NEWEST_OPSET:
            raise InputError(
                f"its opset {opset} is newer than {NEWEST_OPSET}, the newest that is known: "
                "export it for an older opset."
            )
        if opset >= RELIABLE_OPSET:
            copy = model.clone()
            # What functions brought, and what our rewrites write, is ONNX's own.
            copy.opset_imports.setdefault("", RELIABLE_OPSET)
            return PassResult(copy, modified=False)
        with _without_weights(model) as weights:
            proto = ir.serde.serialize_model(model)
        # Before IR version 4 every initializer had to be an input as well.
        proto.ir_version = max(proto.ir_version, 8)
        converted = version_converter.convert_version(proto, CONVERTED_OPSET)
        graph = ir.serde.deserialize_model(converted)
        _put_back(graph.graph, weights)
        return PassResult(graph, modified=True)


@contextlib.contextmanager
def _without_weights(model: ir.Model) -> Iterator[dict[str, ir.TensorProtocol]]:
    """Large initializers are inputs for a while: the converter copies all that it is given."""
    graph = model.graph
    heavy = {
        name: value.const_value
        for name, value in graph.initializers.items()
        if value.const_value is not None and value.const_value.nbytes > MAX_CARRIED_BYTES
    }
    values = [graph.initializers.pop(name) for name in heavy]
    for value, tensor in zip(values, heavy.values(), strict=True):
        value.shape, value.dtype = ir.Shape(tensor.shape.numpy()), tensor.dtype
    graph.inputs.extend(values)
    try:
        yield heavy
    finally:
        del graph.inputs[len(graph.inputs) - len(values) :]
        for value in values:
            graph.register_initializer(value)


def _put_back(graph: ir.Graph, weights: Mapping[str, ir.TensorProtocol]) -> None:
    for value in [value for value in graph.inputs if value.name in weights]:
        graph.inputs.remove(value)
        value.const_value = weights[str(value.name)]
        graph.register_initializer(value)
