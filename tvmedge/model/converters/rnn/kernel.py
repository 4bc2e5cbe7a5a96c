"""The kernel of a recurrent layer: a loop over time around a cell.

    parallel for direction, batch:
        h, c = initial_h, initial_c
        for step < length: cell; Y[t] = h          t counts down when backward
        for the rest of the steps: Y[t] = 0
        Y_h, Y_c = h, c

It comes scheduled: rules and fusion leave it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from tvmedge.model.converters.rnn.layer import Layer
from tvmedge.model.converters.rnn.step import Step, serial, wide

OPAQUE = 8  # the operator pattern that FuseOps does not touch


def recurrent_kernel(layer: Layer) -> tirx.PrimFunc:
    """The layer as one TIR function of its inputs and outputs, in their order."""
    with IRBuilder() as builder, T.prim_func(is_private=True, s_tir=True):
        T.func_attr({"tirx.is_scheduled": True, "op_pattern": OPAQUE, "tirx.noalias": True})
        shapes = layer.inputs() | layer.outputs(layer.steps, layer.batch)
        buffers = {
            name: T.arg(name, T.buffer(shape, layer.given.get(name, layer.dtype)))
            for name, shape in shapes.items()
        }
        directions = len(layer.attributes.backward)
        count = directions * layer.batch
        alone = isinstance(count, int) and count == 1
        with serial(1) if alone else T.parallel(wide(count)) as index:
            d, b = (0, index) if directions == 1 else (index // layer.batch, index % layer.batch)
            _sequence(layer, buffers, d, b)
    return builder.get()


def _sequence(layer: Layer, buffers: Mapping[str, Any], d: Any, b: Any) -> None:
    """One row of the batch in one direction, over its whole length."""
    by_batch = layer.attributes.batch_first
    zero = tirx.const(0, layer.dtype)
    length = _length(layer, buffers, b)

    def at(t: Any, j: Any) -> list[Any]:
        return [b, t, d, j] if by_batch else [t, d, b, j]

    def state(j: Any) -> tuple[Any, ...]:
        return (b, d, j) if by_batch else (d, b, j)

    def initial(name: str) -> Any:
        result = T.alloc_buffer((layer.hidden,), layer.dtype)
        with serial(layer.hidden) as j:
            T.buffer_store(result, buffers[name][state(j)] if name in buffers else zero, [j])
        return result

    h = initial("initial_h")
    c = initial("initial_c") if layer.cell.has_c else None
    with serial(length) as step:
        t = T.bind(_time(layer, step, length, d))
        layer.cell.step(Step(layer, buffers, d, b, t, h, c))
        with serial(layer.hidden) as j:
            T.buffer_store(buffers["Y"], h[j], at(t, j))
    if "sequence_lens" in buffers:
        with serial(layer.steps - length) as rest, serial(layer.hidden) as j:
            T.buffer_store(buffers["Y"], zero, at(length + rest, j))
    for name, last in (("Y_h", h), ("Y_c", c)):
        if last is not None:
            with serial(layer.hidden) as j:
                # On a sequence without steps ONNX is silent and onnxruntime says 0.
                value = tirx.Select(length > 0, last[j], zero)
                T.buffer_store(buffers[name], value, list(state(j)))


def _length(layer: Layer, buffers: Mapping[str, Any], b: Any) -> Any:
    """How many steps row ``b`` has; a length out of range is brought into it."""
    steps = wide(layer.steps)
    if "sequence_lens" not in buffers:
        return steps
    given, zero = T.bind(tirx.Cast("int64", buffers["sequence_lens"][b])), tirx.const(0, "int64")
    return T.bind(tirx.Select(given < zero, zero, tirx.Select(given > steps, steps, given)))


def _time(layer: Layer, step: Any, length: Any, d: Any) -> Any:
    back = length - 1 - step
    if len(layer.attributes.backward) == 1:
        return back if layer.attributes.backward[0] else step
    return tirx.Select(d == 0, step, back)
