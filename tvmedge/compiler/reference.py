"""What a model should compute: inputs and the outputs of an independent runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx.reference import ReferenceEvaluator

from tvmedge.compiler.deadline import end_python, within
from tvmedge.compiler.onnx_types import as_carried, as_declared
from tvmedge.compiler.onnxruntime_session import VERSION, OnnxRuntime
from tvmedge.compiler.widen import has_bfloat16, in_float32, is_bfloat16
from tvmedge.dtypes import carrier
from tvmedge.errors import InputError
from tvmedge.model.load import Model, first_line
from tvmedge.model.tolerance import tolerance
from tvmedge.tensors.compare import FAINT, is_faint, is_void, max_normalised_error
from tvmedge.tensors.sizes import bind_sizes, resolved
from tvmedge.types import Signature, TensorSpec

Tensors = Mapping[str, npt.NDArray[np.generic]]
Outputs = Sequence[npt.NDArray[np.generic]]
Answer = tuple[Outputs, tuple[str, ...]]
"""Outputs, and doubts about them."""
Run = Callable[[Model, list[str], Tensors], Answer]

LIMIT_S = 30.0
"""The longest that one run of the reference may take."""


@dataclass(frozen=True)
class CheckVectors:
    """One input, the reference output, the tool that computed it, and how near
    to it another result must come; ``doubts`` are sentences on why that says little."""

    inputs: Tensors
    outputs: Tensors
    tool: str
    tolerance: float
    doubts: tuple[str, ...] = ()


def check_vectors(model: Model, signature: Signature, inputs: Tensors) -> CheckVectors:
    """Run ``model`` as it was given (not as it was prepared) on ``inputs``.

    onnxruntime computes the reference; where it cannot, it computes a model of
    bfloat16 in float32, and else ONNX's own reference evaluator does. Where
    onnxruntime with and without its optimisations disagree by more than half of
    the model's tolerance, and where an output stays faint or void, that is a doubt.

    Raises:
        InputError: none can run the model, or an output's type is another.
    """
    graph = model.proto.graph
    names = [spec.name for spec in signature.outputs]
    feeds = as_declared(graph.input, inputs)
    refusals = []
    for tool, run in _tools(model):
        try:
            outputs, doubts = run(model, names, feeds)
        except TimeoutError as error:
            raise InputError(
                f"Model '{model.path}' has no reference result: {tool} was given up, {error}; "
                "give inputs that the model is quick with, --check-input NAME=FILE."
            ) from error
        except Exception as error:
            refusals.append(f"{tool} says '{first_line(error)}'")
            continue
        computed = as_carried(graph.output, dict(zip(names, outputs, strict=True)))
        doubts = (*doubts, *_says_little(computed))
        vectors = CheckVectors(inputs, computed, tool, tolerance(model), doubts)
        _require_same_types(model, signature, vectors)
        return vectors
    raise InputError(
        f"Model '{model.path}' has no reference result: {', '.join(refusals)}; "
        "give inputs that the model accepts with --check-input NAME=FILE."
    )


def _tools(model: Model) -> Iterator[tuple[str, Run]]:
    """What may compute the reference, the best first."""
    yield f"onnxruntime {VERSION}", _as_it_is
    if has_bfloat16(model.proto):
        yield f"onnxruntime {VERSION} in float32", _in_float32
    yield f"onnx.reference {onnx.__version__}", _evaluated


def _as_it_is(model: Model, names: list[str], feeds: Tensors) -> Answer:
    path = str(model.path)
    feeds = {**feeds, **model.fixed}  # the file knows nothing of what is fixed
    outputs = OnnxRuntime(path).run(names, feeds, LIMIT_S)
    plain = OnnxRuntime(path, plain=True).run(names, feeds, LIMIT_S)
    return outputs, _spread(outputs, plain, tolerance(model))


def _in_float32(model: Model, names: list[str], feeds: Tensors) -> Answer:
    wide = in_float32(model.proto)
    session = OnnxRuntime(wide.SerializeToString())
    outputs = dict(
        zip(names, session.run(names, as_declared(wide.graph.input, feeds), LIMIT_S), strict=True)
    )
    rounded = [value.name for value in model.proto.graph.output if is_bfloat16(value)]
    half = carrier("bfloat16")
    return [outputs[n].astype(half) if n in rounded else outputs[n] for n in names], ()


def _evaluated(model: Model, names: list[str], feeds: Tensors) -> Answer:
    evaluator = ReferenceEvaluator(model.proto)
    outputs = within(LIMIT_S, lambda: evaluator.run(names, dict(feeds)), end_python)
    return [np.asarray(output) for output in outputs], ()


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


def _spread(optimised: Outputs, plain: Outputs, allowed: float) -> tuple[str, ...]:
    spread = max(max_normalised_error(*pair, FAINT) for pair in zip(optimised, plain, strict=True))
    if spread <= allowed / 2:
        return ()
    return (
        f"onnxruntime's own results differ by {spread:.1e} on this check input with and without "
        f"its optimisations (the tolerance is {allowed:g})",
    )


def _says_little(outputs: Tensors) -> tuple[str, ...]:
    filled = {name: array for name, array in sorted(outputs.items()) if array.size}
    faint = [name for name, array in filled.items() if is_faint(array)]
    void = [name for name, array in filled.items() if is_void(array)]
    about = ((faint, f"stays below {FAINT:g}"), (void, "has no finite number"))
    return tuple(
        f"the reference of output {', '.join(map(repr, names))} {what} on this check input"
        for names, what in about
        if names
    )
