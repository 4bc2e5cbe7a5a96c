"""The walker on small graphs: what it follows, and what it refuses by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.library_runs import Loaded, Scheduled, library_of, same, scheduled, vm_outputs
from tests.onnx_models import model, tensor
from tvmedge.compiler.library.refused import NotStraightLineError
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.targeting import target

X = np.random.default_rng(3).standard_normal((2, 6)).astype(np.float32)
Node = Callable[..., onnx.NodeProto]
node: Node = helper.make_node


def _scheduled(proto: onnx.ModelProto) -> Scheduled:
    imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
    return scheduled(imported, target("host"))


def test_outputs_may_be_inputs_constants_views_and_each_other(tmp_path: Path) -> None:
    """Every way in which a result is not simply what the last kernel wrote."""
    constant = np.arange(3, dtype=np.int64)
    nodes = [
        node("Identity", ["x"], ["same"]),
        node("Identity", ["c"], ["constant"]),
        node("Relu", ["x"], ["r"]),
        node("Reshape", ["r", "shape"], ["view"]),
        node("Identity", ["view"], ["twice"]),
        node("Add", ["r", "r"], ["sum"]),
    ]
    proto = model(
        nodes,
        [tensor("x", [2, 6])],
        [
            tensor("same", [2, 6]),
            tensor("constant", [3], TensorProto.INT64),
            tensor("view", [3, 4]),
            tensor("twice", [3, 4]),
            tensor("sum", [2, 6]),
        ],
        {"c": constant, "shape": np.array([3, 4])},
    )
    net = _scheduled(proto)
    got = Loaded(library_of(net).sources(), net.spec, tmp_path).run([X])
    assert same(got, vm_outputs(net, [X]))
    relu = np.maximum(X, 0)
    wanted = [X, constant, relu.reshape(3, 4), relu.reshape(3, 4), relu + relu]
    assert same(got, wanted)


def test_types_and_sizes_of_all_kinds(tmp_path: Path) -> None:
    """Scalars, booleans, half precision and a tensor without elements."""
    nodes = [
        node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
        node("Greater", ["x", "s"], ["b"]),
        node("Slice", ["x", "zero", "zero"], ["nothing"]),
    ]
    proto = model(
        nodes,
        [tensor("x", [2, 6]), tensor("s", [])],
        [
            tensor("h", [2, 6], TensorProto.FLOAT16),
            tensor("b", [2, 6], TensorProto.BOOL),
            tensor("nothing", [0, 6]),
        ],
        {"zero": np.array([0])},
    )
    net = _scheduled(proto)
    inputs = [X, np.array(0.1, np.float32)]
    got = Loaded(library_of(net).sources(), net.spec, tmp_path).run(inputs)
    assert same(got, [X.astype(np.float16), np.float32(0.1) < X, X[:0]])


def test_weights_of_odd_sizes_are_aligned(tmp_path: Path) -> None:
    weights = {f"w{i}": np.arange(1025 + i, dtype=np.float32) for i in range(3)}
    nodes = [node("Mul", ["x", name], [f"y{i}"]) for i, name in enumerate(weights)]
    outputs = [tensor(f"y{i}", [2, w.size]) for i, w in enumerate(weights.values())]
    net = _scheduled(model(nodes, [tensor("x", [2, 1])], outputs, weights))
    made = library_of(net)
    assert len(made.weights) == 3
    assert all(array.nbytes % 64 == 0 for array in made.weights.values())
    x = X[:, :1].copy()
    assert same(
        Loaded(made.sources(), net.spec, tmp_path).run([x]), [x * w for w in weights.values()]
    )


def _branch() -> onnx.ModelProto:
    def branch(name: str, value: float) -> onnx.GraphProto:
        scale = numpy_helper.from_array(np.float32(value), f"{name}_k")
        out = helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, 6])
        return helper.make_graph(
            [node("Mul", ["x", f"{name}_k"], [name])], name, [], [out], [scale]
        )

    chosen = node("If", ["go"], ["y"], then_branch=branch("a", 2), else_branch=branch("b", 3))
    inputs = [tensor("x", [2, 6]), tensor("go", [], TensorProto.BOOL)]
    return model([chosen], inputs, [tensor("y", [2, 6])])


def _open() -> onnx.ModelProto:
    return model([node("Relu", ["x"], ["y"])], [tensor("x", ["n", 6])], [tensor("y", ["n", 6])])


def _sorted() -> onnx.ModelProto:
    nodes = [node("TopK", ["x", "k"], ["v", "i"])]
    outputs = [tensor("v", [2, 3]), tensor("i", [2, 3], TensorProto.INT64)]
    return model(nodes, [tensor("x", [2, 6])], outputs, {"k": np.array([3])})


@pytest.mark.parametrize(
    ("proto", "reason"),
    [
        (_branch(), "calls the function branch: an If"),
        (_open(), "'x' has the open dimension n"),
        (_sorted(), "calls tvm.contrib.sort"),
    ],
    ids=["if", "open", "sort"],
)
def test_what_needs_the_runtime_is_refused_by_name(proto: onnx.ModelProto, reason: str) -> None:
    with pytest.raises(NotStraightLineError, match=reason) as refused:
        library_of(_scheduled(proto))
    assert str(refused.value).endswith("; compile it with --form vm.")
