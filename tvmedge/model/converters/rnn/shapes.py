"""The shapes of a node's inputs against its attributes and each other.

The kernel would otherwise find a mismatch only when it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tvm import relax, tirx

from tvmedge.model.converters.rnn.attributes import Attributes


def hidden_size(given: Mapping[str, relax.Expr], attributes: Attributes, gates: int) -> int:
    """The hidden size, once every known dimension has been found to fit.

    Raises:
        ValueError: an input whose shape is unknown or does not fit.
    """
    for name, value in given.items():
        if getattr(value.ty, "shape", None) is None:
            raise ValueError(f"the shape of {name} is not known")
    shapes = {name: [_known(dim) for dim in value.ty.shape] for name, value in given.items()}
    x, hidden = shapes["X"], shapes["R"][-1] if shapes["R"] else None
    if hidden is None or len(x) != 3 or None in shapes["W"]:
        raise ValueError("the shape of X, W or R is not known or not of three dimensions")
    batch = x[0 if attributes.batch_first else 1]
    directions = len(attributes.backward)
    state = (batch, directions) if attributes.batch_first else (directions, batch)
    want: dict[str, tuple[Any, ...]] = {
        "X": tuple(x),
        "W": (directions, gates * hidden, x[2]),
        "R": (directions, gates * hidden, hidden),
        "B": (directions, 2 * gates * hidden),
        "sequence_lens": (batch,),
        "initial_h": (*state, hidden),
        "initial_c": (*state, hidden),
        "P": (directions, 3 * hidden),
    }
    for name, shape in shapes.items():
        if not _fits(shape, want[name]):
            raise ValueError(f"{name} has shape {_text(shape)} where {_text(want[name])} is needed")
    if attributes.hidden not in (None, hidden):
        raise ValueError(f"hidden_size is {attributes.hidden}, but R is for {hidden}")
    if 0 in x or not hidden:
        raise ValueError("an empty sequence, batch or state")
    return hidden


def _known(dim: Any) -> int | None:
    return int(dim) if isinstance(dim, tirx.IntImm) else None


def _fits(shape: Any, want: Any) -> bool:
    return len(shape) == len(want) and all(
        None in (a, b) or a == b for a, b in zip(shape, want, strict=True)
    )


def _text(shape: Any) -> str:
    return "x".join("?" if dim is None else str(dim) for dim in shape)
