"""Lift models of old opsets to one that the importer reads in one way.

before: opset 9:  Slice(x, starts=[0], ends=[2])        attributes
after:  opset 18: Slice(x, [0], [2])                    inputs

Opset 18 moved the last attributes to inputs. From there on the importer's own
version dispatch is reliable and our rewrites know which form to write, so
newer models are left alone.
"""

from __future__ import annotations

import onnx
import onnx_ir as ir
from onnx import version_converter
from onnx_ir.passes import FunctionalPass, PassResult

from tvmedge.errors import InputError

RELIABLE_OPSET = 18
CONVERTED_OPSET = 18
NEWEST_OPSET = 28


class ConvertOpset(FunctionalPass):
    """Converts opsets below 18 to 18 with ONNX's own version converter."""

    def call(self, model: ir.Model) -> PassResult:
        opset = model.opset_imports.get("", onnx.defs.onnx_opset_version())
        if opset > NEWEST_OPSET:
            raise InputError(
                f"its opset {opset} is newer than {NEWEST_OPSET}, the newest that is known: "
                "export it for an older opset."
            )
        if opset >= RELIABLE_OPSET:
            return PassResult(model.clone(), modified=False)
        proto = ir.serde.serialize_model(model)
        # Before IR version 4 every initializer had to be an input as well.
        proto.ir_version = max(proto.ir_version, 8)
        converted = version_converter.convert_version(proto, CONVERTED_OPSET)
        return PassResult(ir.serde.deserialize_model(converted), modified=True)
