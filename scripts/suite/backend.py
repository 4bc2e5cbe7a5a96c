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
from tvmedge.boards.here import load_here
from tvmedge.dtypes import NAMES, carried, carrier, limits
from tvmedge.errors import InputError

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
        self._model = load_here(bundle)

    def run(self, inputs: Any, **_: Any) -> tuple[Any, ...]:
        """The outputs for inputs in the model's order."""
        feeds = dict(zip(self._names, map(_carried, inputs), strict=True))
        for name, value in feeds.items():
            if value is None:
                raise InputError(f"Input '{name}' is left out: a bundle's inputs are all given.")
        outputs = self._model.run(feeds).values()
        return tuple(map(_uncarried, outputs, self._types))


def _carried(value: Any) -> Any:
    return carried(value) if isinstance(value, np.ndarray) else value


def _uncarried(array: Any, type_: int) -> Any:
    """The type that the model declares, where every value fits it."""
    declared = onnx.helper.tensor_dtype_to_np_dtype(type_)
    if not limits(declared.name) or carrier(declared.name) != array.dtype:
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
    """Whether an .npz file can hold it for us; float8, sequences and texts it cannot."""
    return isinstance(value, np.ndarray) and value.dtype.name in NAMES
