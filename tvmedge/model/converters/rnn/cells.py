"""The cells of LSTM, GRU and RNN: ONNX's equations for one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from tvm import tirx
from tvm.tirx.script import builder as T

from tvmedge.model.converters.rnn.hold import hold
from tvmedge.model.converters.rnn.layer import Parts
from tvmedge.model.converters.rnn.step import Step, serial


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
        gates, hidden = at.product(0, at.h, at.projected), at.layer.hidden

        def peephole(gate: Any, index: int, cell: Any) -> Any:
            weights = at.buffers.get("P")
            return gate if weights is None else gate + weights[at.d, index * hidden + j] * cell

        with serial(hidden) as j:
            i, o, f, new = (gates[gate * hidden + j] for gate in range(4))
            before = hold(at.c[j])
            i = at.activate(0, peephole(i, 0, before))
            f = _one(at) - i if self.couple else at.activate(0, peephole(f, 2, before))
            c = hold(f * before + i * at.activate(1, new))
            o = at.activate(0, peephole(o, 1, c))
            h = hold(o * at.activate(2, c))
            T.buffer_store(at.c, c, [j])
            T.buffer_store(at.h, h, [j])


@dataclass(frozen=True)
class GruCell:
    """Gates z, r, h; ``linear_before_reset``: r * (h * R^T) instead of (r * h) * R^T."""

    linear_before_reset: bool = False
    parts: ClassVar[Parts] = ((0, 1), (2,))
    has_c: ClassVar[bool] = False

    @property
    def separate(self) -> frozenset[int]:
        """The gate h, where r scales the bias of R."""
        return frozenset({1}) if self.linear_before_reset else frozenset()

    def step(self, at: Step) -> None:
        linear, hidden = self.linear_before_reset, at.layer.hidden
        first = at.layer.tiles[0].padded
        gates, update, reset = at.product(0, at.h, at.projected), at.alloc(hidden), at.alloc(hidden)
        with serial(hidden) as j:
            T.buffer_store(update, at.activate(0, gates[j]), [j])
            r = at.activate(0, gates[hidden + j])
            T.buffer_store(reset, r if linear else r * at.h[j], [j])
        if linear:
            bias = at.buffers.get("b1")
            zero = tirx.const(0, at.layer.dtype)
            new = at.product(1, at.h, lambda row: zero if bias is None else bias[at.d, row])
        else:
            new = at.product(1, reset, lambda row: at.projected(first + row))
        with serial(hidden) as j:
            x = at.projected(first + j) + reset[j] * new[j] if linear else new[j]
            z = hold(update[j])
            T.buffer_store(at.h, (_one(at) - z) * at.activate(1, x) + z * at.h[j], [j])


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
        gate = at.product(0, at.h, at.projected)
        with serial(at.layer.hidden) as j:
            T.buffer_store(at.h, at.activate(0, gate[j]), [j])


def _one(at: Step) -> Any:
    return tirx.const(1, at.layer.dtype)
