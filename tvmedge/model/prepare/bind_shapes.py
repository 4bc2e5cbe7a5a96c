"""Give every input the shape that the user or the model fixes.

before: x: float[N, 3, H, W]     with --input x:1x3x224x224
after:  x: float[1, 3, 224, 224]
before: x: float[?, 3, "a.0", W] with --input x:Nx3x224x8..64
after:  x: float[N, 3, 224, x_3]

Open dimensions get identifiers for names; one whose name holds no letter ("?", "-1")
is like no other. Shapes of other values are dropped:
they may still hold the old ones and are inferred anew.
"""

from __future__ import annotations

import re

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult

from tvmedge.errors import InputError, nearest
from tvmedge.model.inputs import OpenDim, Shapes
from tvmedge.types import Bounds


class BindShapes(InPlacePass):
    """Binds ``shapes`` (original input name -> shape); ``symbols`` then holds the
    bounds of every dimension that stayed open."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.shapes = shapes
        self.symbols: dict[str, Bounds] = {}
        self._named: dict[str, str] = {}

    def call(self, model: ir.Model) -> PassResult:
        inputs = {str(value.name): value for value in model.graph.inputs}
        for name in self.shapes:
            if name not in inputs:
                raise InputError(f"it has no input '{name}' ({nearest(name, inputs)}).")
        for name, value in inputs.items():
            value.shape = ir.Shape(self._bound(name, value))
        for node in model.graph.all_nodes():
            for output in node.outputs:
                output.shape = None
        return PassResult(model, modified=True)

    def _bound(self, name: str, value: ir.Value) -> tuple[int | str, ...]:
        shape = value.shape
        given = self.shapes.get(name)
        if given is None:
            if shape is None:
                raise InputError(
                    f"input '{name}' has no shape in the file: give it with --input {name}:SHAPE."
                )
            given = tuple(_own(dim) for dim in shape)
        if shape is not None and len(shape) != len(given):
            raise InputError(
                f"input '{name}' has rank {len(shape)} [{_text(shape)}], but --input gives "
                f"rank {len(given)}."
            )
        for index, (want, got) in enumerate(zip(shape or (), given, strict=False)):
            if isinstance(want, int) and want > 0 and want != got:
                raise InputError(
                    f"input '{name}' is fixed to [{_text(shape)}] by the model, but --input gives "
                    f"{got if isinstance(got, int) else got.symbol or 'a range'} "
                    f"for dimension {index}."
                )
        return tuple(
            dim if isinstance(dim, int) else self._symbol(name, index, dim)
            for index, dim in enumerate(given)
        )

    def _symbol(self, name: str, index: int, dim: OpenDim) -> str:
        symbol = self._identifier(dim.symbol or f"{name}_{index}")
        known = self.symbols.get(symbol, Bounds())
        bounds = Bounds(max(known.low, dim.bounds.low), _least(known.high, dim.bounds.high))
        if bounds.high is not None and bounds.low > bounds.high:
            raise InputError(f"the bounds given for '{symbol}' leave no size.")
        self.symbols[symbol] = bounds
        return symbol

    def _identifier(self, text: str) -> str:
        """An identifier for the symbol ``text``; different symbols get different ones."""
        safe = re.sub(r"[^A-Za-z0-9_]", "_", text)
        safe = safe if safe[0].isalpha() else f"d{safe}"
        while self._named.setdefault(safe, text) != text:
            safe += "_"
        return safe


def _own(dim: int | ir.SymbolicDim) -> int | OpenDim:
    if isinstance(dim, int):
        return dim if dim > 0 else OpenDim()
    name = str(dim.value or "")
    return OpenDim(name if any(map(str.isalpha, name)) else "")


def _least(a: int | None, b: int | None) -> int | None:
    sizes = [size for size in (a, b) if size is not None]
    return min(sizes) if sizes else None


def _text(shape: ir.Shape | None) -> str:
    return ", ".join(_dimension(dim) for dim in shape or ())


def _dimension(dim: int | ir.SymbolicDim) -> str:
    if isinstance(dim, int):
        return str(dim) if dim > 0 else "?"
    return str(dim.value or "?")
