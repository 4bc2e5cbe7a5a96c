"""tvmedge as a backend in the sense of ``onnx.backend``: prepare, then run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep

import tvmedge
from tvmedge.boards.model import Model
from tvmedge.boards.places import Local

Tensors = Mapping[str, Any]


class TvmEdgeBackend(Backend):
    """Compiles for this machine, through a bundle on disk.

    The code runs in the calling process: callers isolate it themselves.
    """

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Only this machine's CPU."""
        return device == "CPU"

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> TvmEdgeRep:
        """Compile ``model``; ``sample`` maps inputs to an example: it fixes open
        dimensions and is what the bundle's own check is made with.

        Raises:
            InputError: tvmedge refuses the model.
        """
        sample: Tensors = kwargs.get("sample", {})
        with tempfile.TemporaryDirectory(prefix="tvmedge-suite-") as name:
            folder = Path(name)
            onnx.save(model, folder / "model.onnx")
            options = tvmedge.CompileOptions(
                shapes=_open_shapes(model, sample), check_inputs=_check_inputs(folder, sample)
            )
            loaded = tvmedge.load(folder / "model.onnx")
            contents = tvmedge.compile(loaded, tvmedge.target("host"), options)
            path = folder / "model.tvmedge"
            tvmedge.write_bundle(path, contents)
            return TvmEdgeRep(tvmedge.read_bundle(path))


class TvmEdgeRep(BackendRep):
    """A compiled model."""

    def __init__(self, bundle: tvmedge.Bundle) -> None:
        self._names = [spec.name for spec in bundle.manifest.signature.inputs]
        self._model = Model(bundle, Local())

    def run(self, inputs: Any, **_: Any) -> tuple[Any, ...]:
        """The outputs for inputs in the model's order."""
        return tuple(self._model.run(dict(zip(self._names, inputs, strict=True))).values())


def _open_shapes(model: onnx.ModelProto, sample: Tensors) -> dict[str, tuple[int, ...]]:
    """The sample's shapes where the model leaves dimensions open."""
    return {
        info.name: sample[info.name].shape
        for info in model.graph.input
        if isinstance(sample.get(info.name), np.ndarray) and not _is_static(info.type.tensor_type)
    }


def _is_static(type_: onnx.TypeProto.Tensor) -> bool:
    return type_.HasField("shape") and all(d.HasField("dim_value") for d in type_.shape.dim)


def _check_inputs(folder: Path, sample: Tensors) -> tuple[str, ...]:
    if not sample or not all(_is_plain(value) for value in sample.values()):
        return ("random",)
    np.savez(folder / "sample.npz", allow_pickle=False, **sample)
    return (str(folder / "sample.npz"),)


def _is_plain(value: Any) -> bool:
    """Whether numpy can store it; bfloat16 and the like are not its own."""
    return isinstance(value, np.ndarray) and value.dtype.isbuiltin == 1 and value.dtype.kind != "O"
