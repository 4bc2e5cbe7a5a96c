"""What a cell is built from, at one place of the loops around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tvm import tirx
from tvm.tirx.script import builder as T

from tvmedge.model.converters.rnn.activations import activate, clamp
from tvmedge.model.converters.rnn.hold import hold
from tvmedge.model.converters.rnn.layer import Layer
from tvmedge.model.converters.rnn.tiles import LANES


def wide(count: Any) -> Any:
    """A loop's extent in 64 bits, which TVM narrows where it can."""
    return tirx.const(count, "int64") if isinstance(count, int) else count


def serial(count: Any) -> Any:
    """A loop in order."""
    return T.serial(wide(count))


@dataclass(frozen=True)
class Step:
    """Direction ``d``, row ``b`` of the batch, time ``t``; ``h`` and ``c`` are
    the state, read and overwritten."""

    layer: Layer
    buffers: Mapping[str, Any]
    d: Any
    b: Any
    t: Any
    h: Any
    c: Any

    def alloc(self, size: int) -> Any:
        """A buffer of the step's own."""
        return T.alloc_buffer((size,), self.layer.dtype)

    def projected(self, column: Any) -> Any:
        """x * W^T + bias at this time."""
        outer = (self.b, self.t) if self.layer.attributes.batch_first else (self.t, self.b)
        place = (*outer, self.d * self.layer.columns + column)
        return self.buffers["x"][place]

    def product(self, part: int, vector: Any, start: Callable[[Any], Any]) -> Any:
        """A buffer of ``start(row) + vector * R^T`` for the rows of ``part``."""
        tile, matrix = self.layer.tiles[part], self.buffers[f"r{part}"]
        result = self.alloc(tile.padded)
        with serial(tile.count) as i:
            sums = self.alloc(tile.width)

            def store(buffer: Any, first: Any, value: Callable[[Any], Any]) -> None:
                with T.unroll(wide(tile.groups)) as g, T.vectorized(wide(LANES)) as v:
                    row = g * LANES + v
                    T.buffer_store(buffer, value(row), [first + row])

            store(sums, 0, lambda row: start(i * tile.width + row))
            with serial(self.layer.hidden) as k:
                store(sums, 0, lambda row: sums[row] + vector[k] * matrix[self.d, i, k, row])
            store(result, i * tile.width, lambda row: sums[row])
        return result

    def activate(self, index: int, x: Any) -> Any:
        """The ``index``-th activation function of this direction, of ``x`` clipped."""
        attributes = self.layer.attributes
        x = hold(x)
        if attributes.clip is not None:
            x = hold(clamp(x, -attributes.clip, attributes.clip))
        functions = [direction[index] for direction in attributes.activations]
        values = [activate(function, x) for function in dict.fromkeys(functions)]
        return values[0] if len(values) == 1 else hold(tirx.Select(self.d == 0, *values))
