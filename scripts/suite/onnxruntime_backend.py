"""onnxruntime, judged by the same rules for comparison."""

from __future__ import annotations

import ctypes
import os
from typing import Any

import onnx
from onnx import helper, numpy_helper
from onnx.backend.base import Backend, BackendRep

# Before the import: from 1.3x on its wheels report usage to their maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

_NARROW = "bfloat16 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz float8e8m0 float4e2m1 "
_EXOTIC = frozenset(f"tensor({name})" for name in (_NARROW + "int4 uint4 int2 uint2").split())


class OnnxRuntimeBackend(Backend):
    """CPU provider, one thread."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **_: Any) -> OnnxRuntimeRep:
        """A session; whatever onnxruntime raises is its refusal."""
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        content = model.SerializeToString()
        return OnnxRuntimeRep(
            onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"]),
        )


class OnnxRuntimeRep(BackendRep):
    """A session."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def run(self, inputs: Any, **_: Any) -> tuple[Any, ...]:
        """The outputs for inputs in the model's order."""
        names = [info.name for info in self._session.get_inputs()]
        feeds = dict(zip(names, inputs, strict=False))
        if not self._exotic:
            return tuple(self._session.run(None, feeds))
        values = {name: _from_array(array) for name, array in feeds.items()}
        return tuple(map(_to_array, self._session.run_with_ort_values(None, values)))

    @property
    def _exotic(self) -> bool:
        infos = (*self._session.get_inputs(), *self._session.get_outputs())
        return any(info.type in _EXOTIC for info in infos)


def _from_array(array: Any) -> onnxruntime.OrtValue:
    """Types that numpy lacks travel as the bytes that a TensorProto holds."""
    type_ = helper.np_dtype_to_tensor_dtype(array.dtype)
    value = onnxruntime.OrtValue.ortvalue_from_shape_and_type(array.shape, type_)
    content = numpy_helper.from_array(array).raw_data
    ctypes.memmove(value.data_ptr(), content, len(content))
    return value


def _to_array(value: onnxruntime.OrtValue) -> Any:
    content = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    dims = value.shape()
    return numpy_helper.to_array(
        onnx.TensorProto(dims=dims, data_type=value.element_type(), raw_data=content)
    )
