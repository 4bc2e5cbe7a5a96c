"""The values that pass between stages: small, frozen, without behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from tvmedge.shapes import Shape, describe


@dataclass(frozen=True)
class TensorSpec:
    """A named tensor: the model's original name, shape, numpy dtype name."""

    name: str
    shape: Shape
    dtype: str

    def __str__(self) -> str:
        return f"{self.name}:{describe(self.shape)} {self.dtype}"


@dataclass(frozen=True)
class Bounds:
    """What sizes a symbol may take, both ends included; no ``high``: any."""

    low: int = 1
    high: int | None = None


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a model, in calling order; ``symbols`` are the open
    dimensions of the inputs, empty for a static model."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    symbols: dict[str, Bounds] = field(default_factory=dict)


@dataclass(frozen=True)
class FixedInput:
    """An input of the model that was given a value when compiling. ``value`` lists
    its elements in C order, None where they are many or not finite numbers;
    ``sha256`` covers their bytes, little-endian."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    value: tuple[bool | int | float, ...] | None
    sha256: str


@dataclass(frozen=True)
class Latency:
    """What a profile measured: ``cold_start_ms`` from opening the bundle to the
    first result, ``samples_ms`` one entry a repetition, timed on the board."""

    cold_start_ms: float
    samples_ms: tuple[float, ...]


@dataclass(frozen=True)
class Counts:
    """What an emulated processor executed. A packet is what Hexagon issues at once, up to four
    instructions; ``vector_instructions`` are those of its vector unit. 0: nobody counts."""

    instructions: int = 0
    packets: int = 0
    vector_instructions: int = 0

    @property
    def vector_share(self) -> float:
        """Of all instructions, those of the vector unit; 0 to 1."""
        return self.vector_instructions / self.instructions if self.instructions else 0.0


PACKETS_IGNORE = "packets ignore stalls, cache and VTCM"
"""Said wherever packets are shown."""


@dataclass(frozen=True)
class KernelCounts:
    """What one call of a kernel executed."""

    kernel: str
    counts: Counts


@dataclass(frozen=True)
class CallTimes:
    """Milliseconds that calls of kernels took: ``kernels`` in their order in a run, and of each
    run its calls' times."""

    kernels: tuple[str, ...]
    runs: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Resident:
    """``kib`` of memory that were resident ``seconds`` after a watch began."""

    seconds: float
    kib: int


class Form(str, Enum):
    """What the code is: TVM's Relax VM enters ``VM`` at function ``main``; ``LIBRARY``
    (of bundles since 1.2) is freestanding C and needs no runtime."""

    VM = "vm"
    LIBRARY = "library"


class Serves(str, Enum):
    """What a board's server runs: bundles of a ``Form``, or a tuner's single kernels."""

    VM = "vm"
    LIBRARY = "library"
    KERNELS = "kernels"


@dataclass(frozen=True)
class CpuKernel:
    """A kernel of a GPU's model that runs on the CPU beside it, and the bytes that its calls in a
    run of the model take to the CPU and back to the GPU, copied where the two share no memory;
    None where only a run knows."""

    name: str
    bytes_to_cpu: int | None
    bytes_to_gpu: int | None


@dataclass(frozen=True)
class GpuTraffic:
    """What one run moves between a GPU and the CPU beside it: bytes that are ``copied`` and bytes
    that both see without a copy (``shared``), and how long moving took, waiting for kernels
    left out. Inputs and outputs of the model are not among them."""

    copied_to_cpu: int
    copied_to_gpu: int
    shared_to_cpu: int
    shared_to_gpu: int
    milliseconds: float


@dataclass(frozen=True)
class KernelCost:
    """What a call of a kernel costs: ``operations`` of arithmetic by element (a multiply-add is
    two), ``moved_bytes`` of all tensors that it reads or writes, each once; None where only a run
    knows. ``rule`` scheduled it, "" where none did."""

    name: str
    rule: str
    operations: int | None
    moved_bytes: int | None


class DeviceKind(str, Enum):
    """What a bundle's kernels run on."""

    CPU = "cpu"
    OPENCL = "opencl"


class Precision(str, Enum):
    """What kernels store and compute in: ``FP32`` as the model says; ``FP16`` keeps what the model
    has in float32 as float16, and sums it in float32; ``FP16_SUMS`` sums convolutions and products
    in float16, too."""

    FP32 = "fp32"
    FP16 = "fp16"
    FP16_SUMS = "fp16-sums"


class Winograd(Enum):
    """Which of Winograd's algorithms a 3x3 convolution may run by, where they are estimated
    to be faster. Largest error of an output beside direct sums, of the largest output:
    ``F2`` 3e-6, ``F4`` 2e-5."""

    OFF = "off"
    F2 = "f2"
    F4 = "f4"


@dataclass(frozen=True)
class Numerics:
    """What may make results differ from the model's own: the algorithms of convolutions, and what
    a GPU's kernels store float32 in."""

    winograd: Winograd = Winograd.F4
    precision: Precision = Precision.FP32
