"""What the rewrites of single nodes share.

A rewrite is a subclass in a file of its own. It names the operators it looks
at and returns the values that replace a node's outputs, or None to leave it.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.convenience import replace_nodes_and_values
from onnx_ir.passes import InPlacePass, PassResult
from onnx_ir.tape import Tape

from tvmedge.errors import InputError, TvmEdgeError
from tvmedge.model.load import first_line
from tvmedge.model.nodes import const, integer, number, optional, text
from tvmedge.model.refuse import node_name

__all__ = [
    "MICROSOFT",
    "NodeRewrite",
    "const",
    "constant",
    "integer",
    "number",
    "optional",
    "text",
]

MICROSOFT = "com.microsoft"


class NodeRewrite(InPlacePass):
    """Replaces every node of ``operators`` that ``rewrite`` takes, in subgraphs too."""

    operators: ClassVar[frozenset[str]]
    domain: ClassVar[str] = ""

    @property
    def wanted(self) -> frozenset[tuple[str, str]]:
        """Domain and type of the nodes that are looked at."""
        return frozenset((self.domain, operator) for operator in self.operators)

    @abc.abstractmethod
    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        """Build the replacement on ``tape``; one value for each output of ``node``."""

    def call(self, model: ir.Model) -> PassResult:
        modified = False
        for graph in (model.graph, *model.graph.subgraphs()):
            for node in tuple(graph):
                if node.domain == self.domain and node.op_type in self.operators:
                    modified |= self._replace(graph, node)
        return PassResult(model, modified=modified)

    def _replace(self, graph: ir.Graph, node: ir.Node) -> bool:
        tape = Tape()
        try:
            values = self.rewrite(tape, node)
        except TvmEdgeError:
            raise
        except Exception as error:
            raise InputError(
                f"node '{node_name(node)}' ({node.op_type}) cannot be prepared for import: "
                f"{first_line(error)}."
            ) from error
        if values is None:
            return False
        for new in tape.nodes:
            # Errors name nodes: what comes of a node keeps its name.
            new.name = node.name
        replace_nodes_and_values(graph, node, [node], tape.nodes, node.outputs, values)
        return True


def constant(tape: Tape, array: npt.ArrayLike, dtype: npt.DTypeLike | None = None) -> ir.Value:
    """A Constant node of ``array``."""
    tensor = ir.tensor(np.asarray(array, dtype=dtype))
    return tape.op("Constant", [], {"value": tensor})
