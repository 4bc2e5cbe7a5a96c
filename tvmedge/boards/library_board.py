"""A bundle's freestanding library on a board, behind our small server (library_server.c)."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tvmedge.boards.kernel_times import collected, decoded
from tvmedge.boards.library import asked_threads
from tvmedge.boards.sent import WEIGHTS_SENT
from tvmedge.bundle import Bundle
from tvmedge.dtypes import carrier
from tvmedge.errors import BoardError
from tvmedge.shapes import resolve
from tvmedge.types import CallTimes, Counts, KernelCounts, TensorSpec

_LENGTH = struct.Struct("<Q")
_HEAD = struct.Struct("<HHHHQ")
_COUNTS = struct.Struct("<QQQ")
_STEP = struct.Struct("<QQQH")
_PEAK = struct.Struct("<QQ")
_LOST = "the connection was closed"


class LibraryBoard:
    """The library of one bundle at the other end of a command's pipes.

    The session kills all of it when a call takes too long, so nothing here waits in vain.
    """

    def __init__(self, bundle: Bundle, command: Sequence[str], threads: int | None) -> None:
        """Start ``command`` (the relay and the board's own) and load the library there, to run on
        so many threads, None for one a core.

        Raises:
            BoardError: the board ended, or refused the library or its weights.
        """
        self._signature = bundle.manifest.signature
        self._inputs: dict[str, np.ndarray] = {
            spec.name: np.zeros(_shape(spec), carrier(spec.dtype))
            for spec in self._signature.inputs
        }
        theirs_in, self._writing = os.pipe()
        self._reading, theirs_out = os.pipe()
        ends = (theirs_in, theirs_out)
        self._process = subprocess.Popen(
            [*command, *map(str, ends)], pass_fds=ends, stdin=subprocess.DEVNULL
        )
        for end in ends:
            os.close(end)
        info = bundle.manifest.code.library
        assert info is not None
        counts = len(self._signature.inputs), len(self._signature.outputs), info.threads
        asked = threads or asked_threads(info) or 0
        head = _HEAD.pack(*counts, asked, info.workspace_bytes)
        head += info.prefix.encode() + b"\n"
        sent = self._ask(b"F", [])[0]
        # A server that was linked with its library gets the head alone, as one that was sent it.
        alone = bundle.manifest.code.archive or sent > 0
        self._ask(b"L", [head] if alone else [head, bundle.code()])
        if bundle.manifest.code.weights:
            self._ask(b"W", [] if sent > WEIGHTS_SENT else [bundle.weights_file()])
        self._give(self._inputs)

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name; ``inputs`` match the signature."""
        content = self._give(inputs)
        outputs, start = {}, 0
        for spec in self._signature.outputs:
            dtype, shape = carrier(spec.dtype), _shape(spec)
            count = int(np.prod(shape, dtype=np.int64))
            end = start + count * dtype.itemsize
            if end > len(content):
                raise BoardError("the board's outputs are shorter than its bundle lists")
            outputs[spec.name] = np.frombuffer(content[start:end], dtype).reshape(shape)
            start = end
        return outputs

    def time(self, repetitions: int) -> tuple[float, ...]:
        """Milliseconds of each of ``repetitions`` runs, timed on the board."""
        content = self._ask(b"T", [struct.pack("<I", repetitions)])
        return tuple(float(sample) for sample in np.frombuffer(content, "<f8"))

    def time_kernels(self, repetitions: int) -> CallTimes:
        """Milliseconds of every call of a kernel, timed on the board."""
        self._ask(b"O", [])
        return collected(decoded(self._ask(b"O", [])) for _ in range(repetitions))

    def peak_kib(self) -> int | None:
        """The most memory of the board's server that was ever resident, beyond what was before it
        loaded the model; None where the board does not tell."""
        peak, before = _PEAK.unpack(self._ask(b"M", []))
        return peak - before if peak else None

    def last_counts(self) -> tuple[KernelCounts, ...]:
        """What the last run executed, of the whole model; zeros where nobody counts."""
        return (KernelCounts("", Counts(*_COUNTS.unpack(self._ask(b"C", [])))),)

    def count_kernels(self) -> tuple[KernelCounts, ...]:
        """What each kernel executes in a run on the present inputs, in their order."""
        content, found, at = self._ask(b"P", []), [], 0
        while at < len(content):
            *numbers, length = _STEP.unpack_from(content, at)
            at += _STEP.size + length
            name = content[at - length : at].decode(errors="replace")
            found.append(KernelCounts(name, Counts(*numbers)))
        return tuple(found)

    def close(self) -> None:
        """Let the board end: its server stops when nothing more can come."""
        os.close(self._writing)
        os.close(self._reading)
        self._process.wait()

    def _give(self, inputs: Mapping[str, np.ndarray]) -> bytes:
        arrays = [np.ascontiguousarray(inputs[spec.name]) for spec in self._signature.inputs]
        return self._ask(b"R", [array.reshape(-1).view(np.uint8).data for array in arrays])

    def _ask(self, what: bytes, pieces: Iterable[bytes | memoryview]) -> bytes:
        pieces = list(pieces)
        size = len(what) + sum(len(piece) for piece in pieces)
        try:
            for piece in (_LENGTH.pack(size), what, *pieces):
                self._write(memoryview(piece))
            answer = self._read(*_LENGTH.unpack(self._read(_LENGTH.size)))
        except BrokenPipeError as error:
            raise BoardError(_LOST) from error
        if answer[:1] != b"\0":
            raise BoardError(answer[1:].decode(errors="replace"))
        return answer[1:]

    def _write(self, view: memoryview) -> None:
        while view:
            view = view[os.write(self._writing, view) :]

    def _read(self, size: int) -> bytes:
        content = bytearray()
        while len(content) < size:
            chunk = os.read(self._reading, size - len(content))
            if not chunk:
                raise BoardError(_LOST)
            content += chunk
        return bytes(content)


def _shape(spec: TensorSpec) -> tuple[int, ...]:
    return resolve(spec.shape, {})
