"""``tvmedge inspect``: what it counts, what it refuses, how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.onnx_models import conv_net, model, save, tensor
from tvmedge.cli import main
from tvmedge.model.importer import import_model
from tvmedge.model.inspect import ModelReport, Port, inspect_model
from tvmedge.model.load import load
from tvmedge.model.refuse import Refusal, RefusedNodesError


def _inspect(
    proto: onnx.ModelProto, tmp_path: Path, shapes: dict[str, tuple[int, ...]] | None = None
) -> ModelReport:
    return inspect_model(load(save(proto, tmp_path / "m.onnx")), shapes or {})


def _one(
    op: str, shapes: dict[str, list[int]], output: list[int], **attributes: object
) -> onnx.ModelProto:
    """``op`` on inputs of ``shapes``; x is the model's input, the others are weights."""
    node = helper.make_node(op, list(shapes), ["y"], name="n", **attributes)
    weights = {n: np.ones(s, np.float32) for n, s in shapes.items() if n not in ("x", "")}
    return model([node], [tensor("x", shapes["x"])], [tensor("y", output)], weights)


def test_a_small_network_is_described(tmp_path: Path) -> None:
    report = _inspect(conv_net(batch="N"), tmp_path, {"in:0": (2, 3, 16, 16)})
    assert report.problem is None and report.refusals == ()
    assert report.inputs == (Port("in:0", "float32", ("N", 3, 16, 16)),)
    assert report.outputs == (Port("out/0", "float32", ("N", 128)),)
    assert report.operators["Conv"] == 1 and sum(report.operators.values()) == 5
    assert report.parameters == 16 * 27 + 16 + 16 * 128
    assert report.weight_bytes == 4 * report.parameters
    assert report.opsets == {"ai.onnx": 17}
    assert report.cost is not None
    assert report.cost.macs == 2 * (16 * 16 * 16 * 27 + 16 * 128)
    # The convolution's output and the Relu's live at the same time, beside the input.
    assert report.cost.peak_bytes == 4 * 2 * 16 * 16 * (3 + 16 + 16)
    assert (report.cost.uncounted, report.cost.unsized) == (0, 0)


@pytest.mark.parametrize(
    ("proto", "macs"),
    [
        (_one("Conv", {"x": [1, 4, 8, 8], "w": [6, 2, 3, 3]}, [1, 6, 6, 6], group=2), 6 * 36 * 18),
        (_one("ConvTranspose", {"x": [1, 4, 8, 8], "w": [4, 6, 2, 2]}, [1, 6, 9, 9]), 256 * 24),
        (_one("MatMul", {"x": [2, 3, 4], "w": [4, 5]}, [2, 3, 5]), 2 * 3 * 4 * 5),
        (_one("MatMul", {"x": [4], "w": [4]}, []), 4),
        (_one("Gemm", {"x": [4, 3], "w": [4, 5]}, [3, 5], transA=1), 3 * 4 * 5),
        (
            _one(
                "GRU",
                {"x": [7, 2, 3], "w": [1, 12, 3], "r": [1, 12, 4]},
                [7, 1, 2, 4],
                hidden_size=4,
            ),
            7 * 2 * 12 * (3 + 4),
        ),
        (_one("Relu", {"x": [4]}, [4]), 0),
    ],
    ids=lambda value: value.graph.node[0].op_type if isinstance(value, onnx.ModelProto) else "",
)
def test_multiply_accumulates(proto: onnx.ModelProto, macs: int, tmp_path: Path) -> None:
    found = _inspect(proto, tmp_path).cost
    assert found is not None and found.macs == macs


def test_a_value_lives_until_its_last_use(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Exp", ["a"], ["b"]),
        helper.make_node("Sqrt", ["b"], ["c"]),
        helper.make_node("Add", ["a", "c"], ["y"]),
    ]
    found = _inspect(model(nodes, [tensor("x", [64])], [tensor("y", [64])]), tmp_path).cost
    assert found is not None and found.peak_bytes == 4 * 64 * 4  # x, a, b and c


def test_refused_nodes_are_those_that_compile_names(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="alien", domain="com.acme"),
        helper.make_node("BatchNormalization", ["a", *"sbmv"], ["c"], name="t", training_mode=1),
        helper.make_node("MatMul", ["c", "w"], ["y"], name="fc"),
    ]
    weights = {name: np.ones(4, np.float32) for name in "sbmv"} | {"w": np.ones((4, 2), np.float32)}
    ports = [tensor("x", [1, 4])], [tensor("y", [1, 2])]
    proto = model(nodes, *ports, weights, domains=[("com.acme", 1)])
    report = _inspect(proto, tmp_path)
    assert report.operators == {"BatchNormalization": 1, "MatMul": 1, "com.acme.Relu": 1}
    assert [(r.node, r.way_out) for r in report.refusals] == [
        ("alien", "export it with standard operators"),
        ("t", "export the model for inference"),
    ]
    with pytest.raises(RefusedNodesError) as caught:
        import_model(load(tmp_path / "m.onnx"), {})
    assert caught.value.refusals == report.refusals
    assert str(caught.value) == str(report.problem)


def test_what_only_the_importer_refuses_is_reported_too(tmp_path: Path) -> None:
    proto = model(
        [helper.make_node("Reshape", ["x", "s"], ["y"], name="r")],
        [tensor("x", [4]), tensor("s", [2], TensorProto.INT64)],
        [tensor("y", [2, 2])],
    )
    report = _inspect(proto, tmp_path)
    assert report.problem is not None
    assert all(isinstance(refusal, Refusal) for refusal in report.refusals)


def test_an_open_dimension_is_shown_and_named_in_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save(conv_net(batch="N"), tmp_path / "net.onnx")
    code = main(["inspect", str(path)])
    shown = capsys.readouterr()
    assert "in:0: float32 [N, 3, 16, 16]" in shown.out and "Conv 1" in shown.out
    if code:
        assert code == 2 and shown.err.count("\n") == 1 and "N, 3, 16, 16" in shown.err


def test_json_and_the_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = save(conv_net(), tmp_path / "net.onnx")
    assert main(["inspect", str(path), "-t", "pixel-8", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["verb"] == "inspect" and document["compiles"] is True
    assert document["target"]["compile_only"] is True and document["target"]["fits"] is True
    assert document["cost"]["macs"] == 16 * 16 * 16 * 27 + 16 * 128


def test_a_model_too_large_for_the_target_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proto = model(
        [helper.make_node("Relu", ["x"], ["y"])],
        [tensor("x", [1 << 28])],
        [tensor("y", [1 << 28])],
    )
    path = save(proto, tmp_path / "big.onnx")
    assert main(["inspect", str(path), "-t", "raspberry-pi-4b"]) == 0
    assert "does NOT fit in the 1024 MiB" in capsys.readouterr().out


def test_names_cannot_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = helper.make_node("Relu", ["x\x1b[2J"], ["y"])
    proto = model([node], [tensor("x\x1b[2J", [4])], [tensor("y", [4])])
    main(["inspect", str(save(proto, tmp_path / "m.onnx"))])
    assert "\x1b" not in capsys.readouterr().out
