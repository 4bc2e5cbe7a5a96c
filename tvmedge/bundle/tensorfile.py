"""Named tensors as safetensors, laid out so that a device can map them.

The order is ours: tensors whose size is a multiple of 64 bytes come first and
the header is padded to 64, so each of them starts on a 64-byte boundary, which
TVM asks of memory it is handed; the rest are aligned to their own element.
The header for given names, types and shapes is unique, so reading rebuilds it
and compares, and no offset from the file is ever trusted. The ``safetensors``
library reads these files; it is not used here as it would copy every tensor.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tvmedge import dtypes
from tvmedge.bundle.malformed import MalformedError

ALIGNMENT = 64
MAX_HEADER_BYTES = 4 << 20
_MAX_RANK = 64
_MAX_DIMENSION = 1 << 40

_CODES = {
    "bool": "BOOL",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "bfloat16": "BF16",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
}
_DTYPES = {code: dtypes.carrier(name).newbyteorder("<") for name, code in _CODES.items()}
DTYPES = frozenset(_CODES)
"""The numpy dtype names of tensors that a bundle can hold."""


@dataclass(frozen=True)
class _Tensor:
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def encode(tensors: Mapping[str, np.ndarray]) -> list[bytes | memoryview]:
    """The tensors as pieces of a safetensors file, to be written one after another.

    Raises:
        MalformedError: a dtype outside ``DTYPES`` or a name that cannot be stored.
    """
    layouts: dict[str, tuple[str, tuple[int, ...]]] = {}
    for name, tensor in tensors.items():
        if tensor.dtype.name not in _CODES:
            raise MalformedError(f"tensor {name!r} has the dtype {tensor.dtype}, not one we store")
        layouts[name] = (_CODES[tensor.dtype.name], tensor.shape)
    header, order = _header(layouts)
    pieces: list[bytes | memoryview] = [header]
    for name in order:
        little = tensors[name].astype(_DTYPES[layouts[name][0]], order="C", copy=False)
        pieces.append(little.reshape(-1).view(np.uint8).data)
    return pieces


def offsets(tensors: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Where each tensor begins in what ``encode`` writes, in bytes from the file's start.

    Raises:
        MalformedError: as ``encode``.
    """
    pieces = encode(tensors)
    _, order = _header({n: (_CODES[t.dtype.name], t.shape) for n, t in tensors.items()})
    ends = itertools.accumulate(len(piece) for piece in pieces)
    return dict(zip(order, ends, strict=False))


def decode(view: memoryview) -> dict[str, np.ndarray]:
    """The tensors in ``view`` by name, as arrays over its memory (none is copied).

    Raises:
        MalformedError: the bytes are not exactly what ``encode`` writes.
    """
    import msgspec  # only where a bundle is read: 20 ms

    length = int.from_bytes(view[:8], "little")
    if len(view) < 8 or length > min(len(view) - 8, MAX_HEADER_BYTES):
        raise MalformedError("its tensor header is cut short or too large")
    try:
        stated = msgspec.json.decode(view[8 : 8 + length], type=dict[str, _Tensor])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"its tensor header cannot be read ({error})") from error
    layouts = {name: (tensor.dtype, tensor.shape) for name, tensor in stated.items()}
    for name, (code, shape) in layouts.items():
        if code not in _DTYPES or len(shape) > _MAX_RANK:
            raise MalformedError(f"tensor {name!r} has an unknown dtype or too many dimensions")
        if not all(0 <= dimension <= _MAX_DIMENSION for dimension in shape):
            raise MalformedError(f"tensor {name!r} has an impossible shape")
    header, order = _header(layouts)
    size = sum(_bytes(*layouts[name]) for name in order)
    if view[: 8 + length] != header or len(view) != len(header) + size:
        raise MalformedError("its tensor header does not describe its data")
    tensors, start = {}, len(header)
    for name in order:
        code, shape = layouts[name]
        stop = start + _bytes(code, shape)
        try:
            tensors[name] = np.frombuffer(view[start:stop], _DTYPES[code]).reshape(shape)
        except (ValueError, OverflowError) as error:
            raise MalformedError(f"tensor {name!r} has an impossible shape") from error
        start = stop
    return tensors


def _bytes(code: str, shape: tuple[int, ...]) -> int:
    return math.prod(shape) * int(_DTYPES[code].itemsize)


def _header(layouts: Mapping[str, tuple[str, tuple[int, ...]]]) -> tuple[bytes, list[str]]:
    """The one header for tensors of these types and shapes, and their order in the data."""
    order = sorted(
        layouts,
        key=lambda name: (
            _bytes(*layouts[name]) % ALIGNMENT != 0,
            -_DTYPES[layouts[name][0]].itemsize,
            name,
        ),
    )
    table, start = {}, 0
    for name in order:
        code, shape = layouts[name]
        stop = start + _bytes(code, shape)
        table[name] = {"dtype": code, "shape": list(shape), "data_offsets": [start, stop]}
        start = stop
    if "__metadata__" in table:
        raise MalformedError("a tensor has the reserved name '__metadata__'")
    try:
        text = json.dumps(table, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise MalformedError("the name of a tensor is not valid Unicode") from error
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    if len(text) > MAX_HEADER_BYTES:
        raise MalformedError("the names of its tensors take more than 4 MiB")
    return len(text).to_bytes(8, "little") + text, order
