"""How users hand tensors in (.npy, .npz, images, random) and get them out (.npz)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tvmedge.lazy import exports

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

__getattr__ = exports(
    __name__,
    {
        "Channels": "tvmedge.tensors.options",
        "ImageOptions": "tvmedge.tensors.options",
        "Layout": "tvmedge.tensors.options",
        "Resize": "tvmedge.tensors.options",
        "max_normalised_error": "tvmedge.tensors.compare",
        "random_tensor": "tvmedge.tensors.generate",
        "read_inputs": "tvmedge.tensors.inputs",
        "write_outputs": "tvmedge.tensors.outputs",
    },
)
