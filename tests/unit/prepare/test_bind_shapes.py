"""Fixing open dimensions."""

from __future__ import annotations

import onnx_ir as ir
import pytest

from tests.onnx_models import conv_net
from tvmedge.errors import InputError
from tvmedge.model.prepare.bind_shapes import BindShapes


def _graph(batch: int | str) -> ir.Model:
    return ir.serde.deserialize_model(conv_net(batch=batch))


def _bind(batch: int | str, shapes: dict[str, tuple[int, ...]]) -> list[int | str]:
    graph = BindShapes(shapes)(_graph(batch)).model.graph
    shape = graph.inputs[0].shape
    assert shape is not None
    return list(shape.numpy())


def test_an_open_dimension_is_bound() -> None:
    assert _bind("N", {"in:0": (2, 3, 16, 16)}) == [2, 3, 16, 16]


def test_a_static_input_needs_no_flag() -> None:
    assert _bind(1, {}) == [1, 3, 16, 16]


@pytest.mark.parametrize(
    ("batch", "shapes", "says"),
    [
        (
            "N",
            {},
            "open dimensions [N, 3, 16, 16]: fix them, for example with --input in:0:1x3x16x16",
        ),
        (1, {"in": (1, 3, 16, 16)}, "no input 'in' (nearest: in:0)"),
        ("N", {"in:0": (1, 3, 16)}, "rank 4 [N, 3, 16, 16], but --input gives rank 3"),
        ("N", {"in:0": (1, 4, 16, 16)}, "gives 4 for dimension 1"),
    ],
)
def test_what_does_not_fit(batch: int | str, shapes: dict[str, tuple[int, ...]], says: str) -> None:
    with pytest.raises(Exception) as caught:
        _bind(batch, shapes)
    error = caught.value.__cause__ or caught.value
    assert isinstance(error, InputError)
    assert says in str(error)


def test_shapes_inside_the_graph_are_dropped() -> None:
    graph = _graph("N")
    for node in graph.graph:
        node.outputs[0].shape = ir.Shape(["N", 1])
    bound = BindShapes({"in:0": (2, 3, 16, 16)})(graph).model
    assert all(output.shape is None for node in bound.graph for output in node.outputs)
