"""Sequences whose tensors are known by name: nothing is left of them.

before: SequenceAt(SequenceInsert(SequenceConstruct(a, b), c, 0), -1)
after:  b

Only places and parts that the data decides need sequences while a model runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, const, constant, integer, optional

MAX_PARTS = 4096


def elements(value: ir.Value | None) -> list[ir.Value] | None:
    """The tensors of a sequence, None where they are not known."""
    changes: list[ir.Node] = []
    while (node := value.producer() if value is not None else None) is not None:
        if node.op_type in ("SequenceConstruct", "SequenceEmpty"):
            return _changed([v for v in node.inputs if v is not None], changes[::-1])
        if node.op_type not in ("Identity", "SequenceErase", "SequenceInsert"):
            return None
        changes.append(node)
        value = node.inputs[0]
    return None


def _changed(values: list[ir.Value], changes: Sequence[ir.Node]) -> list[ir.Value] | None:
    for node in changes:
        if node.op_type == "Identity":
            continue
        insert = node.op_type == "SequenceInsert"
        places = len(values) + insert
        where = _place(optional(node, 2 if insert else 1), len(values), places)
        if where is None:
            return None
        if insert and (tensor := node.inputs[1]) is not None:
            values.insert(where, tensor)
        elif not insert:
            del values[where]
    return values


def _place(position: ir.Value | None, size: int, places: int) -> int | None:
    """From the front; left out it is the last of ``places``."""
    known = const(position)
    if known is None:
        return places - 1 if position is None and places else None
    place = int(known.item())
    if not -size <= place < places:
        raise ValueError(f"there is no position {place} in a sequence of {size}")
    return place + size if place < 0 else place


class SplitToSequence(NodeRewrite):
    """before: SplitToSequence(x)  after: SequenceConstruct(Split(x, [1, 1, ..]))"""

    operators = frozenset({"SplitToSequence"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        x, split = node.inputs[0], optional(node, 1)
        axis = integer(node, "axis", 0)
        length = x.shape[axis] if x is not None and x.shape is not None else None
        sizes = const(split) if split is not None else np.array(1)
        if not isinstance(length, int) or sizes is None:
            return None
        parts = sizes.tolist() if sizes.ndim else _chunks(length, int(sizes))
        if not 0 < len(parts) <= MAX_PARTS:
            return None
        values: Sequence[ir.Value] = tape.op_multi_out(
            "Split",
            [x, constant(tape, parts, "int64")],
            {"axis": axis},
            num_outputs=len(parts),
        )
        if split is None and not integer(node, "keepdims", 1):
            axes = constant(tape, [axis], "int64")
            values = [tape.op("Squeeze", [value, axes]) for value in values]
        return [tape.op("SequenceConstruct", values)]


def _chunks(length: int, size: int) -> list[int]:
    if size <= 0:
        raise ValueError("parts need a size above 0")
    return [min(size, length - start) for start in range(0, length, size)]


class SequenceReads(NodeRewrite):
    """SequenceAt, SequenceLength and ConcatFromSequence."""

    operators = frozenset({"ConcatFromSequence", "SequenceAt", "SequenceLength"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        values = elements(node.inputs[0])
        if values is None:
            return None
        if node.op_type == "SequenceLength":
            return [constant(tape, len(values), "int64")]
        if node.op_type == "SequenceAt":
            where = _place(node.inputs[1], len(values), len(values))
            return None if where is None else [tape.op("Identity", [values[where]])]
        axis = integer(node, "axis", 0)
        if not values:
            return None
        if integer(node, "new_axis", 0):
            axes = constant(tape, [axis], "int64")
            values = [tape.op("Unsqueeze", [value, axes]) for value in values]
        return [tape.op("Concat", values, {"axis": axis})]
