"""onnxruntime: its CPU provider with all optimisations; every contestant's reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
        self.timed: Callable[[], object] = self.session.bound(self.inputs)

    def once(self) -> None:
        self.timed()

    def time(self, repetitions: int) -> list[float]:
        try:
            return super().time(repetitions)
        except RuntimeError:
            # Outputs of another rank than the file declares are refused where they are bound.
            self.timed = self.run
            return super().time(repetitions)

    def run(self) -> Sequence[Array]:
        return self.session.run(self.session.outputs, self.inputs)
