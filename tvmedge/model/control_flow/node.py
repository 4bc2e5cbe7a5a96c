"""What the converter of a control-flow node is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
from tvm import relax

from tvmedge.model.symbolic import Size, Symbols, expression

GraphConverter = Callable[[onnx.GraphProto, Mapping[str, relax.Expr]], Sequence[relax.Expr]]


@dataclass(frozen=True)
class ControlNode:
    """An If, Loop or Scan: ``around`` are the values by name that its graphs may
    use; ``convert`` emits a graph into the current function of ``bb`` and returns
    its outputs; ``sizes`` are the elements of a tensor of integers where they are
    known, open sizes in them or not, and ``symbols`` calculates with these."""

    bb: relax.BlockBuilder
    inputs: tuple[relax.Expr | None, ...]
    attributes: Mapping[str, Any]
    outputs: int
    around: Mapping[str, relax.Expr]
    convert: GraphConverter
    sizes: Callable[[relax.Expr], Sequence[Size] | None]
    symbols: Symbols

    def captured(self, *graphs: onnx.GraphProto) -> dict[str, relax.Expr]:
        """What ``graphs`` use of the values around them; what is known of open sizes
        is a shape, not a tensor."""
        names: dict[str, None] = {}
        for graph in graphs:
            _free(graph, frozenset(), names)
        return {name: self._written(self.around[name]) for name in names if name in self.around}

    def _written(self, value: relax.Expr) -> relax.Expr:
        sizes = self.sizes(value)
        if not sizes or all(isinstance(size, int) for size in sizes):
            return value
        return relax.ShapeExpr([expression(size) for size in sizes])


Convert = Callable[[ControlNode], relax.Expr]


def _free(graph: onnx.GraphProto, defined: frozenset[str], found: dict[str, None]) -> None:
    """Names that ``graph`` and the graphs inside it use and do not define."""
    own = {value.name for value in graph.input} | {value.name for value in graph.initializer}
    inside = defined | own | {name for node in graph.node for name in node.output}
    for node in graph.node:
        found.update({name: None for name in node.input if name and name not in inside})
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _free(attribute.g, inside, found)
    found.update({value.name: None for value in graph.output if value.name not in inside})
