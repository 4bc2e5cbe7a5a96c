"""Random recurrent layers: an ONNX model, its inputs, and what the reference needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper

from tests.onnx_models import model
from tests.rnn_reference import FUNCTIONS, GATES, recurrent

INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
DEFAULTS = {
    "LSTM": ("Sigmoid", "Tanh", "Tanh"),
    "GRU": ("Sigmoid", "Tanh"),
    "RNN": ("Tanh",),
}
TAKES_ALPHA = ("Affine", "Elu", "HardSigmoid", "LeakyRelu", "ScaledTanh", "ThresholdedRelu")
TAKES_BETA = ("Affine", "HardSigmoid", "ScaledTanh")
FLAGS = {"LSTM": "input_forget", "GRU": "linear_before_reset"}


@dataclass(frozen=True)
class Case:
    """A layer of one of the three operators; ``functions`` None: the defaults."""

    op: str
    steps: int = 4
    batch: int = 2
    inner: int = 3
    hidden: int = 5
    direction: str = "forward"
    layout: int = 0
    clip: float | None = None
    flag: bool = False
    functions: tuple[tuple[str, float, float], ...] | None = None
    optional: tuple[str, ...] = ()
    outputs: int = 3
    weights: bool = True
    dtype: str = "float32"
    seed: int = 0

    @property
    def directions(self) -> int:
        return 2 if self.direction == "bidirectional" else 1

    def inputs(self) -> dict[str, NDArray[Any]]:
        """All the node's inputs, weights among them."""
        rng, d, rows = np.random.default_rng(self.seed), self.directions, GATES[self.op]
        x = (self.batch, self.steps) if self.layout else (self.steps, self.batch)
        state = (self.batch, d) if self.layout else (d, self.batch)
        shapes = {
            "X": (*x, self.inner),
            "W": (d, rows * self.hidden, self.inner),
            "R": (d, rows * self.hidden, self.hidden),
            "B": (d, 2 * rows * self.hidden),
            "initial_h": (*state, self.hidden),
            "initial_c": (*state, self.hidden),
            "P": (d, 3 * self.hidden),
        }
        tensors = {
            name: (rng.standard_normal(shape) / (1 if name == "X" else 4)).astype(self.dtype)
            for name, shape in shapes.items()
        }
        tensors["R"] = (tensors["R"] / np.sqrt(self.hidden)).astype(self.dtype)
        lens = rng.integers(0, self.steps, self.batch, np.int32, endpoint=True)
        tensors["sequence_lens"] = lens
        return {name: tensors[name] for name in ("X", "W", "R", *self.optional)}

    def model(self, *, opset: int = 22) -> onnx.ModelProto:
        """The layer alone, its weights as constants or as inputs."""
        tensors = self.inputs()
        constant = ("W", "R", "B", "P") if self.weights else ()
        names = [name if name in tensors else "" for name in INPUTS]
        while not names[-1]:
            names.pop()
        outputs = ["Y", "Y_h", "Y_c"][: min(self.outputs, 3 if self.op == "LSTM" else 2)]
        node = helper.make_node(self.op, names, outputs, **self.attributes())
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        return model(
            [node],
            [
                helper.make_tensor_value_info(
                    name, TensorProto.INT32 if name == "sequence_lens" else kind, array.shape
                )
                for name, array in tensors.items()
                if name not in constant
            ],
            [
                helper.make_tensor_value_info(name, kind, [None] * (4 if name == "Y" else 3))
                for name in outputs
            ],
            {name: tensors[name] for name in constant if name in tensors},
            opset=opset,
        )

    def attributes(self) -> dict[str, Any]:
        """The node's attributes; what is a default is left out."""
        found: dict[str, Any] = {"hidden_size": self.hidden, "direction": self.direction}
        if self.layout:
            found["layout"] = 1
        if self.clip is not None:
            found["clip"] = self.clip
        if self.flag and self.op in FLAGS:
            found[FLAGS[self.op]] = 1
        if self.functions is not None:
            found["activations"] = [name for name, _, _ in self.functions]
            alphas = [alpha for name, alpha, _ in self.functions if name in TAKES_ALPHA]
            betas = [beta for name, _, beta in self.functions if name in TAKES_BETA]
            found |= {"activation_alpha": alphas} if alphas else {}
            found |= {"activation_beta": betas} if betas else {}
        return found

    def expected(self) -> list[NDArray[Any]]:
        """The outputs by ONNX's equations."""
        default = [(name, 0.0, 0.0) for name in DEFAULTS[self.op]] * self.directions
        results = recurrent(
            self.op,
            self.inputs(),
            direction=self.direction,
            functions=self.functions or default,
            clip=self.clip,
            layout=self.layout,
            flag=self.flag,
        )
        return results[: self.outputs]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any layer that ONNX allows."""
    op = draw(st.sampled_from(sorted(GATES)))
    direction = draw(st.sampled_from(["forward", "reverse", "bidirectional"]))
    count = len(DEFAULTS[op]) * (2 if direction == "bidirectional" else 1)
    function = st.tuples(
        st.sampled_from(sorted(FUNCTIONS)),
        st.sampled_from([0.1, 0.5, 1.0]),
        st.sampled_from([0.25, 0.75]),
    )
    names = INPUTS[3:] if op == "LSTM" else INPUTS[3:6]
    return Case(
        op,
        steps=draw(st.integers(1, 6)),
        batch=draw(st.integers(1, 3)),
        inner=draw(st.integers(1, 5)),
        hidden=draw(st.sampled_from([1, 3, 4, 5, 16, 17, 33])),
        direction=direction,
        layout=draw(st.sampled_from([0, 1])),
        clip=draw(st.none() | st.sampled_from([0.2, 1.0])),
        flag=draw(st.booleans()),
        functions=draw(st.none() | st.lists(function, min_size=count, max_size=count).map(tuple)),
        optional=tuple(name for name in names if draw(st.booleans())),
        outputs=draw(st.integers(1, 3)),
        weights=draw(st.booleans()),
        seed=draw(st.integers(0, 99)),
    )
