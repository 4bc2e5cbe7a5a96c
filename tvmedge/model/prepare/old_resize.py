"""Say what Upsample and Resize meant before opset 11 had words for it.

before: opset 9:  Upsample(x, scales)
after:  opset 9:  Upsample(x, scales, coordinate_transformation_mode=asymmetric,
                           nearest_mode=simple)

ONNX's version converter keeps these attributes but would not add them, so the
converted Resize would read half-pixel coordinates. "simple" is not ONNX's
word: floor, but ceil along an axis that shrinks, which opset 10 meant.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult

FIRST_WITH_MODES = 11


class OldResize(InPlacePass):
    """Runs before the opset is converted."""

    def call(self, model: ir.Model) -> PassResult:
        modified = False
        if model.opset_imports.get("", FIRST_WITH_MODES) < FIRST_WITH_MODES:
            for node in model.graph.all_nodes():
                if node.domain == "" and node.op_type in ("Resize", "Upsample"):
                    attributes = {
                        "coordinate_transformation_mode": "asymmetric",
                        "nearest_mode": "simple",
                    }
                    for name, value in attributes.items():
                        node.attributes[name] = ir.AttrString(name, value)
                    modified = True
        return PassResult(model, modified=modified)
