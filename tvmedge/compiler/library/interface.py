"""What a caller of the library sees: names, sizes, how the weights come."""

from __future__ import annotations

from dataclasses import dataclass

from tvmedge.compiler.library.names import identifier, identifiers
from tvmedge.compiler.library.program import Program
from tvmedge.dtypes import carrier
from tvmedge.types import Signature, TensorSpec

_C_TYPES = {
    "bool": "uint8_t",
    "float16": "uint16_t",
    "bfloat16": "uint16_t",
    "float32": "float",
    "float64": "double",
}


@dataclass(frozen=True)
class Member:
    """A tensor that the caller gives or takes: its C name and type, its size in bytes."""

    name: str
    c_type: str
    nbytes: int
    spec: TensorSpec

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes, all of which are known."""
        return tuple(int(size) for size in self.spec.shape)


@dataclass(frozen=True)
class Weights:
    """The file of weights: its size in bytes, hex sha256, and whether it is in the library."""

    nbytes: int
    sha256: str
    embedded: bool


@dataclass(frozen=True)
class Interface:
    """``prefix`` begins every exported name; sizes and ``alignment`` are in
    bytes; ``threads`` is the most that a run uses."""

    prefix: str
    title: str
    inputs: tuple[Member, ...]
    outputs: tuple[Member, ...]
    weights: Weights | None
    workspace: int
    alignment: int
    threads: int = 1

    @property
    def upper(self) -> str:
        """What begins every macro."""
        return self.prefix.upper()

    @property
    def external(self) -> bool:
        """Whether the caller has to give the weights."""
        return self.weights is not None and not self.weights.embedded

    @property
    def members(self) -> tuple[Member, ...]:
        """Inputs, then outputs."""
        return self.inputs + self.outputs


def prefix_of(model: str) -> str:
    """The prefix for a model of this name."""
    return identifier(model).lower()


def members_of(
    signature: Signature, program: Program
) -> tuple[tuple[Member, ...], tuple[Member, ...]]:
    """The inputs and the outputs; one that passes through the model has its name twice."""
    specs = (*signature.inputs, *signature.outputs)
    names = identifiers(spec.name for spec in specs)
    members = tuple(
        Member(name, _c_type(spec.dtype), tensor.nbytes, spec)
        for name, spec, tensor in zip(
            names, specs, (*program.inputs, *program.outputs), strict=True
        )
    )
    count = len(signature.inputs)
    return members[:count], members[count:]


def _c_type(dtype: str) -> str:
    carried = carrier(dtype).name
    return _C_TYPES.get(carried, f"{carried}_t")
