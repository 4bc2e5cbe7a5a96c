"""LiteRT with XNNPACK: models converted by onnx2tf, in float32."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scripts.bench.contestants.base import Array, Contestant, RefusedError, Source
from scripts.bench.environments import Environment


class LiteRt(Contestant):
    """Inputs keep ONNX's layout; the conversion chooses the layouts between."""

    name = "litert"
    runs_in = Environment("litert", ("ai-edge-litert==2.3.0", "numpy==2.4.6"))
    converts_in = Environment("onnx2tf", ("onnx2tf==1.29.24",))

    @classmethod
    def convert(cls, source: Source, folder: Path) -> Path:
        tool, names = Path(sys.executable).with_name("onnx2tf"), list(source.tensors())
        with tempfile.TemporaryDirectory(prefix="tvmedge-litert-") as made:
            # -dsm: or it runs every layer in several layouts, for many minutes a model.
            command: list[str | Path] = [tool, "-i", source.folded, "-o", made]
            done = subprocess.run(
                [*command, "-coion", "-n", "-dsm", "-kat", *names],
                cwd=made,
                capture_output=True,
                text=True,
                check=False,
            )
            # It makes a SavedModel and a float16 form as well.
            files = sorted(Path(made).glob("*_float32.tflite"))
            if done.returncode or not files:
                raise RefusedError(_reason(done.stdout + done.stderr))
            return Path(shutil.move(files[0], folder / "model.tflite"))

    def prepare(self) -> None:
        from ai_edge_litert import interpreter

        self.runtime = interpreter

    def load(self, form: Path, inputs: Mapping[str, Array]) -> None:
        model = self.runtime.Interpreter(model_path=str(form), num_threads=self.threads)
        model.allocate_tensors()
        details = {_plain(detail["name"]): detail for detail in model.get_input_details()}
        if len(details) != len(inputs):
            raise RefusedError("the converted model has other inputs")
        for position, (name, given) in enumerate(inputs.items()):
            array = given
            detail = details.get(_plain(name), list(details.values())[position])
            if tuple(detail["shape"]) != array.shape:  # the conversion moved channels to the end
                array = np.moveaxis(array, 1, -1)
            model.set_tensor(detail["index"], array.astype(detail["dtype"]))
        self.model, self.outputs = model, [d["index"] for d in model.get_output_details()]

    def once(self) -> None:
        self.model.invoke()

    def run(self) -> Sequence[Array]:
        self.once()
        return [np.asarray(self.model.get_tensor(index)) for index in self.outputs]


def _plain(name: str) -> str:
    """Without what TensorFlow adds to a name, or replaces in it."""
    name = name.removeprefix("serving_default_").split(":")[0]
    return "".join(c if c.isalnum() else "_" for c in name)


def _reason(text: str) -> str:
    """The converter's own sentence among all that it prints."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line or "ERROR" in line]
    return (errors or lines or ["onnx2tf said nothing"])[-1]
