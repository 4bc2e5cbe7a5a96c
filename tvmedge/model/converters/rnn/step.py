"""What a cell is built from, at one place of the loops around it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tvm import tirx
from tvm.tirx.script import builder as T

from tvmedge.model.converters.rnn.activations import activate, clamp
from tvmedge.model.converters.rnn.hold import hold
from tvmedge.model.converters.rnn.layer import Layer
from tvmedge.model.converters.rnn.tile import LANES, Share, Tile

UNROLL = 4  # multiply-adds of a sum in a turn of the loop


def wide(count: Any) -> Any:
    """A loop's extent in 64 bits, which TVM narrows where it can."""
    return tirx.const(count, "int64") if isinstance(count, int) else count


def serial(count: Any) -> Any:
    """A loop in order."""
    return T.serial(wide(count))


@dataclass(frozen=True)
class Unit:
    """Unit ``number`` of a row: its ``sums`` by gate, its ``place`` in states, and what x
    gives a gate of it."""

    number: Any
    place: Any
    sums: Sequence[Any]
    projected: Callable[[int], Any]


@dataclass(frozen=True)
class Step:
    """Direction ``d``, rows of the batch from ``b`` on, time ``t``, the ``turn``-th step;
    ``h`` and ``c`` are the state before, ``new`` that after; c is overwritten."""

    layer: Layer
    tile: Tile
    buffers: Mapping[str, Any]
    d: Any
    b: Any
    t: Any
    turn: Any
    h: Any
    new: Any
    c: Any

    def state(self) -> Any:
        """A buffer for a value of each unit of each row."""
        return T.alloc_buffer((self.tile.together * self.layer.padded,), self.layer.dtype)

    def product(self, part: int, vector: Any, *finish: Callable[[Unit], None]) -> None:
        """``vector`` * R^T and what x adds, for the gates of ``part``; each of ``finish`` emits
        what follows for a unit, once all units have what those before it give."""
        tile = self.tile
        count = self.layer.blocks // tile.blocks
        each = count // tile.ways
        shared = T.parallel(wide(tile.ways)) if tile.share is Share.UNITS else serial(1)
        with shared as way, serial(each) as index:
            at = tirx.Select(self.turn % 2 == 0, index, each - 1 - index)
            first = T.bind((way * each + (at if tile.there_and_back else index)) * tile.blocks)
            with serial(LANES // tile.lanes) as piece, serial(tile.together // tile.rows) as m:
                place = _Place(self, part, first, piece * tile.lanes, m * tile.rows)
                place.emit(vector, finish)

    def activate(self, index: int, x: Any) -> Any:
        """The ``index``-th activation function of this direction, of ``x`` clipped."""
        attributes = self.layer.attributes
        x = hold(x)
        if attributes.clip is not None:
            x = hold(clamp(x, -attributes.clip, attributes.clip))
        functions = [direction[index] for direction in attributes.activations]
        values = [activate(function, x) for function in dict.fromkeys(functions)]
        return values[0] if len(values) == 1 else hold(tirx.Select(self.d == 0, *values))


@dataclass(frozen=True)
class _Place:
    """A tile of sums: blocks from ``first`` on, their units from ``lane`` on, rows of the
    batch from ``row`` on."""

    step: Step
    part: int
    first: Any
    lane: Any
    row: Any

    def emit(self, vector: Any, finish: Sequence[Callable[[Unit], None]]) -> None:
        step, layer, tile = self.step, self.step.layer, self.step.tile
        gates = layer.cell.parts[self.part]
        size = tile.rows * tile.blocks * len(gates) * tile.lanes
        sums = T.alloc_buffer((size,), layer.dtype)
        matrix = step.buffers[f"r{self.part}"]
        self._each(sums, self._start)
        depth = next(n for n in range(UNROLL, 0, -1) if layer.hidden % n == 0)
        with serial(layer.hidden // depth) as outer, T.unroll(wide(depth)) as inner:
            k = outer * depth + inner

            def more(r: Any, block: Any, gate: Any, lane: Any, at: Any) -> Any:
                weight = matrix[step.d, self.first + block, k, gate * LANES + self.lane + lane]
                return sums[at] + vector[(self.row + r) * layer.padded + k] * weight

            self._each(sums, more)
        # Loops over what is computed in registers would keep it out of them.
        near = T.alloc_buffer((size,), layer.dtype)
        self._each(near, lambda r, block, gate, lane, at: sums[at])
        for follow in finish:
            with serial(tile.rows) as r, serial(tile.blocks) as block, serial(tile.lanes) as lane:
                number = (self.first + block) * LANES + self.lane + lane
                follow(
                    Unit(
                        number,
                        (self.row + r) * layer.padded + number,
                        [near[self._at(r, block, gate, lane)] for gate in range(len(gates))],
                        functools.partial(self._projected, r, block, lane=lane),
                    )
                )

    def _each(self, buffer: Any, value: Callable[[Any, Any, Any, Any, Any], Any]) -> None:
        """Store ``value`` of each row, block, gate and lane, all written out."""
        tile, gates = self.step.tile, len(self.step.layer.cell.parts[self.part])
        with (
            T.unroll(wide(tile.rows)) as r,
            T.unroll(wide(tile.blocks)) as block,
            T.unroll(wide(gates)) as gate,
            T.vectorized(wide(tile.lanes)) as lane,
        ):
            at = self._at(r, block, gate, lane)
            T.buffer_store(buffer, value(r, block, gate, lane, at), [at])

    def _at(self, r: Any, block: Any, gate: Any, lane: Any) -> Any:
        tile, gates = self.step.tile, len(self.step.layer.cell.parts[self.part])
        return ((r * tile.blocks + block) * gates + gate) * tile.lanes + lane

    def _start(self, r: Any, block: Any, gate: Any, lane: Any, at: Any) -> Any:
        """What x gives, or the bias of R for the gates that add it themselves."""
        step, layer = self.step, self.step.layer
        gates = layer.cell.parts[self.part]
        apart = [gates.index(g) for g in gates if g in layer.cell.separate]
        if not apart:
            return self._projected(r, block, gate, lane)
        bias = step.buffers.get(f"b{self.part}")
        zero = tirx.const(0, layer.dtype)
        own = zero if bias is None else bias[step.d, self._column(block, gate, lane)]
        return tirx.Select(gate < apart[0], self._projected(r, block, gate, lane), own)

    def _projected(self, r: Any, block: Any, gate: Any, lane: Any) -> Any:
        """x * W^T + bias at this time."""
        step, layer = self.step, self.step.layer
        b = step.b + self.row + r
        outer = (b, step.t) if layer.attributes.batch_first else (step.t, b)
        column = layer.first_column(self.part) + self._column(block, gate, lane)
        place = (*outer, step.d * layer.columns + column)
        return step.buffers["x"][place]

    def _column(self, block: Any, gate: Any, lane: Any) -> Any:
        gates = len(self.step.layer.cell.parts[self.part])
        return ((self.first + block) * gates + gate) * LANES + self.lane + lane
