"""Small QDQ models through the integer pipeline for any core, run on this machine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tests.cpu_kernels import CORES, Array
from tests.quantised_reference import Quantised
from tests.relax_runs import runner
from tvmedge.model.importer import import_model
from tvmedge.model.load import Model
from tvmedge.scheduling.engine import Choice
from tvmedge.targeting.core import Core, DotKind, DotUnit, matrix_unit

# Units of integers whose products are written out, for every core of the tests; ARM's have a sign.
INTEGER_CORES = {
    name: replace(core, integer=DotUnit(core.lanes, core.registers, name.startswith("avx")))
    for name, core in CORES.items()
} | {"i8mm": replace(CORES["neon"], integer=matrix_unit(32, DotKind.WRITTEN_OUT))}


@dataclass
class Qdq:
    """A model whose tensors are quantised one by one."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    inputs: dict[str, Array] = field(default_factory=dict)

    def constant(self, array: Array) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def given(self, value: Quantised) -> str:
        """An input of codes, dequantised."""
        name = f"x{len(self.inputs)}"
        self.inputs[name] = value.codes
        return self.real(name, value)

    def real(self, codes: str, like: Quantised) -> str:
        scale = self.constant(np.float32(like.scale))
        zero = self.constant(np.array(like.zero, like.codes.dtype))
        return self.node("DequantizeLinear", codes, scale, zero)

    def weights(self, array: Array, scales: Array, axis: int = 0) -> str:
        zeros = np.zeros(scales.shape, array.dtype)
        names = (self.constant(one) for one in (array, scales.astype(np.float32), zeros))
        return self.node("DequantizeLinear", *names, axis=axis)

    def codes(self, real: str, scale: float, zero: int, dtype: str) -> str:
        names = self.constant(np.float32(scale)), self.constant(np.array(zero, dtype))
        return self.node("QuantizeLinear", real, *names)

    def model(self, output: str) -> onnx.ModelProto:
        made = helper.make_graph(
            self.nodes,
            "g",
            [
                helper.make_tensor_value_info(
                    name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape
                )
                for name, x in self.inputs.items()
            ],
            [helper.make_empty_tensor_value_info(output)],
            self.constants,
        )
        proto = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        return onnx.shape_inference.infer_shapes(proto)

    def run(self, output: str, core: Core) -> tuple[Array, dict[str, Choice]]:
        """``output`` from kernels scheduled for ``core``, and the rules chosen."""
        proto = self.model(output)
        imported = import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})
        seen: dict[str, Choice] = {}
        (result,) = runner(imported.module, core, seen.update)(self.inputs.values())
        return result, seen


def random_codes(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    """Codes of every value."""
    limits = np.iinfo(dtype)
    draw = np.random.default_rng(seed).integers(limits.min, limits.max + 1, shape)
    return draw.astype(dtype)
