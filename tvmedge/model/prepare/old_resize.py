"""Say what Upsample and Resize meant before opset 11 had words for it.

before: opset 9:   Upsample(x, scales)
after:  opset 18:  Resize(x, "", scales, coordinate_transformation_mode=asymmetric,
                          nearest_mode=simple)

ONNX's version converter adds no such attributes, and the converted Resize would
read half-pixel coordinates. It keeps them on a Resize, but of an Upsample only
the mode, which therefore carries a mark. "simple" is not ONNX's word: floor,
but ceil along an axis that shrinks, which opset 10 meant.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult

from tvmedge.model.nodes import text

FIRST_WITH_MODES = 11
_MODES = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "simple"}
_MARK = " as Upsample did"


class OldResize(InPlacePass):
    """Runs before the opset is converted."""

    def call(self, model: ir.Model) -> PassResult:
        if model.opset_imports.get("", FIRST_WITH_MODES) >= FIRST_WITH_MODES:
            return PassResult(model, modified=False)
        modified = False
        for node in _nodes(model, "Resize"):
            _set(node, _MODES)
            modified = True
        for node in _nodes(model, "Upsample"):
            _set(node, {"mode": text(node, "mode", "nearest") + _MARK})
            modified = True
        return PassResult(model, modified=modified)


class UpsampleModes(InPlacePass):
    """Runs after it: the mark becomes the attributes."""

    def call(self, model: ir.Model) -> PassResult:
        modified = False
        for node in _nodes(model, "Resize"):
            mode = text(node, "mode", "nearest")
            if mode.endswith(_MARK):
                _set(node, _MODES | {"mode": mode.removesuffix(_MARK)})
                modified = True
        return PassResult(model, modified=modified)


def _nodes(model: ir.Model, operator: str) -> Iterator[ir.Node]:
    for node in model.graph.all_nodes():
        if node.domain == "" and node.op_type == operator:
            yield node


def _set(node: ir.Node, attributes: dict[str, str]) -> None:
    for name, value in attributes.items():
        node.attributes[name] = ir.AttrString(name, value)
