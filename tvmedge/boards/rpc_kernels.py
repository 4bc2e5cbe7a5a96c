"""Single kernels on a TVM RPC server: what ``kernel_server.c`` does, by way of TVM's protocol.

``python -m tvmedge.boards.rpc_kernels HOST PORT KEY [SECONDS]`` speaks that program's packets on
stdin and stdout, with ``SECONDS`` on a server of that key which the tracker there lends by then. A
process of its own, because TVM's client waits for ever for a server that hangs.
"""

from __future__ import annotations

import os
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tvmedge.boards.messages import TcpPlace
from tvmedge.boards.pipes import ChannelClosed, Pipes
from tvmedge.boards.places import Place, empty, fetched, open_place, overwrite
from tvmedge.boards.relay.frames import PREAMBLE, PROTOCOL
from tvmedge.boards.runtime import CONNECTION_CLOSED, error_line, global_function, load_runtime
from tvmedge.boards.tracker import Lent, lent

_LENGTH = struct.Struct("<Q")
_FUNCTION = "tvmedge_timed"
_WRITE_S = 60.0


class Kernels:
    """The kernel that is loaded at ``place``, and its tensors, all of bytes."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._module: Any = None
        self._tensors: list[Any] = []
        self.jobs: dict[bytes, Callable[[memoryview], bytes]] = {
            b"L": self._load,
            b"S": self._fill,
            b"G": self._show,
            b"N": lambda job: _LENGTH.pack(0),
            b"T": self._time,
        }

    def _load(self, job: memoryview) -> bytes:
        (count,) = struct.unpack_from("<H", job)
        sizes = struct.unpack_from(f"<{count}Q", job, 2)
        library = bytes(job[2 + 8 * count :]).partition(b"\n")[2]
        self._tensors, self._module = [], None
        self._module = self._place.load(memoryview(library))
        self._tensors = [empty((size,), "uint8", self._place.device) for size in sizes]
        for tensor, size in zip(self._tensors, sizes, strict=True):
            overwrite(tensor, np.zeros(size, np.uint8))
        return _LENGTH.pack(0)  # nobody can tell where it lies

    def _fill(self, job: memoryview) -> bytes:
        (index,) = struct.unpack_from("<H", job)
        tensor = self._tensors[index]
        overwrite(tensor, np.resize(np.frombuffer(job[2:], np.uint8), tuple(tensor.shape)))
        return b""

    def _show(self, job: memoryview) -> bytes:
        (index,) = struct.unpack_from("<H", job)
        return fetched(self._tensors[index], np.dtype(np.uint8)).tobytes()

    def _time(self, job: memoryview) -> bytes:
        repetitions, calls = struct.unpack("<II", job)
        device = self._place.device
        make = global_function("runtime.RPCTimeEvaluator")
        limits = (calls, repetitions, 0, 100, 0, 1, 0, "")
        place = device.dlpack_device_type(), device.index
        evaluate = make(self._module, _FUNCTION, *place, *limits)
        seconds = np.frombuffer(bytes(evaluate(*self._tensors)), "<f8")
        return bytes((seconds * calls * 1e3).tobytes())


def main(arguments: list[str]) -> None:
    """Serve until stdin closes."""
    host, number, key, *seconds = arguments
    pipes = Pipes(os.dup(0), os.dup(1))
    os.dup2(2, 1)  # what libraries print must not reach the answers
    load_runtime()
    try:
        where = Lent(host, int(number), key)
        if seconds:
            where = lent(host, int(number), key, float(seconds[0]))
        place = open_place(TcpPlace(where.host, where.port, where.key, 1))
    except Exception as error:  # of TVM's, whose types say nothing
        sys.exit(error_line(error))
    kernels = Kernels(place)

    def write(content: bytes) -> None:
        pipes.write(memoryview(content), time.monotonic() + _WRITE_S)

    write(PREAMBLE + PROTOCOL + b"\n")
    while True:
        try:
            (size,) = _LENGTH.unpack(pipes.read(_LENGTH.size, None))
        except ChannelClosed:
            break
        job = pipes.read(size, None)
        try:
            answer = b"\0" + kernels.jobs[bytes(job[:1])](job[1:])
        except Exception as error:  # of TVM's, whose types say nothing
            line = error_line(error)
            if line == CONNECTION_CLOSED:
                sys.exit(line)
            answer = b"\1" + line.encode()
        write(_LENGTH.pack(len(answer)) + answer)
    place.close()
    # Not sys.exit: TVM's objects may outlive the libraries that free them.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
