"""Chains of operators with open dimensions: compiled once, run at several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests.onnx_models import model, save, tensor
from tests.open_runs import INT, Arrays, chain, check, compiled, floats, imported, output
from tvmedge.boards.address import parse_address
from tvmedge.boards.session import open_session
from tvmedge.cli import main
from tvmedge.errors import InputError

CASES: dict[str, tuple[onnx.ModelProto, list[Arrays]]] = {
    "half the height through a float": (
        chain(
            [
                ("Shape", ["x"], ["s"], {"start": 2}),
                ("Cast", ["s"], ["f"], {"to": TensorProto.FLOAT}),
                ("Mul", ["f", "half"], ["h"], {}),
                ("Floor", ["h"], ["g"], {}),
                ("Cast", ["g"], ["i"], {"to": INT}),
                ("Concat", ["one", "i"], ["t"], {"axis": 0}),
                ("Resize", ["x", "", "", "t"], ["y"], {"mode": "linear"}),
            ],
            [1, 1, "H", "W"],
            {"half": np.float32(0.5), "one": [1, 1]},
        ),
        floats((1, 1, 8, 6), (1, 1, 7, 3), (1, 1, 2, 2)),
    ),
    "position ids": (
        chain(
            [
                ("Shape", ["x"], ["s"], {"start": 1, "end": 2}),
                ("Squeeze", ["s", "zero"], ["n"], {}),
                ("Range", ["start", "n", "step"], ["r"], {}),
                ("Gather", ["table", "r"], ["e"], {}),
                ("Add", ["x", "e"], ["y"], {}),
            ],
            ["N", "T", 2],
            {
                "zero": [0],
                "start": 0,
                "step": 1,
                "table": np.arange(20, dtype=np.float32).reshape(10, 2),
            },
        ),
        floats((1, 1, 2), (3, 10, 2), (2, 5, 2)),
    ),
    "a sum over pairs": (
        chain(
            [
                ("Shape", ["x"], ["s"], {}),
                ("ReduceProd", ["s"], ["n"], {"keepdims": 1}),
                ("Reshape", ["x", "n"], ["flat"], {}),
                ("Reshape", ["flat", "pairs"], ["two"], {}),
                ("ReduceSum", ["two", "last"], ["y"], {"keepdims": 0}),
            ],
            ["N", 4],
            {"pairs": [-1, 2], "last": [1]},
        ),
        floats((1, 4), (5, 4), (2, 4)),
    ),
    "padded to its own length": (
        chain(
            [
                ("Shape", ["x"], ["s"], {}),
                ("Concat", ["zero", "s"], ["pads"], {"axis": 0}),
                ("Pad", ["x", "pads", "minus"], ["y"], {}),
            ],
            ["N"],
            {"zero": [0], "minus": np.float32(-1)},
        ),
        floats((1,), (4,), (3,)),
    ),
    "the last half, the best of it": (
        chain(
            [
                ("Shape", ["x"], ["s"], {"end": 1}),
                ("Div", ["s", "two"], ["h"], {}),
                ("Slice", ["x", "h", "far", "zero"], ["z"], {}),
                ("Sub", ["s", "h"], ["k"], {}),
                ("TopK", ["z", "k"], ["y", "index"], {"axis": 0}),
            ],
            ["N", 2],
            {"two": [2], "far": [2**62], "zero": [0]},
        ),
        floats((1, 2), (4, 2), (5, 2)),
    ),
    "backwards": (
        chain(
            [("Slice", ["x", "minus", "far", "zero", "minus"], ["y"], {})],
            ["N", 2],
            {"minus": [-1], "far": [-(2**62)], "zero": [0]},
        ),
        floats((1, 2), (4, 2)),
    ),
    "parts of an open axis": (
        chain([("Split", ["x"], ["y", "z"], {"num_outputs": 2})], ["N", 3], {}),
        floats((2, 3), (5, 3), (4, 3)),
    ),
    "expanded where the shape is not -1": (
        chain(
            [
                ("Shape", ["x"], ["s"], {}),
                ("Equal", ["s", "minus"], ["c"], {}),
                ("Where", ["c", "one", "s"], ["w"], {}),
                ("ConstantOfShape", ["w"], ["zeros"], {}),
                ("Expand", ["row", "w"], ["wide"], {}),
                ("Add", ["zeros", "wide"], ["y"], {}),
            ],
            ["N", "M"],
            {"minus": [-1, -1], "one": [1, 1], "row": np.ones((1, 1), np.float32)},
        ),
        floats((1, 1), (3, 2)),
    ),
    "reversed up to a length": (
        chain(
            [("ReverseSequence", ["x", "lengths"], ["y"], {"time_axis": 0, "batch_axis": 1})],
            ["T", 2],
            {"lengths": [2, 1]},
        ),
        floats((2, 2), (5, 2)),
    ),
    "a diagonal": (
        chain([("EyeLike", ["x"], ["e"], {"k": 1}), ("Add", ["x", "e"], ["y"], {})], ["N", 3], {}),
        floats((1, 3), (4, 3)),
    ),
    "as many copies as rows": (
        chain(
            [
                ("Shape", ["x"], ["s"], {"end": 1}),
                ("Concat", ["s", "one"], ["r"], {"axis": 0}),
                ("Tile", ["x", "r"], ["y"], {}),
            ],
            ["N", 2],
            {"one": [1]},
        ),
        floats((1, 2), (3, 2)),
    ),
    "one hot of as many as rows": (
        chain(
            [
                ("Shape", ["x"], ["s"], {"end": 1}),
                ("ArgMax", ["x"], ["i"], {"axis": 1, "keepdims": 0}),
                ("Squeeze", ["s"], ["n"], {}),
                ("OneHot", ["i", "n", "pair"], ["y"], {}),
            ],
            ["N", 3],
            {"pair": np.array([0, 1], np.float32)},
        ),
        floats((1, 3), (4, 3)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_shapes_are_computed_from_open_sizes(name: str) -> None:
    check(*CASES[name])


def pair(op: str, x: Sequence[Any], w: Sequence[Any], **attributes: Any) -> onnx.ModelProto:
    node = helper.make_node(op, ["x", "w"], ["y"], name="the node", **attributes)
    return model([node], [tensor("x", x), tensor("w", w)], [output(2)], opset=18)


@pytest.mark.parametrize(
    "proto",
    [pair("Concat", ["N", 2], ["M", 2], axis=1), pair("Add", ["N", 2], ["M", 2])],
    ids=["Concat", "Add"],
)
def test_sizes_that_must_agree_are_checked_at_each_run(
    proto: onnx.ModelProto, tmp_path: Path
) -> None:
    path = save(proto, tmp_path / "m.onnx")
    assert main(["compile", str(path), "-t", "host", "-o", str(tmp_path)]) == 0
    x, w = np.ones((3, 2), np.float32), np.ones((2, 2), np.float32)
    with open_session(parse_address("local"), tmp_path / "m-host.tvmedge") as session:
        with pytest.raises(InputError, match=r"does not take the sizes N=3, M=2"):
            session.run({"x": x, "w": w})
        (want,) = ReferenceEvaluator(proto).run(None, {"x": x, "w": x})
        np.testing.assert_array_equal(session.run({"x": x, "w": x})["y"], want)


def test_a_reshape_that_loses_elements_is_refused_at_the_run(tmp_path: Path) -> None:
    reshape = ("Reshape", ["x", "pairs"], ["y"], dict[str, Any]())
    path = save(chain([reshape], ["N"], {"pairs": [-1, 2]}, rank=2), tmp_path / "m.onnx")
    flags = ["-t", "host", "-o", str(tmp_path), "--input=x:N=2..8"]
    assert main(["compile", str(path), *flags]) == 0
    with open_session(parse_address("local"), tmp_path / "m-host.tvmedge") as session:
        assert session.run({"x": np.zeros(6, np.float32)})["y"].shape == (3, 2)
        with pytest.raises(InputError, match="N=5"):
            session.run({"x": np.zeros(5, np.float32)})


@pytest.mark.parametrize(
    ("proto", "words"),
    [
        (pair("Add", ["N", 2], [3, 2]), "sizes N and 3"),
        (pair("MatMul", ["N", 2, 2], [3, 2, 2]), "sizes N and 3"),
        (pair("MatMul", [1, "N"], [4, 5]), "sizes N and 4"),
        (pair("Concat", ["N", 2], [3, 2], axis=1), "sizes N and 3"),
        (pair("Einsum", ["N", 2], [3, 2], equation="ij,ij->i"), "sizes N and 3"),
        (pair("Conv", [1, "C", 4, 4], [2, 3, 1, 1]), "channels"),
    ],
)
def test_what_fits_only_one_size_is_refused_by_name(proto: onnx.ModelProto, words: str) -> None:
    with pytest.raises(InputError) as failure:
        imported(proto)
    sentence = str(failure.value)
    assert "'the node'" in sentence and words in sentence and "--input x:" in sentence


def test_gather_elements_never_leaves_its_table() -> None:
    proto = chain([("GatherElements", ["x", "i"], ["y"], {})], ["N", 2], {"i": [[5, -7], [0, -1]]})
    x = np.array([[1, 2], [3, 4]], np.float32)
    np.testing.assert_array_equal(compiled(imported(proto))(x)[0], [[3, 2], [1, 4]])


def test_a_branch_that_all_sizes_take_is_taken() -> None:
    """As exporters write Squeeze; the branches have different ranks."""
    value = helper.make_tensor_value_info
    squeezed = helper.make_graph(
        [helper.make_node("Squeeze", ["x", "zero"], ["a"])], "g", [], [value("a", 1, None)]
    )
    kept = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["b"])], "h", [], [value("b", 1, None)]
    )
    nodes = [
        ("Shape", ["x"], ["s"], {"end": 1}),
        ("Add", ["s", "one"], ["t"], {}),
        ("Equal", ["t", "one"], ["c"], {}),
        ("Squeeze", ["c"], ["d"], {}),
        ("If", ["d"], ["y"], {"then_branch": squeezed, "else_branch": kept}),
    ]
    check(chain(nodes, ["N", 3], {"one": [1], "zero": [0]}), floats((1, 3), (4, 3)))
