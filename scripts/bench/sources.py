"""Models of the list as contestants get them: files and inputs, kept in the user's cache."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes import Sequential

from scripts import fetch_models, model_samples
from scripts.bench.contestants.base import Source
from scripts.bench.forms import our_sources
from scripts.model_list import ModelEntry
from tvmedge.compiler.onnxruntime_session import OnnxRuntime
from tvmedge.model.load import load
from tvmedge.model.prepare import modernised
from tvmedge.model.prepare.bind_shapes import BindShapes
from tvmedge.model.prepare.bind_values import bind_values
from tvmedge.model.prepare.fixpoint import Fixpoint
from tvmedge.model.prepare.shapes import SHAPES
from tvmedge.resources import atomic_path, cache_dir, sha256_file
from tvmedge.tensors import max_normalised_error

Tensors = Mapping[str, Any]

_FOLDING_ERROR = 1e-4  # onnxruntime's own optimisations differ by this much


def source(entry: ModelEntry) -> Source:
    """``entry`` as a contestant gets it, made once for the sources as they are.

    Raises:
        ValueError: folding changed what onnxruntime computes.
    """
    folder = cache_dir("bench") / "sources" / entry.name
    folder.mkdir(parents=True, exist_ok=True)
    model = fetch_models.fetch(entry)
    inputs, folded = folder / "inputs.npz", folder / "folded.onnx"
    fixed = {
        name: np.asarray(spec.value, spec.dtype)
        for name, spec in entry.inputs.items()
        if spec.value is not None
    }
    made = Source(
        name=entry.name,
        model=model,
        direct=folded if fixed else model,
        folded=folded,
        inputs=inputs,
        flags=tuple(entry.flags()),
    )
    stamp, key = folder / "stamp", _key(entry, model)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == key:
        return made
    samples: dict[str, Any] = dict(model_samples.plausible(entry))
    with atomic_path(inputs) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **samples)
    with atomic_path(folded) as temporary:
        onnx.save(_folded(model, entry), temporary)
    _check(model, samples | fixed, folded, samples)
    stamp.write_text(key, encoding="utf-8")
    return made


def _key(entry: ModelEntry, model: Path) -> str:
    """What decides about the files of a source."""
    code = [Path(file).read_text(encoding="utf-8") for file in (__file__, model_samples.__file__)]
    parts = [repr(entry), sha256_file(model), our_sources(), *code]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _check(model: Path, inputs: Tensors, folded: Path, samples: Tensors) -> None:
    first, second = OnnxRuntime(str(model)), OnnxRuntime(str(folded))
    wanted, got = first.run(first.outputs, inputs), second.run(second.outputs, samples)
    error = max(map(max_normalised_error, got, wanted))
    if not error <= _FOLDING_ERROR:
        raise ValueError(f"The folded form of '{model.stem}' is wrong: its error is {error:.1e}.")


def _folded(path: Path, entry: ModelEntry) -> onnx.ModelProto:
    """The model with fixed shapes and what follows from them computed, but with the
    operators that it has: converters lack the arithmetic on shapes, not the layers."""
    values = {n: spec.value for n, spec in entry.inputs.items() if spec.value is not None}
    shapes = {n: spec.shape for n, spec in entry.inputs.items() if spec.value is None}
    passes = Sequential(*modernised(BindShapes(shapes)), Fixpoint(SHAPES))
    bound = bind_values(load(path), values).proto
    # onnx-ir keeps references into the proto and renames through them.
    copy = onnx.ModelProto.FromString(bound.SerializeToString())
    folded = ir.serde.serialize_model(passes(ir.serde.deserialize_model(copy)).model)
    for number, node in enumerate(folded.graph.node):
        node.name = f"node_{number}"  # TensorFlow does not take every name
    return folded
