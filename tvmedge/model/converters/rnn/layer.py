"""A recurrent layer as its kernel sees it: sizes, operands, results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from tvmedge.model.converters.rnn.attributes import Attributes
from tvmedge.model.converters.rnn.tiles import Tiles

if TYPE_CHECKING:
    from tvmedge.model.converters.rnn.step import Step

Parts = tuple[tuple[int, ...], ...]


class Cell(Protocol):
    """One step of a recurrent layer.

    ``parts`` are the gates whose products with h are taken together, by their
    place in W, R and B; of the ``separate`` parts the bias of R is an operand.
    """

    parts: ClassVar[Parts]
    has_c: ClassVar[bool]

    @property
    def separate(self) -> frozenset[int]:
        """The parts whose two biases must not be added up."""

    def step(self, at: Step) -> None:
        """Emit the step: from ``at.h``, the state before it, to the state after it."""


@dataclass(frozen=True)
class Layer:
    """``steps`` and ``batch`` are numbers, or variables where they are open;
    ``given`` are the kernel's operands by name with their types."""

    cell: Cell
    attributes: Attributes
    steps: Any
    batch: Any
    hidden: int
    dtype: str
    tiles: tuple[Tiles, ...]
    given: Mapping[str, str]

    @property
    def columns(self) -> int:
        """Columns of the projected x of one direction."""
        return sum(tile.padded for tile in self.tiles)

    def inputs(self) -> dict[str, tuple[Any, ...]]:
        """The shapes of the operands."""
        directions, steps, batch = len(self.attributes.backward), self.steps, self.batch
        first = (batch, steps) if self.attributes.batch_first else (steps, batch)
        shapes: dict[str, tuple[Any, ...]] = {
            "x": (*first, directions * self.columns),
            "sequence_lens": (batch,),
            "initial_h": self._state(batch),
            "initial_c": self._state(batch),
            "P": (directions, 3 * self.hidden),
        }
        for part, tile in enumerate(self.tiles):
            shapes[f"r{part}"] = (directions, tile.count, self.hidden, tile.width)
            shapes[f"b{part}"] = (directions, tile.padded)
        return {name: shapes[name] for name in self.given}

    def outputs(self, steps: Any, batch: Any) -> dict[str, tuple[Any, ...]]:
        """The shapes of Y, Y_h and, with a cell state, Y_c."""
        directions, hidden = len(self.attributes.backward), self.hidden
        by_batch = self.attributes.batch_first
        y = (batch, steps, directions, hidden) if by_batch else (steps, directions, batch, hidden)
        shapes = {"Y": y, "Y_h": self._state(batch)}
        if self.cell.has_c:
            shapes["Y_c"] = self._state(batch)
        return shapes

    def _state(self, batch: Any) -> tuple[Any, ...]:
        directions = len(self.attributes.backward)
        outer = (batch, directions) if self.attributes.batch_first else (directions, batch)
        return (*outer, self.hidden)
