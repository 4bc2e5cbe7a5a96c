"""The kernel of a recurrent layer: a loop over time around a cell.

    parallel for direction, rows of the batch:
        h, c = initial_h, initial_c
        for step < length: cell; Y[t] = h          t counts down when backward
        for the rest of the steps: Y[t] = 0
        Y_h, Y_c = h, c

Where threads share a step's units instead, that loop is serial and the cell's parallel. It
comes scheduled: rules and fusion leave it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.tirx.script import builder as T

from tvmedge.model.converters.rnn.layer import Layer
from tvmedge.model.converters.rnn.step import Step, serial, wide
from tvmedge.model.converters.rnn.tile import PLAIN, Share, Tile

OPAQUE = 8  # the operator pattern that FuseOps does not touch


def recurrent_kernel(layer: Layer, tile: Tile = PLAIN) -> tirx.PrimFunc:
    """The layer as one TIR function of its inputs and outputs, in their order."""
    with IRBuilder() as builder, T.prim_func(is_private=True, s_tir=True):
        T.func_attr({"tirx.is_scheduled": True, "op_pattern": OPAQUE, "tirx.noalias": True})
        shapes = layer.inputs() | layer.outputs(layer.steps, layer.batch)
        buffers = {
            name: T.arg(name, T.buffer(shape, layer.given.get(name, layer.dtype)))
            for name, shape in shapes.items()
        }
        groups = layer.batch // tile.together
        count = layer.directions * groups
        alone = isinstance(count, int) and count == 1
        shared = tile.share is Share.UNITS
        with serial(count) if alone or shared else T.parallel(wide(count)) as index:
            d, group = (0, index) if layer.directions == 1 else (index // groups, index % groups)
            _Sequences(layer, tile, buffers, d, group * tile.together).emit()
    return builder.get()


class _Sequences:
    """Rows of the batch from ``b`` on in direction ``d``, over their whole length."""

    def __init__(
        self, layer: Layer, tile: Tile, buffers: Mapping[str, Any], d: Any, b: Any
    ) -> None:
        self._layer, self._tile, self._buffers, self._d, self._b = layer, tile, buffers, d, b
        self._zero = tirx.const(0, layer.dtype)

    def emit(self) -> None:
        layer, buffers = self._layer, self._buffers
        length = self._length()
        h, new = self._initial("initial_h"), self._state()
        c = self._initial("initial_c") if layer.cell.has_c else None
        with serial(length) as turn:
            t = T.bind(self._time(turn, length))
            step = Step(layer, self._tile, buffers, self._d, self._b, t, turn, h, new, c)
            layer.cell.step(step)
            self._each(h, lambda place, r, j: new[place])
            self._each("Y", lambda place, r, j: new[place], t)
        if "sequence_lens" in buffers:
            with serial(layer.steps - length) as rest:
                self._each("Y", lambda place, r, j: self._zero, length + rest)
        # On a sequence without steps ONNX is silent and onnxruntime says 0.
        for name, last in (("Y_h", h), ("Y_c", c)):
            if last is not None:
                self._last(name, last, length)

    def _state(self) -> Any:
        size = self._tile.together * self._layer.padded
        return T.alloc_buffer((size,), self._layer.dtype)

    def _initial(self, name: str) -> Any:
        """A state as it is given; what fills up its last block is 0."""
        result = self._state()
        if name not in self._buffers or self._layer.padded != self._layer.hidden:
            with serial(self._tile.together * self._layer.padded) as place:
                T.buffer_store(result, self._zero, [place])
        if name in self._buffers:
            given = self._buffers[name]
            self._each(result, lambda place, r, j: given[self._in_state(r, j)])
        return result

    def _last(self, name: str, last: Any, length: Any) -> None:
        self._each(name, lambda place, r, j: tirx.Select(length > 0, last[place], self._zero))

    def _each(self, buffer: Any, value: Any, t: Any = None) -> None:
        """Store ``value(place in a state, row, unit)`` for every unit of every row, in a state
        or in the result of that name."""
        with serial(self._tile.together) as r, serial(self._layer.hidden) as j:
            place = r * self._layer.padded + j
            if not isinstance(buffer, str):
                T.buffer_store(buffer, value(place, r, j), [place])
                return
            at = self._in_state(r, j) if t is None else self._in_y(t, r, j)
            T.buffer_store(self._buffers[buffer], value(place, r, j), list(at))

    def _in_state(self, r: Any, j: Any) -> tuple[Any, ...]:
        b, d = self._b + r, self._d
        return (b, d, j) if self._layer.attributes.batch_first else (d, b, j)

    def _in_y(self, t: Any, r: Any, j: Any) -> tuple[Any, ...]:
        b, d = self._b + r, self._d
        return (b, t, d, j) if self._layer.attributes.batch_first else (t, d, b, j)

    def _length(self) -> Any:
        """How many steps the row has; a length out of range is brought into it."""
        steps = wide(self._layer.steps)
        if "sequence_lens" not in self._buffers:
            return steps
        lens, zero = self._buffers["sequence_lens"], tirx.const(0, "int64")
        given = T.bind(tirx.Cast("int64", lens[self._b]))
        return T.bind(tirx.Select(given < zero, zero, tirx.Select(given > steps, steps, given)))

    def _time(self, turn: Any, length: Any) -> Any:
        back = length - 1 - turn
        backward = self._layer.attributes.backward
        if len(backward) == 1:
            return back if backward[0] else turn
        return tirx.Select(self._d == 0, turn, back)
