"""From actual arrays to the sizes of a model's open dimensions, and back."""

from __future__ import annotations

from collections.abc import Mapping

from tvmedge.errors import InputError
from tvmedge.shapes import Shape, resolve
from tvmedge.types import Signature, TensorSpec

LIKELY = 64


def fits(shape: Shape, actual: tuple[int, ...]) -> bool:
    """Whether ``actual`` has the rank of ``shape`` and the sizes that it fixes."""
    return len(shape) == len(actual) and all(
        isinstance(want, str) or want == got for want, got in zip(shape, actual, strict=True)
    )


def bind_sizes(signature: Signature, actual: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The size of every symbol that the inputs in ``actual`` fix.

    Raises:
        InputError: two inputs disagree about a symbol, or a size is out of bounds.
    """
    sizes: dict[str, int] = {}
    for spec in signature.inputs:
        for dim, size in zip(spec.shape, actual.get(spec.name, ()), strict=False):
            if isinstance(dim, int):
                continue
            bounds = signature.symbols[dim]
            if size < bounds.low or (bounds.high is not None and size > bounds.high):
                high = " or more" if bounds.high is None else f" to {bounds.high}"
                raise InputError(
                    f"The input {spec.name!r} has {size} for {dim}, the model was compiled for "
                    f"{bounds.low}{high}: give it such a size or compile the model again."
                )
            if sizes.setdefault(dim, size) != size:
                raise InputError(
                    f"The input {spec.name!r} has {size} for {dim}, another input has "
                    f"{sizes[dim]}: give them the same size."
                )
    return sizes


def default_sizes(signature: Signature, fixed: Mapping[str, int]) -> dict[str, int]:
    """``fixed``, and for every other symbol its highest size. Without one, a batch has its
    lowest; for lengths and images that is often less than a model can take."""
    batches = {spec.shape[0] for spec in signature.inputs if len(spec.shape) > 1}
    free = {
        name: bounds.high or (bounds.low if name in batches else max(bounds.low, LIKELY))
        for name, bounds in signature.symbols.items()
    }
    return free | dict(fixed)


def resolved(spec: TensorSpec, sizes: Mapping[str, int]) -> TensorSpec:
    """``spec`` with the sizes of its open dimensions.

    Raises:
        ValueError: a dimension cannot be evaluated.
    """
    return TensorSpec(spec.name, resolve(spec.shape, sizes), spec.dtype)
