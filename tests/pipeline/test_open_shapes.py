"""Chains of operators with open dimensions: compiled once, run at several sizes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tvm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from tvm import relax

from tests.onnx_models import model, save, tensor
from tvmedge.boards.address import parse_address
from tvmedge.boards.session import open_session
from tvmedge.cli import main
from tvmedge.compiler.pipelines import cpu_kernels, run_phases, vm_lowering
from tvmedge.errors import InputError
from tvmedge.model.importer import ImportedModel, import_model
from tvmedge.model.load import Model
from tvmedge.shapes import resolve

Arrays = dict[str, NDArray[Any]]
Run = Callable[..., list[NDArray[Any]]]
INT = TensorProto.INT64


def imported(proto: onnx.ModelProto) -> ImportedModel:
    return import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})


def compiled(whole: ImportedModel) -> Run:
    """Runs a model in this process."""
    target = tvm.target.Target("llvm")
    with target, tvm.transform.PassContext(opt_level=3):
        lowered = run_phases((*cpu_kernels(), *vm_lowering()), whole.module)
        executable = relax.build(lowered, target, relax_pipeline=None)
    machine = relax.VirtualMachine(executable, tvm.cpu())

    def run(*inputs: NDArray[Any]) -> list[NDArray[Any]]:
        result = machine["main"](*map(tvm.runtime.tensor, inputs))
        return [r.numpy() for r in ([result] if hasattr(result, "numpy") else result)]

    return run


def check(proto: onnx.ModelProto, feeds: Sequence[Arrays]) -> None:
    """Compile once; every run gives what ONNX's evaluator gives, in the shape that the
    signature promises."""
    whole = imported(proto)
    run = compiled(whole)
    for inputs in feeds:
        want = ReferenceEvaluator(proto).run(None, dict(inputs))
        got = run(*inputs.values())
        sizes: dict[str, int] = {}
        for spec, array in zip(whole.signature.inputs, inputs.values(), strict=True):
            pairs = zip(spec.shape, array.shape, strict=True)
            sizes |= {dim: size for dim, size in pairs if isinstance(dim, str)}
        for spec, a, b in zip(whole.signature.outputs, got, want, strict=True):
            assert a.dtype == b.dtype
            assert resolve(spec.shape, sizes) == a.shape
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def floats(*shapes: tuple[int, ...], seed: int = 0) -> list[Arrays]:
    rng = np.random.default_rng(seed)
    return [{"x": rng.standard_normal(shape).astype(np.float32)} for shape in shapes]


def chain(
    nodes: Sequence[Any], shape: Sequence[Any], weights: dict[str, Any], rank: int | None = None
) -> onnx.ModelProto:
    """x -> y"""
    made = [helper.make_node(op, inputs, outputs, **attrs) for op, inputs, outputs, attrs in nodes]
    arrays = {name: np.asarray(value) for name, value in weights.items()}
    return model(made, [tensor("x", shape)], [_output(rank)], arrays, opset=18)


def _output(rank: int | None) -> onnx.ValueInfoProto:
    shape = None if rank is None else [f"d{k}" for k in range(rank)]
    return helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)


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
    return model([node], [tensor("x", x), tensor("w", w)], [_output(2)], opset=18)


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


Op = tuple[str, list[str], dict[str, Any]]

# Operators on a tensor of [N, T, 4]; what they give has the same rank and ends in 4 again.
_STEPS: dict[str, list[Op]] = {
    "relu": [("Relu", ["x"], {})],
    "softmax over T": [("Softmax", ["x"], {"axis": 1})],
    "layer norm": [("LayerNormalization", ["x", "four"], {"axis": -1})],
    "product": [("MatMul", ["x", "square"], {})],
    "own size": [("Shape", ["x"], {}), ("Reshape", ["x", "_"], {})],
    "swapped": [("Transpose", ["x"], {"perm": [1, 0, 2]})],
    "twice along T": [("Concat", ["x", "x"], {"axis": 1})],
    "all but the last": [("Slice", ["x", "[0]", "[-1]", "[1]"], {})],
    "every other": [("Slice", ["x", "[0]", "[9999999999]", "[1]", "[2]"], {})],
    "padded": [("Pad", ["x", "[0, 1, 0, 0, 2, 0]"], {"mode": "edge"})],
    "rows joined": [("Reshape", ["x", "[1, -1, 4]"], {})],
    "heads": [
        ("Reshape", ["x", "[0, 0, 2, 2]"], {}),
        ("Transpose", ["_"], {"perm": [0, 2, 1, 3]}),
        ("Transpose", ["_"], {"perm": [0, 2, 1, 3]}),
        ("Reshape", ["_", "[0, 0, 4]"], {}),
    ],
    "scores": [
        ("Transpose", ["x"], {"perm": [0, 2, 1]}),
        ("MatMul", ["x", "_"], {}),
        ("Softmax", ["_"], {"axis": -1}),
        ("MatMul", ["_", "x"], {}),
    ],
    "sum over T, kept": [("ReduceSum", ["x", "[1]"], {"keepdims": 1})],
    "mean over N": [("ReduceMean", ["x", "[0]"], {"keepdims": 1})],
    "running sum": [("CumSum", ["x", "1"], {})],
    "the first of each": [("Gather", ["x", "[0]"], {"axis": 1})],
    "spread to its own": [
        ("Shape", ["x"], {}),
        ("ConstantOfShape", ["_"], {}),
        ("Add", ["_", "x"], {}),
    ],
    "as many as half": [
        ("Shape", ["x"], {"start": 1, "end": 2}),
        ("Cast", ["_"], {"to": TensorProto.FLOAT}),
        ("Mul", ["_", "half"], {}),
        ("Ceil", ["_"], {}),
        ("Cast", ["_"], {"to": INT}),
        ("Slice", ["x", "[0]", "_", "[1]"], {}),
    ],
    "tiled": [("Tile", ["x", "[1, 2, 1]"], {})],
    "resized along T": [
        ("Unsqueeze", ["x", "[1]"], {}),
        ("Resize", ["_", "", "scales"], {"mode": "linear"}),
        ("Squeeze", ["_", "[1]"], {}),
    ],
}


def built(steps: Sequence[str]) -> onnx.ModelProto:
    """The chain of ``steps``; "_" is what the operator before gave, "[..]" a constant."""
    weights: dict[str, Any] = {
        "four": np.linspace(0.5, 2, 4, dtype=np.float32),
        "square": np.linspace(-1, 1, 16, dtype=np.float32).reshape(4, 4),
        "half": np.float32(0.5),
        "scales": np.array([1, 1, 1.5, 1], np.float32),
    }
    nodes: list[Any] = []
    current = "x"
    for place, step in enumerate(steps):
        before = current
        for k, (op, inputs, attributes) in enumerate(_STEPS[step]):
            names = []
            for name in inputs:
                if name[:1] in "[0123456789" and name:
                    weights[name] = np.array(ast.literal_eval(name), np.int64)
                names.append({"x": current, "_": before}.get(name, name))
            before = f"v{place}_{k}"
            nodes.append((op, names, [before], attributes))
        current = before
    nodes.append(("Identity", [current], ["y"], {}))
    return chain(nodes, ["N", "T", 4], weights)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(sorted(_STEPS)), min_size=1, max_size=5), st.integers(0, 99))
def test_random_chains_are_right_at_every_size(steps: list[str], seed: int) -> None:
    proto = built(steps)
    sizes = np.random.default_rng(seed).integers(2, 9, (2, 2)).tolist()
    shapes = [(1, 4), *((n, t) for n, t in sizes)]
    check(proto, [run for n, t in shapes for run in floats((n, t, 4), seed=seed)])


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
