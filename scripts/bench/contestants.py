"""The runtimes compared: each loads a model its own way and runs it on the same inputs.

A contestant lives in a process of its own (``child.py``), which it may fill as it
likes; its packages are imported when it is made.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]


class Contestant(ABC):
    """A loaded model: ``prepare`` imports packages, ``load`` is what a cold start pays for."""

    package: ClassVar[str]

    def __init__(self, threads: int) -> None:
        self.threads = threads

    @abstractmethod
    def prepare(self) -> None:
        """Import the runtime."""

    @abstractmethod
    def load(self, model: Path, bundle: Path, inputs: Tensors) -> None:
        """Make the model ready; ``bundle`` is our compiled form of the ONNX file ``model``."""

    @abstractmethod
    def run(self) -> Tensors:
        """Outputs by name for the inputs given to ``load``."""

    def time(self, repetitions: int) -> list[float]:
        """Milliseconds of each of ``repetitions`` runs."""
        times = []
        for _ in range(repetitions):
            started = time.perf_counter()
            self.run()
            times.append((time.perf_counter() - started) * 1e3)
        return times


class TvmEdge(Contestant):
    """Our bundle, in the process that a session runs it in."""

    package = "tvmedge"

    def prepare(self) -> None:
        os.environ["TVM_NUM_THREADS"] = str(self.threads)
        from tvmedge.boards.runtime import load_runtime

        load_runtime()

    def load(self, model: Path, bundle: Path, inputs: Tensors) -> None:
        from tvmedge.boards.messages import LocalPlace
        from tvmedge.boards.model import Model
        from tvmedge.boards.places import open_place
        from tvmedge.bundle import read_bundle

        opened = read_bundle(bundle)
        self.inputs = {spec.name: inputs[spec.name] for spec in opened.manifest.signature.inputs}
        self.model = Model(opened, open_place(LocalPlace()))

    def run(self) -> Tensors:
        return self.model.run(self.inputs)

    def time(self, repetitions: int) -> list[float]:
        return list(self.model.time(repetitions))


class OnnxRuntime(Contestant):
    """Its CPU provider with all optimisations."""

    package = "onnxruntime"

    def prepare(self) -> None:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        self.runtime = onnxruntime

    def load(self, model: Path, bundle: Path, inputs: Tensors) -> None:
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self.session = self.runtime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        self.names = [output.name for output in self.session.get_outputs()]
        self.inputs = dict(inputs)

    def run(self) -> Tensors:
        return dict(zip(self.names, self.session.run(None, self.inputs), strict=True))


class OpenVino(Contestant):
    """Its CPU plugin for latency, float32, shapes fixed to the inputs'."""

    package = "openvino"

    def prepare(self) -> None:
        import openvino

        self.runtime = openvino

    def load(self, model: Path, bundle: Path, inputs: Tensors) -> None:
        core = self.runtime.Core()
        network = core.read_model(str(model))
        network.reshape({name: list(array.shape) for name, array in inputs.items()})
        options = {
            "INFERENCE_NUM_THREADS": self.threads,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self.request = core.compile_model(network, "CPU", options).create_infer_request()
        self.inputs = dict(inputs)

    def run(self) -> Tensors:
        results = self.request.infer(self.inputs, share_inputs=True, share_outputs=True)
        return {output.get_any_name(): np.asarray(value) for output, value in results.items()}


CONTESTANTS: dict[str, type[Contestant]] = {
    "tvmedge": TvmEdge,
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
}
