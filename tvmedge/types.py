"""The values that pass between stages: small, frozen, without behaviour."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TensorSpec:
    """A named tensor: the model's original name, static shape, numpy dtype name."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.name}:{'x'.join(map(str, self.shape)) or 'scalar'} {self.dtype}"


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a model, in calling order."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True)
class Latency:
    """What a profile measured: ``cold_start_ms`` from opening the bundle to the
    first result, ``samples_ms`` one entry a repetition, timed on the board."""

    cold_start_ms: float
    samples_ms: tuple[float, ...]
