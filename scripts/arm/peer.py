"""A peer's runtime on the emulated core: ``python peer.py NAME MODEL INPUTS OUTPUTS``

Loads the model, writes its outputs (.npz), says so on a line, then answers each line
N of stdin after N more runs. It is started by file, in a Python that has numpy and the
peer's package and nothing of ours.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tensors = dict[str, NDArray[Any]]


class Peer(ABC):
    """A loaded model, its inputs bound; one thread, float32."""

    @abstractmethod
    def run(self) -> None:
        """One inference; nothing is converted or copied that need not be."""

    @abstractmethod
    def outputs(self) -> Tensors:
        """Arrays by name, after a run."""


class OnnxRuntime(Peer):
    """All optimisations; inputs and outputs bound once."""

    def __init__(self, model: str, inputs: Tensors) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self.session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        self.names = [output.name for output in self.session.get_outputs()]
        self.binding = self.session.io_binding()
        for name, array in inputs.items():
            self.binding.bind_cpu_input(name, array)
        for name in self.names:
            self.binding.bind_output(name, "cpu")

    def run(self) -> None:
        self.session.run_with_iobinding(self.binding)

    def outputs(self) -> Tensors:
        arrays = self.binding.copy_outputs_to_cpu()
        return dict(zip(self.names, arrays, strict=True))


class Ncnn(Peer):
    """As pnnx converts it: ``model`` is the path without .param and .bin."""

    def __init__(self, model: str, inputs: Tensors) -> None:
        import ncnn

        self.net = ncnn.Net()
        options = self.net.opt
        options.num_threads = 1
        # The contest is of float32; a Cortex-A72 has no arithmetic of half precision.
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        options.use_bf16_storage = False
        if self.net.load_param(f"{model}.param") or self.net.load_model(f"{model}.bin"):
            raise SystemExit("ncnn does not load what pnnx made of it")
        self.inputs = {
            f"in{index}": ncnn.Mat(
                array[0] if array.ndim > 1 and len(array) == 1 else array
            ).clone()
            for index, array in enumerate(inputs.values())
        }
        self.names = list(self.net.output_names())
        self.results: dict[str, Any] = {}

    def run(self) -> None:
        extractor = self.net.create_extractor()
        for name, mat in self.inputs.items():
            extractor.input(name, mat)
        for name in self.names:
            status, self.results[name] = extractor.extract(name)
            if status:
                raise SystemExit(f"ncnn cannot compute {name}")

    def outputs(self) -> Tensors:
        return {name: np.array(mat) for name, mat in self.results.items()}


PEERS: dict[str, type[OnnxRuntime] | type[Ncnn]] = {"onnxruntime": OnnxRuntime, "ncnn": Ncnn}


def main(name: str, model: str, inputs: str, outputs: str) -> None:
    """Serve until stdin ends."""
    peer = PEERS[name](model, dict(np.load(inputs)))
    peer.run()
    np.savez(outputs, allow_pickle=False, **peer.outputs())
    print("ready", flush=True)
    for line in sys.stdin:
        for _ in range(int(line)):
            peer.run()
        print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
