"""A model as a freestanding library, loaded into this process and called through ctypes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tvm
from numpy.typing import NDArray

from tvmedge.bundle import tensorfile
from tvmedge.compiler.library.build import Compiled, Naming, Sources, compile_library
from tvmedge.compiler.library.link import shared_library
from tvmedge.compiler.passes.lift_weights import Lifted, lift_weights
from tvmedge.compiler.pipelines import cpu_kernels, run_phases, vm_lowering
from tvmedge.dtypes import carrier
from tvmedge.model.importer import ImportedModel
from tvmedge.targeting import TargetSpec
from tvmedge.targeting.core import Core, core_of
from tvmedge.types import Signature

Array = NDArray[Any]
POISON = 0xFF  # NaN as floats
ZONE = 4096
"""Bytes before and after every buffer that a run must leave as they are."""


@dataclass(frozen=True)
class Scheduled:
    """A model's kernels, from which both forms are built."""

    lifted: Lifted
    signature: Signature
    spec: TargetSpec

    @property
    def target(self) -> tvm.target.Target:
        return tvm.target.Target(dict(self.spec.tvm))


def scheduled(imported: ImportedModel, spec: TargetSpec, core: Core | None = None) -> Scheduled:
    """An imported model with its kernels scheduled for a target."""
    target = tvm.target.Target(dict(spec.tvm))
    with target, tvm.transform.PassContext(opt_level=3):
        module = run_phases(cpu_kernels(core or core_of(spec)), imported.module)
        return Scheduled(lift_weights(module), imported.signature, spec)


def library_of(model: Scheduled, prefix: str = "model", threads: int = 1) -> Compiled:
    """The model's library, planned and its kernels built."""
    naming = Naming(prefix, "a test", threads)
    return compile_library(model.lifted, model.signature, model.target, naming)


def vm_outputs(model: Scheduled, inputs: Sequence[Array]) -> list[Array]:
    """What TVM's VM computes with the same kernels."""
    return vm_of(model)(inputs)


def vm_of(model: Scheduled) -> Callable[[Sequence[Array]], list[Array]]:
    """The same kernels under TVM's VM."""
    with model.target, tvm.transform.PassContext(opt_level=3):
        lowered = run_phases(vm_lowering(), model.lifted.module)
        executable = tvm.relax.build(lowered, model.target, relax_pipeline=None)
    machine = tvm.relax.VirtualMachine(executable, tvm.cpu())

    def outputs(inputs: Sequence[Array]) -> list[Array]:
        arrays = [*inputs, *model.lifted.weights.values()]
        result = machine["main"](*map(tvm.runtime.tensor, arrays))
        return [one.numpy() for one in ([result] if hasattr(result, "numpy") else result)]

    return outputs


class Buffer:
    """Aligned memory between two red zones."""

    def __init__(self, nbytes: int) -> None:
        self._memory = np.full(nbytes + 2 * ZONE + 64, POISON, np.uint8)
        self._start = -self._memory.ctypes.data % 64 + ZONE
        self.nbytes = nbytes

    @property
    def address(self) -> int:
        return int(self._memory.ctypes.data) + self._start

    @property
    def bytes(self) -> Array:
        return self._memory[self._start : self._start + self.nbytes]

    def fill(self, array: Array) -> Buffer:
        self.bytes[:] = np.array(array, order="C").reshape(-1).view(np.uint8)
        return self

    def zones_are_whole(self) -> bool:
        end = self._start + self.nbytes
        around = np.concatenate([self._memory[: self._start], self._memory[end:]])
        return bool((around == POISON).all())


class Loaded:
    """A linked library in this process."""

    def __init__(self, made: Sources, spec: TargetSpec, folder: Path) -> None:
        self.made = made
        self.path = folder / f"{made.interface.prefix}.so"
        self.path.write_bytes(shared_library(made, spec.toolchain))
        self._library = ctypes.CDLL(str(self.path))
        packed = b"".join(tensorfile.encode(made.weights))
        self.pool: int | None = None
        self.weights = Buffer(len(packed)).fill(np.frombuffer(packed, np.uint8))

    def function(self, name: str, *kinds: Any) -> Any:
        found = self._library[f"{self.made.interface.prefix}_{name}"]
        found.argtypes = kinds
        return found

    def run(self, inputs: Sequence[Array], workspace: Buffer | None = None) -> list[Array]:
        """Outputs of one run in poisoned memory, whose red zones must stay as they were."""
        interface = self.made.interface
        givens = [Buffer(x.nbytes).fill(x) for x in inputs]
        taken = [Buffer(member.nbytes) for member in interface.outputs]
        work = workspace or Buffer(interface.workspace)
        before = [given.bytes.copy() for given in givens]
        addresses: list[int | None] = [buffer.address for buffer in (*givens, *taken)]
        addresses += [self.pool] if interface.threads > 1 else []
        addresses += [self.weights.address] if interface.external else []
        io = (ctypes.c_void_p * len(addresses))(*addresses)
        run = self.function("run", ctypes.c_void_p, ctypes.c_void_p)
        assert run(ctypes.addressof(io), work.address) == 0
        assert all(buffer.zones_are_whole() for buffer in (*givens, *taken, work, self.weights))
        assert all((a == b.bytes).all() for a, b in zip(before, givens, strict=True))
        return [
            buffer.bytes.copy().view(carrier(member.spec.dtype)).reshape(member.shape)
            for buffer, member in zip(taken, interface.outputs, strict=True)
        ]


class Pool:
    """A loaded library's pool of threads, in memory with red zones."""

    def __init__(self, loaded: Loaded, threads: int) -> None:
        self._loaded = loaded
        self._threads = threads
        self.memory = Buffer(4096)
        self._start = loaded.function("pool_start", ctypes.c_void_p, ctypes.c_int)
        self._stop = loaded.function("pool_stop", ctypes.c_void_p)
        self._stop.restype = None

    def never_spins(self) -> None:
        """From now on its threads sleep whenever they wait."""
        self._loaded.function("pool_spin", ctypes.c_void_p, ctypes.c_int)(self.memory.address, 0)

    def __enter__(self) -> Pool:
        assert self._start(self.memory.address, self._threads) == 0
        self._loaded.pool = self.memory.address
        return self

    def __exit__(self, *_: object) -> None:
        self._loaded.pool = None
        self._stop(self.memory.address)
        assert self.memory.zones_are_whole()


def same(ours: Sequence[Array], theirs: Sequence[Array]) -> bool:
    """Whether both are the same to the last bit."""
    return len(ours) == len(theirs) and all(
        a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in zip(ours, theirs, strict=True)
    )
