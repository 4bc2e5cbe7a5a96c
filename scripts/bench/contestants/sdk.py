"""tvmedge's library as an app takes it: nothing else of tvmedge's in the process."""

from __future__ import annotations

import ctypes
import mmap
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scripts.bench.contestants.base import Array, Contestant, RefusedError, Source
from scripts.bench.environments import OURS

_ALIGNMENT = 64


class TvmEdgeSdk(Contestant):
    """What ``tvmedge compile --sdk`` writes, called through ctypes, its weights mapped."""

    name = "tvmedge-sdk"
    runs_in = OURS
    converts_in = OURS

    @classmethod
    def convert(cls, source: Source, folder: Path) -> Path:
        command = [sys.executable, "-m", "tvmedge", "compile", str(source.model), "-t", "host"]
        command += ["--form=library", "--threads=1", f"--sdk={folder}", *source.flags]
        command.append(f"--check-input={source.inputs}")
        with tempfile.TemporaryDirectory(prefix="tvmedge-sdk-") as bundles:
            done = subprocess.run(
                [*command, "-o", bundles], capture_output=True, text=True, check=False
            )
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            raise RefusedError(([x for x in lines if x.startswith("tvmedge: ")] or lines)[-1])
        return next(folder.glob("*/lib*.so"))

    def prepare(self) -> None:
        """There is no runtime."""

    def load(self, form: Path, inputs: Mapping[str, Array]) -> None:
        prefix = form.stem.removeprefix("lib")
        library = ctypes.CDLL(str(form))
        header = form.with_name(f"{prefix}.h").read_text(encoding="utf-8")
        count = int(re.findall(rf"{prefix}_outputs\[(\d+)\]", header)[0])
        shapes = (_Tensor * count).in_dll(library, f"{prefix}_outputs")
        self.outputs = [_zeros(tensor) for tensor in shapes]
        given = (_Tensor * len(inputs)).in_dll(library, f"{prefix}_inputs")
        self.inputs = [_zeros(tensor) for tensor in given]
        for tensor, array in zip(given, self.inputs, strict=True):
            np.copyto(array, inputs[tensor.name.decode()])
        addresses = [array.ctypes.data for array in (*self.inputs, *self.outputs)]
        self.weights: Array | None = None
        weights = form.with_name("weights.safetensors")
        if weights.is_file():
            with weights.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self.weights = np.frombuffer(mapped, np.uint8)
            addresses.append(self.weights.ctypes.data)
            self.checks = library[f"{prefix}_check_weights"]
            self.checks.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        size = ctypes.c_size_t.in_dll(library, f"{prefix}_workspace_bytes").value
        self.workspace = _aligned(size)
        self.io = (ctypes.c_void_p * len(addresses))(*addresses)
        self.call = library[f"{prefix}_run"]
        self.call.argtypes = [ctypes.c_void_p, ctypes.c_void_p]

    def check(self) -> None:
        """Compare the weights' sha256, which others have no word for."""
        if self.weights is None:
            return
        if self.checks(self.weights.ctypes.data, self.weights.nbytes):
            raise RefusedError("the weights are not the library's")

    def run(self) -> Sequence[Array]:
        if self.call(ctypes.addressof(self.io), self.workspace.ctypes.data):
            raise RefusedError("the library refused its arguments")
        return self.outputs


class _Tensor(ctypes.Structure):
    """What the header calls ``<prefix>_tensor``."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("dtype", ctypes.c_char_p),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("rank", ctypes.c_int32),
        ("nbytes", ctypes.c_size_t),
    )


def _zeros(tensor: _Tensor) -> Array:
    shape = [tensor.shape[axis] for axis in range(tensor.rank)]
    memory = _aligned(tensor.nbytes)[: tensor.nbytes]
    array: Array = memory.view(np.dtype(tensor.dtype.decode())).reshape(shape)
    return array


def _aligned(nbytes: int) -> Array:
    memory = np.empty(nbytes + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + nbytes]
