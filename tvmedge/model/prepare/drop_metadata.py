"""Drop what some exporters leave behind and no stage reads.

before: opset_imports {"": 12, "ai.onnx.ml": 2, "com.microsoft": 1}, nodes of "" only
after:  opset_imports {"": 12}

An opset import without nodes would make converters refuse the model; one with
nodes stays, so that those nodes are refused by name later.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult
from onnx_ir.passes.common import ClearMetadataAndDocStringPass, RemoveUnusedOpsetsPass


class DropMetadata(InPlacePass):
    """Removes unused opset imports, metadata and doc strings."""

    def call(self, model: ir.Model) -> PassResult:
        modified = False
        for step in (ClearMetadataAndDocStringPass(), RemoveUnusedOpsetsPass()):
            modified |= step(model).modified
        return PassResult(model, modified=modified)
