"""How users hand tensors in (.npy, .npz, images, random) and get them out (.npz)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tvmedge.tensors.compare import max_normalised_error
    from tvmedge.tensors.generate import random_tensor
    from tvmedge.tensors.inputs import read_inputs
    from tvmedge.tensors.options import Channels, ImageOptions, Layout, Resize
    from tvmedge.tensors.outputs import write_outputs

__all__ = [
    "Channels",
    "ImageOptions",
    "Layout",
    "Resize",
    "max_normalised_error",
    "random_tensor",
    "read_inputs",
    "write_outputs",
]

_HOMES = {
    "max_normalised_error": "compare",
    "random_tensor": "generate",
    "read_inputs": "inputs",
    "write_outputs": "outputs",
}


def __getattr__(name: str) -> Any:
    # On first use: the command line's help must not pay for numpy.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOMES.get(name, 'options')}")
    return getattr(module, name)
