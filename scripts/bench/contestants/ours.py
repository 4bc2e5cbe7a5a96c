"""tvmedge: a bundle, in the process that a session runs it in."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from scripts.bench.contestants.base import Array, Contestant, RefusedError, Source
from scripts.bench.environments import OURS

if TYPE_CHECKING:
    from tvmedge.boards.library import LibraryModel
    from tvmedge.boards.model import Model
    from tvmedge.bundle import Bundle


class TvmEdge(Contestant):
    """The form that ``compile`` chooses, timed without copies of inputs and outputs."""

    name = "tvmedge"
    runs_in = OURS
    converts_in = OURS
    target: ClassVar[str] = "host"
    options: ClassVar[tuple[str, ...]] = ()
    open: Callable[[Bundle], Model | LibraryModel]

    @classmethod
    def convert(cls, source: Source, folder: Path) -> Path:
        return compiled(source, folder, cls.target, cls.options)

    def prepare(self) -> None:
        os.environ["TVM_NUM_THREADS"] = str(self.threads)
        from tvmedge import bundle
        from tvmedge.boards.here import load_here
        from tvmedge.boards.runtime import load_runtime

        load_runtime()  # at no cost to those that need it
        self.read, self.open = bundle.read_bundle, load_here

    def load(self, form: Path, inputs: Mapping[str, Array]) -> None:
        bundle = self.read(form)
        signature = bundle.manifest.signature
        self.inputs = {spec.name: inputs[spec.name] for spec in signature.inputs}
        self.outputs = [spec.name for spec in signature.outputs]
        self.model = self.open(bundle)

    def run(self) -> Sequence[Array]:
        results = self.model.run(self.inputs)
        return [results[name] for name in self.outputs]

    def time(self, repetitions: int) -> list[float]:
        return list(self.model.time(repetitions))


class TvmEdgeVm(TvmEdge):
    """The same kernels under TVM's VM."""

    name = "tvmedge-vm"
    options = ("--form=vm",)


class TvmEdgeTuned(TvmEdge):
    """With the records of a search (scripts/bench_tuned.py), which makes its form."""

    name = "tvmedge-tuned"


def compiled(source: Source, folder: Path, target: str, options: Sequence[str]) -> Path:
    """The bundle that ``tvmedge compile`` makes in ``folder``.

    Raises:
        RefusedError: it refuses the model.
    """
    command = [sys.executable, "-m", "tvmedge", "compile", str(source.model)]
    command += ["-t", target, "-o", str(folder)]
    done = subprocess.run(
        [*command, f"--check-input={source.inputs}", *options, *source.flags],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()  # TVM's own warnings may come last
        raise RefusedError(([x for x in lines if x.startswith("tvmedge: ")] or lines)[-1])
    return next(folder.glob("*.tvmedge"))
