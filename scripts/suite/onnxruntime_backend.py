"""onnxruntime, judged by the same rules for comparison."""

from __future__ import annotations

from typing import Any

import onnx
from onnx.backend.base import Backend, BackendRep

from tvmedge.compiler.onnxruntime_session import OnnxRuntime


class OnnxRuntimeBackend(Backend):
    """CPU provider, one thread."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **_: Any) -> OnnxRuntimeRep:
        """A session; whatever onnxruntime raises is its refusal."""
        return OnnxRuntimeRep(OnnxRuntime(model.SerializeToString(), threads=1))


class OnnxRuntimeRep(BackendRep):
    """A session."""

    def __init__(self, model: OnnxRuntime) -> None:
        self._model = model

    def run(self, inputs: Any, **_: Any) -> tuple[Any, ...]:
        """The outputs for inputs in the model's order."""
        feeds = dict(zip(self._model.inputs, inputs, strict=False))
        return tuple(self._model.run(self._model.outputs, feeds))
