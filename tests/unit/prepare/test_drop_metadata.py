"""Dropping unused opset imports."""

from __future__ import annotations

import onnx_ir as ir
from onnx import helper

from tests.onnx_models import model, tensor
from tvmedge.model.prepare.drop_metadata import DropMetadata


def _imports(*nodes: object) -> set[str]:
    proto = model(
        nodes,  # type: ignore[arg-type]
        [tensor("x", [1])],
        [tensor("y", [1])],
        domains=[("com.microsoft", 1), ("ai.onnx.ml", 3)],
    )
    return set(DropMetadata()(ir.serde.deserialize_model(proto)).model.opset_imports)


def test_an_import_without_nodes_goes() -> None:
    assert _imports(helper.make_node("Relu", ["x"], ["y"])) == {""}


def test_an_import_with_nodes_stays_to_be_refused_by_name() -> None:
    node = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")
    assert "com.microsoft" in _imports(node)
