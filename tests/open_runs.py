"""Models with open dimensions, compiled once and run in this process at several sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests.onnx_models import model, tensor
from tests.relax_runs import runner
from tvmedge.model.importer import ImportedModel, import_model
from tvmedge.model.load import Model
from tvmedge.shapes import resolve

Arrays = dict[str, NDArray[Any]]
Run = Callable[..., list[NDArray[Any]]]
INT = TensorProto.INT64


def imported(proto: onnx.ModelProto) -> ImportedModel:
    return import_model(Model("m", Path("m.onnx"), proto, "0", "unknown"), {})


def compiled(whole: ImportedModel) -> Run:
    """Runs a model in this process."""
    whole_run = runner(whole.module)

    def run(*inputs: NDArray[Any]) -> list[NDArray[Any]]:
        return whole_run(inputs)

    return run


def check(proto: onnx.ModelProto, feeds: Sequence[Arrays]) -> None:
    """Compile once; every run gives what ONNX's evaluator gives, in the shape that the
    signature promises."""
    whole = imported(proto)
    run = compiled(whole)
    for inputs in feeds:
        want = ReferenceEvaluator(proto).run(None, dict(inputs))
        got = run(*inputs.values())
        sizes: dict[str, int] = {}
        for spec, array in zip(whole.signature.inputs, inputs.values(), strict=True):
            pairs = zip(spec.shape, array.shape, strict=True)
            sizes |= {dim: size for dim, size in pairs if isinstance(dim, str)}
        for spec, a, b in zip(whole.signature.outputs, got, want, strict=True):
            assert a.dtype == b.dtype
            assert resolve(spec.shape, sizes) == a.shape
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def floats(*shapes: tuple[int, ...], seed: int = 0) -> list[Arrays]:
    rng = np.random.default_rng(seed)
    return [{"x": rng.standard_normal(shape).astype(np.float32)} for shape in shapes]


def chain(
    nodes: Sequence[Any], shape: Sequence[Any], weights: dict[str, Any], rank: int | None = None
) -> onnx.ModelProto:
    """x -> y"""
    made = [helper.make_node(op, inputs, outputs, **attrs) for op, inputs, outputs, attrs in nodes]
    arrays = {name: np.asarray(value) for name, value in weights.items()}
    return model(made, [tensor("x", shape)], [output(rank)], arrays, opset=18)


def output(rank: int | None) -> onnx.ValueInfoProto:
    shape = None if rank is None else [f"d{k}" for k in range(rank)]
    return helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)
