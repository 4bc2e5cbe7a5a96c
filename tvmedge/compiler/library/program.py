"""A model as a straight line of kernel calls: what the walker finds and the C driver does."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.generic]


class Home(Enum):
    """Whose memory a tensor lies in."""

    INPUT = "the caller's inputs"
    OUTPUT = "the caller's outputs"
    WEIGHT = "the weights' file"
    CONSTANT = "the code"
    WORKSPACE = "the workspace"


@dataclass(frozen=True)
class Tensor:
    """The ``index``-th tensor of its home, in bytes."""

    home: Home
    index: int
    nbytes: int


@dataclass(frozen=True)
class Call:
    """One run of a kernel; ``binding`` is the Relax variable it was found at."""

    kernel: str
    arguments: tuple[Tensor, ...]
    binding: str


@dataclass(frozen=True)
class Copy:
    """An output that is an input, a constant or another output as well."""

    source: Tensor
    output: Tensor


@dataclass(frozen=True)
class Program:
    """``weights`` are names in the order of their indices, ``constants`` their values."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    weights: tuple[str, ...]
    constants: tuple[Array, ...]
    calls: tuple[Call, ...]
    copies: tuple[Copy, ...]
