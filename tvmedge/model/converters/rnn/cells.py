"""The cells of LSTM, GRU and RNN: ONNX's equations for one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from tvm import tirx
from tvm.tirx.script import builder as T

from tvmedge.model.converters.rnn.hold import hold, settled
from tvmedge.model.converters.rnn.layer import Parts
from tvmedge.model.converters.rnn.step import Step, Unit


@dataclass(frozen=True)
class LstmCell:
    """Gates i, o, f, c; ``couple``: f = 1 - i (input_forget)."""

    couple: bool = False
    parts: ClassVar[Parts] = ((0, 1, 2, 3),)
    has_c: ClassVar[bool] = True

    @property
    def separate(self) -> frozenset[int]:
        """None."""
        return frozenset()

    def step(self, at: Step) -> None:
        def peephole(gate: Any, index: int, unit: Unit, cell: Any) -> Any:
            weights = at.buffers.get("P")
            if weights is None:
                return gate
            return gate + weights[at.d, index * at.layer.padded + unit.number] * cell

        # Loops of their own: functions' constants and temporaries fill a core's registers.
        def gated(unit: Unit) -> None:
            before = hold(at.c[unit.place])
            i = at.activate(0, peephole(unit.sums[0], 0, unit, before))
            T.buffer_store(at.new, i * at.activate(1, unit.sums[3]), [unit.place])

        def cell(unit: Unit) -> None:
            i, _, f, _ = unit.sums
            before = hold(at.c[unit.place])
            if self.couple:
                f = _one(at) - at.activate(0, peephole(i, 0, unit, before))
            else:
                f = at.activate(0, peephole(f, 2, unit, before))
            T.buffer_store(at.c, settled(f * before + at.new[unit.place]), [unit.place])

        def hidden(unit: Unit) -> None:
            c = hold(at.c[unit.place])
            o = at.activate(0, peephole(unit.sums[1], 1, unit, c))
            T.buffer_store(at.new, settled(o * at.activate(2, c)), [unit.place])

        at.product(0, at.h, gated, cell, hidden)


@dataclass(frozen=True)
class GruCell:
    """Gates z, r, h; ``linear_before_reset``: r * (h * R^T) instead of (r * h) * R^T."""

    linear_before_reset: bool = False
    has_c: ClassVar[bool] = False

    @property
    def parts(self) -> Parts:
        """All gates at once, where the reset does not come first."""
        return ((0, 1, 2),) if self.linear_before_reset else ((0, 1), (2,))

    @property
    def separate(self) -> frozenset[int]:
        """The gate h, where r scales the bias of R."""
        return frozenset({2}) if self.linear_before_reset else frozenset()

    def step(self, at: Step) -> None:
        if self.linear_before_reset:
            at.product(0, at.h, lambda unit: self._linear(at, unit))
            return
        update, reset = at.state(), at.state()

        def gate(unit: Unit) -> None:
            z, r = unit.sums
            T.buffer_store(update, at.activate(0, z), [unit.place])
            T.buffer_store(reset, at.activate(0, r) * at.h[unit.place], [unit.place])

        def new(unit: Unit) -> None:
            self._blend(at, unit, hold(update[unit.place]), unit.sums[0])

        at.product(0, at.h, gate)
        at.product(1, reset, new)

    def _linear(self, at: Step, unit: Unit) -> None:
        z, r, h = unit.sums
        z, r = at.activate(0, z), at.activate(0, r)
        self._blend(at, unit, z, unit.projected(2) + r * h)

    def _blend(self, at: Step, unit: Unit, z: Any, x: Any) -> None:
        new = (_one(at) - z) * at.activate(1, x) + z * at.h[unit.place]
        T.buffer_store(at.new, settled(new), [unit.place])


@dataclass(frozen=True)
class RnnCell:
    """One gate."""

    parts: ClassVar[Parts] = ((0,),)
    has_c: ClassVar[bool] = False

    @property
    def separate(self) -> frozenset[int]:
        """None."""
        return frozenset()

    def step(self, at: Step) -> None:
        def cell(unit: Unit) -> None:
            T.buffer_store(at.new, settled(at.activate(0, unit.sums[0])), [unit.place])

        at.product(0, at.h, cell)


Cells: TypeAlias = LstmCell | GruCell | RnnCell


def _one(at: Step) -> Any:
    return tirx.const(1, at.layer.dtype)
