"""What to do about a node that open dimensions keep from being compiled.

x: float[N, 3, H, W]     fix open sizes, such as with --input x:1x3x224x224
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import onnx_ir as ir
from tvm import relax

from tvmedge.model.load import first_line
from tvmedge.model.symbolic import dims, expression
from tvmedge.types import Bounds

_OURS = Path(__file__).resolve().parents[1]
_BATCH, _IMAGE, _LENGTH = 1, 224, 64


def reason(error: Exception, open_: bool) -> str:
    """Why a node is refused: in our own words where a library's failed on open sizes."""
    frames = traceback.extract_tb(error.__traceback__)
    if not open_ or (frames and Path(frames[-1].filename).is_relative_to(_OURS)):
        return first_line(error)
    return "it is only compiled for fixed sizes"


def fix_sizes(
    inputs: Iterable[tuple[str, ir.Value]],
    symbols: Iterable[str],
    bounds: Mapping[str, Bounds],
    error: Exception | None = None,
) -> str:
    """The flags that fix ``symbols``; ``inputs`` are the model's with their names."""
    known = getattr(error, "fix", {})
    wanted = set(symbols)
    flags = []
    for name, value in inputs:
        sizes = [d if isinstance(d, int) else str(d.value) for d in value.shape or ()]
        if wanted.isdisjoint(sizes):
            continue
        fixed = [
            size
            if isinstance(size, int)
            else known.get(size) or _guess(bounds.get(size, Bounds()), place, len(sizes))
            for place, size in enumerate(sizes)
        ]
        flags.append(f"--input {name}:{'x'.join(map(str, fixed))}")
    return f"fix open sizes, such as with {' '.join(flags)}" if flags else "fix open sizes"


def symbols_of(values: Iterable[Any]) -> set[str]:
    """The names of the symbols in the shapes of Relax tensors."""
    sizes = [expression(size) for value in values for size in dims(value) or ()]
    return {str(var.name) for var in relax.analysis.free_symbolic_vars(relax.ShapeExpr(sizes))}


def _guess(bounds: Bounds, place: int, rank: int) -> int:
    likely = _BATCH if place == 0 else _IMAGE if rank == 4 else _LENGTH
    likely = max(likely, bounds.low)
    return likely if bounds.high is None else min(likely, bounds.high)
