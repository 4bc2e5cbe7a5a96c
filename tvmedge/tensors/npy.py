"""Arrays from .npy and .npz files: the header is judged before any data is read."""

from __future__ import annotations

import contextlib
import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from tvmedge import shapes
from tvmedge.dtypes import carrier, limits, out_of_range
from tvmedge.errors import InputError
from tvmedge.shapes import Shape
from tvmedge.tensors.sizes import fits
from tvmedge.types import TensorSpec

_MOST_ENTRIES = 4096
_LONGEST_HEADER = 10_000
# By format version: the bytes that hold the header's length, and its parser.
_HEADERS = {
    (1, 0): (2, np.lib.format.read_array_header_1_0),
    (2, 0): (4, np.lib.format.read_array_header_2_0),
}
_UNREADABLE = (
    EOFError,
    MemoryError,  # what ast.literal_eval makes of deep nesting
    RuntimeError,  # a zip that is encrypted or compressed in a way that Python lacks
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npy(path: Path, spec: TensorSpec) -> np.ndarray:
    """The array in a .npy file, which must have the shape and dtype of ``spec``.

    Raises:
        InputError: cannot be read, is cut short, or holds something else.
    """
    with _reading(path, ".npy"), path.open("rb") as file:
        return _read_array(file, spec, f"'{path}'")


def read_npz(path: Path, wanted: dict[str, TensorSpec]) -> dict[str, np.ndarray]:
    """The entries named in ``wanted`` of an .npz file, by entry name.

    An entry is unpacked no further than its ``TensorSpec`` is long, so a bomb
    costs no memory.

    Raises:
        InputError: cannot be read, lacks an entry, or one holds something else.
    """
    with _reading(path, ".npz"), zipfile.ZipFile(path) as archive:
        arrays = {}
        for entry, spec in wanted.items():
            with archive.open(f"{entry}.npy") as file:
                arrays[entry] = _read_array(file, spec, f"'{entry}' in '{path}'")
        return arrays


def npz_entries(path: Path) -> tuple[str, ...]:
    """The names of the arrays in an .npz file.

    Raises:
        InputError: cannot be read, or is not what ``np.savez`` writes.
    """
    with _reading(path, ".npz"), zipfile.ZipFile(path) as archive:
        files = archive.namelist()
        if len(files) > _MOST_ENTRIES or len(set(files)) != len(files):
            raise ValueError("too many arrays, or one twice")
        if not all(name.endswith(".npy") for name in files):
            raise ValueError("it holds other files than arrays")
        return tuple(name[: -len(".npy")] for name in files)


def check_array(shape: tuple[int, ...], dtype: np.dtype, spec: TensorSpec, origin: str) -> None:
    """Check that an array from ``origin`` is what the input takes; nothing is cast.

    Raises:
        InputError: another shape or dtype; says how to convert it.
    """
    advice = []
    if shape == spec.shape[1:] and spec.shape[:1] == (1,):
        advice.append("add the batch dimension with array[None]")
    elif not fits(spec.shape, shape):
        advice.append("give it that shape")
    if not _readable_as(dtype, spec.dtype):
        kind = repr(carrier(spec.dtype).name).replace("'bfloat16'", "ml_dtypes.bfloat16")
        advice.append(f"convert it with .astype({kind})")
    if advice:
        raise InputError(
            f"The input {spec.name!r} takes {describe(spec.shape, spec.dtype)}, but {origin} "
            f"holds {describe(shape, dtype.name)}: {' and '.join(advice)}."
        )


def describe(shape: Shape, dtype: str) -> str:
    """A shape and dtype as in messages: ``1x3x224x224 float32``, ``scalar int64``."""
    return f"{shapes.describe(shape)} {dtype}"


def _read_array(file: IO[bytes], spec: TensorSpec, origin: str) -> np.ndarray:
    shape, fortran_order, dtype = _read_header(file)
    check_array(shape, dtype, spec, origin)
    size = dtype.itemsize * math.prod(shape)
    data = file.read(size)
    if len(data) != size:
        raise EOFError(f"it is cut short: {len(data)} of {size} bytes")
    # Asking for more also makes zipfile compare the checksum.
    if file.read(1):
        raise ValueError("it holds more than its header says")
    array = np.frombuffer(bytearray(data), dtype)
    ordered = array.reshape(shape, order="F" if fortran_order else "C")
    return _converted(ordered, spec, origin)


def _readable_as(dtype: np.dtype, name: str) -> bool:
    """Whether a file's values of ``dtype`` can be those of ``name``.

    numpy writes bfloat16 as two nameless bytes, and has no other name for it;
    float32 holds all of its values.
    """
    if name == "bfloat16":
        return bool(dtype.str[1:] == "V2" or dtype.name == "float32")
    # The name says nothing of the byte order, which converts without loss.
    return bool(dtype.name == carrier(name).name)


def _converted(array: np.ndarray, spec: TensorSpec, origin: str) -> np.ndarray:
    """The same values in the type that carries the input's.

    Raises:
        InputError: a value that the input's type does not have.
    """
    wanted = carrier(spec.dtype)
    if array.dtype.kind == "V":
        return np.ascontiguousarray(array).view(wanted)
    with np.errstate(over="ignore"):
        converted = array.astype(wanted, order="C", copy=False)
    start = f"The input {spec.name!r} takes {describe(spec.shape, spec.dtype)}, but {origin} holds "
    if (value := out_of_range(spec.dtype, converted)) is not None:
        low, high = limits(spec.dtype) or (0, 0)
        raise InputError(f"{start}{value}: give values from {low} to {high}.")
    if wanted.kind == "V" and not np.array_equal(
        converted.astype(array.dtype), array, equal_nan=True
    ):
        raise InputError(
            f"{start}numbers between those of bfloat16: round them with "
            ".astype(ml_dtypes.bfloat16)."
        )
    return converted


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"format version {version[0]}.{version[1]} holds no plain arrays")
    width, parse = _HEADERS[version]
    length = file.read(width)
    # numpy reads a header of any length before it looks at the length.
    if int.from_bytes(length, "little") > _LONGEST_HEADER:
        raise ValueError("its header is longer than that of any plain array")
    return parse(io.BytesIO(length + file.read(int.from_bytes(length, "little"))))


@contextlib.contextmanager
def _reading(path: Path, kind: str) -> Iterator[None]:
    try:
        yield
    except (OSError, KeyError, *_UNREADABLE) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise InputError(
                f"Cannot read the input file '{path}': {error.strerror or error}; check the path."
            ) from error
        # Seeking to where a damaged zip points is an OSError without a file name.
        first_line = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"'{path}' is not a readable {kind} file ({first_line}): save it again with numpy."
        ) from error
