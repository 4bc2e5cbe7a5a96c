"""Fixing open dimensions."""

from __future__ import annotations

import onnx_ir as ir
import pytest
from onnx import helper

from tests.onnx_models import conv_net, model, tensor
from tvmedge.errors import InputError
from tvmedge.model.inputs import Shapes, parse_inputs
from tvmedge.model.prepare.bind_shapes import BindShapes
from tvmedge.types import Bounds


def _graph(batch: int | str) -> ir.Model:
    return ir.serde.deserialize_model(conv_net(batch=batch))


def _bind(batch: int | str, shapes: Shapes) -> list[int | str]:
    graph = BindShapes(shapes)(_graph(batch)).model.graph
    shape = graph.inputs[0].shape
    assert shape is not None
    return [dim if isinstance(dim, int) else str(dim.value) for dim in shape]


def test_an_open_dimension_is_bound() -> None:
    assert _bind("N", {"in:0": (2, 3, 16, 16)}) == [2, 3, 16, 16]


def test_a_static_input_needs_no_flag() -> None:
    assert _bind(1, {}) == [1, 3, 16, 16]


@pytest.mark.parametrize(
    ("batch", "shapes", "says"),
    [
        (1, {"in": (1, 3, 16, 16)}, "no input 'in' (nearest: in:0)"),
        ("N", {"in:0": (1, 3, 16)}, "rank 4 [N, 3, 16, 16], but --input gives rank 3"),
        ("N", {"in:0": (1, 4, 16, 16)}, "gives 4 for dimension 1"),
    ],
)
def test_what_does_not_fit(batch: int | str, shapes: Shapes, says: str) -> None:
    with pytest.raises(Exception) as caught:
        _bind(batch, shapes)
    error = caught.value.__cause__ or caught.value
    assert isinstance(error, InputError)
    assert says in str(error)


@pytest.mark.parametrize(
    ("batch", "flags", "dim", "bounds"),
    [
        ("N", [], "N", Bounds()),
        ("p2o.Dynamic.0", [], "p2o_Dynamic_0", Bounds()),
        (-1, [], "in_0_0", Bounds()),
        ("N", ["in:0:Bx3x16x16"], "B", Bounds()),
        ("N", ["in:0:B=2..8x3x16x16"], "B", Bounds(2, 8)),
        ("N", ["in:0:1..8,3,16,16"], "in_0_0", Bounds(1, 8)),
    ],
)
def test_a_dimension_stays_open_under_an_identifier(
    batch: int | str, flags: list[str], dim: str, bounds: Bounds
) -> None:
    bind = BindShapes(parse_inputs(flags).shapes)
    shape = bind(_graph(batch)).model.graph.inputs[0].shape
    assert shape is not None and str(shape[0].value) == dim  # type: ignore[union-attr]
    assert bind.symbols == {dim: bounds}


def test_bounds_that_leave_no_size_are_refused() -> None:
    x = ir.Value(name="x", shape=ir.Shape([None, None]))
    graph = ir.Model(ir.Graph([x], [], nodes=[], opset_imports={"": 18}), ir_version=8)
    with pytest.raises(Exception, match="leave no size"):
        BindShapes(parse_inputs(["x:N=1..2xN=3..4"]).shapes)(graph)


def test_shapes_inside_the_graph_are_dropped() -> None:
    graph = _graph("N")
    for node in graph.graph:
        node.outputs[0].shape = ir.Shape(["N", 1])
    bound = BindShapes({"in:0": (2, 3, 16, 16)})(graph).model
    assert all(output.shape is None for node in bound.graph for output in node.outputs)


@pytest.mark.parametrize(
    ("dims", "same"),
    [(("N", "N"), True), (("?", "?"), False), (("-1", "-1"), False), (("a.0", "a_0"), False)],
)
def test_only_one_name_is_one_size(dims: tuple[str, str], same: bool) -> None:
    proto = model([helper.make_node("Relu", ["x"], ["y"])], [tensor("x", list(dims))], [])
    bind = BindShapes({})
    shape = bind(ir.serde.deserialize_model(proto)).model.graph.inputs[0].shape
    assert shape is not None
    assert (str(shape[0]) == str(shape[1])) is same
    assert len(bind.symbols) == (1 if same else 2)
