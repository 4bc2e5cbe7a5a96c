"""Loops and branches on this machine and on an emulated Raspberry Pi, over sessions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.devices.parts import EMULATED
from tests.onnx_models import INT64, model, tensor
from tvmedge.cli import main
from tvmedge.targeting import TargetSpec

STEPS, WIDTH = 1000, 48


def _model() -> onnx.ModelProto:
    """A recurrent cell in a Scan, then halvings until data says stop, then an If."""
    wide = [1, WIDTH]
    cell = helper.make_graph(
        [
            helper.make_node("MatMul", ["h", "r"], ["p"]),
            helper.make_node("Add", ["p", "x"], ["q"]),
            helper.make_node("Tanh", ["q"], ["h2"]),
            helper.make_node("Identity", ["h2"], ["k"]),
        ],
        "cell",
        [tensor("h", wide), tensor("x", wide)],
        [tensor("h2", wide), tensor("k", wide)],
    )
    halve = helper.make_graph(
        [
            helper.make_node("Mul", ["s", "half"], ["s2"]),
            helper.make_node("Abs", ["s2"], ["size"]),
            helper.make_node("ReduceMax", ["size"], ["most"], keepdims=0),
            helper.make_node("Greater", ["most", "tiny"], ["c2"]),
        ],
        "halve",
        [tensor("i", [], INT64), tensor("c", [], TensorProto.BOOL), tensor("s", wide)],
        [tensor("c2", [], TensorProto.BOOL), tensor("s2", wide)],
    )
    branches = [
        helper.make_graph(
            [helper.make_node("MatMul", ["last", name], [f"by_{name}"])],
            name,
            [],
            [tensor(f"by_{name}", wide)],
        )
        for name in ("r", "u")
    ]
    nodes = [
        helper.make_node("Scan", ["h0", "xs"], ["h", "ks"], body=cell, num_scan_inputs=1),
        helper.make_node("Loop", ["", "true", "h"], ["last"], body=halve),
        helper.make_node("ReduceSum", ["h0"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "tiny"], ["go"]),
        helper.make_node("If", ["go"], ["y"], then_branch=branches[0], else_branch=branches[1]),
    ]
    rng = np.random.default_rng(0)
    weights = {
        name: (rng.normal(size=(WIDTH, WIDTH)) / 8).astype(np.float32) for name in ("r", "u")
    }
    scalars = {"half": np.float32(0.5), "tiny": np.float32(1e-3), "true": np.array(True)}
    inputs = [tensor("h0", wide), tensor("xs", [STEPS, *wide])]
    outputs = [tensor("y", wide), tensor("ks", [STEPS, *wide])]
    return model(nodes, inputs, outputs, weights | scalars)


def test_loops_and_branches_here_and_on_the_emulated_pi(
    emulated_spec: TargetSpec, tmp_path: Path
) -> None:
    path = tmp_path / "loops.onnx"
    onnx.save(_model(), path)
    assert main(["compile", str(path), "-t", "host", "-t", EMULATED, "-o", str(tmp_path)]) == 0
    assert main(["run", str(tmp_path / "loops-host.tvmedge"), "--check"]) == 0
    bundle = tmp_path / f"loops-{EMULATED}.tvmedge"
    assert main(["run", str(bundle), "--check", "--board", "emulated"]) == 0
