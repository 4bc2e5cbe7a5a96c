"""If, Loop and Scan that stay in the graph, compiled and compared with onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tests.onnx_models import INT64, model, tensor
from tests.operator_runs import compiled, run_compiled
from tvmedge.errors import InputError

BOOL = TensorProto.BOOL
WIDTH = 4
LONG = 3000  # far beyond what is unrolled

W = np.array([0.9, -0.5, 1.0, 0.1], np.float32)


def node(op: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def check(proto: onnx.ModelProto, *cases: tuple[NDArray[Any], ...]) -> None:
    """Compile once; each case, the inputs in order, gives what onnxruntime gives."""
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in proto.graph.input]
    run = compiled(proto)
    for inputs in cases:
        want = session.run(None, dict(zip(names, inputs, strict=True)))
        for a, b in zip(run(inputs), want, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def loop(
    body: list[onnx.NodeProto],
    count: str,
    *,
    stacks: int = 0,
    weights: dict[str, Any] | None = None,
    inputs: tuple[onnx.ValueInfoProto, ...] = (),
) -> onnx.ModelProto:
    """One state s -> s2 of WIDTH floats; k is stacked; the condition is c2."""
    results = [tensor("c2", [], BOOL), tensor("s2", [WIDTH])]
    graph = helper.make_graph(
        body,
        "body",
        [tensor("i", [], INT64), tensor("c", [], BOOL), tensor("s", [WIDTH])],
        results + [tensor("k", [WIDTH])] * stacks,
    )
    outputs = "y z" if stacks else "y"
    made = helper.make_node("Loop", [count, "", "x"], outputs.split(), name="the loop", body=graph)
    return model(
        [made],
        [tensor("x", [WIDTH]), *inputs],
        [tensor("y", [WIDTH])] + [tensor("z", ["n", WIDTH])] * stacks,
        {"w": W} | (weights or {}),
    )


STEP = [
    node("Cast", "i", "f", to=TensorProto.FLOAT),
    node("Mul", "s w", "p"),
    node("Add", "p f", "s2"),
]
GOES_ON = node("Identity", "c", "c2")
X = np.array([1, -2, 3, 0.5], np.float32)


def test_a_long_loop_stacks_what_each_step_makes() -> None:
    body = [*STEP, GOES_ON, node("Neg", "p", "k")]
    check(loop(body, "n", stacks=1, weights={"n": np.array(LONG)}), (X,))


def test_a_count_that_is_data() -> None:
    proto = loop([*STEP, GOES_ON], "n", inputs=(tensor("n", [], INT64),))
    check(proto, *((X, np.array(count)) for count in (-1, 0, 1, 6, LONG)))


def test_a_condition_that_is_data() -> None:
    weights = {"n": np.array(LONG)}
    body = [*STEP, node("Less", "i last", "c2")]
    proto = loop(body, "n", weights=weights, inputs=(tensor("last", [], INT64),))
    check(proto, *((X, np.array(last)) for last in (0, 700, 5000)))


def test_results_that_are_stacked_for_an_unknown_time_are_refused() -> None:
    by_count = loop(
        [*STEP, GOES_ON, node("Neg", "p", "k")], "n", stacks=1, inputs=(tensor("n", [], INT64),)
    )
    body = [*STEP, node("Neg", "p", "k"), node("Less", "i last", "c2")]
    weights = {"n": np.array(LONG), "last": np.array(5)}
    for proto in (by_count, loop(body, "n", stacks=1, weights=weights)):
        with pytest.raises(InputError, match=r"Loop \(how many results it stacks.*'the loop'"):
            run_compiled(proto, [X, np.array(3)][: len(proto.graph.input)])


def test_a_state_that_changes_its_shape_is_refused() -> None:
    body = [node("Concat", "s s", "s2", axis=0), GOES_ON]
    proto = loop(body, "n", inputs=(tensor("n", [], INT64),))
    with pytest.raises(InputError, match=r"Loop \(its state 0 changes from .*'the loop'"):
        run_compiled(proto, [X, np.array(3)])


def test_a_loop_without_end_is_refused() -> None:
    with pytest.raises(InputError, match="never ends"):
        run_compiled(loop([*STEP, GOES_ON], ""), [X])


def test_a_node_inside_that_is_refused_is_named_alone() -> None:
    outside = node("Gather", "w nine", "nothing", name="inside")
    body = [outside, node("Add", "s nothing", "s2"), GOES_ON]
    proto = loop(body, "n", weights={"n": np.array(LONG), "nine": np.array(9)})
    with pytest.raises(InputError, match=r"1 node that .*: Gather \(an index.*\): 'inside'\.$"):
        run_compiled(proto, [X])


@pytest.mark.parametrize(
    ("axis", "back", "length"), [(0, 0, 700), (1, 1, 700), (-1, 0, "N"), (0, 1, "N")]
)
def test_a_scan_along_any_axis_both_ways(axis: int, back: int, length: int | str) -> None:
    body = helper.make_graph(
        [node("Mul", "s w", "p"), node("Add", "p a", "s2"), node("Neg", "s2", "k")],
        "body",
        [tensor("s", [WIDTH]), tensor("a", [WIDTH])],
        [tensor("s2", [WIDTH]), tensor("k", [WIDTH])],
    )
    ways = {
        "scan_input_axes": [axis],
        "scan_output_axes": [axis],
        "scan_input_directions": [back],
        "scan_output_directions": [1 - back],
    }
    scan = node("Scan", "s0 x", "y z", body=body, num_scan_inputs=1, **ways)
    shape = [length, WIDTH] if axis == 0 else [WIDTH, length]
    proto = model([scan], [tensor("s0", [WIDTH]), tensor("x", shape)], _outputs(shape), {"w": W})
    rng = np.random.default_rng(0)
    sizes = [700 if dim == length else WIDTH for dim in shape]
    check(proto, (X, rng.normal(size=sizes).astype(np.float32)))


def _outputs(shape: list[int | str]) -> list[onnx.ValueInfoProto]:
    return [tensor("y", [WIDTH]), tensor("z", shape)]


def test_results_of_a_loop_outlive_what_comes_after_it() -> None:
    """The memory planner must not give a stack's storage to a later tensor."""
    proto = loop(
        [*STEP, GOES_ON, node("Neg", "p", "k")],
        "n",
        stacks=1,
        weights={"n": np.array(LONG), "m": np.eye(WIDTH, dtype=np.float32)},
    )
    proto.graph.node.extend(
        [
            node("Sin", "z", "a"),
            node("MatMul", "a m", "b"),
            node("Cos", "b", "d"),
            node("MatMul", "d m", "e"),
            node("Add", "e z", "sum"),
        ]
    )
    proto.graph.output.append(tensor("sum", [LONG, WIDTH]))
    check(proto, (X,))


def test_an_if_whose_branches_use_what_is_around_them() -> None:
    then = helper.make_graph(
        [node("Mul", "x w", "a"), node("Neg", "a", "b")],
        "then", [], [tensor("a", [WIDTH]), tensor("b", [WIDTH])],
    )  # fmt: skip
    other = helper.make_graph(
        [node("Sin", "x", "d"), node("Identity", "x", "e")],
        "other", [], [tensor("d", [WIDTH]), tensor("e", [WIDTH])],
    )  # fmt: skip
    nodes = [
        node("ReduceSum", "x", "sum", keepdims=0),
        node("Greater", "sum zero", "c"),
        node("If", "c", "p q", then_branch=then, else_branch=other),
        node("Add", "p q", "y"),
    ]
    weights = {"w": W, "zero": np.float32(0)}
    check(model(nodes, [tensor("x", [WIDTH])], [tensor("y", [WIDTH])], weights), (X,), (-X,))


def test_branches_of_different_shapes_are_refused() -> None:
    then = helper.make_graph([node("Neg", "x", "a")], "then", [], [tensor("a", [WIDTH])])
    other = helper.make_graph(
        [node("Concat", "x x", "b", axis=0)], "other", [], [tensor("b", [2 * WIDTH])]
    )
    made = node("If", "c", "y", then_branch=then, else_branch=other, name="the if")
    inputs = [tensor("c", [], BOOL), tensor("x", [WIDTH])]
    with pytest.raises(InputError, match=r"If \(output 0 is .*\): 'the if'"):
        run_compiled(model([made], inputs, [tensor("y", ["n"])]), [np.array(True), X])


def test_a_loop_in_a_loop_in_a_branch() -> None:
    inner = helper.make_graph(
        [node("Mul", "u w", "v"), node("Add", "v s", "u2"), node("Less", "j i", "d2")],
        "inner",
        [tensor("j", [], INT64), tensor("d", [], BOOL), tensor("u", [WIDTH])],
        [tensor("d2", [], BOOL), tensor("u2", [WIDTH])],
    )
    outer = helper.make_graph(
        [
            helper.make_node("Loop", ["n", "", "s"], ["t"], body=inner),
            node("Tanh", "t", "s2"),
            GOES_ON,
        ],
        "outer",
        [tensor("i", [], INT64), tensor("c", [], BOOL), tensor("s", [WIDTH])],
        [tensor("c2", [], BOOL), tensor("s2", [WIDTH])],
    )
    then = helper.make_graph(
        [helper.make_node("Loop", ["m", "", "x"], ["a"], body=outer)],
        "then", [], [tensor("a", [WIDTH])],
    )  # fmt: skip
    other = helper.make_graph([node("Neg", "x", "b")], "other", [], [tensor("b", [WIDTH])])
    nodes = [
        node("ReduceSum", "x", "sum", keepdims=0),
        node("Greater", "sum zero", "go"),
        node("If", "go", "y", then_branch=then, else_branch=other),
    ]
    weights = {"w": W, "zero": np.float32(0), "n": np.array(LONG), "m": np.array(300)}
    check(model(nodes, [tensor("x", [WIDTH])], [tensor("y", [WIDTH])], weights), (X,), (-X,))


def test_open_sizes_are_known_inside_graphs() -> None:
    """Shapes computed around an If, and a count that is a size."""
    then = helper.make_graph([node("Reshape", "x shape", "a")], "then", [], [tensor("a", ["m", 2])])
    other = helper.make_graph(
        [node("Expand", "zero shape", "b")], "other", [], [tensor("b", ["m", 2])]
    )
    body = helper.make_graph(
        [node("Gather", "x i", "row"), node("Add", "s row", "s2"), GOES_ON],
        "body",
        [tensor("i", [], INT64), tensor("c", [], BOOL), tensor("s", [WIDTH])],
        [tensor("c2", [], BOOL), tensor("s2", [WIDTH]), tensor("s2", [WIDTH])],
    )
    nodes = [
        node("Shape", "x", "sizes"),
        node("Gather", "sizes first", "n"),
        node("Mul", "n two", "n2"),
        node("Concat", "n2 two", "shape", axis=0),
        node("ReduceSum", "x", "sum", keepdims=0),
        node("Greater", "sum zero", "go"),
        node("If", "go", "y", then_branch=then, else_branch=other),
        node("Squeeze", "n", "count"),
        helper.make_node("Loop", ["count", "", "w"], ["last", "z"], body=body),
    ]
    weights = {"first": np.array([0]), "two": np.array([2]), "zero": np.float32(0), "w": W}
    outputs = [tensor("y", ["m", 2]), tensor("last", [WIDTH]), tensor("z", ["n", WIDTH])]
    proto = model(nodes, [tensor("x", ["N", WIDTH])], outputs, weights)
    rng = np.random.default_rng(0)
    cases = [rng.normal(size=(n, WIDTH)) + shift for n, shift in ((1, 9), (5, -9), (400, 9))]
    check(proto, *((x.astype(np.float32),) for x in cases))


def test_a_count_of_an_open_size_less_three() -> None:
    """Below zero there are no steps, and nothing is stacked."""
    proto = loop(
        [*STEP, GOES_ON, node("Neg", "p", "k")],
        "count",
        stacks=1,
        weights={"first": np.array(0), "three": np.array(3)},
        inputs=(tensor("rows", ["N", 2]),),
    )
    sizes = [node("Shape", "rows", "sizes"), node("Gather", "sizes first", "n")]
    for index, made in enumerate([*sizes, node("Sub", "n three", "count")]):
        proto.graph.node.insert(index, made)
    check(proto, *((X, np.zeros((n, 2), np.float32)) for n in (1, 3, 5)))
