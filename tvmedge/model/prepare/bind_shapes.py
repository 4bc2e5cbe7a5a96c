"""Give every input the static shape that the user or the model fixes.

before: x: float[N, 3, H, W]     with --input x:1x3x224x224
after:  x: float[1, 3, 224, 224]

Shapes of other values are dropped: they may still hold the open dimensions
and are inferred anew.
"""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import InPlacePass, PassResult

from tvmedge.errors import InputError, nearest
from tvmedge.model.inputs import Shapes


class BindShapes(InPlacePass):
    """Binds ``shapes`` (original input name -> static shape)."""

    def __init__(self, shapes: Shapes) -> None:
        super().__init__()
        self.shapes = shapes

    def call(self, model: ir.Model) -> PassResult:
        inputs = {str(value.name): value for value in model.graph.inputs}
        for name in self.shapes:
            if name not in inputs:
                raise InputError(f"it has no input '{name}' ({nearest(name, inputs)}).")
        for name, value in inputs.items():
            value.shape = ir.Shape(self._static(name, value))
        for node in model.graph.all_nodes():
            for output in node.outputs:
                output.shape = None
        return PassResult(model, modified=True)

    def _static(self, name: str, value: ir.Value) -> tuple[int, ...]:
        shape = value.shape
        given = self.shapes.get(name)
        if given is None:
            if shape is None:
                raise InputError(
                    f"input '{name}' has no shape in the file: give it with --input {name}:SHAPE."
                )
            dims = tuple(d if isinstance(d, int) and d > 0 else None for d in shape)
            if None in dims:
                example = "x".join(str(d or 1) for d in dims)
                raise InputError(
                    f"input '{name}' has open dimensions [{_text(shape)}]: "
                    f"fix them, for example with --input {name}:{example}."
                )
            return tuple(d for d in dims if d is not None)
        if shape is not None and len(shape) != len(given):
            raise InputError(
                f"input '{name}' has rank {len(shape)} [{_text(shape)}], but --input gives "
                f"rank {len(given)}."
            )
        for index, (want, got) in enumerate(zip(shape or (), given, strict=False)):
            if isinstance(want, int) and want > 0 and want != got:
                raise InputError(
                    f"input '{name}' is fixed to [{_text(shape)}] by the model, but --input gives "
                    f"{got} for dimension {index}."
                )
        return given


def _text(shape: ir.Shape | None) -> str:
    return ", ".join(_dimension(dim) for dim in shape or ())


def _dimension(dim: int | ir.SymbolicDim) -> str:
    if isinstance(dim, int):
        return str(dim) if dim > 0 else "?"
    return str(dim.value or "?")
