"""An ONNX file from outside, read with suspicion into a ``Model``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError
from onnx import external_data_helper

from tvmedge.errors import InputError

MAX_MODEL_BYTES = 2 << 30  # protobuf's own limit on one message
MAX_REASON = 300
_LICENCE_KEYS = ("licence", "license")


@dataclass(frozen=True)
class Model:
    """A checked ONNX model with its weights in memory.

    ``sha256`` covers the ONNX file followed by its external data files in
    name order; ``licence`` is the model's own metadata entry or "unknown".
    ``fixed`` are inputs of the file that the user gave a value: in ``proto`` they
    are constants.
    """

    name: str
    path: Path
    proto: onnx.ModelProto
    sha256: str
    licence: str
    fixed: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


def load(path: str | Path) -> Model:
    """Read, check and complete (external data) an ONNX model.

    Raises:
        InputError: missing, not ONNX, truncated, invalid, or external data
            that is missing or lies outside the model's folder.
    """
    path = Path(path)
    content = _read(path)
    proto = _parse(path, content)
    digest = hashlib.sha256(content)
    for file in _load_external_data(path, proto):
        digest.update(file.read_bytes())
    _check(path, proto)
    licences = [p.value for p in proto.metadata_props if p.key.lower() in _LICENCE_KEYS]
    return Model(
        name=re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-") or "model",
        path=path,
        proto=proto,
        sha256=digest.hexdigest(),
        licence=licences[0] if licences else "unknown",
    )


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise InputError(f"Model '{path}' does not exist or is not a file: give an ONNX file.")
        size = path.stat().st_size
        if size > MAX_MODEL_BYTES:
            raise InputError(
                f"Model '{path}' has {size} bytes, more than ONNX allows in one file (2 GiB): "
                "store its weights as external data."
            )
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"Model '{path}' cannot be read: {error.strerror}.") from error


def _parse(path: Path, content: bytes) -> onnx.ModelProto:
    try:
        proto = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise InputError(
            f"Model '{path}' is not an ONNX file or is truncated "
            f"({len(content)} bytes that do not parse): export or copy it again."
        ) from error
    if not proto.graph.node and not proto.graph.output:
        raise InputError(f"Model '{path}' holds no ONNX graph: export or copy it again.")
    return proto


def _load_external_data(path: Path, proto: onnx.ModelProto) -> list[Path]:
    """Fill in external tensors; returns the data files in name order."""
    folder = path.resolve().parent
    files: set[Path] = set()
    for tensor in external_data_helper._get_all_tensors(proto):
        if not external_data_helper.uses_external_data(tensor):
            continue
        location = _location(path, tensor)
        file = (folder / location).resolve()
        if not file.is_relative_to(folder):
            raise InputError(
                f"Model '{path}': tensor '{tensor.name}' keeps its data in '{location}', outside "
                "the model's folder: external data must lie beside the model."
            )
        if not file.is_file():
            raise InputError(
                f"Model '{path}': the external data file '{location}' of tensor '{tensor.name}' "
                "is missing: copy it beside the model."
            )
        files.add(file)
    try:
        external_data_helper.load_external_data_for_model(proto, str(folder))
    except (onnx.checker.ValidationError, ValueError, OSError) as error:
        raise InputError(
            f"Model '{path}': external data cannot be read ({first_line(error)}): "
            "copy the data file again."
        ) from error
    return sorted(files)


def _location(path: Path, tensor: onnx.TensorProto) -> str:
    """Where a tensor says its data lies; offsets and lengths must be numbers, too."""
    try:
        location = str(external_data_helper.ExternalDataInfo(tensor).location)
        if "\0" in location:
            raise ValueError("its location holds a zero byte")
        return location
    except ValueError as error:
        raise InputError(
            f"Model '{path}': tensor '{tensor.name}' has malformed external data "
            f"({first_line(error)}): export the model again."
        ) from error


def _check(path: Path, proto: onnx.ModelProto) -> None:
    try:
        onnx.checker.check_model(proto)
    except (onnx.checker.ValidationError, ValueError) as error:
        raise InputError(
            f"Model '{path}' is not valid ONNX: {_paragraph(error)}; export it again."
        ) from error


def first_line(error: Exception) -> str:
    """The first line of an exception's text, without a closing stop."""
    text = str(error).strip()
    return (text.splitlines() or [type(error).__name__])[0].rstrip(".: ")


def _paragraph(error: Exception) -> str:
    """The text of ONNX's checker, which names the node on lines of its own."""
    return " ".join(str(error).split())[:MAX_REASON].rstrip(".: ")
