"""onnxruntime: its CPU provider with all optimisations; every contestant's reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.bench.contestants.base import Array, Contestant
from scripts.bench.environments import OURS


class OnnxRuntime(Contestant):
    """Takes the file as it is."""

    name = "onnxruntime"
    runs_in = OURS

    def prepare(self) -> None:
        from tvmedge.compiler import onnxruntime_session

        self.runtime = onnxruntime_session

    def load(self, form: Path, inputs: Mapping[str, Array]) -> None:
        self.session = self.runtime.OnnxRuntime(str(form), threads=self.threads)
        self.inputs = dict(inputs)
        self.once = self.session.bound(self.inputs)  # type: ignore[method-assign]

    def run(self) -> Sequence[Array]:
        return self.session.run(self.session.outputs, self.inputs)
