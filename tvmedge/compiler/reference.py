"""What a model should compute: inputs and the outputs of an independent runtime."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx.reference import ReferenceEvaluator

from tvmedge.errors import InputError
from tvmedge.model.load import Model, first_line
from tvmedge.types import Signature

# Before the import: from 1.3x on its wheels report usage to their maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime

Tensors = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class CheckVectors:
    """One input, the reference output, and the tool that computed it."""

    inputs: Tensors
    outputs: Tensors
    tool: str


def check_vectors(model: Model, signature: Signature, inputs: Tensors) -> CheckVectors:
    """Run ``model`` as it was given (not as it was prepared) on ``inputs``.

    onnxruntime computes the reference; where it cannot, ONNX's own reference
    evaluator does.

    Raises:
        InputError: neither can run the model.
    """
    names = [spec.name for spec in signature.outputs]
    outputs: Sequence[npt.ArrayLike]
    try:
        outputs, tool = _onnxruntime(model, names, inputs), f"onnxruntime {onnxruntime.__version__}"
    except Exception as refused:
        try:
            outputs = list(ReferenceEvaluator(model.proto).run(names, dict(inputs)))
            tool = f"onnx.reference {onnx.__version__}"
        except Exception as error:
            raise InputError(
                f"Model '{model.path}' has no reference result: onnxruntime says "
                f"'{first_line(refused)}', ONNX's reference evaluator '{first_line(error)}'; "
                "give inputs that the model accepts with --check-input NAME=FILE."
            ) from error
    return CheckVectors(inputs, dict(zip(names, map(np.asarray, outputs), strict=True)), tool)


def _onnxruntime(model: Model, names: list[str], inputs: Tensors) -> list[npt.NDArray[np.generic]]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        str(model.path), options, providers=["CPUExecutionProvider"]
    )
    return list(session.run(names, dict(inputs)))
