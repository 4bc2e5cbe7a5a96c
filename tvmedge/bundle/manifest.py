"""What a bundle says about itself: the typed form of ``manifest.json``."""

from __future__ import annotations

from dataclasses import dataclass

from tvmedge.types import (
    CpuKernel,
    DeviceKind,
    FixedInput,
    Form,
    KernelCost,
    Precision,
    Signature,
)

SCHEMA_VERSION = "1.6"
"""Major.minor. A reader takes its own major only; a higher minor may add keys
and files that an older reader of the same major can do without."""


@dataclass(frozen=True)
class ModelInfo:
    """The model a bundle was made from; ``sha256`` is of the ONNX file."""

    name: str
    sha256: str
    licence: str


@dataclass(frozen=True)
class TargetInfo:
    """The device a bundle is for; ``features`` are CPU flags it needs (LLVM names), ``device``
    what its kernels run on (since 1.3)."""

    name: str
    family: str
    triple: str
    cpu: str
    features: tuple[str, ...]
    device: DeviceKind = DeviceKind.CPU


@dataclass(frozen=True)
class LibraryInfo:
    """How to call a freestanding library: ``prefix`` begins its names, a run needs
    ``workspace_bytes`` of memory and uses at most ``threads``."""

    prefix: str
    workspace_bytes: int
    threads: int = 1


@dataclass(frozen=True)
class ProgramInfo:
    """A library linked with our server, for a board that loads none: its path in the bundle, as
    ``CodeInfo.file``, and the hash of the server's sources, which says whose packets it takes."""

    file: str
    server_sha256: str


@dataclass(frozen=True)
class CodeInfo:
    """The compiled model.

    ``file`` is its path in the bundle, ``code/<name>`` of ``[A-Za-z0-9._-]``.
    ``weights`` names the tensors of ``weights.safetensors`` in the order in
    which they follow the inputs as arguments of ``main``; a library reads the whole file.
    ``vm_because`` says why the form is no library. A run takes ``activation_bytes`` on one
    thread for all but inputs, weights and results; no plan could do with less than
    ``activation_bound``; None where only a run knows (all since 1.2). ``precision`` is what kernels
    store float32 in, ``on_cpu`` lists those that a GPU has no rule for (both since 1.4).
    ``kernels`` says what a call of each costs (since 1.5), ``program`` is what an archive was
    linked into (since 1.6).
    """

    file: str
    form: Form
    weights: tuple[str, ...]
    kernels_total: int
    kernels_tuned: int
    library: LibraryInfo | None = None
    vm_because: str = ""
    activation_bytes: int | None = None
    activation_bound: int | None = None
    precision: Precision = Precision.FP32
    on_cpu: tuple[CpuKernel, ...] = ()
    kernels: tuple[KernelCost, ...] = ()
    program: ProgramInfo | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of all code in the bundle, in the order of the zip."""
        return (self.file,) if self.program is None else (self.file, self.program.file)

    @property
    def archive(self) -> bool:
        """Whether the library is to be linked with a program, as its board loads none."""
        return self.file.endswith(".a")


@dataclass(frozen=True)
class CheckInfo:
    """How ``check.safetensors`` was made and how close a board must come.

    ``tolerance`` bounds max(|got - want|) / max(|want|) of every output. ``simulated`` is that
    error where it could only be simulated, of code that was compiled and not executed (since 1.4).
    """

    reference: str
    tolerance: float
    simulated: float | None = None


@dataclass(frozen=True)
class FileInfo:
    """One file beside ``manifest.json``: its path in the zip, size in bytes, hex sha256."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Everything ``manifest.json`` holds.

    ``versions`` maps tool to version (tvm, tvm_ffi, llvm, tvmedge, zig);
    ``records_sha256`` is the hash of the tuning records used, None without any;
    ``files`` lists every file but the manifest, in the order of the zip;
    ``fixed_inputs`` the model's inputs that are constants in the code (since 1.1).
    """

    schema_version: str
    model: ModelInfo
    target: TargetInfo
    signature: Signature
    code: CodeInfo
    check: CheckInfo
    versions: dict[str, str]
    records_sha256: str | None
    files: tuple[FileInfo, ...]
    fixed_inputs: tuple[FixedInput, ...] = ()
