"""What a runtime has to answer to take part.

``convert`` and the rest run in processes of the environment's Python: each file
of this package imports its runtime inside of methods, and nothing of tvmedge at
its top but where the environment is ours.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from scripts.bench.environments import Environment

Array = NDArray[Any]


class RefusedError(Exception):
    """The contestant cannot take the model; the text is what the table shows."""


@dataclass(frozen=True)
class Source:
    """A model as contestants get it: ``model`` as it is listed; ``folded``, the same with
    shapes and values fixed, in a recent opset, without arithmetic on constants, which
    converters want; ``direct`` for those that load ONNX files: ``model``, but ``folded``
    where an input is fixed to a value. ``flags`` bind the inputs for ``tvmedge compile``;
    ``inputs`` is a .npz of what is fed."""

    name: str
    model: Path
    direct: Path
    folded: Path
    inputs: Path
    flags: tuple[str, ...]

    def tensors(self) -> dict[str, Array]:
        """The inputs by name, in the model's order."""
        return dict(np.load(self.inputs))


class Contestant(ABC):
    """A runtime with one model: converted once, then loaded and run in a process of its own."""

    name: ClassVar[str]
    runs_in: ClassVar[Environment]
    converts_in: ClassVar[Environment | None] = None
    """None: it loads the ONNX file as it is."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    @classmethod
    def packages(cls) -> list[str]:
        """What takes part, with versions, as far as it is not ours."""
        environments = {cls.runs_in, cls.converts_in or cls.runs_in}
        return sorted(p for e in environments for p in (*e.packages, *e.alone))

    @classmethod
    def convert(cls, source: Source, folder: Path) -> Path:
        """Make the file in ``folder`` that ``load`` takes.

        What it makes is kept until its packages, the model or this method's text changes.

        Raises:
            RefusedError: it cannot.
        """
        return source.direct

    @abstractmethod
    def prepare(self) -> None:
        """Import the runtime: neither its time nor its memory counts."""

    @abstractmethod
    def load(self, form: Path, inputs: Mapping[str, Array]) -> None:
        """Make the model ready: what a cold start pays for."""

    @abstractmethod
    def run(self) -> Sequence[Array]:
        """Outputs for the inputs given to ``load``, in the model's order."""

    def once(self) -> None:
        """A run as it is timed: outputs stay where the runtime leaves them, if it can."""
        self.run()

    def time(self, repetitions: int) -> list[float]:
        """Milliseconds of each of ``repetitions`` runs."""
        times = []
        for _ in range(repetitions):
            started = time.perf_counter()
            self.once()
            times.append((time.perf_counter() - started) * 1e3)
        return times
