"""OpenVINO: its CPU plugin for latency, in float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scripts.bench.contestants.base import Array, Contestant
from scripts.bench.environments import Environment


class OpenVino(Contestant):
    """Takes the file as it is, with shapes fixed to the inputs'."""

    name = "openvino"
    runs_in = Environment("openvino", ("openvino==2026.4.1",))

    def prepare(self) -> None:
        import openvino

        self.runtime = openvino

    def load(self, form: Path, inputs: Mapping[str, Array]) -> None:
        core = self.runtime.Core()
        network = core.read_model(str(form))
        network.reshape({name: list(array.shape) for name, array in inputs.items()})
        options = {
            "INFERENCE_NUM_THREADS": self.threads,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self.request = core.compile_model(network, "CPU", options).create_infer_request()
        self.inputs = dict(inputs)  # tensors are views of them
        for name, array in self.inputs.items():
            tensor = self.runtime.Tensor(array, shared_memory=True)
            self.request.set_tensor(name, tensor)

    def once(self) -> None:
        self.request.infer(share_outputs=True)

    def run(self) -> Sequence[Array]:
        results = self.request.infer(share_outputs=True)
        return [np.asarray(value) for value in results.values()]
