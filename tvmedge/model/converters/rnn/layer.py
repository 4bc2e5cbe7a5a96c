"""A recurrent layer as its kernel sees it: sizes, operands, results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tvmedge.model.converters.rnn.attributes import Attributes
from tvmedge.model.converters.rnn.tile import LANES, blocks_of

if TYPE_CHECKING:
    from tvmedge.model.converters.rnn.step import Step

Parts = tuple[tuple[int, ...], ...]


class Cell(Protocol):
    """One step of a recurrent layer.

    The gates of each of the ``parts`` are multiplied in one pass, by their place in W, R
    and B. Sums of the ``separate`` gates start from their bias of R alone; the cell adds
    what comes from x.
    """

    @property
    def parts(self) -> Parts:
        """Gates by pass."""

    @property
    def has_c(self) -> bool:
        """Whether there is a cell state."""

    @property
    def separate(self) -> frozenset[int]:
        """The gates whose two biases must not be added up."""

    def step(self, at: Step) -> None:
        """Emit the step: from ``at.h``, the state before it, to ``at.new``."""


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
    given: Mapping[str, str]

    @property
    def directions(self) -> int:
        return len(self.attributes.backward)

    @property
    def blocks(self) -> int:
        """Blocks of units."""
        return blocks_of(self.hidden)

    @property
    def padded(self) -> int:
        """Units of whole blocks."""
        return self.blocks * LANES

    @property
    def columns(self) -> int:
        """Columns of the projected x of one direction."""
        return sum(len(part) for part in self.cell.parts) * self.padded

    def first_column(self, part: int) -> int:
        """Where the columns of ``part`` begin among them."""
        return sum(len(before) for before in self.cell.parts[:part]) * self.padded

    def inputs(self) -> dict[str, tuple[Any, ...]]:
        """The shapes of the operands."""
        directions, steps, batch = self.directions, self.steps, self.batch
        first = (batch, steps) if self.attributes.batch_first else (steps, batch)
        shapes: dict[str, tuple[Any, ...]] = {
            "x": (*first, directions * self.columns),
            "sequence_lens": (batch,),
            "initial_h": self._state(batch),
            "initial_c": self._state(batch),
            "P": (directions, 3 * self.padded),
        }
        for part, gates in enumerate(self.cell.parts):
            width = len(gates) * LANES
            shapes[f"r{part}"] = (directions, self.blocks, self.hidden, width)
            shapes[f"b{part}"] = (directions, self.blocks * width)
        return {name: shapes[name] for name in self.given}

    def outputs(self, steps: Any, batch: Any) -> dict[str, tuple[Any, ...]]:
        """The shapes of Y, Y_h and, with a cell state, Y_c."""
        directions, hidden = self.directions, self.hidden
        by_batch = self.attributes.batch_first
        y = (batch, steps, directions, hidden) if by_batch else (steps, directions, batch, hidden)
        shapes = {"Y": y, "Y_h": self._state(batch)}
        if self.cell.has_c:
            shapes["Y_c"] = self._state(batch)
        return shapes

    def _state(self, batch: Any) -> tuple[Any, ...]:
        by_batch = self.attributes.batch_first
        outer = (batch, self.directions) if by_batch else (self.directions, batch)
        return (*outer, self.hidden)
