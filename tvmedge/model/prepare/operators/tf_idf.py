"""TfIdfVectorizer of numbers: every n-gram is compared with every window.

before: TfIdfVectorizer(x[.., C], pool of G pairs, skips up to 1)
after:  for distances 1 and 2: hits = And(Equal(x[.., :-d], first), Equal(x[.., d:], second))
        Gather(sum of hits, which pair is counted where)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.tape import Tape

from tvmedge.model.prepare.rewrite import NodeRewrite, constant, integer, text


@dataclass(frozen=True)
class Pool:
    """N-grams of one length, [count, length], and the positions in the whole pool."""

    grams: npt.NDArray[np.int64]
    positions: npt.NDArray[np.int64]

    @property
    def length(self) -> int:
        """How many items an n-gram has."""
        return int(self.grams.shape[1])


class TfIdfVectorizer(NodeRewrite):
    """Of rows of a known length; strings have no code generation."""

    operators = frozenset({"TfIdfVectorizer"})

    def rewrite(self, tape: Tape, node: ir.Node) -> Sequence[ir.Value] | None:
        (x,) = node.inputs
        size = x.shape[-1] if x is not None and x.shape is not None and len(x.shape) else None
        if "pool_int64s" not in node.attributes or not isinstance(size, int):
            return None
        columns = np.array(node.attributes["ngram_indexes"].as_ints())
        shortest, longest = integer(node, "min_gram_length", 1), integer(node, "max_gram_length", 1)
        pools = [pool for pool in _pools(node) if shortest <= pool.length <= longest]
        mode = text(node, "mode", "")
        if mode not in ("TF", "IDF", "TFIDF"):
            return None
        used = columns[np.concatenate([pool.positions for pool in pools] or [columns[:0]])]
        if mode == "IDF" and len(set(used.tolist())) < len(used):
            return None  # what two n-grams in one place weigh is not defined
        numbers = tape.op("Cast", [x], {"to": int(ir.DataType.INT64)})
        distances = range(1, integer(node, "max_skip_count", 0) + 2)
        counts = [_counts(tape, numbers, pool, size, distances) for pool in pools]
        found = tape.op("Concat", counts, {"axis": -1}) if counts else _none(tape, numbers)
        if mode == "IDF":
            found = tape.op("Min", [found, constant(tape, 1, "float32")])
        weights = node.attributes.get("weights")
        if weights is not None and mode != "TF" and counts:
            every = np.array(weights.as_floats(), np.float32)
            own = every[np.concatenate([pool.positions for pool in pools])]
            found = tape.op("Mul", [found, constant(tape, own)])
        return [_placed(tape, found, used, int(columns.max()) + 1)]


def _pools(node: ir.Node) -> list[Pool]:
    """The pool's n-grams by length; ``ngram_counts`` is where each length starts."""
    items = np.array(node.attributes["pool_int64s"].as_ints(), np.int64)
    starts = [*node.attributes["ngram_counts"].as_ints(), items.size]
    pools, first = [], 0
    for length, (start, end) in enumerate(pairwise(starts), 1):
        count = max(end - start, 0) // length
        grams = items[start : start + count * length].reshape(count, length)
        if len(np.unique(grams, axis=0)) < count:
            raise ValueError("an n-gram stands in its pool twice")
        if count:
            pools.append(Pool(grams, np.arange(first, first + count)))
        first += count
    return pools


def _counts(tape: Tape, x: ir.Value, pool: Pool, size: int, distances: Sequence[int]) -> ir.Value:
    """How often each n-gram stands in each row, at any of the distances: [.., count]"""
    sums = []
    # Single items have no distance.
    for distance in distances if pool.length > 1 else distances[:1]:
        windows = size - (pool.length - 1) * distance
        if windows > 0:
            sums.append(_hits(tape, x, pool, windows, distance))
    if not sums:
        return tape.op(
            "Mul", [_none(tape, x), constant(tape, np.zeros(len(pool.grams), "float32"))]
        )
    return sums[0] if len(sums) == 1 else tape.op("Sum", sums)


def _hits(tape: Tape, x: ir.Value, pool: Pool, windows: int, distance: int) -> ir.Value:
    hits = None
    for place in range(pool.length):
        start = place * distance
        ends = [constant(tape, [n], "int64") for n in (start, start + windows, -1)]
        items = tape.op("Unsqueeze", [tape.op("Slice", [x, *ends]), constant(tape, [-1], "int64")])
        equal = tape.op("Equal", [items, constant(tape, pool.grams[:, place])])
        hits = equal if hits is None else tape.op("And", [hits, equal])
    numbers = tape.op("Cast", [hits], {"to": int(ir.DataType.FLOAT)})
    return tape.op("ReduceSum", [numbers, constant(tape, [-2], "int64")], {"keepdims": 0})


def _none(tape: Tape, x: ir.Value) -> ir.Value:
    """A zero a row: [.., 1]"""
    numbers = tape.op("Cast", [x], {"to": int(ir.DataType.FLOAT)})
    zeros = tape.op("Mul", [numbers, constant(tape, 0, "float32")])
    return tape.op("ReduceSum", [zeros, constant(tape, [-1], "int64")])


def _placed(tape: Tape, found: ir.Value, columns: npt.NDArray[np.int64], width: int) -> ir.Value:
    """Column c is the sum of what ``columns`` sends there; missing ones are 0."""
    one_behind, last = constant(tape, [0, 1], "int64"), constant(tape, [-1], "int64")
    padded = tape.op("Pad", [found, one_behind, constant(tape, 0, "float32"), last])
    sums = None
    for table in _tables(columns, width):
        part = tape.op("Gather", [padded, constant(tape, table)], {"axis": -1})
        sums = part if sums is None else tape.op("Add", [sums, part])
    assert sums is not None
    return sums


def _tables(columns: npt.NDArray[np.int64], width: int) -> list[npt.NDArray[np.int64]]:
    """For each column the position of its first n-gram, of its second, ...; else the zero."""
    zero = max(len(columns), 1)
    tables = [np.full(width, zero)]
    filled = np.zeros(width, int)
    for position, column in enumerate(columns):
        if filled[column] == len(tables):
            tables.append(np.full(width, zero))
        tables[filled[column]][column] = position
        filled[column] += 1
    return tables
