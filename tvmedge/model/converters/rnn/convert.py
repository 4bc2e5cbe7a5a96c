"""LSTM, GRU and RNN nodes to Relax: the product with W for all steps, then the kernel.

float16 and bfloat16 are computed in float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tvm import relax, tirx

from tvmedge.model.converters.node import Node
from tvmedge.model.converters.rnn.attributes import Attributes
from tvmedge.model.converters.rnn.cells import Cells, GruCell, LstmCell, RnnCell
from tvmedge.model.converters.rnn.description import ATTRIBUTE, described
from tvmedge.model.converters.rnn.kernel import recurrent_kernel
from tvmedge.model.converters.rnn.layer import Layer
from tvmedge.model.converters.rnn.shapes import hidden_size
from tvmedge.model.converters.rnn.weights import Weights

INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
FLOATS = ("float16", "bfloat16", "float32", "float64")


def lstm(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """LSTM: three activation functions a direction, peepholes, a cell state."""
    cell = LstmCell(couple=bool(node.attributes.get("input_forget", 0)))
    return _layer(bb, node, cell, ("Sigmoid", "Tanh", "Tanh"))


def gru(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """GRU, with the reset before or after the product (linear_before_reset)."""
    cell = GruCell(bool(node.attributes.get("linear_before_reset", 0)))
    return _layer(bb, node, cell, ("Sigmoid", "Tanh"))


def rnn(bb: relax.BlockBuilder, node: Node) -> relax.Expr:
    """RNN: one gate."""
    return _layer(bb, node, RnnCell(), ("Tanh",))


def _layer(
    bb: relax.BlockBuilder,
    node: Node,
    cell: Cells,
    functions: Sequence[str],
) -> relax.Expr:
    attributes = Attributes.read(node.attributes, functions)
    given = {name: e for name, e in zip(INPUTS, node.inputs, strict=False) if e is not None}
    gates = sum(len(part) for part in cell.parts)
    hidden = hidden_size(given, attributes, gates)
    outer = str(given["X"].ty.dtype)
    if outer not in FLOATS:
        raise ValueError(f"{outer} is not a floating-point type that it computes in")
    dtype = "float64" if outer == "float64" else "float32"
    if outer != dtype:
        lens = given.pop("sequence_lens", None)
        given = {name: bb.normalize(relax.op.astype(e, dtype)) for name, e in given.items()}
        given |= {} if lens is None else {"sequence_lens": lens}
    weights = Weights(bb, cell, hidden)

    operands = {"x": _projected(bb, weights, given)}
    operands |= {f"r{part}": weights.packed(given["R"], part) for part in range(len(cell.parts))}
    if "B" in given and cell.separate:
        operands["b0"] = weights.own_bias(given["B"], 0)
    operands |= {name: given[name] for name in INPUTS[4:] if name in given}
    if "P" in given:
        operands["P"] = weights.whole_blocks(given["P"], 3)

    steps, batch = _outer_sizes(given["X"], attributes)
    layer = Layer(
        cell,
        attributes,
        steps=_open(steps, "steps"),
        batch=_open(batch, "batch"),
        hidden=hidden,
        dtype=dtype,
        given={name: str(e.ty.dtype) for name, e in operands.items()},
    )
    plain = recurrent_kernel(layer).with_attr(ATTRIBUTE, described(layer))
    kernel = bb.add_func(plain, node.op.lower())
    shapes = layer.outputs(steps, batch).values()
    call = relax.call_tir(
        kernel, list(operands.values()), [relax.TensorType(list(s), dtype) for s in shapes]
    )
    results = bb.emit(call)
    values = [bb.emit(relax.TupleGetItem(results, index)) for index in range(node.outputs)]
    if outer != dtype:
        values = [bb.emit(relax.op.astype(value, outer)) for value in values]
    return values[0] if len(values) == 1 else relax.Tuple(values)


def _projected(
    bb: relax.BlockBuilder, weights: Weights, given: dict[str, relax.Expr]
) -> relax.Expr:
    product = bb.normalize(relax.op.matmul(given["X"], weights.columns(given["W"])))
    if "B" not in given:
        return product
    return bb.normalize(relax.op.add(product, weights.bias(given["B"])))


def _outer_sizes(x: relax.Expr, attributes: Attributes) -> tuple[Any, Any]:
    first, second = x.ty.shape[0], x.ty.shape[1]
    return (second, first) if attributes.batch_first else (first, second)


def _open(size: Any, name: str) -> Any:
    """A number, or the kernel's own variable where the size is open."""
    return int(size) if isinstance(size, tirx.IntImm) else tirx.Var(name, "int64")
