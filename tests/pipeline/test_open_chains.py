"""Random chains of operators with an open batch and length: right at every size."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from tests.open_runs import INT, chain, check, floats

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
    "twice but the last": [  # a length of 1 must not become 0
        ("Concat", ["x", "x"], {"axis": 1}),
        ("Slice", ["_", "[0]", "[-1]", "[1]"], {}),
    ],
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
