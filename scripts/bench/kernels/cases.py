"""Convolutions as they stand in real models, and what the project wants of each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Case:
    """A convolution with bias and ReLU of a ``channels`` x ``size`` x ``size`` image to
    ``filters`` channels; padded so that a stride of 1 keeps the size."""

    kind: str
    channels: int
    size: int
    filters: int
    window: int
    stride: int = 1
    groups: int = 1

    @property
    def name(self) -> str:
        """``64x56x56 to 128, 3x3 by 2``"""
        stride = f" by {self.stride}" if self.stride > 1 else ""
        image = f"{self.channels}x{self.size}x{self.size}"
        return f"{image} to {self.filters}, {self.window}x{self.window}{stride}"

    @property
    def out(self) -> int:
        """Height and width of the output."""
        return -(-self.size // self.stride)

    @property
    def flops(self) -> int:
        """A multiply-add counts as two."""
        taps = self.channels // self.groups * self.window**2
        return 2 * self.filters * self.out**2 * taps

    @property
    def bytes_in(self) -> int:
        """Image and weights."""
        weights = self.filters * self.channels // self.groups * self.window**2
        return 4 * (self.channels * self.size**2 + weights)

    @property
    def bytes_out(self) -> int:
        """The output."""
        return 4 * self.filters * self.out**2

    def tensors(self) -> dict[str, Array]:
        """``x``, ``w`` and ``b`` of -1 to 1."""
        draw = np.random.default_rng(0).uniform
        taps = (self.filters, self.channels // self.groups, self.window, self.window)
        shapes = {"x": (1, self.channels, self.size, self.size), "w": taps, "b": (self.filters,)}
        return {name: draw(-1, 1, shape).astype(np.float32) for name, shape in shapes.items()}

    def proto(self, tensors: dict[str, Array]) -> onnx.ModelProto:
        """A model of this one layer, its input ``x``."""
        half = self.window // 2
        end = (self.out - 1) * self.stride + self.window - self.size - half
        attributes: dict[str, Any] = {
            "kernel_shape": [self.window] * 2,
            "strides": [self.stride] * 2,
            "pads": [half, half, end, end],
            "group": self.groups,
        }
        nodes = [
            helper.make_node("Conv", ["x", "w", "b"], ["c"], **attributes),
            helper.make_node("Relu", ["c"], ["y"]),
        ]
        kind = onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            nodes,
            "kernel",
            [helper.make_tensor_value_info("x", kind, tensors["x"].shape)],
            [helper.make_tensor_value_info("y", kind, (1, self.filters, self.out, self.out))],
            [numpy_helper.from_array(tensors[name], name) for name in ("w", "b")],
        )
        opset = helper.make_opsetid("", 18)
        return helper.make_model(graph, opset_imports=[opset], ir_version=10)

    def exact(self, tensors: dict[str, Array]) -> Array:
        """The output in float64."""
        x, w, b = (tensors[name].astype(np.float64) for name in "xwb")
        half = self.window // 2
        padded = np.pad(x[0], [(0, 0), (half, self.window), (half, self.window)])
        views = np.lib.stride_tricks.sliding_window_view(padded, (self.window,) * 2, (1, 2))
        views = views[:, :: self.stride, :: self.stride][:, : self.out, : self.out]
        if self.groups == 1:
            sums = np.tensordot(w, views, axes=([1, 2, 3], [0, 3, 4]))
        else:  # depthwise
            sums = np.einsum("chwij,cij->chw", views, w[:, 0])
        return np.maximum(sums + b[:, None, None], 0)[None]


POINTWISE, SQUARE, FIRST, DEPTHWISE = "1x1", "3x3", "first", "depthwise"

CASES = (
    Case(POINTWISE, 64, 56, 256, 1),
    Case(POINTWISE, 256, 56, 64, 1),
    Case(POINTWISE, 512, 28, 128, 1),
    Case(POINTWISE, 256, 14, 1024, 1),
    Case(POINTWISE, 2048, 7, 512, 1),
    Case(POINTWISE, 96, 28, 200, 1),
    Case(SQUARE, 64, 56, 64, 3),
    Case(SQUARE, 128, 28, 128, 3),
    Case(SQUARE, 256, 14, 256, 3),
    Case(SQUARE, 512, 7, 512, 3),
    Case(SQUARE, 128, 56, 128, 3, 2),
    Case(SQUARE, 40, 80, 40, 3),
    Case(FIRST, 3, 224, 64, 7, 2),
    Case(FIRST, 3, 224, 64, 3, 2),
    Case(FIRST, 3, 320, 16, 3, 2),
    Case(DEPTHWISE, 128, 56, 128, 3, 1, 128),
    Case(DEPTHWISE, 64, 112, 64, 3, 2, 64),
    Case(DEPTHWISE, 512, 14, 512, 3, 1, 512),
    Case(DEPTHWISE, 128, 28, 128, 5, 1, 128),
    Case(DEPTHWISE, 240, 14, 240, 5, 1, 240),
    Case(DEPTHWISE, 96, 56, 96, 5, 2, 96),
)
