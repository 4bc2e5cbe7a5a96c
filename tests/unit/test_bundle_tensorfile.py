"""Our safetensors against the library's, and against bytes made to mislead."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tvmedge.bundle import tensorfile
from tvmedge.bundle.malformed import MalformedError
from tvmedge.dtypes import carrier


def arrays_of(name: str) -> st.SearchStrategy[np.ndarray]:
    shapes = hnp.array_shapes(min_dims=0, min_side=0, max_side=5)
    if name == "bfloat16":  # which hypothesis does not know
        return hnp.arrays("uint16", shapes).map(lambda bits: bits.view(carrier(name)))
    return hnp.arrays(name, shapes)


arrays = st.sampled_from(sorted(tensorfile.DTYPES)).flatmap(arrays_of)
tensor_maps = st.dictionaries(st.text().filter(lambda name: name != "__metadata__"), arrays)


def encoded(tensors: dict[str, np.ndarray]) -> bytes:
    return b"".join(bytes(piece) for piece in tensorfile.encode(tensors))


def library(content: bytes) -> dict[str, np.ndarray]:
    """What the safetensors library reads; its numpy module has no bfloat16."""
    own = {"BOOL": np.dtype(bool), "BF16": carrier("bfloat16")}
    tensors = {}
    for name, entry in safetensors.deserialize(content):
        code = entry["dtype"]
        dtype = own.get(code) or np.dtype(f"{code[0].lower()}{int(code[1:]) // 8}")
        tensors[name] = np.frombuffer(entry["data"], dtype).reshape(entry["shape"])
    return tensors


def raw(header: object, data: bytes = b"", pad: int = 64) -> memoryview:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % pad)
    return memoryview(len(text).to_bytes(8, "little") + text + data)


@given(tensor_maps)
@settings(deadline=None)
def test_the_library_reads_what_we_write_and_so_do_we(tensors: dict[str, np.ndarray]) -> None:
    content = encoded(tensors)
    for read in (library(content), tensorfile.decode(memoryview(content))):
        assert read.keys() == tensors.keys()
        for name, want in tensors.items():
            assert (read[name].dtype, read[name].shape) == (want.dtype, want.shape)
            assert read[name].tobytes() == want.tobytes()


@given(tensor_maps)
@settings(deadline=None)
def test_order_and_alignment(tensors: dict[str, np.ndarray]) -> None:
    content = encoded(tensors)
    assert encoded(dict(reversed(tensors.items()))) == content
    length = int.from_bytes(content[:8], "little")
    assert (8 + length) % 64 == 0
    for name, entry in json.loads(content[8 : 8 + length]).items():
        wanted = tensors[name].itemsize if tensors[name].nbytes % 64 else 64
        assert entry["data_offsets"][0] % wanted == 0


@given(tensor_maps, st.data())
@settings(deadline=None)
def test_whatever_we_accept_the_library_accepts(
    tensors: dict[str, np.ndarray], data: st.DataObject
) -> None:
    content = bytearray(encoded(tensors))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] = data.draw(st.integers(0, 255))
    try:
        ours = tensorfile.decode(memoryview(bytes(content)))
    except MalformedError:
        return
    theirs = library(bytes(content))
    assert ours.keys() == theirs.keys()
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)


def entry(dtype: object = "F32", shape: object = (1,), offsets: object = (0, 4)) -> object:
    return {"w": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


@pytest.mark.parametrize(
    "view",
    [
        memoryview(b""),
        memoryview(b"\xff" * 8),
        memoryview(b"\xff" * 64),
        raw(b"[" * 100_000),
        raw(b"\xff"),
        raw([]),
        raw({}, b"left over"),
        raw({}, pad=8),
        raw(entry(), b"abc"),
        raw(entry(offsets=(4, 8)), b"12345678"),
        raw(entry(offsets=(0, 10**30)), b"1234"),
        raw(entry(shape=(-1, -1)), b"1234"),
        raw(entry(shape=(10**30, 0), offsets=(0, 0))),
        raw(entry(shape=(1 << 40,) * 4 + (0,), offsets=(0, 0))),
        raw(entry(shape=(1,) * 65), b"1234"),
        raw(entry(dtype="F8_E4M3"), b"1234"),
        raw(entry(shape=(True,)), b"1234"),
        raw({"__metadata__": {"format": "pt"}}),
        raw(b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}}', b"1234"),
        raw(b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32"}}', b"1234"),
    ],
)
def test_misleading_headers_are_refused(view: memoryview) -> None:
    with pytest.raises(MalformedError):
        tensorfile.decode(view)


def test_big_endian_and_strided_arrays_are_stored_plain() -> None:
    want = np.arange(12, dtype=np.float32).reshape(3, 4)
    for array in (want.astype(">f4"), want.copy("F"), want[::-1][::-1]):
        assert encoded({"w": array}) == encoded({"w": want})
