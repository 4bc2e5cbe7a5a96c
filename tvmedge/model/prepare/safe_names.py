"""Make every value name an identifier.

before: "input:0", "block/conv.1/out"
after:  "input_0", "block_conv_1_out"

ONNX allows any text; Relax, C and OpenCL do not. Node names are kept: they
are what error messages show.
"""

from __future__ import annotations

import re

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult


class SafeNames(InPlacePass):
    """Renames values to unique identifiers; the order of inputs and outputs stays."""

    def call(self, model: ir.Model) -> PassResult:
        taken: set[str] = set()
        graphs = [model.graph, *model.graph.subgraphs()]
        for graph in graphs:
            values = [*graph.inputs, *graph.initializers.values()]
            values += [output for node in graph for output in node.outputs]
            for value in values:
                if value.name:
                    value.name = _fresh(value.name, taken)
        return PassResult(model, modified=True)


def _fresh(name: str, taken: set[str]) -> str:
    safe = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if not safe[0].isalpha():
        safe = "v" + safe
    unique, number = safe, 1
    while unique in taken:
        unique, number = f"{safe}_{number}", number + 1
    taken.add(unique)
    return unique
