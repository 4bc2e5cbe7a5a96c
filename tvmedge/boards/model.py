"""A bundle's model, loaded and ready to run at some place."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

from tvmedge.boards.kernel_times import collected
from tvmedge.boards.places import Place, copied
from tvmedge.boards.runtime import CPU, OPENCL, POOLED, global_function
from tvmedge.bundle import Bundle
from tvmedge.dtypes import carrier
from tvmedge.errors import BoardError, InputError
from tvmedge.shapes import resolve
from tvmedge.tensors.sizes import bind_sizes, default_sizes, resolved
from tvmedge.types import CallTimes, DeviceKind, GpuTraffic, Precision

_MAIN = "main"
_TIME_RUNS = "tvmedge.opencl.time_runs"
_MOVED = "tvmedge.opencl.moved"
_MISFIT = "match_cast error"  # how TVM's VM says that a shape is not the one it must be


class Model:
    """The Relax VM of one bundle, with its weights and inputs bound once.

    Where the VM keeps tensors as they are, a run overwrites the inputs in place;
    a stock RPC server copies what it is given, so there a run binds again.
    """

    def __init__(self, bundle: Bundle, place: Place) -> None:
        self._place = place
        self._signature = bundle.manifest.signature
        if bundle.manifest.code.precision is not Precision.FP32:
            place.require_half()
        # The VM's tensors are views of the bundle's mapped file.
        self._bundle = bundle
        self._code = place.load_bundle(bundle)
        self._start(self._machine())
        self._before_kib = place.peak_kib()
        self._weights = place.weights(bundle)
        self._noted = place.noted(self._vm)
        self._inputs: dict[str, Any] = {}
        self._sizes: dict[str, int] | None = None
        self._resize(default_sizes(self._signature, {}))

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name; ``inputs`` match the signature."""
        sizes = bind_sizes(self._signature, {n: array.shape for n, array in inputs.items()})
        if sizes != self._sizes:
            self._resize(sizes)
        for name, tensor in self._inputs.items():
            self._place.fill(tensor, inputs[name])
        if not self._place.keeps_tensors:
            self._bind()
        try:
            self._invoke(_MAIN)
        except RuntimeError as error:
            if _MISFIT not in str(error):
                raise
            given = ", ".join(f"{name}={size}" for name, size in sizes.items())
            raise InputError(
                f"The model does not take the sizes {given}: dimensions inside of it would not "
                "agree, or not divide evenly."
            ) from error
        return self._outputs()

    def time(self, repetitions: int) -> tuple[float, ...]:
        """Milliseconds of each of ``repetitions`` runs, timed where the model runs.

        One run before them is not counted. From here on no kernel is noted: a machine that notes
        cannot be told to stop, and notes take time. On a GPU a run is what its user waits for,
        not what events tell of kernels alone.
        """
        if self._noted:
            self._start(self._machine())
            self._bind()
            self._noted = False
        device = int(self._place.device.dlpack_device_type())
        if whole_runs := self._on_gpu and self._place.function(_TIME_RUNS):
            whole_runs(True)
        number, repeat, least_ms, zeros, pause_ms, pause_every, flush = (
            1,
            repetitions,
            0,
            1,
            0,
            1,
            0,
        )
        evaluator = global_function("runtime.RPCTimeEvaluator")(
            self._vm,
            "invoke_stateful",
            device,
            0,
            number,
            repeat,
            least_ms,
            zeros,
            pause_ms,
            pause_every,
            flush,
            "",
        )
        seconds = np.frombuffer(bytes(evaluator(_MAIN)), "<f8")
        return tuple(float(value) * 1e3 for value in seconds)

    def time_kernels(self, repetitions: int) -> CallTimes:
        """Milliseconds of every call of the VM, timed where it runs."""
        # A machine of its own: one that is watched stays so.
        watched = self._machine()
        self._place.bind(watched, _MAIN, self._arguments())
        taken = self._place.watch(watched)
        run = watched["invoke_stateful"]
        run(_MAIN)
        taken()

        def once() -> list[tuple[str, float]]:
            run(_MAIN)
            return taken()

        return collected(once() for _ in range(repetitions))

    def traffic(self, repetitions: int) -> GpuTraffic | None:
        """What a run moves between a GPU and the CPU beside it: bytes of one, the median of the
        times; None without a GPU, and on servers that do not tell."""
        moved = self._place.function(_MOVED) if self._on_gpu else None
        if moved is None:
            return None
        self._invoke(_MAIN)
        counts = [_numbers(moved())]
        for _ in range(repetitions):
            self._invoke(_MAIN)
            counts.append(_numbers(moved()))
        *times, last = np.diff(counts, axis=0).tolist()
        to_cpu, to_gpu, seen, written, _ = last
        taken = statistics.median(run[-1] for run in [*times, last]) / 1e6
        return GpuTraffic(to_cpu, to_gpu, seen, written, taken)

    def peak_kib(self) -> int | None:
        """The most memory of the board's server that was ever resident, beyond what was before
        weights came; None where it does not tell."""
        peak, before = self._place.peak_kib(), self._before_kib
        return None if peak is None or before is None else peak - before

    def _machine(self) -> Any:
        """A VM for the model's code."""
        machine = self._code["vm_load_executable"]()
        # Kernels run on the first device, shapes are computed on the CPU.
        devices = (OPENCL, 0, POOLED) if self._on_gpu else ()
        machine["vm_initialization"](*devices, CPU, 0, POOLED)
        return machine

    @property
    def _on_gpu(self) -> bool:
        return self._bundle.manifest.target.device is DeviceKind.OPENCL

    def _start(self, machine: Any) -> None:
        """Run on this VM."""
        self._vm = machine
        self._invoke = machine["invoke_stateful"]
        self._arity = machine["get_output_arity"]
        self._output = machine["get_output"]

    def _resize(self, sizes: dict[str, int]) -> None:
        """Bind zeros of the inputs' shapes with these sizes of the open dimensions."""
        for open_spec in self._signature.inputs:
            spec = resolved(open_spec, sizes)
            shape = resolve(spec.shape, {})
            zeros = np.zeros(shape, carrier(spec.dtype))
            self._inputs[spec.name] = copied(zeros, self._place.device)
        self._sizes = sizes
        self._bind()

    def _bind(self) -> None:
        self._place.bind(self._vm, _MAIN, self._arguments())

    def _arguments(self) -> list[Any]:
        return [*self._inputs.values(), *self._weights]

    def _outputs(self) -> dict[str, np.ndarray]:
        specs = self._signature.outputs
        arity = int(self._arity(_MAIN))
        if arity != len(specs) and not (arity == -1 and len(specs) == 1):
            raise BoardError(f"the model has {arity} outputs where its bundle lists {len(specs)}")
        outputs = {}
        assert self._sizes is not None
        for index, open_spec in enumerate(specs):
            spec = resolved(open_spec, self._sizes)
            tensor: Any = self._output(_MAIN) if arity == -1 else self._output(_MAIN, index)
            dtype = carrier(spec.dtype)
            if tuple(tensor.shape) != spec.shape or str(tensor.dtype) != dtype.name:
                raise BoardError(
                    f"output '{spec.name}' is {tuple(tensor.shape)} {tensor.dtype} where its "
                    f"bundle lists {spec}"
                )
            outputs[spec.name] = self._place.fetch(tensor, dtype)
        return outputs


def _numbers(text: object) -> list[int]:
    return [int(number) for number in str(text).split()]
