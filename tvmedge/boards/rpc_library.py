"""A bundle's freestanding library on a TVM RPC server, by way of TVM's protocol.

The server gets the library's file, and a small one of ours that loads it and calls it
(``device/rpc_library.c``); memory is tensors of the server's, which are aligned as libraries ask.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tvmedge.boards.library import POOL_BYTES, described
from tvmedge.boards.places import Remote, copied, empty, fetched, overwrite
from tvmedge.boards.runtime import global_function
from tvmedge.bundle import Bundle
from tvmedge.device.build_server import build_rpc_library
from tvmedge.dtypes import carrier
from tvmedge.errors import BoardError, InputError, TrustError
from tvmedge.shapes import resolve
from tvmedge.targeting import target
from tvmedge.types import CallTimes, TensorSpec

_FILE = "library.so"
_OPEN, _RUN, _CLOSE = "tvmedge_open", "tvmedge_run", "tvmedge_close"
_OTHER_WEIGHTS = 3
_REFUSED = {-1: "its loader does not take it", -2: "it is no library of tvmedge's"}


class RpcLibrary:
    """A library that a server beyond an RPC session has loaded, with its memory there."""

    def __init__(self, bundle: Bundle, place: Remote, threads: int | None) -> None:
        """Load it, to run on so many threads; None is as many as TVM's kernels would.

        Raises:
            TrustError: the weights are not the library's.
            BoardError: the server does not load it.
            ToolError: what the server loads cannot be built here.
        """
        info = bundle.manifest.code.library
        assert info is not None
        signature = bundle.manifest.signature
        self._place = place
        caller = build_rpc_library(target(bundle.manifest.target.name).toolchain)
        self._module = place.load(memoryview(caller.read_bytes()))
        self._before_kib = place.peak_kib()
        self._inputs = {spec.name: self._zeros(spec) for spec in signature.inputs}
        self._outputs = {spec.name: (self._zeros(spec), spec) for spec in signature.outputs}
        members = [*self._inputs.values(), *(tensor for tensor, _ in self._outputs.values())]
        if info.threads > 1:
            members.append(self._bytes(np.zeros(POOL_BYTES, np.uint8)))
        if bundle.manifest.code.weights:
            members.append(self._bytes(np.frombuffer(bundle.weights_file(), np.uint8)))
        text = f"{_FILE}\0{info.prefix}\0".encode()
        workspace = empty((max(1, info.workspace_bytes),), "uint8", place.device)
        self._kept = (members, workspace)
        wanted = min(threads or place.threads(), info.threads)
        how = (info.threads, wanted, int(bool(bundle.manifest.code.weights)))
        with place.file(_FILE, bundle.code()):
            code = self._module[_OPEN](
                self._bytes(np.frombuffer(text, np.uint8)), *how, workspace, *members
            )
        if code == _OTHER_WEIGHTS:
            raise TrustError(
                f"The weights of '{bundle.path}' are not those its library was made for: "
                "build the bundle again."
            )
        if code:
            why = _REFUSED.get(code) or described(code)
            raise BoardError(f"the server does not load the library: {why}")

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name; ``inputs`` match the signature."""
        for name, tensor in self._inputs.items():
            overwrite(tensor, inputs[name])
        if code := self._module[_RUN]():
            raise BoardError(f"the library refused its arguments: {described(code)}")
        return {
            name: fetched(tensor, carrier(spec.dtype))
            for name, (tensor, spec) in self._outputs.items()
        }

    def time(self, repetitions: int) -> tuple[float, ...]:
        """Milliseconds of each of ``repetitions`` runs, timed on the server.

        One run before them is not counted.
        """
        device = self._place.device
        where = (device.dlpack_device_type(), device.index)
        make = global_function("runtime.RPCTimeEvaluator")
        evaluate = make(self._module, _RUN, *where, 1, repetitions, 0, 1, 0, 1, 0, "")
        seconds = np.frombuffer(bytes(evaluate()), "<f8")
        return tuple(float(value) * 1e3 for value in seconds)

    def time_kernels(self, repetitions: int) -> CallTimes:
        """Raises InputError: TVM's protocol has no way to hear of kernels."""
        raise InputError(
            "A TVM RPC server does not tell a library's kernels apart: leave --per-op out, or "
            "reach the board by ssh."
        )

    def peak_kib(self) -> int | None:
        """The most memory of the board's server that was ever resident, beyond what was before the
        library came; None where it does not tell."""
        peak, before = self._place.peak_kib(), self._before_kib
        return None if peak is None or before is None else peak - before

    def close(self) -> None:
        """End the library's threads; the server frees the rest with its session."""
        self._module[_CLOSE]()

    def _zeros(self, spec: TensorSpec) -> Any:
        return copied(np.zeros(resolve(spec.shape, {}), carrier(spec.dtype)), self._place.device)

    def _bytes(self, content: np.ndarray) -> Any:
        return copied(content, self._place.device)
