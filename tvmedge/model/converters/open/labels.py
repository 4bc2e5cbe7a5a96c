"""Which dimensions of an operator's inputs are one and the same.

MatMul(a, b)          ["...mk", "...kn"]
GatherElements(x, i)  ["abc", "abc"] without the letter of the axis
"""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Callable, Mapping, Sequence

from tvm import relax

from tvmedge.model.converters.node import Node
from tvmedge.model.converters.open.agreement import broadcast, cast, same
from tvmedge.model.symbolic import Size

Labels = Sequence[str]
"""A letter for each dimension of each input; a dot is a dimension that is free."""


def agreed(bb: relax.BlockBuilder, node: Node) -> Node:
    """``node`` with inputs whose dimensions agree.

    Raises:
        ValueError: dimensions that differ for some sizes.
    """
    own = node.dims(0)
    if own is not None and node.op in CHANNELS and len(own) > 1 and not isinstance(own[1], int):
        raise ValueError("its channels must be fixed")
    find = LABELS.get(node.op)
    if find is not None:
        node = _labelled(bb, node, find(node))
    return broadcast(bb, node)


def _labelled(bb: relax.BlockBuilder, node: Node, labels: Labels) -> Node:
    common: dict[str, Size] = {}
    inputs = list(node.inputs)
    for index, (value, letters) in enumerate(zip(node.inputs, labels, strict=False)):
        own = node.dims(index)
        if value is None or own is None or len(own) != len(letters):
            continue
        pairs = list(zip(letters, own, strict=True))
        fitted = [
            size if letter == "." else same(node, common.setdefault(letter, size), size)
            for letter, size in pairs
        ]
        inputs[index] = cast(bb, node, value, own, fitted)
    return dataclasses.replace(node, inputs=tuple(inputs))


def _rank(node: Node, index: int) -> int:
    return len(node.dims(index) or ())


def _matmul(node: Node) -> Labels:
    a, b = _rank(node, 0), _rank(node, 1)
    return "." * (a - 1) + "k", "." * (b - 2) + ("k." if b > 1 else "k")


def _gemm(node: Node) -> Labels:
    flipped = [bool(node.attributes.get(name, 0)) for name in ("transA", "transB")]
    return "k." if flipped[0] else ".k", ".k" if flipped[1] else "k."


def _concat(node: Node) -> Labels:
    return [_without(node, node.attributes["axis"])] * len(node.inputs)


def _elements(node: Node) -> Labels:
    """GatherElements and ScatterElements may touch less than there is; then all is fixed."""
    own, touched = node.dims(0) or (), node.dims(1) or ()
    pairs = zip(_without(node, node.attributes.get("axis", 0)), own, touched, strict=False)
    letters = "".join("." if node.symbols.proves(b <= a) else letter for letter, a, b in pairs)
    return letters, letters


def _without(node: Node, axis: int) -> str:
    letters = list(string.ascii_letters[: _rank(node, 0)])
    letters[axis] = "."
    return "".join(letters)


def _einsum(node: Node) -> Labels:
    equation: str = node.attributes["equation"].decode().replace(" ", "")
    return list(equation.partition("->")[0].split(","))


def _recurrent(node: Node) -> Labels:
    """X, W, R, B, sequence_lens, initial_h, initial_c, P"""
    if node.attributes.get("layout", 0):
        return "b.i", "..i", "...", "..", "b", "b..", "b..", ".."
    return ".bi", "..i", "...", "..", "b", ".b.", ".b.", ".."


def _reversed(node: Node) -> Labels:
    batch = node.attributes.get("batch_axis", 1)
    return "".join("b" if axis == batch else "." for axis in range(_rank(node, 0))), "b"


def _boxes(node: Node) -> Labels:
    return "bn.", "b.n"


CHANNELS = frozenset(
    {"BatchNormalization", "Conv", "ConvTranspose", "GroupNormalization", "InstanceNormalization"}
)
LABELS: Mapping[str, Callable[[Node], Labels]] = {
    "Concat": _concat,
    "Einsum": _einsum,
    "GRU": _recurrent,
    "GatherElements": _elements,
    "Gemm": _gemm,
    "LSTM": _recurrent,
    "MatMul": _matmul,
    "NonMaxSuppression": _boxes,
    "RNN": _recurrent,
    "ReverseSequence": _reversed,
    "ScatterElements": _elements,
}
