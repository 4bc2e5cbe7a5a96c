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

# Integers narrower than a byte are carried in one, as numpy has no such types.
_CARRIERS = {"int2": "int8", "int4": "int8", "uint2": "uint8", "uint4": "uint8"}


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
        sample = {name: _carried(value) for name, value in kwargs.get("sample", {}).items()}
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
            return TvmEdgeRep(tvmedge.read_bundle(path), model)


class TvmEdgeRep(BackendRep):
    """A compiled model."""

    def __init__(self, bundle: tvmedge.Bundle, model: onnx.ModelProto) -> None:
        self._names = [spec.name for spec in bundle.manifest.signature.inputs]
        self._types = [info.type.tensor_type.elem_type for info in model.graph.output]
        self._model = Model(bundle, Local())

    def run(self, inputs: Any, **_: Any) -> tuple[Any, ...]:
        """The outputs for inputs in the model's order."""
        feeds = dict(zip(self._names, map(_carried, inputs), strict=True))
        outputs = self._model.run(feeds).values()
        return tuple(map(_uncarried, outputs, self._types))


def _carried(value: Any) -> Any:
    carrier = _CARRIERS.get(getattr(value, "dtype", np.dtype(object)).name)
    return value.astype(carrier) if carrier else value


def _uncarried(array: Any, type_: int) -> Any:
    """The type that the model declares, where every value fits it."""
    declared = onnx.helper.tensor_dtype_to_np_dtype(type_)
    if _CARRIERS.get(declared.name) != array.dtype.name:
        return array
    narrow = array.astype(declared)
    return narrow if np.array_equal(narrow.astype(array.dtype), array) else array


def _open_shapes(model: onnx.ModelProto, sample: Tensors) -> dict[str, tuple[int, ...]]:
    """The sample's shapes where the model leaves dimensions open."""
    return {
        info.name: sample[info.name].shape
        for info in model.graph.input
        if isinstance(sample.get(info.name), np.ndarray) and not _is_static(info.type.tensor_type)
    }


def _is_static(type_: onnx.TypeProto.Tensor) -> bool:
    return type_.HasField("shape") and all(d.dim_value > 0 for d in type_.shape.dim)


def _check_inputs(folder: Path, sample: Tensors) -> tuple[str, ...]:
    if not sample or not all(_is_plain(value) for value in sample.values()):
        return ("random",)
    np.savez(folder / "sample.npz", allow_pickle=False, **sample)
    return (str(folder / "sample.npz"),)


def _is_plain(value: Any) -> bool:
    """Whether numpy can store it; bfloat16 and the like are not its own."""
    return isinstance(value, np.ndarray) and value.dtype.isbuiltin == 1 and value.dtype.kind != "O"
