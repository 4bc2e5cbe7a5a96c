"""onnxruntime without its usage reports, and with every element type of a bundle.

Types that numpy lacks (bfloat16, integers of 2 and 4 bits) travel as the bytes
that a TensorProto holds.
"""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from tvmedge.compiler.deadline import within

# Before the import: from 1.3x on its wheels report usage to their maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

VERSION = str(onnxruntime.__version__)
_FOREIGN = ("bfloat16", "float8", "float4", "int4", "uint4", "int2", "uint2")

Array = npt.NDArray[np.generic]


class OnnxRuntime:
    """A model (its path, or its bytes) on the CPU; quiet. ``threads`` 0: all cores."""

    def __init__(self, model: str | bytes, *, plain: bool = False, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = threads
        if plain:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        self.inputs = [str(info.name) for info in inputs]
        self.outputs = [str(info.name) for info in outputs]
        types = (info.type.removeprefix("tensor(") for info in (*inputs, *outputs))
        self._foreign = any(type_.startswith(_FOREIGN) for type_ in types)

    def run(
        self, names: Sequence[str], inputs: Mapping[str, Array], seconds: float = math.inf
    ) -> list[Array]:
        """The outputs ``names``; arrays of types that numpy lacks are those of ``ml_dtypes``.

        Raises:
            TimeoutError: ``seconds`` went by.
        """
        options = onnxruntime.RunOptions()
        if math.isinf(seconds):
            return self._run(names, inputs, options)
        return within(
            seconds,
            lambda: self._run(names, inputs, options),
            lambda _: setattr(options, "terminate", True),
        )

    def bound(self, inputs: Mapping[str, Array]) -> Callable[[], None]:
        """A run whose inputs are given once and whose outputs stay in onnxruntime: nothing of
        Python is timed with it. Types that numpy has, only."""
        binding = self._session.io_binding()
        for name, array in inputs.items():
            binding.bind_cpu_input(name, array)
        for name in self.outputs:
            binding.bind_output(name)
        return lambda: self._session.run_with_iobinding(binding)

    def _run(
        self, names: Sequence[str], inputs: Mapping[str, Array], options: onnxruntime.RunOptions
    ) -> list[Array]:
        if not self._foreign:
            return list(self._session.run(list(names), dict(inputs), options))
        values = {name: _from_array(array) for name, array in inputs.items()}
        results = self._session.run_with_ort_values(names, values, options)
        return [_to_array(value) for value in results]


def _from_array(array: Array) -> onnxruntime.OrtValue:
    type_ = helper.np_dtype_to_tensor_dtype(array.dtype)
    value = onnxruntime.OrtValue.ortvalue_from_shape_and_type(array.shape, type_)
    content = numpy_helper.from_array(array).raw_data
    ctypes.memmove(value.data_ptr(), content, len(content))
    return value


def _to_array(value: onnxruntime.OrtValue) -> Array:
    content = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    type_ = value.element_type()
    return numpy_helper.to_array(
        onnx.TensorProto(dims=value.shape(), data_type=type_, raw_data=content)
    )
