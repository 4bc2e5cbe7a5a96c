"""The runtimes as an app would use them: nothing of tvmedge's in the process."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.bench.contestants.base import Array, Contestant
from scripts.bench.contestants.litert import LiteRt
from scripts.bench.contestants.ncnn import Ncnn
from scripts.bench.contestants.sdk import TvmEdgeSdk
from scripts.bench.environments import OURS


class PlainOnnxRuntime(Contestant):
    """onnxruntime by its own Python package."""

    name = "onnxruntime"
    runs_in = OURS

    def prepare(self) -> None:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        self.runtime = onnxruntime

    def load(self, form: Path, inputs: Mapping[str, Array]) -> None:
        options = self.runtime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = self.threads
        providers = ["CPUExecutionProvider"]
        self.session = self.runtime.InferenceSession(str(form), options, providers=providers)
        self.inputs = dict(inputs)

    def run(self) -> Sequence[Array]:
        results: Sequence[Array] = self.session.run(None, self.inputs)
        return results


_ALL: tuple[type[Contestant], ...] = (TvmEdgeSdk, PlainOnnxRuntime, LiteRt, Ncnn)
RUNTIMES = {runtime.name: runtime for runtime in _ALL}
