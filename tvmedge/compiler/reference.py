"""What a model should compute: inputs and the outputs of an independent runtime."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx.reference import ReferenceEvaluator

from tvmedge.compiler.onnx_types import as_carried, as_declared
from tvmedge.compiler.onnxruntime_session import VERSION, OnnxRuntime
from tvmedge.dtypes import carrier
from tvmedge.errors import InputError
from tvmedge.model.load import Model, first_line
from tvmedge.model.tolerance import tolerance
from tvmedge.tensors import max_normalised_error
from tvmedge.tensors.sizes import bind_sizes, resolved
from tvmedge.types import Signature, TensorSpec

Tensors = Mapping[str, npt.NDArray[np.generic]]
Outputs = Sequence[npt.NDArray[np.generic]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CheckVectors:
    """One input, the reference output, the tool that computed it, and how near
    to it another result must come."""

    inputs: Tensors
    outputs: Tensors
    tool: str
    tolerance: float


def check_vectors(model: Model, signature: Signature, inputs: Tensors) -> CheckVectors:
    """Run ``model`` as it was given (not as it was prepared) on ``inputs``.

    onnxruntime computes the reference; where it cannot, ONNX's own reference
    evaluator does. Where onnxruntime with and without its optimisations disagree
    by more than half of the model's tolerance, the input is said to be a poor one.

    Raises:
        InputError: neither can run the model, or an output's type is another.
    """
    graph = model.proto.graph
    names = [spec.name for spec in signature.outputs]
    feeds = as_declared(graph.input, inputs)
    all_feeds = {**feeds, **model.fixed}  # the file knows nothing of what is fixed
    allowed = tolerance(model)
    outputs: Outputs
    try:
        path = str(model.path)
        outputs, tool = OnnxRuntime(path).run(names, all_feeds), f"onnxruntime {VERSION}"
        _warn_of_spread(outputs, OnnxRuntime(path, plain=True).run(names, all_feeds), allowed)
    except Exception as refused:
        try:
            evaluated = ReferenceEvaluator(model.proto).run(names, dict(feeds))
            outputs = [np.asarray(output) for output in evaluated]
            tool = f"onnx.reference {onnx.__version__}"
        except Exception as error:
            raise InputError(
                f"Model '{model.path}' has no reference result: onnxruntime says "
                f"'{first_line(refused)}', ONNX's reference evaluator '{first_line(error)}'; "
                "give inputs that the model accepts with --check-input NAME=FILE."
            ) from error
    computed = as_carried(graph.output, dict(zip(names, outputs, strict=True)))
    vectors = CheckVectors(inputs, computed, tool, allowed)
    _require_same_types(model, signature, vectors)
    return vectors


def _require_same_types(model: Model, signature: Signature, vectors: CheckVectors) -> None:
    """An output of another shape or dtype than the reference's was imported wrongly."""
    shapes = {name: array.shape for name, array in vectors.inputs.items()}
    sizes = bind_sizes(signature, shapes)
    for spec in signature.outputs:
        array = vectors.outputs[spec.name]
        got = TensorSpec(spec.name, array.shape, array.dtype.name)
        if (got.shape, got.dtype) != (resolved(spec, sizes).shape, carrier(spec.dtype).name):
            raise InputError(
                f"Model '{model.path}': output '{spec.name}' was imported as {spec}, but "
                f"{vectors.tool} computes {got}: TVM's importer gets what makes it wrong, cut the "
                "model before it."
            )


def _warn_of_spread(optimised: Outputs, plain: Outputs, allowed: float) -> None:
    spread = max(map(max_normalised_error, optimised, plain))
    if spread > allowed / 2:
        log.warning(
            "onnxruntime's own results differ by %.1e on this check input with and without its "
            "optimisations (the tolerance is %g): give a plausible one with --check-input",
            spread,
            allowed,
        )
